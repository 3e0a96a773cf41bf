"""Least privilege is shown: what the real client and a deployed flow ask of AWS is allowed, and nothing beside it."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cli.metaflow.file import config_path
from cli.metaflow.variables import AUTH_KEY
from cli.metaflow_roles import CLIENT, CLIENT_VERSION, ROLES, allowed_actions
from lib.documents.metaflow import PROBE
from policies.iam import catalogue
from tests.services.cloud import Cloud
from tests.services.metaflow_client import configured, python
from tests.services.metaflow_flow import state_machine
from tests.services.metaflow_platform import Platform
from tests.services.metaflow_rights import (
    agent_needs,
    logging_needs,
    machine_needs,
    start_needs,
    states,
    without,
    write_flow,
)
from tests.services.metaflow_stand_in import StandIn
from tests.services.metaflow_task import METAFLOW_PYTHON, need
from tests.services.metaflow_wire import ACCOUNT, KEY, Wire, arn, pass_role, submit, use_of_key
from tests.services.processes import PATIENCE, folder
from tests.unit.aws_calls import calls, makers_of
from tests.unit.iam_evaluator import Request, allows, refused

EXECUTION = "from-a-test"
INLINE, DISTRIBUTED, PRINTED = "inline", "distributed", "printed"
KNOWN_TO_THE_CLIENT = """
import json
import metaflow.metaflow_config
from metaflow.metaflow_config_funcs import ALL_VALUES, config_values
print(json.dumps([name for name, _ in config_values(ALL_VALUES)]))
"""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A flow that a person has deployed, started, stopped and deleted, and has run on Batch.

    Args:
        machines: Its state machines: with maps inside, with distributed ones, and as `--only-json` prints it.
        name: Name of the state machine.
        schedule: Target of its schedule.
        definition: Its job definition.
        asked: What the client asked of AWS.
        shell: The variables with which it ran.
    """

    machines: Mapping[str, Mapping[str, Any]]
    name: str
    schedule: Mapping[str, Any]
    definition: Mapping[str, Any]
    asked: Sequence[Request]
    shell: Mapping[str, str]


@pytest.fixture(scope="module")
def deployed(platform: Platform, account: Cloud, stand_in: StandIn) -> Generator[Deployed]:
    need(METAFLOW_PYTHON, made_by=".venv-metaflow/.installed")
    cloud, home = account, folder()
    shell = configured(cloud, home, platform.stack, platform.outputs(cloud, stand_in.url, stand_in.url))
    batch = cloud.client("batch")
    for known in batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]:
        # The client registers a definition only where it finds none, and the same configuration served other tests.
        batch.deregister_job_definition(jobDefinition=known["jobDefinitionArn"])
    plain, scheduled = write_flow(home, scheduled=False), write_flow(home, scheduled=True)
    wire = Wire(cloud.port, key_alias=platform.key_alias)
    shell["AWS_ENDPOINT_URL"] = wire.url
    functions = cloud.client("stepfunctions")
    name = f"{platform.prefix}_ForkFlow"
    own = arn("states", f"stateMachine:{name}")

    def run(flow: Path, *command: str, code: int = 0) -> str:
        done = python(shell, flow, "--no-pylint", *command)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def definition() -> Mapping[str, Any]:
        return json.loads(functions.describe_state_machine(stateMachineArn=own)["definition"])

    run(plain, "step-functions", "create", "--use-distributed-map", "--log-execution-history")
    distributed = definition()
    run(scheduled, "step-functions", "create")
    (target,) = cloud.client("events").list_targets_by_rule(Rule=name)["Targets"]
    inline = definition()
    printed = state_machine(shell, scheduled)
    run(scheduled, "step-functions", "trigger")
    (execution,) = functions.list_executions(stateMachineArn=own)["executions"]
    run(scheduled, "step-functions", "terminate", f"sfn-{execution['name']}")
    run(scheduled, "step-functions", "delete")
    assert "start" in run(scheduled, "run", "--with", "batch", code=1)  # its job has failed
    wire.answers.revive()
    assert "Killing AWS Batch job" in run(scheduled, "batch", "kill")
    used = inline["States"]["start"]["Parameters"]["JobDefinition"]
    (described,) = batch.describe_job_definitions(jobDefinitions=[used])["jobDefinitions"]
    wire.close()
    yield Deployed(
        machines={INLINE: inline, DISTRIBUTED: distributed, PRINTED: printed},
        name=name,
        schedule=target,
        definition=described["containerProperties"],
        asked=wire.requests(),
        shell=shell,
    )
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def jobs(platform: Platform, deployed: Deployed, cloud: Cloud) -> Sequence[Request]:
    """What three jobs ask, by the commands that Batch would run: before a `foreach`, inside of it, and after it."""
    wire = Wire(cloud.port, key_alias=platform.key_alias)
    by_name = {state["Parameters"]["Parameters"]["step_name"]: state for state in _steps(deployed.machines[INLINE])}
    parent = uuid.uuid4().hex
    passed = {
        "METAFLOW_RUN_ID": EXECUTION,
        "METAFLOW_PARAMETERS": "{}",
        "METAFLOW_PARENT_TASK_ID": parent,
        "METAFLOW_SPLIT_PARENT_TASK_ID": parent,
        "METAFLOW_SPLIT_PARENT_TASK_ID_FOR_FOREACH_JOIN": parent,
        "METAFLOW_SPLIT_INDEX": "0",
    }
    for step, job in (("start", parent), ("work", uuid.uuid4().hex), ("collect", uuid.uuid4().hex)):
        overrides = by_name[step]["Parameters"]["ContainerOverrides"]
        variables = {one["Name"]: one.get("Value", passed.get(one["Name"])) for one in overrides["Environment"]}
        assert None not in variables.values()
        work = Path(deployed.shell["HOME"]) / step
        work.mkdir()
        environment = {
            **variables,
            **cloud.environment(),
            "AWS_ENDPOINT_URL": wire.url,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin:/bin",
            "HOME": str(work),
            "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
            "AWS_BATCH_JOB_ID": job,
            "AWS_BATCH_JOB_ATTEMPT": "1",
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_BATCH_JQ_NAME": "default",
            "AWS_BATCH_CE_NAME": "small",
        }
        done = subprocess.run(
            overrides["Command"],
            env=environment,
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{step}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    wire.close()
    return wire.requests()


def _steps(machine: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [state for state in states(machine) if "batch:submitJob" in state.get("Resource", "")]


def _part(bucket: str) -> Request:
    """What boto3 asks when a part of a large upload fails."""
    return ACCOUNT.request(
        "s3:AbortMultipartUpload", f"arn:aws:s3:::{bucket}/metaflow/0", **{"s3:authType": "REST-HEADER"}
    )


def _by_hand(platform: Platform) -> list[Request]:
    """What people do besides: `python -m cli metaflow configure`, `make env`, the notebook, a lost job's output."""
    probe, header = f"arn:aws:s3:::{platform.bucket}/metaflow/{PROBE}-0", {"s3:authType": "REST-HEADER"}
    tags = platform.one("aws:apigateway/apiKey:ApiKey", "metaflow-api")["tags"]
    notebook = arn("sagemaker", f"notebook-instance/{platform.names.of('metaflow')}")
    return [
        *(ACCOUNT.request(f"s3:{verb}Object", probe, **header) for verb in ("Put", "Get", "Delete")),
        ACCOUNT.request(
            "apigateway:GET",
            f"arn:aws:apigateway:{ACCOUNT.region}::/apikeys/0",
            **{f"aws:ResourceTag/{key}": value for key, value in tags.items()},
        ),
        ACCOUNT.request("logs:GetLogEvents", arn("logs", "log-group:/aws/batch/job:log-stream:metaflow_0/default/0")),
        *(
            ACCOUNT.request(f"sagemaker:{action}", notebook)
            for action in (
                *("CreatePresignedNotebookInstanceUrl", "DescribeNotebookInstance"),
                *("StartNotebookInstance", "StopNotebookInstance"),
            )
        ),
        _part(platform.bucket),
    ]


@pytest.fixture(scope="module")
def needs(platform: Platform, deployed: Deployed, jobs: Sequence[Request]) -> Mapping[str, Sequence[Request]]:
    """All that is asked with each role's rights."""
    image = deployed.definition["image"]
    (environment,) = [
        props["namePrefix"]
        for props in (r.props for r in platform.recording.of_type("aws:batch/computeEnvironment:ComputeEnvironment"))
        if props["computeResources"]["type"] == "EC2"
    ]
    suffix = f"20261128000000000000000001-{uuid.uuid4()}"
    return {
        "metaflow-user": [*deployed.asked, *_by_hand(platform)],
        "metaflow-job": [*jobs, _part(platform.bucket)],
        "metaflow-job-execution": list(start_needs(image)),
        "metaflow-instance": [
            *agent_needs(f"AWSBatch-{environment}{suffix}"),
            *agent_needs(f"{environment}{suffix.replace('-', '_Batch_', 1)}"),
            *start_needs(image),
        ],
        "metaflow-step-functions": [
            *(one for machine in deployed.machines.values() for one in machine_needs(platform, machine, deployed.name)),
            *logging_needs(),
        ],
        "metaflow-events": [ACCOUNT.request("states:StartExecution", str(deployed.schedule["Arn"]))],
    }


PROVEN = (
    *("metaflow-user", "metaflow-job", "metaflow-job-execution", "metaflow-instance"),
    *("metaflow-step-functions", "metaflow-events"),
)


@pytest.fixture(scope="module")
def package() -> Path:
    """The installed package of the client."""
    need(METAFLOW_PYTHON, made_by=".venv-metaflow/.installed")
    (found,) = METAFLOW_PYTHON.parents[1].glob("lib/python3*/site-packages/metaflow")
    return found


def test_the_table_has_exactly_the_calls_of_the_clients_source(package: Path) -> None:
    assert (package.parent / f"metaflow-{CLIENT_VERSION}.dist-info").is_dir()
    files = [path for path in package.rglob("*.py") if "_vendor" not in path.parts]
    assert calls(package, files) == {(call.file, call.function, call.operation) for call in CLIENT}
    # Its own way to clients is the one place that does not say of which service.
    vague = {path.name for path in files if "?" in makers_of(path.read_text(encoding="utf-8"))}
    assert vague == {"aws_client.py"}


def test_the_table_has_exactly_the_roles_of_the_program_and_their_actions(platform: Platform) -> None:
    recorded = {
        suffix: {action for policy in platform.policies(suffix) for action in allowed_actions(policy)}
        for suffix in platform.roles
    }
    assert recorded == {role.suffix: set(role.callers) for role in ROLES}


@pytest.mark.parametrize("role", PROVEN)
def test_what_is_asked_is_allowed(role: str, platform: Platform, needs: Mapping[str, Sequence[Request]]) -> None:
    assert refused(needs[role], platform.policies(role), platform.boundary) == []


def test_the_notebook_may_what_the_client_asks(platform: Platform, deployed: Deployed) -> None:
    assert refused(deployed.asked, platform.policies("metaflow-notebook"), platform.boundary) == []


@pytest.mark.parametrize("role", PROVEN)
def test_every_right_is_used(role: str, platform: Platform, needs: Mapping[str, Sequence[Request]]) -> None:
    policies = platform.policies(role)
    actions = {action for policy in policies for action in allowed_actions(policy)}
    unused = {action for action in actions if not refused(needs[role], without(policies, action))}
    assert unused == set()


def test_the_roles_are_handed_to_whom_they_are_for(platform: Platform, deployed: Deployed) -> None:
    assert deployed.schedule["RoleArn"] == platform.role("metaflow-events")
    assert deployed.definition["jobRoleArn"] == platform.role("metaflow-job")
    assert deployed.definition["executionRoleArn"] == platform.role("metaflow-job-execution")
    passed = {request.resources[0] for request in deployed.asked if request.action == "iam:PassRole"}
    assert passed == {platform.role(f"metaflow-{one}") for one in ("job", "job-execution", "step-functions", "events")}


def test_the_client_is_told_what_the_program_says_and_reads_all_of_it(platform: Platform, deployed: Deployed) -> None:
    shell = deployed.shell
    told = {name for name in shell if name.startswith("METAFLOW_")}
    assert told == {"METAFLOW_HOME", "METAFLOW_PROFILE"}, "all else is in the file"
    file = json.loads(config_path(shell["METAFLOW_PROFILE"], shell).read_text())
    said = platform.exported.value("metaflowConfig")
    assert set(file) == {*said, AUTH_KEY}
    others = {name for name in said if file[name] != said[name]}
    assert others == {"METAFLOW_SERVICE_URL", "METAFLOW_SERVICE_INTERNAL_URL"}, "what only an account has"
    read = json.loads(python(shell, "-c", KNOWN_TO_THE_CLIENT).stdout)
    assert set(file) <= set(read)


def test_the_flow_has_all_that_flows_have(deployed: Deployed) -> None:
    for machine in deployed.machines.values():
        kinds = {state["Type"] for state in states(machine)}
        assert {"Task", "Map", "Parallel"} <= kinds
        attempts = {step["Parameters"]["RetryStrategy"]["Attempts"] for step in _steps(machine)}
        assert attempts == {1, 3}
        assert all(step["Parameters"]["Tags"]["app"] == "metaflow" for step in _steps(machine))
    assert re.search('"Mode": "DISTRIBUTED"', json.dumps(deployed.machines[DISTRIBUTED]))
    assert "DISTRIBUTED" not in json.dumps(deployed.machines[INLINE])


def _object(platform: Platform, action: str, key: str, kind: str = "REST-HEADER") -> Request:
    return ACCOUNT.request(f"s3:{action}", f"arn:aws:s3:::{platform.bucket}/{key}", **{"s3:authType": kind})


def _listing(platform: Platform, **prefix: str) -> Request:
    return ACCOUNT.request(
        "s3:ListBucket", f"arn:aws:s3:::{platform.bucket}", **{"s3:authType": "REST-HEADER"}, **prefix
    )


def _submit(queue: str, definition: str = "metaflow_0:1") -> Request:
    return next(submit(queue, definition, tags={}))


def _pass(role: str, service: str) -> Request:
    (found,) = pass_role(role, service)
    return found


OTHER_ROLE = f"arn:aws:iam::{ACCOUNT.account_id}:role/admin"
REFUSED: Mapping[str, tuple[str, Callable[[Platform], Request]]] = {
    "a person: another queue": ("user", lambda p: _submit("other")),
    "a person: a job definition of others": ("user", lambda p: _submit(p.queue, "other:1")),
    "a person: a name that others' definitions have": (
        "user",
        lambda p: ACCOUNT.request("batch:RegisterJobDefinition", arn("batch", "job-definition/other")),
    ),
    "a person: the end of a job that is not Metaflow's": (
        "user",
        lambda p: ACCOUNT.request("batch:TerminateJob", arn("batch", "job/0")),
    ),
    "a person: another state machine": (
        "user",
        lambda p: ACCOUNT.request("states:UpdateStateMachine", arn("states", "stateMachine:other")),
    ),
    "a person: another stack's state machine": (
        "user",
        lambda p: ACCOUNT.request("states:StartExecution", arn("states", f"stateMachine:{p.prefix}2_ForkFlow")),
    ),
    "a person: another rule": ("user", lambda p: ACCOUNT.request("events:PutRule", arn("events", "rule/other"))),
    "a person: another prefix": ("user", lambda p: _object(p, "GetObject", "other/0")),
    "a person: a prefix that begins alike": ("user", lambda p: _object(p, "PutObject", "metaflow2/0")),
    "a person: another bucket": (
        "user",
        lambda p: ACCOUNT.request("s3:GetObject", "arn:aws:s3:::other/metaflow/0", **{"s3:authType": "REST-HEADER"}),
    ),
    "a person: all of the bucket's names": ("user", _listing),
    "a person: another prefix's names": ("user", lambda p: _listing(p, **{"s3:prefix": "other/"})),
    "a person: an artifact's end": ("user", lambda p: _object(p, "DeleteObject", "metaflow/ForkFlow/data/0")),
    "a person: an address that is signed beforehand": (
        "user",
        lambda p: _object(p, "GetObject", "metaflow/0", "REST-QUERY-STRING"),
    ),
    "a person: a form that is signed beforehand": ("user", lambda p: _object(p, "PutObject", "data/0", "POST")),
    "a person: another role": ("user", lambda p: _pass(OTHER_ROLE, "ecs-tasks")),
    "a person: another role of the platform": ("user", lambda p: _pass(p.role("metaflow-metadata"), "ecs-tasks")),
    "a person: another service": ("user", lambda p: _pass(p.role("metaflow-job"), "lambda")),
    "a person: the state machines' role for jobs": (
        "user",
        lambda p: _pass(p.role("metaflow-step-functions"), "ecs-tasks"),
    ),
    "a person: another key": ("user", lambda p: use_of_key("Decrypt", "s3", "other")),
    "a person: the key itself": (
        "user",
        lambda p: ACCOUNT.request("kms:Decrypt", KEY, **{"kms:ResourceAliases": (f"alias/{p.key_alias}",)}),
    ),
    "a person: another stack's API key": (
        "user",
        lambda p: ACCOUNT.request(
            "apigateway:GET",
            f"arn:aws:apigateway:{ACCOUNT.region}::/apikeys/0",
            **{"aws:ResourceTag/Project": p.names.project, "aws:ResourceTag/Stack": "other"},
        ),
    ),
    "a person: another notebook": (
        "user",
        lambda p: ACCOUNT.request(
            "sagemaker:CreatePresignedNotebookInstanceUrl", arn("sagemaker", "notebook-instance/other")
        ),
    ),
    "a person: the state of a foreach": (
        "user",
        lambda p: ACCOUNT.request("dynamodb:GetItem", arn("dynamodb", f"table/{p.table}")),
    ),
    "a person: more rights": (
        "user",
        lambda p: ACCOUNT.request("iam:PutRolePolicy", p.role("metaflow-job")),
    ),
    "a job: another table": ("job", lambda p: ACCOUNT.request("dynamodb:PutItem", arn("dynamodb", "table/other"))),
    "a job: all of its table": ("job", lambda p: ACCOUNT.request("dynamodb:Scan", arn("dynamodb", f"table/{p.table}"))),
    "a job: another prefix": ("job", lambda p: _object(p, "PutObject", "other/0")),
    "a job: an artifact's end": ("job", lambda p: _object(p, "DeleteObject", "metaflow/0")),
    "a job: an address that is signed beforehand": (
        "job",
        lambda p: _object(p, "GetObject", "data/0", "REST-QUERY-STRING"),
    ),
    "a job: another job": ("job", lambda p: _submit(p.queue)),
    "a job: its own role for another": ("job", lambda p: _pass(p.role("metaflow-job"), "ecs-tasks")),
    "a job: a secret": (
        "job",
        lambda p: ACCOUNT.request("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:other-012345")),
    ),
    "a state machine: another queue": ("step-functions", lambda p: _submit("other")),
    "a state machine: a job definition of others": ("step-functions", lambda p: _submit(p.queue, "other:1")),
    "a state machine: another table": (
        "step-functions",
        lambda p: ACCOUNT.request("dynamodb:GetItem", arn("dynamodb", "table/other")),
    ),
    "a state machine: another state machine": (
        "step-functions",
        lambda p: ACCOUNT.request("states:StartExecution", arn("states", "stateMachine:other")),
    ),
    "a state machine: artifacts": ("step-functions", lambda p: _object(p, "GetObject", "metaflow/ForkFlow/data/0")),
    "a state machine: another rule": (
        "step-functions",
        lambda p: ACCOUNT.request("events:PutTargets", arn("events", f"rule/{p.prefix}_ForkFlow")),
    ),
    "a state machine: a role": ("step-functions", lambda p: _pass(p.role("metaflow-job"), "ecs-tasks")),
    "a state machine: who may write logs": ("step-functions", lambda p: ACCOUNT.request("logs:PutResourcePolicy")),
    "a schedule: another state machine": (
        "events",
        lambda p: ACCOUNT.request("states:StartExecution", arn("states", "stateMachine:other")),
    ),
    "Fargate: another image": (
        "job-execution",
        lambda p: ACCOUNT.request("ecr:BatchGetImage", arn("ecr", "repository/other")),
    ),
    "Fargate: another log": (
        "job-execution",
        lambda p: ACCOUNT.request("logs:PutLogEvents", arn("logs", "log-group:/other:log-stream:0")),
    ),
    "an instance: the platform's own cluster": (
        "instance",
        lambda p: ACCOUNT.request("ecs:RegisterContainerInstance", arn("ecs", f"cluster/{p.names.prefix}")),
    ),
    "an instance: another stack's cluster": (
        "instance",
        lambda p: ACCOUNT.request("ecs:Poll", arn("ecs", "container-instance/AWSBatch-other-metaflow-cpu-0/0")),
    ),
    "an instance: tags of what is there already": (
        "instance",
        lambda p: ACCOUNT.request("ecs:TagResource", arn("ecs", f"cluster/AWSBatch-{p.prefix}-cpu-0")),
    ),
    "an instance: what jobs read": ("instance", lambda p: _object(p, "GetObject", "metaflow/0")),
}


@pytest.mark.parametrize("case", REFUSED)
def test_all_else_is_refused(case: str, platform: Platform) -> None:
    suffix, make = REFUSED[case]
    request = make(platform)
    assert catalogue.expand(request.action), f"{request.action} is no action"
    assert not allows(request, platform.policies(f"metaflow-{suffix}"), platform.boundary)


EVERYTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]}
)


@pytest.mark.parametrize("role", PROVEN)
def test_no_role_gets_out_of_the_boundary_whatever_it_is_granted(role: str, platform: Platform) -> None:
    own = platform.role(role)
    bounded = {"iam:PermissionsBoundary": own.replace(":role/", ":policy/")}
    for request in (
        ACCOUNT.request("iam:DeleteRolePermissionsBoundary", own),
        ACCOUNT.request("iam:PutRolePermissionsBoundary", own, **bounded),
        ACCOUNT.request("iam:CreateUser", f"arn:aws:iam::{ACCOUNT.account_id}:user/other"),
        _pass(OTHER_ROLE, "ecs-tasks"),
        replace(_submit("other"), context={"aws:RequestedRegion": "us-west-2"}),
    ):
        assert not allows(request, [*platform.policies(role), EVERYTHING], platform.boundary)
