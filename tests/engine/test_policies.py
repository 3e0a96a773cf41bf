"""A deliberate fault stops preview and up alike, the one that only up could know included."""

import re
from collections import Counter

import pytest

from cli.policy_packs import policy_pack_options
from tests.engine.conftest import ROOT, Stack

HEAD = """
import json
import pulumi_aws as aws

from lib.documents.boundary import boundary_policy
from lib.naming import Target

target = Target(
    partition="aws", dns_suffix="amazonaws.com", region="us-east-1", account_id="123456789012", zones=("a", "b")
)
bound = "arn:aws:iam::123456789012:policy/mlplatform/mlplatform-boundary"
boundary = aws.iam.Policy(
    "boundary",
    name="mlplatform-boundary",
    path="/mlplatform/",
    policy=boundary_policy(target, arn=bound, role_path="/mlplatform/", regions=[]),
)
trust = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }]
}


def a_role(name, **more):
    given = {"path": "/mlplatform/", "permissions_boundary": bound, "assume_role_policy": json.dumps(trust), **more}
    return aws.iam.Role(name, name=f"mlplatform-{name}", **given)


role = a_role("role")


def grant(action, resource, **more):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


"""
JOBS = "arn:aws:sagemaker:us-east-1:123456789012:training-job/mlplatform-*"
OWN_ROLES = "arn:aws:iam::123456789012:role/mlplatform/*"
FAULTS: dict[str, tuple[str, list[str]]] = {
    "each in a resource of its own": (
        # A wildcard grant; a role without boundary; a boundary that can be taken off; a port open to the world, in a
        # group and beside it; a public database; a notebook with root.
        """
aws.iam.RolePolicy("p", role=role.name, policy=grant("s3:*", "*"))
a_role("bare", permissions_boundary=None)
aws.iam.Policy("weak-boundary", name="mlplatform-weak", policy=grant("iam:*", "*"))
ssh = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}
aws.ec2.SecurityGroup("open", ingress=[ssh])
g = aws.ec2.SecurityGroup("g", description="ours")
aws.vpc.SecurityGroupIngressRule(
    "r", security_group_id=g.id, ip_protocol="tcp", from_port=443, to_port=443, cidr_ipv4="0.0.0.0/0"
)
aws.rds.Instance(
    "d",
    identifier="d",
    engine="postgres",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    username="u",
    manage_master_user_password=True,
    storage_encrypted=True,
    publicly_accessible=True,
)
aws.sagemaker.NotebookInstance("n", name="n", role_arn=role.arn, instance_type="ml.t3.medium")
""",
        ["CP06", "DP02", "LP01", "NW01", "NW01", "PB01", "PB03"],
    ),
    "an escalation that only two documents together make": (
        f'''
aws.iam.RolePolicy("a", role=role.name, policy=grant("sagemaker:CreateTrainingJob", "{JOBS}"))
passing = {{"StringEquals": {{"iam:PassedToService": "sagemaker.amazonaws.com"}}}}
aws.iam.RolePolicy("b", role=role.name, policy=grant("iam:PassRole", "{OWN_ROLES}", Condition=passing))
''',
        ["LP06"],
    ),
    "a grant that is unknown at preview": (
        'aws.iam.RolePolicy("p", role=role.name, policy=role.arn.apply(lambda arn: grant("s3:*", arn)))',
        ["LP15"],
    ),
}


def _program(stack: Stack, body: str) -> None:
    main = stack.folder / "__main__.py"
    main.unlink()
    main.write_text(HEAD + body + "\n")


def _stopped_by(stack: Stack, *command: str) -> list[str]:
    """Ids of the mandatory rules that a command failed by, sorted, one for each violation."""
    packs = policy_pack_options(ROOT)
    code, output = stack.engine.capture(*command, "--stack", stack.name, "--non-interactive", *packs)
    assert code != 0, f"{command[0]} let it through"
    return sorted(re.findall(r"\[mandatory\].*?\b([A-Z]{2}\d{2})-", output))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_preview_and_up_by_the_same_rules(stack: Stack, fault: str) -> None:
    body, rules = FAULTS[fault]
    _program(stack, body)
    at_preview = _stopped_by(stack, "preview")
    assert not Counter(rules) - Counter(at_preview), at_preview
    at_up = _stopped_by(stack, "up", "--yes", "--skip-preview")
    if rules == ["LP15"]:  # what was unknown is known at up, where the rules for its content speak
        assert "LP01" in at_up
    else:
        # An update ends at the first fault, so it may name fewer.
        assert at_up
        assert set(at_up) <= set(at_preview)


def test_a_program_without_fault_passes(stack: Stack) -> None:
    bucket = 'grant("s3:GetObject", "arn:aws:s3:::bucket/reports/*")'
    _program(stack, f'aws.iam.RolePolicy("p", role=role.name, policy={bucket})')
    stack.up()
