"""Metaflow's metadata service from its source, with the real client: flows, idle sessions, a database that leaves."""

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from pathlib import Path

import pytest
import requests

from tests.services.certificates import Authority, authority
from tests.services.cloud import Cloud
from tests.services.databases import PostgreSql
from tests.services.metaflow_client import configured, python
from tests.services.metaflow_flow import READ, write_flow
from tests.services.metaflow_platform import Platform
from tests.services.metaflow_task import GOOSE, METAFLOW_PYTHON, Installed, MetaflowTask, need, source
from tests.services.processes import PATIENCE, wait_for

NEWEST = 20230118020300
FLOWS = {"user_name": "ann", "tags": [], "system_tags": []}
NEW = "another password"

MakeTask = Callable[[], MetaflowTask]


@pytest.fixture(scope="module")
def installed() -> Generator[Installed]:
    need(METAFLOW_PYTHON, GOOSE, made_by=".venv-metaflow/.installed .tools/bin/goose")
    made = Installed(source())
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(ca: Authority) -> Generator[PostgreSql]:
    """A server of our own: these tests stop it."""
    made = PostgreSql(ca)
    yield made
    made.close()


@pytest.fixture(scope="module")
def make_task(installed: Installed, cloud: Cloud, server: PostgreSql, ca: Authority) -> Generator[MakeTask]:
    made: list[MetaflowTask] = []

    def make() -> MetaflowTask:
        name = f"mf{uuid.uuid4().hex[:8]}"
        made.append(MetaflowTask(cloud, server, ca.certificate, name, installed.folder))
        return made[-1]

    yield make
    for task in made:
        task.close()


@pytest.fixture(scope="module")
def task(make_task: MakeTask, installed: Installed) -> MetaflowTask:
    """A service whose database ends sessions that idle for two seconds, as the platform's does where it pauses."""
    made = make_task()
    made.server.end_idle_sessions(made.name, 2)
    # Two tasks of a deployment at once.
    both = [made.migrate(installed.migrations) for _ in range(2)]
    for one in both:
        assert one.wait() == 0, one.output()
        assert one.output().splitlines()[-1] == f"migrated: {NEWEST}"
    assert sum("schema empty ->" in one.output() for one in both) == 1
    made.start()
    return made


@pytest.fixture(scope="module")
def shell(task: MetaflowTask, platform: Platform, account: Cloud) -> dict[str, str]:
    """Somebody's, who has configured Metaflow for this service; nothing asks at the address inside the VPC."""
    return configured(
        account, task.folder, platform.stack, platform.outputs(account, f"{task.url}/", "http://internal/")
    )


def run_flow(shell: Mapping[str, str], *arguments: str) -> None:
    done = python(shell, write_flow(Path(shell["HOME"])), "--no-pylint", "run", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_older_schema_of_the_service_is_migrated(make_task: MakeTask, installed: Installed, tmp_path: Path) -> None:
    task = make_task()
    older = tmp_path / "older"
    older.mkdir()
    known = sorted(installed.migrations.glob("*.sql"), key=lambda path: int(path.name.split("_")[0]))
    for path in known[:4]:
        shutil.copy(path, older)
    process = task.migrate(older)
    assert process.wait() == 0, process.output()
    assert process.output().splitlines()[-1] == "migrated: 20210202145952"
    process = task.migrate(installed.migrations)
    assert process.wait() == 0, process.output()
    assert f"schema 20210202145952 -> {NEWEST} in " in process.output()


def test_health_with_and_without_the_database(make_task: MakeTask, installed: Installed) -> None:
    task = make_task()
    away = task.start(
        MF_DATABASE_PARAMETER=task.cloud.parameter(
            engine="postgresql", host="localhost", port=1, dbname="mf", secretArn=task.secret
        )
    )
    assert not task.healthy("database")
    assert "/healthcheck answers 503" in task.health("database").stderr
    assert task.healthy("metadata"), "a task must not be replaced because the database is away"
    away.close()
    assert task.migrate(installed.migrations).wait() == 0
    task.start()
    assert not task.server.sessions(task.name), "a start does not wake a database that pauses"
    assert task.healthy("database")
    assert task.server.sessions(task.name) == ["|t"]
    assert not task.healthy("ui")


def test_a_flow_with_a_foreach_runs_as_configured_and_its_results_are_read_back(
    shell: dict[str, str], task: MetaflowTask, platform: Platform, cloud: Cloud
) -> None:
    told = {name for name in shell if name.startswith("METAFLOW_")}
    assert told == {"METAFLOW_HOME", "METAFLOW_PROFILE"}, "all else is in the file"
    run_flow(shell, "--most", "4")
    done = python(shell, "-c", READ)
    assert done.stdout.strip() == "True 30 [1, 4, 9, 16] the total is 30", done.stderr
    assert cloud.objects("metaflow/CountFlow/", platform.bucket)
    flows = requests.get(f"{task.url}/flows", timeout=PATIENCE).json()
    assert [flow["flow_id"] for flow in flows] == ["CountFlow"]


def test_no_session_is_left_after_idling_and_the_next_requests_succeed(
    task: MetaflowTask, shell: dict[str, str]
) -> None:
    """Connections of the service's pool never close by themselves: an open session keeps a database from pausing."""
    several = [threading.Thread(target=requests.get, args=[f"{task.url}/flows"]) for _ in range(8)]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert task.server.sessions(task.name)
    wait_for(lambda: not task.server.sessions(task.name), "an end of all sessions")
    time.sleep(3)
    assert not task.server.sessions(task.name), "nothing connects anew without a request"
    assert requests.get(f"{task.url}/flows", timeout=PATIENCE).status_code == 200
    wait_for(lambda: not task.server.sessions(task.name), "an end of all sessions")
    # Each is the first after a pause: reading, writing, a transaction, and the client's own.
    for number in range(2):
        assert requests.post(f"{task.url}/flows/Idle{number}", json=FLOWS, timeout=PATIENCE).status_code == 200
        wait_for(lambda: not task.server.sessions(task.name), "an end of all sessions")
    made = requests.post(f"{task.url}/flows/Idle0/run", json=FLOWS, timeout=PATIENCE).json()
    wait_for(lambda: not task.server.sessions(task.name), "an end of all sessions")
    tags = {"tags_to_add": ["tag"]}
    path = f"{task.url}/flows/Idle0/runs/{made['run_number']}/tag/mutate"
    assert requests.patch(path, json=tags, timeout=PATIENCE).json()["tags"] == ["tag"]
    wait_for(lambda: not task.server.sessions(task.name), "an end of all sessions")
    run_flow(shell)
    assert task.healthy("metadata")


def test_a_request_whose_session_the_server_ends_may_come_again(task: MetaflowTask) -> None:
    """A failover or a shutdown takes it away in the middle of a statement, which is then not executed."""
    holder = task.server.hold_table(task.name, "flows_v3", 6)
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(f"{task.url}/flows", timeout=PATIENCE).status_code)
    )
    asking.start()
    wait_for(lambda: bool(task.server.sessions(task.name)), "the request", task.processes[-1])
    time.sleep(0.5)
    task.server.end_sessions(task.name)
    asking.join()
    holder.close()
    assert answers == [503]


def test_clients_wait_out_a_restart_of_the_database(
    task: MetaflowTask, server: PostgreSql, shell: dict[str, str]
) -> None:
    assert requests.get(f"{task.url}/flows", timeout=PATIENCE).status_code == 200
    server.stop()
    try:
        answer = requests.get(f"{task.url}/flows", timeout=PATIENCE)
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"] == "2"
        assert requests.post(f"{task.url}/flows/Away/run", json=FLOWS, timeout=PATIENCE).status_code == 503
        assert task.healthy("metadata")
        threading.Timer(6, server.start).start()
        # Its first request for the run is answered 503.
        run_flow(shell)
    finally:
        wait_for(lambda: requests.get(f"{task.url}/flows", timeout=PATIENCE).status_code == 200, "the database")


def test_what_the_client_does_wrong_is_still_told_as_the_service_does(task: MetaflowTask) -> None:
    assert requests.get(f"{task.url}/flows/None/runs/1", timeout=PATIENCE).status_code == 404
    again = [requests.post(f"{task.url}/flows/Twice", json=FLOWS, timeout=PATIENCE).status_code for _ in range(2)]
    assert again == [200, 409]
    broken = requests.post(f"{task.url}/flows/None/run", json=FLOWS, timeout=PATIENCE)
    assert broken.status_code in {404, 500}


def test_the_service_too_refuses_a_foreign_certificate_and_another_name(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task()
    foreign = {"MF_DATABASE_CA": str(authority(tmp_path, "foreign").certificate)}
    address = {"port": task.server.port, "dbname": task.name, "secretArn": task.secret}
    named = task.cloud.parameter(engine="postgresql", host="127.0.0.1", **address)
    refusals = {"certificate verify failed": foreign, "does not match host name": {"MF_DATABASE_PARAMETER": named}}
    for words, environment in refusals.items():
        process = task.start(**environment)
        assert requests.get(f"{task.url}/flows", timeout=PATIENCE).status_code == 503
        assert words in process.output()
        process.close()


def test_a_rotated_secret_ends_the_service_and_the_next_one_works(make_task: MakeTask, installed: Installed) -> None:
    task = make_task()
    assert task.migrate(installed.migrations).wait() == 0
    process = task.start(MF_SECRET_POLL_SECONDS="1", MF_RESTART_JITTER_SECONDS="1")
    assert task.healthy("database")
    task.server.change_password(task.name, NEW)
    task.cloud.rotate(task.secret, task.name, NEW)
    assert process.wait() == 75, process.output()
    wait_for(lambda: not task.server.sessions(task.name), "an end of all sessions")
    task.start()
    assert task.healthy("database")


def test_sigterm_lets_requests_end(make_task: MakeTask, installed: Installed) -> None:
    task = make_task()
    assert task.migrate(installed.migrations).wait() == 0
    process = task.start()
    answers: list[int] = []
    # The request waits for a table that somebody else has locked.
    holder = task.server.hold_table(task.name, "flows_v3", 4)
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(f"{task.url}/flows", timeout=PATIENCE).status_code)
    )
    asking.start()
    wait_for(lambda: bool(task.server.sessions(task.name)), "the request", process)
    started = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - started < 20
    asking.join()
    holder.close()
    assert answers == [200]
