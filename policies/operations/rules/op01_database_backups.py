"""OP01: databases are protected from deletion and backed up."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, present
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.operations.stacks import listed

_GLOBAL = (
    "aws:rds/globalCluster:GlobalCluster",
    "aws:docdb/globalCluster:GlobalCluster",
    "aws:neptune/globalCluster:GlobalCluster",
)


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    if not listed(settings, "disposableStacks", resource.stack) and not flag(resource, "deletionProtection"):
        yield Violation(message="deletionProtection is not on")
    if resource.type in _GLOBAL or present(resource, "replicateSourceDb"):
        return  # what is backed up is its clusters, or the database that it copies
    days = settings.number("backupDays", resource.stack)
    if days is not None and int(resource.value("backupRetentionPeriod") or 0) < days:
        yield Violation(message=f"backups are kept for fewer than {days} days (backupRetentionPeriod)")


RULE = Rule(
    id="OP01",
    slug="database-backups",
    title="Databases are protected from deletion and backed up",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "Deletion protection stops the one call that nobody can take back; backups of a week bring back what a faulty "
        "release or a person destroyed before anyone noticed."
    ),
    remediation="Set deletionProtection, and backupRetentionPeriod to 7 days or more.",
    link="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html",
    frameworks=(nist("CM-3"), nist("CP-9"), well_architected("REL09-BP03")),
    types=(
        "aws:rds/cluster:Cluster",
        "aws:rds/instance:Instance",
        "aws:docdb/cluster:Cluster",
        "aws:neptune/cluster:Cluster",
        *_GLOBAL,
    ),
    anchors=(
        *("CKV_AWS_133", "CKV_AWS_139", "CKV_AWS_293", "CKV_AWS_360", "CKV_AWS_361"),
        *("AwsSolutions-RDS10", "AwsSolutions-RDS13", "AWS-0077", "AWS-0177", "AWS-0343"),
        *("RDS_CLUSTER_DELETION_PROTECTION_ENABLED", "RDS_INSTANCE_DELETION_PROTECTION_ENABLED"),
        "DB_INSTANCE_BACKUP_ENABLED",
    ),
    check=_check,
    options=(
        Option(
            name="disposableStacks",
            description="Patterns of the stacks whose databases may be deleted with their data.",
        ),
        Option(
            name="backupDays",
            description="Least days that backups are kept, by patterns of stack names.",
            by_stack={"*": 7},
        ),
    ),
)
