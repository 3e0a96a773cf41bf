"""PB05: the boundary denies putting any other boundary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, nist, well_architected
from policies.iam.document import Condition, Statement
from policies.iam.scope import condition
from policies.permissions_boundary.boundaries import (
    KEY,
    POLICY,
    ROLES,
    USERS,
    Boundary,
    allowing,
    each_boundary,
    listed,
)

_ACTIONS = {
    "iam:PutRolePermissionsBoundary": ROLES,
    "iam:PutUserPermissionsBoundary": USERS,
    "iam:CreateRole": ROLES,
    "iam:CreateUser": USERS,
}
_NEGATIVE = ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike")
_OTHERS = Option(
    name="boundaries",
    description="ARNs of other boundaries that may be put; * may stand for the account and for the partition.",
)


def _judge(boundary: Boundary, policy: PlannedResource, settings: Settings) -> Iterator[str]:
    others = settings.strings(_OTHERS.name, policy.stack)
    for action, target in _ACTIONS.items():
        allows = allowing(boundary.statements, action, target)
        if all(_only_with(boundary, others, statement) for statement in allows):
            continue
        if not any(_all_but_with(boundary, others, statement) for statement in boundary.denying(action, target)):
            yield f"it allows {action} without itself as the boundary and does not deny that{boundary.hint}"


def _only_with(boundary: Boundary, others: Sequence[str], allow: Statement) -> bool:
    """Whether an Allow lets through only requests that name the boundary."""
    limit = condition(allow, KEY, "StringEquals", "ArnEquals")
    return limit is not None and _meant(boundary, others, limit)


def _all_but_with(boundary: Boundary, others: Sequence[str], deny: Statement) -> bool:
    """Whether a Deny stops all requests but those that name the boundary; negated, it meets those without any too."""
    if len(deny.conditions) != 1:
        return not deny.conditions
    only = deny.conditions[0]
    return only.key == KEY and only.operator in _NEGATIVE and not only.qualifier and _meant(boundary, others, only)


def _meant(boundary: Boundary, others: Sequence[str], limit: Condition) -> bool:
    return all(boundary.is_itself(value) or listed(value, others) for value in limit.values)


_check, _check_stack = each_boundary(_judge)

RULE = Rule(
    id="PB05",
    slug="no-other-boundary",
    title="The boundary denies putting any other boundary",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "Who can put a wider boundary on a role, or make a role or user without this one, has none. The Deny stops "
        "every such request that does not name this boundary exactly. A boundary that does not allow the actions, or "
        "only with itself, denies them as well."
    ),
    remediation=(
        "Give the policy a fixed name and add a Deny of iam:CreateRole, iam:CreateUser, iam:PutRolePermissionsBoundary "
        "and iam:PutUserPermissionsBoundary on Resource * whose only Condition is StringNotEquals "
        "iam:PermissionsBoundary with its own ARN; or deny them outright."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate",
    frameworks=(nist("AC-6"), nist("AC-6(10)"), well_architected("SEC03-BP05")),
    types=(POLICY,),
    check=_check,
    check_stack=_check_stack,
    options=(_OTHERS,),
)
