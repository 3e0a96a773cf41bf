"""The way from an HTTP API to MLflow's tasks: a VPC link, an integration, the tracking URI for clients."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Deployment
from components.encryption import Encryption
from components.http_api import HttpApi, Tokens
from components.load_balancer import LoadBalancer
from components.mlflow_service import MlflowService
from components.network import Network
from components.security_group import connect, security_group

API_DOMAIN_HEADER = "X-Api-Domain"
"""Set by the API on every request, over whatever the caller sent: the name that NGINX takes the request to be for."""


@dataclass(frozen=True, kw_only=True)
class PrivateLink:
    """How APIs reach into the VPC.

    Args:
        link_id: Id of the VPC link.
        security_group_id: Group of its addresses.
    """

    link_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class MlflowRoutesArgs:
    """What leads to what.

    Args:
        deployment: The stack.
        api: The API.
        network: Where the VPC link has its addresses: in the private subnets.
        encryption: Key of the parameter with the tracking URI.
        mlflow: What answers.
        load_balancer: What the link leads to; without it the link finds MLflow's tasks in Cloud Map.
        tokens: Bearer tokens that the API takes; without them NGINX asks for a password.
        cross_origin: Whether scripts of other origins may call, whose browsers ask beforehand without a token.
    """

    deployment: Deployment
    api: HttpApi
    network: Network
    encryption: Encryption
    mlflow: MlflowService
    load_balancer: LoadBalancer | None
    tokens: Tokens | None
    cross_origin: bool


@dataclass(frozen=True, kw_only=True)
class MlflowRoutes:
    """What `serve_mlflow` made.

    Args:
        link: The way into the VPC, for other services.
        tracking_uri_parameter: Name of the SSM parameter that holds the tracking URI.
    """

    link: PrivateLink
    tracking_uri_parameter: str


def serve_mlflow(name: str, args: MlflowRoutesArgs) -> MlflowRoutes:
    """Leads `ANY /` and `ANY /{proxy+}` of the API through a VPC link to MLflow's proxy, and browsers' preflights.

    All that is made belongs to the API.
    """
    api, names = args.api, args.deployment.names
    link = _link(name, args)
    integration = private_integration(
        name,
        api,
        link=link,
        uri=args.load_balancer.listener_arn if args.load_balancer else args.mlflow.discovery_arn,
        server_name=args.load_balancer.server_name if args.load_balancer else None,
    )
    authorizer = api.authorizer(name, args.tokens) if args.tokens else None
    for label, key in (("root", "ANY /"), ("proxy", "ANY /{proxy+}")):
        api.route(f"{name}-{label}", key, integration, authorizer)
    if authorizer is not None and args.cross_origin:
        # An authorizer of ANY also refuses preflights, which never have a token (API Gateway developer guide,
        # "Configure CORS for HTTP APIs").
        api.route(f"{name}-preflight", "OPTIONS /{proxy+}", integration, None)
    parameter = names.path("mlflow/tracking-uri")
    aws.ssm.Parameter(
        f"{name}-tracking-uri",
        name=parameter,
        type="SecureString",
        key_id=args.encryption.key_arn,
        description="MLFLOW_TRACKING_URI for clients",
        value=api.url,
        tags=api.merged_tags(parameter),
        opts=api.child,
    )
    return MlflowRoutes(link=link, tracking_uri_parameter=parameter)


def private_integration(
    name: str, api: HttpApi, *, link: PrivateLink, uri: pulumi.Input[str], server_name: str | None = None
) -> aws.apigatewayv2.Integration:
    """Passes requests on through a VPC link.

    Args:
        name: Name of the integration.
        api: The API it belongs to.
        link: The way into the VPC.
        uri: ARN of a listener or of a Cloud Map service.
        server_name: Name that the listener's certificate must have; plain HTTP without it.
    """
    return aws.apigatewayv2.Integration(
        name,
        api_id=api.api_id,
        integration_type="HTTP_PROXY",
        integration_method="ANY",
        connection_type="VPC_LINK",
        connection_id=link.link_id,
        integration_uri=uri,
        payload_format_version="1.0",  # the only one that private integrations take
        timeout_milliseconds=30_000,
        request_parameters={f"overwrite:header.{API_DOMAIN_HEADER}": "$context.domainName"},
        tls_config={"server_name_to_verify": server_name} if server_name else None,
        opts=api.child,
    )


def _link(name: str, args: MlflowRoutesArgs) -> PrivateLink:
    api, balancer = args.api, args.load_balancer
    group = security_group(api, name, vpc_id=args.network.vpc_id, description="VPC link of the HTTP API")
    if balancer is None:
        args.mlflow.allow(api, f"{name}-mlflow", group.id)
    else:
        connect(
            api,
            f"{name}-load-balancer",
            source=group.id,
            destination=balancer.security_group_id,
            port=balancer.port,
            purpose="HTTP API to the load balancer",
        )
    physical = args.deployment.names.of("api")
    link = aws.apigatewayv2.VpcLink(
        name,
        name=physical,
        subnet_ids=args.network.private_subnet_ids,
        security_group_ids=[group.id],
        tags=api.merged_tags(physical),
        opts=api.child,
    )
    return PrivateLink(link_id=link.id, security_group_id=group.id)
