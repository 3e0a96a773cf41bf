"""What AWS Backup may do for the platform: make and expire backups, and no restoring."""

from collections.abc import Sequence

from lib.iam import Statement, allow, document
from lib.naming import Target

BACKUPS = "awsbackup:*"
"""Names that AWS Backup gives to its snapshots (AWS managed policy AWSBackupServiceRolePolicyForBackup)."""


def backup_policy(target: Target, *, vault: str, arns: Sequence[str], use_key: Sequence[Statement]) -> str:
    """Lets AWS Backup back up these tables and databases into one vault.

    The actions are those of AWS's managed policy AWSBackupServiceRolePolicyForBackup for Aurora, RDS and DynamoDB,
    without what is for copies to other vaults, continuous backups and selection by tags, and on these resources only.

    Args:
        target: The account.
        vault: Name of the vault.
        arns: ARNs of DynamoDB tables, Aurora clusters and RDS instances.
        use_key: Statements that let it use the key of all of them.

    Raises:
        ValueError: An ARN is none of these.
    """
    return document(
        allow("Vault", ["backup:DescribeBackupVault"], [target.arn("backup", f"backup-vault:{vault}")]),
        allow("TagBackups", ["backup:TagResource"], [target.arn("backup", "recovery-point:*")]),
        *_tables([arn for arn in arns if _kind(arn) == "table"]),
        *_clusters(target, [arn for arn in arns if _kind(arn) == "cluster"]),
        *_instances(target, [arn for arn in arns if _kind(arn) == "db"]),
        *use_key,
    )


def _kind(arn: str) -> str:
    """`table`, `cluster` or `db`."""
    service, resource = arn.split(":", 5)[2::3]
    kind = resource.replace("/", ":").split(":")[0]
    if (service, kind) not in {("dynamodb", "table"), ("rds", "cluster"), ("rds", "db")}:
        raise ValueError(f"backup: {arn} is no DynamoDB table, Aurora cluster or RDS instance; leave it out")
    return kind


def _tables(arns: Sequence[str]) -> list[Statement]:
    if not arns:
        return []
    return [
        allow(
            "Tables",
            [
                *("dynamodb:CreateBackup", "dynamodb:DescribeTable", "dynamodb:ListTagsOfResource"),
                "dynamodb:StartAwsBackupJob",
            ],
            arns,
        ),
        allow(
            "BackupsOfTables",
            ["dynamodb:DeleteBackup", "dynamodb:DescribeBackup"],
            [f"{arn}/backup/*" for arn in arns],
        ),
    ]


def _clusters(target: Target, arns: Sequence[str]) -> list[Statement]:
    if not arns:
        return []
    snapshots = target.arn("rds", f"cluster-snapshot:{BACKUPS}")
    return [
        allow("SnapshotClusters", ["rds:CreateDBClusterSnapshot"], [*arns, snapshots]),
        allow("ClusterSnapshots", ["rds:AddTagsToResource", "rds:DeleteDBClusterSnapshot"], [snapshots]),
        # It asks for lists as well, not only for the one by its name.
        allow(
            "FindClusters",
            ["rds:DescribeDBClusterSnapshots", "rds:DescribeDBClusters", "rds:ListTagsForResource"],
            [target.arn("rds", "cluster:*"), target.arn("rds", "cluster-snapshot:*")],
        ),
    ]


def _instances(target: Target, arns: Sequence[str]) -> list[Statement]:
    if not arns:
        return []
    snapshots = target.arn("rds", f"snapshot:{BACKUPS}")
    return [
        allow("SnapshotInstances", ["rds:CreateDBSnapshot"], [*arns, snapshots]),
        allow("InstanceSnapshots", ["rds:AddTagsToResource", "rds:DeleteDBSnapshot"], [snapshots]),
        allow(
            "FindInstances",
            ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots", "rds:ListTagsForResource"],
            [target.arn("rds", "db:*"), target.arn("rds", "snapshot:*")],
        ),
    ]
