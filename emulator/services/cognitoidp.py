"""Amazon Cognito user pools."""

from typing import Any

from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.responses import ActionResult, EmptyResult

from emulator.registry import adds


@adds("cognito-idp", "DeleteResourceServer", on=CognitoIdpResponse)
def delete_resource_server(self: Any) -> EmptyResult:  # noqa: D103
    pool, identifier = self._get_param("UserPoolId"), self._get_param("Identifier")
    self.backend.describe_resource_server(pool, identifier)
    del self.backend.describe_user_pool(pool).resource_servers[identifier]
    return EmptyResult()


@adds("cognito-idp", "UpdateResourceServer", on=CognitoIdpResponse)
def update_resource_server(self: Any) -> ActionResult:  # noqa: D103
    server = self.backend.describe_resource_server(self._get_param("UserPoolId"), self._get_param("Identifier"))
    server.name, server.scopes = self._get_param("Name"), self._get_param("Scopes") or []
    return ActionResult({"ResourceServer": server.to_json()})
