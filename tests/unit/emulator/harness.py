"""Scenarios: each drives an addition over HTTP through boto3 and reads back what was stored.

The same scenario runs against our server, where it must pass, and against plain moto, where it must fail: one that
passes there shows that moto has gained what the addition gives.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]

REGION = "us-east-1"
ACCOUNT = "123456789012"
Scenario = Callable[["Aws"], None]


class Aws:
    """Boto3 clients for one server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._clients: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(  # pyright: ignore
                service,  # pyright: ignore
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(
                    retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, parameter_validation=True
                ),
            )
        return self._clients[service]


@dataclass(frozen=True)
class Declared:
    name: str
    covers: tuple[tuple[str, str], ...]
    run: Scenario


SCENARIOS: list[Declared] = []


def covers(service: str, *operations: str) -> Callable[[Scenario], Scenario]:
    def declare(scenario: Scenario) -> Scenario:
        name = getattr(scenario, "__name__", repr(scenario))
        pairs = tuple((service, each) for each in operations)
        for index, known in enumerate(SCENARIOS):  # a second decorator on the same scenario
            if known.run is scenario:
                SCENARIOS[index] = replace(known, covers=known.covers + pairs)
                return scenario
        SCENARIOS.append(Declared(f"{service}:{name}", pairs, scenario))
        return scenario

    return declare


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    """The error code a call is refused with."""
    try:
        call(**arguments)
    except Exception as error:
        return str(getattr(error, "response", {}).get("Error", {}).get("Code", repr(error)))
    raise AssertionError("the call was answered, and ought to be refused")


def role(aws: Aws, name: str) -> str:
    iam = aws("iam")
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')[
        "Role"
    ]["Arn"]


def subnets(aws: Aws) -> tuple[str, list[str]]:
    """The default VPC and two of its subnets."""
    found = aws("ec2").describe_subnets()["Subnets"][:2]
    return found[0]["VpcId"], [each["SubnetId"] for each in found]
