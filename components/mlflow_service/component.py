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
from components.fargate import Scaling, Service, Task, define_task, discover, run_service, scale
from components.http_api import Tokens
from components.images import ContainerImages
from components.load_balancer import LoadBalancer
from components.logs import log_group
from components.mlflow_service.containers import IMAGES, NGINX, VOLUMES, containers
from components.mlflow_service.tokens import tokens_parameter
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
        host: MLflow's own name, if it has one.
        tokens: Bearer tokens that the task takes; without them it asks for a password.
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
    host: str | None = None
    tokens: Tokens | None = None


class MlflowService(Component):
    """MLflow behind NGINX on Fargate, with basic authentication or bearer tokens.

    A task is three containers: one migrates the schema under a database lock, writes NGINX's password file and ends;
    MLflow serves 127.0.0.1; NGINX authenticates and passes on. With tokens there is no password, and a fourth container
    checks for NGINX what the API has checked already (docs/adr/0011-bearer-tokens.md). MLflow ends by itself when one
    of its secrets has a new version, and ECS starts a task with it.
    """

    credentials_secret_arn: pulumi.Output[str] | None
    """ARN of the secret with the basic-auth credentials (JSON `username`, `password`); None with tokens."""
    credentials_secret: str | None
    """Name of that secret, known at preview."""
    tokens_parameter: str | None
    """Name of the parameter with issuer and audience of the tokens; None with basic authentication."""
    discovery_arn: pulumi.Output[str]
    """ARN of the Cloud Map service."""
    cluster_name: pulumi.Output[str]
    """Name of the ECS cluster."""
    cluster_arn: pulumi.Output[str]
    """ARN of the ECS cluster."""
    namespace_id: pulumi.Output[str]
    """Id of the Cloud Map namespace."""
    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    def __init__(self, name: str, args: MlflowServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "mlflow", args.deployment, opts)
        self._settings = args.settings
        names = args.deployment.names
        self._log_group = names.path("mlflow")
        self._database_parameter = names.path("mlflow/database")
        self._group = security_group(self, name, vpc_id=args.network.vpc_id, description="MLflow's tasks")
        args.network.allow_aws_apis(self, name, self._group.id)
        args.database.allow(self, f"{name}-database", self._group.id)
        if args.load_balancer is not None:
            self.allow(self, f"{name}-load-balancer", args.load_balancer.security_group_id)

        self.credentials_secret_arn, proof = self._proof(name, args)
        parameter = args.database.address_parameter(self, f"{name}-database", self._database_parameter)
        logs = log_group(
            self,
            name,
            self._log_group,
            retention_days=args.settings.log_retention_days,
            key_arn=args.encryption.key_arn,
        )
        cluster, capacity = self._cluster(name)
        namespace, discovery = self._discovery(name, args)
        task = self._task(name, args)
        settings = args.settings
        service = run_service(
            self,
            name,
            Service(
                physical=SERVICE_NAME,
                cluster_arn=cluster.arn,
                task=task,
                desired_count=settings.desired_count,
                spot=settings.spot,
                network=args.network,
                security_group_id=self._group.id,
                discovery=discovery,
                container=NGINX,
                port=settings.proxy_port,
                target_group_arn=args.load_balancer.target_group_arn if args.load_balancer else None,
                triggers={
                    "artifacts": args.artifacts.ready,
                    **proof,
                    "database": args.database.resource_id,
                    "images": args.images.pushed(*IMAGES),
                },
                depends_on=[logs, parameter, capacity, *([args.load_balancer.listener] if args.load_balancer else [])],
            ),
        )
        scaling = Scaling(
            minimum=settings.desired_count,
            maximum=settings.max_count,
            cpu_percent=settings.target_cpu_percent,
            in_cooldown_seconds=settings.scale_in_cooldown_seconds,
            out_cooldown_seconds=settings.scale_out_cooldown_seconds,
        )
        scale(self, name, scaling, cluster_name=cluster.name, service=service)
        self.discovery_arn = discovery.arn
        self.cluster_name = cluster.name
        # Services of others name a capacity provider, which the cluster must have by then.
        self.cluster_arn = pulumi.Output.all(cluster.arn, capacity.id).apply(lambda values: str(values[0]))
        self.namespace_id = namespace.id
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

    def _proof(
        self, name: str, args: MlflowServiceArgs
    ) -> tuple[pulumi.Output[str] | None, dict[str, pulumi.Output[str]]]:
        """Makes what callers are checked against: its secret's ARN, if it is one, and what changes when it changes."""
        names = args.deployment.names
        if args.tokens is None:
            self.credentials_secret, self.tokens_parameter = names.of("mlflow-credentials"), None
            secret, version = self._credentials(name, args, self.credentials_secret)
            return secret.arn, {"credentials": version.version_id}
        self.credentials_secret, self.tokens_parameter = None, names.path("mlflow/tokens")
        parameter = tokens_parameter(
            self, f"{name}-tokens", path=self.tokens_parameter, tokens=args.tokens, encryption=args.encryption
        )
        return None, {"tokens": parameter.version.apply(str)}

    def _credentials(
        self, name: str, args: MlflowServiceArgs, physical: str
    ) -> tuple[aws.secretsmanager.Secret, aws.secretsmanager.SecretVersion]:
        secret = aws.secretsmanager.Secret(
            f"{name}-credentials",
            name=physical,
            description="User and password of MLflow's basic authentication",
            kms_key_id=args.encryption.key_arn,
            recovery_window_in_days=args.deployment.protection.secret_recovery_days,
            tags=self.merged_tags(physical),
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

    def _discovery(
        self, name: str, args: MlflowServiceArgs
    ) -> tuple[aws.servicediscovery.PrivateDnsNamespace, aws.servicediscovery.Service]:
        namespace = aws.servicediscovery.PrivateDnsNamespace(
            name,
            name=self._settings.namespace,
            description="Private DNS namespace of MLflow's tasks",
            vpc=args.network.vpc_id,
            tags=self.merged_tags(self._settings.namespace),
            opts=self._child,
        )
        service = discover(
            self,
            name,
            self._settings.service_name,
            namespace_id=namespace.id,
            records=["A" if args.load_balancer else "SRV"],
        )
        return namespace, service

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
                    "start": execution_policy(
                        target, log_group=self._log_group, images=[args.images.uris[image] for image in IMAGES]
                    )
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
                description="MLflow reads its secrets and its artifacts",
                trust=trust,
                policies={
                    "read": task_policy(
                        target,
                        bucket=args.artifacts.bucket,
                        prefix=args.artifacts.prefix,
                        credentials_secret=self.credentials_secret,
                        tokens_parameter=self.tokens_parameter,
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
            host=args.host,
            credentials_secret=self.credentials_secret,
            tokens_parameter=self.tokens_parameter,
            database_parameter=self._database_parameter,
            database_pauses=args.database_settings.auto_pauses,
            dual_stack=args.network.ipv6,
            log_group=self._log_group,
        )
        return define_task(
            self,
            name,
            Task(
                family=args.deployment.names.of("mlflow"),
                cpu=settings.cpu,
                memory=settings.memory,
                architecture=settings.cpu_architecture,
                execution_role_arn=execution.arn,
                task_role_arn=role.arn,
                volumes=list(VOLUMES),
                containers=definitions,
            ),
        )
