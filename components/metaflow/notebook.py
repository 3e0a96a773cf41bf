"""A SageMaker notebook instance that has Metaflow and its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.metaflow.metadata_service import MetadataService
from components.network import Network
from components.roles import Role, RoleArgs
from components.security_group import security_group
from lib.documents.metaflow import Flows, notebook_policy
from lib.iam import service_trust
from lib.notebook import start_script
from settings.iam import IamSettings
from settings.metaflow import NotebookSettings


@dataclass(frozen=True, kw_only=True)
class NotebookArgs:
    """The instance to make.

    Args:
        deployment: The stack.
        settings: Size, idle time, version of Metaflow.
        iam: How its role is named.
        network: Where it stands: in the first private subnet.
        encryption: Key of its volume.
        flows: What flows use.
        service: The metadata service, which it calls by its internal address.
        config: Metaflow's configuration.
        source: Folder of the scripts (`services/metaflow-notebook`).
    """

    deployment: Deployment
    settings: NotebookSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    flows: Flows
    service: MetadataService
    config: Mapping[str, pulumi.Input[str]]
    source: Path


def notebook_name(deployment: Deployment) -> str:
    """Name of the instance, known before it exists."""
    return deployment.names.of("metaflow", limit=63)


class Notebook(Component):
    """A notebook instance in a private subnet, without root and without internet of its own, that stops when idle."""

    url: pulumi.Output[str]
    """Address of its JupyterLab (`SageMakerNoteBookURL`)."""

    def __init__(self, name: str, args: NotebookArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        settings, target, physical = args.settings, args.deployment.target, notebook_name(args.deployment)
        group = security_group(self, name, vpc_id=args.network.vpc_id, description="Metaflow's notebook instance")
        args.network.allow_aws_apis(self, name, group.id)
        args.service.allow(self, f"{name}-metadata", group.id)
        role = Role(
            name,
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix="metaflow-notebook",
                description="Metaflow's notebook instance: what a user of Metaflow does, and its own end",
                trust=service_trust(target, "sagemaker"),
                policies={
                    "use": notebook_policy(
                        args.flows,
                        notebook=physical,
                        use_key=args.encryption.reference.use("Key", "s3", "sagemaker", write=True),
                        lend_key=args.encryption.reference.lend("Key"),
                    )
                },
            ),
            opts=self._child,
        )
        script = pulumi.Output.all(**args.config).apply(
            lambda config: start_script(
                args.source,
                config={key: str(value) for key, value in config.items()},
                metaflow_version=settings.metaflow_version,
                idle_minutes=settings.idle_minutes,
            )
        )
        lifecycle = aws.sagemaker.NotebookInstanceLifecycleConfiguration(
            name,
            name=physical,
            on_start=script,
            # What the script is made of, where a preview, which cannot know the script, still shows it.
            tags=self.merged_tags(
                physical, MetaflowVersion=settings.metaflow_version, IdleMinutes=str(settings.idle_minutes)
            ),
            opts=self._child,
        )
        instance = aws.sagemaker.NotebookInstance(
            name,
            name=physical,
            instance_type=settings.sagemaker_instance,
            platform_identifier=settings.platform_identifier.value,
            role_arn=role.arn,
            subnet_id=args.network.private_subnet_ids[0],
            security_groups=[group.id],
            direct_internet_access="Disabled",
            root_access="Disabled",
            volume_size=settings.volume_gib,
            kms_key_id=args.encryption.key_arn,
            instance_metadata_service_configuration={"minimum_instance_metadata_service_version": "2"},
            lifecycle_config_name=lifecycle.name,
            tags=self.merged_tags(physical),
            opts=self._stateful(),
        )
        self.url = pulumi.Output.concat("https://", instance.url, "/lab")
        self.register_outputs({"url": self.url})
