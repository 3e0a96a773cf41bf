"""CP08: state machines log everything and are traced."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, present, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if text(resource, "loggingConfiguration.level") != "ALL":
        yield Violation(message="loggingConfiguration.level is not ALL")
    if not flag(resource, "loggingConfiguration.includeExecutionData"):
        yield Violation(message="loggingConfiguration.includeExecutionData is not on")
    if not present(resource, "loggingConfiguration.logDestination"):
        yield Violation(message="loggingConfiguration.logDestination is not set")
    if not flag(resource, "tracingConfiguration.enabled"):
        yield Violation(message="tracingConfiguration.enabled is not on")


RULE = Rule(
    id="CP08",
    slug="state-machines",
    title="Step Functions log everything and are traced",
    level=Level.MANDATORY,
    severity=Severity.MEDIUM,
    description=(
        "An execution's history ends with it after 90 days, that of an express workflow at once; what it did, and with "
        "what, must be found afterwards."
    ),
    remediation=(
        "Set loggingConfiguration with level ALL, includeExecutionData and a log group encrypted under our key, and "
        "tracingConfiguration.enabled."
    ),
    link="https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html",
    frameworks=(nist("AU-3"), nist("AU-12"), well_architected("SEC04-BP01")),
    types=("aws:sfn/stateMachine:StateMachine",),
    anchors=("CKV_AWS_284", "CKV_AWS_285", "AwsSolutions-SF1", "AwsSolutions-SF2"),
    check=_check,
)
