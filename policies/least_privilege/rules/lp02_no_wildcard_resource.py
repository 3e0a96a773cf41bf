"""LP02: `Resource: *` only for actions that cannot be scoped."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, cis, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.scope import actions, everything, limits_resources, names, resources
from policies.iam.union import each_held


def _judge(statement: Statement, _resource: PlannedResource, _settings: Settings) -> Iterator[str]:
    if not statement.allow or not any(everything(pattern) for pattern in resources(statement)):
        return
    if limits_resources(statement):
        return
    scopable = sorted({str(action) for action in actions(statement) if action.resource_types})
    if scopable:
        yield f"grants on every resource what can be granted on named ones: {names(scopable)}"


RULE = Rule(
    id="LP02",
    slug="no-wildcard-resource",
    title="No wildcard resource where the action can be scoped",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "Resource * (or all of a service) is only for actions that have no resource type in the service "
        "authorisation data."
    ),
    remediation=(
        "Name the ARNs. Keep actions without a resource type, such as ecr:GetAuthorizationToken, in a "
        "statement of their own."
    ),
    link="https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html",
    frameworks=(
        cis("1.16"),
        nist("AC-6"),
        well_architected("SEC03-BP02"),
    ),
    types=IDENTITY_TYPES,
    anchors=(
        "CKV_AWS_355",
        "CKV_AWS_290",
    ),
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=each_held(_judge),
)
