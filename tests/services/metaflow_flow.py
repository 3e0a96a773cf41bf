"""Flows of the real Metaflow client, and the state machine that it makes of one."""

import json
from pathlib import Path
from typing import Any

from tests.services.cloud import REGION, Cloud
from tests.services.metaflow_task import DATASTORE, client

FLOW = """
from metaflow import FlowSpec, Parameter, step


class CountFlow(FlowSpec):
    most = Parameter("most", default=3)

    @step
    def start(self):
        self.numbers = list(range(1, self.most + 1))
        self.next(self.square, foreach="numbers")

    @step
    def square(self):
        self.result = self.input**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = sum(one.result for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        print("the total is", self.total)


if __name__ == "__main__":
    CountFlow()
"""

READ = """
from metaflow import Flow, namespace

namespace(None)
run = Flow("CountFlow").latest_run
results = sorted(task.data.result for task in run["square"])
print(run.successful, run.data.total, results, run["end"].task.stdout.strip())
"""

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
QUEUE = "flows"
TABLE = "step-functions"


def write_flow(folder: Path) -> Path:
    """The flow as a file in a folder of its own: all that is beside it becomes part of its code package."""
    path = folder / "flow" / "count_flow.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(FLOW)
    return path


def job_queue(cloud: Cloud) -> str:
    """A queue of AWS Batch on Fargate, which Metaflow asks for its platform; returns its name."""
    batch = cloud.client("batch")
    if not batch.describe_job_queues(jobQueues=[QUEUE])["jobQueues"]:
        ec2, iam = cloud.client("ec2"), cloud.client("iam")
        service = iam.create_role(RoleName="flow-batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        environment = batch.create_compute_environment(
            computeEnvironmentName=QUEUE,
            type="MANAGED",
            serviceRole=service,
            computeResources={
                "type": "FARGATE",
                "maxvCpus": 8,
                "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
                "securityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
            },
        )["computeEnvironmentArn"]
        order = [{"order": 1, "computeEnvironment": environment}]
        batch.create_job_queue(jobQueueName=QUEUE, state="ENABLED", priority=1, computeEnvironmentOrder=order)
    return QUEUE


def state_machine(cloud: Cloud, folder: Path, **environment: str) -> dict[str, Any]:
    """What `step-functions create --only-json` makes of the flow, with a queue, roles and a table as the platform's.

    Args:
        cloud: The emulated account.
        folder: Where the client may write.
        environment: Variables that differ; METAFLOW_SERVICE_URL with METAFLOW_DEFAULT_METADATA=service for a service.
    """
    done = client(
        cloud,
        folder,
        write_flow(folder),
        "--no-pylint",
        "step-functions",
        "create",
        "--only-json",
        **{
            "METAFLOW_DEFAULT_METADATA": "local",
            "METAFLOW_BATCH_JOB_QUEUE": job_queue(cloud),
            "METAFLOW_BATCH_CONTAINER_IMAGE": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mlplatform-dev/metaflow-job:1",
            "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": f"{ROLE}batch-job",
            "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": f"{ROLE}batch-execution",
            "METAFLOW_SFN_IAM_ROLE": f"{ROLE}step-functions",
            "METAFLOW_SFN_DYNAMO_DB_TABLE": TABLE,
            "METAFLOW_SFN_STATE_MACHINE_PREFIX": "mlplatform-dev",
            "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": f"{ROLE}events",
            "METAFLOW_DATATOOLS_S3ROOT": f"{DATASTORE}-data",
            **environment,
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
