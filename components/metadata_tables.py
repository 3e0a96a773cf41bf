"""DynamoDB tables of users, groups, projects and datasets, and of MLflow's own metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from lib.documents.tables import table_access
from lib.iam import Statement
from lib.tables import TABLES, Access, Index, Table, TableName, physical_names
from settings.metadata_tables import BillingMode, MetadataTablesSettings


@dataclass(frozen=True, kw_only=True)
class MetadataTablesArgs:
    """The tables to make.

    Args:
        deployment: The stack.
        settings: Names, capacity and recovery.
        encryption: Key of the tables.
    """

    deployment: Deployment
    settings: MetadataTablesSettings
    encryption: Encryption


class MetadataTables(Component):
    """Eleven tables with their indexes; `lib/tables.py` says what each is asked."""

    names: Mapping[TableName, str]
    """Physical names by logical name such as `project-users`, known at preview."""
    arns: Mapping[str, pulumi.Output[str]]
    """ARNs of the tables once they exist, by the same ARNs as they are known at preview."""

    def __init__(self, name: str, args: MetadataTablesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metadata", args.deployment, opts)
        self._settings, self._encryption = args.settings, args.encryption
        prefix = args.settings.name_prefix
        prefix = f"{args.deployment.names.prefix}-" if prefix is None else prefix
        self.names = physical_names(prefix, args.settings.names)
        target, arns = args.deployment.target, dict[str, pulumi.Output[str]]()
        for table in TABLES:
            made = self._table(f"{name}-{table.name}", table)
            arns[target.arn("dynamodb", f"table/{self.names[table.name]}")] = made.arn
            if self._provisioned:
                self._scale(f"{name}-{table.name}", "table", made, "")
                for index in table.indexes:
                    self._scale(f"{name}-{table.name}-{index.name}", "index", made, f"/index/{index.name}")
        self.arns = arns
        self.register_outputs({"names": dict(self.names)})

    def access(self, *accesses: Access, partitions: Sequence[str] = (), sid: str = "") -> list[Statement]:
        """Statements that let a role ask these questions, with the use of the key that they need.

        Args:
            accesses: The questions and changes.
            partitions: Partitions that the role is confined to; all if empty (`table_access` has the details).
            sid: What the statements' names begin with, where a document has two sets of them.

        Raises:
            ValueError: There is no question.
        """
        statements = table_access(self._deployment.target, self.names, accesses, partitions=partitions, sid=sid)
        write = any(access.value.operation.writes for access in accesses)
        return [*statements, self._encryption.reference.use(f"{sid}TablesKey", "dynamodb", write=write)]

    @property
    def _provisioned(self) -> bool:
        return self._settings.billing_mode is BillingMode.PROVISIONED

    def _table(self, name: str, table: Table) -> aws.dynamodb.Table:
        settings, protection = self._settings, self._deployment.protection
        read, write = self._capacity()
        recovery = aws.dynamodb.TablePointInTimeRecoveryArgs(
            enabled=settings.point_in_time_recovery,
            recovery_period_in_days=settings.recovery_period_days if settings.point_in_time_recovery else None,
        )
        return aws.dynamodb.Table(
            name,
            name=self.names[table.name],
            attributes=[{"name": attribute, "type": type_} for attribute, type_ in table.keys.items()],
            hash_key=table.key.partition,
            range_key=table.key.sort,
            global_secondary_indexes=[self._index(index) for index in table.indexes],
            billing_mode=settings.billing_mode.value,
            read_capacity=read,
            write_capacity=write,
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True, kms_key_arn=self._encryption.key_arn
            ),
            point_in_time_recovery=recovery,
            ttl=aws.dynamodb.TableTtlArgs(enabled=True, attribute_name=table.ttl) if table.ttl else None,
            deletion_protection_enabled=protection.deletion_protection,
            tags=self.merged_tags(self.names[table.name]),
            opts=self._options(
                protect=protection.protect_resources,
                # Scaling changes them. Indexes keep theirs: DynamoDB asks for it when a table becomes provisioned.
                ignore_changes=["readCapacity", "writeCapacity"] if self._provisioned else None,
            ),
        )

    def _capacity(self) -> tuple[int | None, int | None]:
        """What tables and indexes begin with."""
        settings = self._settings
        return (settings.read_capacity.minimum, settings.write_capacity.minimum) if self._provisioned else (None, None)

    def _index(self, index: Index) -> aws.dynamodb.TableGlobalSecondaryIndexArgsDict:
        read, write = self._capacity()
        made: aws.dynamodb.TableGlobalSecondaryIndexArgsDict = {
            "name": index.name,
            "hash_key": index.key.partition,
            "projection_type": index.projection,
        }
        if index.key.sort is not None:
            made["range_key"] = index.key.sort
        if index.include:
            made["non_key_attributes"] = list(index.include)
        if read is not None and write is not None:
            made["read_capacity"], made["write_capacity"] = read, write
        return made

    def _scale(self, name: str, kind: str, table: aws.dynamodb.Table, path: str) -> None:
        """Read and write capacity of a table or index follow their use, each by itself."""
        settings = self._settings
        for use, capacity in (("Read", settings.read_capacity), ("Write", settings.write_capacity)):
            target = aws.appautoscaling.Target(
                f"{name}-{use.lower()}",
                service_namespace="dynamodb",
                scalable_dimension=f"dynamodb:{kind}:{use}CapacityUnits",
                resource_id=pulumi.Output.concat("table/", table.name, path),
                min_capacity=capacity.minimum,
                max_capacity=capacity.maximum,
                tags=self.merged_tags(f"{name}-{use.lower()}"),
                opts=self._child,
            )
            aws.appautoscaling.Policy(
                f"{name}-{use.lower()}",
                name=f"{use.lower()}-utilization",
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
                resource_id=target.resource_id,
                target_tracking_scaling_policy_configuration={
                    "predefined_metric_specification": {"predefined_metric_type": f"DynamoDB{use}CapacityUtilization"},
                    "target_value": settings.target_utilization_percent,
                },
                opts=self._child,
            )
