"""Amazon API Gateway, REST APIs."""

import json
from collections.abc import Callable
from typing import Any

from moto.apigateway.models import Integration, RestAPI
from moto.apigateway.responses import APIGatewayResponse

from emulator.registry import attributes, corrects


@corrects("apigateway", "GetIntegration", "answers no connectionId", on=Integration, attribute="to_json")
def to_json(original: Callable[..., Any], self: Any) -> dict[str, Any]:  # noqa: D103
    return {**original(self), **attributes(self).get("_members", {})}


@corrects("apigateway", "PutIntegration", "drops connectionId and cacheKeyParameters", on=APIGatewayResponse)
def put_integration(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    status, headers, _ = original(self)
    path = self.path.split("/")  # /restapis/<api>/resources/<resource>/methods/<method>/integration
    integration = self.backend.get_integration(path[2], path[4], path[6])
    if connection := self._get_param("connectionId"):
        attributes(integration)["_members"] = {"connectionId": connection}
    if cache_keys := self._get_param("cacheKeyParameters"):
        integration.cache_key_parameters = cache_keys
    return status, headers, json.dumps(integration.to_json())


@corrects("apigateway", "CreateRestApi", "drops binaryMediaTypes", on=APIGatewayResponse)
def create_rest_api(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    status, headers, body = original(self)
    if types := self._get_param("binaryMediaTypes"):
        api = self.backend.get_rest_api(json.loads(body)["id"])
        api.binaryMediaTypes = types
        body = json.dumps(api.to_dict())
    return status, headers, body


@corrects(
    "apigateway", "GetRestApi", "answers the policy without the escapes that AWS has", on=RestAPI, attribute="to_dict"
)
def to_dict(original: Callable[..., Any], self: Any) -> dict[str, Any]:  # noqa: D103
    known = original(self)
    return {**known, "policy": json.dumps(known["policy"])[1:-1] if known.get("policy") else None}
