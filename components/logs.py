"""Log groups of CloudWatch."""

import pulumi
import pulumi_aws as aws

from components.base import Component


def log_group(
    owner: Component,
    name: str,
    path: str,
    *,
    retention_days: int,
    key_arn: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions | None = None,
) -> aws.cloudwatch.LogGroup:
    """A log group that forgets.

    Args:
        owner: Component that it belongs to.
        name: Name of the resource.
        path: Name of the log group.
        retention_days: Days that events are kept.
        key_arn: Key that encrypts it; CloudWatch Logs' own if None.
        opts: Options, where they are not those of any child of `owner`.
    """
    return aws.cloudwatch.LogGroup(
        name,
        name=path,
        retention_in_days=retention_days,
        kms_key_id=key_arn,
        tags=owner.merged_tags(path),
        opts=opts or pulumi.ResourceOptions(parent=owner),
    )
