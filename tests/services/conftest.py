"""Real servers for these tests; each starts once, when first needed."""

import os
import shutil
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.certificates import Authority, authority
from tests.services.cloud import Cloud
from tests.services.databases import MariaDb, PostgreSql, Server, postgresql_program
from tests.services.metaflow_platform import Platform
from tests.services.metaflow_stand_in import StandIn
from tests.services.processes import MLFLOW_PYTHON, REPOSITORY, folder
from tests.services.task import DATABASE_PASSWORD, PASSWORD, USERNAME, Task, address

PROGRAMS = ["nginx", "mariadbd", "mariadb-install-db", "mariadb", "psql", "openssl", postgresql_program("postgres")]
FOLDER = Path(__file__).parent
UV = REPOSITORY / ".venv-uv" / "bin" / "uv"
"""What the Makefile installs everything with; it builds the client's wheel too."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what cannot run here, and says why; with REQUIRE_SERVICES=1 it fails instead."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    missing = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    missing += [str(program) for program in (MLFLOW_PYTHON, UV) if not program.exists()]
    if not missing:
        return
    packages = " ".join((FOLDER / "packages.txt").read_text().split())
    reason = (
        f"missing: {', '.join(missing)}; apt-get install {packages}, and make .venv-uv/bin/uv .venv-mlflow/.installed"
    )
    for item in items:
        if item.path.is_relative_to(FOLDER):
            if os.environ.get("REQUIRE_SERVICES") == "1":
                item.add_marker(pytest.mark.usefixtures("refuse_missing"))
            else:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def refuse_missing() -> None:
    pytest.fail("REQUIRE_SERVICES=1, but a program is missing; see tests/services/packages.txt", pytrace=False)


@pytest.fixture(scope="session")
def ca() -> Generator[Authority]:
    path = folder()
    yield authority(path, "ca")
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def cloud() -> Generator[Cloud]:
    made = Cloud()
    yield made
    made.close()


@pytest.fixture(scope="session")
def platform() -> Platform:
    """The stack prod, whose Metaflow takes a key."""
    return Platform()


@pytest.fixture(scope="session")
def account(platform: Platform, cloud: Cloud) -> Cloud:
    """The account with what Metaflow's client finds there."""
    platform.emulate(cloud)
    return cloud


@pytest.fixture(scope="session")
def stand_in() -> Generator[StandIn]:
    server = StandIn()
    with server.serving():
        yield server


@pytest.fixture(scope="session")
def mariadb(ca: Authority) -> Generator[MariaDb]:
    server = MariaDb(ca)
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgresql(ca: Authority) -> Generator[PostgreSql]:
    server = PostgreSql(ca)
    yield server
    server.close()


@pytest.fixture(scope="session", params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each database in turn."""
    return request.getfixturevalue(request.param)


@dataclass(frozen=True)
class Stack:
    """What tasks of one service share."""

    cloud: Cloud
    server: Server
    dbname: str
    database_secret: str
    parameter: str
    credentials: str
    ca: Path

    def task(self, **environment: str) -> Task:
        return Task(self.cloud, self.parameter, self.credentials, self.ca, **environment)


MakeStack = Callable[[Server], Stack]


@pytest.fixture(scope="session")
def make_stack(cloud: Cloud, ca: Authority) -> MakeStack:
    """An empty database, its user, its parameter and both secrets."""

    def make(server: Server) -> Stack:
        name = f"db{uuid.uuid4().hex[:8]}"
        server.create(name, name, DATABASE_PASSWORD)
        secret = cloud.secret(name, DATABASE_PASSWORD)
        parameter = cloud.parameter(**address(server, name, secret))
        return Stack(cloud, server, name, secret, parameter, cloud.secret(USERNAME, PASSWORD), ca.certificate)

    return make


@pytest.fixture(scope="session")
def stack(server: Server, make_stack: MakeStack) -> Stack:
    """One service for each database."""
    return make_stack(server)


@pytest.fixture(scope="session")
def replicas(stack: Stack) -> Generator[list[Task]]:
    """Two tasks that start together on an empty database; the second looks at its secrets each second."""
    quick = {"MLFLOW_SECRET_POLL_SECONDS": "1", "MLFLOW_RESTART_JITTER_SECONDS": "1"}
    tasks = [stack.task(MLFLOW_SECRET_POLL_SECONDS="3600"), stack.task(**quick)]
    try:
        preparations = [task.prepare() for task in tasks]
        for process in preparations:
            assert process.wait() == 0, process.output()
        assert sum("schema empty ->" in process.output() for process in preparations) == 1
        for process in preparations:
            process.close()
        for task in tasks:
            task.start_mlflow()
        for task in tasks:
            task.start_proxy()
        yield tasks
    finally:
        for task in tasks:
            task.close()


@pytest.fixture(scope="session")
def task(replicas: list[Task]) -> Task:
    return replicas[0]
