"""DP01: databases are encrypted under our key."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, present
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
_INSIGHTS = ("aws:rds/cluster:Cluster", "aws:rds/instance:Instance", _INSTANCE)


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    # An Aurora instance's storage is its cluster's; only what its performance insights keep is its own.
    if resource.type != _INSTANCE:
        if not flag(resource, "storageEncrypted"):
            yield Violation(message="storageEncrypted is not on")
        yield from _key(resource, "kmsKeyId")
    if resource.type in _INSIGHTS and flag(resource, "performanceInsightsEnabled"):
        yield from _key(resource, "performanceInsightsKmsKeyId")


def _key(resource: PlannedResource, path: str) -> Iterator[Violation]:
    if not present(resource, path):
        yield Violation(message=f"{path} is not set, so AWS's own key is used")
    elif "alias/aws/" in str(resource.raw(path)):
        yield Violation(message=f"{path} is AWS's own key")


RULE = Rule(
    id="DP01",
    slug="database-encryption",
    title="Databases are encrypted under our key",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "A key of our own can be revoked, and its use shows in CloudTrail; AWS's key can be used by everyone in the "
        "account. Storage cannot be encrypted afterwards without a new database."
    ),
    remediation="Set storageEncrypted, and kmsKeyId (with insights also performanceInsightsKmsKeyId) to our key.",
    link="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.html",
    frameworks=(nist("SC-28"), nist("SC-12"), well_architected("SEC08-BP02")),
    types=(
        "aws:rds/cluster:Cluster",
        "aws:rds/instance:Instance",
        _INSTANCE,
        "aws:docdb/cluster:Cluster",
        "aws:neptune/cluster:Cluster",
    ),
    anchors=(
        "CKV_AWS_327",
        "CKV_AWS_16",
        "CKV_AWS_96",
    ),
    check=_check,
)
