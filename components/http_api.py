"""The HTTP API: the one public door, and the link through which it reaches into the VPC."""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.load_balancer import LoadBalancer
from components.mlflow_service import MlflowService
from components.network import Network
from components.security_group import connect, security_group
from settings.api import ApiSettings

API_DOMAIN_HEADER = "X-Api-Domain"
"""Set by the API on every request, over whatever the caller sent: the name that NGINX takes the request to be for."""

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
}
"""Fields of an access log line (API Gateway developer guide, "Variables for HTTP API access logs")."""


@dataclass(frozen=True, kw_only=True)
class HttpApiArgs:
    """The API to make.

    Args:
        deployment: The stack.
        settings: Throttling and logs.
        network: Where the VPC link has its addresses: in the private subnets.
        encryption: Key of the access log.
        mlflow: What answers.
        load_balancer: What the link leads to; without it the link finds MLflow's tasks in Cloud Map.
    """

    deployment: Deployment
    settings: ApiSettings
    network: Network
    encryption: Encryption
    mlflow: MlflowService
    load_balancer: LoadBalancer | None


class HttpApi(Component):
    """An HTTP API whose routes `ANY /` and `ANY /{proxy+}` lead through a VPC link to MLflow's proxy."""

    api_id: pulumi.Output[str]
    """Id of the API."""
    url: pulumi.Output[str]
    """Address of the API, which is MLflow's tracking URI."""
    tracking_uri_parameter: str
    """Name of the SSM parameter that holds the tracking URI."""

    def __init__(self, name: str, args: HttpApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "api", args.deployment, opts)
        names = args.deployment.names
        self.tracking_uri_parameter = names.path("mlflow/tracking-uri")
        api = aws.apigatewayv2.Api(
            name,
            name=names.of("api"),
            protocol_type="HTTP",
            description="MLflow tracking server",
            tags=self.merged_tags(names.of("api")),
            opts=self._child,
        )
        integration = self._integration(name, args, api)
        routes = [
            aws.apigatewayv2.Route(
                f"{name}-{label}",
                api_id=api.id,
                route_key=key,
                # NGINX authenticates (services/nginx): the API passes every request on to it.
                authorization_type="NONE",
                target=pulumi.Output.concat("integrations/", integration.id),
                opts=self._child,
            )
            for label, key in (("root", "ANY /"), ("proxy", "ANY /{proxy+}"))
        ]
        self._stage(name, args, api, routes)
        self.api_id = api.id
        self.url = api.api_endpoint
        aws.ssm.Parameter(
            f"{name}-tracking-uri",
            name=self.tracking_uri_parameter,
            type="SecureString",
            key_id=args.encryption.key_arn,
            description="MLFLOW_TRACKING_URI for clients",
            value=self.url,
            tags=self.merged_tags(self.tracking_uri_parameter),
            opts=self._child,
        )
        self.register_outputs({"api_id": self.api_id, "url": self.url})

    def _integration(self, name: str, args: HttpApiArgs, api: aws.apigatewayv2.Api) -> aws.apigatewayv2.Integration:
        balancer = args.load_balancer
        group = security_group(self, name, vpc_id=args.network.vpc_id, description="VPC link of the HTTP API")
        if balancer is None:
            args.mlflow.allow(self, f"{name}-mlflow", group.id)
        else:
            connect(
                self,
                f"{name}-load-balancer",
                source=group.id,
                destination=balancer.security_group_id,
                port=balancer.port,
                purpose="HTTP API to the load balancer",
            )
        link = aws.apigatewayv2.VpcLink(
            name,
            name=args.deployment.names.of("api"),
            subnet_ids=args.network.private_subnet_ids,
            security_group_ids=[group.id],
            tags=self.merged_tags(args.deployment.names.of("api")),
            opts=self._child,
        )
        return aws.apigatewayv2.Integration(
            name,
            api_id=api.id,
            integration_type="HTTP_PROXY",
            integration_method="ANY",
            connection_type="VPC_LINK",
            connection_id=link.id,
            integration_uri=balancer.listener_arn if balancer else args.mlflow.discovery_arn,
            payload_format_version="1.0",  # the only one that private integrations take
            timeout_milliseconds=30_000,
            request_parameters={f"overwrite:header.{API_DOMAIN_HEADER}": "$context.domainName"},
            tls_config=({"server_name_to_verify": balancer.server_name} if balancer and balancer.server_name else None),
            opts=self._child,
        )

    def _stage(
        self, name: str, args: HttpApiArgs, api: aws.apigatewayv2.Api, routes: list[aws.apigatewayv2.Route]
    ) -> None:
        log_name = args.deployment.names.path("api")
        logs = aws.cloudwatch.LogGroup(
            f"{name}-access",
            name=log_name,
            retention_in_days=args.settings.log_retention_days,
            kms_key_id=args.encryption.key_arn,
            tags=self.merged_tags(log_name),
            opts=self._child,
        )
        aws.apigatewayv2.Stage(
            name,
            api_id=api.id,
            name="$default",
            auto_deploy=True,
            access_log_settings={"destination_arn": logs.arn, "format": json.dumps(ACCESS_LOG)},
            default_route_settings={
                "throttling_rate_limit": args.settings.throttling_rate_limit,
                "throttling_burst_limit": args.settings.throttling_burst_limit,
                "detailed_metrics_enabled": True,
            },
            tags=self.merged_tags(name),
            opts=self._options(depends_on=list[pulumi.Resource](routes)),
        )
