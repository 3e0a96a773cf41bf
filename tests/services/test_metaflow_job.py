"""The state machine that Metaflow makes of a flow, and one of its jobs, by the command that Batch would run."""

import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.services.cloud import Cloud
from tests.services.metaflow_client import configured
from tests.services.metaflow_flow import state_machine, write_flow
from tests.services.metaflow_platform import Platform
from tests.services.metaflow_stand_in import StandIn
from tests.services.metaflow_task import METAFLOW_PYTHON, need
from tests.services.processes import PATIENCE, REPOSITORY, folder

EXECUTION = "from-a-test"


@pytest.fixture(scope="module")
def home() -> Generator[Path]:
    path = folder()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def machine(platform: Platform, account: Cloud, stand_in: StandIn, home: Path) -> dict[str, Any]:
    need(METAFLOW_PYTHON, made_by=".venv-metaflow/.installed")
    shell = configured(account, home, platform.stack, platform.outputs(account, stand_in.url, stand_in.url))
    return state_machine(shell, write_flow(home))


def test_the_state_machine_uses_queue_roles_and_table(
    machine: dict[str, Any], platform: Platform, cloud: Cloud
) -> None:
    states = machine["States"]
    start = states["start"]
    assert start["Resource"] == "arn:aws:states:::batch:submitJob.sync"
    assert start["Parameters"]["JobQueue"] == platform.queue
    assert any(
        state.get("Resource") == "arn:aws:states:::dynamodb:getItem"
        and state["Parameters"]["TableName"] == platform.table
        for state in states.values()
    )
    definition = start["Parameters"]["JobDefinition"]
    (job,) = cloud.client("batch").describe_job_definitions(jobDefinitions=[definition])["jobDefinitions"]
    properties = job["containerProperties"]
    assert properties["jobRoleArn"] == platform.role("metaflow-job")
    assert properties["executionRoleArn"] == platform.role("metaflow-job-execution")
    assert re.search("/metaflow-job:[0-9a-f]{16}$", properties["image"])


def test_a_job_runs_with_what_its_image_has(
    machine: dict[str, Any], platform: Platform, cloud: Cloud, home: Path
) -> None:
    """boto3 and requests are there before; Metaflow comes with the flow's code package, and nothing is installed."""
    dockerfile = (REPOSITORY / "services" / "metaflow-job" / "Dockerfile").read_text()
    assert "METAFLOW_SKIP_INSTALL_DEPENDENCIES=1" in dockerfile
    locked = (REPOSITORY / "services" / "metaflow-job" / "requirements.lock").read_text()
    parameters = machine["States"]["start"]["Parameters"]
    command = parameters["ContainerOverrides"]["Command"]
    assert "pip install -qqq --no-compile --no-cache-dir --disable-pip-version-check boto3 requests;" in command[-1]
    assert "\nboto3==" in locked
    assert "\nrequests==" in locked
    given = {one["Name"]: one["Value"] for one in parameters["ContainerOverrides"]["Environment"] if "Value" in one}
    job = uuid.uuid4().hex
    work = home / "job"
    work.mkdir()
    # The tests' own Python has boto3 and requests, and no Metaflow.
    python = Path(sys.executable).parent
    assert not list(python.parent.glob("lib/*/site-packages/metaflow"))
    environment = {
        **given,
        **cloud.environment(),
        "PATH": f"{python}{os.pathsep}/usr/bin:/bin",
        "HOME": str(work),
        "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1",
        "METAFLOW_RUN_ID": EXECUTION,
        "METAFLOW_PARAMETERS": "{}",
        "AWS_BATCH_JOB_ID": job,
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "AWS_BATCH_JQ_NAME": "default",
        "AWS_BATCH_CE_NAME": "small",
    }
    done = subprocess.run(
        command, env=environment, cwd=work, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "Code package downloaded." in done.stdout
    key = {"pathspec": {"S": job}}
    item = cloud.client("dynamodb").get_item(TableName=platform.table, Key=key)["Item"]
    assert len(item["for_each_cardinality"]["NS"]) == 3
