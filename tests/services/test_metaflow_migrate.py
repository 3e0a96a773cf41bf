"""The migration of Metaflow's metadata service, and what is around its server, without the service's own source."""

import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.ecs import EVENT, Clock, Ecs, Logs, function
from tests.ecs import Task as EcsTask
from tests.services.certificates import Authority, authority
from tests.services.cloud import Cloud
from tests.services.databases import PostgreSql
from tests.services.metaflow_task import GOOSE, METAFLOW_PYTHON, PASSWORD, MetaflowTask, need
from tests.services.processes import PATIENCE, Process, free_port, python_path, tree, wait_for
from tests.services.task import address

NEW = "another password"
UP, DOWN = "-- +goose Up\n", "-- +goose Down\n"
MIGRATIONS = {
    "1_create_numbers.sql": f"{UP}CREATE TABLE numbers (number INT PRIMARY KEY);\n{DOWN}DROP TABLE numbers;\n",
    "20200101000000_add_name.sql": f"{UP}ALTER TABLE numbers ADD name TEXT;\n{DOWN}ALTER TABLE numbers DROP name;\n",
    "20210101000000_add_index.sql": (
        f"-- +goose NO TRANSACTION\n{UP}"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS numbers_name ON numbers (name);\n"
        f"{DOWN}DROP INDEX numbers_name;\n"
    ),
}
SLOW = {"2_slow.sql": f"{UP}SELECT pg_sleep(4);\n{DOWN}"}
NEWEST = 20210101000000

SERVICE = {
    "utils.py": "import os\nDBConfiguration = lambda: {name: os.environ[name] for name in os.environ}\n",
    "data/postgres_async_db.py": "aiopg_exception_handling = lambda error: error\n",
    "metadata_service/server.py": """
from aiohttp import web


class AsyncPostgresDB:
    pool = property(lambda self: self)
    get_instance = classmethod(lambda cls: cls())

    def terminate(self):
        print("closed the connections")

    async def wait_closed(self):
        pass


async def ping(request):
    return web.json_response(request.app["configuration"])


def app(loop, configuration, middlewares):
    made = web.Application(middlewares=middlewares)
    made["configuration"] = configuration
    made.router.add_get("/ping", ping)
    return made
""",
}
"""Stands in for the service where its source cannot be had: what it is started with, and how it ends, is ours."""

MakeTask = Callable[[], MetaflowTask]


@pytest.fixture(scope="module")
def make_task(cloud: Cloud, postgresql: PostgreSql, ca: Authority) -> Generator[MakeTask]:
    """A task on an empty database."""
    need(METAFLOW_PYTHON, GOOSE, made_by=".venv-metaflow/.installed .tools/bin/goose")
    made: list[MetaflowTask] = []

    def make() -> MetaflowTask:
        made.append(MetaflowTask(cloud, postgresql, ca.certificate, f"mf{uuid.uuid4().hex[:8]}"))
        return made[-1]

    yield make
    for task in made:
        task.close()


def files(folder: Path, migrations: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in migrations.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    return files(tmp_path / "migrations", MIGRATIONS)


def ends(process: Process, code: int = 0) -> str:
    assert process.wait() == code, process.output()
    output = process.output()
    assert "Traceback" not in output, output
    assert PASSWORD not in output
    return output


def columns(task: MetaflowTask) -> list[str]:
    return task.server.query(
        task.name, "SELECT column_name FROM information_schema.columns WHERE table_name = 'numbers' ORDER BY 1"
    )


def test_two_at_once_migrate_an_empty_database_once_and_again_nothing_is_done(
    make_task: MakeTask, migrations: Path
) -> None:
    task = make_task()
    files(migrations, SLOW)
    both = [task.migrate(migrations) for _ in range(2)]
    wait_for(lambda: any("goose" in line for one in both for line in tree(one.pid).values()), "goose", both[0])
    commands = [line for one in both for line in tree(one.pid).values()]
    assert any(f"{GOOSE} -dir {migrations} up" in line for line in commands)
    assert not any(secret in line for line in commands for secret in (PASSWORD, "://", "password"))
    first, second = sorted((ends(one) for one in both), key=lambda output: "schema empty" not in output)
    assert f"schema empty -> {NEWEST} in " in first
    assert "another replica migrates the schema; waiting" in second
    assert f"schema is current at {NEWEST}" in second
    again = ends(task.migrate(migrations))
    for output in (first, second, again):
        assert output.splitlines()[-1] == f"migrated: {NEWEST}"
    assert columns(task) == ["name", "number"]


def test_an_older_schema_goes_on_from_where_it_is(make_task: MakeTask, tmp_path: Path, migrations: Path) -> None:
    task = make_task()
    older = files(tmp_path / "older", dict(list(MIGRATIONS.items())[:1]))
    assert ends(task.migrate(older)).splitlines()[-1] == "migrated: 1"
    output = ends(task.migrate(migrations))
    assert f"schema 1 -> {NEWEST} in " in output
    assert "create_numbers" not in output
    assert columns(task) == ["name", "number"]


def test_a_newer_schema_is_refused_and_left_alone(make_task: MakeTask, tmp_path: Path, migrations: Path) -> None:
    task = make_task()
    ends(task.migrate(migrations))
    older = files(tmp_path / "older", dict(list(MIGRATIONS.items())[:2]))
    output = ends(task.migrate(older), 69)
    assert f"the schema has version {NEWEST}, and this image knows versions up to 20200101000000" in output
    assert "deploy that version again, or restore the snapshot" in output
    assert "migrated:" not in output
    # The version that was taken back is no newer schema any more.
    environment = {"GOOSE_DRIVER": "postgres", "PGHOST": str(task.server.folder), "PGPORT": str(task.server.port)}
    subprocess.run(
        [GOOSE, "-dir", migrations, "down"],
        env=environment | {"GOOSE_DBSTRING": f"user=postgres dbname={task.name}"},
        check=True,
        capture_output=True,
    )
    assert ends(task.migrate(older)).splitlines()[-1] == "migrated: 20200101000000"


def test_what_is_wrong_with_the_database_is_said_in_time(
    make_task: MakeTask, cloud: Cloud, tmp_path: Path, migrations: Path
) -> None:
    """All of these wait, so they wait together."""
    task = make_task()
    foreign = str(authority(tmp_path, "foreign").certificate)
    wrong, port = cloud.secret(task.name, "not-this-one"), free_port()
    running: dict[str, tuple[Process, int, str]] = {}
    started = time.monotonic()

    def migrate(what: str, code: int, words: str, secret: str = "", **changes: Any) -> None:
        fields = address(task.server, task.name, secret or task.secret, **changes)
        environment = {
            "MF_DATABASE_PARAMETER": cloud.parameter(**fields),
            "MF_DATABASE_CA": foreign if what == "foreign certificate" else task.environment["MF_DATABASE_CA"],
            "MF_DATABASE_WAIT_SECONDS": "10",
        }
        running[what] = task.migrate(migrations, **environment), code, words

    migrate("away", 69, f"on localhost:{port} did not answer within 10 s: .*refused.*MF_DATABASE_WAIT", port=port)
    migrate("wrong password", 78, f"password authentication failed.*check secret '{wrong}'", secret=wrong)
    migrate("foreign certificate", 78, "certificate verify failed.*and MF_DATABASE_CA")
    migrate(
        "certificate of another name",
        78,
        'certificate for "localhost" .*does not match host name "127.0.0.1"',
        host="127.0.0.1",
    )
    migrate("other database", 69, 'database "other" does not exist', dbname="other")
    migrate("another engine", 78, "engine is 'mysql', give postgresql", engine="mysql")
    for what, (process, code, words) in running.items():
        output = ends(process, code)
        assert re.search(words, output), f"{what}: {output}"
        assert "not-this-one" not in output, what
        assert "migrated:" not in output, what
    assert time.monotonic() - started < 45
    output = ends(task.migrate(migrations, MF_DATABASE_PARAMETER="/none"), 78)
    assert "cannot read SSM parameter '/none'" in output
    assert not columns(task)


def test_goose_checks_the_certificate_and_its_name_too(make_task: MakeTask, tmp_path: Path, migrations: Path) -> None:
    """The connection of our own comes first; goose alone would be as strict."""
    task = make_task()
    ours = task.environment["MF_DATABASE_CA"]
    foreign = str(authority(tmp_path, "foreign").certificate)
    script = (
        "import sys, logging; from pathlib import Path; logging.basicConfig(level=logging.INFO)\n"
        "from metaflow_service.migrate import MigrationSettings, _run_goose\n"
        "from metaflow_service.settings import DatabaseSettings\n"
        "from platform_service.aws import Credentials, DatabaseTarget\n"
        "host, port, name, password, ca, goose, files = sys.argv[1:]\n"
        "database = DatabaseSettings(parameter='', ca=Path(ca), wait_seconds=1, region='')\n"
        "settings = MigrationSettings(database=database, files=Path(files), goose=goose)\n"
        "target = DatabaseTarget(engine='postgresql', host=host, port=int(port), dbname=name, secret_arn='')\n"
        "print(_run_goose(settings, target, Credentials(username=name, password=password, version='')))\n"
    )

    def goose(host: str, ca: str) -> str:
        values = [host, str(task.server.port), task.name, PASSWORD, ca, str(GOOSE), str(migrations)]
        environment = {"PYTHONPATH": python_path("metaflow"), "PATH": os.environ["PATH"]}
        command = [METAFLOW_PYTHON, "-c", script, *values]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout

    assert "x509: certificate signed by unknown authority" in goose("localhost", foreign)
    assert "x509: cannot validate certificate for 127.0.0.1" in goose("127.0.0.1", ours)
    assert not columns(task)
    assert goose("localhost", ours).strip() == "None"


def test_a_lock_that_stays_taken_ends_at_the_bound(make_task: MakeTask, migrations: Path) -> None:
    task = make_task()
    holder = task.server.hold_lock(task.name, "metaflow")
    output = ends(task.migrate(migrations, MF_DATABASE_WAIT_SECONDS="5"), 69)
    assert f"another replica still migrates database '{task.name}'" in output
    assert "MF_DATABASE_WAIT_SECONDS" in output
    assert holder.poll() is None, holder.output()
    holder.stop(signal.SIGINT)
    holder.close()
    ends(task.migrate(migrations))


def test_a_database_that_ends_idle_sessions_does_not_free_the_lock(make_task: MakeTask, migrations: Path) -> None:
    """The session that holds the lock idles for as long as the migration takes."""
    task = make_task()
    task.server.end_idle_sessions(task.name, 1)
    files(migrations, SLOW)
    first = task.migrate(migrations)
    wait_for(lambda: any(line.startswith("goose|") for line in task.server.sessions(task.name)), "goose", first)
    assert all(line.endswith("|t") for line in task.server.sessions(task.name)), "TLS"
    time.sleep(2)
    second = task.migrate(migrations)
    assert f"schema empty -> {NEWEST}" in ends(first)
    assert "schema is current" in ends(second)
    assert not task.server.sessions(task.name)


def test_a_migration_that_fails_says_why_and_goes_on_when_mended(make_task: MakeTask, migrations: Path) -> None:
    task = make_task()
    broken = migrations / "20210101000000_add_index.sql"
    broken.write_text(f"{UP}CREATE INDEX numbers_name ON no_such_table (name);\n{DOWN}")
    output = ends(task.migrate(migrations), 69)
    assert re.search(r"goose failed: .*20210101000000_add_index.sql.*relation \"no_such_table\" does not exist", output)
    assert "the schema is at version 20200101000000" in output
    broken.write_text(MIGRATIONS[broken.name])
    assert f"schema 20200101000000 -> {NEWEST}" in ends(task.migrate(migrations))


def test_a_half_built_index_is_built_anew(make_task: MakeTask, migrations: Path) -> None:
    """As `CREATE INDEX CONCURRENTLY` leaves it when its task is killed; `IF NOT EXISTS` takes it for a good one."""
    task = make_task()
    last = migrations / "20210101000000_add_index.sql"
    last.unlink()
    ends(task.migrate(migrations))
    task.server.query(task.name, "CREATE INDEX numbers_name ON numbers (name)")
    task.server.query(task.name, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'numbers_name'::regclass")
    last.write_text(MIGRATIONS[last.name])
    assert "index public.numbers_name was left half built" in ends(task.migrate(migrations))
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'numbers_name'::regclass"
    assert task.server.query(task.name, valid) == ["t"]


def test_a_password_that_rotates_this_moment_is_read_again(make_task: MakeTask, cloud: Cloud, migrations: Path) -> None:
    task = make_task()
    task.server.change_password(task.name, NEW)
    process = task.migrate(migrations)
    wait_for(lambda: "password authentication failed" in process.output(), "a refusal", process)
    cloud.rotate(task.secret, task.name, NEW)
    assert ends(process).splitlines()[-1] == f"migrated: {NEWEST}"


def test_every_wrong_variable_is_named_at_once(make_task: MakeTask, tmp_path: Path) -> None:
    task = make_task()
    wrong = {"MF_DATABASE_CA": "/nowhere.pem", "MF_DATABASE_WAIT_SECONDS": "soon", "MF_DATABASE_PARAMETER": ""}
    common = [
        "MF_DATABASE_PARAMETER is not set: give the name of the SSM parameter",
        "MF_DATABASE_CA is '/nowhere.pem': no such file; give a PEM bundle of CAs",
        "MF_DATABASE_WAIT_SECONDS is 'soon': give a whole number of at least 1",
        "AWS_REGION is not set: give the region",
    ]
    servers = [
        *common,
        "MF_SECRET_POLL_SECONDS is '0'",
        "MF_METADATA_DB_POOL_MIN is 7: give at most MF_METADATA_DB_POOL_MAX, 3",
    ]
    expected = {
        "migrate": [
            *common,
            f"MF_MIGRATION_FILES is '{tmp_path}': it holds no migrations; give their folder",
            "PATH has no goose",
        ],
        "serve": [*servers, "MF_METADATA_PORT is 'x'"],
        "ui": [
            *servers,
            "MF_UI_METADATA_PORT is 'x'",
            "METAFLOW_DATASTORE_SYSROOT_S3 is 'gs://b'",
            "MF_UI_CACHE_DIR is '/nowhere': mount a volume there",
            "MF_UI_LIVE_UPDATES is 'x': give one of true, false",
        ],
    }
    more = {
        "AWS_REGION": "",
        "PATH": "/usr/bin",
        "MF_MIGRATION_FILES": str(tmp_path),
        "MF_METADATA_PORT": "x",
        "MF_UI_METADATA_PORT": "x",
        "MF_SECRET_POLL_SECONDS": "0",
        "MF_METADATA_DB_POOL_MIN": "7",
        "MF_METADATA_DB_POOL_MAX": "3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "gs://b",
        "MF_UI_CACHE_DIR": "/nowhere",
        "MF_UI_LIVE_UPDATES": "x",
    }
    for command, words in expected.items():
        output = ends(task.run(command, **wrong, **more), 78)
        for word in words:
            assert word in output, command


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with what stands in for the service."""
    for name, text in SERVICE.items():
        path = tmp_path / "stand-in" / "services" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "stand-in"


def test_the_server_ends_when_the_secret_rotates_and_the_next_takes_the_new_one(
    make_task: MakeTask, cloud: Cloud, stand_in: Path
) -> None:
    task = make_task()
    path = f"{task.environment['PYTHONPATH']}{os.pathsep}{stand_in}"
    quick = {"PYTHONPATH": path, "MF_SECRET_POLL_SECONDS": "1", "MF_RESTART_JITTER_SECONDS": "1"}
    first = task.start(MF_METADATA_DB_DSN="host=elsewhere", **quick)
    assert not any(PASSWORD in line for line in tree(first.pid).values())
    given = configuration(task)
    assert {name: given[name] for name in given if name.startswith("MF_METADATA_")} == {
        "MF_METADATA_PORT": str(task.port),
        "MF_METADATA_DB_HOST": "localhost",
        "MF_METADATA_DB_PORT": str(task.server.port),
        "MF_METADATA_DB_NAME": task.name,
        "MF_METADATA_DB_USER": task.name,
        "MF_METADATA_DB_PSWD": PASSWORD,
        "MF_METADATA_DB_SSL_MODE": "verify-full",
        "MF_METADATA_DB_SSL_ROOT_CERT_PATH": task.environment["MF_DATABASE_CA"],
        "MF_METADATA_DB_POOL_MIN": "0",
        "MF_METADATA_DB_POOL_MAX": "10",
    }
    cloud.rotate(task.secret, task.name, NEW)
    assert "has a new version: restarting this task" in ends(first, 75)
    assert "closed the connections" in first.output(), "it was asked to end, and did"
    second = task.start(**quick)
    assert configuration(task)["MF_METADATA_DB_PSWD"] == NEW
    assert second.stop() == 0
    assert "stopped by signal" in second.output()
    done = task.health("metadata")
    assert done.returncode == 1
    assert f"the metadata service on 127.0.0.1:{task.port} does not answer" in done.stderr


def configuration(task: MetaflowTask) -> dict[str, str]:
    return requests.get(f"{task.url}/ping", timeout=PATIENCE).json()


def test_a_server_that_needs_the_database_at_once_waits_for_it_and_says_why(make_task: MakeTask, cloud: Cloud) -> None:
    task = make_task()
    away = cloud.parameter(**address(task.server, task.name, task.secret, port=free_port()))
    wait = {"MF_DATABASE_PARAMETER": away, "MF_DATABASE_WAIT_SECONDS": "4"}
    for process in [task.run("serve", MF_METADATA_DB_POOL_MIN="1", **wait), task.run("ui", **wait)]:
        assert "did not answer within 4 s" in ends(process, 69)


LOSSES = """
import psycopg2
from metaflow_service.metadata_server import _is_loss


def error(kind, code):
    return type("Error", (kind,), {"pgcode": code})()


print([_is_loss(error(kind, code)) for kind, code in (
    (psycopg2.OperationalError, None),
    (psycopg2.InterfaceError, None),
    (psycopg2.OperationalError, "57P01"),
    (psycopg2.OperationalError, "57P05"),
    (psycopg2.OperationalError, "53200"),
    (psycopg2.OperationalError, "57014"),
    (psycopg2.IntegrityError, None),
    (ValueError, None),
)])
"""


def test_what_counts_as_a_database_that_left() -> None:
    """Where the server's last words come before the connection's end, psycopg2 has their code."""
    need(METAFLOW_PYTHON, made_by=".venv-metaflow/.installed")
    environment = {"PYTHONPATH": python_path("metaflow")}
    done = subprocess.run([METAFLOW_PYTHON, "-c", LOSSES], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([True] * 4 + [False] * 4)


class Migration(EcsTask):
    """ECS's task as the container's own process."""

    def __init__(self, task: MetaflowTask, migrations: Path, **environment: str) -> None:
        super().__init__(statuses=["PENDING", "RUNNING"], exit_code=self._code, log=self._lines)
        self._start = lambda: task.migrate(migrations, **environment)
        self._process: Process | None = None

    def described(self) -> dict[str, Any]:
        self._process = self._process or self._start()
        if self._process.poll() is not None:
            self.statuses = ["STOPPED"]
        return super().described()

    def _code(self) -> int | None:
        return self._process.poll() if self._process else None

    def _lines(self) -> list[str]:
        return self._process.output().splitlines() if self._process else []


class RealClock(Clock):
    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / 10)
        super().sleep(seconds)


def test_the_function_runs_the_container_and_says_how_it_ended(
    make_task: MakeTask, cloud: Cloud, migrations: Path
) -> None:
    task = make_task()
    wrong = cloud.parameter(**address(task.server, task.name, cloud.secret(task.name, "not-this-one")))
    ecs = Ecs(Migration(task, migrations, MF_DATABASE_PARAMETER=wrong), Migration(task, migrations))

    def run(invocation: str) -> dict[str, Any]:
        request = function("request").Request.parse(EVENT)
        return function("task").migrate(request, ecs=ecs, logs=Logs(ecs), clock=RealClock(), invocation=invocation)

    with pytest.raises(function("request").MigrationError) as raised:
        run("one")
    message = str(raised.value)
    assert "ended with exit code 78" in message
    assert re.search(r"password authentication failed for user .*; check secret 'arn:aws:secretsmanager:", message)
    assert "not-this-one" not in message
    assert run("two") == {"task": ecs.tasks[1].arn, "version": str(NEWEST), "started": True}
