"""Each rule of permissions_boundary with programs that pass, fail and are unknown."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from policies.framework.judge import judge_resource, judge_stack
from policies.framework.resource import Graph
from policies.framework.rule import Settings
from policies.framework.runner import UNKNOWN, PlannedResource, evaluate_rules, rules
from tests.unit.policies.harness import (
    ACCOUNT,
    ROLE,
    ROLE_POLICY,
    allow,
    document,
    identity,
    inline,
    judged,
    messages,
    planned,
    urn,
)

USER, POLICY = "aws:iam/user:User", "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
IAM = f"arn:aws:iam::{ACCOUNT}:"
OWN, OTHER = f"{IAM}policy/mlplatform/boundary", f"{IAM}policy/mlplatform/other"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ROLES, POLICIES = f"{IAM}role/mlplatform/*", f"{IAM}policy/mlplatform/*"
CORPORATE = f"{IAM}policy/corporate/boundary"

EVERYTHING_OF_IAM = allow("iam:*", "*")
CREATES = allow("iam:CreateRole", ROLES)
SERVICES = allow(["s3:*", "sagemaker:*"], "*")


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def when(operator: str, value: Any = OWN, key: str = "iam:PermissionsBoundary") -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


def boundary(*statements: Mapping[str, Any], **changed: Any) -> PlannedResource:
    """One that its name gives away."""
    props: dict[str, Any] = {"name": "boundary", "path": "/mlplatform/", "policy": document(*statements), **changed}
    return planned(POLICY, "boundary", **props)


def limits(*statements: Mapping[str, Any], **changed: Any) -> PlannedResource:
    """One that only its use makes a boundary."""
    props: dict[str, Any] = {"name": "limits", "path": "/mlplatform/", "policy": document(*statements), **changed}
    return planned(POLICY, "limits", **props)


LIMITS = f"{IAM}policy/mlplatform/limits"


def bounded(arn: Any = LIMITS, type_: str = ROLE, called: str = "bounded", **more: Any) -> PlannedResource:
    return planned(type_, called, permissionsBoundary=arn, **more)


def role(**props: Any) -> PlannedResource:
    return planned(ROLE, "role", **props)


def of_account(resource: PlannedResource, account: str) -> PlannedResource:
    return replace(resource, provider={"allowedAccountIds": f'["{account}"]'})


REMOVALS = ["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"]
VERSIONS = ["iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion"]
PUTS = ["iam:CreateRole", "iam:CreateUser", "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"]
TLS = {"Bool": {"aws:SecureTransport": "false"}}
LIMITED = {"permissionsBoundary": [urn(POLICY, "limits")]}

Resources = tuple[PlannedResource, ...]

PASSING: dict[str, tuple[str, Resources]] = {
    "PB01 a policy of the program, by ARN": ("PB01", (bounded(), limits(SERVICES))),
    "PB01 a user": ("PB01", (bounded(type_=USER), limits(SERVICES))),
    "PB01 a policy without path": (
        "PB01",
        (bounded(f"{IAM}policy/limits"), planned(POLICY, "limits", name="limits", policy=document(SERVICES))),
    ),
    "PB01 the ARN of a policy of the program, unknown": ("PB01", (bounded(UNKNOWN, deps=LIMITED), limits(SERVICES))),
    "PB01 the ARN of a policy whose name comes with the update": (
        "PB01",
        (bounded(UNKNOWN, deps=LIMITED), limits(SERVICES, name=UNKNOWN)),
    ),
    "PB02 the boundary, exact": ("PB02", (identity({**CREATES, **when("StringEquals")}), boundary(SERVICES))),
    "PB02 as an ARN": ("PB02", (identity({**CREATES, **when("ArnEquals")}), boundary(SERVICES))),
    "PB02 an action that accepts no boundary": ("PB02", (identity(allow("iam:CreatePolicy", POLICIES)),)),
    "PB02 a read": ("PB02", (identity(allow("iam:GetRole", ROLES)),)),
    "PB02 a wildcard on policies alone": ("PB02", (identity(allow("iam:Create*", POLICIES)),)),
    "PB02 a Deny": ("PB02", (identity(deny("iam:*")),)),
    "PB02 what a boundary allows": ("PB02", (boundary(EVERYTHING_OF_IAM),)),
    "PB03 denied on everything": ("PB03", (boundary(EVERYTHING_OF_IAM, deny(REMOVALS)),)),
    "PB03 denied on each kind": (
        "PB03",
        (
            boundary(
                EVERYTHING_OF_IAM,
                deny("iam:DeleteRolePermissionsBoundary", f"{IAM}role/*"),
                deny("iam:DeleteUser*", "arn:*:iam::*:user/*"),
            ),
        ),
    ),
    "PB03 denied with all that is not listed": (
        "PB03",
        (boundary(EVERYTHING_OF_IAM, {"Effect": "Deny", "NotAction": ["s3:*", "iam:Get*"], "Resource": "*"}),),
    ),
    "PB03 denied on all but objects": (
        "PB03",
        (boundary(EVERYTHING_OF_IAM, {"Effect": "Deny", "Action": REMOVALS, "NotResource": "arn:aws:s3:::b/*"}),),
    ),
    "PB03 never allowed": ("PB03", (boundary(SERVICES),)),
    "PB03 allowed on policies alone": ("PB03", (boundary(allow("iam:*", POLICIES)),)),
    "PB03 a policy that bounds nobody": ("PB03", (limits(EVERYTHING_OF_IAM),)),
    "PB04 denied on itself": ("PB04", (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OWN)),)),
    "PB04 denied on itself in its own account": (
        "PB04",
        (of_account(boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OWN)), ACCOUNT),),
    ),
    "PB04 denied on itself in any account": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, "arn:*:iam::*:policy/mlplatform/boundary")),),
    ),
    "PB04 denied on its path": ("PB04", (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, POLICIES)),)),
    "PB04 denied on its path, its name unknown": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, POLICIES), name=UNKNOWN),),
    ),
    "PB04 denied on whatever begins like it": (
        "PB04",
        (
            boundary(
                EVERYTHING_OF_IAM, deny(VERSIONS, f"{IAM}policy/mlplatform/limit*"), name=None, namePrefix="limits-"
            ),
        ),
    ),
    "PB04 never allowed": ("PB04", (boundary(SERVICES),)),
    "PB04 allowed on others alone": ("PB04", (boundary(allow("iam:*", [f"{IAM}policy/mlplatform/grants-*", ROLES])),)),
    "PB05 denied but with itself": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotEquals"))),),
    ),
    "PB05 denied but with its ARN": ("PB05", (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("ArnNotEquals"))),)),
    "PB05 denied but with what is like it": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotLike"))),),
    ),
    "PB05 denied outright": ("PB05", (boundary(EVERYTHING_OF_IAM, deny(["iam:Put*Boundary", "iam:Create*"])),)),
    "PB05 allowed only with itself": (
        "PB05",
        (
            boundary(
                SERVICES, allow(["iam:CreateRole", "iam:PutRolePermissionsBoundary"], ROLES, **when("StringEquals"))
            ),
        ),
    ),
    "PB05 never allowed": ("PB05", (boundary(SERVICES),)),
    "PB06 below the project's path": (
        "PB06",
        (identity(allow(["iam:CreatePolicy", "iam:CreatePolicyVersion"], POLICIES)), boundary(SERVICES, path="/")),
    ),
    "PB06 without the boundary, by a Deny": (
        "PB06",
        (identity(allow("iam:CreatePolicy*", POLICIES), deny(VERSIONS, OWN)), boundary(SERVICES)),
    ),
    "PB06 new policies beside the boundary": (
        "PB06",
        (identity(allow("iam:CreatePolicy", POLICIES)), boundary(SERVICES)),
    ),
    "PB06 attaching policies of the project": (
        "PB06",
        (identity(allow("iam:AttachRolePolicy", ROLES, **when("ArnLike", POLICIES, "iam:PolicyARN"))),),
    ),
    "PB06 attaching one policy of AWS": (
        "PB06",
        (identity(allow("iam:AttachRolePolicy", ROLES, **when("ArnEquals", ADMINISTRATOR, "iam:PolicyARN"))),),
    ),
    "PB06 a wildcard on roles alone": ("PB06", (identity(allow("iam:Create*", ROLES)),)),
    "PB06 roles beside the policies": (
        "PB06",
        (identity(allow(["iam:CreatePolicy", "iam:GetRole"], [POLICIES, ROLES])),),
    ),
    "PB06 what a boundary allows": ("PB06", (boundary(allow("iam:CreatePolicyVersion", POLICIES)),)),
    "PB06 detaching": ("PB06", (identity(allow("iam:DetachRolePolicy", ROLES)),)),
    "PB07 the project's path": ("PB07", (role(path="/mlplatform/"),)),
    "PB07 below the project's path": ("PB07", (role(path="/mlplatform/batch/", name=UNKNOWN),)),
    "PB08 services": ("PB08", (boundary(SERVICES, allow(["iam:PassRole", "iam:GetUser"], "*")),)),
    "PB08 IAM on roles alone": ("PB08", (boundary(allow("iam:*", f"{IAM}role/*")),)),
    "PB08 IAM without users and groups": ("PB08", (boundary(EVERYTHING_OF_IAM, deny(["iam:*"])),)),
    "PB08 IAM without users and groups, each by its ARN": (
        "PB08",
        (boundary(EVERYTHING_OF_IAM, deny("iam:*", ["arn:aws:iam::*:user/*", "arn:aws:iam::*:group/*"])),),
    ),
    "PB08 organizations, denied": ("PB08", (boundary(allow(["organizations:*"], "*"), deny("organizations:*")),)),
    "PB09 nothing ignored": ("PB09", (role(path="/"),)),
    "PB09 tags ignored": ("PB09", (replace(role(), ignore_changes=("tags", "description")),)),
    "PB09 the document of a grant ignored": ("PB09", (replace(limits(SERVICES), ignore_changes=("policy",)),)),
    "PB10 a grant within the boundary": (
        "PB10",
        (
            bounded(inlinePolicies=[{"policy": document(allow("s3:GetObject"))}]),
            limits(SERVICES),
        ),
    ),
    "PB10 what is denied on some resources": (
        "PB10",
        (
            bounded(inlinePolicies=[{"policy": document(allow("s3:GetObject"))}]),
            limits(SERVICES, deny("s3:GetObject", "arn:aws:s3:::other/*"), deny("s3:*", Condition=TLS)),
        ),
    ),
    "PB10 a boundary elsewhere": (
        "PB10",
        (bounded(CORPORATE, inlinePolicies=[{"policy": document(allow("s3:GetObject"))}]),),
    ),
}

FAILING: dict[str, tuple[str, Resources, str]] = {
    "PB01 no boundary": ("PB01", (role(),), "it has no permissionsBoundary"),
    "PB01 an empty one": ("PB01", (role(permissionsBoundary=""),), "it has no permissionsBoundary"),
    "PB01 a user without": ("PB01", (planned(USER),), "it has no permissionsBoundary"),
    "PB01 a policy of AWS": ("PB01", (bounded(ADMINISTRATOR),), "AdministratorAccess', which no program can make"),
    "PB01 what is no policy": ("PB01", (bounded(f"{IAM}role/limits"), limits(SERVICES)), "which no program can make"),
    "PB01 a policy of nobody": ("PB01", (bounded(OTHER), limits(SERVICES)), "neither a policy of the program nor in"),
    "PB01 the name on another path": (
        "PB01",
        (bounded(f"{IAM}policy/limits"), limits(SERVICES)),
        "neither a policy of the program nor in",
    ),
    "PB01 unknown, from nowhere": ("PB01", (bounded(UNKNOWN), limits(SERVICES)), "'permissionsBoundary' is unknown"),
    "PB01 unknown, from what is no policy": (
        "PB01",
        (bounded(UNKNOWN, deps={"permissionsBoundary": [urn(ROLE, "role")]}), bounded(called="role"), limits(SERVICES)),
        "'permissionsBoundary' is unknown",
    ),
    "PB02 no condition": ("PB02", (identity(CREATES),), "iam:CreateRole without StringEquals"),
    "PB02 a condition that an absent key passes": (
        "PB02",
        (identity({**CREATES, **when("StringEqualsIfExists")}), boundary(SERVICES)),
        "iam:CreateRole without StringEquals",
    ),
    "PB02 a condition that an empty set passes": (
        "PB02",
        (identity({**CREATES, **when("ForAllValues:StringEquals")}), boundary(SERVICES)),
        "iam:CreateRole without StringEquals",
    ),
    "PB02 a pattern": (
        "PB02",
        (identity({**CREATES, **when("StringLike")}), boundary(SERVICES)),
        "iam:CreateRole without StringEquals",
    ),
    "PB02 a negative condition": (
        "PB02",
        (identity({**CREATES, **when("StringNotEquals", ADMINISTRATOR)}),),
        "iam:CreateRole without StringEquals",
    ),
    "PB02 another key": (
        "PB02",
        (identity({**CREATES, **when("StringEquals", OWN, "iam:PolicyARN")}),),
        "iam:CreateRole without StringEquals",
    ),
    "PB02 a wildcard in an ARN": (
        "PB02",
        (identity({**CREATES, **when("ArnEquals", f"{IAM}policy/*")}),),
        "policy/*', which is not one policy of a named account",
    ),
    "PB02 a boundary of AWS": (
        "PB02",
        (identity({**CREATES, **when("StringEquals", ADMINISTRATOR)}),),
        "AdministratorAccess', which is not one policy of a named account",
    ),
    "PB02 one of two is no boundary": (
        "PB02",
        (identity({**CREATES, **when("StringEquals", [OWN, "*"])}), boundary(SERVICES)),
        "iam:PermissionsBoundary has '*'",
    ),
    "PB02 a boundary of nobody": (
        "PB02",
        (identity({**CREATES, **when("StringEquals", OTHER)}), boundary(SERVICES)),
        "neither a policy of the program nor in boundaries",
    ),
    "PB02 all roles' actions": (
        "PB02",
        (
            identity(
                *(
                    allow(f"iam:{name}", ROLES)
                    for name in ["AttachRolePolicy", "DetachRolePolicy", "PutRolePolicy", "DeleteRolePolicy"]
                ),
            ),
        ),
        "policy, statement 4: iam:DeleteRolePolicy without StringEquals",
    ),
    "PB02 changing trust": ("PB02", (identity(allow("iam:UpdateAssumeRolePolicy", ROLES)),), "UpdateAssumeRolePolicy"),
    "PB02 changing a role": ("PB02", (identity(allow("iam:UpdateRole", ROLES)),), "iam:UpdateRole without"),
    "PB02 putting a boundary": ("PB02", (inline(allow("iam:PutRolePermissionsBoundary", "*")),), "inlinePolicies[0]"),
    "PB02 a user": ("PB02", (identity(allow("iam:PutUserPolicy", f"{IAM}user/*")),), "iam:PutUserPolicy without"),
    "PB02 a wildcard": ("PB02", (identity(allow("iam:Attach*", "*")),), "iam:AttachRolePolicy"),
    "PB02 all that is not listed": (
        "PB02",
        (identity({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}),),
        "iam:CreateRole",
    ),
    "PB02 all roles but one": (
        "PB02",
        (identity({"Effect": "Allow", "Action": "iam:CreateRole", "NotResource": f"{IAM}role/administrator"}),),
        "iam:CreateRole without",
    ),
    "PB02 taking boundaries away, whatever the condition": (
        "PB02",
        (identity(allow(REMOVALS, "*", **when("StringEquals"))), boundary(SERVICES)),
        "boundaries are taken away",
    ),
    "PB02 a boundary that is attached": (
        "PB02",
        (boundary(CREATES), planned(ATTACHMENT, role="role", policyArn=OWN)),
        "policy, statement 1 of a boundary that somebody holds: iam:CreateRole without",
    ),
    "PB03 no Deny": ("PB03", (boundary(EVERYTHING_OF_IAM),), "it allows iam:DeleteRolePermissionsBoundary"),
    "PB03 users forgotten": (
        "PB03",
        (boundary(EVERYTHING_OF_IAM, deny(REMOVALS[0])),),
        "it allows iam:DeleteUserPermissionsBoundary",
    ),
    "PB03 another service": (
        "PB03",
        (boundary(EVERYTHING_OF_IAM, deny(REMOVALS, "arn:aws:sts::*:*")),),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 some roles only": (
        "PB03",
        (boundary(EVERYTHING_OF_IAM, deny(REMOVALS, [ROLES, f"{IAM}user/*"])),),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 all roles but some": (
        "PB03",
        (boundary(EVERYTHING_OF_IAM, {"Effect": "Deny", "Action": REMOVALS, "NotResource": f"{IAM}role/free-*"}),),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 roles of another account": (
        "PB03",
        (of_account(boundary(EVERYTHING_OF_IAM, deny(REMOVALS, ["arn:aws:iam::999999999999:*"])), ACCOUNT),),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 with a condition": (
        "PB03",
        (boundary(EVERYTHING_OF_IAM, deny(REMOVALS, **when("StringEquals"))),),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 allowed with all that is not listed": (
        "PB03",
        (boundary({"Effect": "Allow", "NotAction": "organizations:*", "Resource": "*"}),),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 allowed under a condition": (
        "PB03",
        (boundary(allow("iam:Delete*", "*", **when("StringEquals"))),),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 one that bounds a role, by ARN": (
        "PB03",
        (bounded(), limits(EVERYTHING_OF_IAM)),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 one that bounds a user, by dependency": (
        "PB03",
        (bounded(UNKNOWN, USER, deps=LIMITED), limits(EVERYTHING_OF_IAM)),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 one that a grant demands": (
        "PB03",
        (identity({**CREATES, **when("StringEquals", LIMITS)}), limits(EVERYTHING_OF_IAM)),
        "it allows iam:DeleteRolePermissionsBoundary",
    ),
    "PB03 unknown": ("PB03", (boundary(policy=UNKNOWN),), "'policy' is unknown"),
    "PB03 unknown and in use": ("PB03", (bounded(), limits(policy=UNKNOWN)), "'policy' is unknown"),
    "PB03 unknown in part": (
        "PB03",
        (boundary(policy={"Version": "2012-10-17", "Statement": [allow(UNKNOWN, "*")]}),),
        "'policy.Statement[0].Action' is unknown",
    ),
    "PB03 no document": ("PB03", (boundary(policy="{"),), "policy is not JSON"),
    "PB03 an absent document": ("PB03", (boundary(policy=None),), "policy is missing"),
    "PB04 no Deny": ("PB04", (boundary(EVERYTHING_OF_IAM),), "it allows iam:CreatePolicyVersion"),
    "PB04 one action forgotten": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS[:3], OWN)),),
        "it allows iam:SetDefaultPolicyVersion on itself",
    ),
    "PB04 another policy denied": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OTHER)),),
        "it allows iam:CreatePolicyVersion",
    ),
    "PB04 the name on another path": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, f"{IAM}policy/boundary")),),
        "it allows iam:CreatePolicyVersion",
    ),
    "PB04 itself in another account": (
        "PB04",
        (of_account(boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OWN)), "999999999999"),),
        "it allows iam:CreatePolicyVersion",
    ),
    "PB04 with a condition": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OWN, Condition=TLS)),),
        "it allows iam:CreatePolicyVersion",
    ),
    "PB04 a name that comes with the update": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OWN), name=UNKNOWN),),
        "no fixed name",
    ),
    "PB04 no name": ("PB04", (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OWN), name=None),), "no fixed name"),
    "PB04 an unknown path": (
        "PB04",
        (boundary(EVERYTHING_OF_IAM, deny(VERSIONS, OWN), path=UNKNOWN),),
        "no fixed name",
    ),
    "PB04 allowed on what a variable may stand for": (
        "PB04",
        (boundary(allow("iam:CreatePolicyVersion", f"{IAM}policy/${{aws:PrincipalTag/project}}/boundary")),),
        "it allows iam:CreatePolicyVersion",
    ),
    "PB04 in use": (
        "PB04",
        (bounded(), limits(allow("iam:CreatePolicyVersion", POLICIES))),
        "it allows iam:CreatePolicyVersion",
    ),
    "PB04 unknown": ("PB04", (boundary(policy=UNKNOWN),), "'policy' is unknown"),
    "PB05 no Deny": ("PB05", (boundary(EVERYTHING_OF_IAM),), "it allows iam:PutRolePermissionsBoundary"),
    "PB05 making roles forgotten": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS[1:], **when("StringNotEquals"))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 another boundary": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotEquals", OTHER))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 itself or another": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotEquals", [OWN, OTHER]))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 whatever is like it": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotLike", POLICIES))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 a request without boundary is not met": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("ForAnyValue:StringNotEquals"))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 the boundary itself is denied": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringEquals"))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 another key": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotEquals", OWN, "iam:PolicyARN"))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 a second condition": (
        "PB05",
        (
            boundary(
                EVERYTHING_OF_IAM,
                deny(PUTS, Condition={"StringNotEquals": {"iam:PermissionsBoundary": OWN}, **TLS}),
            ),
        ),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 some roles only": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, ROLES, **when("StringNotEquals"))),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 allowed a second time": (
        "PB05",
        (boundary(allow("iam:CreateRole", ROLES, **when("StringEquals")), CREATES),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 allowed with what an absent key passes": (
        "PB05",
        (boundary({**CREATES, **when("StringEqualsIfExists")}),),
        "it allows iam:CreateRole without itself",
    ),
    "PB05 no name": (
        "PB05",
        (boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotEquals")), name=None),),
        "no fixed name",
    ),
    "PB05 in use": ("PB05", (bounded(), limits(CREATES)), "it allows iam:CreateRole without itself"),
    "PB05 unknown": ("PB05", (boundary(policy=UNKNOWN),), "'policy' is unknown"),
    "PB06 every policy": ("PB06", (identity(allow("iam:CreatePolicy", "*")),), "iam:CreatePolicy on '*'"),
    "PB06 all of the account": (
        "PB06",
        (identity(allow("iam:CreatePolicyVersion", f"{IAM}policy/*")),),
        "policy/*', which is not below /mlplatform/",
    ),
    "PB06 another project's path": (
        "PB06",
        (identity(allow("iam:CreatePolicy", f"{IAM}policy/mlplatform-other/*")),),
        "which is not below /mlplatform/",
    ),
    "PB06 an old version": (
        "PB06",
        (identity(allow("iam:SetDefaultPolicyVersion", "*")),),
        "iam:SetDefaultPolicyVersion on '*'",
    ),
    "PB06 all but some": (
        "PB06",
        (identity({"Effect": "Allow", "Action": "iam:CreatePolicy", "NotResource": OWN}),),
        "iam:CreatePolicy with NotResource",
    ),
    "PB06 the boundary lies on the path": (
        "PB06",
        (identity(allow("iam:CreatePolicyVersion", POLICIES)), boundary(SERVICES)),
        "iam:CreatePolicyVersion on a boundary",
    ),
    "PB06 the boundary may lie on the path": (
        "PB06",
        (identity(allow("iam:CreatePolicyVersion", POLICIES)), boundary(SERVICES, name=UNKNOWN)),
        "iam:CreatePolicyVersion on a boundary",
    ),
    "PB06 the boundary of a role, made elsewhere": (
        "PB06",
        (identity(allow("iam:CreatePolicyVersion", POLICIES)), bounded(OWN)),
        "iam:CreatePolicyVersion on a boundary",
    ),
    "PB06 the boundary that a grant demands, made elsewhere": (
        "PB06",
        (identity(allow("iam:CreatePolicyVersion", POLICIES), {**CREATES, **when("StringEquals")}),),
        "iam:CreatePolicyVersion on a boundary",
    ),
    "PB06 a Deny with a condition": (
        "PB06",
        (identity(allow("iam:CreatePolicyVersion", POLICIES), deny("*", OWN, Condition=TLS)), boundary(SERVICES)),
        "iam:CreatePolicyVersion on a boundary",
    ),
    "PB06 a Deny of another action": (
        "PB06",
        (identity(allow("iam:CreatePolicyVersion", POLICIES), deny("iam:DeletePolicy", OWN)), boundary(SERVICES)),
        "iam:CreatePolicyVersion on a boundary",
    ),
    "PB06 attaching anything": (
        "PB06",
        (identity(allow("iam:AttachRolePolicy", ROLES)),),
        "iam:AttachRolePolicy without a condition",
    ),
    "PB06 attaching to users and groups": (
        "PB06",
        (identity(allow(["iam:AttachUserPolicy", "iam:AttachGroupPolicy"], "*")),),
        "iam:AttachUserPolicy, iam:AttachGroupPolicy without a condition",
    ),
    "PB06 attaching with a condition that an absent key passes": (
        "PB06",
        (identity(allow("iam:AttachRolePolicy", ROLES, **when("ArnLikeIfExists", POLICIES, "iam:PolicyARN"))),),
        "iam:AttachRolePolicy without a condition",
    ),
    "PB06 attaching all but one": (
        "PB06",
        (identity(allow("iam:AttachRolePolicy", ROLES, **when("ArnNotEquals", ADMINISTRATOR, "iam:PolicyARN"))),),
        "iam:AttachRolePolicy without a condition",
    ),
    "PB06 attaching all policies of AWS": (
        "PB06",
        (
            identity(
                allow("iam:AttachRolePolicy", ROLES, **when("ArnLike", "arn:aws:iam::aws:policy/*", "iam:PolicyARN"))
            ),
        ),
        "neither one policy nor below",
    ),
    "PB06 a boundary that is attached": (
        "PB06",
        (boundary(allow("iam:CreatePolicy", "*")), planned(ATTACHMENT, role="role", policyArn=OWN)),
        "iam:CreatePolicy on '*'",
    ),
    "PB07 no path": ("PB07", (role(),), "path is not below /mlplatform/"),
    "PB07 another project's path": ("PB07", (role(path="/mlplatform-other/"),), "path is not below /mlplatform/"),
    "PB07 unknown": ("PB07", (role(path=UNKNOWN),), "'path' is unknown"),
    "PB08 everything": ("PB08", (boundary(allow("*", "*")),), "a wildcard for everything"),
    "PB08 everything of everything": (
        "PB08",
        (boundary(allow("*:*", "*"), deny("iam:*")),),
        "a wildcard for everything",
    ),
    "PB08 everything in other words": ("PB08", (boundary(allow("?*", "*")),), "a wildcard for everything"),
    "PB08 all that is not listed": (
        "PB08",
        (boundary({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),),
        "Allow with NotAction",
    ),
    "PB08 organizations": ("PB08", (boundary(allow("organizations:List*", "*")),), "organizations:ListAccounts"),
    "PB08 the account": ("PB08", (boundary(SERVICES, allow("account:*", "*")),), "statement 2: it allows account:"),
    "PB08 users": ("PB08", (boundary(allow("iam:CreateUser", "*")),), "it allows iam:CreateUser"),
    "PB08 users with the boundary": (
        "PB08",
        (boundary(allow("iam:CreateUser", "*", **when("StringEquals"))),),
        "it allows iam:CreateUser",
    ),
    "PB08 keys": ("PB08", (boundary(allow("iam:*AccessKey", f"{IAM}user/*")),), "iam:CreateAccessKey"),
    "PB08 passwords": ("PB08", (boundary(allow("iam:CreateLoginProfile", "*")),), "iam:CreateLoginProfile"),
    "PB08 groups": ("PB08", (boundary(allow("iam:PutGroupPolicy", "*")),), "iam:PutGroupPolicy"),
    "PB08 a wildcard for services": ("PB08", (boundary(allow("i*:Create*", "*")),), "iam:CreateUser"),
    "PB08 denied for some users": (
        "PB08",
        (boundary(allow("iam:CreateUser", "*"), deny("iam:*", f"{IAM}user/mlplatform/*")),),
        "it allows iam:CreateUser",
    ),
    "PB08 denied on what ARNs there are": (
        "PB08",
        (boundary(allow("organizations:*", "*"), deny("organizations:*", "arn:aws:organizations::*:*")),),
        "it allows organizations:",
    ),
    "PB08 denied with a condition": (
        "PB08",
        (boundary(allow("organizations:*", "*"), deny("organizations:*", Condition=TLS)),),
        "it allows organizations:",
    ),
    "PB08 in use": ("PB08", (bounded(), limits(allow("*", "*"))), "a wildcard for everything"),
    "PB08 unknown": ("PB08", (bounded(), limits(policy=UNKNOWN)), "'policy' is unknown"),
    "PB09 the boundary": (
        "PB09",
        (replace(role(), ignore_changes=("permissionsBoundary",)),),
        "ignore_changes covers permissionsBoundary",
    ),
    "PB09 the trust": (
        "PB09",
        (replace(role(), ignore_changes=("tags", "assumeRolePolicy.Statement[0]")),),
        "ignore_changes covers assumeRolePolicy",
    ),
    "PB09 everything": (
        "PB09",
        (replace(role(), ignore_changes=("*",)),),
        "ignore_changes covers permissionsBoundary",
    ),
    "PB09 a quoted path": (
        "PB09",
        (replace(role(), ignore_changes=('["permissionsBoundary"]',)),),
        "ignore_changes covers permissionsBoundary",
    ),
    "PB09 a user": (
        "PB09",
        (replace(planned(USER), ignore_changes=("permissionsBoundary",)),),
        "ignore_changes covers permissionsBoundary",
    ),
    "PB09 the boundary's document": (
        "PB09",
        (replace(boundary(SERVICES), ignore_changes=("policy",)),),
        "ignore_changes covers policy",
    ),
}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_passes(case: tuple[str, Resources]) -> None:
    rule, resources = case
    assert messages(rule, *resources) == ""


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_fails(case: tuple[str, Resources, str]) -> None:
    rule, resources, expected = case
    findings = judged(rule, *resources)
    assert any(expected in finding.message for finding in findings), [finding.message for finding in findings]
    assert len({(finding.urn, finding.message) for finding in findings}) == len(findings), "reported twice"
    assert {(finding.level, finding.pack) for finding in findings} == {("mandatory", "permissions_boundary")}
    assert {finding.urn for finding in findings} <= {resource.urn for resource in resources}


def phases(rule: str, *resources: PlannedResource) -> tuple[bool, bool]:
    """Whether a rule finds something before resources are created, and at the end."""
    found = next(each for each in rules("permissions_boundary") if each.id == rule)
    settings = Settings(options=found.options)
    before = [verdict for resource in resources for verdict in judge_resource(found, resource, settings)]
    return bool(before), bool(list(judge_stack(found, Graph.of(resources), settings)))


@pytest.mark.parametrize("rule", ["PB03", "PB04", "PB05", "PB08"])
def test_what_shows_itself_to_be_a_boundary_is_judged_before_it_is_created(rule: str) -> None:
    assert phases(rule, boundary(EVERYTHING_OF_IAM), bounded(OWN)) == (True, False)
    assert phases(rule, boundary(policy=UNKNOWN), bounded(OWN)) == (True, False)


@pytest.mark.parametrize("rule", ["PB03", "PB04", "PB05", "PB08"])
def test_what_only_its_use_makes_a_boundary_is_judged_at_the_end(rule: str) -> None:
    assert phases(rule, limits(EVERYTHING_OF_IAM), bounded()) == (False, True)


def test_an_absent_boundary_is_found_before_the_role_is_created() -> None:
    assert phases("PB01", role()) == (True, False)
    assert phases("PB01", bounded(ADMINISTRATOR)) == (True, False)
    # What the program holds beside it shows at the end only.
    assert phases("PB01", bounded(OTHER)) == (False, True)


def test_a_boundary_in_use_does_not_excuse_another() -> None:
    findings = judged("PB03", bounded(), limits(EVERYTHING_OF_IAM), boundary(EVERYTHING_OF_IAM))
    assert {finding.urn for finding in findings} == {urn(POLICY, "limits"), urn(POLICY, "boundary")}


@pytest.mark.parametrize(
    "listed", [CORPORATE, "arn:aws:iam::*:policy/corporate/boundary", "arn:*:iam::*:policy/corporate/boundary"]
)
def test_a_boundary_elsewhere_is_listed(listed: str) -> None:
    config = {rule: {"boundaries": [listed]} for rule in ("PB01", "PB02", "PB05")}
    grant = identity({**CREATES, **when("StringEquals", CORPORATE)})
    assert not messages("PB01", bounded(CORPORATE), config=config)
    assert not messages("PB02", grant, config=config)
    assert not messages(
        "PB05",
        boundary(EVERYTHING_OF_IAM, deny(PUTS, **when("StringNotEquals", [OWN, CORPORATE]))),
        config=config,
    )


@pytest.mark.parametrize(
    "listed", [f"{IAM}policy/corporate/*", f"{IAM}policy/*", "*", "arn:*:*::*:policy/corporate/boundary"]
)
def test_a_wildcard_in_the_list_stands_for_no_name(listed: str) -> None:
    config = {rule: {"boundaries": [listed]} for rule in ("PB01", "PB02")}
    assert messages("PB01", bounded(CORPORATE), config=config)
    assert messages("PB02", identity({**CREATES, **when("StringEquals", CORPORATE)}), config=config)


def test_paths_are_widened_by_settings() -> None:
    write = identity(
        allow("iam:CreatePolicy", f"{IAM}policy/team/*"),
        allow("iam:AttachRolePolicy", ROLES, **when("ArnLike", f"{IAM}policy/team/*", "iam:PolicyARN")),
    )
    assert messages("PB06", write)
    assert not messages("PB06", write, config={"PB06": {"policyPaths": ["/team/"]}})
    assert not messages("PB07", role(path="/team/app/"), config={"PB07": {"rolePaths": ["/team/"]}})
    # The root holds all roles, but allows only those that stand directly on it.
    assert not messages("PB07", role(), config={"PB07": {"rolePaths": ["/"]}})
    assert messages("PB07", role(path="/other/"), config={"PB07": {"rolePaths": ["/"]}})


def test_a_prefix_of_names_is_demanded_when_configured() -> None:
    config = {"PB07": {"namePrefixes": ["ml-"]}}
    path = "/mlplatform/"
    assert not messages("PB07", role(path=path, name="ml-task"), config=config)
    assert not messages("PB07", role(path=path, namePrefix="ml-task-"), config=config)
    assert "does not begin with ml-" in messages("PB07", role(path=path, name="task"), config=config)
    assert "'name' is unknown" in messages("PB07", role(path=path, name=UNKNOWN), config=config)
    assert "'name' is unknown" in messages("PB07", role(path=path), config=config)


def test_pb10_advises_on_what_the_boundary_stops() -> None:
    grants = document(allow(["s3:GetObject", "dynamodb:GetItem", "sagemaker:CreateModel"]))
    findings = judged("PB10", bounded(inlinePolicies=[{"policy": grants}]), limits(SERVICES, deny("sagemaker:Create*")))
    assert [(finding.level, finding.urn) for finding in findings] == [("advisory", urn(ROLE, "bounded"))]
    assert findings[0].message.endswith(": dynamodb:GetItem, sagemaker:CreateModel")


def test_pb10_takes_all_documents_of_a_role_together() -> None:
    findings = judged(
        "PB10",
        bounded(name="bounded"),
        limits(SERVICES),
        planned(ROLE_POLICY, "inline", role="bounded", policy=document(allow("dynamodb:Scan"))),
        planned(POLICY, "grants", name="grants", policy=document(allow("sqs:SendMessage"))),
        planned(ATTACHMENT, "attached", role="bounded", policyArn=f"{IAM}policy/grants"),
    )
    assert [finding.message for finding in findings] == [
        "its boundary stops what it is granted: dynamodb:Scan, sqs:SendMessage"
    ]


# MLSpace's design: an application that makes a role for each user of each project, within a boundary.

PREFIX = "MLSpace"
DYNAMIC_ROLES = f"{IAM}role/{PREFIX}*"
MLSPACE_BOUNDARY = f"{IAM}policy/mlspace-project-user-permission-boundary"
TAGGED = {"iam:ResourceTag/system": "MLSpace"}


def mlspace(*statements: Mapping[str, Any]) -> list[PlannedResource]:
    return [
        planned(POLICY, "mlspace-app-policy", name="app", policy=document(*statements)),
        planned(
            POLICY,
            "mlspace-project-user-role-boundary",
            name="mlspace-project-user-permission-boundary",
            policy=document(allow(["s3:GetObject", "s3:PutObject"]), allow("iam:GetRole", "*")),
        ),
    ]


def test_mlspace_roles_of_the_stack_itself_have_no_boundary() -> None:
    findings = judged("PB01", *mlspace(CREATES), planned(ROLE, "mlspace-app-role", name="mlspace-app-role"))
    assert [finding.urn for finding in findings] == [urn(ROLE, "mlspace-app-role")]


def test_mlspace_attaching_is_granted_a_second_time_without_a_condition() -> None:
    limited = {"StringEqualsIgnoreCase": {"iam:PolicyARN": f"{IAM}policy/{PREFIX}-app-denied-services", **TAGGED}}
    resources = mlspace(
        allow(
            "iam:CreateRole", DYNAMIC_ROLES, Condition={"StringEquals": {"iam:PermissionsBoundary": MLSPACE_BOUNDARY}}
        ),
        allow("iam:AttachRolePolicy", DYNAMIC_ROLES, Condition={"StringEqualsIgnoreCase": TAGGED}),
        allow("iam:AttachRolePolicy", DYNAMIC_ROLES, Condition=limited),
    )
    second = messages("PB06", *resources)
    assert "statement 2: iam:AttachRolePolicy without a condition on iam:PolicyARN" in second
    assert "statement 3" not in second
    without = messages("PB02", *resources)
    assert "statement 1" not in without
    assert "statement 2: iam:AttachRolePolicy without StringEquals iam:PermissionsBoundary" in without


def test_mlspace_nothing_denies_deleting_the_boundary_or_adding_a_version() -> None:
    free = boundary(SERVICES, allow("iam:*", [f"{IAM}role/*", f"{IAM}policy/*"]))
    assert "iam:DeleteRolePermissionsBoundary" in messages("PB03", free)
    assert "iam:CreatePolicyVersion" in messages("PB04", free)
    versions = allow(["iam:CreatePolicyVersion", "iam:DeletePolicyVersion"], f"{IAM}policy/mlspace*")
    assert "iam:CreatePolicyVersion on a boundary" in messages("PB06", *mlspace(versions))
    assert "boundaries are taken away" in messages("PB02", *mlspace(allow("iam:Delete*", DYNAMIC_ROLES)))


def test_mlspace_reads_cover_every_bucket() -> None:
    assert "s3:GetObject" in messages("LP07", identity(allow(["s3:List*", "s3:Get*"], "arn:aws:s3:::*")))


def test_rules_of_the_whole_program_stay_linear() -> None:
    """Doubling the program must not quadruple the reads of its properties."""

    class Counted(dict[str, Any]):
        reads = 0

        def get(self, key: str, default: Any = None) -> Any:
            Counted.reads += 1
            return super().get(key, default)

    def reads(size: int) -> int:
        resources = [
            resource
            for at in range(size)
            for resource in (
                bounded(f"{IAM}policy/limits-{at}", called=f"role-{at}", name=f"role-{at}"),
                planned(POLICY, f"limits-{at}", name=f"limits-{at}", policy=document(SERVICES)),
                planned(ROLE_POLICY, f"grant-{at}", role=f"role-{at}", policy=document(allow("s3:GetObject"))),
            )
        ]
        Counted.reads = 0
        counted = [replace(resource, props=Counted(resource.props)) for resource in resources]
        assert {finding.rule for finding in evaluate_rules("", rules("permissions_boundary"), counted)} == {"PB07"}
        return Counted.reads

    assert reads(80) < 2.2 * reads(40)
