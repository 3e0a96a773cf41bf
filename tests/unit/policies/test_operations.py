"""Each rule of operations with resources that pass, fail and are unknown."""

import json
import re
import sysconfig
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.framework.config import settings_for
from policies.framework.registry import rules
from policies.framework.runner import UNKNOWN, PlannedResource, evaluate
from policies.framework.values import merged
from policies.operations.data import refresh
from policies.operations.rules import ct01_caps, tg01_required_tags, tg02_names
from tests.unit.policies.harness import BUCKET, KEY, ROLE, judged, messages, planned, urn

CLUSTER, INSTANCE = "aws:rds/cluster:Cluster", "aws:rds/instance:Instance"
MEMBER, GLOBAL = "aws:rds/clusterInstance:ClusterInstance", "aws:rds/globalCluster:GlobalCluster"
TABLE, REPLICA = "aws:dynamodb/table:Table", "aws:dynamodb/tableReplica:TableReplica"
LOGS, REPOSITORY = "aws:cloudwatch/logGroup:LogGroup", "aws:ecr/repository:Repository"
NAT, COMPUTE = "aws:ec2/natGateway:NatGateway", "aws:batch/computeEnvironment:ComputeEnvironment"
NOTEBOOK, STUDIO = "aws:sagemaker/notebookInstance:NotebookInstance", "aws:sagemaker/domain:Domain"
ENDPOINT = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
NODES = "aws:eks/nodeGroup:NodeGroup"
BUCKET_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
IMAGE_LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
BUDGET, VPC = "aws:budgets/budget:Budget", "aws:ec2/vpc:Vpc"
ALIAS, ROLE_POLICY = "aws:kms/alias:Alias", "aws:iam/rolePolicy:RolePolicy"
HIDDEN = "hunter2-never-shown"


def database(type_: str, **changed: Any) -> PlannedResource:
    """A database with all that OP01 asks for, but for what is changed."""
    props: dict[str, Any] = {"deletionProtection": True, "backupRetentionPeriod": 7, **changed}
    return planned(type_, **props)


Resources = tuple[PlannedResource, ...]


def on(stack: str, resource: PlannedResource, **changed: Any) -> PlannedResource:
    """A resource in a stack of that name, as `planned` has none but `test`."""
    return replace(resource, urn=resource.urn.replace("urn:pulumi:test::", f"urn:pulumi:{stack}::"), **changed)


def gateways(number: int, stack: str) -> Resources:
    return tuple(on(stack, planned(NAT, f"nat-{at}")) for at in range(number))


def batch(called: str, vcpus: Any) -> PlannedResource:
    return planned(COMPUTE, called, computeResources={"type": "FARGATE", "maxVcpus": vcpus})


def studio(instance_type: Any) -> PlannedResource:
    resource = {"defaultResourceSpec": {"instanceType": instance_type}}
    return planned(STUDIO, defaultUserSettings={"executionRole": UNKNOWN, "jupyterLabAppSettings": resource})


def variants(*classes: Any) -> PlannedResource:
    return planned(ENDPOINT, productionVariants=[{"instanceType": each} for each in classes])


def budget(**notification: Any) -> PlannedResource:
    return planned(BUDGET, notifications=[{"threshold": 80, **notification}])


def tagged(**tags: Any) -> PlannedResource:
    return planned(VPC, tags=tags)


def provided(resource: PlannedResource, **defaults: Any) -> PlannedResource:
    """With default tags, as the engine hands on a provider's own inputs."""
    return replace(resource, provider={"defaultTags": json.dumps({"tags": defaults})})


ENVIRONMENTS = {"TG01": {"allowedValues": ["Environment=dev|prod|test*", "Owner=*@example.com"]}}
STRICT = {"TG02": {"namePatterns": ["{project}-{stack}-*", "/{project}/{stack}/*"]}}

PASSING: dict[str, tuple[str, Resources, Mapping[str, Any]]] = {
    "OP01 protected, with a week of backups": ("OP01", (database(CLUSTER),), {}),
    "OP01 a member of a cluster": ("OP01", (planned(MEMBER),), {}),
    "OP01 a replica": ("OP01", (planned(INSTANCE, deletionProtection=True, replicateSourceDb=UNKNOWN),), {}),
    "OP01 a global cluster, whose clusters have the backups": ("OP01", (planned(GLOBAL, deletionProtection=True),), {}),
    "OP01 a disposable stack": (
        "OP01",
        (planned(INSTANCE, backupRetentionPeriod=7),),
        {"OP01": {"disposableStacks": ["te*"]}},
    ),
    "OP01 a stack with fewer days": (
        "OP01",
        (planned(INSTANCE, deletionProtection=True, backupRetentionPeriod=1),),
        {"OP01": {"backupDays": {"test": 1, "prod": 7}}},
    ),
    "OP01 a stack without a figure": (
        "OP01",
        (planned(INSTANCE, deletionProtection=True),),
        {"OP01": {"backupDays": {"prod": 7}}},
    ),
    "OP02 on": ("OP02", (planned(TABLE, pointInTimeRecovery={"enabled": True}),), {}),
    "OP02 on in each replica": (
        "OP02",
        (planned(TABLE, pointInTimeRecovery={"enabled": True}, replicas=[{"pointInTimeRecovery": True}]),),
        {},
    ),
    "OP02 a replica of its own": ("OP02", (planned(REPLICA, pointInTimeRecovery=True),), {}),
    "OP03 protected in production": ("OP03", (on("prod", planned(KEY), protect=True),), {}),
    "OP03 not production": ("OP03", (on("dev", planned(KEY)),), {}),
    "OP03 what holds no data": ("OP03", (on("prod", planned(ROLE)),), {}),
    "OP04 a figure": ("OP04", (planned(LOGS, retentionInDays=14),), {}),
    "OP04 a group that only passes on": ("OP04", (planned(LOGS, logGroupClass="DELIVERY"),), {}),
    "CT01 one gateway": ("CT01", gateways(1, "dev"), {}),
    "CT01 three gateways in production": ("CT01", gateways(3, "production"), {}),
    "CT01 a small instance": ("CT01", (planned(INSTANCE, instanceClass="db.t4g.micro"),), {}),
    "CT01 capacity units": ("CT01", (planned(MEMBER, instanceClass="db.serverless"),), {}),
    "CT01 a larger one in production": ("CT01", (on("prod", planned(NOTEBOOK, instanceType="ml.m5.4xlarge")),), {}),
    "CT01 a class that was agreed": (
        "CT01",
        (planned(NOTEBOOK, instanceType="ml.p4d.24xlarge"),),
        {"CT01": {"instanceClasses": {"test": ["ml.p4d.*"]}}},
    ),
    "CT01 no class said": ("CT01", (planned(CLUSTER, engine="aurora-mysql"), studio(None), planned(STUDIO)), {}),
    "CT01 an unknown beside the class": ("CT01", (studio("ml.t3.medium"),), {}),
    "CT01 Batch below the cap": ("CT01", (batch("a", 32), batch("b", 32), planned(COMPUTE, type="UNMANAGED")), {}),
    "CT01 Batch at the cap": ("CT01", (batch("a", 64),), {}),
    "CT02 a repository by name": (
        "CT02",
        (planned(REPOSITORY, name="r"), planned(IMAGE_LIFECYCLE, repository="r")),
        {},
    ),
    "CT02 by name": (
        "CT02",
        (planned(BUCKET, bucket="b"), planned(BUCKET_LIFECYCLE, bucket="b")),
        {},
    ),
    "CT02 by dependency": (
        "CT02",
        (planned(REPOSITORY), planned(IMAGE_LIFECYCLE, repository=UNKNOWN, deps={"repository": [urn(REPOSITORY)]})),
        {},
    ),
    "CT02 rules of its own": ("CT02", (planned(BUCKET, lifecycleRules=[{"enabled": True}]),), {}),
    "CT03 an address": ("CT03", (budget(subscriberEmailAddresses=["a@example.com"]),), {}),
    "CT03 a topic of the stack": ("CT03", (budget(subscriberSnsTopicArns=[UNKNOWN]),), {}),
    "CT03 notifications that are unknown as a whole": ("CT03", (planned(BUDGET, notifications=UNKNOWN),), {}),
    "CT03 one of two budgets": ("CT03", (planned(BUDGET, "quiet"), budget(subscriberSnsTopicArns=["arn"])), {}),
    "CT03 a stack without": ("CT03", (planned(VPC),), {"CT03": {"stacks": ["prod"]}}),
    "CT03 a stack of another cloud": ("CT03", (planned("random:index/randomId:RandomId"),), {}),
    "TG01 both tags": ("TG01", (tagged(Project="p", Environment=UNKNOWN),), {}),
    "TG01 from the provider": ("TG01", (provided(planned(VPC), Project="p", Environment="test"),), ENVIRONMENTS),
    "TG01 half from the provider": ("TG01", (provided(tagged(Environment="dev"), Project="p"),), ENVIRONMENTS),
    "TG01 a tag of its own counts more than the provider's": (
        "TG01",
        (provided(tagged(Environment="dev"), Environment=HIDDEN, Project="p"),),
        ENVIRONMENTS,
    ),
    "TG01 what takes no tags": ("TG01", (planned(ROLE_POLICY),), {}),
    "TG01 allowed values": (
        "TG01",
        (tagged(Project="p", Environment="test-1", Owner="x@example.com"),),
        ENVIRONMENTS,
    ),
    "TG02 the project's": ("TG02", (planned(BUCKET, bucket="mlplatform-data"), planned(ROLE, name="MLPlatform")), {}),
    "TG02 its own logical name": ("TG02", (planned(BUCKET, "data", bucket="data-3f2a91c"),), {}),
    "TG02 made up by the provider": ("TG02", (planned(BUCKET),), {}),
    "TG02 a path, an alias, what a service prescribes": (
        "TG02",
        (
            planned(LOGS, name="/mlplatform/test/api"),
            planned(ALIAS, name="alias/mlplatform-key"),
            planned(LOGS, name="/aws/lambda/other"),
        ),
        {},
    ),
    "TG02 a pattern with the stack": (
        "TG02",
        (planned(BUCKET, bucket="mlplatform-test-data"), planned(LOGS, name="/mlplatform/test/api")),
        STRICT,
    ),
    "TG02 a prefix": ("TG02", (planned(ROLE, namePrefix="mlplatform-test-"),), STRICT),
    "TG02 what has its name within another": ("TG02", (planned(ROLE_POLICY, name="read"),), STRICT),
}

FAILING: dict[str, tuple[str, Resources, str, Mapping[str, Any]]] = {
    "OP01 not protected": ("OP01", (planned(CLUSTER, backupRetentionPeriod=7),), "deletionProtection is not on", {}),
    "OP01 a replica not protected": ("OP01", (planned(INSTANCE, replicateSourceDb="a"),), "deletionProtection", {}),
    "OP01 a global cluster": ("OP01", (planned(GLOBAL),), "deletionProtection", {}),
    "OP01 no backups said": ("OP01", (planned(INSTANCE, deletionProtection=True),), "fewer than 7 days", {}),
    "OP01 too few": ("OP01", (database(CLUSTER, backupRetentionPeriod=6),), "fewer than 7 days", {}),
    "OP01 a disposable stack without backups": (
        "OP01",
        (planned(CLUSTER),),
        "fewer than 7 days",
        {"OP01": {"disposableStacks": ["test"]}},
    ),
    "OP01 days unknown": (
        "OP01",
        (database(CLUSTER, backupRetentionPeriod=UNKNOWN),),
        "'backupRetentionPeriod' is unknown",
        {},
    ),
    "OP01 protection unknown": (
        "OP01",
        (database(CLUSTER, deletionProtection=UNKNOWN),),
        "'deletionProtection' is unknown",
        {},
    ),
    "OP02 nothing": ("OP02", (planned(TABLE),), "pointInTimeRecovery.enabled is not on", {}),
    "OP02 unknown": ("OP02", (planned(TABLE, pointInTimeRecovery=UNKNOWN),), "is unknown", {}),
    "OP02 a replica": (
        "OP02",
        (planned(TABLE, pointInTimeRecovery={"enabled": True}, replicas=[{"regionName": "eu-west-1"}]),),
        "replicas[0].pointInTimeRecovery is not on",
        {},
    ),
    "OP02 a replica of its own": ("OP02", (planned(REPLICA),), "pointInTimeRecovery is not on", {}),
    "OP03 in production": ("OP03", (on("prod", planned(TABLE)),), "is not protected", {}),
    "OP03 another name of production": ("OP03", (on("eu-prod", planned(TABLE)),), "is not protected", {}),
    "OP03 production by setting": (
        "OP03",
        (on("live", planned(BUCKET)),),
        "is not protected",
        {"OP03": {"productionStacks": ["live"]}},
    ),
    "OP04 kept for ever": ("OP04", (planned(LOGS, retentionInDays=0),), "kept, and paid for, for ever", {}),
    "OP04 unknown": ("OP04", (planned(LOGS, retentionInDays=UNKNOWN),), "'retentionInDays' is unknown", {}),
    "CT01 two gateways": ("CT01", gateways(2, "dev"), "2 NAT gateways, and this stack may have 1", {}),
    "CT01 four gateways in production": ("CT01", gateways(4, "prod-eu"), "4 NAT gateways", {}),
    "CT01 a large instance": ("CT01", (planned(INSTANCE, instanceClass="db.r6g.16xlarge"),), "instanceClass is", {}),
    "CT01 a class of production elsewhere": ("CT01", (planned(NOTEBOOK, instanceType="ml.m5.4xlarge"),), "may not", {}),
    "CT01 a class that is unknown": ("CT01", (planned(INSTANCE, instanceClass=UNKNOWN),), "'instanceClass' is", {}),
    "CT01 the second variant": (
        "CT01",
        (variants("ml.m5.large", "ml.p4d.24xlarge"),),
        "productionVariants[1].instanceType is a class",
        {},
    ),
    "CT01 a variant that is unknown": ("CT01", (variants(UNKNOWN),), "'productionVariants[0].instanceType' is", {}),
    "CT01 variants that are unknown": ("CT01", (planned(ENDPOINT, productionVariants=UNKNOWN),), "is unknown", {}),
    "CT01 a list of types": ("CT01", (planned(NODES, instanceTypes=["t3.large", "m5.metal"]),), "instanceTypes[1]", {}),
    "CT01 in Studio": ("CT01", (studio("ml.g5.48xlarge"),), "defaultResourceSpec.instanceType is a class", {}),
    "CT01 one Batch environment": ("CT01", (batch("a", 65),), "above the 64 vCPUs", {}),
    "CT01 two together": ("CT01", (batch("a", 33), batch("b", 32)), "Batch may start 65 vCPUs", {}),
    "CT01 vCPUs unknown": ("CT01", (batch("a", UNKNOWN),), "'computeResources.maxVcpus' is unknown", {}),
    "TG01 a value that is not allowed": (
        "TG01",
        (tagged(Project="p", Environment=HIDDEN),),
        "tag Environment has a value",
        ENVIRONMENTS,
    ),
    "TG01 a value of the provider that is not allowed": (
        "TG01",
        (provided(tagged(Project="p"), Environment=HIDDEN),),
        "tag Environment has a value",
        ENVIRONMENTS,
    ),
    "TG01 a value that is unknown": (
        "TG01",
        (tagged(Project="p", Environment=UNKNOWN),),
        "'tags.Environment' is unknown",
        ENVIRONMENTS,
    ),
    "TG01 tags that are unknown": ("TG01", (planned(VPC, tags=UNKNOWN),), "'tags' is unknown", {}),
    "TG01 an empty tag, which is not overwritten": (
        "TG01",
        (tagged(Project="", Environment="dev"),),
        "tag Project is missing",
        {},
    ),
    "TG01 a tag that nobody can derive": (
        "TG01",
        (tagged(Project="p"),),
        "tag CostCenter is missing",
        {"TG01": {"requiredTags": ["Project", "CostCenter"]}},
    ),
    "TG01 a derived value that is not allowed": (
        "TG01",
        (tagged(Project="p"),),
        "tag Environment is missing",
        {"TG01": {"allowedValues": ["Environment=dev|prod"]}},
    ),
    "TG01 a setting that cannot be read": (
        "TG01",
        (tagged(Project="p", Environment="e"),),
        "could not judge",
        {"TG01": {"allowedValues": ["Environment"]}},
    ),
    "TG02 copied from elsewhere": ("TG02", (planned(BUCKET, bucket=HIDDEN),), "bucket fits none", {}),
    "TG02 the project within": ("TG02", (planned(ROLE, name="other-mlplatform"),), "name fits none", {}),
    "TG02 a prefix": ("TG02", (planned(ROLE, namePrefix="other-"),), "namePrefix fits none", {}),
    "TG02 another stack's": ("TG02", (planned(BUCKET, bucket="mlplatform-prod-data"),), "fits none", STRICT),
    "TG02 unknown": ("TG02", (planned(BUCKET, bucket=UNKNOWN),), "'bucket' is unknown", {}),
}

ADVISED: dict[str, tuple[str, Resources, str]] = {
    "CT02 a bucket without": ("CT02", (planned(BUCKET, bucket="b"), planned(BUCKET_LIFECYCLE, bucket="c")), BUCKET),
    "CT02 a repository without": ("CT02", (planned(REPOSITORY, name="r"),), REPOSITORY),
    "CT02 another's lifecycle": (
        "CT02",
        (
            planned(BUCKET),
            planned(BUCKET, "other"),
            planned(BUCKET_LIFECYCLE, bucket=UNKNOWN, deps={"bucket": [urn(BUCKET, "other")]}),
        ),
        BUCKET,
    ),
    "CT03 no budget": ("CT03", (planned(VPC),), ""),
    "CT03 nobody hears of it": ("CT03", (budget(subscriberEmailAddresses=[]),), BUDGET),
}

REMEDIED: dict[str, tuple[str, PlannedResource, Mapping[str, Any], Mapping[str, Any]]] = {
    "OP04 nothing said": ("OP04", planned(LOGS), {"retentionInDays": 90}, {}),
    "OP04 another figure": ("OP04", planned(LOGS), {"retentionInDays": 7}, {"OP04": {"retentionDays": 7}}),
    "TG01 no tags": ("TG01", planned(VPC), {"tags": {"Project": "mlplatform", "Environment": "test"}}, {}),
    "TG01 beside others": (
        "TG01",
        tagged(Name="a", Project="own"),
        {"tags": {"Environment": "test"}},
        {},
    ),
    "TG01 beside one that is unknown": (
        "TG01",
        tagged(Project="p", Vpc=UNKNOWN),
        {"tags": {"Environment": "test"}},
        {},
    ),
    "TG01 what the provider does not give": (
        "TG01",
        provided(planned(VPC), Project="p"),
        {"tags": {"Environment": "test"}},
        {},
    ),
}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_passes(case: tuple[str, Resources, Mapping[str, Any]]) -> None:
    rule, resources, config = case
    assert messages(rule, *resources, config=config) == ""


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_fails(case: tuple[str, Resources, str, Mapping[str, Any]]) -> None:
    rule, resources, expected, config = case
    findings = judged(rule, *resources, config=config)
    assert any(expected in finding.message for finding in findings), [finding.message for finding in findings]
    assert {finding.level for finding in findings} == {"mandatory"}
    assert len({(finding.urn, finding.message) for finding in findings}) == len(findings), "something is said twice"
    assert HIDDEN not in str(findings)


@pytest.mark.parametrize("case", ADVISED.values(), ids=ADVISED)
def test_advises(case: tuple[str, Resources, str]) -> None:
    rule, resources, at = case
    assert [(f.level, f.urn) for f in judged(rule, *resources)] == [("advisory", urn(at) if at else "")]


@pytest.mark.parametrize("case", REMEDIED.values(), ids=REMEDIED)
def test_is_put_right(case: tuple[str, PlannedResource, Mapping[str, Any], Mapping[str, Any]]) -> None:
    name, resource, changes, config = case
    rule = next(rule for rule in rules("operations") if rule.id == name)
    assert rule.remediate
    assert rule.remediate(resource, settings_for(rule, config)[1]) == changes
    assert [finding.level for finding in judged(name, resource, config=config)] == ["remediate"]
    # Once put right, it is left alone.
    assert messages(name, replace(resource, props=merged(resource.props, changes)), config=config) == ""


def test_ct01_speaks_once_of_an_environment_that_is_too_large_alone() -> None:
    findings = judged("CT01", batch("large", 100), batch("small", 1))
    assert [finding.urn for finding in findings] == [urn(COMPUTE, "large")]


def test_ct01_adds_up_what_is_known_beside_an_unknown() -> None:
    findings = judged("CT01", batch("a", 40), batch("b", 40), batch("c", UNKNOWN))
    assert sorted(finding.message.split(",")[0] for finding in findings) == [
        "'computeResources.maxVcpus' is unknown at preview",
        "Batch may start 80 vCPUs",
    ]


def test_nothing_is_said_of_an_empty_stack() -> None:
    assert evaluate([], packs=["operations"]) == []


# What the rules know of the provider is what the provider has.

PROVIDER = Path(sysconfig.get_path("purelib")) / "pulumi_aws"
PLACES = {
    **{type_: {path.split(".")[0] for path in paths} for type_, paths in ct01_caps._CLASSES.items()},
    **{type_: {path} for type_, path in tg02_names._NAMES.items()},
}


def source(type_: str) -> str:
    """The provider's module of a type."""
    module, _, name = type_.removeprefix("aws:").partition("/")
    module = "lambda_" if module == "lambda" else module
    return (PROVIDER / module / f"{_snake(name.split(':')[0])}.py").read_text()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def test_the_types_and_properties_exist() -> None:
    listed = {type_ for rule in rules("operations") if rule.id != "TG01" for type_ in rule.types}
    for type_ in listed:
        text = source(type_)
        assert f"'{type_}'" in text
        for path in PLACES.get(type_, ()):
            assert re.search(rf"^ +{_snake(path)}: pulumi.Input", text, re.MULTILINE), f"{type_} has no {path}"


def test_the_types_that_take_tags_are_the_providers() -> None:
    modules = json.loads((Path(refresh.__file__).parent / "taggable.json").read_text())["types"]
    assert modules == refresh.taggable(PROVIDER), "run python -m policies.operations.data.refresh"


def test_every_type_that_must_have_a_tag_is_written_as_the_provider_does() -> None:
    assert VPC in tg01_required_tags.RULE.types
    assert "aws:lambda/function:Function" in tg01_required_tags.RULE.types
    assert ROLE_POLICY not in tg01_required_tags.RULE.types
