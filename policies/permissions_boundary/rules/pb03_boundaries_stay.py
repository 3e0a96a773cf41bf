"""PB03: the boundary denies taking boundaries away."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, nist, well_architected
from policies.permissions_boundary.boundaries import POLICY, ROLES, USERS, Boundary, each_boundary

_ACTIONS = {"iam:DeleteRolePermissionsBoundary": ROLES, "iam:DeleteUserPermissionsBoundary": USERS}


def _judge(boundary: Boundary, _policy: PlannedResource, _settings: Settings) -> Iterator[str]:
    for action, target in _ACTIONS.items():
        if boundary.lets_through(action, target):
            yield f"it allows {action} and does not deny it on all of {target.name} without condition"


_check, _check_stack = each_boundary(_judge)

RULE = Rule(
    id="PB03",
    slug="boundaries-stay",
    title="The boundary denies taking boundaries away",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "Who can delete the boundary of a role or user has none. The Deny covers every role and user and has no "
        "condition. A boundary that does not allow the action denies it as well."
    ),
    remediation=(
        "Add a Deny of iam:DeleteRolePermissionsBoundary and iam:DeleteUserPermissionsBoundary on Resource *, without "
        "Condition."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate",
    frameworks=(nist("AC-6"), nist("AC-6(10)"), well_architected("SEC03-BP05")),
    types=(POLICY,),
    check=_check,
    check_stack=_check_stack,
)
