"""No role can be made without the boundary: neither a bare one, nor those that a component of awsx makes inside."""

import json

from tests.engine.conftest import Stack

PROGRAM = """
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.base import Deployment
from components.permissions_boundary import bounded
from settings.iam import IamSettings
from settings.protection import ProtectionSettings

deployment = bounded(Deployment.current(environment="local", tags={}, protection=ProtectionSettings()), IamSettings())
awsx.ecs.FargateTaskDefinition(
    "inside", container={"name": "web", "image": "nginx:1.28.0", "cpu": 256, "memory": 512, "essential": True}
)
"""
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
        ],
    }
)
BARE = f"aws.iam.Role('bare', name='bare', assume_role_policy={TRUST!r})\n"
OTHER = BARE.replace("name='bare'", "name='bare', permissions_boundary='arn:aws:iam::aws:policy/AdministratorAccess'")


def _program(stack: Stack, text: str) -> None:
    main = stack.folder / "__main__.py"
    main.unlink()
    main.write_text(text)


def test_what_makes_roles_of_its_own_has_them_bounded(stack: Stack) -> None:
    _program(stack, PROGRAM + BARE)
    stack.run("up", "--yes", "--skip-preview")
    iam = stack.client("iam")
    (boundary,) = iam.list_policies(Scope="Local")["Policies"]
    roles = [iam.get_role(RoleName=role["RoleName"])["Role"] for role in iam.list_roles()["Roles"]]
    assert len(roles) == 3, "the bare one, awsx's execution role and its task role"
    for role in roles:
        assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary["Arn"], role["Arn"]
    document = iam.get_policy_version(PolicyArn=boundary["Arn"], VersionId=boundary["DefaultVersionId"])
    assert "NoOtherBoundary" in json.dumps(document["PolicyVersion"]["Document"])
    assert "unchanged" in stack.run("preview", "--expect-no-changes")
    stack.run("destroy", "--yes")
    assert stack.residue() == {}


def test_another_boundary_gives_way_with_a_warning(stack: Stack) -> None:
    _program(stack, PROGRAM + OTHER)
    output = stack.run("up", "--yes", "--skip-preview")
    assert "bare: gets the stack's boundary arn:aws:iam::123456789012:policy/mlplatform/" in output
    role = stack.client("iam").get_role(RoleName="bare")["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"].startswith("arn:aws:iam::123456789012:policy/")
