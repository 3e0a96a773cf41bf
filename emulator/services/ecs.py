"""Amazon Elastic Container Service."""

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse

from emulator.registry import adds, corrects

DROPPED_MEMBERS = (
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "deploymentConfiguration",
    "placementConstraints",
    "placementStrategy",
    "capacityProviderStrategy",
    "availabilityZoneRebalancing",
)


def _settle(service: Any) -> None:
    """Let the service reach its steady state at once, so that callers who wait for it need not poll."""
    service.running_count, service.pending_count = service.desired_count, 0
    for deployment in service.deployments:
        deployment.update(
            desiredCount=service.desired_count,
            runningCount=service.desired_count,
            pendingCount=0,
            rolloutState="COMPLETED",
            rolloutStateReason=f"ECS deployment {deployment['id']} completed.",
            taskDefinition=service.task_definition,
        )


@corrects(
    "ecs",
    "CreateService",
    "drops members such as capacityProviderStrategy and enableECSManagedTags, never reaches a steady state",
    on=EC2ContainerServiceResponse,
)
def create_service(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    service = answer.result["service"]
    for member in DROPPED_MEMBERS:
        if (value := self._get_param(member)) is not None:
            setattr(service, camelcase_to_underscores(member), value)
    cluster = self.ecs_backend._get_cluster(service.cluster_name)
    self.ecs_backend.update_cluster_resources(cluster, -service.pending_count, task_state="PENDING")
    _settle(service)
    self.ecs_backend.update_cluster_resources(cluster, service.running_count, task_state="RUNNING")
    return answer


@corrects(
    "ecs",
    "UpdateService",
    "a new deployment keeps the old task definition and counts; members of deploymentConfiguration are lost",
    on=EC2ContainerServiceBackend,
    attribute="update_service",
)
def update_service(original: Callable[..., Any], self: Any, service_properties: dict[str, Any]) -> Any:  # noqa: D103
    given = service_properties.get("deployment_configuration")
    name = service_properties["service"].split("/")[-1]
    before = self._get_service(service_properties.get("cluster", "default"), name)
    if given and (kept := getattr(before, "deployment_configuration", None)):
        # The provider sends only the members that change, such as a percentage without the circuit breaker.
        service_properties["deployment_configuration"] = {**kept, **given}
    service = original(self, service_properties)
    _settle(service)
    return service


@adds("ecs", "PutAccountSettingDefault", on=EC2ContainerServiceResponse)
def put_account_setting_default(self: Any) -> ActionResult:  # noqa: D103
    # moto keeps one value for an account, so the default is the value.
    setting = self.ecs_backend.put_account_setting(self._get_param("name"), self._get_param("value"))
    setting.principal_arn = f"arn:aws:iam::{self.ecs_backend.account_id}:root"
    return ActionResult({"setting": setting})
