"""What is served through CloudFront: who reads the files, what becomes a token, what is kept, logged and filtered."""

import json
from typing import Any

import pytest
from pulumi.runtime import rpc

from cli.plan.recorder import Recording, Resource, record
from cli.plan.stack_file import read_stack
from components.distribution import CACHING_DISABLED, CACHING_OPTIMIZED, edge_code
from lib.web_headers import CUSTOM_HEADERS
from settings.waf import MANAGED_RULE_GROUPS
from tests.program.conftest import ROOT, Plan

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
OWN_NAMES = {
    **{"name": "ml.example.com", "dns": "manual", "certificates": "existing"},
    **{"regionalCertificateArn": CERTIFICATE, "usEast1CertificateArn": CERTIFICATE},
}
OURS = {"ArnLike": {"aws:SourceArn": "arn:aws:cloudfront::123456789012:distribution/*"}}


def named(recording: Recording, type_: str) -> dict[str, Resource]:
    return {resource.name: resource for resource in recording.of_type(type_)}


def behaviours(distribution: Resource) -> dict[str, dict[str, Any]]:
    ordered = distribution.props.get("orderedCacheBehaviors", [])
    return {"*": distribution.props["defaultCacheBehavior"], **{each["pathPattern"]: each for each in ordered}}


def for_cloudfront(policy: str) -> list[dict[str, Any]]:
    statements = json.loads(policy)["Statement"]
    return [each for each in statements if each["Principal"] == {"Service": "cloudfront.amazonaws.com"}]


def test_only_our_distributions_read_the_files_and_the_key(plan: Plan) -> None:
    recording = plan("local")
    (statement,) = for_cloudfront(named(recording, "aws:s3/bucketPolicy:BucketPolicy")["website"].props["policy"])
    bucket = "mlplatform-local-web-123456789012-us-east-1"
    assert statement["Action"] == ["s3:GetObject"]
    assert statement["Resource"] == [f"arn:aws:s3:::{bucket}/*"]
    assert statement["Condition"] == OURS
    (use,) = for_cloudfront(named(recording, "aws:kms/key:Key")["encryption"].props["policy"])
    assert (use["Action"], use["Condition"]) == (["kms:Decrypt"], OURS)
    (access,) = recording.of_type("aws:cloudfront/originAccessControl:OriginAccessControl")
    assert (access.props["signingBehavior"], access.props["signingProtocol"]) == ("always", "sigv4")
    origins = {origin["originId"]: origin for origin in named(recording, DISTRIBUTION)["website"].props["origins"]}
    assert origins["files"]["originAccessControlId"] == rpc.UNKNOWN
    assert "customOriginConfig" not in origins["files"]
    assert origins["api"]["customOriginConfig"]["originProtocolPolicy"] == "https-only"


def test_the_key_is_not_for_distributions_where_there_is_no_page(plan: Plan) -> None:
    recording = plan("local", web={"enabled": False})
    assert for_cloudfront(named(recording, "aws:kms/key:Key")["encryption"].props["policy"]) == []
    assert list(named(recording, DISTRIBUTION)) == ["mlflow-ui"]
    assert not [each for each in recording.of_type(OBJECT) if each.name.startswith("website")]


def test_every_file_is_uploaded_by_content_and_revalidated(plan: Plan) -> None:
    uploaded = {o.props["key"]: o.props for o in plan("local").of_type(OBJECT) if o.name.startswith("website-")}
    source = {path.relative_to(ROOT / "services/web").as_posix(): path for path in (ROOT / "services/web").rglob("*.*")}
    assert {*source} == {*uploaded} - {"config.json"}
    for key, path in source.items():
        assert uploaded[key]["content"] == path.read_text()
    kinds = {key.rpartition(".")[2]: props["contentType"].partition(";")[0] for key, props in uploaded.items()}
    expected = {"html": "text/html", "js": "text/javascript", "css": "text/css", "json": "application/json"}
    assert expected.items() <= kinds.items()
    assert {props["cacheControl"] for props in uploaded.values()} == {"no-cache"}
    assert str(ROOT) not in json.dumps([*uploaded.values()])


@pytest.mark.parametrize("stack", ["local", "prod"])
def test_every_request_is_encrypted_has_security_headers_and_is_logged(plan: Plan, stack: str) -> None:
    recording = plan(stack)
    distributions = named(recording, DISTRIBUTION)
    policies = named(recording, "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy")
    assert sorted(distributions) == sorted(policies) == ["mlflow-ui", "website"]
    for name, distribution in distributions.items():
        assert (distribution.props["httpVersion"], distribution.props["isIpv6Enabled"]) == ("http2and3", True)
        for behaviour in behaviours(distribution).values():
            assert behaviour["viewerProtocolPolicy"] == "redirect-to-https"
            assert behaviour["responseHeadersPolicyId"] == rpc.UNKNOWN
        security = policies[name].props["securityHeadersConfig"]
        assert len(security) == 5
        assert all(header["override"] for header in security.values())
        assert len(policies[name].props["customHeadersConfig"]["items"]) == len(CUSTOM_HEADERS)
    sources = named(recording, "aws:cloudwatch/logDeliverySource:LogDeliverySource")
    assert sorted(sources) == ["mlflow-ui", "website"]
    for name, source in sources.items():
        assert source.property_dependencies["resourceArn"] == [distributions[name].urn]
    for delivery in recording.of_type("aws:cloudwatch/logDelivery:LogDelivery"):
        fields = set(delivery.props["recordFields"])
        assert {"c-ip", "cs-method", "cs-uri-stem", "sc-status"} <= fields
        assert not fields & {"cs(Cookie)", "cs-uri-query", "cs(Referer)"}


def test_the_session_is_looked_at_first_wherever_a_request_goes(plan: Plan) -> None:
    by_path = behaviours(named(plan("local"), DISTRIBUTION)["mlflow-ui"])
    assert set(by_path) == {"*", "/static-files/*", "/auth/*"}
    for behaviour in by_path.values():
        (association,) = behaviour["functionAssociations"]
        assert association["eventType"] == "viewer-request"
    assert by_path["/auth/*"]["targetOriginId"] == "api"
    kept = {path for path, behaviour in by_path.items() if behaviour["cachePolicyId"] == CACHING_OPTIMIZED}
    assert kept == {"/static-files/*"}
    assert by_path["/static-files/*"]["allowedMethods"] == ["GET", "HEAD"]
    assert "POST" in by_path["*"]["allowedMethods"]


def test_the_page_calls_its_api_at_its_own_host_and_nothing_of_it_is_kept(plan: Plan) -> None:
    recording = plan("local")
    api = behaviours(named(recording, DISTRIBUTION)["website"])["/api/*"]
    assert (api["targetOriginId"], api["cachePolicyId"]) == ("api", CACHING_DISABLED)
    functions = named(recording, "aws:cloudfront/function:Function")
    for name, file in {"website-api": "strip-api.js", "mlflow-ui-session": "session.js"}.items():
        assert functions[name].props["code"] == edge_code(file)
        assert (functions[name].props["runtime"], functions[name].props["publish"]) == ("cloudfront-js-2.0", True)


def test_own_names_come_with_their_certificate_and_tls_1_2(plan: Plan) -> None:
    distributions = named(plan("local", domain=OWN_NAMES), DISTRIBUTION)
    assert distributions["website"].props["aliases"] == ["service.ml.example.com"]
    assert distributions["mlflow-ui"].props["aliases"] == ["mlflowui.ml.example.com"]
    for distribution in distributions.values():
        certificate = distribution.props["viewerCertificate"]
        assert (certificate["sslSupportMethod"], certificate["minimumProtocolVersion"]) == ("sni-only", "TLSv1.2_2021")
    for distribution in named(plan("local"), DISTRIBUTION).values():
        assert distribution.props["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}
        assert not distribution.props.get("aliases")


def test_a_firewall_stands_before_all_that_can_have_one(plan: Plan) -> None:
    recording = plan("prod")
    acls = named(recording, "aws:wafv2/webAcl:WebAcl")
    assert {name: acl.props["scope"] for name, acl in acls.items()} == {
        "firewall-cloudfront": "CLOUDFRONT",
        "firewall-login": "REGIONAL",
    }
    for distribution in named(recording, DISTRIBUTION).values():
        assert distribution.property_dependencies["webAclId"] == [acls["firewall-cloudfront"].urn]
    long, scripts = "SizeRestrictions_BODY", {"CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY"}
    queries = {"SizeRestrictions_QUERYSTRING", "RestrictedExtensions_QUERYARGUMENTS"}
    counting = {"firewall-cloudfront": {long, *scripts, *queries}, "firewall-login": {long}}
    for name, acl in acls.items():
        rules = sorted(acl.props["rules"], key=lambda rule: rule["priority"])
        assert [rule["name"] for rule in rules] == ["rate-limit", *MANAGED_RULE_GROUPS]
        assert "block" in rules[0]["action"]
        for rule in rules[1:]:
            (group,) = rule["statement"].values()
            overrides = group.get("ruleActionOverrides", [])
            assert {each["name"] for each in overrides} == (
                counting[name] if group["name"].endswith("CommonRuleSet") else set()
            )
            assert all(each["actionToUse"] == {"count": {}} for each in overrides)
            assert rule["overrideAction"] == {"none": {}}
    for logging in recording.of_type("aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"):
        hidden = {field["singleHeader"]["name"] for field in logging.props["redactedFields"]}
        assert hidden == {"authorization", "cookie"}
        (kept,) = logging.props["loggingFilter"]["filters"]
        assert kept["behavior"] == "KEEP"
        actions = [condition["actionCondition"]["action"] for condition in kept["conditions"]]
        assert (actions, logging.props["loggingFilter"]["defaultBehavior"]) == (["BLOCK", "COUNT"], "DROP")


def test_logs_may_be_delivered_to_each_group_that_is_for_it_and_no_other(plan: Plan) -> None:
    recording = plan("prod")
    groups = {group.props["name"] for group in recording.of_type(LOG_GROUP)}
    delivered = {name for name in groups if name.startswith("aws-waf-logs-") or name.endswith("/cloudfront")}
    delivered |= {name for name in groups if name.endswith("/metaflow/executions")}
    assert len(delivered) == 4
    written: set[str] = set()
    for policy in recording.of_type("aws:cloudwatch/logResourcePolicy:LogResourcePolicy"):
        if policy.name == "metaflow-alarms-blocked":  # EventBridge writes to it; test_metaflow.py
            continue
        (statement,) = json.loads(policy.props["policyDocument"])["Statement"]
        assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        written |= {arn.split(":log-group:")[1].removesuffix(":log-stream:*") for arn in statement["Resource"]}
    assert written == delivered


def test_without_pages_there_is_nothing_of_cloudfront(plan: Plan) -> None:
    recording = plan("local", web={"enabled": False, "mlflowUi": False})
    assert [r for r in recording.resources if "cloudfront" in r.type or "logDelivery" in r.type] == []


@pytest.mark.parametrize(("region", "provider"), [("us-east-1", ""), ("eu-west-1", "edge")])
def test_what_cloudfront_needs_is_in_us_east_1_and_under_our_key_if_that_is_there(region: str, provider: str) -> None:
    given = {"aws:region": region, "mlplatform:waf": json.dumps({"enabled": True})}
    recording = record(ROOT, read_stack(ROOT, "local", given))
    deliveries = [resource for resource in recording.resources if "/logDelivery" in resource.type]
    groups, acls = named(recording, LOG_GROUP), named(recording, "aws:wafv2/webAcl:WebAcl")
    policies = named(recording, "aws:cloudwatch/logResourcePolicy:LogResourcePolicy")
    at_the_edge = [kind[name] for kind in (groups, policies) for name in ("edge-logs", "firewall-cloudfront")]
    assert len(deliveries) == 5
    assert {r.provider for r in (*deliveries, *at_the_edge, acls["firewall-cloudfront"])} == {provider}
    assert {kind["firewall-login"].provider for kind in (groups, acls, policies)} == {""}
    for name, home in {"edge-logs": "us-east-1", "firewall-cloudfront": "us-east-1", "firewall-login": region}.items():
        assert ("kmsKeyId" in groups[name].props) == (home == region)
        assert f"arn:aws:logs:{home}:123456789012:*" in policies[name].props["policyDocument"]
