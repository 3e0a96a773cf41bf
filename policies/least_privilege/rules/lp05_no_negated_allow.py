"""LP05: no Allow with NotAction or NotResource."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.union import each_held


def _judge(statement: Statement, _resource: PlannedResource, _settings: Settings) -> Iterator[str]:
    if statement.allow and statement.not_actions:
        yield "Allow with NotAction"
    if statement.allow and statement.not_resources:
        yield "Allow with NotResource"


RULE = Rule(
    id="LP05",
    slug="no-negated-allow",
    title="No Allow with NotAction or NotResource",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="An Allow with NotAction or NotResource grants whatever AWS adds later.",
    remediation="Name the actions and the resources; to take something away use a Deny.",
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html",
    frameworks=(
        nist("AC-6"),
        well_architected("SEC03-BP02"),
    ),
    types=IDENTITY_TYPES,
    anchors=(),
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=each_held(_judge),
)
