"""A deliberate fault stops preview and up alike, the one that only up could know included."""

import pytest

from cli.policy_packs import policy_pack_options
from tests.engine.conftest import ROOT, Stack

HEAD = """
import json
import pulumi_aws as aws

trust = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }]
}
role = aws.iam.Role("role", name="role", assume_role_policy=json.dumps(trust))


def grant(action, resource):
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


"""
FAULTS = {
    "a wildcard grant": ('aws.iam.RolePolicy("p", role=role.name, policy=grant("s3:*", "*"))', "LP01"),
    "a grant that is unknown at preview": (
        'aws.iam.RolePolicy("p", role=role.name, policy=role.arn.apply(lambda arn: grant("s3:*", arn)))',
        "LP15",
    ),
    "a public database": (
        'aws.rds.Instance("d", identifier="d", engine="postgres", instance_class="db.t4g.micro", allocated_storage=20,'
        ' username="u", manage_master_user_password=True, storage_encrypted=True, publicly_accessible=True)',
        "DP02",
    ),
}


def _program(stack: Stack, body: str) -> None:
    main = stack.folder / "__main__.py"
    main.unlink()
    main.write_text(HEAD + body + "\n")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_preview_and_up(stack: Stack, fault: str) -> None:
    body, rule = FAULTS[fault]
    _program(stack, body)
    packs = policy_pack_options(ROOT)
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        code, output = stack.engine.capture(*command, "--stack", stack.name, "--non-interactive", *packs)
        assert code != 0, f"{command[0]} let {fault} through"
        # What is unknown at preview is known at up, where the rule for its content speaks.
        assert rule in output or (command[0] == "up" and "LP01" in output)


def test_a_program_without_fault_passes(stack: Stack) -> None:
    bucket = 'grant("s3:GetObject", "arn:aws:s3:::bucket/reports/*")'
    _program(stack, f'aws.iam.RolePolicy("p", role=role.name, policy={bucket})')
    stack.up()
