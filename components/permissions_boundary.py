"""The limit of every role: a boundary of the platform's own, an existing one, or none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import pulumi
import pulumi_aws as aws

from components.base import Boundary, Component, Deployment
from lib.documents.boundary import boundary_policy
from lib.naming import shorten
from settings.iam import IamSettings

POLICY_NAME_LIMIT = 128
"""IAM user guide, "IAM and AWS STS quotas"."""


@dataclass(frozen=True, kw_only=True)
class PermissionsBoundaryArgs:
    """What the platform's own boundary allows.

    Args:
        deployment: The stack.
        iam: Path and prefix of its roles, regions and further ARNs.
        image_accounts: Accounts whose image repositories roles may pull from.
        inference_profiles: ARNs of Bedrock's inference profiles that roles may call, wherever they lead.
    """

    deployment: Deployment
    iam: IamSettings
    image_accounts: Sequence[str] = ()
    inference_profiles: Sequence[str] = ()


class PermissionsBoundary(Component):
    """The platform's own permissions boundary: a managed policy that every role of the stack carries.

    It grants nothing. Its ARN is known before it exists, because it speaks of itself.

    Raises:
        ValueError: The document would be larger than IAM takes.
    """

    arn: str
    """ARN of the policy."""
    policy: aws.iam.Policy
    """What roles wait for."""

    def __init__(self, name: str, args: PermissionsBoundaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "iam", args.deployment, opts)
        iam, target = args.iam, args.deployment.target
        physical = shorten(f"{iam.role_prefix}{args.deployment.names.prefix}-boundary", POLICY_NAME_LIMIT)
        self.arn = target.global_arn("iam", f"policy{iam.role_path}{physical}")
        self.policy = aws.iam.Policy(
            name,
            name=physical,
            path=iam.role_path,
            description="What roles of the platform may do at most; grants nothing.",
            policy=boundary_policy(
                target,
                arn=self.arn,
                role_path=iam.role_path,
                regions=iam.boundary_regions,
                extra_arns=[
                    *iam.boundary_extra_arns,
                    *(f"arn:{target.partition}:ecr:*:{account}:repository/*" for account in args.image_accounts),
                ],
                inference_profiles=args.inference_profiles,
            ),
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        self.register_outputs({"arn": self.arn})


PRINCIPALS = ("aws:iam/role:Role", "aws:iam/user:User")
"""What carries a boundary."""


def bounded(
    deployment: Deployment,
    iam: IamSettings,
    *,
    image_accounts: Sequence[str] = (),
    inference_profiles: Sequence[str] = (),
) -> Deployment:
    """The deployment with the boundary that the settings ask for, created if need be.

    From here on no role of the stack comes without it: `Role` sets it, and what makes roles of its own, as components
    of awsx do, has them bounded on the way to the engine.

    Args:
        deployment: The stack.
        iam: What the settings ask for.
        image_accounts: Accounts whose image repositories roles may pull from.
        inference_profiles: ARNs of Bedrock's inference profiles that roles may call, wherever they lead.

    Raises:
        ValueError: The boundary to be created would be larger than IAM takes.
    """
    if iam.boundary_arn:
        boundary = Boundary(arn=iam.boundary_arn)
    elif iam.creates_boundary:
        args = PermissionsBoundaryArgs(
            deployment=deployment, iam=iam, image_accounts=image_accounts, inference_profiles=inference_profiles
        )
        made = PermissionsBoundary("permissions-boundary", args)
        boundary = Boundary(arn=made.arn, policy=made.policy)
    else:
        return deployment
    pulumi.runtime.register_resource_transform(lambda args: with_boundary(args, boundary))
    return replace(deployment, boundary=boundary)


def with_boundary(args: pulumi.ResourceTransformArgs, boundary: Boundary) -> pulumi.ResourceTransformResult | None:
    """A role or user with the boundary; all else, and what has it already, as it is.

    One that asks for another boundary gets this one too, with a warning: an exception here would leave the engine
    waiting for the program.
    """
    if args.type_ not in PRINCIPALS:
        return None
    given = args.props.get("permissionsBoundary")
    if given == boundary.arn:
        return None
    if given is not None:
        pulumi.log.warn(f"{args.name}: gets the stack's boundary {boundary.arn}; leave permissionsBoundary out")
    if boundary.policy is not None:
        args.opts.depends_on = [*_listed(args.opts), boundary.policy]
    return pulumi.ResourceTransformResult(props={**args.props, "permissionsBoundary": boundary.arn}, opts=args.opts)


def _listed(opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """What a resource waits for: on the way to the engine that is a plain list, or nothing."""
    return list(cast("Sequence[pulumi.Resource]", opts.depends_on or ()))
