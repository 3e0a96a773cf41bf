"""The platform as its program is recorded: the outputs that configure Metaflow's client, its roles and its names."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pytest
from pulumi.output import Unknown

from cli.plan.recorder import Recording, Resource
from cli.plan.stack_file import read_stack
from lib.naming import Names
from tests.exported import ROOT, Computes, Exported, exist
from tests.services.cloud import REGION, Cloud
from tests.services.metaflow_wire import ACCOUNT, arn

METAFLOW = {
    "enableUI": True,
    "publicDomainName": "flows.example.com",
    "certificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/00000000-0000-0000-0000-000000000000",
    "customRole": True,
    "userRole": {"trustedPrincipals": ["arn:aws:iam::123456789012:role/people"]},
    "batch": {
        "computeEnvironments": [
            {"name": "small", "type": "FARGATE"},
            {"name": "cpu", "type": "EC2", "instanceTypes": ["m7i"]},
        ],
        "jobQueues": [
            {"name": "default", "computeEnvironments": ["small"]},
            {"name": "big", "computeEnvironments": ["cpu"]},
        ],
    },
}

ROLE, JOB_QUEUE, API_KEY = "aws:iam/role:Role", "aws:batch/jobQueue:JobQueue", "aws:apigateway/apiKey:ApiKey"


def role_arn(props: Any) -> str:
    return f"arn:aws:iam::{ACCOUNT.account_id}:role{props['path']}{props['name']}"


# What AWS makes of names. The outputs wait for the two others as well.
COMPUTED: Computes = {
    ROLE: lambda _, props: {"arn": role_arn(props)},
    JOB_QUEUE: lambda _, props: {"arn": arn("batch", f"job-queue/{props['name']}")},
    "aws:cloudwatch/logGroup:LogGroup": lambda _, props: {"arn": arn("logs", f"log-group:{props['name']}")},
    "aws:iam/rolePolicy:RolePolicy": lambda *_: {},
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": lambda *_: {},
}


class Platform:
    """The program's outputs, roles and names, recorded once.

    Args:
        metaflow: What differs from `METAFLOW`.
    """

    stack = "prod"

    def __init__(self, **metaflow: Any) -> None:
        self._given = {"aws:region": REGION, "mlplatform:metaflow": METAFLOW | metaflow}

    @cached_property
    def exported(self) -> Exported:
        with pytest.MonkeyPatch.context() as monkeypatch:
            exist(monkeypatch, COMPUTED)
            return Exported(read_stack(ROOT, self.stack, self._given), monkeypatch)

    @property
    def recording(self) -> Recording:
        return self.exported.recording

    def outputs(self, cloud: Cloud, service: str, internal: str) -> dict[str, Any]:
        """The stack's outputs once it is deployed to an emulated account.

        They are the program's own, but for what it cannot know before and the emulator has not: API Gateway leads to no
        container there, so the metadata service's addresses are given, and the id of the API key is the emulator's.

        Args:
            cloud: The account.
            service: `METAFLOW_SERVICE_URL`.
            internal: `METAFLOW_SERVICE_INTERNAL_URL`, at which jobs ask.
        """
        addresses = {"METAFLOW_SERVICE_URL": service, "METAFLOW_SERVICE_INTERNAL_URL": internal}
        known = {name: value for name in self.exported if not isinstance(value := self.exported.value(name), Unknown)}
        config = known["metaflowConfig"]
        assert {name for name, value in config.items() if isinstance(value, Unknown)} == set(addresses)
        if "ApiKeyId" in self.exported:
            (key,) = cloud.client("apigateway").get_api_keys(nameQuery=self.api_key)["items"]
            known["ApiKeyId"] = key["id"]
        return known | {"metaflowConfig": config | addresses}

    @property
    def names(self) -> Names:
        return Names(project=self.recording.stack.project, stack=self.stack)

    def one(self, type_: str, name: str) -> Mapping[str, Any]:
        (found,) = [resource for resource in self.recording.of_type(type_) if resource.name == name]
        return found.props

    @property
    def roles(self) -> Mapping[str, Resource]:
        """Metaflow's roles by what their names end with."""
        prefix = f"{self.names.prefix}-"
        return {
            str(role.props["name"]).removeprefix(prefix): role
            for role in self.recording.of_type(ROLE)
            if str(role.props["name"]).startswith(f"{prefix}metaflow")
        }

    def role(self, suffix: str) -> str:
        """ARN of a role."""
        return role_arn(self.roles[suffix].props)

    def policies(self, suffix: str) -> list[str]:
        """Documents of a role."""
        name = self.roles[suffix].props["name"]
        return [
            str(policy.props["policy"])
            for policy in self.recording.of_type("aws:iam/rolePolicy:RolePolicy")
            if policy.props["role"] == name
        ]

    @property
    def boundary(self) -> str:
        """The boundary, which every one of the roles has."""
        (policy,) = self.recording.of_type("aws:iam/policy:Policy")
        named = f"arn:aws:iam::{ACCOUNT.account_id}:policy{policy.props['path']}{policy.props['name']}"
        assert {role.props["permissionsBoundary"] for role in self.roles.values()} == {named}
        return str(policy.props["policy"])

    @property
    def bucket(self) -> str:
        return str(self.one("aws:s3/bucket:Bucket", "metaflow-datastore")["bucket"])

    @property
    def table(self) -> str:
        return str(self.one("aws:dynamodb/table:Table", "metaflow-flows")["name"])

    @property
    def prefix(self) -> str:
        """What names of state machines begin with."""
        return self.names.of("metaflow", limit=40)

    @property
    def queue(self) -> str:
        return arn("batch", f"job-queue/{self.names.of('default')}")

    @property
    def key_alias(self) -> str:
        return self.names.of("key")

    @property
    def api_key(self) -> str:
        return str(self.one(API_KEY, "metaflow-api")["name"])

    def emulate(self, cloud: Cloud) -> None:
        """Makes in an emulated account what `metaflow configure` and a client find there."""
        cloud.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        cloud.client("dynamodb").create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pathspec", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pathspec", "AttributeType": "S"}],
        )
        cloud.client("apigateway").create_api_key(name=self.api_key, enabled=True)
        batch, ec2, iam = cloud.client("batch"), cloud.client("ec2"), cloud.client("iam")
        for role in self.roles.values():
            name, path = role.props["name"], role.props["path"]
            iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=role.props["assumeRolePolicy"])
        service = iam.create_role(RoleName="batch-service", AssumeRolePolicyDocument="{}")
        environment = batch.create_compute_environment(
            computeEnvironmentName="small",
            type="MANAGED",
            serviceRole=service["Role"]["Arn"],
            computeResources={
                "type": "FARGATE",
                "maxvCpus": 8,
                "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
                "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
            },
        )["computeEnvironmentArn"]
        for queue in self.recording.of_type(JOB_QUEUE):
            batch.create_job_queue(
                jobQueueName=queue.props["name"],
                state="ENABLED",
                priority=1,
                computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
            )
