"""DP05: DynamoDB tables are encrypted under our key."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, present
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_REPLICA = "aws:dynamodb/tableReplica:TableReplica"


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if resource.type == _REPLICA:
        paths = ["kmsKeyArn"]
    else:
        if not flag(resource, "serverSideEncryption.enabled"):
            yield Violation(message="serverSideEncryption is not enabled, so AWS's own key is used")
            return
        paths = ["serverSideEncryption.kmsKeyArn"]
        paths += [f"replicas[{at}].kmsKeyArn" for at in range(len(resource.items("replicas")))]
    for path in paths:
        if not present(resource, path):
            yield Violation(message=f"{path} is not set, so AWS's own key is used")
        elif "alias/aws/" in str(resource.raw(path)):
            yield Violation(message=f"{path} is AWS's own key")


RULE = Rule(
    id="DP05",
    slug="table-encryption",
    title="DynamoDB tables are encrypted under our key",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="DynamoDB always encrypts; only with a key of our own can access be revoked and seen in CloudTrail.",
    remediation="Set serverSideEncryption with enabled and kmsKeyArn, for each replica its region's key.",
    link="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html",
    frameworks=(nist("SC-28"), nist("SC-12"), well_architected("SEC08-BP02")),
    types=("aws:dynamodb/table:Table", _REPLICA),
    anchors=("CKV_AWS_119",),
    check=_check,
)
