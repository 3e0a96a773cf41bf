"""The migration container and the start of replicas."""

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.services.certificates import authority
from tests.services.cloud import Cloud
from tests.services.conftest import MakeStack, Stack
from tests.services.databases import MariaDb, PostgreSql, Server
from tests.services.processes import Process, free_port
from tests.services.task import Task, address


def test_two_replicas_on_an_empty_database_both_serve(replicas: list[Task]) -> None:
    for task in replicas:
        answer = task.experiments()
        assert answer.status_code == 200, answer.text
        assert "Default" in [experiment["name"] for experiment in answer.json()["experiments"]]


def test_prepare_again_changes_nothing(replicas: list[Task]) -> None:
    task = replicas[0]
    process = task.prepare()
    assert process.wait() == 0, process.output()
    lines = task.passwords.read_text().splitlines()
    assert len(lines) == 1
    assert "$6$" in lines[0]
    assert task.passwords.stat().st_mode & 0o777 == 0o600
    assert task.experiments().status_code == 200


def test_what_is_wrong_with_the_database_is_said_in_time(
    mariadb: MariaDb, postgresql: PostgreSql, make_stack: MakeStack, cloud: Cloud, tmp_path: Path
) -> None:
    """All of these wait, so they wait together."""
    foreign = str(authority(tmp_path, "foreign").certificate)
    port = free_port()
    running: dict[str, tuple[Process, str]] = {}
    for server in (mariadb, postgresql):
        stack = make_stack(server)
        secret = cloud.secret(stack.dbname, "not-this-one")

        def prepare(what: str, words: str, stack: Stack = stack, secret: str = "", **changes: Any) -> None:
            fields = address(stack.server, stack.dbname, secret or stack.database_secret, **changes)
            environment = {
                "MLFLOW_DATABASE_PARAMETER": cloud.parameter(**fields),
                "MLFLOW_DATABASE_CA": foreign if what == "foreign certificate" else str(stack.ca),
                "MLFLOW_DATABASE_WAIT_SECONDS": "10",
            }
            running[f"{stack.server.engine}: {what}"] = stack.task().prepare(**environment), words

        prepare("away", f"localhost:{port} did not answer within 10 s", port=port)
        prepare("wrong password", "(?i)access denied|password authentication failed", secret=secret)
        prepare("foreign certificate", "certificate verify failed")
        prepare("certificate of another name", "not valid for|does not match host name", host="127.0.0.1")
        prepare("other database", "(?i)unknown database|access denied|does not exist", dbname="other")
    for what, (process, words) in running.items():
        assert process.wait() in {69, 78}, what
        output = process.output()
        assert re.search(words, output), f"{what}: {output}"
        assert "Traceback" not in output, f"{what}: {output}"
        assert "not-this-one" not in output, what
        process.close()


def test_a_lock_that_stays_taken_ends_at_the_bound(server: Server, make_stack: MakeStack) -> None:
    stack = make_stack(server)
    holder = server.hold_lock(stack.dbname)
    process = stack.task().prepare(MLFLOW_DATABASE_WAIT_SECONDS="6")
    assert process.wait() == 69, process.output()
    assert "another replica still migrates" in process.output()
    assert holder.poll() is None, holder.output()
    # SIGINT makes the client cancel its query, which else goes on in the server.
    holder.stop(signal.SIGINT)
    holder.close()
    assert stack.task().prepare().wait() == 0


def test_every_wrong_variable_is_named_at_once(mariadb: MariaDb, make_stack: MakeStack) -> None:
    process = (
        make_stack(mariadb)
        .task()
        .prepare(
            MLFLOW_DATABASE_CA="/nowhere.pem", MLFLOW_DATABASE_WAIT_SECONDS="soon", MLFLOW_CREDENTIALS_SECRET_ID=""
        )
    )
    assert process.wait() == 78
    for words in ("MLFLOW_DATABASE_CA is '/nowhere.pem'", "MLFLOW_DATABASE_WAIT_SECONDS is 'soon'", "SECRET_ID is not"):
        assert words in process.output()


@pytest.mark.parametrize(
    ("username", "password"),
    [("with:colon", "x" * 20), ("#comment", "x" * 20), ("line\nbreak", "x" * 20), ("me", "ünicode"), ("me", "x" * 257)],
)
def test_credentials_that_basic_auth_cannot_carry_are_refused(
    username: str, password: str, cloud: Cloud, mariadb: MariaDb, make_stack: MakeStack
) -> None:
    task = make_stack(mariadb).task()
    process = task.prepare(MLFLOW_CREDENTIALS_SECRET_ID=cloud.secret(username, password))
    assert process.wait() == 78
    assert not task.passwords.exists()
    assert password not in process.output()
