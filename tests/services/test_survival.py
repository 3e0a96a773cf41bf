"""The database or a secret changes under a running service. By its name it runs last: it takes a replica away."""

import time

from tests.services.cloud import Cloud
from tests.services.conftest import Stack
from tests.services.processes import MLFLOW_PYTHON, Process, wait_for
from tests.services.task import PASSWORD, USERNAME, Task

NEW = "another password"


def test_the_service_survives_a_restart_of_the_database(task: Task, stack: Stack) -> None:
    assert task.experiments().status_code == 200
    stack.server.stop()
    started = time.monotonic()
    assert task.experiments().status_code >= 500
    assert time.monotonic() - started < 29
    assert task.healthy(), "a task must not be replaced because the database is away"
    stack.server.start()
    wait_for(lambda: task.experiments().status_code == 200, "recovery")
    assert all(task.experiments().status_code == 200 for _ in range(10))


def test_a_rotated_database_secret_ends_the_task_and_the_next_one_works(
    replicas: list[Task], stack: Stack, cloud: Cloud
) -> None:
    replica = replicas[1]
    assert replica.mlflow
    assert replica.mlflow.poll() is None
    stack.server.change_password(stack.dbname, NEW)
    cloud.rotate(stack.database_secret, stack.dbname, NEW)
    assert replica.mlflow.wait() == 75, replica.mlflow.output()
    assert "has a new version" in replica.mlflow.output()
    _again(replica)
    assert replica.experiments().status_code == 200


def test_rotated_credentials_end_the_task_and_the_next_one_takes_the_new(replicas: list[Task], cloud: Cloud) -> None:
    replica = replicas[1]
    assert replica.mlflow
    secret = replica.common["MLFLOW_CREDENTIALS_SECRET_ID"]
    cloud.rotate(secret, USERNAME, NEW)
    assert replica.mlflow.wait() == 75, replica.mlflow.output()
    _again(replica)
    assert replica.experiments(password=PASSWORD).status_code == 401
    assert replica.experiments(password=NEW).status_code == 200


def test_sigterm_ends_the_server_and_all_its_processes(replicas: list[Task]) -> None:
    replica = replicas[1]
    assert replica.mlflow
    assert replica.mlflow.stop() == 0
    assert not replica.healthy()


def test_a_server_that_cannot_start_fails(replicas: list[Task]) -> None:
    replica = replicas[1]
    taken = {"MLFLOW_PORT": str(replicas[0].port)}
    process = Process([MLFLOW_PYTHON, "-m", "mlflow_service", "serve"], env=replica.server | taken)
    assert process.wait() not in {0, 75}, process.output()
    process.close()


def _again(replica: Task) -> None:
    """What ECS does with a task that ended."""
    assert replica.mlflow
    assert replica.proxy
    replica.mlflow.close()
    replica.proxy.close()
    replica.start()
