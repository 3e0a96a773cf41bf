"""OP04: log groups say how long they keep their events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected


def _ends_by_itself(resource: PlannedResource) -> bool:
    """Whether it only passes events on: CloudWatch then keeps them for two days and takes no other figure."""
    return resource.raw("logGroupClass") == "DELIVERY"


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if not _ends_by_itself(resource) and resource.value("retentionInDays") in (None, 0):
        yield Violation(message="retentionInDays is 0 or not set, so events are kept, and paid for, for ever")


def _remediate(resource: PlannedResource, settings: Settings) -> Mapping[str, Any] | None:
    # Only what nobody said is filled in: a 0 was meant, and is for a person to change.
    if _ends_by_itself(resource) or resource.raw("retentionInDays") is not None:
        return None
    return {"retentionInDays": settings.number("retentionDays")}


RULE = Rule(
    id="OP04",
    slug="log-retention",
    title="Log groups say how long they keep their events",
    level=Level.REMEDIATE,
    severity=Severity.LOW,
    description="Without a figure logs are kept for ever: costs grow, and so does what a leak of the logs would hold.",
    remediation="Set retentionInDays; the engine fills in retentionDays where nothing is said.",
    link="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
    frameworks=(nist("AU-11"), nist("SI-12"), well_architected("COST04-BP05")),
    types=("aws:cloudwatch/logGroup:LogGroup",),
    anchors=("CKV_AWS_66", "W86", "CW_LOGGROUP_RETENTION_PERIOD_CHECK"),
    check=_check,
    remediate=_remediate,
    options=(
        Option(
            name="retentionDays",
            description="Days that are filled in; one of the periods that CloudWatch Logs offers.",
            default=90,
        ),
    ),
)
