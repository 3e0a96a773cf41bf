"""The function that runs the migration as a task: how often it starts one, and what it says when that fails."""

import json
import logging
import threading
import time
from collections.abc import Generator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.ecs import EVENT, Clock, Ecs, Logs, Task, function, refusal

MigrationError = function("request").MigrationError


def run(ecs: Ecs, clock: Clock | None = None, *, invocation: str = "one", **event: Any) -> dict[str, Any]:
    request = function("request").Request.parse({**EVENT, **event})
    return function("task").migrate(request, ecs=ecs, logs=Logs(ecs), clock=clock or Clock(), invocation=invocation)


def fails(ecs: Ecs, clock: Clock | None = None, **event: Any) -> str:
    with pytest.raises(MigrationError) as raised:
        run(ecs, clock, **event)
    return str(raised.value)


def test_the_task_is_private_and_its_version_is_returned() -> None:
    ecs = Ecs(Task(log=lambda: ["something", "migrated: 20230118020300", "last words"]))
    answer = run(ecs)
    (task,) = ecs.tasks
    assert answer == {"task": task.arn, "version": "20230118020300", "started": True}
    network = task.request["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {"subnets": EVENT["subnets"], "securityGroups": ["sg-a"], "assignPublicIp": "DISABLED"}
    assert task.request["launchType"] == "FARGATE"
    assert "capacityProviderStrategy" not in task.request
    assert len(task.request["startedBy"]) <= 128
    assert json.dumps(answer)


def test_spot_is_a_capacity_provider_and_no_launch_type() -> None:
    ecs = Ecs(Task())
    run(ecs, capacity="FARGATE_SPOT")
    assert ecs.tasks[0].request["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    assert "launchType" not in ecs.tasks[0].request


def test_an_invocation_that_comes_again_joins_the_task() -> None:
    ecs = Ecs(Task(statuses=["RUNNING"] * 1000))
    assert "did not end in time" in fails(ecs, Clock(60))
    ecs.tasks[0].statuses = ["RUNNING", "STOPPED"]
    answer = run(ecs, invocation="two")
    assert answer == {"task": ecs.tasks[0].arn, "version": "3", "started": False}
    assert run(ecs, invocation="three") == answer, "it has succeeded"
    assert len(ecs.tasks) == 1


def test_a_failed_task_and_a_new_trigger_start_another() -> None:
    ecs = Ecs(Task(exit_code=lambda: 69), Task(), Task())
    fails(ecs)
    assert run(ecs, invocation="two")["task"] == ecs.tasks[1].arn
    assert run(ecs, invocation="three", trigger="image:new")["task"] == ecs.tasks[2].arn
    assert len({task.request["clientToken"] for task in ecs.tasks}) == 3


def test_a_call_that_the_client_repeats_has_the_same_token() -> None:
    ecs = Ecs(Task(), Task())
    parameters = [function("request").Request.parse(EVENT).run_task("token") for _ in range(2)]
    assert ecs.run_task(**parameters[0]) == ecs.run_task(**parameters[1])
    assert len(ecs.tasks) == 1


def test_a_failure_names_reasons_exit_code_and_the_last_20_lines() -> None:
    lines = [f"line {number}" for number in range(30)]
    ecs = Ecs(Task(exit_code=lambda: 78, container_reason="OutOfMemoryError", log=lambda: lines))
    message = fails(ecs)
    assert "container migration of task arn:aws:ecs:" in message
    assert "ended with exit code 78 (Essential container in task exited; OutOfMemoryError)" in message
    assert message.endswith("\n".join(f"  line {number}" for number in range(10, 30)))
    assert "line 9\n" not in message


def test_a_task_that_cannot_start_says_why() -> None:
    reason = "CannotPullContainerError: pull image manifest has been retried 5 time(s): not found"
    task = Task(
        statuses=["PROVISIONING", "PENDING", "STOPPED"],
        exit_code=lambda: None,
        stop_code="TaskFailedToStart",
        stopped_reason=reason,
        container_reason=reason,
        log=list,
    )
    message = fails(Ecs(task))
    assert f"could not start ({reason})." in message
    assert message.endswith("It has written nothing to log group /mlplatform/dev/metaflow.")


def test_no_secret_leaves_the_log() -> None:
    told = [
        "PGPASSWORD=hunter2 goose",
        '{"username": "mf", "password": "hunter2"}',  # pragma: allowlist secret
        "postgresql://mf:hunter2@db:5432/mf",  # pragma: allowlist secret
        'FATAL:  password authentication failed for user "mf"; check secret arn:aws:secretsmanager:x:1:secret:rds!db-1',
    ]
    message = fails(Ecs(Task(exit_code=lambda: 1, log=lambda: told)))
    assert "hunter2" not in message
    assert "PGPASSWORD=*** goose" in message
    assert "postgresql://mf:***@db:5432/mf" in message
    assert told[-1] in message, "what helps stays"


@pytest.mark.parametrize(("reason", "starts"), [("Capacity is unavailable at this time", 5), ("RESOURCE:ENI", 5)])
def test_what_may_be_gone_in_a_moment_is_tried_again(reason: str, starts: int) -> None:
    ecs = Ecs(*[reason] * (starts - 1), Task())
    assert run(ecs)["version"] == "3"
    assert f"{EVENT['taskDefinition']} on cluster platform: {reason}" in fails(Ecs(*[reason] * starts, Task()))


def test_what_will_not_be_gone_is_said_at_once() -> None:
    ecs = Ecs("MISSING", Task())
    assert "did not start task definition" in fails(ecs)
    assert not ecs.tasks
    message = fails(Ecs(refusal("AccessDeniedException", "not authorized to perform: iam:PassRole", "RunTask")))
    assert message.startswith("ECS cannot be asked: ")
    assert "iam:PassRole" in message


def test_throttled_looks_and_a_task_not_yet_known_are_waited_out() -> None:
    ecs = Ecs(Task())
    ecs.trouble = [refusal("ThrottlingException", "Rate exceeded")] * 30
    assert run(ecs)["version"] == "3"
    forgotten = Ecs(Task())
    forgotten.describe_tasks = lambda **_: {"tasks": [], "failures": [{"reason": "MISSING"}]}  # pyright: ignore[reportAttributeAccessIssue]
    clock = Clock()
    assert "does not know task" in fails(forgotten, clock)
    assert clock.left() > 800


def test_a_task_that_spot_took_back_is_started_again() -> None:
    taken = Task(exit_code=lambda: 137, stop_code="SpotInterruption", stopped_reason="Your Spot Task was interrupted.")
    ecs = Ecs(taken, Task())
    assert run(ecs, capacity="FARGATE_SPOT")["task"] == ecs.tasks[1].arn
    assert ecs.tasks[0].request["clientToken"] != ecs.tasks[1].request["clientToken"]


def test_the_bound_lies_before_lambdas_own_and_progress_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ecs = Ecs(Task(statuses=["PENDING", *["RUNNING"] * 1000], log=lambda: ["waiting for the database"]))
    clock = Clock(100)
    message = fails(ecs, clock)
    assert "is RUNNING. It goes on: deploy again to wait for its end." in message
    assert message.endswith("waiting for the database")
    assert -5 < clock.left() <= 0
    said = [record.message for record in caplog.records]
    assert said.count("task is RUNNING") == 4, "at first and every 30 s"

    class Context:
        aws_request_id = "1"

        def get_remaining_time_in_millis(self) -> int:
            return 120_000

    assert function("task").Clock(Context()).left() == 100


def test_a_version_that_cannot_be_told_is_no_failure() -> None:
    assert run(Ecs(Task(log=list)))["version"] is None


def test_everything_wrong_with_the_event_is_named_at_once() -> None:
    with pytest.raises(MigrationError) as raised:
        function("request").Request.parse({**EVENT, "cluster": "", "subnets": "subnet-a", "capacity": 1, "x": 1})
    message = str(raised.value)
    for words in ("cluster must be text", "subnets must be a list of ids", "capacity must be text", "x is not known"):
        assert words in message
    for nothing in (None, [], {}):
        with pytest.raises(MigrationError, match=r"cluster must be text.*securityGroups must be a list"):
            function("request").Request.parse(nothing)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def test_the_handler_itself_against_moto(account: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto's tasks run nothing and succeed; somebody writes this one's log."""
    monkeypatch.setattr(function("task"), "POLL_SECONDS", 0.05)
    monkeypatch.setattr(function("log"), "VERSION_PAUSE_SECONDS", 0.5)
    ecs, logs, ec2 = (boto3.client(name) for name in ("ecs", "logs", "ec2"))
    ecs.create_cluster(clusterName="platform")
    definition = ecs.register_task_definition(
        family="migration",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "migration", "image": "example.com/m:1", "cpu": 256, "memory": 512}],
    )["taskDefinition"]["taskDefinitionArn"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    logs.create_log_group(logGroupName=EVENT["logGroup"])

    class Context:
        aws_request_id = "1"

        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    def tasks() -> list[str]:
        return [arn for status in ("RUNNING", "STOPPED") for arn in _arns(status)]

    def _arns(status: str) -> list[str]:
        return ecs.list_tasks(cluster="platform", desiredStatus=status)["taskArns"]

    def write() -> None:
        deadline = time.monotonic() + 20
        while not (arns := tasks()) and time.monotonic() < deadline:
            time.sleep(0.05)
        stream = f"metaflow/migration/{arns[0].rsplit('/', 1)[-1]}"
        logs.create_log_stream(logGroupName=EVENT["logGroup"], logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": "migrated: 20230118020300"}
        logs.put_log_events(logGroupName=EVENT["logGroup"], logStreamName=stream, logEvents=[event])

    writer = threading.Thread(target=write)
    writer.start()
    event = {**EVENT, "taskDefinition": definition, "subnets": [subnet], "securityGroups": [group]}
    answer = function("main").handler(event, Context())
    writer.join()
    (arn,) = tasks()
    assert answer == {"task": arn, "version": "20230118020300", "started": True}
    (task,) = ecs.describe_tasks(cluster="platform", tasks=[arn])["tasks"]
    assert task["startedBy"] == function("request").Request.parse(event).started_by
    assert task["launchType"] == "FARGATE"
