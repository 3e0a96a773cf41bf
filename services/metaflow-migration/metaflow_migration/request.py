"""What the function is asked for, and the error that it answers with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

NAMES = ("cluster", "taskDefinition", "container", "logGroup", "logStreamPrefix", "trigger")
LISTS = ("subnets", "securityGroups")


class MigrationError(Exception):
    """The migration failed; the message is for the person who deploys."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The task to run.

    Attributes:
        cluster: Name or ARN of the ECS cluster.
        task_definition: Family and revision, or ARN.
        subnets: Subnets of the task; it gets no public address.
        security_groups: Security groups of the task.
        container: Name of the container whose exit code counts.
        log_group: Log group of the container.
        log_stream_prefix: `awslogs-stream-prefix` of the container.
        trigger: Whatever is to make the migration run again when it changes.
        capacity: Capacity provider (`FARGATE_SPOT`); None for plain Fargate.
    """

    cluster: str
    task_definition: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    container: str
    log_group: str
    log_stream_prefix: str
    trigger: str
    capacity: str | None

    @classmethod
    def parse(cls, event: Any) -> Request:
        """Reads the event.

        Args:
            event: `cluster`, `taskDefinition`, `subnets`, `securityGroups`, `container`, `logGroup`, `logStreamPrefix`,
                `trigger`, and `capacity` if it is not plain Fargate.

        Raises:
            MigrationError: Names everything that is missing or wrong.
        """
        given: Mapping[str, Any] = cast("Mapping[str, Any]", event) if isinstance(event, dict) else {}
        wrong = [f"{name} must be text" for name in NAMES if not _is_text(given.get(name))]
        wrong += [f"{name} must be a list of ids" for name in LISTS if not _are_ids(given.get(name))]
        if given.get("capacity") is not None and not _is_text(given["capacity"]):
            wrong.append("capacity must be text, or absent")
        unknown = sorted(given.keys() - {*NAMES, *LISTS, "capacity"})
        wrong += [f"{name} is not known" for name in unknown]
        if wrong:
            raise MigrationError(f"the event is wrong: {'; '.join(wrong)}")
        return cls(
            cluster=given["cluster"],
            task_definition=given["taskDefinition"],
            subnets=tuple(given["subnets"]),
            security_groups=tuple(given["securityGroups"]),
            container=given["container"],
            log_group=given["logGroup"],
            log_stream_prefix=given["logStreamPrefix"],
            trigger=given["trigger"],
            capacity=given.get("capacity"),
        )

    @property
    def started_by(self) -> str:
        """What ECS notes as the task's origin: the same for the same request, whoever asks and however often."""
        what = json.dumps([self.task_definition, self.container, self.trigger])
        return f"metaflow-migration/{hashlib.sha256(what.encode()).hexdigest()[:32]}"

    def run_task(self, token: str) -> dict[str, Any]:
        """The parameters of ECS's RunTask.

        Args:
            token: Makes a call that is repeated start one task.
        """
        how = (
            {"launchType": "FARGATE"}
            if self.capacity is None
            else {"capacityProviderStrategy": [{"capacityProvider": self.capacity, "weight": 1}]}
        )
        network = {
            "subnets": list(self.subnets),
            "securityGroups": list(self.security_groups),
            "assignPublicIp": "DISABLED",
        }
        return {
            "cluster": self.cluster,
            "taskDefinition": self.task_definition,
            "count": 1,
            "networkConfiguration": {"awsvpcConfiguration": network},
            "startedBy": self.started_by,
            "clientToken": token,
            **how,
        }


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(one) for one in cast("list[Any]", value))
