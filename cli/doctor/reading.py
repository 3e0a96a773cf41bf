"""Reads from AWS what the doctor wants to know, with the caller's own rights and without changing anything."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from cli.doctor.facts import Batch, Condition, Endpoint, Facts, InstanceType, Route, Subnet, WaitingJob
from cli.doctor.findings import Unread, Value, read

Raw = dict[str, Any]

MISSING_IMAGE = ("RepositoryNotFoundException", "ImageNotFoundException")
SERVICE_ROLES = {
    "AWSServiceRoleForBatch": "batch.amazonaws.com",
    "AWSServiceRoleForECS": "ecs.amazonaws.com",
    "AWSServiceRoleForEC2Spot": "spot.amazonaws.com",
}
"""Service-linked roles, with the name that `aws iam create-service-linked-role` wants to hear."""


@dataclass(frozen=True, kw_only=True)
class EcrImage:
    """An image in a private registry of Amazon ECR.

    Args:
        account: The registry.
        region: Its region.
        repository: The repository.
        image: `imageTag` or `imageDigest`, with its value.
    """

    account: str
    region: str
    repository: str
    image: Mapping[str, str]

    @classmethod
    def of(cls, uri: str) -> "EcrImage | None":
        """The parts of a URI; None where the image is of another registry."""
        found = re.fullmatch(
            r"(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)(?::([^@]+))?(?:@(sha256:\w+))?",
            uri,
        )
        if found is None:
            return None
        account, region, repository, tag, digest = found.groups()
        image = {"imageDigest": digest} if digest else {"imageTag": tag or "latest"}
        return cls(account=account, region=region, repository=repository, image=image)


class Reader:
    """Reads an account.

    Args:
        batch: What the stack declares.
        client: Gives a client of a service.
        now: Seconds since 1970.
    """

    def __init__(self, batch: Batch, client: Callable[[str], Any], now: float | None = None) -> None:
        self._batch, self._client, self._now = batch, client, time.time() if now is None else now
        self._ec2, self._aws_batch = client("ec2"), client("batch")

    def facts(self, quotas: Mapping[str, str]) -> Facts:
        """All facts.

        Args:
            quotas: Codes of the quotas that matter, with their services.

        Raises:
            botocore.exceptions.BotoCoreError: AWS cannot be reached, or there are no credentials.
            botocore.exceptions.ClientError: The credentials are worthless.
        """
        self._client("sts").get_caller_identity()  # so that worthless credentials are one error, and not one a line
        names = self._batch.queues
        queues = {name: read("batch:DescribeJobQueues", partial(self._queue, arn)) for name, arn in names.items()}
        raw_subnets = read("ec2:DescribeSubnets", self._raw_subnets)

        def in_network(action: str, call: Callable[[list[Raw]], Value]) -> Value | Unread:
            """What a call about the subnets gives, which needs them."""
            return raw_subnets if isinstance(raw_subnets, Unread) else read(action, partial(call, raw_subnets))

        return Facts(
            batch=self._batch,
            subnets=in_network("ec2:DescribeRouteTables", self._subnets),
            endpoints=in_network("ec2:DescribeVpcEndpoints", self._endpoints),
            instance_types=in_network("ec2:DescribeInstanceTypeOfferings", self._types),
            quotas={
                code: read("servicequotas:GetServiceQuota", partial(self._quota, service, code))
                for code, service in quotas.items()
            },
            roles={name: self._role(name) for name in SERVICE_ROLES},
            image=self._image(),
            environments=read("batch:DescribeComputeEnvironments", lambda: self._environments(queues.values())),
            queues={name: _queue_condition(found) for name, found in queues.items()},
            waiting={name: read("batch:ListJobs", partial(self._waiting, arn)) for name, arn in names.items()},
        )

    def _raw_subnets(self) -> list[Raw]:
        return cast("list[Raw]", self._ec2.describe_subnets(SubnetIds=list(self._batch.subnet_ids))["Subnets"])

    def _in_vpc(self, operation: str, key: str, network: list[Raw]) -> list[Raw]:
        vpcs = sorted({str(one["VpcId"]) for one in network})
        pages = self._ec2.get_paginator(operation).paginate(Filters=[{"Name": "vpc-id", "Values": vpcs}])
        return [one for page in pages for one in page[key]]

    def _subnets(self, network: list[Raw]) -> tuple[Subnet, ...]:
        tables = self._in_vpc("describe_route_tables", "RouteTables", network)
        return tuple(_subnet(one, tables) for one in network)

    def _endpoints(self, network: list[Raw]) -> tuple[Endpoint, ...]:
        found = self._in_vpc("describe_vpc_endpoints", "VpcEndpoints", network)
        return tuple(_endpoint(one, self._batch.region) for one in found)

    def _types(self, network: list[Raw]) -> Mapping[str, tuple[InstanceType, ...]]:
        wanted = sorted({name for one in self._batch.environments for name in one.named_types})
        if not wanted:
            return {}
        zones = sorted({str(one["AvailabilityZone"]) for one in network})
        named = {"Name": "instance-type", "Values": [pattern(name) for name in wanted]}
        offers = self._ec2.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone", Filters=[{"Name": "location", "Values": zones}]
        )
        where: dict[str, set[str]] = {}
        for page in offers:
            for one in page["InstanceTypeOfferings"]:
                where.setdefault(one["InstanceType"], set()).add(one["Location"])
        pages = self._ec2.get_paginator("describe_instance_types").paginate(Filters=[named])
        types = [_instance_type(one, where) for page in pages for one in page["InstanceTypes"]]
        return {name: tuple(one for one in types if belongs(one.name, name)) for name in wanted}

    def _quota(self, service: str, code: str) -> float:
        found = self._client("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)
        return float(found["Quota"]["Value"])

    def _role(self, name: str) -> bool | Unread:
        found = read("iam:GetRole", lambda: self._client("iam").get_role(RoleName=name))
        if isinstance(found, Unread):
            return False if found.code in ("NoSuchEntity", "NoSuchEntityException") else found
        return True

    def _image(self) -> bool | Unread | None:
        image = EcrImage.of(self._batch.image)
        if image is None or image.region != self._batch.region:
            return None
        ecr = self._client("ecr")
        found = read(
            "ecr:DescribeImages",
            lambda: ecr.describe_images(
                registryId=image.account, repositoryName=image.repository, imageIds=[dict(image.image)]
            ),
        )
        if isinstance(found, Unread):
            return False if found.code in MISSING_IMAGE else found
        return True

    def _queue(self, arn: str) -> Raw | None:
        found = cast("list[Raw]", self._aws_batch.describe_job_queues(jobQueues=[arn])["jobQueues"])
        return found[0] if found else None

    def _environments(self, queues: Iterable[Raw | Unread | None]) -> tuple[Condition, ...]:
        known = [found for found in queues if found and not isinstance(found, Unread)]
        arns = sorted({str(one["computeEnvironment"]) for found in known for one in found["computeEnvironmentOrder"]})
        if not arns:
            return ()
        found = self._aws_batch.describe_compute_environments(computeEnvironments=arns)["computeEnvironments"]
        return tuple(_condition(one, "computeEnvironmentName") for one in found)

    def _waiting(self, arn: str) -> tuple[WaitingJob, ...]:
        pages = self._aws_batch.get_paginator("list_jobs").paginate(jobQueue=arn, jobStatus="RUNNABLE")
        return tuple(
            WaitingJob(
                id=str(one["jobId"]),
                name=str(one["jobName"]),
                minutes=(self._now - float(one["createdAt"]) / 1000) / 60,
                reason=str(one.get("statusReason") or ""),
            )
            for page in pages
            for one in page["jobSummaryList"]
        )


def pattern(name: str) -> str:
    """What EC2's filters find a type, or all types of a family by."""
    return name if "." in name else f"{name}.*"


def belongs(type_: str, name: str) -> bool:
    """Whether a type is the one that a name means, or one of its family."""
    return name in (type_, type_.partition(".")[0])


def _subnet(raw: Raw, tables: Iterable[Raw]) -> Subnet:
    own: Raw | None = None
    main: Raw | None = None
    for table in tables:
        if table["VpcId"] != raw["VpcId"]:
            continue
        for association in table.get("Associations", ()):
            if association.get("SubnetId") == raw["SubnetId"]:
                own = table
            elif association.get("Main"):
                main = table
    table = own or main or {}
    return Subnet(
        id=str(raw["SubnetId"]),
        zone=str(raw["AvailabilityZone"]),
        free=int(raw["AvailableIpAddressCount"]),
        public=bool(raw.get("MapPublicIpOnLaunch")),
        route_table=str(table.get("RouteTableId", "")),
        routes=tuple(_default_routes(table)),
    )


def _default_routes(table: Raw) -> Iterable[Route]:
    for route in table.get("Routes", ()):
        over_ipv4, over_ipv6 = route.get("DestinationCidrBlock"), route.get("DestinationIpv6CidrBlock")
        if over_ipv4 == "0.0.0.0/0" or over_ipv6 == "::/0":
            targets = [value for key, value in route.items() if key.endswith("Id") and key != "DestinationPrefixListId"]
            yield Route(
                ipv6=over_ipv6 == "::/0",
                target=str(targets[0]) if targets else "an unknown target",
                active=route.get("State", "active") == "active",
            )


def _endpoint(raw: Raw, region: str) -> Endpoint:
    gateway = raw["VpcEndpointType"] == "Gateway"
    available = str(raw["State"]).lower() == "available"
    return Endpoint(
        service=str(raw["ServiceName"]).rpartition(f".{region}.")[2],
        route_tables=frozenset(raw.get("RouteTableIds", ())) if gateway else None,
        usable=available and (gateway or bool(raw.get("PrivateDnsEnabled"))),
    )


def _instance_type(raw: Raw, where: Mapping[str, set[str]]) -> InstanceType:
    gpus = cast("Raw", raw.get("GpuInfo") or {}).get("Gpus") or ()
    return InstanceType(
        name=str(raw["InstanceType"]),
        vcpus=int(raw["VCpuInfo"]["DefaultVCpus"]),
        nvidia_gpus=sum(int(one["Count"]) for one in gpus if str(one.get("Manufacturer")).upper() == "NVIDIA"),
        zones=frozenset(where.get(str(raw["InstanceType"]), ())),
    )


def _queue_condition(found: Raw | Unread | None) -> Condition | Unread | None:
    return found if found is None or isinstance(found, Unread) else _condition(found, "jobQueueName")


def _condition(raw: Raw, name: str) -> Condition:
    return Condition(
        name=str(raw[name]),
        state=str(raw.get("state")),
        status=str(raw.get("status")),
        reason=str(raw.get("statusReason") or "no reason given"),
        service_role=str(raw.get("serviceRole") or ""),
    )
