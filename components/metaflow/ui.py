"""Metaflow's UI behind a public load balancer that lets nobody through without login."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.database import Database
from components.dns import AliasTarget
from components.encryption import Encryption
from components.fargate import TEMPORARY, Service, Task, define_task, run_service
from components.identity.pool import UserPool
from components.images import ContainerImages
from components.load_balancer import TLS_POLICY, access_logs, target_group
from components.metaflow.containers import CACHE, UI, UI_PATH, UI_PORT, ui
from components.metaflow.datastore import Datastore
from components.metaflow.metadata_service import IMAGE, MetadataService
from components.mlflow_service import MlflowService
from components.network import Network
from components.roles import Role, RoleArgs
from components.security_group import connect, egress_https, security_group
from lib.documents.metaflow import read_datastore, service_policy
from lib.iam import service_trust
from lib.identity import login_domain
from settings.iam import IamSettings
from settings.metaflow import MetaflowSettings

SERVICE_NAME = "metaflow-ui"
"""Name of the ECS service, unique in its cluster."""

HEALTH_PATH = f"{UI_PATH}/ping"
CALLBACK_PATH = "/oauth2/idpresponse"
"""Where a load balancer takes the login's answer (Application Load Balancers user guide, "Authenticate users")."""

PUBLIC_TAG = "PublicLoadBalancer"
"""What declares a security group's TCP 443 open to the world."""


@dataclass(frozen=True, kw_only=True)
class UiArgs:
    """The UI to make.

    Args:
        deployment: The stack.
        settings: Size, addresses and sessions.
        iam: How its role is named.
        network: Where its task runs (private subnets) and its load balancer stands (public ones).
        encryption: Key of what it reads.
        database: The metadata service's database.
        datastore: What it shows.
        service: The metadata service, with which it shares image, log and execution role.
        images: The platform's images.
        mlflow: Whose cluster it runs in.
        user_pool: Who may log in.
        host: Its name.
        certificate_arn: Certificate of that name.
        web_acl_arn: Firewall in front of it, if any.
        log_bucket: Where the load balancer writes access logs; nowhere if absent.
    """

    deployment: Deployment
    settings: MetaflowSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    database: Database
    datastore: Datastore
    service: MetadataService
    images: ContainerImages
    mlflow: MlflowService
    user_pool: UserPool
    host: str
    certificate_arn: pulumi.Input[str]
    web_acl_arn: pulumi.Input[str] | None
    log_bucket: pulumi.Input[str] | None


class Ui(Component):
    """The UI and its back end in one task, behind HTTPS with login by the platform's user pool.

    The listener's one rule is to authenticate and then to forward, so there is no path without login.
    """

    url: pulumi.Output[str]
    """Address of the UI."""
    dns_name: pulumi.Output[str]
    """AWS's name of the load balancer (`LoadBalancerUIDNSName`)."""
    zone_id: pulumi.Output[str]
    """Hosted zone of that name (`LoadBalancerUIZoneID`)."""
    alias: AliasTarget
    """What an entry for its own name must point to."""

    def __init__(self, name: str, args: UiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        self._args = args
        front = self._front_group(name)
        tasks = security_group(self, f"{name}-tasks", vpc_id=args.network.vpc_id, description="Metaflow's UI")
        args.network.allow_aws_apis(self, f"{name}-tasks", tasks.id)
        args.database.allow(self, f"{name}-database", tasks.id)
        connect(
            self,
            f"{name}-targets",
            source=front.id,
            destination=tasks.id,
            port=UI_PORT,
            purpose="Load balancer to Metaflow's UI",
        )
        balancer = self._load_balancer(name, front)
        targets = target_group(self, name, args.network, port=UI_PORT, health_path=HEALTH_PATH, healthy_codes="200,202")
        listener = self._listener(name, balancer, targets, self._client_of_pool(name))
        run_service(
            self,
            name,
            Service(
                physical=SERVICE_NAME,
                cluster_arn=args.mlflow.cluster_arn,
                task=self._task(name),
                desired_count=args.settings.ui.desired_count,
                spot=args.settings.service.spot,
                network=args.network,
                security_group_id=tasks.id,
                container=UI,
                port=UI_PORT,
                discovery=None,
                target_group_arn=targets.arn,
                triggers={
                    "database": args.database.resource_id,
                    "images": args.images.pushed(IMAGE),
                },
                # It reads the schema that the metadata service's migration has made.
                depends_on=[args.service, listener],
            ),
        )
        if args.web_acl_arn is not None:
            aws.wafv2.WebAclAssociation(name, resource_arn=balancer.arn, web_acl_arn=args.web_acl_arn, opts=self._child)
        self.url = pulumi.Output.from_input(f"https://{args.host}")
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
        self.alias = AliasTarget(host=balancer.dns_name, zone_id=balancer.zone_id)
        self.register_outputs({"url": self.url, "dns_name": self.dns_name})

    def _front_group(self, name: str) -> aws.ec2.SecurityGroup:
        group = security_group(
            self,
            name,
            vpc_id=self._args.network.vpc_id,
            description="Public load balancer of Metaflow's UI",
            tags={PUBLIC_TAG: "true"},
        )
        for at, cidr in enumerate(self._args.settings.ui.allowed_cidrs, start=1):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-https-{at}",
                security_group_id=group.id,
                cidr_ipv4=str(cidr),
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                description="HTTPS to the login",
                tags=self.merged_tags(f"{name}-https-{at}"),
                opts=self._child,
            )
        # It asks the user pool for tokens itself.
        egress_https(self, name, source=group.id, ipv6=False)
        return group

    def _load_balancer(self, name: str, group: aws.ec2.SecurityGroup) -> aws.lb.LoadBalancer:
        args = self._args
        if args.network.public_subnet_ids is None:
            raise ValueError(f"{name}: the network has no public subnets; name them in network.existingVpc")
        return aws.lb.LoadBalancer(
            name,
            internal=False,
            load_balancer_type="application",
            subnets=args.network.public_subnet_ids,
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            access_logs=access_logs(args.log_bucket),
            enable_deletion_protection=args.deployment.protection.deletion_protection,
            tags=self.merged_tags(name),
            opts=self._child,
        )

    def _client_of_pool(self, name: str) -> aws.cognito.UserPoolClient:
        """A confidential client of the load balancer alone."""
        pool = self._args.user_pool
        return aws.cognito.UserPoolClient(
            name,
            name=self._deployment.names.of("metaflow-ui", limit=128),
            user_pool_id=pool.user_pool_id,
            generate_secret=True,
            allowed_oauth_flows_user_pool_client=True,
            allowed_oauth_flows=["code"],
            allowed_oauth_scopes=["openid", "email", "profile"],
            callback_urls=[f"https://{self._args.host}{CALLBACK_PATH}"],
            supported_identity_providers=[*pool.provider_names],
            # Passwords are entered on the login pages alone. Cognito would allow them for an empty list.
            explicit_auth_flows=["ALLOW_REFRESH_TOKEN_AUTH"],
            enable_token_revocation=True,
            prevent_user_existence_errors="ENABLED",
            opts=self._child,
        )

    def _listener(
        self,
        name: str,
        balancer: aws.lb.LoadBalancer,
        targets: aws.lb.TargetGroup,
        client: aws.cognito.UserPoolClient,
    ) -> aws.lb.Listener:
        args, target = self._args, self._deployment.target
        actions: Sequence[aws.lb.ListenerDefaultActionArgsDict] = [
            {
                "type": "authenticate-cognito",
                "order": 1,
                "authenticate_cognito": {
                    "user_pool_arn": args.user_pool.user_pool_id.apply(
                        lambda id_: target.arn("cognito-idp", f"userpool/{id_}")
                    ),
                    "user_pool_client_id": client.id,
                    "user_pool_domain": args.user_pool.login_url.apply(
                        lambda url: login_domain(target, url.removeprefix("https://"))
                    ),
                    "scope": "openid email profile",
                    "on_unauthenticated_request": "authenticate",
                    "session_timeout": args.settings.ui.session_hours * 3600,
                },
            },
            {"type": "forward", "order": 2, "target_group_arn": targets.arn},
        ]
        return aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=args.certificate_arn,
            default_actions=actions,
            tags=self.merged_tags(name),
            opts=self._child,
        )

    def _task(self, name: str) -> aws.ecs.TaskDefinition:
        args, settings = self._args, self._args.settings
        common, target = args.service.common, args.deployment.target
        role = Role(
            f"{name}-task",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix="metaflow-ui",
                description="Metaflow's UI reads its database's secret and the datastore",
                trust=service_trust(target, "ecs-tasks"),
                policies={
                    "read": service_policy(
                        target=target,
                        database_secret=args.database.managed_secret,
                        database_parameter=common.database_parameter,
                        use_key=args.encryption.reference.use("Key", "s3", "secretsmanager", "ssm"),
                        read=read_datastore(
                            target, bucket=args.datastore.bucket, prefix=settings.datastore.datastore_prefix
                        ),
                    )
                },
            ),
            opts=self._child,
        )
        return define_task(
            self,
            name,
            Task(
                family=args.deployment.names.of("metaflow-ui"),
                cpu=settings.ui.cpu,
                memory=settings.ui.memory,
                architecture=settings.service.cpu_architecture,
                execution_role_arn=args.service.execution_role_arn,
                task_role_arn=role.arn,
                volumes=[*TEMPORARY, *CACHE],
                containers=[ui(common, datastore_root=args.datastore.root)],
                storage_gib=settings.ui.ephemeral_storage_gib,
            ),
        )
