"""Where flows keep their artifacts, code packages and data."""

from dataclasses import dataclass

import pulumi

from components.base import Component, Deployment
from components.bucket import Bucket, BucketArgs, bucket_name, log_access, retention_rules
from components.encryption import Encryption
from settings.metaflow import DatastoreSettings


@dataclass(frozen=True, kw_only=True)
class DatastoreArgs:
    """The datastore to make.

    Args:
        deployment: The stack.
        settings: Name, prefixes and lifecycle.
        encryption: Key of the objects.
        log_bucket: Where each request is logged; nowhere if absent.
    """

    deployment: Deployment
    settings: DatastoreSettings
    encryption: Encryption
    log_bucket: pulumi.Input[str] | None


def datastore_bucket(deployment: Deployment, settings: DatastoreSettings) -> str:
    """Name of the bucket, known before it exists."""
    return settings.bucket_name or bucket_name(deployment, "metaflow")


class Datastore(Component):
    """A private bucket with one prefix for Metaflow's datastore and one for its data tools."""

    bucket: str
    """Name of the bucket, known at preview."""
    ready: pulumi.Output[str]
    """The same, resolved when the bucket is fit to be used."""
    root: str
    """`METAFLOW_DATASTORE_SYSROOT_S3`."""
    data_root: str
    """`METAFLOW_DATATOOLS_S3ROOT`."""

    def __init__(self, name: str, args: DatastoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        settings = args.settings
        self.bucket = datastore_bucket(args.deployment, settings)
        self.root = f"s3://{self.bucket}/{settings.datastore_prefix}"
        self.data_root = f"s3://{self.bucket}/{settings.datatools_prefix}"
        self.ready = Bucket(
            name,
            BucketArgs(
                deployment=args.deployment,
                bucket_name=self.bucket,
                key_arn=args.encryption.key_arn,
                rules=retention_rules(
                    noncurrent_days=settings.noncurrent_version_expiration_days,
                    tiering_days=settings.intelligent_tiering_days,
                ),
            ),
            opts=self._child,
        ).bucket_name
        if args.log_bucket is not None:
            log_access(self, f"{name}-logging", bucket=self.bucket, ready=self.ready, log_bucket=args.log_bucket)
        self.register_outputs({"bucket": self.bucket, "root": self.root})
