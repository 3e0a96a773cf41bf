"""Names, certificates and DNS entries, in every combination of who makes them and where the stack is."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pulumi
import pytest
from pulumi.runtime import rpc

from cli.dns import unknown, wanted
from cli.plan import recorder
from cli.plan.answers import answers, reads
from cli.plan.recorder import Recording, RecordingMonitor, record
from cli.plan.report import judge
from cli.plan.stack_file import read_stack
from tests.exported import exists
from tests.images import METAFLOW_IMAGES, MLFLOW_IMAGES
from tests.program.conftest import ROOT
from tests.program.test_metaflow import BALANCER

HOME, ABROAD = "us-east-1", "eu-west-1"
ZONE = "Z0123456789ABCDEFGHIJ"
NAME = "ml.example.com"
HTTP_APIS, REST_API = {f"mlflow.{NAME}", f"api.{NAME}"}, f"metaflow.{NAME}"
UI = f"metaflowui.{NAME}"
REGIONAL, EDGE = HTTP_APIS | {REST_API}, {f"service.{NAME}", f"mlflowui.{NAME}"}
DNS = {"create": {"hostedZoneId": ZONE}, "manual": {"dns": "manual"}}
USERS = {"identity": {"mode": "create"}, "web": {"enabled": True, "mlflowUi": True}}
ALONE = {
    "identity": {"mode": "none"},
    "web": {"enabled": False},
    "metaflow": {"enabled": False},
    "mlflow": {"auth": "basic", "images": MLFLOW_IMAGES},
}
"""MLflow and nothing else."""

CERTIFICATE, VALIDATION = "aws:acm/certificate:Certificate", "aws:acm/certificateValidation:CertificateValidation"
RECORD, API_NAME = "aws:route53/record:Record", "aws:apigatewayv2/domainName:DomainName"
REST_API_NAME = "aws:apigateway/domainName:DomainName"
DNS_ENTRIES = "mlplatform:domain:DnsEntries"


def arn(region: str) -> str:
    return f"arn:aws:acm:{region}:123456789012:certificate/12345678-1234-1234-1234-123456789012"


def existing(region: str) -> dict[str, Any]:
    abroad = {"usEast1CertificateArn": arn(HOME)} if region != HOME else {}
    return {"certificates": "existing", "regionalCertificateArn": arn(region), **abroad}


def recorded(region: str, domain: Mapping[str, Any], **sections: Any) -> Recording:
    given = {"domain": {"name": NAME, **domain}, **(sections or USERS)}
    return record(
        ROOT,
        read_stack(ROOT, "local", {"aws:region": region, **{f"mlplatform:{key}": each for key, each in given.items()}}),
    )


@cache
def combination(region: str, certificates: str, dns: str) -> Recording:
    return recorded(region, {**DNS[dns], **(existing(region) if certificates == "existing" else {})})


COMBINATIONS = [(r, c, d) for r in (HOME, ABROAD) for c in ("create", "existing") for d in ("create", "manual")]
every_combination = pytest.mark.parametrize(("region", "certificates", "dns"), COMBINATIONS)


@every_combination
def test_created_certificates_hold_the_names_in_use_and_are_where_they_are_looked_for(
    region: str, certificates: str, dns: str
) -> None:
    made = {
        (each.provider or "default", frozenset((each.props["domainName"], *each.props["subjectAlternativeNames"])))
        for each in combination(region, certificates, dns).of_type(CERTIFICATE)
    }
    apart = {("default", frozenset(REGIONAL)), ("edge", frozenset(EDGE))}
    together = {("default", frozenset(REGIONAL | EDGE))}
    assert made == (set() if certificates == "existing" else together if region == HOME else apart)
    validations = combination(region, certificates, dns).of_type(VALIDATION)
    assert sorted(each.provider or "default" for each in validations) == sorted(provider for provider, _ in made)


@every_combination
def test_entries_are_made_in_the_zone_or_nothing_is(region: str, certificates: str, dns: str) -> None:
    entries = combination(region, certificates, dns).of_type(RECORD)
    aliases = sorted((each.props["name"], each.props["type"]) for each in entries if "aliases" in each.props)
    proofs = sorted(each.name.split("-", 2)[2] for each in entries if each.props["type"] == "CNAME")
    if dns == "manual":
        assert entries == []
    else:
        assert aliases == sorted((name, kind) for name in REGIONAL | EDGE for kind in ("A", "AAAA"))
        assert proofs == (sorted(REGIONAL | EDGE) if certificates == "create" else [])
        assert {each.props["zoneId"] for each in entries} == {ZONE}
    looked_up = combination(region, certificates, dns).invokes
    assert ("aws:route53/getZone:getZone" in looked_up) == (dns == "create")


@every_combination
def test_apis_answer_under_their_names_alone_with_a_modern_tls_and_the_right_certificate(
    region: str, certificates: str, dns: str
) -> None:
    recording = combination(region, certificates, dns)
    names = recording.of_type(API_NAME)
    assert {each.props["domainName"] for each in names} == HTTP_APIS
    shown = arn(region) if certificates == "existing" else rpc.UNKNOWN
    for each in names:
        assert each.props["domainNameConfiguration"] == {
            "certificateArn": shown,
            "endpointType": "REGIONAL",
            "ipAddressType": "dualstack",
            "securityPolicy": "TLS_1_2",
        }
    assert [api.props["disableExecuteApiEndpoint"] for api in recording.of_type("aws:apigatewayv2/api:Api")] == [
        True,
        True,
    ]
    (rest,) = recording.of_type(REST_API_NAME)
    assert (rest.props["domainName"], rest.props["regionalCertificateArn"]) == (REST_API, shown)
    assert (rest.props["endpointConfiguration"], rest.props["securityPolicy"]) == ({"types": "REGIONAL"}, "TLS_1_2")
    assert [api.props["disableExecuteApiEndpoint"] for api in recording.of_type("aws:apigateway/restApi:RestApi")] == [
        True
    ]
    (listener,) = [each for each in recording.of_type("aws:lb/listener:Listener") if each.name == "load-balancer"]
    assert (listener.props["protocol"], listener.props["port"]) == ("HTTPS", 443)
    assert listener.props["certificateArn"] == shown
    (integration,) = [
        each for each in recording.of_type("aws:apigatewayv2/integration:Integration") if each.props.get("tlsConfig")
    ]
    assert integration.props["tlsConfig"] == {"serverNameToVerify": f"mlflow.{NAME}"}


@every_combination
def test_no_mandatory_policy_is_violated(region: str, certificates: str, dns: str) -> None:
    assert [each for each in judge(ROOT, combination(region, certificates, dns)) if each.stops] == []


@every_combination
def test_outputs_say_what_to_enter_for_the_names_in_use(region: str, certificates: str, dns: str) -> None:
    outputs = combination(region, certificates, dns).outputs
    told = {name for name in outputs if name.endswith("Record")}
    assert told == {"MlflowRestApiARecord", "MlflowUIARecord", "APIARecord", "ServiceARecord", "MetaflowARecord"}
    assert ("dnsValidationRecords" in outputs) == (certificates == "create")


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Outputs that components register, by type."""
    kept: dict[str, dict[str, Any]] = {}
    register = RecordingMonitor.RegisterResourceOutputs

    def keep(monitor: RecordingMonitor, request: Any) -> Any:
        kept[request.urn.split("::")[2].split("$")[-1]] = rpc.deserialize_properties(
            request.outputs, keep_unknowns=True
        )
        return register(monitor, request)

    monkeypatch.setattr(RecordingMonitor, "RegisterResourceOutputs", keep)
    return kept


@pytest.mark.parametrize("dns", DNS)
@pytest.mark.parametrize("certificates", ["create", "existing"])
def test_make_dns_is_told_a_target_for_each_name_of_any_kind(
    monkeypatch: pytest.MonkeyPatch, registered: dict[str, dict[str, Any]], certificates: str, dns: str
) -> None:
    exists(monkeypatch, REST_API_NAME, "regionalDomainName")
    exists(monkeypatch, BALANCER, "dnsName")
    given = {**DNS[dns], **(existing(ABROAD) if certificates == "existing" else {})}
    recording = recorded(ABROAD, given, **USERS, metaflow={"enableUI": True, "images": METAFLOW_IMAGES})
    made = [{"type": each.type, "outputs": each.props} for each in recording.of_type(CERTIFICATE)]
    state: list[dict[str, Any]] = [*made, {"type": DNS_ENTRIES, "outputs": registered[DNS_ENTRIES]}]
    assert unknown(state) == []
    targets = {one.entry.name: one.entry.value for one in wanted(state)}
    assert set(targets) == REGIONAL | EDGE | {UI}
    assert targets[REST_API] == "regionalDomainName of metaflow-api"
    assert targets[UI] == "dnsName of metaflow-ui"
    assert unknown(made) == (sorted(targets) if certificates == "create" else [])


def test_without_pages_and_users_mlflow_has_the_one_name_and_the_one_certificate() -> None:
    recording = recorded(ABROAD, DNS["create"], **ALONE)
    (certificate,) = recording.of_type(CERTIFICATE)
    assert (certificate.props["domainName"], certificate.props["subjectAlternativeNames"]) == (f"mlflow.{NAME}", [])
    assert len(recording.of_type(RECORD)) == 3
    assert {name for name in recording.outputs if name.endswith("Record")} == {"MlflowRestApiARecord"}


def test_without_a_domain_nothing_has_a_name_of_its_own() -> None:
    recording = record(ROOT, read_stack(ROOT, "local"))
    for kind in (CERTIFICATE, VALIDATION, RECORD, API_NAME, REST_API_NAME):
        assert recording.of_type(kind) == []
    apis = recording.of_type("aws:apigatewayv2/api:Api")
    assert apis
    assert not any(api.props["disableExecuteApiEndpoint"] for api in apis)


def test_up_waits_for_the_proofs_as_long_as_it_is_told() -> None:
    waits = recorded(ABROAD, {**DNS["manual"], "validationTimeoutMinutes": 600}).of_type(VALIDATION)
    assert [each.create_timeout for each in waits] == ["600m", "600m"]


def test_the_deprecated_name_leads_to_the_pages_and_gives_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, **_: warnings.append(text))
    recording = recorded(HOME, {**DNS["manual"], "hostnames": {"mlflowstatic": "static"}})
    assert "MlflowStaticARecord" in recording.outputs
    (certificate,) = recording.of_type(CERTIFICATE)
    assert f"static.{NAME}" in certificate.props["subjectAlternativeNames"]
    (warning,) = [text for text in warnings if "mlflowstatic" in text]
    assert "deprecated" in warning
    (pages,) = [
        each for each in recording.of_type("aws:cloudfront/distribution:Distribution") if each.name == "mlflow-ui"
    ]
    assert pages.props["aliases"] == [f"mlflowui.{NAME}", f"static.{NAME}"]
    (session,) = [each for each in recording.of_type("aws:cloudfront/function:Function") if "session" in each.name]
    assert f"const HOST = 'mlflowui.{NAME}';" in session.props["code"]


@pytest.mark.parametrize(
    ("region", "domain", "words"),
    [
        (ABROAD, {"regionalCertificateArn": arn(HOME), "usEast1CertificateArn": arn(HOME)}, "must be in eu-west-1"),
        (ABROAD, {"regionalCertificateArn": arn(ABROAD), "usEast1CertificateArn": arn(ABROAD)}, "must be in us-east-1"),
        (ABROAD, {"regionalCertificateArn": arn(ABROAD)}, "usEast1CertificateArn: is not given"),
        (HOME, {"regionalCertificateArn": arn(ABROAD)}, "must be in us-east-1"),
    ],
)
def test_a_certificate_elsewhere_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, region: str, domain: dict[str, Any], words: str
) -> None:
    made: list[str] = []
    monkeypatch.setattr(recorder.RecordingMonitor, "_keep", lambda _self, resource: made.append(resource.name))
    with pytest.raises(pulumi.RunError, match=words):
        recorded(region, {**DNS["manual"], "certificates": "existing", **domain})
    assert made == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": "PENDING_VALIDATION"}, "is PENDING_VALIDATION"),
        ({"status": "EXPIRED"}, "is EXPIRED"),
        ({"domainName": "*.example.com", "subjectAlternativeNames": ["*.example.com"]}, "and not mlflow"),
        (
            {"domainName": NAME, "subjectAlternativeNames": [NAME, f"mlflow.{NAME}"]},
            f"and not api.{NAME}, metaflow.{NAME}, service",
        ),
    ],
)
def test_a_certificate_that_is_not_issued_or_covers_too_little_is_refused(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], words: str
) -> None:
    def worse(config: Mapping[str, str]) -> dict[str, Any]:
        good = reads(config)[CERTIFICATE]
        return {CERTIFICATE: lambda given: {**good(given), **answer}}

    monkeypatch.setattr(recorder, "reads", worse)
    with pytest.raises(pulumi.RunError, match=f"regionalCertificateArn = arn.*{words}"):
        recorded(HOME, {**DNS["manual"], **existing(HOME)})


@pytest.mark.parametrize(
    ("answer", "words"),
    [({"privateZone": True}, "is private"), ({"name": "other.com"}, f"does not hold {NAME}")],
)
def test_a_zone_that_is_private_or_of_another_domain_is_refused(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], words: str
) -> None:
    def worse(config: Mapping[str, str]) -> dict[str, Any]:
        good, token = answers(config), "aws:route53/getZone:getZone"
        return {**good, token: lambda given: {**good[token](given), **answer}}

    monkeypatch.setattr(recorder, "answers", worse)
    with pytest.raises(pulumi.RunError, match=f"hostedZoneId = {ZONE}.*{words}"):
        recorded(HOME, DNS["create"])


def test_the_way_to_each_name_is_an_https_address_of_it() -> None:
    (parameter,) = [
        each
        for each in combination(HOME, "create", "manual").of_type("aws:ssm/parameter:Parameter")
        if each.props["name"].endswith("tracking-uri")
    ]
    assert parameter.props["value"] == f"https://mlflow.{NAME}"
