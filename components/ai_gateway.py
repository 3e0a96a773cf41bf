"""The MLflow AI Gateway: a second Fargate service behind an API of its own."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.fargate import Container, Scaling, Service, Task, define_task, discover, run_service, scale
from components.http_api import HttpApi, Tokens
from components.images import ContainerImages
from components.logs import log_group
from components.mlflow_routes import PrivateLink, private_integration
from components.mlflow_service import MlflowService
from components.mlflow_service.containers import (
    AUTHORISER,
    AUTHORISER_ADDRESS,
    IMAGES,
    NGINX,
    VOLUMES,
    authoriser,
    container,
    proxy,
)
from components.mlflow_service.tokens import tokens_parameter
from components.network import Network
from components.roles import Role, RoleArgs
from components.security_group import connect, security_group
from lib.ai_gateway import configuration, secrets
from lib.bedrock import out_of_reach
from lib.documents.ai_gateway import gateway_policy
from lib.documents.mlflow import execution_policy
from lib.iam import service_trust
from settings.ai_gateway import AiGatewaySettings
from settings.iam import IamSettings
from settings.mlflow import MlflowSettings

GATEWAY = "gatewayContainer"
"""Name of the container that runs the gateway."""

SERVICE_NAME = "ai-gateway"
"""Name of the ECS service and of the Cloud Map service, each unique in what it is in."""


@dataclass(frozen=True, kw_only=True)
class AiGatewayArgs:
    """The gateway to make.

    Args:
        deployment: The stack.
        settings: Endpoints, size and scaling.
        mlflow_settings: Ports, architecture and Cloud Map namespace that it shares with MLflow.
        iam: How its roles are named.
        network: Where its tasks run: in the private subnets.
        encryption: Key of its logs.
        images: MLflow's and NGINX's images, which it shares.
        mlflow: Whose cluster, namespace and token parameter it uses.
        api: The HTTP API that leads to it.
        tokens: Bearer tokens that it takes.
        link: How the API reaches into the VPC.
    """

    deployment: Deployment
    settings: AiGatewaySettings
    mlflow_settings: MlflowSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    images: ContainerImages
    mlflow: MlflowService
    api: HttpApi
    tokens: Tokens
    link: PrivateLink


class AiGateway(Component):
    """The gateway behind NGINX on Fargate, found by Cloud Map, with tokens checked at the API and in the task.

    A task is three containers: the gateway serves 127.0.0.1, the authoriser checks tokens, NGINX asks it and passes on.
    Keys of providers reach the gateway's process alone; it ends by itself when one rotates.
    """

    service_name: pulumi.Output[str]
    """Name of the ECS service."""

    def __init__(self, name: str, args: AiGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "mlflow", args.deployment, opts)
        _in_region(args)
        _in_reach(args)
        names, settings, port = args.deployment.names, args.settings, args.mlflow_settings.proxy_port
        self._log_group = names.path("ai-gateway/tasks")
        self._tokens_parameter = names.path("ai-gateway/tokens")
        group = security_group(self, name, vpc_id=args.network.vpc_id, description="Tasks of the AI gateway")
        args.network.allow_aws_apis(self, name, group.id)
        connect(
            self,
            f"{name}-api",
            source=args.link.security_group_id,
            destination=group.id,
            port=port,
            purpose="HTTP API to the AI gateway",
        )
        parameter = tokens_parameter(
            self, f"{name}-tokens", path=self._tokens_parameter, tokens=args.tokens, encryption=args.encryption
        )
        logs = log_group(
            self, name, self._log_group, retention_days=settings.log_retention_days, key_arn=args.encryption.key_arn
        )
        discovery = discover(self, name, SERVICE_NAME, namespace_id=args.mlflow.namespace_id, records=["SRV"])
        service = run_service(
            self,
            name,
            Service(
                physical=SERVICE_NAME,
                cluster_arn=args.mlflow.cluster_arn,
                task=self._task(name, args),
                desired_count=settings.desired_count,
                spot=args.mlflow_settings.spot,
                network=args.network,
                security_group_id=group.id,
                discovery=discovery,
                container=NGINX,
                port=port,
                target_group_arn=None,
                triggers={
                    "images": args.images.pushed(*IMAGES),
                    "tokens": parameter.version.apply(str),
                },
                depends_on=[logs, parameter, args.mlflow],
            ),
        )
        scaling = Scaling(
            minimum=settings.desired_count,
            maximum=settings.max_count,
            cpu_percent=settings.target_cpu_percent,
            in_cooldown_seconds=args.mlflow_settings.scale_in_cooldown_seconds,
            out_cooldown_seconds=args.mlflow_settings.scale_out_cooldown_seconds,
        )
        scale(self, name, scaling, cluster_name=args.mlflow.cluster_name, service=service)
        self._routes(name, args, discovery)
        self.service_name = service.name
        self.register_outputs({"service_name": self.service_name})

    def _routes(self, name: str, args: AiGatewayArgs, discovery: aws.servicediscovery.Service) -> None:
        integration = private_integration(name, args.api, link=args.link, uri=discovery.arn)
        authorizer = args.api.authorizer(name, args.tokens)
        for label, key in (("root", "ANY /"), ("proxy", "ANY /{proxy+}")):
            args.api.route(f"{name}-{label}", key, integration, authorizer)

    def _task(self, name: str, args: AiGatewayArgs) -> aws.ecs.TaskDefinition:
        target, settings = args.deployment.target, args.settings
        trust = service_trust(target, "ecs-tasks")
        execution = Role(
            f"{name}-execution",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix="ai-gateway-execution",
                description="ECS starts the AI gateway's tasks: images and logs",
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
                suffix="ai-gateway-task",
                description="The AI gateway reads its providers' keys",
                trust=trust,
                policies={
                    "read": gateway_policy(
                        target,
                        endpoints=settings.endpoints,
                        tokens_parameter=self._tokens_parameter,
                        use_key=args.encryption.reference.use("Key", "secretsmanager", "ssm"),
                    )
                },
            ),
            opts=self._child,
        )
        return define_task(
            self,
            name,
            Task(
                family=args.deployment.names.of("ai-gateway"),
                cpu=settings.cpu,
                memory=settings.memory,
                architecture=args.mlflow_settings.cpu_architecture,
                execution_role_arn=execution.arn,
                task_role_arn=role.arn,
                volumes=list(VOLUMES),
                containers=self._containers(args),
            ),
        )

    def _containers(self, args: AiGatewayArgs) -> list[Container]:
        target, settings, images = args.deployment.target, args.settings, dict(args.images.uris)
        port = args.mlflow_settings.container_port
        return [
            container(
                target,
                GATEWAY,
                images["mlflow"],
                self._log_group,
                command=["gateway"],
                environment={
                    "AWS_REGION": target.region,
                    "AWS_USE_DUALSTACK_ENDPOINT": str(args.network.ipv6).lower(),
                    "AI_GATEWAY_CONFIG": json.dumps(configuration(settings.endpoints), sort_keys=True),
                    "AI_GATEWAY_VARIABLES": json.dumps(dict(secrets(settings.endpoints)), sort_keys=True),
                    "MLFLOW_PORT": str(port),
                    "MLFLOW_WORKERS": str(settings.workers),
                },
                port=port,
                health=["CMD", "python", "-m", "mlflow_service", "health"],
            ),
            authoriser(
                target,
                images["mlflow"],
                tokens_parameter=self._tokens_parameter,
                dual_stack=args.network.ipv6,
                log_group=self._log_group,
            ),
            proxy(
                target,
                images["nginx"],
                args.mlflow_settings,
                environment={"MLFLOW_AUTH_TYPE": "cognito", "MLFLOW_AUTHORISER": AUTHORISER_ADDRESS},
                after={GATEWAY: "HEALTHY", AUTHORISER: "HEALTHY"},
                log_group=self._log_group,
            ),
        ]


def _in_region(args: AiGatewayArgs) -> None:
    """Refuses secrets of other regions, which the task's endpoints do not reach.

    Raises:
        pulumi.RunError: Names the endpoint, the secret and the way out.
    """
    region = args.deployment.target.region
    for endpoint in args.settings.endpoints:
        for key, arn in endpoint.secrets.items():
            if arn.split(":")[3] != region:
                raise pulumi.RunError(
                    f"mlplatform:aiGateway.endpoints.{endpoint.name}.secrets.{key} = {arn}: is not in {region}; "
                    "replicate the secret to this region and name the replica"
                )


def _in_reach(args: AiGatewayArgs) -> None:
    """Refuses what Bedrock would refuse at the first call.

    Raises:
        pulumi.RunError: Names the endpoint, the value and the way out.
    """
    regions = args.iam.boundary_regions if args.iam.creates_boundary else None
    for endpoint in args.settings.endpoints:
        if endpoint.is_bedrock and (why := out_of_reach(args.deployment.target, endpoint, regions)):
            raise pulumi.RunError(f"mlplatform:aiGateway.endpoints.{endpoint.name}.{why}")
