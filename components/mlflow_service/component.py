"""The MLflow tracking server: cluster, roles, secrets, task, service, scaling."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components.artifact_store import ArtifactStore
from components.base import Component, Deployment
from components.database import Database
from components.encryption import Encryption
from components.images import ContainerImages
from components.load_balancer import LoadBalancer
from components.mlflow_service.containers import NGINX, VOLUMES, containers
from components.network import Network
from components.roles import Role, RoleArgs
from components.security_group import connect, security_group
from lib.documents.mlflow import execution_policy, task_policy
from lib.iam import service_trust
from settings.database import DatabaseSettings
from settings.iam import IamSettings
from settings.mlflow import MlflowSettings

PASSWORD_LENGTH = 32
"""Letters and digits: 190 bits, and nothing that a shell, a URL or a password file would take amiss."""

SERVICE_NAME = "mlflow"
"""Name of the ECS service, unique in its cluster; the scaling target's id is made of both."""


@dataclass(frozen=True, kw_only=True)
class MlflowServiceArgs:
    """The server to make.

    Args:
        deployment: The stack.
        settings: Size, scaling and limits.
        iam: How roles are named.
        network: Where tasks run: in the private subnets.
        encryption: Key of secrets and logs.
        database: Where metadata goes.
        database_settings: Engine and name of the database.
        artifacts: Where artifacts go.
        images: The containers' images.
        load_balancer: What registers the tasks; without it they are found by Cloud Map alone.
    """

    deployment: Deployment
    settings: MlflowSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    database: Database
    database_settings: DatabaseSettings
    artifacts: ArtifactStore
    images: ContainerImages
    load_balancer: LoadBalancer | None


class MlflowService(Component):
    """MLflow behind NGINX on Fargate, with basic authentication.

    A task is three containers: one migrates the schema under a database lock, writes NGINX's password file and ends;
    MLflow serves 127.0.0.1; NGINX authenticates and passes on. MLflow ends by itself when one of its secrets has a new
    version, and ECS starts a task with it.
    """

    credentials_secret_arn: pulumi.Output[str]
    """ARN of the secret with the basic-auth credentials (JSON `username`, `password`)."""
    credentials_secret: str
    """Name of that secret, known at preview."""
    discovery_arn: pulumi.Output[str]
    """ARN of the Cloud Map service."""
    cluster_name: pulumi.Output[str]
    """Name of the ECS cluster."""
    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    def __init__(self, name: str, args: MlflowServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "mlflow", args.deployment, opts)
        self._settings = args.settings
        names = args.deployment.names
        self._log_group = names.path("mlflow")
        self._database_parameter = names.path("mlflow/database")
        self.credentials_secret = names.of("mlflow-credentials")
        self._group = security_group(self, name, vpc_id=args.network.vpc_id, description="MLflow's tasks")
        args.network.allow_aws_apis(self, name, self._group.id)
        args.database.allow(self, f"{name}-database", self._group.id)
        if args.load_balancer is not None:
            self.allow(self, f"{name}-load-balancer", args.load_balancer.security_group_id)

        credentials, credentials_version = self._credentials(name, args)
        parameter = self._database_address(name, args)
        logs = aws.cloudwatch.LogGroup(
            name,
            name=self._log_group,
            retention_in_days=args.settings.log_retention_days,
            kms_key_id=args.encryption.key_arn,
            tags=self.merged_tags(self._log_group),
            opts=self._child,
        )
        cluster, capacity = self._cluster(name)
        discovery = self._discovery(name, args)
        task = self._task(name, args)
        service = self._service(
            name,
            args,
            cluster=cluster,
            task=task,
            discovery=discovery,
            # What a task reads when it starts: a change rolls the service, which the task definition does not show.
            triggers={
                "artifacts": args.artifacts.ready,
                "credentials": credentials_version.version_id,
                "database": args.database.resource_id,
                "images": args.images.ready.apply(lambda uris: ",".join(uris.values())),
            },
            depends_on=[logs, parameter, capacity, *([args.load_balancer.listener] if args.load_balancer else [])],
        )
        self._scaling(name, cluster, service)
        self.credentials_secret_arn = credentials.arn
        self.discovery_arn = discovery.arn
        self.cluster_name = cluster.name
        self.service_name = service.name
        self.register_outputs(
            {"credentials_secret_arn": self.credentials_secret_arn, "discovery_arn": self.discovery_arn}
        )

    def allow(self, owner: Component, name: str, source: pulumi.Input[str]) -> None:
        """Lets members of the security group `source` reach NGINX."""
        connect(
            owner,
            name,
            source=source,
            destination=self._group.id,
            port=self._settings.proxy_port,
            purpose="To MLflow's authenticating proxy",
        )

    def _credentials(
        self, name: str, args: MlflowServiceArgs
    ) -> tuple[aws.secretsmanager.Secret, aws.secretsmanager.SecretVersion]:
        secret = aws.secretsmanager.Secret(
            f"{name}-credentials",
            name=self.credentials_secret,
            description="User and password of MLflow's basic authentication",
            kms_key_id=args.encryption.key_arn,
            recovery_window_in_days=args.deployment.protection.secret_recovery_days,
            tags=self.merged_tags(self.credentials_secret),
            opts=self._stateful(),
        )
        if args.settings.password is not None:
            password = pulumi.Output.secret(args.settings.password.get_secret_value())
        else:
            password = random.RandomPassword(
                f"{name}-password", length=PASSWORD_LENGTH, special=False, opts=self._child
            ).result
        username = args.settings.username
        version = aws.secretsmanager.SecretVersion(
            f"{name}-credentials",
            secret_id=secret.id,
            secret_string=password.apply(lambda value: json.dumps({"username": username, "password": value})),
            opts=self._child,
        )
        return secret, version

    def _database_address(self, name: str, args: MlflowServiceArgs) -> aws.ssm.Parameter:
        """Everything but the password; tasks read it at start, so that their definition is known at preview."""
        database, settings = args.database, args.database_settings
        address = {
            "engine": "mysql" if settings.engine.is_mysql else "postgresql",
            "host": database.endpoint,
            "port": database.port,
            "dbname": settings.database_name,
            "secretArn": database.secret_arn,
        }
        return aws.ssm.Parameter(
            f"{name}-database",
            name=self._database_parameter,
            type="SecureString",
            key_id=args.encryption.key_arn,
            description="Address of MLflow's database and ARN of its secret",
            value=pulumi.Output.json_dumps(address),
            tags=self.merged_tags(self._database_parameter),
            opts=self._child,
        )

    def _cluster(self, name: str) -> tuple[aws.ecs.Cluster, aws.ecs.ClusterCapacityProviders]:
        cluster = aws.ecs.Cluster(
            name,
            name=self._deployment.names.prefix,
            settings=[{"name": "containerInsights", "value": self._settings.container_insights.value}],
            tags=self.merged_tags(name),
            opts=self._child,
        )
        capacity = aws.ecs.ClusterCapacityProviders(
            name, cluster_name=cluster.name, capacity_providers=["FARGATE", "FARGATE_SPOT"], opts=self._child
        )
        return cluster, capacity

    def _discovery(self, name: str, args: MlflowServiceArgs) -> aws.servicediscovery.Service:
        namespace = aws.servicediscovery.PrivateDnsNamespace(
            name,
            name=self._settings.namespace,
            description="Private DNS namespace of MLflow's tasks",
            vpc=args.network.vpc_id,
            tags=self.merged_tags(self._settings.namespace),
            opts=self._child,
        )
        # The API finds a task's port only in an SRV registration (API Gateway developer guide, "private integrations").
        record = "A" if args.load_balancer else "SRV"
        return aws.servicediscovery.Service(
            name,
            name=self._settings.service_name,
            dns_config={
                "namespace_id": namespace.id,
                "routing_policy": "MULTIVALUE",
                "dns_records": [{"type": record, "ttl": 10}],
            },
            force_destroy=True,
            tags=self.merged_tags(self._settings.service_name),
            opts=self._child,
        )

    def _task(self, name: str, args: MlflowServiceArgs) -> aws.ecs.TaskDefinition:
        target, settings = args.deployment.target, args.settings
        trust = service_trust(target, "ecs-tasks")
        execution = Role(
            f"{name}-execution",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix="mlflow-execution",
                description="ECS starts MLflow's tasks: images and logs",
                trust=trust,
                policies={
                    "start": execution_policy(target, log_group=self._log_group, images=list(args.images.uris.values()))
                },
            ),
            opts=self._child,
        )
        role = Role(
            f"{name}-task",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix="mlflow-task",
                description="MLflow reads its two secrets and its artifacts",
                trust=trust,
                policies={
                    "read": task_policy(
                        target,
                        bucket=args.artifacts.bucket,
                        prefix=args.artifacts.prefix,
                        credentials_secret=self.credentials_secret,
                        database_secret=args.database.managed_secret,
                        database_parameter=self._database_parameter,
                        use_key=args.encryption.reference.use("Key", "s3", "secretsmanager", "ssm"),
                    )
                },
            ),
            opts=self._child,
        )
        definitions = containers(
            target,
            settings,
            images=dict(args.images.uris),
            artifact_root=args.artifacts.root,
            credentials_secret=self.credentials_secret,
            database_parameter=self._database_parameter,
            database_pauses=args.database_settings.auto_pauses,
            dual_stack=args.network.ipv6,
            log_group=self._log_group,
        )
        return aws.ecs.TaskDefinition(
            name,
            family=args.deployment.names.of("mlflow"),
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(settings.cpu),
            memory=str(settings.memory),
            runtime_platform={
                "operating_system_family": "LINUX",
                "cpu_architecture": settings.cpu_architecture.value,
            },
            execution_role_arn=execution.arn,
            task_role_arn=role.arn,
            volumes=[{"name": volume} for volume in VOLUMES],
            container_definitions=json.dumps(definitions),
            tags=self.merged_tags(name),
            opts=self._child,
        )

    def _service(
        self,
        name: str,
        args: MlflowServiceArgs,
        *,
        cluster: aws.ecs.Cluster,
        task: aws.ecs.TaskDefinition,
        discovery: aws.servicediscovery.Service,
        triggers: dict[str, pulumi.Output[str]],
        depends_on: list[pulumi.Resource],
    ) -> aws.ecs.Service:
        settings, balancer = self._settings, args.load_balancer
        return aws.ecs.Service(
            name,
            name=SERVICE_NAME,
            cluster=cluster.arn,
            task_definition=task.arn,
            desired_count=settings.desired_count,
            capacity_provider_strategies=[
                {"capacity_provider": "FARGATE_SPOT" if settings.spot else "FARGATE", "weight": 1}
            ],
            platform_version="LATEST",
            network_configuration={
                "subnets": args.network.private_subnet_ids,
                "security_groups": [self._group.id],
                "assign_public_ip": False,
            },
            load_balancers=(
                [
                    {
                        "target_group_arn": balancer.target_group_arn,
                        "container_name": NGINX,
                        "container_port": settings.proxy_port,
                    }
                ]
                if balancer
                else None
            ),
            health_check_grace_period_seconds=180 if balancer else None,
            service_registries=aws.ecs.ServiceServiceRegistriesArgs(
                registry_arn=discovery.arn,
                # An SRV registration names the port, an A registration may not.
                container_name=None if balancer else NGINX,
                container_port=None if balancer else settings.proxy_port,
            ),
            deployment_circuit_breaker={"enable": True, "rollback": True},
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            force_new_deployment=True,
            triggers=triggers,
            wait_for_steady_state=True,
            tags=self.merged_tags(name),
            # Scaling moves the count between desiredCount and maxCount.
            opts=self._options(depends_on=depends_on, ignore_changes=["desiredCount"], delete_before_replace=True),
        )

    def _scaling(self, name: str, cluster: aws.ecs.Cluster, service: aws.ecs.Service) -> None:
        settings = self._settings
        target = aws.appautoscaling.Target(
            name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", cluster.name, "/", service.name),
            min_capacity=settings.desired_count,
            max_capacity=settings.max_count,
            tags=self.merged_tags(name),
            opts=self._child,
        )
        aws.appautoscaling.Policy(
            f"{name}-cpu",
            name="cpu",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
                "target_value": settings.target_cpu_percent,
                "scale_in_cooldown": settings.scale_in_cooldown_seconds,
                "scale_out_cooldown": settings.scale_out_cooldown_seconds,
            },
            opts=self._child,
        )
