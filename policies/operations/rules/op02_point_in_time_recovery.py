"""OP02: DynamoDB tables can be brought back to any second."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_REPLICA = "aws:dynamodb/tableReplica:TableReplica"


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if resource.type == _REPLICA:
        paths = ["pointInTimeRecovery"]
    else:
        # A replica is a table of its own: its region has the backups that it asks for itself.
        replicas = range(len(resource.items("replicas")))
        paths = ["pointInTimeRecovery.enabled", *(f"replicas[{at}].pointInTimeRecovery" for at in replicas)]
    for path in paths:
        if not flag(resource, path):
            yield Violation(message=f"{path} is not on")


RULE = Rule(
    id="OP02",
    slug="point-in-time-recovery",
    title="DynamoDB tables can be brought back to any second",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="Without point-in-time recovery a table has no backup at all, and a faulty writer is final.",
    remediation="Set pointInTimeRecovery with enabled, and pointInTimeRecovery of each replica.",
    link="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Point-in-time-recovery.html",
    frameworks=(nist("CP-9"), nist("CP-10"), well_architected("REL09-BP03")),
    types=("aws:dynamodb/table:Table", _REPLICA),
    anchors=("CKV_AWS_28", "AwsSolutions-DDB3", "AWS-0024", "W78", "DYNAMODB_PITR_ENABLED"),
    check=_check,
)
