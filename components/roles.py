"""The one way to make an IAM role."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from lib.naming import shorten
from settings.iam import IamSettings

ROLE_NAME_LIMIT = 64
"""IAM user guide, "IAM and AWS STS quotas"."""


@dataclass(frozen=True, kw_only=True)
class RoleArgs:
    """What a role is for.

    Args:
        deployment: The stack.
        iam: Path and prefix of all roles.
        suffix: Last part of the role's name, such as `mlflow-task`.
        description: What assumes it, and for what.
        trust: Trust policy, JSON.
        policies: Inline policies by name, JSON.
        max_session_seconds: How long people may use it at a time; IAM's hour if absent.
    """

    deployment: Deployment
    iam: IamSettings
    suffix: str
    description: str
    trust: str
    policies: Mapping[str, str] = field(default_factory=dict[str, str])
    max_session_seconds: int | None = None


def role_name(deployment: Deployment, iam: IamSettings, suffix: str) -> str:
    """The physical name of the role with this suffix, known before the role exists."""
    return shorten(f"{iam.role_prefix}{deployment.names.prefix}-{suffix}", ROLE_NAME_LIMIT)


def role_arn(deployment: Deployment, iam: IamSettings, suffix: str) -> str:
    """The ARN of the role with this suffix, known before the role exists."""
    return deployment.target.global_arn("iam", f"role{iam.role_path}{role_name(deployment, iam, suffix)}")


class Role(Component):
    """An IAM role under the platform's path and boundary, with inline policies that are known at preview.

    The name is explicit, because policy documents refer to the role before it exists.
    """

    arn: pulumi.Output[str]
    """ARN of the role, resolved when its policies are attached, so that what uses it can act at once."""
    role_id: pulumi.Output[str]
    """Name of the role."""

    def __init__(self, name: str, args: RoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "iam", args.deployment, opts)
        physical = role_name(args.deployment, args.iam, args.suffix)
        boundary = args.deployment.boundary
        role = aws.iam.Role(
            name,
            name=physical,
            path=args.iam.role_path,
            description=args.description,
            assume_role_policy=args.trust,
            permissions_boundary=boundary.arn if boundary else None,
            max_session_duration=args.max_session_seconds,
            force_detach_policies=True,
            tags=self.merged_tags(physical),
            opts=self._options(depends_on=[boundary.policy] if boundary and boundary.policy else None),
        )
        policies = [
            aws.iam.RolePolicy(f"{name}-{policy}", name=policy, role=role.name, policy=json_, opts=self._child)
            for policy, json_ in args.policies.items()
        ]
        self.arn = pulumi.Output.all(role.arn, *(policy.id for policy in policies)).apply(lambda values: str(values[0]))
        self.role_id = role.name
        self.register_outputs({"arn": self.arn, "role_id": self.role_id})
