"""Bucket policies."""

from collections.abc import Sequence

from lib.iam import Statement, document, grant
from lib.naming import Target


def tls_only(target: Target, bucket: str, *further: Statement) -> str:
    """A bucket policy that refuses requests without TLS 1.2, and allows what `further` says."""
    everything = [target.s3_arn(bucket), target.s3_arn(f"{bucket}/*")]
    return document(
        grant(
            "RefusePlainHttp",
            "*",
            ["s3:*"],
            everything,
            effect="Deny",
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        ),
        grant(
            "RefuseOldTls",
            "*",
            ["s3:*"],
            everything,
            effect="Deny",
            conditions={"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        ),
        *further,
    )


LOAD_BALANCER_PREFIX = "load-balancer"
"""Key prefix of load balancers' access logs."""


def load_balancer_log_delivery(target: Target, log_bucket: str) -> Statement:
    """Lets load balancers of this account write their access logs (Application Load Balancers user guide, "Enable
    access logs")."""
    return grant(
        "LoadBalancerLogs",
        {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        ["s3:PutObject"],
        [target.s3_arn(f"{log_bucket}/{LOAD_BALANCER_PREFIX}/AWSLogs/{target.account_id}/*")],
        conditions={"ArnLike": {"aws:SourceArn": target.arn("elasticloadbalancing", "loadbalancer/*")}},
    )


def access_log_delivery(target: Target, log_bucket: str, source_buckets: Sequence[str]) -> Statement:
    """Lets S3 write these buckets' access logs (Amazon S3 user guide, "Permissions for log delivery")."""
    return grant(
        "AccessLogs",
        {"Service": "logging.s3.amazonaws.com"},
        ["s3:PutObject"],
        [target.s3_arn(f"{log_bucket}/*")],
        conditions={
            "ArnEquals": {"aws:SourceArn": sorted(map(target.s3_arn, source_buckets))},
            "StringEquals": {"aws:SourceAccount": target.account_id},
        },
    )


def distribution_read(target: Target, bucket: str) -> Statement:
    """Lets distributions of this account read a bucket's objects (Amazon CloudFront developer guide, "Restrict access
    to an Amazon S3 origin").

    The distribution's own ARN is not known before it exists, and a policy must be known at preview.
    """
    return grant(
        "Distribution",
        {"Service": "cloudfront.amazonaws.com"},
        ["s3:GetObject"],
        [target.s3_arn(f"{bucket}/*")],
        conditions={"ArnLike": {"aws:SourceArn": target.global_arn("cloudfront", "distribution/*")}},
    )
