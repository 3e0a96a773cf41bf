"""PB04: the boundary denies changing and deleting itself."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, nist, well_architected
from policies.iam.scope import names
from policies.permissions_boundary.boundaries import POLICY, Boundary, each_boundary

_ACTIONS = ("iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion")


def _judge(boundary: Boundary, _policy: PlannedResource, _settings: Settings) -> Iterator[str]:
    found = [action for action in _ACTIONS if boundary.lets_through(action, boundary.itself)]
    if found:
        yield f"it allows {names(found)} on itself and does not deny it without condition{boundary.hint}"


_check, _check_stack = each_boundary(_judge)

RULE = Rule(
    id="PB04",
    slug="boundary-guards-itself",
    title="The boundary denies changing and deleting itself",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "Who can write or choose a version of the boundary has none. The Deny covers the boundary's own ARN and has no "
        "condition. A boundary that does not allow the actions on itself denies them as well."
    ),
    remediation=(
        "Give the policy a fixed name and add a Deny of iam:CreatePolicyVersion, iam:DeletePolicy, "
        "iam:DeletePolicyVersion and iam:SetDefaultPolicyVersion on its own ARN, without Condition."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate",
    frameworks=(nist("AC-6"), nist("AC-6(10)"), well_architected("SEC03-BP05")),
    types=(POLICY,),
    check=_check,
    check_stack=_check_stack,
)
