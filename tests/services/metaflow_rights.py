"""The platform as its program is recorded, a flow that is deployed to it, and what its state machine needs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from cli.plan.recorder import Recording, Resource, record
from cli.plan.stack_file import read_stack
from lib.documents.metaflow import DISTRIBUTED_MAP_OUTPUT, JOB_EVENTS_RULE, JOB_LOG_GROUP
from lib.naming import Names
from tests.services.cloud import REGION, Cloud
from tests.services.metaflow_wire import ACCOUNT, arn, submit, use_of_key
from tests.services.processes import REPOSITORY
from tests.unit.iam_evaluator import Request

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

FLOW = """
from metaflow import FlowSpec, retry, schedule, step


@schedule(daily=True)
class ForkFlow(FlowSpec):
    @step
    def start(self):
        self.numbers = [1]
        self.next(self.work, foreach="numbers")

    @retry(times=2)
    @step
    def work(self):
        self.result = self.input * 2
        self.next(self.collect)

    @step
    def collect(self, inputs):
        self.total = sum(one.result for one in inputs)
        self.next(self.fork)

    @step
    def fork(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.next(self.merge)

    @step
    def right(self):
        self.next(self.merge)

    @step
    def merge(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ForkFlow()
"""


class Platform:
    """The program's roles and names, recorded once."""

    stack = "prod"

    @cached_property
    def recording(self) -> Recording:
        given = {"aws:region": REGION, "mlplatform:metaflow": METAFLOW}
        return record(REPOSITORY, read_stack(REPOSITORY, self.stack, given))

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
            for role in self.recording.of_type("aws:iam/role:Role")
            if str(role.props["name"]).startswith(f"{prefix}metaflow")
        }

    def role(self, suffix: str) -> str:
        """ARN of a role."""
        props = self.roles[suffix].props
        return f"arn:aws:iam::{ACCOUNT.account_id}:role{props['path']}{props['name']}"

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
    def image(self) -> str:
        return f"{ACCOUNT.account_id}.dkr.ecr.{REGION}.amazonaws.com/{self.repository}:1"

    @property
    def repository(self) -> str:
        (pull,) = [s for s in statements(self.policies("metaflow-job-execution")) if s["Sid"] == "Pull"]
        (named,) = pull["Resource"]
        return str(named).partition("repository/")[2]

    @property
    def config(self) -> dict[str, str]:
        """The client's configuration, as the stack's output `metaflowConfig` has it, but for the service."""
        return {
            "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{self.bucket}/metaflow",
            "METAFLOW_DATATOOLS_S3ROOT": f"s3://{self.bucket}/data",
            "METAFLOW_DEFAULT_METADATA": "local",
            "METAFLOW_BATCH_JOB_QUEUE": self.queue,
            "METAFLOW_BATCH_CONTAINER_IMAGE": self.image,
            "METAFLOW_BATCH_EMIT_TAGS": "1",
            "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": self.role("metaflow-job"),
            "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": self.role("metaflow-job-execution"),
            "METAFLOW_SFN_IAM_ROLE": self.role("metaflow-step-functions"),
            "METAFLOW_SFN_STATE_MACHINE_PREFIX": self.prefix,
            "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN": arn("logs", "log-group:/executions:*"),
            "METAFLOW_SFN_DYNAMO_DB_TABLE": self.table,
            "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": self.role("metaflow-events"),
        }

    def emulate(self, cloud: Cloud) -> None:
        """Makes in an emulated account what a client finds there."""
        cloud.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        cloud.client("dynamodb").create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pathspec", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pathspec", "AttributeType": "S"}],
        )
        batch, ec2 = cloud.client("batch"), cloud.client("ec2")
        service = cloud.client("iam").create_role(RoleName="batch-service", AssumeRolePolicyDocument="{}")
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
        batch.create_job_queue(
            jobQueueName=self.queue.rpartition("/")[2],
            state="ENABLED",
            priority=1,
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
        )


def statements(documents: Sequence[str]) -> list[dict[str, Any]]:
    return [statement for document in documents for statement in json.loads(document)["Statement"]]


def without(documents: Sequence[str], action: str) -> list[str]:
    """The documents as they would be if one action were not allowed."""
    found: list[str] = []
    for document in documents:
        parsed = json.loads(document)
        for statement in parsed["Statement"]:
            if statement["Effect"] == "Allow":
                statement["Action"] = [one for one in statement["Action"] if one != action]
        parsed["Statement"] = [statement for statement in parsed["Statement"] if statement["Action"]]
        found += [json.dumps(parsed)] if parsed["Statement"] else []
    return found


def states(machine: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All states of a state machine, those inside of maps and branches too."""
    for state in machine["States"].values():
        yield state
        inner = [*state.get("Branches", []), *([state["Iterator"]] if "Iterator" in state else [])]
        for below in inner:
            yield from states(below)


def machine_needs(platform: Platform, machine: Mapping[str, Any], name: str) -> Iterator[Request]:
    """What Step Functions does with a state machine's role (its developer guide, "IAM policies for integrated
    services", "IAM policies for using Distributed Map states", "Logging using CloudWatch Logs")."""
    own, job = arn("states", f"stateMachine:{name}"), arn("batch", "job/0")
    for state in states(machine):
        resource, parameters = state.get("Resource", ""), state.get("Parameters", {})
        match resource.partition(":states:::")[2]:
            case "batch:submitJob.sync":
                yield from submit(parameters["JobQueue"], parameters["JobDefinition"], tags=parameters["Tags"])
                yield ACCOUNT.request("batch:DescribeJobs")
                yield ACCOUNT.request("batch:TerminateJob", job)
                for action in ("PutRule", "PutTargets", "DescribeRule"):
                    yield ACCOUNT.request(f"events:{action}", arn("events", f"rule/{JOB_EVENTS_RULE}"))
            case "dynamodb:getItem":
                yield ACCOUNT.request("dynamodb:GetItem", arn("dynamodb", f"table/{parameters['TableName']}"))
                yield use_of_key("Decrypt", "dynamodb", platform.key_alias)
            case "aws-sdk:s3:getObject":
                yield from _output(platform, "GetObject")
            case "":
                pass
            case other:
                raise NotImplementedError(f"a state calls {other}")
        if state.get("Iterator", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
            yield ACCOUNT.request("states:StartExecution", own)
            for action in ("DescribeExecution", "StopExecution"):
                yield ACCOUNT.request(f"states:{action}", arn("states", f"execution:{name}/0:0"))
        if "ItemReader" in state:
            assert state["ItemReader"]["Resource"].endswith(":s3:getObject")
            yield from _output(platform, "GetObject")
        if "ResultWriter" in state:
            where = state["ResultWriter"]["Parameters"]
            assert where == {"Bucket": platform.bucket, "Prefix": f"metaflow/{DISTRIBUTED_MAP_OUTPUT}"}
            yield from _output(platform, "PutObject", "GetObject", "ListMultipartUploadParts", "AbortMultipartUpload")


def _output(platform: Platform, *actions: str) -> Iterator[Request]:
    """Step Functions itself reads and writes, and signs in the header."""
    key = f"arn:aws:s3:::{platform.bucket}/metaflow/{DISTRIBUTED_MAP_OUTPUT}/0/manifest.json"
    for action in actions:
        yield ACCOUNT.request(f"s3:{action}", key, **{"s3:authType": "REST-HEADER"})
    yield use_of_key("Decrypt", "s3", platform.key_alias)
    if "PutObject" in actions:
        yield use_of_key("GenerateDataKey", "s3", platform.key_alias)


def logging_needs() -> Iterator[Request]:
    """What Step Functions does for `--log-execution-history`; none of it has a resource type."""
    for action in ("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery"):
        yield ACCOUNT.request(f"logs:{action}")
    for action in ("ListLogDeliveries", "DescribeResourcePolicies", "DescribeLogGroups"):
        yield ACCOUNT.request(f"logs:{action}")


def start_needs(image: str) -> Iterator[Request]:
    """What Fargate, or Docker on an instance, does for a job."""
    yield ACCOUNT.request("ecr:GetAuthorizationToken")
    repository = image.partition("/")[2].partition(":")[0]
    for action in ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer"):
        yield ACCOUNT.request(f"ecr:{action}", arn("ecr", f"repository/{repository}"))
    stream = arn("logs", f"log-group:{JOB_LOG_GROUP}:log-stream:metaflow_0/default/0")
    for action in ("CreateLogStream", "PutLogEvents"):
        yield ACCOUNT.request(f"logs:{action}", stream)


def agent_needs(cluster: str) -> Iterator[Request]:
    """What the ECS agent of an instance does in the cluster that Batch made for it."""
    of_cluster, instance = arn("ecs", f"cluster/{cluster}"), arn("ecs", f"container-instance/{cluster}/0")
    yield ACCOUNT.request("ecs:DiscoverPollEndpoint")
    for action in ("RegisterContainerInstance", "DeregisterContainerInstance", "SubmitTaskStateChange"):
        yield ACCOUNT.request(f"ecs:{action}", of_cluster)
    for action in ("SubmitContainerStateChange", "SubmitAttachmentStateChanges"):
        yield ACCOUNT.request(f"ecs:{action}", of_cluster)
    for action in ("Poll", "StartTelemetrySession", "UpdateContainerInstancesState"):
        yield ACCOUNT.request(f"ecs:{action}", instance)
    yield ACCOUNT.request("ecs:TagResource", instance, **{"ecs:CreateAction": "RegisterContainerInstance"})


def write_flow(folder: Path, *, scheduled: bool) -> Path:
    """The flow in a folder of its own."""
    path = folder / f"flow-{'with' if scheduled else 'without'}-schedule" / "fork_flow.py"
    path.parent.mkdir()
    path.write_text(FLOW if scheduled else FLOW.replace("@schedule(daily=True)\n", ""))
    return path
