"""The platform's own boundary: what it lets through, what it never does, and that nobody can take it off."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pytest

from components.base import Boundary
from components.permissions_boundary import with_boundary
from lib.documents.boundary import MANAGED_POLICY_LIMIT, SERVICES, boundary_policy
from lib.naming import Target
from tests.unit.iam_evaluator import allowed

TARGET = Target(
    partition="aws", dns_suffix="amazonaws.com", region="eu-central-1", account_id="123456789012", zones=("a", "b")
)
ARN = "arn:aws:iam::123456789012:policy/mlplatform/mlplatform-dev-boundary"
ROLE = "arn:aws:iam::123456789012:role/mlplatform/task"
OTHER_ROLE = "arn:aws:iam::123456789012:role/admin"
BUCKET = "arn:aws:s3:::models/run/model.bin"
HOME = {"aws:RequestedRegion": "eu-central-1", "aws:ResourceAccount": "123456789012"}


def policy(*, regions: Sequence[str] = (), extra_arns: Sequence[str] = ()) -> str:
    return boundary_policy(TARGET, arn=ARN, role_path="/mlplatform/", regions=regions, extra_arns=extra_arns)


BOUND = {**HOME, "iam:PermissionsBoundary": ARN}
LET_THROUGH = {
    "an object of this account": ("s3:GetObject", BUCKET, HOME),
    "a request that names no resource": (
        "ecr:GetAuthorizationToken",
        "*",
        {"aws:RequestedRegion": "eu-central-1"},
    ),
    "handing a role of the platform on": ("iam:PassRole", ROLE, {"aws:RequestedRegion": "us-east-1"}),
}
REFUSED = {
    "an object of another account": ("s3:GetObject", BUCKET, {**HOME, "aws:ResourceAccount": "210987654321"}),
    "another region": ("s3:GetObject", BUCKET, {**HOME, "aws:RequestedRegion": "us-west-2"}),
    "a service the platform does not use": ("lightsail:CreateInstances", "*", HOME),
    "handing on a role outside the path": ("iam:PassRole", OTHER_ROLE, HOME),
    "taking a role's boundary off": ("iam:DeleteRolePermissionsBoundary", ROLE, BOUND),
    "taking a user's boundary off": ("iam:DeleteUserPermissionsBoundary", "arn:aws:iam::123456789012:user/a", BOUND),
    "putting another boundary": ("iam:PutRolePermissionsBoundary", ROLE, {**HOME, "iam:PermissionsBoundary": "x"}),
    "a role without boundary": ("iam:CreateRole", ROLE, HOME),
    "a new version of the boundary": ("iam:CreatePolicyVersion", ARN, HOME),
    "an old version of the boundary": ("iam:SetDefaultPolicyVersion", ARN, HOME),
    "deleting the boundary": ("iam:DeletePolicy", ARN, HOME),
    "changing a role outside the path": ("iam:PutRolePolicy", OTHER_ROLE, BOUND),
    "changing the trust of a role outside the path": ("iam:UpdateAssumeRolePolicy", OTHER_ROLE, BOUND),
    "a user": ("iam:CreateUser", "arn:aws:iam::123456789012:user/a", BOUND),
    "a key": ("iam:CreateAccessKey", "arn:aws:iam::123456789012:user/a", BOUND),
    "a password": ("iam:UpdateLoginProfile", "arn:aws:iam::123456789012:user/a", BOUND),
    "an identity provider": ("iam:CreateOpenIDConnectProvider", "*", BOUND),
    "the organization": ("organizations:LeaveOrganization", "*", HOME),
    "the account": ("account:PutContactInformation", "*", HOME),
}


@pytest.mark.parametrize("case", LET_THROUGH)
def test_it_lets_the_platform_work(case: str) -> None:
    assert allowed(policy(), *LET_THROUGH[case])


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses(case: str) -> None:
    assert not allowed(policy(), *REFUSED[case])


GRANT_ALL = {"Sid": "All", "Effect": "Allow", "Action": ["*"], "Resource": ["*"]}


@pytest.mark.parametrize(
    "case",
    [case for case in REFUSED if case not in ("an object of another account", "a service the platform does not use")],
)
def test_it_would_still_refuse_if_it_allowed_everything(case: str) -> None:
    wide = json.loads(policy())
    wide["Statement"].append(GRANT_ALL)
    assert not allowed(json.dumps(wide), *REFUSED[case])


def test_further_regions_and_arns_are_let_through() -> None:
    elsewhere = {**HOME, "aws:ResourceAccount": "210987654321"}
    shared = policy(extra_arns=["arn:aws:s3:::models/*"], regions=["us-west-2"])
    assert allowed(shared, "s3:GetObject", BUCKET, {**elsewhere, "aws:RequestedRegion": "us-west-2"})
    assert not allowed(shared, "s3:GetObject", "arn:aws:s3:::other/x", elsewhere)


def test_what_iam_would_refuse_for_its_size_is_refused_before_it_exists() -> None:
    room = MANAGED_POLICY_LIMIT - len(policy(extra_arns=["arn:aws:s3:::"]))
    assert room > 3000, "the platform's own services leave room"
    assert len(policy(extra_arns=["arn:aws:s3:::" + "b" * room])) == MANAGED_POLICY_LIMIT
    with pytest.raises(ValueError, match=r"mlplatform:iam\.boundaryExtraArns: .* 6145 characters"):
        policy(extra_arns=["arn:aws:s3:::" + "b" * (room + 1)])


def test_no_service_stands_twice() -> None:
    assert sorted(set(SERVICES)) == list(SERVICES)


def arguments(type_: str, **props: Any) -> pulumi.ResourceTransformArgs:
    return pulumi.ResourceTransformArgs(
        custom=True, type_=type_, name="task", props=props, opts=pulumi.ResourceOptions(protect=True)
    )


@pytest.mark.parametrize("type_", ["aws:iam/role:Role", "aws:iam/user:User"])
def test_what_comes_without_a_boundary_gets_it_and_keeps_all_else(type_: str) -> None:
    result = with_boundary(arguments(type_, path="/a/"), Boundary(arn=ARN))
    assert result is not None
    assert result.props == {"path": "/a/", "permissionsBoundary": ARN}
    assert result.opts.protect is True


def test_what_has_it_and_what_needs_none_is_left_alone() -> None:
    assert with_boundary(arguments("aws:iam/role:Role", permissionsBoundary=ARN), Boundary(arn=ARN)) is None
    assert with_boundary(arguments("aws:s3/bucket:Bucket"), Boundary(arn=ARN)) is None


def test_another_boundary_gives_way_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    other = "arn:aws:iam::123456789012:policy/mine"
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    result = with_boundary(arguments("aws:iam/role:Role", permissionsBoundary=other), Boundary(arn=ARN))
    assert result is not None
    assert result.props["permissionsBoundary"] == ARN
    assert warnings == [f"task: gets the stack's boundary {ARN}; leave permissionsBoundary out"]
