"""The one way to make a bucket: private, encrypted, versioned, TLS only, with a lifecycle."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from lib.documents.bucket import tls_only
from lib.iam import Statement

NAME_LIMIT = 63
"""Amazon S3 user guide, "Bucket naming rules"."""

Rule = aws.s3.BucketLifecycleConfigurationRuleArgsDict


def bucket_name(deployment: Deployment, suffix: str) -> str:
    """`<project>-<stack>-<suffix>-<account>-<region>`: names of buckets are unique in the world."""
    return deployment.names.of(f"{suffix}-{deployment.target.account_id}-{deployment.target.region}", limit=NAME_LIMIT)


def retention_rules(*, noncurrent_days: int, tiering_days: int | None) -> list[Rule]:
    """Lifecycle rules of a bucket that people write to.

    Args:
        noncurrent_days: Days after which overwritten and deleted objects are gone for good.
        tiering_days: Age in days at which objects move to Intelligent-Tiering; never if None.
    """
    gone: Rule = {
        "id": "noncurrent-versions",
        "status": "Enabled",
        "filter": {},
        "noncurrent_version_expiration": {"noncurrent_days": noncurrent_days},
        "expiration": {"expired_object_delete_marker": True},
    }
    if tiering_days is None:
        return [gone]
    transition: Rule = {
        "id": "intelligent-tiering",
        "status": "Enabled",
        "filter": {},
        "transitions": [{"days": tiering_days, "storage_class": "INTELLIGENT_TIERING"}],
    }
    return [gone, transition]


def log_access(
    owner: Component, name: str, *, bucket: str, ready: pulumi.Input[str], log_bucket: pulumi.Input[str]
) -> None:
    """Logs each request to a bucket, below the bucket's name.

    Args:
        owner: Component that the resource belongs to.
        name: Name of the resource.
        bucket: Name of the bucket.
        ready: The same, resolved when the bucket is fit to be used.
        log_bucket: Where the logs go; its policy must let S3 write them.
    """
    aws.s3.BucketLogging(
        name,
        bucket=ready,
        target_bucket=log_bucket,
        target_prefix=f"{bucket}/",
        opts=pulumi.ResourceOptions(parent=owner),
    )


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """The bucket to make.

    Args:
        deployment: The stack.
        bucket_name: Physical name.
        key_arn: Customer key; None for S3's own (what log delivery supports).
        rules: Lifecycle rules besides the one that ends incomplete uploads.
        statements: Further statements of the bucket policy.
    """

    deployment: Deployment
    bucket_name: str
    key_arn: pulumi.Input[str] | None
    rules: Sequence[Rule] = ()
    statements: Sequence[Statement] = field(default_factory=list[Statement])


class Bucket(Component):
    """An S3 bucket and all that guards it."""

    bucket_name: pulumi.Output[str]
    """Name of the bucket, resolved when its policy, encryption and public access block are in force."""

    def __init__(self, name: str, args: BucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "storage", args.deployment, opts)
        bucket = aws.s3.Bucket(
            name,
            bucket=args.bucket_name,
            force_destroy=args.deployment.protection.force_destroy,
            tags=self.merged_tags(args.bucket_name),
            opts=self._stateful(),
        )
        guards: list[pulumi.CustomResource] = [
            aws.s3.BucketPublicAccessBlock(
                name,
                bucket=bucket.bucket,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=self._child,
            ),
            aws.s3.BucketOwnershipControls(
                name, bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}, opts=self._child
            ),
            aws.s3.BucketVersioning(
                name, bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=self._child
            ),
            aws.s3.BucketServerSideEncryptionConfiguration(
                name,
                bucket=bucket.bucket,
                rules=[
                    {
                        "apply_server_side_encryption_by_default": (
                            {"sse_algorithm": "aws:kms", "kms_master_key_id": args.key_arn}
                            if args.key_arn is not None
                            else {"sse_algorithm": "AES256"}
                        ),
                        "bucket_key_enabled": args.key_arn is not None,
                    }
                ],
                opts=self._child,
            ),
        ]
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.bucket,
            rules=[
                {
                    "id": "incomplete-uploads",
                    "status": "Enabled",
                    "filter": {},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                },
                *args.rules,
            ],
            opts=self._child,
        )
        guards.append(
            aws.s3.BucketPolicy(
                name,
                bucket=bucket.bucket,
                policy=tls_only(args.deployment.target, args.bucket_name, *args.statements),
                opts=self._options(depends_on=[guards[0]]),
            )
        )
        self.bucket_name = pulumi.Output.all(bucket.bucket, *(guard.id for guard in guards)).apply(
            lambda values: str(values[0])
        )
        self.register_outputs({"bucket_name": self.bucket_name})
