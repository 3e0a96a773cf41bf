"""Starts the task, or joins the one that an earlier invocation started, and waits for its end."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .log import tail, version
from .request import MigrationError, Request

logger = logging.getLogger("metaflow_migration")

POLL_SECONDS = 3.0
PROGRESS_SECONDS = 30.0
RESERVE_SECONDS = 20.0
"""Kept for reading the log and answering: an answer is worth more than Lambda's own "Task timed out"."""
START_ATTEMPTS = 5
START_PAUSE_SECONDS = 10.0
TRANSIENT = ("RESOURCE", "AGENT", "Capacity is unavailable")
"""Begins of RunTask's reasons that a moment later may be gone."""
MISSING_SECONDS = 30.0
"""How long a task may be unknown that has just been started: ECS answers from several places."""
TAKEN_AWAY = "SpotInterruption"
"""ECS's stop code of a task that Fargate Spot took back."""


class Clock:
    """Time as Lambda grants it."""

    def __init__(self, context: Any) -> None:
        """Remembers whom to ask.

        Args:
            context: Lambda's context.
        """
        self._context = context

    def left(self) -> float:
        """Seconds until we have to answer."""
        return self._context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS

    def sleep(self, seconds: float) -> None:
        """Waits."""
        time.sleep(seconds)


def migrate(request: Request, *, ecs: Any, logs: Any, clock: Clock, invocation: str) -> dict[str, Any]:
    """Runs the migration as a task and waits for its end.

    The same request while its task runs, or within the hour that ECS remembers a task that succeeded, starts no other.

    Args:
        request: The task.
        ecs: Client of ECS.
        logs: Client of CloudWatch Logs.
        clock: How much time there is.
        invocation: Id of this invocation of the function.

    Returns:
        The task's ARN, the schema's version, and whether this invocation started the task.

    Raises:
        MigrationError: The message says what is wrong, with the end of the task's log.
    """
    try:
        found = _earlier(request, ecs)
        attempt, started = 0, found is None
        while True:
            attempt += 1
            arn = found or _start(request, ecs, clock, f"{invocation}/{attempt}")
            logger.info("%s %s", "waiting for" if found else "started", arn)
            task = _wait(request, ecs, logs, clock, arn)
            if task.get("stopCode") != TAKEN_AWAY or clock.left() <= 0:
                break
            # Whatever it had applied stays, so that the next one goes on from there.
            logger.warning("Fargate Spot took the task back; starting another")
            found, started = None, True
    except (ClientError, BotoCoreError) as error:
        raise MigrationError(f"ECS cannot be asked: {error}") from error
    return {"task": arn, "version": _judge(request, logs, clock, task), "started": started}


def _earlier(request: Request, ecs: Any) -> str | None:
    """A task of the same request that runs, or has succeeded; one that failed is not worth joining."""
    for status in ("RUNNING", "STOPPED"):
        arns = ecs.list_tasks(cluster=request.cluster, startedBy=request.started_by, desiredStatus=status)["taskArns"]
        if not arns:
            continue
        tasks = ecs.describe_tasks(cluster=request.cluster, tasks=arns[:100])["tasks"]
        for task in tasks:
            if status == "RUNNING" or _container(request, task).get("exitCode") == 0:
                return str(task["taskArn"])
    return None


def _start(request: Request, ecs: Any, clock: Clock, invocation: str) -> str:
    """Starts a task; waits a little for capacity."""
    reasons = ""
    for attempt in range(1, START_ATTEMPTS + 1):
        token = hashlib.sha256(f"{request.started_by}/{invocation}/{attempt}".encode()).hexdigest()
        answer = ecs.run_task(**request.run_task(token))
        if answer.get("tasks"):
            return str(answer["tasks"][0]["taskArn"])
        failures = answer.get("failures") or [{"reason": "ECS started nothing and said nothing"}]
        reasons = "; ".join(" ".join(filter(None, (one.get("reason"), one.get("detail")))) for one in failures)
        again = any(str(one.get("reason", "")).startswith(TRANSIENT) for one in failures)
        if not again or attempt == START_ATTEMPTS or clock.left() < START_PAUSE_SECONDS:
            break
        logger.warning("ECS did not start the task (%s); trying again", reasons)
        clock.sleep(START_PAUSE_SECONDS)
    raise MigrationError(
        f"ECS did not start task definition {request.task_definition} on cluster {request.cluster}: {reasons}"
    )


def _wait(request: Request, ecs: Any, logs: Any, clock: Clock, arn: str) -> Mapping[str, Any]:
    """Waits until the task has stopped, and says now and then where it is."""
    known_at = said_at = clock.left()
    status = ""
    while True:
        try:
            answer = ecs.describe_tasks(cluster=request.cluster, tasks=[arn])
        except ClientError as error:
            # The client has tried several times already; the task goes on meanwhile.
            if "Throttl" not in error.response.get("Error", {}).get("Code", ""):
                raise
            answer, known_at = {"tasks": [], "failures": []}, clock.left()
        task: dict[str, Any] | None = next(iter(answer["tasks"]), None)
        left = clock.left()
        if task is not None:
            known_at = left
        elif known_at - left > MISSING_SECONDS:
            raise MigrationError(f"ECS does not know task {arn} any more: {answer.get('failures')}")
        now = str(task["lastStatus"]) if task else status
        if now == "STOPPED":
            return task or {}
        if now != status or said_at - left >= PROGRESS_SECONDS:
            logger.info("task is %s", now or "not known yet")
            status, said_at = now, left
        if left <= 0:
            raise MigrationError(
                f"the migration did not end in time: task {arn} is {now or 'not known'}. It goes on: "
                f"deploy again to wait for its end.{_log(request, logs, arn)}"
            )
        clock.sleep(min(POLL_SECONDS, max(left, 0.1)))


def _judge(request: Request, logs: Any, clock: Clock, task: Mapping[str, Any]) -> str | None:
    """The schema's version, if the task succeeded."""
    container, arn = _container(request, task), str(task.get("taskArn", ""))
    exit_code = container.get("exitCode")
    if exit_code == 0:
        return version(logs, request, arn, clock.sleep)
    ended = f"ended with exit code {exit_code}" if exit_code is not None else "could not start"
    whole, own = str(task.get("stoppedReason") or ""), str(container.get("reason") or "")
    reasons = "; ".join(dict.fromkeys(filter(None, (whole, own))))
    raise MigrationError(
        f"the migration failed: container {request.container} of task {arn} {ended}"
        f"{f' ({reasons})' if reasons else ''}.{_log(request, logs, arn)}"
    )


def _container(request: Request, task: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((one for one in task.get("containers", []) if one.get("name") == request.container), {})


def _log(request: Request, logs: Any, arn: str) -> str:
    """The end of the container's log, for an error's message."""
    try:
        lines = tail(logs, request, arn)
    except (ClientError, BotoCoreError) as error:
        return f" Its log cannot be read: {error}"
    if not lines:
        return f" It has written nothing to log group {request.log_group}."
    return "\nThe end of its log:\n" + "\n".join(f"  {line}" for line in lines)
