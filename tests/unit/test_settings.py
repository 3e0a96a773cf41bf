"""Stack configuration: what is accepted, what is refused, and in which words."""

from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from settings import ConfigError, parse_settings
from settings.base import Environment
from settings.docs import configuration
from settings.inert import INERT
from settings.load import leaves
from settings.model import Settings
from settings.presets import PRESETS

ROOT = Path(__file__).parents[2]


def problems(config: dict[str, Any], secret: set[str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings(config, secret or set())
    return caught.value.problems


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_every_stack_file_loads(file: Path) -> None:
    config = yaml.safe_load(file.read_text())["config"]
    ours = {key.removeprefix("mlplatform:"): value for key, value in config.items() if key.startswith("mlplatform:")}
    assert parse_settings(ours).environment.value == file.name.split(".")[1]


@pytest.mark.parametrize("environment", list(Environment))
def test_every_key_of_a_preset_changes_the_models_default(environment: Environment) -> None:
    effective = parse_settings({"environment": environment.value}).model_dump(mode="json", by_alias=True)
    default = Settings(environment=environment).model_dump(mode="json", by_alias=True)
    for path in leaves(PRESETS[environment]):
        assert _holds(_at(effective, path), _at(PRESETS[environment], path)), f"{environment}: {'.'.join(path)} is lost"
        assert _at(effective, path) != _at(default, path), f"{environment}: {'.'.join(path)} is the default already"


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def _holds(found: Any, given: Any) -> bool:
    """Whether a value is the given one; sections of a list have their defaults besides."""
    if isinstance(given, list):
        items = cast("list[Any]", given)
        return len(found) == len(items) and all(_holds(one, other) for one, other in zip(found, items, strict=True))
    if isinstance(given, dict):
        return all(_holds(found[key], value) for key, value in cast("dict[str, Any]", given).items())
    return found == given


def test_all_errors_are_reported_at_once_with_key_value_reason_and_way_out() -> None:
    found = problems(
        {
            "environment": "dev",
            "netwrok": {},
            "network": {"natGatewys": "none", "cidrBlock": "10.0.0.0/33", "flowLogRetentionDays": 8},
            "mlflow": {"memory": 700},
        }
    )
    assert len(found) == 5
    assert found[1].startswith('mlplatform:network.cidrBlock = "10.0.0.0/33": ')
    assert found[2].startswith("mlplatform:network.flowLogRetentionDays = 8: CloudWatch Logs keeps logs for one of 1,")
    assert found[3] == "mlplatform:network.natGatewys: is not a setting; did you mean natGateways?"
    assert found[4] == "mlplatform:netwrok: is not a setting; did you mean network?"
    assert "choose from 512 to 2048 MiB" in found[0]


def test_a_stack_without_environment_is_told_how_to_set_it() -> None:
    assert "pulumi config set" in problems({})[0]


@pytest.mark.parametrize("key", ["nat_gateways", "natgateways"])
def test_only_camel_case_keys_are_taken(key: str) -> None:
    assert "is not a setting" in problems({"environment": "dev", "network": {key: "none"}})[0]


def test_a_secret_in_plain_text_is_refused_and_never_shown() -> None:
    found = problems({"environment": "dev", "mlflow": {"password": "correct horse battery"}})
    assert "stands in plain text" in found[0]
    assert "horse" not in found[0]
    too_short = problems({"environment": "dev", "mlflow": {"password": "horse"}}, {"mlflow"})
    assert "not shown" in too_short[0]
    assert "horse" not in too_short[0]


def test_a_secret_that_pulumi_holds_is_taken() -> None:
    settings = parse_settings({"environment": "dev", "mlflow": {"password": "correct horse battery"}}, {"mlflow"})
    assert settings.mlflow.password is not None
    assert "horse" not in repr(settings)


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_no_value_makes_the_loader_fail_otherwise_than_by_its_own_error(value: Any) -> None:
    for section in ("network", "mlflow", "environment", "tags"):
        try:
            parse_settings({"environment": "local", section: value})
        except ConfigError as error:
            refused = error.problems
            assert all(problem.startswith("mlplatform:") for problem in refused)


CORPORATE = "arn:aws:iam::123456789012:policy/corporate-boundary"

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
MANUAL = {"name": "ml.example.com", "dns": "manual"}
EXISTING = {**MANUAL, "certificates": "existing", "regionalCertificateArn": CERTIFICATE}
POOL = {"stackReference": "organization/users/prod"}

IN_CONFLICT: dict[str, dict[str, Any]] = {
    "aiGateway.endpoints": {
        "endpoints": [{"name": "chat", "endpointType": "llm/v1/chat", "provider": "bedrock", "model": "m"}]
    },
    "network.cidrBlock": {
        "existingVpc": {"vpcId": "vpc-12345678", "privateSubnetIds": ["subnet-12345678", "subnet-22345678"]},
        "cidrBlock": "10.1.0.0/16",
    },
    "network.natGateways": {
        "existingVpc": {"vpcId": "vpc-12345678", "privateSubnetIds": ["subnet-12345678", "subnet-22345678"]},
        "natGateways": "none",
    },
    "network.endpointZones": {"endpointZones": 1},
    "encryption.rotationPeriodDays": {
        "keyArn": "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012",
        "rotationPeriodDays": 100,
    },
    "iam.boundaryRegions": {"permissionsBoundary": "none", "boundaryRegions": ["eu-west-1"]},
    "database.minAcu": {"engine": "postgres", "minAcu": 1},
    "database.instanceClass": {"instanceClass": "db.t4g.small"},
    "database.secondsUntilAutoPause": {"secondsUntilAutoPause": 600},
    "mlflow.poolSize": {"poolSize": 9},
    "mlflow.username": {"username": "ann"},
    "artifacts.accessLogRetentionDays": {"accessLogRetentionDays": 9},
    "api.loadBalancer": {"integration": "cloudMap", "loadBalancer": {"idleTimeoutSeconds": 9}},
    "studio.domainId": {"enabled": False, "domainId": "d-abc"},
    "studio.domainName": {"domainId": "d-abc", "domainName": "abc"},
    "protection.retainStudioHome": {"retainStudioHome": True},
    "identity.existing": {"existing": POOL},
    "identity.mfa": {"mode": "existing", "existing": POOL, "mfa": "OPTIONAL"},
    "identity.isExternalAuth": {
        "mode": "none",
        "isExternalAuth": True,
        "saml": {"metadataUrl": "https://idp.example.com/metadata"},
    },
    "restApi": {"memoryMib": 512},
    "domain.hostnames": {"hostnames": {"mlflow": "tracking"}},
    "domain.regionalCertificateArn": {**MANUAL, "regionalCertificateArn": CERTIFICATE},
    "domain.validationTimeoutMinutes": {**EXISTING, "validationTimeoutMinutes": 9},
    "domain.usEast1CertificateArn": {**EXISTING, "usEast1CertificateArn": CERTIFICATE},
    "domain.hostedZoneId": {**MANUAL, "hostedZoneId": "Z0123456789"},
    "domain.hostnames.mlflowui": {**MANUAL, "hostnames": {"mlflowui": "pages"}},
    "domain.hostnames.service": {**MANUAL, "hostnames": {"service": "start"}},
    "domain.hostnames.aigateway": {**MANUAL, "hostnames": {"aigateway": "llm"}},
    "domain.hostnames.api": {**MANUAL, "hostnames": {"api": "rest"}},
    "web.mlflowUi": {"mlflowUi": False},
    "web.banner": {"enabled": False, "banner": {"text": "Maintenance"}},
    "web.priceClass": {"enabled": False, "mlflowUi": False, "priceClass": "PriceClass_All"},
    "waf.managedRuleGroups": {"managedRuleGroups": ["AWSManagedRulesSQLiRuleSet"]},
    "metadataTables.namePrefix": {"enabled": False, "namePrefix": "other-"},
    "metadataTables.readCapacity": {"readCapacity": {"minimum": 2}},
    "metadataTables.recoveryPeriodDays": {"enableDDBPointInTimeRecov": False, "recoveryPeriodDays": 7},
    "backup.schedule": {"schedule": "cron(0 3 ? * * *)"},
    "metaflow.apiBasicAuth": {"enabled": False, "apiBasicAuth": True},
    "metaflow.publicDomainName": {"publicDomainName": "flows.example.com", "certificateArn": CERTIFICATE},
    "metaflow.notebook": {"enableSagemaker": False, "notebook": {"idleMinutes": 30}},
    "metaflow.userRole": {"userRole": {"requireMfa": True}},
    "metaflow.gateway.quotaLimit": {"apiBasicAuth": False, "gateway": {"quotaLimit": 9}},
    "metaflow.gateway.quotaPeriod": {"gateway": {"quotaPeriod": "WEEK"}},
    "metaflow.database.minAcu": {"database": {"minAcu": 1}},
    "metaflow.database.instanceClass": {"database": {"engine": "aurora-postgresql", "instanceClass": "db.t4g.small"}},
    "metaflow.database.secondsUntilAutoPause": {
        "database": {"engine": "aurora-postgresql", "secondsUntilAutoPause": 600}
    },
    "domain.hostnames.metaflow": {**MANUAL, "hostnames": {"metaflow": "flows"}},
    "domain.hostnames.metaflowui": {**MANUAL, "hostnames": {"metaflowui": "flows-ui"}},
    "network.existingVpc.publicSubnetIds": {
        "existingVpc": {
            "vpcId": "vpc-12345678",
            "privateSubnetIds": ["subnet-12345678", "subnet-22345678"],
            "publicSubnetIds": ["subnet-32345678", "subnet-42345678"],
        },
    },
}
BESIDE: dict[str, dict[str, Any]] = {
    "identity.isExternalAuth": {"mlflow": {"auth": "basic"}, "web": {"enabled": False}},
    "web.mlflowUi": {"mlflow": {"auth": "basic"}},
    "restApi": {"identity": {"mode": "none"}, "mlflow": {"auth": "basic"}, "web": {"enabled": False}},
    "domain.usEast1CertificateArn": {"web": {"enabled": False, "mlflowUi": False}},
    "domain.hostnames.mlflowui": {"web": {"mlflowUi": False}},
    "domain.hostnames.service": {"web": {"enabled": False}},
    "domain.hostnames.api": {"identity": {"mode": "none"}, "mlflow": {"auth": "basic"}, "web": {"enabled": False}},
    "mlflow.poolSize": {"database": {"minAcu": 0}},
    "protection.retainStudioHome": {"studio": {"enabled": False}},
    "domain.hostnames.metaflow": {"metaflow": {"enabled": False}},
}


def test_each_row_of_inert_keys_has_its_case() -> None:
    assert sorted(inert.keys[0] for inert in INERT) == sorted(IN_CONFLICT)


@pytest.mark.parametrize("key", IN_CONFLICT)
def test_a_key_that_would_do_nothing_is_an_error(key: str) -> None:
    section = key.split(".", maxsplit=1)[0]
    config = {"environment": "local", section: IN_CONFLICT[key], **BESIDE.get(key, {})}
    assert any(f"mlplatform:{key}" in problem and "has no effect" in problem for problem in problems(config))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"database": {"minAcu": 4, "maxAcu": 2}}, "minAcu 4 is above maxAcu 2"),
        (
            {"metadataTables": {"billingMode": "PROVISIONED", "readCapacity": {"minimum": 9, "maximum": 2}}},
            "minimum 9 is above maximum 2",
        ),
        ({"metadataTables": {"usersTableName": "mlspace-groups"}}, "mlspace-groups names two tables"),
        ({"metadataTables": {"usersTableName": "my users"}}, "metadataTables.usersTableName"),
        ({"backup": {"enabled": True, "retentionDays": 119, "coldStorageAfterDays": 30}}, "for 90 days at least"),
        ({"backup": {"enabled": True, "schedule": "rate(1 day)"}}, "backup.schedule"),
        ({"iam": {"permissionsBoundary": "existing"}}, "or the ARN of an existing managed policy"),
        ({"iam": {"permissionsBoundary": True}}, "or the ARN of an existing managed policy"),
        ({"iam": {"permissionsBoundary": "arn:aws:iam::1:policy/short"}}, "or the ARN of an existing managed policy"),
        (
            {"iam": {"permissionsBoundary": "none", "permissionsBoundaryArn": CORPORATE}},
            "did you mean permissionsBoundary",
        ),
        (
            {"iam": {"permissionsBoundary": CORPORATE, "boundaryExtraArns": ["arn:aws:s3:::b"]}},
            "no boundary is created",
        ),
        ({"iam": {"boundaryRegions": ["Europe"]}}, "iam.boundaryRegions.0"),
        ({"database": {"minAcu": 0.3}}, "multiple of 0.5"),
        ({"database": {"minAcu": 0, "engineVersion": "8.0.mysql_aurora.3.04.3"}}, "needs engineVersion 3.8.0 or later"),
        ({"database": {"minAcu": 0, "engine": "aurora-postgresql", "engineVersion": "16.2"}}, "16.3 or later"),
        ({"database": {"engine": "postgres", "engineVersion": "8.0.mysql_aurora.3.10.0"}}, "is not one of postgres"),
        ({"database": {"minAcu": 0, "performanceInsights": True}}, "does not pause"),
        ({"database": {"engine": "postgres", "allocatedStorage": 200}}, "above maxAllocatedStorage"),
        ({"mlflow": {"cpu": 300}}, "choose one of [256, 512"),
        ({"mlflow": {"desiredCount": 7}}, "above maxCount 6"),
        ({"mlflow": {"proxyPort": 5000}}, "needs two ports"),
        ({"mlflow": {"containerPort": 5002}}, "containerPort is 5002, on which tasks check bearer tokens"),
        ({"network": {"natGateways": "none"}}, "set basic, or network.natGateways to single"),
        ({"network": {"extraInterfaceEndpoints": ["cognito-idp"]}}, "not reach a user pool that has a domain"),
        ({"identity": {"mode": "none"}}, "there are no users whose tokens it could take; set basic"),
        ({"mlflow": {"images": {"mlflow": "example.com/mlflow"}}}, "not pinned"),
        ({"mlflow": {"images": {"nginx": "example.com/nginx:latest"}}}, "not pinned"),
        ({"mlflow": {"images": {"nginx": "localhost:5000/nginx"}}}, "not pinned"),
        ({"mlflow": {"username": "a:b"}}, "should match pattern"),
        ({"mlflow": {"username": "#a"}}, "should match pattern"),
        # MLflow would answer no preflight by a pattern.
        ({"mlflow": {"corsAllowedOrigins": ["https://*.example.com"]}}, "mlflow.corsAllowedOrigins.0"),
        ({"api": {"loadBalancer": {"serverName": "mlflow.example.com"}}}, "serverName is set without certificateArn"),
        ({"network": {"endpointZones": 3, "interfaceEndpoints": "always"}}, "availabilityZones is 2"),
        ({"network": {"natGateways": "none"}}, "notebooks reach the HTTP API"),
        ({"network": {"cidrBlock": "10.0.0.0/24"}}, "has no room for 3 zones"),
        ({"protection": {"secretRecoveryDays": 3}}, "7 or more"),
        ({"environment": "prod", "database": {"instances": 1}}, "survives the loss of a zone"),
        ({"environment": "prod", "mlflow": {"desiredCount": 1}}, "survives the loss of a zone"),
        ({"environment": "prod", "network": {"natGateways": "single"}}, "set perZone"),
        ({"environment": "prod", "network": {"endpointZones": 1, "interfaceEndpoints": "always"}}, "2 or more"),
        ({"environment": "prod", "database": {"engine": "postgres", "multiAz": False}}, "set true"),
        ({"studio": {"userProfiles": []}}, "at least 1 item"),
        ({"domain": {"name": "ml.example.com"}}, "hostedZoneId is not given, and dns is create"),
        ({"domain": {**MANUAL, "certificates": "existing"}}, "regionalCertificateArn is not given"),
        ({"domain": {**MANUAL, "hostnames": {"api": "mlflow"}}}, "api and mlflow are all 'mlflow'"),
        ({"domain": {**MANUAL, "hostnames": {"api": "-a"}}}, "domain.hostnames.api"),
        ({"domain": {**MANUAL, "hostnames": {"api": "a.b"}}}, "domain.hostnames.api"),
        ({"domain": {**MANUAL, "name": "localhost"}}, "domain.name"),
        ({"domain": {**MANUAL, "name": f"{'a' * 60}.example.com"}}, "no more than 64 characters"),
        ({"domain": {**EXISTING, "regionalCertificateArn": CERTIFICATE.replace("acm", "iam")}}, "should match pattern"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(config: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in problems({"environment": "local", **config}))


@pytest.mark.parametrize(
    "config",
    [
        {"database": {"minAcu": 0, "engine": "aurora-postgresql", "engineVersion": "17.4"}},
        {"database": {"minAcu": 0, "engine": "aurora-postgresql", "engineVersion": "16"}},
        {"mlflow": {"images": {"mlflow": "localhost:5000/mlflow:1", "nginx": "e.com/n@sha256:" + "0" * 64}}},
        {
            "network": {"natGateways": "none"},
            "studio": {"enabled": False},
            "mlflow": {"auth": "basic"},
            "metaflow": {"enableSagemaker": False},
        },
        {"network": {"endpointZones": 1, "interfaceEndpoints": "always"}},
    ],
)
def test_what_works_is_taken(config: dict[str, Any]) -> None:
    assert parse_settings({"environment": "local", **config})


def test_the_configuration_page_is_current() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == configuration(), "docs/configuration.md is not what settings/ says; run `make docs`"
