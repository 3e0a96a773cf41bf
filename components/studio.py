"""SageMaker Studio: where people train models and track them in MLflow."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.artifact_store import ArtifactStore
from components.base import Component, Deployment
from components.encryption import Encryption
from components.images import image_repository
from components.network import Network
from components.roles import Role, RoleArgs, role_arn
from components.security_group import security_group
from lib.documents.studio import studio_policy
from lib.iam import service_trust
from settings.iam import IamSettings
from settings.studio import StudioSettings

ROLE = "studio"


@dataclass(frozen=True, kw_only=True)
class StudioArgs:
    """The Studio to make or to join.

    Args:
        deployment: The stack.
        settings: Domain and users.
        iam: How the role is named.
        network: Where apps run: in the private subnets.
        encryption: Key of home directories and images.
        artifacts: Where notebooks read and write.
        credentials_secret: Name of the secret with which notebooks prove to MLflow who they are; none if absent.
        parameters: Names of the SSM parameters that notebooks read.
    """

    deployment: Deployment
    settings: StudioSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    artifacts: ArtifactStore
    credentials_secret: str | None
    parameters: Sequence[str]


class Studio(Component):
    """An execution role, a domain (VPC only) or an existing one, user profiles, and the serving-image repository."""

    domain_id: pulumi.Output[str]
    """Id of the domain."""
    execution_role_arn: pulumi.Output[str]
    """ARN of the role of notebooks, jobs and endpoints."""
    serving_repository_url: pulumi.Output[str]
    """Repository for `mlflow sagemaker build-and-push-container`."""

    def __init__(self, name: str, args: StudioArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "studio", args.deployment, opts)
        settings, names = args.settings, args.deployment.names
        repository_name = settings.serving_repository_name or f"{names.prefix}/mlflow-pyfunc"
        self.serving_repository_url = image_repository(
            self, f"{name}-serving", repository_name=repository_name, key_arn=args.encryption.key_arn
        ).repository_url
        self.execution_role_arn = self._role(name, args, repository_name).arn
        group = security_group(self, name, vpc_id=args.network.vpc_id, description="Apps of SageMaker Studio")
        args.network.allow_aws_apis(self, name, group.id)
        self._apps_among_themselves(name, group)
        if settings.domain_id is not None:
            self.domain_id = pulumi.Output.from_input(settings.domain_id)
        else:
            self.domain_id = self._domain(name, args, group).id
        for user in settings.user_profiles:
            aws.sagemaker.UserProfile(
                f"{name}-{user}",
                domain_id=self.domain_id,
                user_profile_name=user,
                user_settings={"execution_role": self.execution_role_arn, "security_groups": [group.id]},
                tags=self.merged_tags(user),
                opts=self._child,
            )
        self.register_outputs({"domain_id": self.domain_id, "execution_role_arn": self.execution_role_arn})

    def _role(self, name: str, args: StudioArgs, repository: str) -> Role:
        target = args.deployment.target
        return Role(
            name,
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=ROLE,
                description="Studio's notebooks, their jobs and endpoints",
                trust=service_trust(target, "sagemaker"),
                policies={
                    "work": studio_policy(
                        target,
                        role_arn=role_arn(args.deployment, args.iam, ROLE),
                        bucket=args.artifacts.bucket,
                        prefix=args.artifacts.prefix,
                        credentials_secret=args.credentials_secret,
                        parameters=args.parameters,
                        repository=repository,
                        image_accounts=args.settings.training_image_accounts,
                        use_key=args.encryption.reference.use(
                            "Key", "s3", "secretsmanager", "ssm", "sagemaker", write=True
                        ),
                    )
                },
            ),
            opts=self._child,
        )

    def _apps_among_themselves(self, name: str, group: aws.ec2.SecurityGroup) -> None:
        """Ports that apps of one domain need (SageMaker developer guide, "Studio notebooks in a VPC")."""
        for label, low, high in (("nfs", 2049, 2049), ("kernels", 8192, 65535)):
            for direction, rule in (
                ("ingress", aws.vpc.SecurityGroupIngressRule),
                ("egress", aws.vpc.SecurityGroupEgressRule),
            ):
                rule(
                    f"{name}-{label}-{direction}",
                    security_group_id=group.id,
                    referenced_security_group_id=group.id,
                    ip_protocol="tcp",
                    from_port=low,
                    to_port=high,
                    description=f"Studio apps among themselves: {label}",
                    tags=self.merged_tags(f"{name}-{label}-{direction}"),
                    opts=self._child,
                )

    def _domain(self, name: str, args: StudioArgs, group: aws.ec2.SecurityGroup) -> aws.sagemaker.Domain:
        domain_name = args.settings.domain_name or args.deployment.names.prefix
        retain = args.deployment.protection.retain_studio_home
        return aws.sagemaker.Domain(
            name,
            domain_name=domain_name,
            auth_mode="IAM",
            app_network_access_type="VpcOnly",
            vpc_id=args.network.vpc_id,
            subnet_ids=args.network.private_subnet_ids,
            kms_key_id=args.encryption.key_arn,
            default_user_settings={"execution_role": self.execution_role_arn, "security_groups": [group.id]},
            retention_policy={"home_efs_file_system": "Retain" if retain else "Delete"},
            tags=self.merged_tags(domain_name),
            opts=self._stateful(),
        )
