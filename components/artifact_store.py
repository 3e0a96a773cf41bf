"""Where runs keep their models, plots and files."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.bucket import Bucket, BucketArgs
from components.encryption import Encryption
from lib.documents.bucket import access_log_delivery, load_balancer_log_delivery
from settings.artifacts import ArtifactsSettings

BUCKET_NAME_LIMIT = 63
"""Amazon S3 user guide, "Bucket naming rules"."""


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """The store to make.

    Args:
        deployment: The stack.
        settings: Name, prefix and lifecycle.
        encryption: Key of the objects.
    """

    deployment: Deployment
    settings: ArtifactsSettings
    encryption: Encryption


class ArtifactStore(Component):
    """A bucket for artifacts and, by choice, one for its access logs."""

    bucket: str
    """Name of the bucket, known at preview."""
    root: str
    """`s3://` address under which MLflow writes."""
    prefix: str
    """Key prefix of that address."""
    ready: pulumi.Output[str]
    """Name of the bucket, resolved when the bucket is fit to be used."""
    log_bucket: pulumi.Output[str] | None
    """Name of the bucket of access logs, resolved likewise; the load balancer writes its own there too."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "storage", args.deployment, opts)
        settings, deployment = args.settings, args.deployment
        unique = f"{deployment.target.account_id}-{deployment.target.region}"
        self.bucket = settings.bucket_name or deployment.names.of(f"artifacts-{unique}", limit=BUCKET_NAME_LIMIT)
        self.prefix = settings.prefix
        self.root = f"s3://{self.bucket}/{settings.prefix}"
        bucket = Bucket(
            name,
            BucketArgs(
                deployment=deployment,
                bucket_name=self.bucket,
                key_arn=args.encryption.key_arn,
                rules=_lifecycle(settings),
            ),
            opts=self._child,
        )
        self.ready = bucket.bucket_name
        self.log_bucket = None
        if settings.access_logs:
            log_bucket = deployment.names.of(f"logs-{unique}", limit=BUCKET_NAME_LIMIT)
            self.log_bucket = self._access_logs(name, args, log_bucket)
        self.register_outputs({"bucket": self.bucket, "root": self.root})

    def _access_logs(self, name: str, args: ArtifactStoreArgs, log_bucket: str) -> pulumi.Output[str]:
        target = args.deployment.target
        days = args.settings.access_log_retention_days
        logs = Bucket(
            f"{name}-logs",
            BucketArgs(
                deployment=args.deployment,
                bucket_name=log_bucket,
                key_arn=None,
                rules=[
                    {
                        "id": "expire",
                        "status": "Enabled",
                        "filter": {},
                        "expiration": {"days": days},
                        "noncurrent_version_expiration": {"noncurrent_days": 1},
                    }
                ],
                statements=[
                    access_log_delivery(target, log_bucket, self.bucket),
                    load_balancer_log_delivery(target, log_bucket),
                ],
            ),
            opts=self._child,
        )
        aws.s3.BucketLogging(
            f"{name}-logging",
            bucket=self.ready,
            target_bucket=logs.bucket_name,
            target_prefix=f"{self.bucket}/",
            opts=self._child,
        )
        return logs.bucket_name


def _lifecycle(settings: ArtifactsSettings) -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
    rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": "noncurrent-versions",
            "status": "Enabled",
            "filter": {},
            "noncurrent_version_expiration": {"noncurrent_days": settings.noncurrent_version_expiration_days},
            "expiration": {"expired_object_delete_marker": True},
        }
    ]
    if settings.intelligent_tiering_days is not None:
        rules.append(
            {
                "id": "intelligent-tiering",
                "status": "Enabled",
                "filter": {},
                "transitions": [{"days": settings.intelligent_tiering_days, "storage_class": "INTELLIGENT_TIERING"}],
            }
        )
    return rules
