"""An HTTP API: its stage, its logs, its name, and what may be asked of it."""

import json
from dataclasses import dataclass
from typing import Protocol

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.dns import AliasTarget
from components.encryption import Encryption
from components.logs import log_group

ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "userAgent": "$context.identity.userAgent",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "protocol": "$context.protocol",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latency": "$context.responseLatency",
    "integrationStatus": "$context.integrationStatus",
    "integrationLatency": "$context.integrationLatency",
    "error": "$context.error.message",
    "integrationError": "$context.integrationErrorMessage",
    "authorizerError": "$context.authorizer.error",
    "subject": "$context.authorizer.claims.sub",
}
"""Fields of an access log line (API Gateway developer guide, "Variables for HTTP API access logs")."""


class Traffic(Protocol):
    """How much an API lets through and how long it remembers."""

    @property
    def throttling_rate_limit(self) -> float:
        """Requests a second, over all callers."""
        ...

    @property
    def throttling_burst_limit(self) -> int:
        """Requests above the rate that are let through at once."""
        ...

    @property
    def log_retention_days(self) -> int:
        """Days that access logs are kept."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Bearer tokens that an API takes.

    Args:
        issuer: Who must have signed them.
        audience: For whom: client ids, in `aud`, or in `client_id` where there is no `aud`.
    """

    issuer: pulumi.Input[str]
    audience: pulumi.Input[list[str]]


@dataclass(frozen=True, kw_only=True)
class HttpApiArgs:
    """The API to make.

    Args:
        deployment: The stack.
        suffix: Last part of its physical name and of its log group's.
        description: What it serves.
        traffic: Throttling and logs.
        encryption: Key of the access log.
        host: Name of its own; AWS's name if absent.
        certificate_arn: Certificate of that name, in the stack's region.
    """

    deployment: Deployment
    suffix: str
    description: str
    traffic: Traffic
    encryption: Encryption
    host: str | None = None
    certificate_arn: pulumi.Input[str] | None = None


class HttpApi(Component):
    """An HTTP API with a stage that deploys by itself; its routes are added by who serves them.

    Under a name of its own it speaks TLS 1.2 or later, and AWS's name is disabled.
    """

    api_id: pulumi.Output[str]
    """Id of the API."""
    url: pulumi.Output[str]
    """Address of the API, without a slash at its end."""
    host: pulumi.Output[str]
    """Host of that address."""
    execution_arn: pulumi.Output[str]
    """ARN that callers of functions have."""
    alias: AliasTarget | None
    """What an entry for its own name must point to."""

    def __init__(self, name: str, args: HttpApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "api", args.deployment, opts)
        physical = args.deployment.names.of(args.suffix)
        api = aws.apigatewayv2.Api(
            name,
            name=physical,
            protocol_type="HTTP",
            description=args.description,
            disable_execute_api_endpoint=args.host is not None,
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        self.api_id = api.id
        self.execution_arn = api.execution_arn
        stage = self._stage(name, args)
        self.alias = None
        if args.host is None:
            self.url = api.api_endpoint
            self.host = api.api_endpoint.apply(lambda url: url.removeprefix("https://"))
        else:
            self.alias = self._named(name, args, args.host, stage)
            self.host = pulumi.Output.from_input(args.host)
            self.url = pulumi.Output.from_input(f"https://{args.host}")
        self.register_outputs({"api_id": self.api_id, "url": self.url})

    def authorizer(self, name: str, tokens: Tokens) -> pulumi.Output[str]:
        """Makes the API check bearer tokens; gives the authorizer's id, for `route`."""
        return aws.apigatewayv2.Authorizer(
            name,
            api_id=self.api_id,
            name="tokens",
            authorizer_type="JWT",
            identity_sources=["$request.header.Authorization"],
            jwt_configuration={"issuer": tokens.issuer, "audiences": tokens.audience},
            opts=self._child,
        ).id

    def route(
        self, name: str, key: str, integration: aws.apigatewayv2.Integration, authorizer: pulumi.Input[str] | None
    ) -> None:
        """Leads requests such as `GET /me` to an integration; without an authorizer whoever calls is let through."""
        aws.apigatewayv2.Route(
            name,
            api_id=self.api_id,
            route_key=key,
            authorization_type="NONE" if authorizer is None else "JWT",
            authorizer_id=authorizer,
            target=pulumi.Output.concat("integrations/", integration.id),
            opts=self._child,
        )

    @property
    def child(self) -> pulumi.ResourceOptions:
        """Options of what is made for this API by who serves it."""
        return self._child

    def _named(self, name: str, args: HttpApiArgs, host: str, stage: aws.apigatewayv2.Stage) -> AliasTarget:
        if args.certificate_arn is None:
            raise ValueError(f"{name}: host {host} is given without certificate_arn; a name of its own needs both")
        domain = aws.apigatewayv2.DomainName(
            name,
            domain_name=host,
            domain_name_configuration={
                "certificate_arn": args.certificate_arn,
                "endpoint_type": "REGIONAL",
                "security_policy": "TLS_1_2",
                "ip_address_type": "dualstack",
            },
            tags=self.merged_tags(host),
            opts=self._child,
        )
        aws.apigatewayv2.ApiMapping(name, api_id=self.api_id, domain_name=domain.id, stage=stage.name, opts=self._child)
        configuration = domain.domain_name_configuration
        return AliasTarget(host=configuration.target_domain_name, zone_id=configuration.hosted_zone_id)

    def _stage(self, name: str, args: HttpApiArgs) -> aws.apigatewayv2.Stage:
        log_name = args.deployment.names.path(args.suffix)
        logs = log_group(
            self,
            f"{name}-access",
            log_name,
            retention_days=args.traffic.log_retention_days,
            key_arn=args.encryption.key_arn,
        )
        return aws.apigatewayv2.Stage(
            name,
            api_id=self.api_id,
            name="$default",
            auto_deploy=True,
            access_log_settings={"destination_arn": logs.arn, "format": json.dumps(ACCESS_LOG)},
            default_route_settings={
                "throttling_rate_limit": args.traffic.throttling_rate_limit,
                "throttling_burst_limit": args.traffic.throttling_burst_limit,
                "detailed_metrics_enabled": True,
            },
            tags=self.merged_tags(name),
            opts=self._child,
        )
