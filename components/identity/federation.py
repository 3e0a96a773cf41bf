"""The company's directory behind the pool: SAML, OpenID Connect, Google, or Azure AD without a federation server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
from pydantic import SecretStr

from components.base import Component
from settings.identity import GoogleProvider, IdentitySettings, OidcProvider, SamlProvider

AZURE = "AzureAD"
"""Name of the provider of direct Azure AD in the pool."""

AZURE_ISSUER = "https://login.microsoftonline.com/{directory}/v2.0"
SCOPES = "openid email profile"

_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
SAML_MAPPING = {
    "email": f"{_CLAIMS}/emailaddress",
    "given_name": f"{_CLAIMS}/givenname",
    "family_name": f"{_CLAIMS}/surname",
    "name": f"{_CLAIMS}/name",
}
"""The claim names that Entra ID and AD FS send by default; other directories can be told to."""

_STANDARD = {name: name for name in ("email", "name", "given_name", "family_name")}
OIDC_MAPPING = {"username": "sub", **_STANDARD, "email_verified": "email_verified"}
AZURE_MAPPING = {"username": "sub", **_STANDARD, "preferred_username": "preferred_username"}
"""Standard claims (OpenID Connect Core 1.0, section 5.1). Azure AD says nothing of email_verified."""

_DISCOVERED = ("authorize_url", "token_url", "attributes_url", "attributes_url_add_attributes")
ADDED_BY_COGNITO = {
    "SAML": ("SSORedirectBindingURI", "SLORedirectBindingURI", "ActiveEncryptionCertificate"),
    "OIDC": (*_DISCOVERED, "jwks_uri"),
    "Google": (*_DISCOVERED, "oidc_issuer", "token_request_method"),
}
"""Details that Cognito reads from the directory and adds; they are no change (API reference, IdentityProviderType)."""


@dataclass(frozen=True, kw_only=True)
class Directory:
    """A directory as Cognito takes it.

    Args:
        name: Its name in the pool, by which clients offer it.
        kind: `SAML`, `OIDC` or `Google`.
        details: How to reach it.
        mapping: Attributes of its users by attribute of the pool.
        identifiers: E-mail domains that lead to it.
    """

    name: str
    kind: str
    details: Mapping[str, pulumi.Input[str]]
    mapping: Mapping[str, str]
    identifiers: Sequence[str] = field(default_factory=list[str])


def directory(settings: IdentitySettings) -> Directory | None:
    """The configured directory with its default mapping and the settings' on top; None without one."""
    found = _directory(settings)
    if found is None:
        return None
    return Directory(
        name=found.name,
        kind=found.kind,
        details=found.details,
        mapping={**found.mapping, **settings.attribute_mapping},
        identifiers=found.identifiers,
    )


def _directory(settings: IdentitySettings) -> Directory | None:
    if settings.saml is not None:
        return _saml(settings.saml)
    if settings.oidc is not None:
        return _oidc(settings.oidc)
    if settings.google is not None:
        return _google(settings.google)
    return _azure(settings) if settings.is_direct_azure_active_directory else None


def _saml(saml: SamlProvider) -> Directory:
    source = {"MetadataURL": saml.metadata_url} if saml.metadata_url else {"MetadataFile": saml.metadata or ""}
    return Directory(
        name=saml.provider_name,
        kind="SAML",
        details={**source, "IDPSignout": str(saml.idp_signout).lower()},
        mapping=SAML_MAPPING,
        identifiers=saml.idp_identifiers,
    )


def _oidc(oidc: OidcProvider) -> Directory:
    return Directory(
        name=oidc.provider_name,
        kind="OIDC",
        details={
            **_credentials(oidc.client_id, oidc.client_secret, oidc.authorize_scopes),
            "oidc_issuer": oidc.oidc_issuer,
            "attributes_request_method": "GET",
        },
        mapping=OIDC_MAPPING,
        identifiers=oidc.idp_identifiers,
    )


def _azure(settings: IdentitySettings) -> Directory:
    return Directory(
        name=AZURE,
        kind="OIDC",
        details={
            **_credentials(settings.aad_client_id, settings.aad_client_secret, SCOPES),
            "oidc_issuer": AZURE_ISSUER.format(directory=settings.aad_directory_id),
            "attributes_request_method": "GET",
        },
        mapping=AZURE_MAPPING,
    )


def _google(google: GoogleProvider) -> Directory:
    return Directory(
        name="Google",  # the one name that Cognito takes for this kind
        kind="Google",
        details=_credentials(google.client_id, google.client_secret, google.authorize_scopes),
        mapping=OIDC_MAPPING,
    )


def _credentials(client_id: str | None, secret: SecretStr | None, scopes: str) -> dict[str, pulumi.Input[str]]:
    return {
        "client_id": client_id or "",
        "client_secret": pulumi.Output.secret(secret.get_secret_value() if secret else ""),
        "authorize_scopes": scopes,
    }


def federate(owner: Component, name: str, pool_id: pulumi.Input[str], to: Directory) -> aws.cognito.IdentityProvider:
    """Lets a directory's users log in with the pool."""
    return aws.cognito.IdentityProvider(
        name,
        user_pool_id=pool_id,
        provider_name=to.name,
        provider_type=to.kind,
        provider_details=to.details,
        attribute_mapping=to.mapping,
        idp_identifiers=list(to.identifiers) or None,
        opts=pulumi.ResourceOptions(
            parent=owner,
            additional_secret_outputs=["providerDetails"],
            ignore_changes=[f"providerDetails.{key}" for key in ADDED_BY_COGNITO[to.kind]],
        ),
    )
