"""Metaflow's UI from its source: pages and back end at one port, on a run of the real client."""

import time
import uuid
from collections.abc import Generator

import pytest
import requests

from tests.services.certificates import Authority
from tests.services.cloud import Cloud
from tests.services.databases import PostgreSql
from tests.services.metaflow_client import configured, python
from tests.services.metaflow_flow import write_flow
from tests.services.metaflow_platform import Platform
from tests.services.metaflow_task import GOOSE, METAFLOW_PYTHON, Installed, MetaflowTask, need, source
from tests.services.processes import PATIENCE, wait_for


@pytest.fixture(scope="module")
def task(platform: Platform, cloud: Cloud, postgresql: PostgreSql, ca: Authority) -> Generator[MetaflowTask]:
    """A service and a UI without live updates, whose database ends sessions that idle for two seconds."""
    need(METAFLOW_PYTHON, GOOSE, made_by=".venv-metaflow/.installed .tools/bin/goose")
    installed = Installed(source())
    made = MetaflowTask(cloud, postgresql, ca.certificate, f"mf{uuid.uuid4().hex[:8]}", installed.folder)
    made.environment["METAFLOW_DATASTORE_SYSROOT_S3"] = platform.exported.value("MetaflowDataStoreS3Url")
    try:
        made.server.end_idle_sessions(made.name, 2)
        assert made.migrate(installed.migrations).wait() == 0
        made.start("ui", MF_UI_LIVE_UPDATES="false")
        yield made
    finally:
        made.close()
        installed.close()


def get(task: MetaflowTask, path: str) -> requests.Response:
    return requests.get(f"{task.ui_url}{path}", timeout=PATIENCE)


def test_pages_and_back_end_answer_at_one_port(task: MetaflowTask) -> None:
    assert get(task, "/api/ping").text == "pong"
    for path in ("/", "/CountFlow/1/view/timeline"):
        page = get(task, path)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert "the pages" in page.text
        assert 'window.METAFLOW_SERVICE="/api";' in page.text, "where the pages look for the back end"
    assert get(task, "/static/app.js").text == "// code of the pages"
    assert get(task, "/api/nothing").status_code == 404, "no page"
    assert get(task, "/api/features").json()["FEATURE_DB_LISTEN_DISABLE"] is True
    assert task.healthy("ui")
    assert not task.healthy("metadata")


def test_a_run_is_listed_with_its_parameters_artifacts_and_logs(
    task: MetaflowTask, platform: Platform, account: Cloud
) -> None:
    task.start("serve")
    shell = configured(
        account, task.folder, platform.stack, platform.outputs(account, f"{task.url}/", "http://internal/")
    )
    done = python(shell, write_flow(task.folder), "--no-pylint", "run", "--most", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = get(task, "/api/flows/CountFlow/runs").json()["data"]
    assert (run["run_number"], run["status"], run["user"]) == (1, "completed", "ann")
    assert get(task, "/api/flows/CountFlow/runs/1/parameters").json()["data"]["most"]["value"] == 4
    (end,) = get(task, "/api/flows/CountFlow/runs/1/steps/end/tasks").json()["data"]
    path = f"/api/flows/CountFlow/runs/1/steps/end/tasks/{end['task_id']}"

    def log() -> list[str]:
        return [line["line"] for line in get(task, f"{path}/logs/out").json()["data"]]

    wait_for(lambda: any("the total is 30" in line for line in log()), "the log from S3", task.processes[1])
    metadata = get(task, "/api/metadata/flows/CountFlow/runs/1").json()
    assert metadata["run_number"] == 1
    assert requests.post(f"{task.ui_url}/api/metadata/flows/New", json={}, timeout=PATIENCE).status_code == 405
    wait_for(lambda: any(task.folder.glob("cache_data/*")), "its cache")


def test_without_live_updates_no_session_is_left_after_idling(task: MetaflowTask) -> None:
    assert get(task, "/api/flows").status_code == 200
    wait_for(lambda: not task.server.sessions(task.name), "an end of all sessions", task.processes[1])
    time.sleep(3)
    assert not task.server.sessions(task.name), "nothing connects anew without a request"
    assert get(task, "/api/flows/CountFlow/runs").status_code == 200


def test_a_rotated_secret_ends_the_ui_and_sigterm_its_processes(task: MetaflowTask) -> None:
    task.processes[1].close()
    process = task.start("ui", MF_SECRET_POLL_SECONDS="1", MF_RESTART_JITTER_SECONDS="1")
    # With live updates it listens all the time, so that the database's sessions never idle.
    time.sleep(4)
    assert task.server.sessions(task.name)
    assert get(task, "/api/flows").status_code == 200
    task.cloud.rotate(task.secret, task.name, "another password")
    assert process.wait() == 75, process.output()
    assert "did not end within" not in process.output()
    assert not task.healthy("ui")
