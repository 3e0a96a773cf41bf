"""The one way to serve something through CloudFront: TLS 1.2, security headers, firewall, access log."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.dns import AliasTarget
from components.edge_logs import EdgeLogs
from lib.web_headers import CUSTOM_HEADERS, REFERRER_POLICY, STRICT_TRANSPORT_SECONDS
from settings.web import WebSettings

FUNCTIONS = Path(__file__).parent.parent / "services" / "edge"
"""Where the sources of CloudFront Functions are."""

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""AWS's cache policies (Amazon CloudFront developer guide, "Use managed cache policies")."""
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
"""AWS's origin request policy for API Gateway (the same, "Use managed origin request policies")."""

READ = ["GET", "HEAD"]
ALL_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]

Origin = aws.cloudfront.DistributionOriginArgsDict
DefaultBehavior = aws.cloudfront.DistributionDefaultCacheBehaviorArgsDict
OrderedBehavior = aws.cloudfront.DistributionOrderedCacheBehaviorArgsDict


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """How requests are answered.

    Args:
        origin: Id of the origin that answers.
        path: Pattern of the paths; None for all that no other behaviour takes.
        cached: Whether answers are kept, for all viewers alike; only reading is possible then.
        function: What sees each request first.
        forwards: Whether the origin gets what the viewer sent, but for its `Host`.
    """

    origin: str
    path: str | None = None
    cached: bool = False
    function: aws.cloudfront.Function | None = None
    forwards: bool = True


@dataclass(frozen=True, kw_only=True)
class DistributionArgs:
    """The distribution to make.

    Args:
        deployment: The stack.
        settings: Edge locations.
        logs: Access logs.
        description: What it serves; 128 characters at most.
        origins: Where answers come from.
        behaviors: How; the first is for all paths that the others do not take.
        content_security_policy: What its pages may load and do.
        framed: Whether pages of its own may show it in a frame.
        root: What `/` means; nothing of its own if absent.
        hosts: Names of its own; CloudFront's if empty.
        certificate_arn: Certificate of those names, in us-east-1.
        web_acl_arn: Firewall.
    """

    deployment: Deployment
    settings: WebSettings
    logs: EdgeLogs
    description: str
    origins: Sequence[Origin]
    behaviors: Sequence[Behavior]
    content_security_policy: pulumi.Input[str]
    framed: bool = False
    root: str | None = None
    hosts: tuple[str, ...] = ()
    certificate_arn: pulumi.Input[str] | None = None
    web_acl_arn: pulumi.Input[str] | None = None

    def __post_init__(self) -> None:
        """Refuses names without a certificate."""
        if self.hosts and self.certificate_arn is None:
            raise ValueError(f"hosts {', '.join(self.hosts)} are given without certificate_arn; names need both")


class Distribution(Component):
    """A CloudFront distribution with its response headers and access log.

    Without a name of its own it has CloudFront's certificate, whose oldest protocol nobody can choose (Amazon
    CloudFront API reference, `ViewerCertificate`).
    """

    url: pulumi.Output[str]
    """Address, without a slash at its end."""
    alias: AliasTarget
    """What entries for its own names must point to."""

    def __init__(self, name: str, args: DistributionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "web", args.deployment, opts)
        physical = args.deployment.names.of(name)
        headers = self._headers(name, args)
        default, *ordered = args.behaviors
        distribution = aws.cloudfront.Distribution(
            name,
            comment=args.description,
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class=args.settings.price_class,
            aliases=[*args.hosts],
            viewer_certificate=(
                {
                    "acm_certificate_arn": args.certificate_arn,
                    "ssl_support_method": "sni-only",
                    "minimum_protocol_version": "TLSv1.2_2021",
                }
                if args.hosts
                else {"cloudfront_default_certificate": True}
            ),
            default_root_object=args.root,
            origins=[*args.origins],
            default_cache_behavior=_behavior(default, headers),
            ordered_cache_behaviors=[_ordered(behavior, headers) for behavior in ordered],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            web_acl_id=args.web_acl_arn,
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        args.logs.deliver(name, distribution)
        host = pulumi.Output.from_input(args.hosts[0]) if args.hosts else distribution.domain_name
        self.url = pulumi.Output.concat("https://", host)
        self.alias = AliasTarget(host=distribution.domain_name, zone_id=distribution.hosted_zone_id)
        self.register_outputs({"url": self.url})

    def _headers(self, name: str, args: DistributionArgs) -> aws.cloudfront.ResponseHeadersPolicy:
        return aws.cloudfront.ResponseHeadersPolicy(
            name,
            name=args.deployment.names.of(name),
            security_headers_config={
                "content_security_policy": {
                    "content_security_policy": args.content_security_policy,
                    "override": True,
                },
                "content_type_options": {"override": True},
                "frame_options": {"frame_option": "SAMEORIGIN" if args.framed else "DENY", "override": True},
                "referrer_policy": {"referrer_policy": REFERRER_POLICY, "override": True},
                "strict_transport_security": {
                    "access_control_max_age_sec": STRICT_TRANSPORT_SECONDS,
                    "include_subdomains": True,
                    "override": True,
                },
            },
            custom_headers_config={
                "items": [
                    {"header": header, "value": value, "override": True} for header, value in CUSTOM_HEADERS.items()
                ]
            },
            opts=self._child,
        )


def api_origin(origin_id: str, host: pulumi.Input[str]) -> Origin:
    """An API as origin, reached by TLS 1.2 only."""
    return {
        "origin_id": origin_id,
        "domain_name": host,
        "custom_origin_config": {
            "http_port": 80,
            "https_port": 443,
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"],
        },
    }


def edge_code(source: str, host: str = "") -> str:
    """Code of a file in `services/edge`, where `@HOST@` stands for the first own name of what it serves, if any."""
    return (FUNCTIONS / source).read_text("utf-8").replace("@HOST@", host)


def edge_function(
    name: str,
    deployment: Deployment,
    source: str,
    tags: dict[str, str],
    opts: pulumi.ResourceOptions,
    *,
    host: str = "",
) -> aws.cloudfront.Function:
    """A published CloudFront Function, of a file in `services/edge`; `host` as for `edge_code`."""
    return aws.cloudfront.Function(
        name,
        name=deployment.names.of(name),
        runtime="cloudfront-js-2.0",
        comment=source,
        code=edge_code(source, host),
        publish=True,
        tags=tags,
        opts=opts,
    )


def _behavior(behavior: Behavior, headers: aws.cloudfront.ResponseHeadersPolicy) -> DefaultBehavior:
    associations: list[aws.cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgsDict] = (
        [{"event_type": "viewer-request", "function_arn": behavior.function.arn}] if behavior.function else []
    )
    made: DefaultBehavior = {
        "target_origin_id": behavior.origin,
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": READ if behavior.cached else ALL_METHODS,
        "cached_methods": READ,
        "cache_policy_id": CACHING_OPTIMIZED if behavior.cached else CACHING_DISABLED,
        "response_headers_policy_id": headers.id,
        "compress": behavior.cached,
        "function_associations": associations,
    }
    return {**made, "origin_request_policy_id": ALL_VIEWER_EXCEPT_HOST} if behavior.forwards else made


def _ordered(behavior: Behavior, headers: aws.cloudfront.ResponseHeadersPolicy) -> OrderedBehavior:
    if behavior.path is None:
        raise ValueError(f"only the first behaviour is for all paths; the one of {behavior.origin} needs a path")
    return {"path_pattern": behavior.path, **_behavior(behavior, headers)}
