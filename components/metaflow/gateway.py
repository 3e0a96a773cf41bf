"""The API by which clients outside the VPC reach the metadata service: a REST API with a key, or an HTTP API."""

import hashlib
import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.dns import AliasTarget
from components.encryption import Encryption
from components.http_api import ACCESS_LOG
from components.logs import log_group
from components.metaflow.load_balancer import InternalLoadBalancer
from components.roles import Role, RoleArgs
from lib.documents.metaflow import api_logs_policy, api_policy
from lib.iam import service_trust
from settings.iam import IamSettings
from settings.metaflow import CloudWatchRole, GatewaySettings

STAGE = "api"
"""Name of the stage (the template's)."""

PROXY = "{proxy+}"

REST_ACCESS_LOG = {
    **{
        key: value for key, value in ACCESS_LOG.items() if key not in ("integrationError", "authorizerError", "subject")
    },
    "integrationStatus": "$context.integration.status",
    "integrationLatency": "$context.integration.latency",
    "apiKeyId": "$context.identity.apiKeyId",
}
"""Fields of an access log line (API Gateway developer guide, "Variables for access logging"): the key's id, never the
key."""


@dataclass(frozen=True, kw_only=True)
class RestGatewayArgs:
    """The API to make.

    Args:
        deployment: The stack.
        settings: Throttle, quota, addresses and logs.
        iam: How the role of the logs is named.
        encryption: Key of the access log.
        load_balancer: What it leads to.
        host: Name of its own; AWS's name if absent.
        certificate_arn: Certificate of that name, in the stack's region.
        web_acl_arn: Firewall in front of it, if any.
    """

    deployment: Deployment
    settings: GatewaySettings
    iam: IamSettings
    encryption: Encryption
    load_balancer: InternalLoadBalancer
    host: str | None
    certificate_arn: pulumi.Input[str] | None
    web_acl_arn: pulumi.Input[str] | None


class RestGateway(Component):
    """A regional REST API with TLS and an API key: usage plan with throttle and quota, access log, address ranges."""

    url: pulumi.Output[str]
    """Address, without a slash at its end."""
    api_key_id: pulumi.Output[str]
    """Id of the key (`ApiKeyId`); its value is read from API Gateway by who may."""
    alias: AliasTarget | None
    """What an entry for its own name must point to."""

    def __init__(self, name: str, args: RestGatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        self._args = args
        physical = args.deployment.names.of("metaflow")
        api = aws.apigateway.RestApi(
            name,
            name=physical,
            description="Metaflow's metadata service",
            endpoint_configuration={"types": "REGIONAL"},
            policy=api_policy(cidrs=[str(cidr) for cidr in args.settings.allowed_cidrs]),
            disable_execute_api_endpoint=args.host is not None,
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        stage = self._stage(name, api, self._deployment_of(name, api))
        self.api_key_id = self._key(name, physical, api, stage)
        if args.web_acl_arn is not None:
            aws.wafv2.WebAclAssociation(name, resource_arn=stage.arn, web_acl_arn=args.web_acl_arn, opts=self._child)
        self.alias = None
        if args.host is None:
            self.url = stage.invoke_url
        else:
            self.alias = self._named(name, args.host, api, stage)
            self.url = pulumi.Output.from_input(f"https://{args.host}")
        self.register_outputs({"url": self.url, "api_key_id": self.api_key_id})

    def _deployment_of(self, name: str, api: aws.apigateway.RestApi) -> aws.apigateway.Deployment:
        """`ANY /{proxy+}` with a key, through a VPC link to the load balancer; made anew when any of it changes."""
        args = self._args
        link = aws.apigateway.VpcLink(
            name,
            name=self._deployment.names.of("metaflow"),
            description="To Metaflow's metadata service",
            target_arn=args.load_balancer.arn,
            tags=self.merged_tags(name),
            opts=self._child,
        )
        resource = aws.apigateway.Resource(
            name, rest_api=api.id, parent_id=api.root_resource_id, path_part=PROXY, opts=self._child
        )
        method = aws.apigateway.Method(
            name,
            rest_api=api.id,
            resource_id=resource.id,
            http_method="ANY",
            authorization="NONE",
            api_key_required=True,
            request_parameters={"method.request.path.proxy": True},
            opts=self._child,
        )
        integration = aws.apigateway.Integration(
            name,
            rest_api=api.id,
            resource_id=resource.id,
            http_method=method.http_method,
            type="HTTP_PROXY",
            integration_http_method="ANY",
            connection_type="VPC_LINK",
            connection_id=link.id,
            uri=pulumi.Output.concat("http://", args.load_balancer.dns_name, "/{proxy}"),
            request_parameters={"integration.request.path.proxy": "method.request.path.proxy"},
            timeout_milliseconds=29_000,
            opts=self._child,
        )
        # AWS's own name goes with the next deployment (API Gateway developer guide, "Disable the default endpoint for
        # REST APIs").
        shape = pulumi.Output.json_dumps(
            [
                *(resource.id, method.id, integration.id, link.id, args.load_balancer.dns_name),
                *(api.policy, api.disable_execute_api_endpoint),
            ],
            sort_keys=True,
        )
        return aws.apigateway.Deployment(
            name,
            rest_api=api.id,
            triggers={"shape": shape.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16])},
            opts=self._options(depends_on=[method, integration]),
        )

    def _stage(
        self, name: str, api: aws.apigateway.RestApi, deployed: aws.apigateway.Deployment
    ) -> aws.apigateway.Stage:
        settings = self._args.settings
        log_name = self._deployment.names.path("metaflow/api")
        logs = log_group(
            self,
            f"{name}-access",
            log_name,
            retention_days=settings.log_retention_days,
            key_arn=self._args.encryption.key_arn,
        )
        account = self._account(name) if settings.cloudwatch_role is CloudWatchRole.CREATE else None
        stage = aws.apigateway.Stage(
            name,
            rest_api=api.id,
            stage_name=STAGE,
            deployment=deployed.id,
            xray_tracing_enabled=True,
            access_log_settings={"destination_arn": logs.arn, "format": json.dumps(REST_ACCESS_LOG)},
            tags=self.merged_tags(name),
            opts=self._options(depends_on=[account] if account else None),
        )
        aws.apigateway.MethodSettings(
            name,
            rest_api=api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings={
                "throttling_rate_limit": settings.throttling_rate_limit,
                "throttling_burst_limit": settings.throttling_burst_limit,
                "metrics_enabled": True,
                "logging_level": "ERROR",
                "data_trace_enabled": False,
            },
            opts=self._child,
        )
        return stage

    def _account(self, name: str) -> aws.apigateway.Account:
        """Without it a stage with logs cannot be made; an account has one for each region."""
        role = Role(
            f"{name}-logs",
            RoleArgs(
                deployment=self._deployment,
                iam=self._args.iam,
                suffix="metaflow-api-logs",
                description="API Gateway writes the logs of REST APIs",
                trust=service_trust(self._deployment.target, "apigateway", source_account=False),
                policies={"write": api_logs_policy(self._deployment.target)},
            ),
            opts=self._child,
        )
        return aws.apigateway.Account(name, cloudwatch_role_arn=role.arn, opts=self._child)

    def _key(
        self, name: str, physical: str, api: aws.apigateway.RestApi, stage: aws.apigateway.Stage
    ) -> pulumi.Output[str]:
        settings = self._args.settings
        key = aws.apigateway.ApiKey(
            name,
            name=physical,
            description="Clients of Metaflow's metadata service",
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        plan = aws.apigateway.UsagePlan(
            name,
            name=physical,
            description="What clients of Metaflow's metadata service may ask",
            api_stages=[{"api_id": api.id, "stage": stage.stage_name}],
            throttle_settings={
                "rate_limit": settings.throttling_rate_limit,
                "burst_limit": settings.throttling_burst_limit,
            },
            quota_settings=(
                {"limit": settings.quota_limit, "period": settings.quota_period.value}
                if settings.quota_limit is not None
                else None
            ),
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        aws.apigateway.UsagePlanKey(name, key_id=key.id, key_type="API_KEY", usage_plan_id=plan.id, opts=self._child)
        return key.id

    def _named(self, name: str, host: str, api: aws.apigateway.RestApi, stage: aws.apigateway.Stage) -> AliasTarget:
        if self._args.certificate_arn is None:
            raise ValueError(f"{name}: host {host} is given without certificate_arn; a name of its own needs both")
        domain = aws.apigateway.DomainName(
            name,
            domain_name=host,
            regional_certificate_arn=self._args.certificate_arn,
            endpoint_configuration={"types": "REGIONAL"},
            security_policy="TLS_1_2",
            tags=self.merged_tags(host),
            opts=self._child,
        )
        aws.apigateway.BasePathMapping(
            name, rest_api=api.id, domain_name=domain.domain_name, stage_name=stage.stage_name, opts=self._child
        )
        return AliasTarget(host=domain.regional_domain_name, zone_id=domain.regional_zone_id)
