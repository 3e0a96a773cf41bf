"""A flow that is deployed to the platform, and what its state machine, its jobs and their instances need."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lib.documents.metaflow import DISTRIBUTED_MAP_OUTPUT, JOB_EVENTS_RULE, JOB_LOG_GROUP
from tests.services.metaflow_platform import Platform
from tests.services.metaflow_wire import ACCOUNT, arn, submit, use_of_key
from tests.unit.iam_evaluator import Request

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
