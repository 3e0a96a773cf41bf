"""Where CloudFront writes who asked for what."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.edge import EDGE_REGION, Edge
from components.encryption import Encryption
from components.logs import log_group
from lib.documents.logs import vended_log_delivery

NAME_LIMIT = 60
"""Characters of a delivery's source and destination (Amazon CloudWatch Logs API reference, `PutDeliverySource`)."""

FIELDS = (
    *("date", "time", "x-edge-location", "x-edge-request-id", "c-ip", "cs-method", "x-host-header", "cs-uri-stem"),
    *("cs-protocol", "cs-protocol-version", "ssl-protocol", "ssl-cipher", "cs(User-Agent)", "cs-bytes"),
    *("sc-status", "sc-bytes", "sc-content-type", "time-taken", "time-to-first-byte"),
    *("x-edge-result-type", "x-edge-detailed-result-type"),
)
"""Fields of a log line (Amazon CloudFront developer guide, "Log file fields"). Not among them: cookies, which hold the
session's token, and query strings and referrers, which hold the login's codes."""


@dataclass(frozen=True, kw_only=True)
class EdgeLogsArgs:
    """The logs to keep.

    Args:
        deployment: The stack.
        retention_days: Days that they are kept.
        encryption: Their key where the stack is in CloudFront's region; a key serves its own region only.
        edge: Where they are kept.
    """

    deployment: Deployment
    retention_days: int
    encryption: Encryption
    edge: Edge


class EdgeLogs(Component):
    """A log group for all distributions of the stack, and CloudFront's permission to write to it."""

    def __init__(self, name: str, args: EdgeLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "web", args.deployment, opts)
        names, target = args.deployment.names, replace(args.deployment.target, region=EDGE_REGION)
        self._edge = args.edge.provider
        log_name = names.path("cloudfront")
        group = log_group(
            self,
            name,
            log_name,
            retention_days=args.retention_days,
            key_arn=args.encryption.key_arn if self._edge is None else None,
            opts=self._options(provider=self._edge),
        )
        permission = aws.cloudwatch.LogResourcePolicy(
            name,
            policy_name=names.of("cloudfront"),
            policy_document=vended_log_delivery(target, log_name),
            opts=self._options(provider=self._edge),
        )
        self._destination = aws.cloudwatch.LogDeliveryDestination(
            name,
            name=names.of("cloudfront", limit=NAME_LIMIT),
            output_format="json",
            delivery_destination_configuration={"destination_resource_arn": group.arn},
            tags=self.merged_tags(log_name),
            opts=self._options(provider=self._edge, depends_on=[permission]),
        )
        self.register_outputs({})

    def deliver(self, name: str, distribution: aws.cloudfront.Distribution) -> None:
        """Makes CloudFront write the access log of a distribution, whose name in the logs is `name`."""
        physical = self._deployment.names.of(name, limit=NAME_LIMIT)
        source = aws.cloudwatch.LogDeliverySource(
            name,
            name=physical,
            log_type="ACCESS_LOGS",
            resource_arn=distribution.arn,
            tags=self.merged_tags(physical),
            opts=self._options(provider=self._edge),
        )
        aws.cloudwatch.LogDelivery(
            name,
            delivery_source_name=source.name,
            delivery_destination_arn=self._destination.arn,
            record_fields=[*FIELDS],
            tags=self.merged_tags(physical),
            opts=self._options(provider=self._edge),
        )
