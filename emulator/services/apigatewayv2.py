"""Amazon API Gateway, HTTP APIs."""

import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from moto.apigatewayv2 import urls
from moto.apigatewayv2.models import ApiGatewayV2Backend, DomainName, Stage
from moto.apigatewayv2.responses import ApiGatewayV2Response

from emulator.registry import adds, corrects, setup

Answer = tuple[int, dict[str, str], str]


def _segments(self: Any) -> list[str]:
    return [unquote(segment) for segment in self.path.rstrip("/").split("/")]


@adds("apigatewayv2", "UpdateStage", on=ApiGatewayV2Response)
def update_stage(self: Any) -> Answer:  # noqa: D103
    path = _segments(self)  # /v2/apis/<api>/stages/<stage>
    api = self.apigatewayv2_backend.get_api(path[-3])
    previous = api.get_stage(path[-1])
    stage: Any = Stage(api, {**previous.config, **json.loads(self.body), "stageName": previous.name})
    stage.created, stage.tags = previous.created, previous.tags
    api.stages[previous.name] = stage
    return 200, {}, json.dumps(stage.to_json())


@corrects(
    "apigatewayv2", "GetDomainName", "never becomes AVAILABLE, names no target", on=DomainName, attribute="to_json"
)
def domain_name_to_json(original: Callable[..., Any], self: Any) -> dict[str, Any]:  # noqa: D103
    answer = original(self)
    region = self.domain_name_arn.split(":")[3]
    for configuration in answer["domainNameConfigurations"]:
        target = f"d-{uuid.uuid5(uuid.NAMESPACE_DNS, self.domain_name).hex[:10]}.execute-api.{region}.amazonaws.com"
        configuration.setdefault("apiGatewayDomainName", target)
        configuration.setdefault("hostedZoneId", "Z1UJRXOUMOOFQ8")
        configuration.setdefault("domainNameStatus", "AVAILABLE")
        configuration.setdefault("ipAddressType", "ipv4")
    return {key: value for key, value in answer.items() if value or key != "mutualTlsAuthentication"}


@adds("apigatewayv2", "UpdateDomainName", on=ApiGatewayV2Response)
def update_domain_name(self: Any) -> Answer:  # noqa: D103
    domain, body = self.apigatewayv2_backend.get_domain_name(_segments(self)[-1]), json.loads(self.body)
    domain.domain_name_configurations = body.get("domainNameConfigurations", domain.domain_name_configurations)
    domain.mutual_tls_authentication = body.get("mutualTlsAuthentication", domain.mutual_tls_authentication)
    return 200, {}, json.dumps(domain.to_json())


@adds("apigatewayv2", "UpdateApiMapping", on=ApiGatewayV2Response)
def update_api_mapping(self: Any) -> Answer:  # noqa: D103
    path, body = _segments(self), json.loads(self.body)  # /v2/domainnames/<domain>/apimappings/<mapping>
    mapping = self.apigatewayv2_backend.get_api_mapping(api_mapping_id=path[-1], domain_name=path[-3])
    mapping.api_id = body.get("apiId", mapping.api_id)
    mapping.stage = body.get("stage", mapping.stage)
    mapping.api_mapping_key = body.get("apiMappingKey", mapping.api_mapping_key)
    return 200, {}, json.dumps(mapping.to_json())


# ---- tags of a stage, which keeps its own


@setup
def route_tags() -> None:
    """Moto routes the tags of APIs and VPC links only."""
    urls.url_paths["{0}/v2/tags/(?P<rest>.+)$"] = ApiGatewayV2Response.dispatch


def _stage_tags(self: Any, arn: str) -> dict[str, str] | None:
    api, separator, stage = arn.partition("/stages/")
    return self.get_api(api.rsplit("/", 1)[-1]).get_stage(stage).tags if separator else None


@corrects("apigatewayv2", "GetTags", "knows no stages", on=ApiGatewayV2Backend)
def get_tags(original: Callable[..., Any], self: Any, resource_id: str) -> Any:  # noqa: D103
    tags = _stage_tags(self, resource_id)
    return original(self, resource_id) if tags is None else tags


@corrects("apigatewayv2", "TagResource", "knows no stages", on=ApiGatewayV2Backend)
def tag_resource(original: Callable[..., Any], self: Any, resource_arn: str, tags: dict[str, str]) -> None:  # noqa: D103
    kept = _stage_tags(self, resource_arn)
    if kept is None:
        original(self, resource_arn, tags)
    else:
        kept.update(tags)


@corrects("apigatewayv2", "UntagResource", "knows no stages", on=ApiGatewayV2Backend)
def untag_resource(original: Callable[..., Any], self: Any, resource_arn: str, tag_keys: list[str]) -> None:  # noqa: D103
    kept = _stage_tags(self, resource_arn)
    if kept is None:
        original(self, resource_arn, tag_keys)
        return
    for key in tag_keys:
        kept.pop(key, None)
