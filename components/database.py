"""A database that a service keeps its metadata in."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components.base import Component, Deployment
from components.encryption import Encryption
from components.logs import log_group
from components.network import Network
from components.roles import Role, RoleArgs
from components.security_group import connect, security_group
from lib.documents.database import ManagedSecret
from lib.documents.logs import enhanced_monitoring
from lib.iam import service_trust
from settings.database import DatabaseSettings, Engine
from settings.iam import IamSettings

LOG_EXPORTS = {
    Engine.AURORA_MYSQL: ("audit", "error", "slowquery"),
    Engine.AURORA_POSTGRESQL: ("postgresql",),
    Engine.POSTGRES: ("postgresql", "upgrade"),
}
PARAMETERS = {
    Engine.AURORA_MYSQL: {
        "require_secure_transport": "ON",
        "server_audit_logging": "1",
        "server_audit_events": "CONNECT,QUERY_DCL,QUERY_DDL",
        "slow_query_log": "1",
    },
    Engine.AURORA_POSTGRESQL: {"rds.force_ssl": "1"},
    Engine.POSTGRES: {"rds.force_ssl": "1"},
}
"""Connections without TLS are refused, and the exported logs are written (Amazon RDS and Aurora user guides)."""

IDLE_SESSION_SECONDS = 60
"""A session that a client's pool keeps open would keep a pausing PostgreSQL awake, so the server ends idle ones (Aurora
user guide, "Scaling to zero ACUs"; clients' pools replace them)."""
IDLE_TIMEOUT_SINCE = 14
"""First PostgreSQL with `idle_session_timeout`."""

PERFORMANCE_INSIGHTS_DAYS = 7
"""The retention that Performance Insights gives free of charge."""

BACKUP_WINDOW = "03:00-04:00"
MAINTENANCE_WINDOW = "sun:04:30-sun:05:30"


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """The database to make.

    Args:
        deployment: The stack.
        settings: Engine and capacity.
        iam: Path and prefix of the role of enhanced monitoring.
        network: Where it stands: in the isolated subnets.
        encryption: Key of storage, backups, logs and master secret.
        service: Whose it is, such as `MLflow`; its physical name ends with this in small letters.
    """

    deployment: Deployment
    settings: DatabaseSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    service: str


class Database(Component):
    """An Aurora Serverless v2 cluster or an RDS instance, whose master password RDS makes, keeps and rotates.

    The database refuses connections without TLS, is reachable only by security groups that `allow` names, and its
    password is never read by this program.
    """

    endpoint: pulumi.Output[str]
    """Host of the writer."""
    port: int
    """TCP port."""
    secret_arn: pulumi.Output[str]
    """ARN of the master secret (JSON `username`, `password`)."""
    arn: pulumi.Output[str]
    """ARN of the cluster or the instance."""
    resource_id: pulumi.Output[str]
    """Changes when the database is replaced."""
    managed_secret: ManagedSecret
    """The master secret as policy documents name it."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "database", args.deployment, opts)
        settings, deployment = args.settings, args.deployment
        self._settings = settings
        self._key_arn = args.encryption.key_arn
        self._service = args.service
        self._identifier = deployment.names.of(args.service.lower(), limit=50)
        self.port = settings.listener_port
        kind = "cluster" if settings.engine.is_aurora else "db"
        self.managed_secret = ManagedSecret(
            target=deployment.target, kind=kind, database_arn=deployment.target.arn("rds", f"{kind}:{self._identifier}")
        )
        self._group = security_group(self, name, vpc_id=args.network.vpc_id, description=f"{args.service}'s database")
        self._subnets = aws.rds.SubnetGroup(
            name,
            subnet_ids=args.network.isolated_subnet_ids,
            description=f"Database of {deployment.names.prefix}",
            tags=self.merged_tags(name),
            opts=self._child,
        )
        self._monitoring_role = self._monitoring(name, args) if settings.monitoring_interval_seconds else None
        self._final_snapshot = self._final_snapshot_identifier(name)
        logs = self._log_groups(name)
        database = self._cluster(name, logs) if settings.engine.is_aurora else self._instance(name, logs)
        self.endpoint = database.endpoint if isinstance(database, aws.rds.Cluster) else database.address
        self.secret_arn = database.master_user_secrets.apply(lambda secrets: str(secrets[0].secret_arn))
        self.arn = database.arn
        self.resource_id = (
            database.cluster_resource_id if isinstance(database, aws.rds.Cluster) else database.resource_id
        )
        self.register_outputs({"endpoint": self.endpoint, "secret_arn": self.secret_arn})

    def allow(self, owner: Component, name: str, source: pulumi.Input[str]) -> list[pulumi.Resource]:
        """Lets members of the security group `source` connect to the database; gives the rules."""
        return connect(
            owner,
            name,
            source=source,
            destination=self._group.id,
            port=self.port,
            purpose=f"{self._service} to its database",
        )

    def address_parameter(self, owner: Component, name: str, path: str) -> aws.ssm.Parameter:
        """Makes a parameter with everything but the password, for tasks that read it when they start.

        So their definition is known at preview.

        Args:
            owner: Component that it belongs to.
            name: Name of the resource.
            path: Name of the parameter.
        """
        address = {
            "engine": "mysql" if self._settings.engine.is_mysql else "postgresql",
            "host": self.endpoint,
            "port": self.port,
            "dbname": self._settings.database_name,
            "secretArn": self.secret_arn,
        }
        return aws.ssm.Parameter(
            name,
            name=path,
            type="SecureString",
            key_id=self._key_arn,
            description=f"Address of {self._service}'s database and ARN of its secret",
            value=pulumi.Output.json_dumps(address),
            tags=owner.merged_tags(path),
            opts=pulumi.ResourceOptions(parent=owner),
        )

    def _monitoring(self, name: str, args: DatabaseArgs) -> pulumi.Output[str]:
        """ARN of the role by which RDS writes what enhanced monitoring measures."""
        target = args.deployment.target
        role = Role(
            f"{name}-monitoring",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=f"{name}-monitoring",
                description=f"Enhanced monitoring of {args.service}'s database",
                trust=service_trust(target, "monitoring.rds"),
                policies={"write": enhanced_monitoring(target)},
            ),
            opts=self._child,
        )
        return role.arn

    def _log_groups(self, name: str) -> list[pulumi.Resource]:
        """RDS would make them itself, without retention and key."""
        kind = "cluster" if self._settings.engine.is_aurora else "instance"
        return [
            log_group(
                self,
                f"{name}-{log}",
                f"/aws/rds/{kind}/{self._identifier}/{log}",
                retention_days=self._settings.log_retention_days,
                key_arn=self._key_arn,
            )
            for log in LOG_EXPORTS[self._settings.engine]
        ]

    def _final_snapshot_identifier(self, name: str) -> pulumi.Output[str] | None:
        """A name of its own for each database, so that a second one leaves its snapshot beside the first's."""
        if not self._deployment.protection.final_snapshot:
            return None
        suffix = random.RandomId(f"{name}-final-snapshot", byte_length=4, opts=self._child)
        return pulumi.Output.concat(self._identifier, "-final-", suffix.hex)

    def _cluster(self, name: str, logs: list[pulumi.Resource]) -> aws.rds.Cluster:
        settings, protection = self._settings, self._deployment.protection
        parameters = aws.rds.ClusterParameterGroup(
            name,
            family=_family(settings),
            description=f"TLS required by {self._identifier}",
            parameters=_parameters(settings),
            tags=self.merged_tags(name),
            opts=self._child,
        )
        cluster = aws.rds.Cluster(
            name,
            cluster_identifier=self._identifier,
            engine=settings.engine.value,
            engine_mode="provisioned",
            engine_version=settings.version,
            database_name=settings.database_name,
            port=settings.listener_port,
            master_username=settings.master_username,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self._key_arn,
            storage_encrypted=True,
            kms_key_id=self._key_arn,
            # Opens nothing until somebody is granted rds-db:connect, and then spares them a password.
            iam_database_authentication_enabled=True,
            db_subnet_group_name=self._subnets.name,
            vpc_security_group_ids=[self._group.id],
            db_cluster_parameter_group_name=parameters.name,
            serverlessv2_scaling_configuration=aws.rds.ClusterServerlessv2ScalingConfigurationArgs(
                min_capacity=settings.min_acu,
                max_capacity=settings.max_acu,
                seconds_until_auto_pause=settings.seconds_until_auto_pause if settings.auto_pauses else None,
            ),
            enabled_cloudwatch_logs_exports=list(LOG_EXPORTS[settings.engine]),
            backup_retention_period=protection.backup_retention_days,
            preferred_backup_window=BACKUP_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            copy_tags_to_snapshot=True,
            deletion_protection=protection.deletion_protection,
            skip_final_snapshot=not protection.final_snapshot,
            final_snapshot_identifier=self._final_snapshot,
            apply_immediately=True,
            tags=self.merged_tags(self._identifier),
            opts=self._options(protect=protection.protect_resources, depends_on=logs),
        )
        for index in range(settings.instances):
            aws.rds.ClusterInstance(
                f"{name}-{index + 1}",
                cluster_identifier=cluster.id,
                engine=aws.rds.EngineType(settings.engine.value),
                engine_version=cluster.engine_version_actual,
                instance_class="db.serverless",
                publicly_accessible=False,
                db_subnet_group_name=self._subnets.name,
                promotion_tier=min(index, 1),  # tiers 0 and 1 scale with the writer
                auto_minor_version_upgrade=not _pinned(settings),
                copy_tags_to_snapshot=True,
                performance_insights_enabled=settings.performance_insights,
                performance_insights_kms_key_id=self._key_arn if settings.performance_insights else None,
                performance_insights_retention_period=(
                    PERFORMANCE_INSIGHTS_DAYS if settings.performance_insights else None
                ),
                monitoring_interval=settings.monitoring_interval_seconds,
                monitoring_role_arn=self._monitoring_role,
                apply_immediately=True,
                tags=self.merged_tags(f"{self._identifier}-{index + 1}"),
                opts=self._stateful(),
            )
        return cluster

    def _instance(self, name: str, logs: list[pulumi.Resource]) -> aws.rds.Instance:
        settings, protection = self._settings, self._deployment.protection
        parameters = aws.rds.ParameterGroup(
            name,
            family=_family(settings),
            description=f"TLS required by {self._identifier}",
            parameters=_parameters(settings),
            tags=self.merged_tags(name),
            opts=self._child,
        )
        return aws.rds.Instance(
            name,
            identifier=self._identifier,
            engine=settings.engine.value,
            engine_version=settings.version,
            instance_class=settings.instance_class,
            allocated_storage=settings.allocated_storage,
            max_allocated_storage=settings.max_allocated_storage,
            storage_type="gp3",
            db_name=settings.database_name,
            port=settings.listener_port,
            username=settings.master_username,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self._key_arn,
            storage_encrypted=True,
            kms_key_id=self._key_arn,
            iam_database_authentication_enabled=True,
            multi_az=settings.multi_az,
            publicly_accessible=False,
            db_subnet_group_name=self._subnets.name,
            vpc_security_group_ids=[self._group.id],
            parameter_group_name=parameters.name,
            enabled_cloudwatch_logs_exports=list(LOG_EXPORTS[settings.engine]),
            backup_retention_period=protection.backup_retention_days,
            backup_window=BACKUP_WINDOW,
            maintenance_window=MAINTENANCE_WINDOW,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not protection.protect_resources,
            deletion_protection=protection.deletion_protection,
            skip_final_snapshot=not protection.final_snapshot,
            final_snapshot_identifier=self._final_snapshot,
            auto_minor_version_upgrade=not _pinned(settings),
            performance_insights_enabled=settings.performance_insights,
            performance_insights_kms_key_id=self._key_arn if settings.performance_insights else None,
            performance_insights_retention_period=PERFORMANCE_INSIGHTS_DAYS if settings.performance_insights else None,
            monitoring_interval=settings.monitoring_interval_seconds,
            monitoring_role_arn=self._monitoring_role,
            apply_immediately=True,
            tags=self.merged_tags(self._identifier),
            opts=self._options(protect=protection.protect_resources, depends_on=logs),
        )


def _parameters(settings: DatabaseSettings) -> list[aws.rds.ClusterParameterGroupParameterArgsDict]:
    """The same for clusters and instances."""
    ends_sessions = settings.auto_pauses and not settings.engine.is_mysql and _major(settings) >= IDLE_TIMEOUT_SINCE
    idle = {"idle_session_timeout": str(IDLE_SESSION_SECONDS * 1000)} if ends_sessions else {}
    return [
        {"name": name, "value": value, "apply_method": "immediate"}
        for name, value in sorted({**PARAMETERS[settings.engine], **idle}.items())
    ]


def _family(settings: DatabaseSettings) -> str:
    """Parameter group family, such as `aurora-mysql8.0` or `postgres16`."""
    return f"{settings.engine.value}{'8.0' if settings.engine.is_mysql else _major(settings)}"


def _major(settings: DatabaseSettings) -> int:
    """Major version of a PostgreSQL engine."""
    return int(settings.version.split(".")[0])


def _pinned(settings: DatabaseSettings) -> bool:
    """Whether a minor version is named, which RDS must then not change by itself."""
    return "." in settings.version
