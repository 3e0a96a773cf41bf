"""What every component builds on: the deployment it belongs to, its children's options, its tags."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from lib.naming import Names, Target
from settings.protection import ProtectionSettings


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """The permissions boundary of every role.

    Args:
        arn: ARN of the managed policy.
        policy: The policy, where the stack makes it; what carries it waits for it.
    """

    arn: str
    policy: pulumi.Resource | None = None


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What all components of one stack have in common.

    Args:
        target: Partition, region and account.
        names: Physical names.
        tags: Tags on everything.
        protection: Whether data may be destroyed.
        boundary: Permissions boundary of every role; none if absent.
    """

    target: Target
    names: Names
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    protection: ProtectionSettings
    boundary: Boundary | None = None

    @classmethod
    def current(cls, *, environment: str, tags: Mapping[str, str], protection: ProtectionSettings) -> "Deployment":
        """The running stack's deployment, with the account and region that its provider has."""
        caller, region, partition = aws.get_caller_identity(), aws.get_region(), aws.get_partition()
        zones = aws.get_availability_zones(
            state="available", filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}]
        )
        own = {
            "Project": pulumi.get_project(),
            "Stack": pulumi.get_stack(),
            "Environment": environment,
            "ManagedBy": "pulumi",
        }
        return cls(
            target=Target(
                partition=partition.partition,
                dns_suffix=partition.dns_suffix,
                region=region.region,
                account_id=caller.account_id,
                zones=tuple(zones.names),
            ),
            names=Names(project=pulumi.get_project(), stack=pulumi.get_stack()),
            tags={**own, **tags},
            protection=protection,
        )


class Component(pulumi.ComponentResource):
    """A component of the platform, of type `mlplatform:<module>:<Class>`.

    Args:
        name: Name of the component; its children's names derive from it.
        module: Middle part of the type.
        deployment: The stack it belongs to.
        opts: Options of the component alone; they are not passed on to its children.
    """

    def __init__(
        self, name: str, module: str, deployment: Deployment, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(f"mlplatform:{module}:{type(self).__name__}", name, None, opts)
        self._name = name
        self._deployment = deployment
        self._child = pulumi.ResourceOptions(parent=self)

    @property
    def deployment(self) -> Deployment:
        """The stack it belongs to."""
        return self._deployment

    @property
    def protection(self) -> ProtectionSettings:
        """Whether what the component holds may be destroyed."""
        return self._deployment.protection

    def _stateful(self) -> pulumi.ResourceOptions:
        """Options of a child that holds data: protected where the settings say so."""
        return self._options(protect=self._deployment.protection.protect_resources)

    def _options(
        self,
        *,
        protect: bool | None = None,
        depends_on: list[pulumi.Resource] | None = None,
        ignore_changes: list[str] | None = None,
        delete_before_replace: bool | None = None,
        replace_on_changes: list[str] | None = None,
        provider: pulumi.ProviderResource | None = None,
    ) -> pulumi.ResourceOptions:
        """Options of a child with additions of its own."""
        return pulumi.ResourceOptions(
            parent=self,
            protect=protect,
            depends_on=depends_on,
            ignore_changes=ignore_changes,
            delete_before_replace=delete_before_replace,
            replace_on_changes=replace_on_changes,
            provider=provider,
        )

    def merged_tags(self, name: str | None = None, **more: str) -> dict[str, str]:
        """The deployment's tags with a `Name` and further ones."""
        return {**self._deployment.tags, **({"Name": name} if name else {}), **more}
