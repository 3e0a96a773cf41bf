"""Metaflow's settings: what is refused in which words, and what follows from what is taken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import config as pulumi_config

from lib import docker
from settings import ConfigError, parse_settings
from settings.base import Environment
from settings.fargate import MEMORY_BY_CPU, CpuArchitecture
from settings.load import load_settings
from settings.model import Settings

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
NAMED = {"publicDomainName": "flows.example.com", "certificateArn": CERTIFICATE}
PEOPLE = "arn:aws:iam::123456789012:role/people"
DOMAIN = {"name": "ml.example.com", "dns": "manual"}
NO_USERS: dict[str, Any] = {"identity": {"mode": "none"}, "mlflow": {"auth": "basic"}, "web": {"enabled": False}}
NO_WAY_OUT: dict[str, Any] = {
    "network": {"natGateways": "none"},
    "mlflow": {"auth": "basic"},
    "studio": {"enabled": False},
}
SUBNETS = [f"subnet-1234567{number}" for number in range(4)]
EXISTING_VPC = {"vpcId": "vpc-12345678", "privateSubnetIds": SUBNETS[:2]}
TOKENS: dict[str, Any] = {"apiBasicAuth": False}
PROD = {"environment": "prod"}


def settings(metaflow: dict[str, Any] | None = None, **sections: Any) -> Settings:
    return parse_settings({"environment": "local", "metaflow": metaflow or {}, **sections})


def problems(metaflow: dict[str, Any], **sections: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings(metaflow, **sections)
    return caught.value.problems


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a key without load balancer": (
        {"service": {"integration": "cloudMap"}},
        {},
        "mlplatform:metaflow: apiBasicAuth is true, and a REST API reaches the metadata service through a load "
        "balancer alone; set service.integration to loadBalancer, or apiBasicAuth to false for bearer tokens",
    ),
    "a name without certificate": (
        {"enableUI": True, "publicDomainName": "flows.example.com"},
        {},
        "mlplatform:metaflow: publicDomainName is set without certificateArn; the UI needs both",
    ),
    "a certificate without name": (
        {"enableUI": True, "certificateArn": CERTIFICATE},
        {},
        "mlplatform:metaflow: certificateArn is set without publicDomainName; the UI needs both",
    ),
    "a role for nobody": (
        {"customRole": True},
        {},
        "mlplatform:metaflow: customRole is true without userRole.trustedPrincipals, so nobody could assume the role; "
        "list ARNs, or set customRole to false",
    ),
    "tokens without users": (
        TOKENS,
        NO_USERS,
        "mlplatform:metaflow.apiBasicAuth = false: there are no users whose tokens the API could take; set true, or "
        "identity.mode to create or existing",
    ),
    "a UI without users": (
        {"enableUI": True, **NAMED},
        NO_USERS,
        "mlplatform:metaflow.enableUI = true: there are no users to log in, and the UI is never without login; set "
        "false, or identity.mode to create or existing",
    ),
    "a UI without name": (
        {"enableUI": True},
        {},
        "mlplatform:metaflow.enableUI = true: the login needs TLS and so a name; set metaflow.publicDomainName and "
        "metaflow.certificateArn, or domain.name",
    ),
    "a UI without public subnets": (
        {"enableUI": True, **NAMED},
        {"network": {"existingVpc": EXISTING_VPC}},
        "mlplatform:metaflow.enableUI = true: its load balancer stands in public subnets; name them in "
        "network.existingVpc.publicSubnetIds, or set false",
    ),
    "a notebook without a way out": (
        {},
        NO_WAY_OUT,
        "mlplatform:metaflow.enableSagemaker = true: the notebook installs Metaflow from PyPI; set false, or "
        "network.natGateways to single",
    ),
    "MySQL": (
        {"database": {"engine": "aurora-mysql"}},
        {},
        "mlplatform:metaflow.database: engine is aurora-mysql, and the metadata service speaks PostgreSQL; choose "
        "postgres",
    ),
    "another engine's version": (
        {"database": {"engineVersion": "8.0.mysql_aurora.3.10.0"}},
        {},
        "mlplatform:metaflow.database: engineVersion 8.0.mysql_aurora.3.10.0 is not one of postgres",
    ),
    "insights of a database that pauses": (
        {"database": {"engine": "aurora-postgresql", "minAcu": 0, "performanceInsights": True}},
        {},
        "mlplatform:metaflow.database.performanceInsights = true: Performance Insights needs a database that does not "
        "pause; set it to false, or metaflow.database.minAcu to 0.5 or more",
    ),
    "prod without a standby": (
        {"database": {"multiAz": False}},
        PROD,
        "mlplatform:metaflow.database.multiAz = false: prod survives the loss of a zone; set true, or start from "
        "environment dev",
    ),
    "prod with one reader": (
        {"database": {"engine": "aurora-postgresql", "instances": 1}},
        PROD,
        "mlplatform:metaflow.database.instances = 1: prod survives the loss of a zone; set 2 or more, or start from "
        "environment dev",
    ),
    "prod with one task": (
        {"service": {"desiredCount": 1}},
        PROD,
        "mlplatform:metaflow.service.desiredCount = 1: prod survives the loss of a zone; set 2 or more, or start from "
        "environment dev",
    ),
    "more tasks than at most": (
        {"service": {"desiredCount": 5}},
        {},
        "mlplatform:metaflow.service: desiredCount 5 is above maxCount 4; raise maxCount",
    ),
    "a size of no kind": (
        {"service": {"cpu": 300}},
        {},
        "mlplatform:metaflow.service: cpu 300 is not offered by Fargate; choose one of [256, 512",
    ),
    "memory of another size": (
        {"ui": {"memory": 16_384}},
        {},
        "mlplatform:metaflow.ui: memory 16384 does not go with cpu 1024 on Fargate; choose from 2048 to 8192 MiB",
    ),
    "two prefixes that are one": (
        {"datastore": {"datatoolsPrefix": "metaflow"}},
        {},
        "mlplatform:metaflow.datastore: datastorePrefix and datatoolsPrefix are both 'metaflow'; choose two",
    ),
    "a prefix of folders": ({"datastore": {"datastorePrefix": "a/b"}}, {}, "datastore.datastorePrefix"),
    "a prefix of code": ({"datastore": {"datatoolsPrefix": "code=x"}}, {}, "datastore.datatoolsPrefix"),
    "an image without version": ({"images": {"service": "example.com/metaflow"}}, {}, "the image is not pinned"),
    "an image of today": ({"images": {"job": "example.com/job:latest"}}, {}, "the image is not pinned"),
    "a principal of everybody": ({"userRole": {"trustedPrincipals": ["*"]}}, {}, "userRole.trustedPrincipals.0"),
    "an account alone": ({"userRole": {"trustedPrincipals": ["123456789012"]}}, {}, "userRole.trustedPrincipals.0"),
    "a service as principal": (
        {"userRole": {"trustedPrincipals": ["arn:aws:iam::123456789012:policy/x"]}},
        {},
        "userRole.trustedPrincipals.0",
    ),
    "an external id of one character": ({"userRole": {"externalId": "x"}}, {}, "at least 2 characters"),
    "a session of days": ({"userRole": {"maxSessionHours": 13}}, {}, "less than or equal to 12"),
    "IPv6 at the API": ({"gateway": {"allowedCidrs": ["2001:db8::/32"]}}, {}, "gateway.allowedCidrs.0"),
    "a range with host bits": ({"ui": {"allowedCidrs": ["10.0.0.1/8"]}}, {}, "ui.allowedCidrs.0"),
    "an instance of EC2": ({"notebook": {"sagemakerInstance": "t3.xlarge"}}, {}, "notebook.sagemakerInstance"),
    "a version of pip": ({"notebook": {"metaflowVersion": ">=2; rm"}}, {}, "notebook.metaflowVersion"),
    "a platform that is gone": ({"notebook": {"platformIdentifier": "notebook-al1-v1"}}, {}, "'notebook-al2023-v1'"),
    "an idle time below the timer's": ({"notebook": {"idleMinutes": 5}}, {}, "greater than or equal to 10"),
    "a topic that is a queue": (
        {"alarmTopicArn": "arn:aws:sqs:us-east-1:123456789012:alarms"},
        {},
        "metaflow.alarmTopicArn",
    ),
    "retention that CloudWatch has not": ({"batch": {"logRetentionDays": 8}}, {}, "keeps logs for one of 1, 3"),
    "the template's spelling": ({"enableUi": True}, {}, "metaflow.enableUi: is not a setting; did you mean enableUI?"),
    "an existing VPC with one public subnet": (
        {"enableUI": True, **NAMED},
        {"network": {"existingVpc": {**EXISTING_VPC, "publicSubnetIds": SUBNETS[2:3]}}},
        "network.existingVpc.publicSubnetIds",
    ),
    "a public subnet twice": (
        {"enableUI": True, **NAMED},
        {"network": {"existingVpc": {**EXISTING_VPC, "publicSubnetIds": SUBNETS[2:3] * 2}}},
        "publicSubnetIds names a subnet twice; list each once",
    ),
    "one label for two names": (
        {},
        {"domain": {**DOMAIN, "hostnames": {"metaflow": "mlflow"}}},
        "mlflow and metaflow are all 'mlflow'; give each its own label",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_work_is_refused_with_the_way_out(what: str) -> None:
    metaflow, sections, words = REFUSED[what]
    found = problems(metaflow, **sections)
    assert any(words in problem for problem in found), found


@pytest.mark.parametrize(
    ("metaflow", "sections"),
    [
        ({}, {}),
        ({"enabled": False}, NO_USERS),
        ({}, NO_USERS),
        (TOKENS, {}),
        ({**TOKENS, "service": {"integration": "cloudMap"}}, {}),
        ({"enableSagemaker": False}, NO_WAY_OUT),
        ({"enableUI": True, **NAMED}, {}),
        ({"enableUI": True}, {"domain": DOMAIN}),
        ({"enableUI": True, **NAMED}, {"domain": DOMAIN}),
        (
            {"enableUI": True, **NAMED},
            {"network": {"existingVpc": {**EXISTING_VPC, "publicSubnetIds": SUBNETS[2:]}}},
        ),
        ({}, {"network": {"existingVpc": EXISTING_VPC}}),
        ({"customRole": True, "userRole": {"trustedPrincipals": [PEOPLE], "externalId": "a:1/b"}}, {}),
        ({"gateway": {"quotaLimit": 1, "quotaPeriod": "MONTH", "allowedCidrs": ["10.0.0.0/8"]}}, {}),
        ({"database": {"engine": "aurora-postgresql", "minAcu": 0}}, {}),
        ({"database": {"engine": "aurora-postgresql"}}, PROD),
        ({"enabled": False}, PROD),
        ({"images": {"service": "localhost:5000/m:1", "job": "e.com/j@sha256:" + "0" * 64}}, {}),
    ],
)
def test_what_works_is_taken(metaflow: dict[str, Any], sections: dict[str, Any]) -> None:
    assert settings(metaflow, **sections)


PRINCIPALS = [
    *("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:user/team/ann", PEOPLE),
    *("arn:aws:sts::123456789012:assumed-role/people/ann@example.com", "arn:aws-us-gov:iam::123456789012:role/x"),
]


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_users_roles_sessions_and_accounts_may_be_trusted(principal: str) -> None:
    taken = settings({"customRole": True, "userRole": {"trustedPrincipals": [principal]}})
    assert taken.metaflow.user_role.trusted_principals == [principal]


def test_a_key_of_what_is_off_is_an_error_for_each_key() -> None:
    found = problems({"enabled": False, "ui": {"cpu": 512}, "datastore": {"bucketName": "flows"}})
    why = "has no effect: there is no Metaflow; set metaflow.enabled to true"
    assert {f"mlplatform:metaflow.ui.cpu: {why}", f"mlplatform:metaflow.datastore.bucketName: {why}"} <= set(found)


def test_the_platforms_name_of_the_ui_is_inert_beside_a_name_of_its_own() -> None:
    given = {**DOMAIN, "hostnames": {"metaflowui": "flows"}}
    (problem,) = problems({"enableUI": True, **NAMED}, domain=given)
    assert problem == (
        "mlplatform:domain.hostnames.metaflowui: has no effect: Metaflow's UI is not under this domain; set "
        "metaflow.enableUI, and no metaflow.publicDomainName"
    )
    assert settings({"enableUI": True}, domain=given).hosts.metaflowui == "flows.ml.example.com"


@pytest.mark.parametrize(
    ("metaflow", "api", "ui"),
    [
        ({}, "metaflow.ml.example.com", None),
        ({"enabled": False}, None, None),
        ({"enableUI": True}, "metaflow.ml.example.com", "metaflowui.ml.example.com"),
        ({"enableUI": True, **NAMED}, "metaflow.ml.example.com", None),
        (TOKENS, "metaflow.ml.example.com", None),
    ],
)
def test_names_in_the_domain_are_of_what_is_in_use(metaflow: dict[str, Any], api: str | None, ui: str | None) -> None:
    hosts = settings(metaflow, domain=DOMAIN).hosts
    assert (hosts.metaflow, hosts.metaflowui) == (api, ui)
    assert {name for name in (api, ui) if name} == {name for name in hosts.regional if "metaflow" in name}
    assert not [name for name in hosts.edge if "metaflow" in name]


@pytest.mark.parametrize(
    ("metaflow", "sections", "public"),
    [
        ({}, NO_USERS, True),
        ({"enabled": False}, NO_USERS, False),
        ({"enabled": False}, {}, True),
        ({"enabled": False}, {"identity": {"mode": "existing", "existing": {"cloudFormationExports": True}}}, False),
        (TOKENS, {"identity": {"mode": "existing", "existing": {"cloudFormationExports": True}}}, False),
        (
            {**TOKENS, "enableUI": True, **NAMED},
            {"identity": {"mode": "existing", "existing": {"cloudFormationExports": True}}},
            True,
        ),
    ],
)
def test_the_regional_firewall_is_there_for_a_pool_a_rest_api_or_a_ui(
    metaflow: dict[str, Any], sections: dict[str, Any], public: bool
) -> None:
    assert settings(metaflow, **sections).has_regional_firewall is public


def test_a_firewall_for_the_rest_api_alone_is_taken() -> None:
    assert settings({}, waf={"enabled": True}, **NO_USERS)
    (problem,) = problems({"enabled": False}, waf={"enabled": True}, **NO_USERS)
    assert "nothing that could have a firewall is public" in problem


INSTANCES = {"ecs", "ecs-agent", "ecs-telemetry"}


@pytest.mark.parametrize(("kind", "asked"), [("EC2", INSTANCES), ("FARGATE", set[str]())])
def test_instances_reach_ecs_where_there_is_no_other_way(kind: str, asked: set[str]) -> None:
    environment = {"name": "e", "type": kind, **({"instanceTypes": ["m7i"]} if kind == "EC2" else {})}
    batch = {
        "computeEnvironments": [environment],
        "jobQueues": [{"name": "default", "computeEnvironments": ["e"]}],
    }
    with_nat = settings({"batch": batch})
    without = settings({"batch": batch, "enableSagemaker": False}, **NO_WAY_OUT)
    off = settings({"enabled": False}, **NO_WAY_OUT)
    assert not INSTANCES & set(with_nat.interface_endpoints)
    assert INSTANCES & set(without.interface_endpoints) == asked
    assert not INSTANCES & set(off.interface_endpoints)


@pytest.mark.parametrize("environment", list(Environment))
def test_images_in_use_are_those_of_what_is_on(environment: Environment) -> None:
    on = parse_settings({"environment": environment.value, "metaflow": {"service": {"cpuArchitecture": "ARM64"}}})
    named = {image.name: image for image in on.container_images}
    assert list(named) == ["mlflow", "nginx", "metaflow", "metaflow-job"]
    assert {image.name for image in on.container_images if image.uri} == set()
    assert (named["metaflow"].architecture, named["metaflow"].key) == (CpuArchitecture.ARM64, "metaflow.images.service")
    # Jobs on Fargate name no processor, which AWS takes for x86.
    assert (named["metaflow-job"].architecture, named["metaflow-job"].key) == (
        *(CpuArchitecture.X86_64, "metaflow.images.job"),
    )
    off = parse_settings({"environment": environment.value, "metaflow": {"enabled": False}})
    assert [image.name for image in off.container_images] == ["mlflow", "nginx"]


def test_an_image_that_nobody_can_build_is_an_error_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "docker_answers", lambda: False)
    pulumi_config.set_all_config({"mlplatform:environment": "dev"}, [])
    try:
        with pytest.raises(ConfigError) as caught:
            load_settings()
    finally:
        pulumi_config.set_all_config({}, [])
    sources = {"mlflow.images.mlflow": "mlflow", "mlflow.images.nginx": "nginx"}
    sources |= {"metaflow.images.service": "metaflow", "metaflow.images.job": "metaflow-job"}
    assert set(caught.value.problems) == {
        f"mlplatform:{key}: is not given, and Docker, which would build it from services/{folder}, does not answer "
        "here; set it to an image's URI, or start Docker"
        for key, folder in sources.items()
    }


@given(
    cpu=st.sampled_from(sorted(MEMORY_BY_CPU)),
    memory=st.sampled_from(sorted({size for sizes in MEMORY_BY_CPU.values() for size in sizes})),
)
def test_a_size_is_taken_if_and_only_if_fargate_has_it(cpu: int, memory: int) -> None:
    for task, beside in (("service", {}), ("ui", {"enableUI": True, **NAMED})):
        given: dict[str, Any] = {task: {"cpu": cpu, "memory": memory}, **beside}
        if memory in MEMORY_BY_CPU[cpu]:
            assert settings(given)
        else:
            assert f"mlplatform:metaflow.{task}: memory {memory} does not go with cpu {cpu}" in problems(given)[0]
