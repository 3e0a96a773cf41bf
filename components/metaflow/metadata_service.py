"""The metadata service: its task, what leads to it inside the VPC, and the migration before it."""

from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.database import Database
from components.encryption import Encryption
from components.fargate import TEMPORARY, Scaling, Service, Task, define_task, discover, run_service, scale
from components.images import ContainerImages
from components.logs import log_group
from components.metaflow.containers import METADATA, METADATA_PORT, MIGRATION, STREAM, Common, metadata, migration
from components.metaflow.load_balancer import PORT, InternalLoadBalancer, InternalLoadBalancerArgs
from components.metaflow.migration import Migration, MigrationArgs
from components.mlflow_service import MlflowService
from components.network import Network
from components.roles import Role, RoleArgs, role_arn
from components.security_group import connect, security_group
from lib.documents.metaflow import service_policy
from lib.documents.mlflow import execution_policy
from lib.iam import service_trust
from settings.iam import IamSettings
from settings.metaflow import MetaflowSettings

SERVICE_NAME = "metadata-service"
"""Name of the ECS service, unique in its cluster."""

DISCOVERY_NAME = "metaflow"
"""Name of the tasks in the Cloud Map namespace, where there is no load balancer."""

TASK_ROLE, EXECUTION_ROLE = "metaflow-metadata", "metaflow-execution"
"""Suffixes of the roles' names."""

IMAGE = "metaflow"
"""Name of the service's image among the platform's."""

COOLDOWN_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class MetadataServiceArgs:
    """The service to make.

    Args:
        deployment: The stack.
        settings: Size, scaling, and what leads to it.
        iam: How its roles are named.
        network: Where its tasks run: in the private subnets.
        encryption: Key of its logs.
        database: Its database.
        images: The platform's images.
        mlflow: Whose cluster and Cloud Map namespace it uses.
        namespace: Name of that namespace.
        migration_source: Folder of the migration's function (`services/metaflow-migration`).
        code_bucket: Bucket that the function's code goes through.
    """

    deployment: Deployment
    settings: MetaflowSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    database: Database
    images: ContainerImages
    mlflow: MlflowService
    namespace: str
    migration_source: Path
    code_bucket: pulumi.Input[str]


class MetadataService(Component):
    """The public metadata service on Fargate, behind an internal load balancer or found by its name.

    Its schema is brought to the image's version by a task of its own before the first of its tasks starts; a failed
    migration fails the deployment, and the running tasks stay.
    """

    internal_url: pulumi.Output[str]
    """`METAFLOW_SERVICE_INTERNAL_URL`: address inside the VPC, with a slash at its end."""
    integration_uri: pulumi.Output[str]
    """What an HTTP API's VPC link leads to: the listener, or the Cloud Map service."""
    load_balancer: InternalLoadBalancer | None
    """The load balancer, if there is one."""
    migration_function: pulumi.Output[str]
    """Name of the function that migrates (`MigrationFunctionName`)."""
    common: Common
    """What its containers have in common, for the UI's."""
    execution_role_arn: pulumi.Output[str]
    """Role with which ECS starts its tasks, and the UI's."""

    def __init__(self, name: str, args: MetadataServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        self._args = args
        names, settings = args.deployment.names, args.settings.service
        self.common = Common(
            target=args.deployment.target,
            image=args.images.uris[IMAGE],
            database_parameter=names.path("metaflow/database"),
            database_pauses=args.settings.database.auto_pauses,
            dual_stack=args.network.ipv6,
            log_group=names.path("metaflow/service"),
        )
        self._group = security_group(self, name, vpc_id=args.network.vpc_id, description="Metaflow's metadata service")
        rules = args.network.allow_aws_apis(self, name, self._group.id)
        rules += args.database.allow(self, f"{name}-database", self._group.id)
        logs = log_group(
            self,
            name,
            self.common.log_group,
            retention_days=settings.log_retention_days,
            key_arn=args.encryption.key_arn,
        )
        parameter = args.database.address_parameter(self, f"{name}-database", self.common.database_parameter)
        self.execution_role_arn, task_role_arn = self._roles(name)
        # A cluster of Aurora is there long before its first instance, and a migration does not wait that long. Nor is
        # its task tried again, as a service's is, where it can reach nothing yet.
        migrated = self._migration(name, task_role_arn, [logs, parameter, args.database, *rules])
        self.migration_function = migrated.function_name
        self.load_balancer = self._load_balancer(name) if args.settings.has_load_balancer else None
        discovery = None if self.load_balancer else self._discovery(name)
        service = run_service(
            self,
            name,
            Service(
                physical=SERVICE_NAME,
                cluster_arn=args.mlflow.cluster_arn,
                task=self._task(name, task_role_arn),
                desired_count=settings.desired_count,
                spot=settings.spot,
                network=args.network,
                security_group_id=self._group.id,
                container=METADATA,
                port=METADATA_PORT,
                discovery=discovery,
                target_group_arn=self.load_balancer.target_group_arn if self.load_balancer else None,
                triggers={
                    "database": args.database.resource_id,
                    "images": args.images.pushed(IMAGE),
                },
                depends_on=[logs, parameter, migrated, *([self.load_balancer.listener] if self.load_balancer else [])],
            ),
        )
        scaling = Scaling(
            minimum=settings.desired_count,
            maximum=settings.max_count,
            cpu_percent=settings.target_cpu_percent,
            in_cooldown_seconds=COOLDOWN_SECONDS,
            out_cooldown_seconds=COOLDOWN_SECONDS,
        )
        scale(self, name, scaling, cluster_name=args.mlflow.cluster_name, service=service)
        if self.load_balancer is not None:
            self.internal_url = pulumi.Output.concat("http://", self.load_balancer.dns_name, "/")
            self.integration_uri = self.load_balancer.listener.arn
        else:
            host = f"{DISCOVERY_NAME}.{args.namespace}"
            self.internal_url = pulumi.Output.from_input(f"http://{host}:{METADATA_PORT}/")
            self.integration_uri = discovery.arn if discovery else pulumi.Output.from_input("")
        self.register_outputs({"internal_url": self.internal_url})

    def allow(self, owner: Component, name: str, source: pulumi.Input[str]) -> None:
        """Lets members of the security group `source` reach the service by its internal address."""
        balancer = self.load_balancer
        connect(
            owner,
            name,
            source=source,
            destination=balancer.security_group_id if balancer else self._group.id,
            port=PORT if balancer else METADATA_PORT,
            purpose="To Metaflow's metadata service",
        )

    def _roles(self, name: str) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
        args, target = self._args, self._deployment.target
        trust = service_trust(target, "ecs-tasks")
        execution = Role(
            f"{name}-execution",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=EXECUTION_ROLE,
                description="ECS starts the metadata service's and the UI's tasks: images and logs",
                trust=trust,
                policies={
                    "start": execution_policy(target, log_group=self.common.log_group, images=[self.common.image])
                },
            ),
            opts=self._child,
        )
        task = Role(
            f"{name}-task",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=TASK_ROLE,
                description="The metadata service and its migration read their database's secret",
                trust=trust,
                policies={
                    "read": service_policy(
                        target=target,
                        database_secret=args.database.managed_secret,
                        database_parameter=self.common.database_parameter,
                        use_key=args.encryption.reference.use("Key", "secretsmanager", "ssm"),
                    )
                },
            ),
            opts=self._child,
        )
        return execution.arn, task.arn

    def _migration(self, name: str, task_role_arn: pulumi.Output[str], depends_on: list[pulumi.Resource]) -> Migration:
        args, settings = self._args, self._args.settings.service
        family = args.deployment.names.of("metaflow-migration")
        task = define_task(
            self,
            f"{name}-migration",
            Task(
                family=family,
                cpu=settings.cpu,
                memory=settings.memory,
                architecture=settings.cpu_architecture,
                execution_role_arn=self.execution_role_arn,
                task_role_arn=task_role_arn,
                volumes=list(TEMPORARY),
                containers=[migration(self.common)],
            ),
        )
        return Migration(
            f"{name}-migration",
            MigrationArgs(
                deployment=args.deployment,
                iam=args.iam,
                encryption=args.encryption,
                network=args.network,
                security_group_id=self._group.id,
                cluster_name=args.deployment.names.prefix,
                cluster_arn=args.mlflow.cluster_arn,
                family=family,
                task=task,
                container=MIGRATION,
                roles=[role_arn(args.deployment, args.iam, suffix) for suffix in (TASK_ROLE, EXECUTION_ROLE)],
                log_group=self.common.log_group,
                stream_prefix=STREAM,
                source=args.migration_source,
                code_bucket=args.code_bucket,
                log_retention_days=settings.log_retention_days,
                architecture=settings.cpu_architecture,
                triggers={
                    "database": args.database.resource_id,
                    "image": args.images.pushed(IMAGE),
                },
                depends_on=depends_on,
            ),
            opts=self._child,
        )

    def _load_balancer(self, name: str) -> InternalLoadBalancer:
        balancer = InternalLoadBalancer(
            f"{name}-load-balancer",
            InternalLoadBalancerArgs(
                deployment=self._deployment, network=self._args.network, target_port=METADATA_PORT
            ),
            opts=self._child,
        )
        connect(
            self,
            f"{name}-targets",
            source=balancer.security_group_id,
            destination=self._group.id,
            port=METADATA_PORT,
            purpose="Load balancer to the metadata service",
        )
        return balancer

    def _discovery(self, name: str) -> aws.servicediscovery.Service:
        """Jobs look up the address; the HTTP API finds the port in the SRV entry."""
        return discover(self, name, DISCOVERY_NAME, namespace_id=self._args.mlflow.namespace_id, records=["A", "SRV"])

    def _task(self, name: str, task_role_arn: pulumi.Output[str]) -> aws.ecs.TaskDefinition:
        settings = self._args.settings.service
        return define_task(
            self,
            name,
            Task(
                family=self._deployment.names.of("metaflow-metadata"),
                cpu=settings.cpu,
                memory=settings.memory,
                architecture=settings.cpu_architecture,
                execution_role_arn=self.execution_role_arn,
                task_role_arn=task_role_arn,
                volumes=list(TEMPORARY),
                containers=[metadata(self.common, pool_max=settings.pool_max)],
            ),
        )
