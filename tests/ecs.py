"""ECS and its logs as the migration's function sees them, without AWS: requests are checked against the API's model."""

import itertools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

SOURCE = Path(__file__).parents[1] / "services" / "metaflow-migration"
EVENT = {
    "cluster": "platform",
    "taskDefinition": "platform-metaflow-migration:7",
    "subnets": ["subnet-a", "subnet-b"],
    "securityGroups": ["sg-a"],
    "container": "migration",
    "logGroup": "/mlplatform/dev/metaflow",
    "logStreamPrefix": "metaflow",
    "trigger": "image:abc",
}


def function(module: str) -> Any:
    """A module of the function, which is a package of its own."""
    if str(SOURCE) not in sys.path:
        sys.path.append(str(SOURCE))
    return import_module(f"metaflow_migration.{module}")


@dataclass
class Task:
    """A task: each look at it takes it one status further, and its last status stays."""

    statuses: list[str] = field(default_factory=lambda: ["PROVISIONING", "PENDING", "RUNNING", "STOPPED"])
    exit_code: Callable[[], int | None] = lambda: 0
    stopped_reason: str = "Essential container in task exited"
    stop_code: str = "EssentialContainerExited"
    container_reason: str = ""
    log: Callable[[], list[str]] = lambda: ["migrated: 3"]
    arn: str = ""
    request: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def status(self) -> str:
        return self.statuses[0]

    def described(self) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        container: dict[str, Any] = {"name": "migration"}
        found: dict[str, Any] = {"taskArn": self.arn, "lastStatus": status, "containers": [container]}
        if status == "STOPPED":
            found |= {"stoppedReason": self.stopped_reason, "stopCode": self.stop_code}
            code = self.exit_code()
            container |= {"reason": self.container_reason} if self.container_reason else {}
            container |= {"exitCode": code} if code is not None else {}
        return found


class Ecs:
    """ECS with the tasks, or the failures, that it is given to start."""

    def __init__(self, *starts: Task | str | Exception) -> None:
        self._starts = list(starts)
        self._tokens: dict[str, Task] = {}
        self._model = ServiceModel(Loader().load_service_model("ecs", "service-2"))
        self._numbers = itertools.count(1)
        self.tasks: list[Task] = []
        self.trouble: list[ClientError] = []
        """Errors of the next looks."""

    def run_task(self, **request: Any) -> dict[str, Any]:
        self._check("RunTask", request)
        if request["clientToken"] in self._tokens:
            return {"tasks": [{"taskArn": self._tokens[request["clientToken"]].arn}], "failures": []}
        start = self._starts.pop(0)
        if isinstance(start, Exception):
            raise start
        if isinstance(start, str):
            return {"tasks": [], "failures": [{"reason": start}]}
        start.arn = f"arn:aws:ecs:eu-west-1:123456789012:task/platform/{next(self._numbers)}"
        start.request = request
        self._tokens[request["clientToken"]] = start
        self.tasks.append(start)
        return {"tasks": [{"taskArn": start.arn}], "failures": []}

    def list_tasks(self, **request: Any) -> dict[str, Any]:
        self._check("ListTasks", request)
        stopped = request["desiredStatus"] == "STOPPED"
        found = [
            task.arn
            for task in self.tasks
            if task.request["startedBy"] == request["startedBy"] and (task.status == "STOPPED") is stopped
        ]
        return {"taskArns": found}

    def describe_tasks(self, **request: Any) -> dict[str, Any]:
        self._check("DescribeTasks", request)
        if self.trouble:
            raise self.trouble.pop(0)
        found = [task.described() for task in self.tasks if task.arn in request["tasks"]]
        return {"tasks": found, "failures": [] if found else [{"arn": request["tasks"][0], "reason": "MISSING"}]}

    def _check(self, operation: str, request: Mapping[str, Any]) -> None:
        shape = self._model.operation_model(operation).input_shape
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()


class Logs:
    """CloudWatch Logs of those tasks."""

    def __init__(self, ecs: Ecs) -> None:
        self._ecs = ecs

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        assert request["logGroupName"] == EVENT["logGroup"]
        assert request["startFromHead"] is False
        for task in self._ecs.tasks:
            if request["logStreamName"] == f"metaflow/migration/{task.arn.rsplit('/', 1)[-1]}" and task.log():
                return {"events": [{"message": f"{line}\n"} for line in task.log()[-request["limit"] :]]}
        raise refusal("ResourceNotFoundException", "The specified log stream does not exist.", "GetLogEvents")


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self, seconds: float = 840) -> None:
        self._left = seconds

    def left(self) -> float:
        return self._left

    def sleep(self, seconds: float) -> None:
        self._left -= seconds


def refusal(code: str, message: str = "", operation: str = "DescribeTasks") -> ClientError:
    """An error of AWS."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)
