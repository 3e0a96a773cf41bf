"""Where runs keep their models, plots and files."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.base import Component, Deployment
from components.bucket import Bucket, BucketArgs, bucket_name, log_access, retention_rules
from components.encryption import Encryption
from lib.documents.bucket import access_log_delivery, load_balancer_log_delivery
from settings.artifacts import ArtifactsSettings


@dataclass(frozen=True, kw_only=True)
class ArtifactStoreArgs:
    """The store to make.

    Args:
        deployment: The stack.
        settings: Name, prefix and lifecycle.
        encryption: Key of the objects.
        logged: Names of further buckets whose access logs go where this one's go, if it has any.
    """

    deployment: Deployment
    settings: ArtifactsSettings
    encryption: Encryption
    logged: Sequence[str] = ()


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
    """Name of the bucket of access logs, resolved likewise; load balancers write theirs there too."""

    def __init__(self, name: str, args: ArtifactStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "storage", args.deployment, opts)
        settings, deployment = args.settings, args.deployment
        self.bucket = settings.bucket_name or bucket_name(deployment, "artifacts")
        self.prefix = settings.prefix
        self.root = f"s3://{self.bucket}/{settings.prefix}"
        bucket = Bucket(
            name,
            BucketArgs(
                deployment=deployment,
                bucket_name=self.bucket,
                key_arn=args.encryption.key_arn,
                rules=retention_rules(
                    noncurrent_days=settings.noncurrent_version_expiration_days,
                    tiering_days=settings.intelligent_tiering_days,
                ),
            ),
            opts=self._child,
        )
        self.ready = bucket.bucket_name
        self.log_bucket = None
        if settings.access_logs:
            log_bucket = bucket_name(deployment, "logs")
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
                    access_log_delivery(target, log_bucket, [self.bucket, *args.logged]),
                    load_balancer_log_delivery(target, log_bucket),
                ],
            ),
            opts=self._child,
        )
        log_access(self, f"{name}-logging", bucket=self.bucket, ready=self.ready, log_bucket=logs.bucket_name)
        return logs.bucket_name
