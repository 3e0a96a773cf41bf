"""The doctor: each check over facts, the reading of them from an emulated account, and the command."""

import json
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws

from cli.__main__ import main
from cli.doctor import checks, command
from cli.doctor.facts import (
    Batch,
    Condition,
    Endpoint,
    Environment,
    Facts,
    InstanceType,
    Route,
    Subnet,
    WaitingJob,
)
from cli.doctor.findings import Finding, Level, Unread, exit_code, read, table
from cli.doctor.reading import EcrImage, Reader
from settings.batch import ComputeType

REGION, ACCOUNT = "eu-west-1", "123456789012"
ZONES = frozenset({"eu-west-1a", "eu-west-1b"})
ECR = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
NAT = Route(ipv6=False, target="nat-1", active=True)
DENIED = Unread(action="x:Look", code="AccessDenied", why="not allowed")


def environment(
    *types: str, name: str = "cpu", type_: ComputeType = ComputeType.EC2, most: int = 64, gpu: bool = False
) -> Environment:
    return Environment(name=name, type=type_, instance_types=types, max_vcpus=most, gpu=gpu)


FARGATE = environment(name="fargate", type_=ComputeType.FARGATE)
M7I = InstanceType(name="m7i.large", vcpus=2, nvidia_gpus=0, zones=ZONES)
G6 = InstanceType(name="g6.xlarge", vcpus=4, nvidia_gpus=1, zones=ZONES)


def subnet(zone: str = "a", *, free: int = 200, public: bool = False, routes: tuple[Route, ...] = (NAT,)) -> Subnet:
    return Subnet(
        id=f"subnet-{zone}",
        zone=f"eu-west-1{zone}",
        free=free,
        public=public,
        route_table=f"rtb-{zone}",
        routes=routes,
    )


def facts(*environments: Environment, uri: str = f"{ECR}/job:1", **changes: Any) -> Facts:
    """An account where all is well, for these environments, but for the changes."""
    declared = environments or (environment("m7i"),)
    well = Facts(
        batch=Batch(
            region=REGION,
            queues={"default": "arn:default"},
            environments=declared,
            subnet_ids=("subnet-a", "subnet-b"),
            image=uri,
        ),
        subnets=(subnet("a"), subnet("b")),
        endpoints=(),
        instance_types={"m7i": (M7I,), "g6": (G6,)},
        quotas=dict.fromkeys((code for _, code, _ in checks.QUOTAS.values()), 1000.0),
        roles=dict.fromkeys(("AWSServiceRoleForBatch", "AWSServiceRoleForECS", "AWSServiceRoleForEC2Spot"), True),
        image=True,
        environments=(condition("cpu"),),
        queues={"default": condition("default")},
        waiting={"default": ()},
    )
    return replace(well, **changes)


def condition(name: str, state: str = "ENABLED", status: str = "VALID", service_role: str = "") -> Condition:
    return Condition(name=name, state=state, status=status, reason="the reason", service_role=service_role)


def said(findings: Iterator[Finding], level: Level) -> list[str]:
    """Findings of a level, each in one line."""
    return [f"{one.what}: {one.why} -> {one.way_out}" for one in findings if one.level is level]


def levels(findings: Iterator[Finding]) -> set[Level]:
    return {one.level for one in findings}


def test_where_all_is_well_all_is_ok() -> None:
    spot_gpu = environment("g6", name="gpu", type_=ComputeType.SPOT, gpu=True)
    for declared in ((environment("m7i"),), (FARGATE,), (environment("optimal"), spot_gpu)):
        found = list(checks.diagnose(facts(*declared)))
        assert {one.level for one in found} == {Level.OK}
        assert not any(one.way_out for one in found)
        assert exit_code(found) == 0


def test_whatever_may_not_be_looked_at_is_a_warning() -> None:
    names = ("subnets", "endpoints", "instance_types", "image", "environments")
    changes: dict[str, Any] = dict.fromkeys(names, DENIED)
    changes |= {"quotas": dict.fromkeys((code for _, code, _ in checks.QUOTAS.values()), DENIED)}
    changes |= {"roles": dict.fromkeys(facts().roles, DENIED), "queues": {"default": DENIED}}
    found = list(checks.diagnose(facts(**changes, waiting={"default": DENIED})))
    assert {one.level for one in found} == {Level.WARN}
    assert all(one.way_out == "let your role call x:Look, or ask who may" for one in found)
    no_endpoints = facts(subnets=(subnet(routes=()),), endpoints=DENIED)
    assert levels(checks.ways_out(no_endpoints)) == {Level.WARN}


ENDPOINTS = {name: Endpoint(service=name, route_tables=None, usable=True) for name in ("ecr.api", "ecr.dkr", "logs")}
ECS = {name: Endpoint(service=name, route_tables=None, usable=True) for name in ("ecs", "ecs-agent", "ecs-telemetry")}
GATEWAYS = {name: Endpoint(service=name, route_tables=frozenset({"rtb-a"}), usable=True) for name in ("s3", "dynamodb")}


def closed(one: Environment, *endpoints: dict[str, Endpoint], routes: tuple[Route, ...] = ()) -> list[str]:
    """What is wrong with a subnet without a way out."""
    known = tuple(endpoint for some in endpoints for endpoint in some.values())
    account = facts(one, subnets=(subnet(routes=routes),), endpoints=known)
    return said(checks.ways_out(account), Level.FAIL)


def test_jobs_without_a_way_out_need_endpoints() -> None:
    (line,) = closed(environment("m7i"))
    assert "no way out, and no endpoint of dynamodb, ecr.api, ecr.dkr, ecs, ecs-agent, ecs-telemetry, logs, s3" in line
    assert "mlplatform:network.natGateways" in line
    assert closed(environment("m7i"), ENDPOINTS, ECS, GATEWAYS) == []
    (line,) = closed(environment("m7i"), ENDPOINTS, GATEWAYS)
    assert "no endpoint of ecs, ecs-agent, ecs-telemetry" in line
    assert closed(FARGATE, ENDPOINTS, GATEWAYS) == [], "Fargate's agents are outside of the VPC"


def test_a_gateway_of_another_route_table_and_an_interface_without_its_name_are_none() -> None:
    elsewhere = replace(GATEWAYS["s3"], route_tables=frozenset({"rtb-b"}))
    (line,) = closed(FARGATE, ENDPOINTS | GATEWAYS | {"s3": elsewhere})
    assert "no endpoint of s3 ->" in line
    (line,) = closed(FARGATE, ENDPOINTS | GATEWAYS | {"logs": replace(ENDPOINTS["logs"], usable=False)})
    assert "no endpoint of logs ->" in line


def test_ipv6_alone_and_what_is_gone_are_no_way_out() -> None:
    (line,) = closed(FARGATE, routes=(Route(ipv6=True, target="eigw-1", active=True),))
    assert "a way out over IPv6 alone, and no endpoint of" in line
    (line,) = closed(FARGATE, routes=(replace(NAT, active=False),))
    assert "its default route leads to nat-1, which is gone" in line


def test_an_internet_gateway_serves_who_has_a_public_address() -> None:
    routes = (Route(ipv6=False, target="igw-1", active=True),)
    assert closed(FARGATE, routes=routes) == []
    (line,) = closed(environment("m7i"), routes=routes)
    assert "igw-1 is no way for instances" in line
    public = facts(environment("m7i"), subnets=(subnet(public=True, routes=routes),))
    assert levels(checks.ways_out(public)) == {Level.OK}


def test_addresses_are_counted_for_instances_and_for_fargate_jobs() -> None:
    none = facts(subnets=(subnet("a", free=0), subnet("b", free=40)))
    assert said(checks.addresses(none), Level.FAIL)[0].startswith("addresses of subnet-a: none is free")
    assert "ok" in levels(checks.addresses(none)), "64 vCPUs are 32 instances"
    few = facts(FARGATE, subnets=(subnet(free=40),))
    assert "40 are free, and 64 may be wanted at once" in said(checks.addresses(few), Level.WARN)[0]


def test_instance_types_must_exist_in_the_zones() -> None:
    def types(*names: str, zones: frozenset[str] = ZONES) -> tuple[list[str], list[str]]:
        known = {"m7i": (replace(M7I, zones=zones),), "nosuch": (), "g6": (G6,)}
        account = facts(environment(*names), instance_types=known)
        return said(checks.instance_types(account), Level.FAIL), said(checks.instance_types(account), Level.WARN)

    assert types("m7i") == types("optimal") == types("default_x86_64") == ([], [])
    failed, _ = types("nosuch")
    assert "types of cpu: nosuch: not in eu-west-1a, eu-west-1b" in failed[0]
    assert "mlplatform:metaflow.batch.computeEnvironments" in failed[0]
    failed, warned = types("nosuch", "m7i")
    assert failed == []
    assert "nosuch: not in" in warned[0]
    _, warned = types("m7i", zones=frozenset({"eu-west-1a"}))
    assert "none of m7i in eu-west-1b" in warned[0]
    assert types("m7i", zones=frozenset())[0]


def test_environments_for_gpus_have_gpus() -> None:
    def gpus(*names: str) -> tuple[list[str], list[str]]:
        account = facts(environment(*names, name="gpu", gpu=True))
        return said(checks.instance_types(account), Level.FAIL), said(checks.instance_types(account), Level.WARN)

    assert gpus("g6") == ([], [])
    assert "none of m7i has an NVIDIA GPU -> use families such as g6" in gpus("m7i")[0][0]
    assert "m7i has no NVIDIA GPU" in gpus("g6", "m7i")[1][0]


@pytest.mark.parametrize(
    ("type_", "instance_type", "code"),
    [
        (ComputeType.EC2, "m7i", "L-1216C47A"),
        (ComputeType.EC2, "im4gn.large", "L-1216C47A"),
        (ComputeType.EC2, "optimal", "L-1216C47A"),
        (ComputeType.SPOT, "c7g", "L-34B43A08"),
        (ComputeType.EC2, "g6", "L-DB2E81BA"),
        (ComputeType.EC2, "vt1", "L-DB2E81BA"),
        (ComputeType.SPOT, "g5.xlarge", "L-3819A6DF"),
        (ComputeType.EC2, "p5", "L-417A185B"),
        (ComputeType.SPOT, "p5", "L-7212CCBC"),
        (ComputeType.FARGATE, "", "L-3032A538"),
        (ComputeType.FARGATE_SPOT, "", "L-36FBB829"),
    ],
)
def test_each_environment_counts_towards_its_quota(type_: ComputeType, instance_type: str, code: str) -> None:
    one = environment(*filter(None, [instance_type]), type_=type_)
    service = "fargate" if type_.is_fargate else "ec2"
    assert checks.needed_quotas([one]) == {code: service}
    account = facts(one, quotas={code: 16.0})
    (line,) = said(checks.quotas(account), Level.WARN)
    assert line.startswith(f"quota {code}: ")
    assert "16 vCPUs; cpu may use 64: jobs beyond the quota stay RUNNABLE" in line
    assert f"request-service-quota-increase --service-code {service} --quota-code {code} --desired-value 64" in line


def test_a_quota_below_the_smallest_instance_is_a_failure_and_environments_share_it() -> None:
    gpus = environment("g6", name="gpu", gpu=True)
    (line,) = said(checks.quotas(facts(gpus, quotas={"L-DB2E81BA": 3.0})), Level.FAIL)
    assert "gpu may use 64, and the smallest needs 4" in line
    assert said(checks.quotas(facts(FARGATE, quotas={"L-3032A538": 0.0})), Level.FAIL)
    two = facts(environment("m7i"), environment("c7i", name="more"), quotas={"L-1216C47A": 100.0})
    assert "100 vCPUs; cpu, more may use 128" in said(checks.quotas(two), Level.WARN)[0]
    strange = facts(environment("trn1"), quotas={})
    assert "that of the family trn is not known here" in said(checks.quotas(strange), Level.WARN)[0]
    unknown = Unread(action="servicequotas:GetServiceQuota", code="NoSuchResourceException", why="no such quota")
    silent = facts(quotas={"L-1216C47A": unknown})
    assert "Service Quotas does not tell (no such quota)" in said(checks.quotas(silent), Level.WARN)[0]


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        (f"{ECR}/job:1", (REGION, "job", {"imageTag": "1"})),
        (f"{ECR}/a/b", (REGION, "a/b", {"imageTag": "latest"})),
        (f"{ECR}/job:1@sha256:{'a' * 64}", (REGION, "job", {"imageDigest": f"sha256:{'a' * 64}"})),
        (f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/job:1", ("cn-north-1", "job", {"imageTag": "1"})),
        ("public.ecr.aws/docker/library/python:3.12", None),
        ("python:3.12", None),
    ],
)
def test_images_of_ecr_are_known_by_their_address(uri: str, parts: tuple[str, str, dict[str, str]] | None) -> None:
    found = EcrImage.of(uri)
    assert (found and (found.region, found.repository, found.image)) == parts


def test_an_image_of_another_registry_or_region_needs_a_way_out_over_ipv4() -> None:
    ipv6 = (subnet(routes=(Route(ipv6=True, target="eigw-1", active=True),)),)
    for uri in ("python:3.12", f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/job:1"):
        assert levels(checks.image(facts(uri=uri))) == {Level.OK}
        (line,) = said(checks.image(facts(FARGATE, uri=uri, subnets=ipv6, image=None)), Level.FAIL)
        assert "is not reached from subnet-a, which have no way out over IPv4" in line
        assert "mlplatform:metaflow.images.job" in line
    assert levels(checks.image(facts(FARGATE, subnets=ipv6))) == {Level.OK}, "its own region's is reached by endpoints"
    (line,) = said(checks.image(facts(FARGATE, image=False)), Level.FAIL)
    assert "does not exist" in line


def test_service_linked_roles_are_named_with_their_command() -> None:
    def missing(account: Facts) -> str:
        return "\n".join(said(checks.service_roles(account), Level.FAIL))

    nobody = dict.fromkeys(facts().roles, False)
    spot = missing(facts(environment("m7i", type_=ComputeType.SPOT), roles=nobody))
    for service in ("batch", "ecs", "spot"):
        assert f"aws iam create-service-linked-role --aws-service-name {service}.amazonaws.com" in spot
    assert "Spot" not in missing(facts(roles=nobody))
    own = (condition("cpu", service_role="arn:aws:iam::1:role/service-role/own"),)
    assert "Batch" not in missing(facts(roles=nobody, environments=own))


def test_environments_and_queues_are_enabled_and_valid() -> None:
    invalid = facts(
        environments=(condition("cpu-1", status="INVALID"),), queues={"default": condition("q", "DISABLED")}
    )
    (line,) = said(checks.compute_environments(invalid), Level.FAIL)
    assert "environment cpu-1: ENABLED and INVALID: the reason -> put right what the reason says" in line
    (line,) = said(checks.queues(invalid), Level.FAIL)
    assert "aws batch update-job-queue --job-queue q --state ENABLED" in line
    off = facts(environments=(condition("cpu-1", state="DISABLED"),))
    command_ = "aws batch update-compute-environment --compute-environment cpu-1 --state ENABLED"
    assert command_ in said(checks.compute_environments(off), Level.FAIL)[0]
    gone = facts(queues={"default": None}, environments=())
    assert "there is no arn:default" in said(checks.queues(gone), Level.FAIL)[0]
    assert said(checks.compute_environments(facts(environments=())), Level.FAIL)


def job(minutes: float, reason: str = "", name: str = "train") -> WaitingJob:
    return WaitingJob(id="1-2", name=name, minutes=minutes, reason=reason)


def test_jobs_that_wait_long_are_named_with_batchs_reason() -> None:
    def late(*jobs: WaitingJob) -> tuple[list[str], list[str]]:
        account = facts(waiting={"default": jobs})
        return said(checks.waiting(account), Level.FAIL), said(checks.waiting(account), Level.WARN)

    assert late(job(9.9)) == ([], [])
    failed, _ = late(job(30, "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job resource requirement …"))
    assert "train (1-2) for 30 minutes: MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT" in failed[0]
    assert "add larger types to mlplatform:metaflow.batch.computeEnvironments" in failed[0]
    assert "aws batch terminate-job --job-id 1-2" in failed[0]
    _, warned = late(job(30, "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - …"), job(40))
    assert "for 40 minutes: Batch gives no reason" in warned[0]
    assert "AWS has none now" in warned[1]
    _, warned = late(*(job(20 + number) for number in range(8)))
    assert len(warned) == 6
    assert "3 more" in warned[-1]


def test_a_refused_call_is_told_from_credentials_that_are_worthless() -> None:
    def refused(code: str) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "two\nlines"}}, "Look")

    found = read("x:Look", lambda: refused("Client.UnauthorizedOperation"))
    assert found == Unread(action="x:Look", code="UnauthorizedOperation", why="two lines")
    assert read("x:Look", lambda: 1) == 1
    with pytest.raises(ClientError):
        read("x:Look", lambda: refused("ExpiredToken"))


def test_the_table_has_reasons_and_ways_out_in_columns() -> None:
    found = [
        Finding(level=Level.OK, what="a", why="fine"),
        Finding(level=Level.FAIL, what="longer", why="broken", way_out="mend it"),
    ]
    assert list(table(found)) == [
        "ok    a       fine",
        "fail  longer  broken",
        "              -> mend it",
    ]
    assert exit_code(found) == 1


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


@dataclass(frozen=True)
class Account:
    """An emulated account with a stack's jobs, and how to change it."""

    batch: Batch
    vpc: str
    route_table: str

    def facts(self, client: Callable[[str], Any] | None = None) -> Facts:
        return Reader(self.batch, client or aws).facts(checks.needed_quotas(self.batch.environments))


@pytest.fixture
def account(keys: None) -> Generator[Account]:
    with mock_aws():
        vpc = aws("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            aws("ec2").create_subnet(VpcId=vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate(sorted(ZONES))
        ]
        route_table = aws("ec2").create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        aws("ec2").associate_route_table(RouteTableId=route_table, SubnetId=subnets[0])
        aws("ecr").create_repository(repositoryName="job")
        image = {"schemaVersion": 2, "config": {"digest": f"sha256:{'1' * 64}"}, "layers": []}
        manifest = json.dumps(image | {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"})
        aws("ecr").put_image(repositoryName="job", imageManifest=manifest, imageTag="1")
        yield Account(
            batch=Batch(
                region=REGION,
                queues={"default": queue(vpc, subnets)},
                environments=(environment("m7i", "nosuch"),),
                subnet_ids=tuple(subnets),
                image=f"{ECR}/job:1",
            ),
            vpc=vpc,
            route_table=route_table,
        )


def aws(name: str) -> Any:
    make: Any = boto3.client
    return make(name, region_name=REGION)


def queue(vpc: str, subnets: list[str]) -> str:
    role = aws("iam").create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    group = aws("ec2").create_security_group(VpcId=vpc, GroupName="jobs", Description="jobs")["GroupId"]
    resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": subnets, "securityGroupIds": [group]}
    made = aws("batch").create_compute_environment(
        computeEnvironmentName="cpu-1", type="MANAGED", state="ENABLED", serviceRole=role, computeResources=resources
    )
    order = [{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}]
    created = aws("batch").create_job_queue(
        jobQueueName="default", state="ENABLED", priority=1, computeEnvironmentOrder=order
    )
    return str(created["jobQueueArn"])


def test_an_account_is_read(account: Account) -> None:
    aws("iam").create_role(RoleName="AWSServiceRoleForECS", AssumeRolePolicyDocument="{}")
    found = account.facts()
    assert not isinstance(found.subnets, Unread)
    assert [(one.zone, one.free, one.routes) for one in found.subnets] == [(zone, 251, ()) for zone in sorted(ZONES)]
    assert found.subnets[0].route_table == account.route_table != found.subnets[1].route_table, "else the main one"
    assert not isinstance(found.instance_types, Unread)
    assert found.instance_types["nosuch"] == ()
    large = next(one for one in found.instance_types["m7i"] if one.name == "m7i.large")
    assert (large.vcpus, large.nvidia_gpus, large.zones) == (2, 0, ZONES)
    assert all(one.name.startswith("m7i.") for one in found.instance_types["m7i"]), "and no m7i-flex"
    assert found.roles == {
        "AWSServiceRoleForBatch": False,
        "AWSServiceRoleForECS": True,
        "AWSServiceRoleForEC2Spot": False,
    }
    assert found.image is True
    assert found.environments == (condition_of("cpu-1", found),)
    assert found.queues["default"] == Condition(
        name="default", state="ENABLED", status="VALID", reason="no reason given"
    )
    assert found.waiting == {"default": ()}
    missing = replace(account, batch=replace(account.batch, image=f"{ECR}/job:2"))
    assert missing.facts().image is False


def condition_of(name: str, found: Facts) -> Condition:
    assert not isinstance(found.environments, Unread)
    role = f"arn:aws:iam::{ACCOUNT}:role/batch"
    return replace(found.environments[0], name=name, state="ENABLED", status="VALID", service_role=role)


def test_routes_and_endpoints_are_read(account: Account) -> None:
    ec2 = aws("ec2")
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=account.batch.subnet_ids[1], AllocationId=address)["NatGateway"][
        "NatGatewayId"
    ]
    ec2.create_route(RouteTableId=account.route_table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    ec2.create_vpc_endpoint(
        VpcId=account.vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        VpcEndpointType="Gateway",
        RouteTableIds=[account.route_table],
    )
    for private in (True, False):
        ec2.create_vpc_endpoint(
            VpcId=account.vpc,
            ServiceName=f"com.amazonaws.{REGION}.{'ecr.api' if private else 'logs'}",
            VpcEndpointType="Interface",
            SubnetIds=list(account.batch.subnet_ids),
            PrivateDnsEnabled=private,
        )
    found = account.facts()
    assert not isinstance(found.subnets, Unread)
    assert not isinstance(found.endpoints, Unread)
    assert found.subnets[0].routes == (Route(ipv6=False, target=nat, active=True),)
    known = {one.service: (one.route_tables, one.usable) for one in found.endpoints}
    tables = frozenset({account.route_table})
    assert known == {"s3": (tables, True), "ecr.api": (None, True), "logs": (None, False)}


class Refusing:
    """Clients that refuse what is named, and else are the account's."""

    def __init__(self, code: str, *operations: str) -> None:
        self.code, self.operations = code, operations

    def __call__(self, service: str) -> Any:
        return Client(aws(service), self)


class Client:
    def __init__(self, real: Any, refusing: Refusing) -> None:
        self._real, self._refusing = real, refusing

    def __getattr__(self, name: str) -> Any:
        def call(*words: Any, **more: Any) -> Any:
            asked = words[0] if name == "get_paginator" else name
            if asked in self._refusing.operations or not self._refusing.operations:
                error = {"Error": {"Code": self._refusing.code, "Message": "refused"}}
                raise ClientError(error, asked)
            return getattr(self._real, name)(*words, **more)

        return call


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"])
def test_a_call_that_may_not_be_made_is_a_warning_and_no_crash(account: Account, code: str) -> None:
    everything = (
        *("describe_subnets", "describe_route_tables", "describe_vpc_endpoints", "describe_instance_type_offerings"),
        *("describe_instance_types", "get_service_quota", "get_role", "describe_images", "describe_job_queues"),
        *("describe_compute_environments", "list_jobs"),
    )
    found = list(checks.diagnose(account.facts(Refusing(code, *everything))))
    assert {one.level for one in found} == {Level.WARN}
    only = account.facts(Refusing(code, "describe_vpc_endpoints"))
    assert isinstance(only.endpoints, Unread)
    assert not isinstance(only.subnets, Unread)


def test_waiting_jobs_and_quotas_are_read(account: Account) -> None:
    """What the emulator does not answer."""
    now = float(round(time.time()))  # whole seconds, so that nothing is lost in between
    summary = {"jobId": "1", "jobName": "train", "createdAt": (now - 1200) * 1000, "statusReason": "CAPACITY:…"}

    class Answers:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def get_service_quota(self, **asked: str) -> dict[str, Any]:
            assert asked == {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}
            return {"Quota": {"Value": 32.0}}

        def get_paginator(self, name: str) -> Any:
            return self if name == "list_jobs" else self._real.get_paginator(name)

        def paginate(self, **asked: str) -> list[dict[str, Any]]:
            assert asked == {"jobQueue": account.batch.queues["default"], "jobStatus": "RUNNABLE"}
            return [{"jobSummaryList": [summary]}, {"jobSummaryList": []}]

    reader = Reader(account.batch, lambda service: Answers(aws(service)), now)
    found = reader.facts(checks.needed_quotas(account.batch.environments))
    assert found.quotas == {"L-1216C47A": 32.0}
    assert found.waiting["default"] == (WaitingJob(id="1", name="train", minutes=20.0, reason="CAPACITY:…"),)


@dataclass(frozen=True)
class Engine:
    """An engine that knows outputs."""

    content: dict[str, Any]

    def outputs(self, stack: str) -> dict[str, Any]:
        return self.content


def test_the_command_prints_a_table_and_fails_where_a_check_does(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = {
        "queues": account.batch.queues,
        "environments": [{"name": "cpu", "type": "FARGATE", "instanceTypes": [], "maxvCpus": 4.0, "gpu": False}],
        "subnetIds": list(account.batch.subnet_ids),
        "image": account.batch.image,
    }
    outputs = {"region": REGION, "metaflowBatch": output}
    monkeypatch.setattr(command, "find_engine", lambda root, environment: Engine(outputs))
    assert main(["doctor", "--stack", "prod"]) == 1
    printed = capsys.readouterr().out
    assert "fail  role AWSServiceRoleForECS" in printed
    assert "no endpoint of dynamodb, ecr.api, ecr.dkr, logs, s3" in printed
    assert "ok    environment cpu-1" in printed
    assert "failures" in printed.splitlines()[-1]
    del outputs["metaflowBatch"]
    assert main(["doctor", "--stack", "prod"]) == 1
    assert "stack prod has no output metaflowBatch" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [NoCredentialsError(), ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "x")]
)
def test_without_credentials_one_line_says_so(
    error: Exception, keys: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Nobody:
        def get_caller_identity(self) -> None:
            raise error

    output = {"queues": {}, "environments": [], "subnetIds": [], "image": "x"}
    outputs = {"region": REGION, "metaflowBatch": output}
    monkeypatch.setattr(command, "find_engine", lambda root, environment: Engine(outputs))
    monkeypatch.setattr(command, "aws_client", lambda *_: Nobody())
    assert main(["doctor", "--stack", "prod"]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("error: AWS cannot be asked")
    assert printed.err.count("\n") == 1
