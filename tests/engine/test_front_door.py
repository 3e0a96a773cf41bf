"""Users, names and certificates through the real engine, read back from the emulator."""

from typing import Any

import pytest

from tests.engine.conftest import Stack

DOMAIN = "ml.example.com"
SAML_METADATA = (
    '<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com">'
    '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
    '<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
    'Location="https://idp.example.com/sso"/></IDPSSODescriptor></EntityDescriptor>'
)
SAML = {"isExternalAuth": True, "saml": {"metadata": SAML_METADATA}}
DIRECTORY, APPLICATION = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
AZURE = {
    "isExternalAuth": True,
    "isDirectAzureActiveDirectory": True,
    "aadDirectoryId": DIRECTORY,
    "aadClientId": APPLICATION,
}
GATEWAY = {
    "enabled": True,
    "endpoints": [
        {
            "name": "chat",
            "endpointType": "llm/v1/chat",
            "provider": "openai",
            "model": "gpt-4o-mini",
            "secrets": {
                "openai_api_key": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:corporate/openai-a1B2c3",
            },
        }
    ],
}

WITHOUT: dict[str, Any] = {"studio": {"enabled": False}, "metadataTables": {"enabled": False}}
"""What has nothing to do with users and names; the lifecycle test has it."""


def _hosted_zone(stack: Stack) -> str:
    zone = stack.client("route53").create_hosted_zone(Name="example.com", CallerReference="test")
    return str(zone["HostedZone"]["Id"]).removeprefix("/hostedzone/")


@pytest.mark.long
def test_a_created_pool_under_an_own_domain_then_saml_then_direct_azure_ad(stack: Stack) -> None:
    zone = _hosted_zone(stack)
    beside: dict[str, Any] = {"network": {"existingVpc": stack.existing_network()}, **WITHOUT}
    before = stack.residue()
    names = {"name": DOMAIN, "hostedZoneId": zone}
    stack.configure(domain=names, **beside)
    stack.up()
    assert stack.differences() == {}
    outputs = stack.outputs()
    _users_log_in_by_password(stack, outputs)
    _names_lead_to_the_platform(stack, outputs, zone)

    stack.configure(domain=names, identity=SAML, **beside)
    stack.up()
    assert stack.differences() == {}
    (saml,) = _providers(stack, outputs)
    assert (saml["ProviderName"], saml["ProviderType"]) == ("Corporate", "SAML")
    assert {"Corporate"} <= set(_client(stack, outputs, "WebClientId")["SupportedIdentityProviders"])
    assert stack.outputs()["CognitoUserPoolId"] == outputs["CognitoUserPoolId"]

    stack.configure(domain=names, identity=AZURE, **beside)
    stack.secret("mlplatform:identity.aadClientSecret", "of-azure")
    stack.up()
    assert stack.differences() == {}
    (azure,) = _providers(stack, outputs)
    described = stack.client("cognito-idp").describe_identity_provider(
        UserPoolId=outputs["CognitoUserPoolId"], ProviderName=azure["ProviderName"]
    )["IdentityProvider"]
    details = described["ProviderDetails"]
    assert described["ProviderType"] == "OIDC"
    assert details["oidc_issuer"] == f"https://login.microsoftonline.com/{DIRECTORY}/v2.0"
    assert (details["client_id"], details["client_secret"]) == (APPLICATION, "of-azure")
    assert {azure["ProviderName"]} <= set(_client(stack, outputs, "WebClientId")["SupportedIdentityProviders"])

    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.residue() == before


@pytest.mark.long
def test_wildcard_certificates_in_another_region(stack: Stack) -> None:
    zone = _hosted_zone(stack)
    arns = {
        region: stack.client("acm", region).request_certificate(
            DomainName=f"*.{DOMAIN}", ValidationMethod="DNS", SubjectAlternativeNames=[DOMAIN]
        )["CertificateArn"]
        for region in ("eu-west-1", "us-east-1")
    }
    regions = tuple(arns)
    before = stack.residue(*regions)
    stack.configure(
        region="eu-west-1",
        domain={
            "name": DOMAIN,
            "hostedZoneId": zone,
            "certificates": "existing",
            "regionalCertificateArn": arns["eu-west-1"],
            "usEast1CertificateArn": arns["us-east-1"],
        },
        aiGateway=GATEWAY,
        waf={"enabled": True},
        backup={"enabled": True},
        database={"engine": "postgres"},
        studio={"enabled": False},
    )
    stack.up()
    assert stack.differences() == {}
    api = stack.client("apigatewayv2", "eu-west-1")
    for label in ("mlflow", "api", "aigateway"):
        (configuration,) = api.get_domain_name(DomainName=f"{label}.{DOMAIN}")["DomainNameConfigurations"]
        assert configuration["CertificateArn"] == arns["eu-west-1"]
        assert configuration["SecurityPolicy"] == "TLS_1_2"
    distributions = stack.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    assert {alias for one in distributions for alias in one["Aliases"]["Items"]} == {
        f"service.{DOMAIN}",
        f"mlflowui.{DOMAIN}",
    }
    assert {one["ViewerCertificate"]["ACMCertificateArn"] for one in distributions} == {arns["us-east-1"]}
    assert len(stack.client("acm", "eu-west-1").list_certificates()["CertificateSummaryList"]) == 1
    edge = stack.client("wafv2", "us-east-1").list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    assert {one["WebACLId"] for one in distributions} == {acl["ARN"] for acl in edge}
    (listener,) = stack.listeners("eu-west-1")
    assert (listener["Protocol"], listener["Certificates"][0]["CertificateArn"]) == ("HTTPS", arns["eu-west-1"])
    services = stack.client("ecs", "eu-west-1").list_services(cluster="mlplatform-local")["serviceArns"]
    assert len(services) == 2
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.residue(*regions) == before


def _users_log_in_by_password(stack: Stack, outputs: dict[str, Any]) -> None:
    cognito = stack.client("cognito-idp")
    pool_id = outputs["CognitoUserPoolId"]
    pool = cognito.describe_user_pool(UserPoolId=pool_id)["UserPool"]
    assert pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 14
    assert cognito.get_user_pool_mfa_config(UserPoolId=pool_id)["MfaConfiguration"] == "ON"
    assert {group["GroupName"] for group in cognito.list_groups(UserPoolId=pool_id)["Groups"]} == {"admin", "user"}
    web = _client(stack, outputs, "WebClientId")
    assert web["CallbackURLs"] == [f"https://service.{DOMAIN}/"]
    assert web["AllowedOAuthFlows"] == ["code"]
    assert "ClientSecret" not in web
    ui = _client(stack, outputs, "MlflowuiClientId")
    assert ui["CallbackURLs"] == [f"https://mlflowui.{DOMAIN}/auth/callback"]
    cli = _client(stack, outputs, "CliClientId")
    assert set(cli["CallbackURLs"]) == {f"http://localhost:{port}/callback" for port in (8400, 8401, 8402)}
    assert _client(stack, outputs, "JupyterhubClientId")["ClientSecret"]
    gateway = stack.client("apigatewayv2")
    tokens = {
        gateway.get_authorizer(ApiId=api["ApiId"], AuthorizerId=route["AuthorizerId"])["JwtConfiguration"]["Issuer"]
        for api in gateway.get_apis()["Items"]
        for route in gateway.get_routes(ApiId=api["ApiId"])["Items"]
        if route["AuthorizationType"] == "JWT"
    }
    assert tokens == {f"https://cognito-idp.us-east-1.amazonaws.com/{pool_id}"}


def _names_lead_to_the_platform(stack: Stack, outputs: dict[str, Any], zone: str) -> None:
    apis = stack.client("apigatewayv2").get_apis()["Items"]
    assert len(apis) == 2
    assert all(api["DisableExecuteApiEndpoint"] for api in apis)
    assert outputs["mlflowTrackingUri"] == f"https://mlflow.{DOMAIN}"
    assert outputs["webUrl"] == f"https://service.{DOMAIN}"
    records = stack.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    aliases = {(r["Name"], r["Type"]): r["AliasTarget"]["DNSName"] for r in records if "AliasTarget" in r}
    labels = {"mlflow", "api", "service", "mlflowui"}
    assert set(aliases) == {(f"{label}.{DOMAIN}.", kind) for label in labels for kind in ("A", "AAAA")}
    assert "cloudfront.net" in aliases[f"service.{DOMAIN}.", "A"]
    assert f"mlflow.{DOMAIN}" in outputs["MlflowRestApiARecord"]
    (certificate,) = stack.client("acm").list_certificates()["CertificateSummaryList"]
    described = stack.client("acm").describe_certificate(CertificateArn=certificate["CertificateArn"])["Certificate"]
    assert set(described["SubjectAlternativeNames"]) == {f"{label}.{DOMAIN}" for label in labels}
    assert any(record["Type"] == "CNAME" for record in records)


def _client(stack: Stack, outputs: dict[str, Any], output: str) -> dict[str, Any]:
    return stack.client("cognito-idp").describe_user_pool_client(
        UserPoolId=outputs["CognitoUserPoolId"], ClientId=outputs[output]
    )["UserPoolClient"]


def _providers(stack: Stack, outputs: dict[str, Any]) -> list[dict[str, Any]]:
    return list(
        stack.client("cognito-idp").list_identity_providers(UserPoolId=outputs["CognitoUserPoolId"])["Providers"]
    )
