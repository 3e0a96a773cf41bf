"""Amazon Cognito user pools."""

from collections.abc import Callable
from typing import Any

from moto.cognitoidp.models import (
    CognitoIdpIdentityProvider,
    CognitoIdpUserPool,
    CognitoIdpUserPoolClient,
    CognitoIdpUserPoolDomain,
)
from moto.cognitoidp.responses import CognitoIdpResponse
from moto.core.responses import ActionResult, EmptyResult

from emulator.registry import Refusal, adds, attributes, corrects

LOGIN_VERSION = "_mlplatform_login_version"

FIXED = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
"""What a pool keeps when an update leaves it out (API reference, UpdateUserPool: these it has no members for)."""

DISCOVERED = {
    "OIDC": {
        "authorize_url": "authorize",
        "token_url": "token",
        "attributes_url": "userinfo",
        "jwks_uri": "keys",
    },
    "Google": {"authorize_url": "auth", "token_url": "token", "attributes_url": "userinfo"},
}
"""Details that Cognito reads from a directory's discovery document, and what stands for them here."""


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


@corrects(
    "cognito-idp",
    "DescribeUserPool",
    "leaves out the feature plan and the custom domain",
    on=CognitoIdpUserPool,
    attribute="to_json",
)
def describe_user_pool(original: Callable[..., Any], self: Any, extended: bool = False) -> dict[str, Any]:  # noqa: D103
    answer = original(self, extended)
    domain = self.domain
    if domain is not None and domain.custom_domain_config:
        answer["CustomDomain"] = answer.pop("Domain")
    return {"UserPoolTier": "ESSENTIALS", **answer} if extended else answer


@corrects(
    "cognito-idp",
    "UpdateUserPool",
    "forgets by what users sign in, which cannot be changed",
    on=CognitoIdpUserPool,
    attribute="update_extended_config",
)
def update_user_pool(original: Callable[..., Any], self: Any, extended_config: dict[str, Any]) -> None:  # noqa: D103
    before = attributes(self).get("extended_config", {})
    original(self, {**{member: before[member] for member in FIXED if member in before}, **extended_config})


@corrects(
    "cognito-idp",
    "UpdateUserPoolClient",
    "keeps what an update leaves out, which Cognito sets to its default",
    on=CognitoIdpResponse,
)
def update_user_pool_client(original: Callable[..., Any], self: Any) -> ActionResult:  # noqa: D103
    pool, client_id = self._get_param("UserPoolId"), self._get_param("ClientId")
    client = self.backend.describe_user_pool_client(pool, client_id)
    fresh = CognitoIdpUserPoolClient(pool, client.generate_secret, None)
    attributes(client)["extended_config"] = attributes(fresh)["extended_config"]
    return original(self)


@corrects("cognito-idp", "DeleteUserPool", "deletes a pool whose deletion protection is active", on=CognitoIdpResponse)
def delete_user_pool(original: Callable[..., Any], self: Any) -> EmptyResult:  # noqa: D103
    pool = self.backend.describe_user_pool(self._get_param("UserPoolId"))
    if pool.extended_config.get("DeletionProtection") == "ACTIVE":
        raise Refusal(
            "InvalidParameterException",
            "The user pool cannot be deleted because deletion protection is activated. "
            "Deletion protection must be inactivated first.",
        )
    return original(self)


def _keep_version(original: Callable[..., Any], self: Any) -> ActionResult:
    answer = original(self)
    domain = self.backend.user_pool_domains[self._get_param("Domain")]
    attributes(domain)[LOGIN_VERSION] = self._get_param("ManagedLoginVersion") or 1
    return answer


@corrects("cognito-idp", "CreateUserPoolDomain", "drops the version of the login pages", on=CognitoIdpResponse)
def create_user_pool_domain(original: Callable[..., Any], self: Any) -> ActionResult:  # noqa: D103
    return _keep_version(original, self)


@corrects("cognito-idp", "UpdateUserPoolDomain", "drops the version of the login pages", on=CognitoIdpResponse)
def update_user_pool_domain(original: Callable[..., Any], self: Any) -> ActionResult:  # noqa: D103
    return _keep_version(original, self)


@corrects(
    "cognito-idp",
    "DescribeUserPoolDomain",
    "leaves out the version of the login pages",
    on=CognitoIdpUserPoolDomain,
    attribute="to_json",
)
def describe_user_pool_domain(  # noqa: D103
    original: Callable[..., Any], self: Any, extended: bool = True
) -> dict[str, Any]:
    answer = original(self, extended)
    return {**answer, "ManagedLoginVersion": attributes(self).get(LOGIN_VERSION, 1)} if extended else answer


@corrects(
    "cognito-idp",
    "DescribeIdentityProvider",
    "leaves out what Cognito reads from the directory's metadata or discovery document",
    on=CognitoIdpIdentityProvider,
    attribute="to_json",
)
def describe_identity_provider(  # noqa: D103
    original: Callable[..., Any], self: Any, extended: bool = False
) -> dict[str, Any]:
    answer = original(self, extended)
    if extended:
        given = answer.get("ProviderDetails", {})
        answer["ProviderDetails"] = {**_found(str(answer.get("ProviderType")), given), **given}
    return answer


def _found(kind: str, given: dict[str, str]) -> dict[str, str]:
    if kind == "SAML":
        directory = given.get("MetadataURL", "https://directory.example.com")
        return {
            "SSORedirectBindingURI": f"{directory}/sso",
            "SLORedirectBindingURI": f"{directory}/slo",
            "ActiveEncryptionCertificate": "MIIB",
        }
    paths = DISCOVERED.get(kind, {})
    issuer = given.get("oidc_issuer", "https://accounts.google.com")
    more = {"oidc_issuer": issuer, "token_request_method": "POST"} if kind == "Google" else {}
    found = {key: f"{issuer}/{path}" for key, path in paths.items()}
    return {**found, **more, "attributes_url_add_attributes": "false"} if paths else {}
