"""PB09: changes of boundary and trust are not ignored."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import steps
from policies.iam.places import is_boundary
from policies.permissions_boundary.boundaries import POLICY, PROPERTY, ROLE, USER

_GUARDED = {ROLE: (PROPERTY, "assumeRolePolicy"), USER: (PROPERTY,), POLICY: ("policy",)}


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if resource.type == POLICY and not is_boundary(resource):
        return
    roots = {next(iter(steps(entry)), "").strip("\"'") for entry in resource.ignore_changes}
    for name in _GUARDED[resource.type]:
        if roots & {name, "*"}:
            yield Violation(message=f"ignore_changes covers {name}")


RULE = Rule(
    id="PB09",
    slug="no-ignored-changes",
    title="Changes of boundary and trust are not ignored",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "With ignore_changes whatever stands in the account stays: a boundary that was taken away, its document, or a "
        "trust that somebody opened. The program then says one thing and the account another."
    ),
    remediation="Take permissionsBoundary, assumeRolePolicy and * (on the boundary: policy) out of ignore_changes.",
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    frameworks=(nist("CM-6"), nist("AC-6"), well_architected("SEC03-BP05")),
    types=(ROLE, USER, POLICY),
    check=_check,
)
