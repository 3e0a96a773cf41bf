"""Users: what is registered for each kind of pool and directory, and what is never."""

from typing import Any

import pytest
from pulumi.runtime import rpc

from cli.plan.recorder import Recording, Resource
from cli.plan.report import judge
from tests.program.conftest import ROOT, Plan

POOL, CLIENT = "aws:cognito/userPool:UserPool", "aws:cognito/userPoolClient:UserPoolClient"
PROVIDER, SECRET = "aws:cognito/identityProvider:IdentityProvider", "aws:secretsmanager/secretVersion:SecretVersion"
DOMAIN, SERVER = "aws:cognito/userPoolDomain:UserPoolDomain", "aws:cognito/resourceServer:ResourceServer"

HIDDEN: dict[str, str] = {"secure": "v1:in-the-clear-nowhere"}
GUID = "11111111-1111-1111-1111-111111111111"
IDS = {
    "cognitoUserPoolId": "us-east-1_abc",
    "cliClientId": "cli",
    "jupyterhubClientId": "hub",
    "mlflowuiClientId": "ui",
    "webClientId": "web",
}
SAML = {"metadataUrl": "https://idp.example.com/metadata", "idpIdentifiers": ["example.com"], "idpSignout": True}
DIRECTORIES: dict[str, dict[str, Any]] = {
    "saml": {"isExternalAuth": True, "saml": SAML},
    "oidc": {
        "isExternalAuth": True,
        "oidc": {"oidcIssuer": "https://idp.example.com", "clientId": "abc", "clientSecret": HIDDEN},
    },
    "google": {
        "isExternalAuth": True,
        "google": {"clientId": "1-a.apps.googleusercontent.com", "clientSecret": HIDDEN},
    },
    "azure": {
        "isExternalAuth": True,
        "isDirectAzureActiveDirectory": True,
        "aadDirectoryId": GUID,
        "aadClientId": GUID,
        "aadClientSecret": HIDDEN,
    },
}
EXISTING: dict[str, dict[str, Any]] = {
    "ids": {"mode": "existing", "existing": IDS},
    "stack reference": {"mode": "existing", "existing": {"stackReference": "organization/users/prod"}},
    "exports": {
        "mode": "existing",
        "existing": {"cloudFormationExports": True, "cloudFormationExportPrefix": "corporate-"},
    },
}
IDENTITIES: dict[str, dict[str, Any]] = {
    "created": {},
    **DIRECTORIES,
    **EXISTING,
    "existing and azure": EXISTING["ids"] | DIRECTORIES["azure"],
    "exports and saml": EXISTING["exports"] | DIRECTORIES["saml"],
}

every_identity = pytest.mark.parametrize("identity", IDENTITIES.values(), ids=list(IDENTITIES))
every_directory = pytest.mark.parametrize("kind", DIRECTORIES)


def one(recording: Recording, type_: str, name: str | None = None) -> Resource:
    (found,) = [resource for resource in recording.of_type(type_) if name in (None, resource.name)]
    return found


def clients(recording: Recording) -> dict[str, Resource]:
    return {resource.name.removeprefix("clients-"): resource for resource in recording.of_type(CLIENT)}


@every_identity
def test_no_policy_is_violated(plan: Plan, identity: dict[str, Any]) -> None:
    findings = judge(ROOT, plan("local", identity=identity))
    assert [finding for finding in findings if finding.stops and "mlplatform:identity:" in finding.urn] == []


@every_identity
def test_no_client_takes_passwords_or_the_implicit_flow(plan: Plan, identity: dict[str, Any]) -> None:
    recording = plan("local", identity=identity)
    found = clients(recording)
    created = {"cli", "jupyterhub", "mlflowui", "web"} if identity.get("mode") != "existing" else set[str]()
    assert set(found) == created | {"notebooks"}
    for name, client in found.items():
        flow = "client_credentials" if name == "notebooks" else "code"
        assert client.props["allowedOauthFlows"] == [flow]
        assert client.props["explicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
        assert client.props["generateSecret"] is (name in ("jupyterhub", "notebooks"))
        assert client.props["enableTokenRevocation"] is True
        assert client.props["preventUserExistenceErrors"] == "ENABLED"
        assert "aws.cognito.signin.user.admin" not in client.props["allowedOauthScopes"]


@every_identity
def test_no_secret_is_registered_in_plain_text(plan: Plan, identity: dict[str, Any]) -> None:
    recording = plan("local", identity=identity)
    secrets = [r for r in recording.of_type(SECRET) if r.name.startswith("clients-")]
    assert secrets
    assert all("secretString" in secret.secret_props for secret in secrets)
    for provider in recording.of_type(PROVIDER):
        assert ("providerDetails" in provider.secret_props) == ("client_secret" in provider.props["providerDetails"])


def test_a_created_pool_is_strict_and_lets_nobody_sign_up(plan: Plan) -> None:
    recording = plan("local")
    pool = one(recording, POOL).props
    assert pool["adminCreateUserConfig"] == {"allowAdminCreateUserOnly": True}
    assert pool["passwordPolicy"]["minimumLength"] == 14
    assert (pool["mfaConfiguration"], pool["softwareTokenMfaConfiguration"]) == ("ON", {"enabled": True})
    assert "smsConfiguration" not in pool
    assert (pool["usernameAttributes"], pool["autoVerifiedAttributes"]) == (["email"], ["email"])
    assert pool["usernameConfiguration"] == {"caseSensitive": False}
    assert pool["accountRecoverySetting"]["recoveryMechanisms"] == [{"name": "verified_email", "priority": 1}]
    assert one(recording, DOMAIN).props["domain"] == "mlplatform-local-123456789012"
    groups = {g.props["name"]: g.props["precedence"] for g in recording.of_type("aws:cognito/userGroup:UserGroup")}
    assert groups == {"admin": 1, "user": 10}


def test_prods_pool_cannot_be_deleted(plan: Plan) -> None:
    pool = one(plan("prod"), POOL)
    assert (pool.props["deletionProtection"], pool.protect) == ("ACTIVE", True)
    assert one(plan("local"), POOL).props["deletionProtection"] == "INACTIVE"


def test_the_login_pages_of_a_created_pool_have_the_firewall(plan: Plan) -> None:
    association = "aws:wafv2/webAclAssociation:WebAclAssociation"
    protected = plan("local", waf={"enabled": True}, metaflow={"enabled": False})
    assert [r.name for r in protected.of_type(association)] == ["users"]
    assert plan("local").of_type(association) == []


def test_threats_are_met_in_the_plus_plan(plan: Plan) -> None:
    plus = one(plan("local", identity={"userPoolTier": "PLUS"}), POOL).props
    assert (plus["userPoolTier"], plus["userPoolAddOns"]) == ("PLUS", {"advancedSecurityMode": "ENFORCED"})
    assert "userPoolAddOns" not in one(plan("local"), POOL).props


def test_clients_come_back_to_the_configured_names_alone(plan: Plan) -> None:
    found = clients(plan("local", domain={"name": "ml.example.com", "dns": "manual"}))
    back = {name: client.props.get("callbackUrls") for name, client in found.items()}
    assert back == {
        "cli": [f"http://localhost:{port}/callback" for port in (8400, 8401, 8402)],
        "jupyterhub": ["http://localhost:8000/hub/oauth_callback"],
        "mlflowui": ["https://mlflowui.ml.example.com/auth/callback"],
        "web": ["https://service.ml.example.com/"],
        "notebooks": None,
    }
    assert found["mlflowui"].props["logoutUrls"] == ["https://mlflowui.ml.example.com/auth/logged-out"]
    assert found["web"].props["logoutUrls"] == ["https://service.ml.example.com/"]


def test_a_client_without_a_page_has_no_login(plan: Plan) -> None:
    web = clients(plan("local", web={"enabled": False}))["web"].props
    assert web["allowedOauthFlowsUserPoolClient"] is False
    assert not {"allowedOauthFlows", "callbackUrls", "logoutUrls"} & set(web)


def test_without_notebooks_there_is_no_client_with_credentials_for_them(plan: Plan) -> None:
    recording = plan("local", studio={"enabled": False})
    assert "notebooks" not in clients(recording)
    assert recording.of_type(SERVER) == []


def test_a_resource_server_in_an_existing_pool_has_the_stacks_name(plan: Plan) -> None:
    assert one(plan("local"), SERVER).props["identifier"] == "mlflow"
    existing = plan("local", identity=EXISTING["ids"])
    assert one(existing, SERVER).props["identifier"] == "mlplatform-local-mlflow"
    assert clients(existing)["notebooks"].props["allowedOauthScopes"] == ["mlplatform-local-mlflow/access"]


DETAILS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "saml": ("Corporate", "SAML", {"MetadataURL": SAML["metadataUrl"], "IDPSignout": "true"}),
    "oidc": ("Corporate", "OIDC", {"oidc_issuer": "https://idp.example.com", "attributes_request_method": "GET"}),
    "google": ("Google", "Google", {"authorize_scopes": "openid email profile"}),
    "azure": ("AzureAD", "OIDC", {"oidc_issuer": f"https://login.microsoftonline.com/{GUID}/v2.0", "client_id": GUID}),
}


@every_directory
def test_a_directory_is_registered_as_cognito_takes_it(plan: Plan, kind: str) -> None:
    name, type_, details = DETAILS[kind]
    provider = one(plan("local", identity=DIRECTORIES[kind]), PROVIDER)
    assert (provider.props["providerName"], provider.props["providerType"]) == (name, type_)
    assert details.items() <= provider.props["providerDetails"].items()
    assert provider.props["attributeMapping"]["email"].endswith(("email", "emailaddress"))
    assert ("username" in provider.props["attributeMapping"]) == (type_ != "SAML")
    assert provider.props.get("idpIdentifiers") == (["example.com"] if kind == "saml" else None)
    assert all(key.startswith("providerDetails.") for key in provider.ignore_changes)


@every_directory
def test_people_log_in_by_the_directory_and_an_administrator_also_without(plan: Plan, kind: str) -> None:
    name = DETAILS[kind][0]
    offered = {
        client: resource.props.get("supportedIdentityProviders")
        for client, resource in clients(plan("local", identity=DIRECTORIES[kind])).items()
    }
    both, only = [name, "COGNITO"], [name]
    assert offered == {"cli": both, "web": both, "jupyterhub": only, "mlflowui": only, "notebooks": None}


@pytest.mark.parametrize("source", EXISTING)
def test_an_existing_pool_is_looked_up_and_not_touched(plan: Plan, source: str) -> None:
    recording = plan("local", identity=EXISTING[source])
    assert not recording.of_type(POOL)
    assert not recording.of_type(DOMAIN)
    lookups = {
        "ids": "aws:cognito/getUserPoolClients:getUserPoolClients",
        "exports": "aws:cloudformation/getExport:getExport",
        "stack reference": "pulumi:pulumi:StackReference",
    }
    assert lookups[source] in recording.invokes
    assert {"CognitoUserPoolId", "CliClientId", "JupyterhubClientId", "MlflowuiClientId", "WebClientId"} <= set(
        recording.outputs
    )
    server = one(recording, SERVER).props
    assert (
        server["userPoolId"]
        == {
            "ids": "us-east-1_abc",
            "exports": "us-east-1_plan",
            "stack reference": rpc.UNKNOWN,
        }[source]
    )


def test_an_existing_pool_of_another_region_is_refused_by_its_setting(plan: Plan) -> None:
    identity = {"mode": "existing", "existing": IDS | {"cognitoUserPoolId": "eu-west-1_abc"}}
    with pytest.raises(Exception, match=r"identity\.existing\.cognitoUserPoolId = eu-west-1_abc: is in another region"):
        plan("local", identity=identity)
