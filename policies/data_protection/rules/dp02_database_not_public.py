"""DP02: databases are never public."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, cis, nist, well_architected


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if flag(resource, "publiclyAccessible"):
        yield Violation(message="publiclyAccessible is on")
    for at in range(len(resource.items("sharedAccounts"))):
        if resource.value(f"sharedAccounts[{at}]") == "all":
            yield Violation(message="the snapshot is shared with all accounts")


RULE = Rule(
    id="DP02",
    slug="database-not-public",
    title="Databases are never public",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description="A database with a public address is one security-group rule away from the internet.",
    remediation="Leave publiclyAccessible off, and share snapshots with named accounts only.",
    link="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
    frameworks=(cis("2.3.3"), nist("AC-4"), nist("SC-7"), well_architected("SEC05-BP01")),
    types=(
        "aws:rds/cluster:Cluster",
        "aws:rds/instance:Instance",
        "aws:rds/clusterInstance:ClusterInstance",
        "aws:rds/snapshot:Snapshot",
        "aws:rds/clusterSnapshot:ClusterSnapshot",
    ),
    anchors=("CKV_AWS_17",),
    check=_check,
)
