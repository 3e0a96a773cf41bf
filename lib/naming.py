"""Names and ARNs, all known before anything exists, so that policy documents can be judged at preview."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a stack is deployed.

    Args:
        partition: `aws`, `aws-us-gov` or `aws-cn`.
        dns_suffix: Domain of the partition's services, such as `amazonaws.com`.
        region: Region's name.
        account_id: Twelve digits.
        zones: Names of the region's availability zones.
    """

    partition: str
    dns_suffix: str
    region: str
    account_id: str
    zones: tuple[str, ...]

    def arn(self, service: str, resource: str) -> str:
        """ARN of a regional resource of this account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """ARN of a resource of this account without a region, as IAM's are."""
        return f"arn:{self.partition}:{service}::{self.account_id}:{resource}"

    def s3_arn(self, resource: str) -> str:
        """ARN of a bucket, or of objects as `bucket/key`."""
        return f"arn:{self.partition}:s3:::{resource}"

    def ecr_host(self) -> str:
        """Host of this account's private image registry."""
        return f"{self.account_id}.dkr.ecr.{self.region}.{self.dns_suffix}"

    def service_host(self, service: str) -> str:
        """Name by which a service is trusted or restricted, such as `logs.us-east-1.amazonaws.com`."""
        return f"{service}.{self.region}.{self.dns_suffix}"


@dataclass(frozen=True, kw_only=True)
class Names:
    """Physical names, where identity demands one; all begin with `<project>-<stack>`."""

    project: str
    stack: str

    @property
    def prefix(self) -> str:
        """What every name begins with."""
        return f"{self.project}-{self.stack}"

    def of(self, suffix: str, *, limit: int = 64) -> str:
        """`<project>-<stack>-<suffix>`, cut to `limit` characters with a stable hash where it is too long."""
        return shorten(f"{self.prefix}-{suffix}", limit)

    def path(self, suffix: str) -> str:
        """`/<project>/<stack>/<suffix>`, for parameters and log groups."""
        return f"/{self.project}/{self.stack}/{suffix}"


def shorten(name: str, limit: int) -> str:
    """`name`, or its beginning and eight characters of its SHA-256 where it is longer than `limit` characters."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{digest}"
