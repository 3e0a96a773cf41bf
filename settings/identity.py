"""`mlplatform:identity`: who people are: a Cognito user pool, created or existing, and the company's directory."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from lib.identity import reserved_words
from settings.base import Section

HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://[\w.-]+(:\d+)?(/[\w./~%+-]*)?$", max_length=1024)]
ClientId = Annotated[str, StringConstraints(pattern=r"^[\w+]{1,128}$")]
TAKEN_NAMES = ("COGNITO", "Google", "Facebook", "LoginWithAmazon", "SignInWithApple")
"""Providers that Cognito names itself (API reference, UserPoolClientType, SupportedIdentityProviders)."""


def _own_name(name: str) -> str:
    if name in TAKEN_NAMES:
        raise ValueError("is the name of one of Cognito's own providers; choose another")
    return name


ProviderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{2,31}$"), AfterValidator(_own_name)]
Port = Annotated[int, Field(ge=1024, le=65535)]
Guid = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]


class IdentityMode(StrEnum):
    """Where users are."""

    CREATE = "create"
    EXISTING = "existing"
    NONE = "none"


class Mfa(StrEnum):
    """Whether a second factor is asked for (an authenticator app; no text messages)."""

    ON = "ON"
    OPTIONAL = "OPTIONAL"


class UserPoolTier(StrEnum):
    """Feature plan of a created pool."""

    LITE = "LITE"
    ESSENTIALS = "ESSENTIALS"
    PLUS = "PLUS"


class SamlProvider(Section):
    """A SAML 2.0 directory."""

    provider_name: ProviderName = "Corporate"
    """Name of the provider in the pool."""
    metadata_url: HttpsUrl | None = None
    """Address of the directory's metadata document."""
    metadata: Annotated[str, StringConstraints(min_length=1, max_length=131_072)] | None = None
    """The metadata document itself (XML)."""
    idp_identifiers: Annotated[list[str], Field(max_length=50)] = []
    """E-mail domains that lead to this provider."""
    idp_signout: bool = False
    """Whether logging out here logs out of the directory as well."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.metadata_url is None) == (self.metadata is None):
            given = "neither metadataUrl nor metadata is" if self.metadata is None else "metadataUrl and metadata are"
            raise ValueError(f"{given} given; give one of the two")
        return self


class OidcProvider(Section):
    """An OpenID Connect directory."""

    provider_name: ProviderName = "Corporate"
    """Name of the provider in the pool."""
    oidc_issuer: HttpsUrl
    """Issuer; its discovery document says the rest."""
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    """Client id that the directory gave."""
    client_secret: SecretStr
    """Client secret that the directory gave, a Pulumi secret."""
    authorize_scopes: Annotated[str, StringConstraints(pattern=r"(^|\s)openid(\s|$)")] = "openid email profile"
    """Scopes to ask for; `openid` among them."""
    idp_identifiers: Annotated[list[str], Field(max_length=50)] = []
    """E-mail domains that lead to this provider."""


class GoogleProvider(Section):
    """Google."""

    client_id: Annotated[str, StringConstraints(pattern=r"^[\w.-]+\.apps\.googleusercontent\.com$")]
    """OAuth client id."""
    client_secret: SecretStr
    """OAuth client secret, a Pulumi secret."""
    authorize_scopes: str = "openid email profile"
    """Scopes to ask for."""


CLIENTS = ("cli_client_id", "jupyterhub_client_id", "mlflowui_client_id", "web_client_id")
OUTPUTS: Mapping[str, str] = {
    "cognito_user_pool_id": "CognitoUserPoolId",
    "cli_client_id": "CliClientId",
    "jupyterhub_client_id": "JupyterhubClientId",
    "mlflowui_client_id": "MlflowuiClientId",
    "web_client_id": "WebClientId",
}
"""Keys of an existing pool, and the documented names of the outputs that give them (InfinStor root stack)."""


class ExistingPool(Section):
    """A user pool that is there already: by its ids, or by another stack's outputs `CognitoUserPoolId`, `CliClientId`,
    `JupyterhubClientId`, `MlflowuiClientId`, `WebClientId`."""

    cognito_user_pool_id: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d_\w+$")] | None = None
    """Id of the pool."""
    cli_client_id: ClientId | None = None
    """Client of the command line."""
    jupyterhub_client_id: ClientId | None = None
    """Client of JupyterHub."""
    mlflowui_client_id: ClientId | None = None
    """Client of the MLflow UI."""
    web_client_id: ClientId | None = None
    """Client of the web page."""
    stack_reference: Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+){0,2}$")] | None = None
    """Pulumi stack whose outputs give the five ids, as `organization/project/stack`."""
    cloud_formation_exports: bool = False
    """Whether CloudFormation exports give the five ids."""
    cloud_formation_export_prefix: Annotated[str, StringConstraints(pattern=r"^[\w:-]*$", max_length=200)] = ""
    """Put in front of the five export names, such as `my-stack-`."""
    domain: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")] | None = None
    """Host of the pool's login pages, such as `login.example.com`; read from the pool if absent."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        missing = [name for name in OUTPUTS if getattr(self, name) is None]
        sources = {
            "the five ids": len(missing) < len(OUTPUTS),
            "stackReference": self.stack_reference is not None,
            "cloudFormationExports": self.cloud_formation_exports,
        }
        given = [source for source, there in sources.items() if there]
        if len(given) != 1:
            raise ValueError(
                f"the pool is given by {' and '.join(given) or 'nothing'}; give the five ids, stackReference or "
                "cloudFormationExports, and only one of them"
            )
        if sources["the five ids"] and missing:
            keys = ", ".join(str(ExistingPool.model_fields[name].alias) for name in missing)
            raise ValueError(f"{keys} missing; give all five ids, or take them from another stack")
        if self.cloud_formation_export_prefix and not self.cloud_formation_exports:
            raise ValueError("cloudFormationExportPrefix is set without cloudFormationExports; set both")
        return self


def _not_reserved(prefix: str) -> str:
    if words := reserved_words(prefix):
        raise ValueError(f"Cognito takes no prefix with {' or '.join(words)} in it; choose another")
    return prefix


DomainPrefix = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), AfterValidator(_not_reserved)
]

STANDARD_ATTRIBUTES = (
    *("address", "birthdate", "email", "email_verified", "family_name", "gender", "given_name", "locale"),
    *("middle_name", "name", "nickname", "phone_number", "phone_number_verified", "picture", "preferred_username"),
    *("profile", "updated_at", "username", "website", "zoneinfo"),
)
"""What a directory's attributes can be mapped to (Amazon Cognito developer guide, "Working with user attributes")."""


def _attribute(name: str) -> str:
    if name not in STANDARD_ATTRIBUTES and not re.fullmatch(r"custom:[\w-]{1,20}", name):
        raise ValueError(
            f"{name} is not an attribute of a user pool; map one of {', '.join(STANDARD_ATTRIBUTES)}, or custom:NAME"
        )
    return name


PoolAttribute = Annotated[str, AfterValidator(_attribute)]


def _local_or_https(url: str) -> str:
    if not re.fullmatch(r"https://[\w.-]+(:\d+)?|http://localhost(:\d+)?", url):
        raise ValueError("must be https://host, or http://localhost:port, without a path")
    return url


class IdentitySettings(Section):
    """Users and how they log in."""

    mode: IdentityMode = IdentityMode.CREATE
    """`create` a Cognito user pool (InfinStor's `CreateCognito`), use an `existing` one, or `none`."""
    existing: ExistingPool | None = None
    """The existing pool."""
    is_external_auth: bool = False
    """Whether the pool federates to the company's directory: by `saml`, `oidc`, `google` or direct Azure AD."""
    saml: SamlProvider | None = None
    """SAML directory."""
    oidc: OidcProvider | None = None
    """OpenID Connect directory."""
    google: GoogleProvider | None = None
    """Google."""
    is_direct_azure_active_directory: bool = False
    """Whether the directory is Azure AD (Entra ID), connected by its directory id without a federation server."""
    aad_directory_id: Guid | None = None
    """Azure AD directory (tenant) id."""
    aad_client_id: Guid | None = None
    """Azure AD application (client) id."""
    aad_client_secret: SecretStr | None = None
    """Azure AD client secret, a Pulumi secret."""
    attribute_mapping: dict[PoolAttribute, Annotated[str, StringConstraints(min_length=1, max_length=131)]] = {}
    """Attributes of the directory's users by attribute of the pool, such as `email: mail`, on top of the defaults."""
    mfa: Mfa = Mfa.ON
    """Second factor of users who log in by password: `ON` or `OPTIONAL`; federated users have their directory's."""
    self_sign_up: bool = False
    """Whether people may register themselves; otherwise an administrator invites them."""
    password_minimum_length: Annotated[int, Field(ge=12, le=99)] = 14
    """Least length of passwords."""
    user_pool_tier: UserPoolTier = UserPoolTier.ESSENTIALS
    """Feature plan of the pool: `LITE`, `ESSENTIALS` or `PLUS`."""
    domain_prefix: DomainPrefix | None = None
    """First label of the login pages' host; `<project>-<stack>-<account>` by default."""
    access_token_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    """Minutes that access and id tokens are valid (Cognito: 5 minutes to a day)."""
    refresh_token_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days after which people log in again (Cognito: an hour to ten years)."""
    cli_callback_ports: Annotated[list[Port], Field(min_length=1, max_length=10)] = [8400, 8401, 8402]
    """Ports of this machine on which `cli login` waits for the browser; the first that is free is used."""
    jupyterhub_url: Annotated[str, AfterValidator(_local_or_https)] = "http://localhost:8000"
    """Address of a JupyterHub whose users log in with the pool; the default is JupyterHub's own."""

    @property
    def exists(self) -> bool:
        """Whether there is a user pool."""
        return self.mode is not IdentityMode.NONE

    @property
    def providers(self) -> tuple[str, ...]:
        """Kinds of directory that are configured."""
        kinds = {"saml": self.saml, "oidc": self.oidc, "google": self.google}
        direct = ("azure",) if self.is_direct_azure_active_directory else ()
        return (*(kind for kind, section in kinds.items() if section is not None), *direct)

    @model_validator(mode="after")
    def _one_pool(self) -> Self:
        if self.mode is IdentityMode.EXISTING and self.existing is None:
            raise ValueError("mode is existing, but existing is not given; say which pool, or set mode to create")
        return self

    @model_validator(mode="after")
    def _one_directory(self) -> Self:
        keys = [{"azure": "isDirectAzureActiveDirectory"}.get(kind, kind) for kind in self.providers]
        if self.is_external_auth and not keys:
            raise ValueError(
                "isExternalAuth is true without a directory; give saml, oidc or google, or set "
                "isDirectAzureActiveDirectory"
            )
        if len(keys) > 1:
            raise ValueError(f"{' and '.join(keys)} are given; a pool has one directory here, so remove the others")
        if keys and not self.is_external_auth:
            raise ValueError(f"{keys[0]} is given, but isExternalAuth is false; set it to true, or remove {keys[0]}")
        return self

    @model_validator(mode="after")
    def _whole_azure(self) -> Self:
        azure = {
            "aadDirectoryId": self.aad_directory_id,
            "aadClientId": self.aad_client_id,
            "aadClientSecret": self.aad_client_secret,
        }
        given = [key for key, value in azure.items() if value is not None]
        if given and not self.is_direct_azure_active_directory:
            raise ValueError(
                f"{', '.join(given)} set without isDirectAzureActiveDirectory; set it to true, or remove the rest"
            )
        if self.is_direct_azure_active_directory and len(given) < len(azure):
            missing = ", ".join(key for key in azure if key not in given)
            raise ValueError(f"isDirectAzureActiveDirectory is true without {missing}; the application needs all three")
        return self

    @model_validator(mode="after")
    def _beside_the_directory(self) -> Self:
        if self.attribute_mapping and not self.is_external_auth:
            raise ValueError(
                "attributeMapping is set without isExternalAuth; there is no directory to map from, so remove it"
            )
        custom = [name for name in self.attribute_mapping if name.startswith("custom:")]
        if custom and self.mode is not IdentityMode.EXISTING:
            raise ValueError(
                f"attributeMapping has {', '.join(custom)}, but a created pool has no attributes of its own; map a "
                "standard one, such as profile"
            )
        if self.self_sign_up and self.is_external_auth:
            raise ValueError(
                "selfSignUp is true beside isExternalAuth, so that anybody could get in past the directory; set one "
                "of the two to false"
            )
        return self
