"""AWS Batch."""

import json
import threading
from collections.abc import Callable
from typing import Any

from moto.batch.exceptions import ClientException
from moto.batch.models import BatchBackend
from moto.batch.responses import BatchResponse

from emulator.registry import attributes, corrects

_role = threading.Lock()


def _service_linked_role(backend: Any) -> str:
    """ARN of Batch's own role, which Batch makes where there is none, however many environments come at once."""
    path = "/aws-service-role/batch.amazonaws.com/"
    with _role:
        found = next((role for role in backend.iam_backend.roles.values() if role.path == path), None)
        role = found or backend.iam_backend.create_service_linked_role("batch.amazonaws.com", "", "")
    return str(role.arn)


@corrects(
    "batch",
    "CreateComputeEnvironment",
    "demands a service role, refuses instance families that are newer than its list",
    on=BatchResponse,
    attribute="createcomputeenvironment",
)
def create_compute_environment(_original: Callable[..., Any], self: Any) -> str:  # noqa: D103
    backend, resources = self.batch_backend, self._get_param("computeResources")
    accepted = {**resources, "instanceTypes": ["optimal"]} if resources and "instanceTypes" in resources else resources
    environment = backend.create_compute_environment(
        compute_environment_name=self._get_param("computeEnvironmentName"),
        _type=self._get_param("type"),
        state=self._get_param("state"),
        compute_resources=accepted,
        service_role=self._get_param("serviceRole") or _service_linked_role(backend),
        tags=self._get_param("tags"),
    )
    environment.compute_resources = resources
    return json.dumps({"computeEnvironmentArn": environment.arn, "computeEnvironmentName": environment.name})


@corrects("batch", "DescribeComputeEnvironments", "answers no update policy", on=BatchBackend)
def describe_compute_environments(original: Callable[..., Any], self: Any, *args: Any) -> list[dict[str, Any]]:  # noqa: D103
    found = original(self, *args)
    for environment in found:
        kept = attributes(self.get_compute_environment(environment["computeEnvironmentArn"]))
        environment["containerOrchestrationType"] = "ECS"
        if policy := kept.get("_update_policy"):
            environment["updatePolicy"] = policy
    return found


@corrects(
    "batch",
    "UpdateComputeEnvironment",
    "keeps the resources as they were, drops the update policy",
    on=BatchResponse,
    attribute="updatecomputeenvironment",
)
def update_compute_environment(original: Callable[..., Any], self: Any) -> str:  # noqa: D103
    answer = original(self)
    environment = self.batch_backend.get_compute_environment(self._get_param("computeEnvironment"))
    if resources := self._get_param("computeResources"):
        environment.compute_resources = {**environment.compute_resources, **resources}
    if policy := self._get_param("updatePolicy"):
        attributes(environment)["_update_policy"] = policy
    return answer


@corrects(
    "batch",
    "DeleteComputeEnvironment",
    "deletes what is enabled, and what a queue refers to",
    on=BatchBackend,
)
def delete_compute_environment(original: Callable[..., Any], self: Any, compute_environment_name: str) -> None:  # noqa: D103
    environment = self.get_compute_environment(compute_environment_name)
    if environment is not None:
        if environment.state != "DISABLED":
            raise ClientException("Cannot delete, state must be DISABLED")
        if any(environment in queue.environments for queue in self._job_queues.values()):
            raise ClientException("Cannot delete, found existing JobQueue relationship")
    original(self, compute_environment_name)


@corrects(
    "batch",
    "CreateJobQueue",
    "drops the time limits of jobs that wait",
    on=BatchResponse,
    attribute="createjobqueue",
)
@corrects(
    "batch",
    "UpdateJobQueue",
    "drops the time limits of jobs that wait",
    on=BatchResponse,
    attribute="updatejobqueue",
)
def keep_time_limits(original: Callable[..., Any], self: Any) -> str:  # noqa: D103
    answer = original(self)
    limits = self._get_param("jobStateTimeLimitActions")
    if limits is not None:
        attributes(self.batch_backend.get_job_queue(json.loads(answer)["jobQueueArn"]))["_limits"] = limits
    return answer


@corrects("batch", "UpdateJobQueue", "gives fair share to a queue that was made without", on=BatchBackend)
def update_job_queue(original: Callable[..., Any], self: Any, **given: Any) -> Any:  # noqa: D103
    if given["schedule_policy"] and not self.get_job_queue(given["queue_name"]).schedule_policy:
        raise ClientException("A scheduling policy cannot be added to a job queue that was created without one")
    return original(self, **given)


@corrects("batch", "DescribeJobQueues", "answers no time limits of jobs that wait", on=BatchBackend)
def describe_job_queues(original: Callable[..., Any], self: Any, *args: Any) -> list[dict[str, Any]]:  # noqa: D103
    found = original(self, *args)
    for queue in found:
        queue["jobStateTimeLimitActions"] = attributes(self.get_job_queue(queue["jobQueueArn"])).get("_limits", [])
    return found


@corrects("batch", "DeleteJobQueue", "deletes what is enabled", on=BatchBackend)
def delete_job_queue(original: Callable[..., Any], self: Any, queue_name: str) -> None:  # noqa: D103
    queue = self.get_job_queue(queue_name)
    if queue is not None and queue.state != "DISABLED":
        raise ClientException("Cannot delete, state must be DISABLED")
    original(self, queue_name)
