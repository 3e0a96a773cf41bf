"""The platform's page: static files in a private bucket, behind CloudFront."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.bucket import Bucket, BucketArgs, bucket_name, retention_rules
from components.distribution import Behavior, Distribution, DistributionArgs, Origin, api_origin, edge_function
from components.dns import AliasTarget
from components.edge_logs import EdgeLogs
from components.encryption import Encryption
from components.http_api import HttpApi
from lib.documents.bucket import distribution_read
from lib.static_files import CONFIG, CONTENT_TYPES, static_files
from lib.web_headers import content_security_policy
from settings.web import WebSettings

REVALIDATE = "no-cache"
"""`Cache-Control` of all files: their names stay the same from one deployment to the next, and an old script must not
meet a new page."""


@dataclass(frozen=True, kw_only=True)
class WebsiteArgs:
    """The page to make.

    Args:
        deployment: The stack.
        settings: CloudFront's edge locations.
        encryption: Key of the files.
        logs: Access logs.
        source: Folder of the static files (`services/web`).
        api: The REST API, which the page calls at `/api/` of its own host.
        login_url: Login pages and token endpoint, which the page may call.
        host: Name of its own; CloudFront's if absent.
        certificate_arn: Certificate of that name.
        web_acl_arn: Firewall.
    """

    deployment: Deployment
    settings: WebSettings
    encryption: Encryption
    logs: EdgeLogs
    source: Path
    api: HttpApi
    login_url: pulumi.Input[str]
    host: str | None
    certificate_arn: pulumi.Input[str] | None
    web_acl_arn: pulumi.Input[str] | None


class Website(Component):
    """A bucket that only its distribution reads, the files in it, and the distribution."""

    url: pulumi.Output[str]
    """Address of the page, without a slash at its end."""
    alias: AliasTarget
    """What an entry for its own name must point to."""

    def __init__(self, name: str, args: WebsiteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "web", args.deployment, opts)
        self._args = args
        self._bucket = self._private_bucket(name, args)
        for file in static_files(args.source):
            self._object(file.key, file.content_type, file.text)
        strip = edge_function(
            f"{name}-api",
            args.deployment,
            "strip-api.js",
            self.merged_tags(f"{name}-api"),
            self._child,
        )
        distribution = Distribution(
            name,
            DistributionArgs(
                deployment=args.deployment,
                settings=args.settings,
                logs=args.logs,
                description=f"Page of {args.deployment.names.prefix}",
                origins=[self._origin(name, args), api_origin("api", args.api.host)],
                # No page in place of a missing one: it would also take the place of the API's 403 and 404.
                behaviors=[
                    Behavior(origin="files", cached=True, forwards=False),
                    Behavior(origin="api", path="/api/*", function=strip),
                ],
                content_security_policy=pulumi.Output.from_input(args.login_url).apply(content_security_policy),
                root="index.html",
                hosts=(args.host,) if args.host else (),
                certificate_arn=args.certificate_arn,
                web_acl_arn=args.web_acl_arn,
            ),
            opts=self._child,
        )
        self.url, self.alias = distribution.url, distribution.alias
        self.register_outputs({"url": self.url})

    def publish(self, config: Mapping[str, pulumi.Input[object]]) -> None:
        """Writes the page's runtime configuration, `config.json`.

        A preview cannot know the addresses in it; the hash of what it can know lets it see all other changes.
        """
        known = {key: value for key, value in config.items() if not isinstance(value, pulumi.Output)}
        digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
        content = pulumi.Output.json_dumps(dict(config), sort_keys=True)
        self._object(CONFIG, CONTENT_TYPES[".json"], content, digest)

    def _private_bucket(self, name: str, args: WebsiteArgs) -> pulumi.Output[str]:
        physical = bucket_name(args.deployment, "web")
        bucket = Bucket(
            name,
            BucketArgs(
                deployment=args.deployment,
                bucket_name=physical,
                key_arn=args.encryption.key_arn,
                rules=retention_rules(noncurrent_days=30, tiering_days=None),
                statements=[distribution_read(args.deployment.target, physical)],
            ),
            opts=self._child,
        )
        return bucket.bucket_name

    def _object(self, key: str, content_type: str, content: pulumi.Input[str], source_hash: str | None = None) -> None:
        aws.s3.BucketObjectv2(
            f"{self._name}-{key}",
            bucket=self._bucket,
            key=key,
            content=content,
            source_hash=source_hash,
            content_type=content_type,
            cache_control=REVALIDATE,
            kms_key_id=self._args.encryption.key_arn,
            bucket_key_enabled=True,
            tags=self.merged_tags(key),
            opts=self._child,
        )

    def _origin(self, name: str, args: WebsiteArgs) -> Origin:
        access = aws.cloudfront.OriginAccessControl(
            name,
            name=args.deployment.names.of(name),
            description="Signs CloudFront's requests to the page's bucket",
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=self._child,
        )
        return {
            "origin_id": "files",
            "domain_name": pulumi.Output.concat(self._bucket, ".", args.deployment.target.service_host("s3")),
            "origin_access_control_id": access.id,
        }
