"""What all services on Fargate have in common: task definition, service, scaling."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.network import Network
from lib.naming import Target
from settings.fargate import CpuArchitecture

USER = "10001"
"""Numeric user of all containers; the images give it their volumes (`services/*/Dockerfile`)."""

TEMPORARY = {"tmp": "/tmp"}
"""The volume that every container has: Fargate's ephemeral storage, by name and mount point."""

Container = dict[str, Any]


def container(
    target: Target,
    name: str,
    image: str,
    log_group: str,
    *,
    stream: str,
    volumes: Mapping[str, str],
    environment: Mapping[str, str],
    essential: bool = True,
    command: Sequence[str] | None = None,
    port: int | None = None,
    after: Mapping[str, str] | None = None,
    health: Sequence[str] | None = None,
    health_retries: int = 3,
    **more: Any,
) -> Container:
    """A container definition as ECS takes it: an ordinary user, a read-only root, logs, and what the arguments say.

    Args:
        target: Region, for logs.
        name: Name of the container.
        image: URI of its image.
        log_group: Name of the log group.
        stream: What the names of its log streams begin with.
        volumes: The only paths that can be written, by name of the volume.
        environment: Its variables.
        essential: Whether the task ends with it.
        command: Arguments of the image's entry point.
        port: Port that it opens, if others reach it.
        after: Containers that must be there before it, and in which condition.
        health: Command that exits 0 where it is well.
        health_retries: How many times in a row, every 30 seconds, it may not be well.
        more: Further keys of the definition.
    """
    return {
        "name": name,
        "image": image,
        "essential": essential,
        "user": USER,
        "readonlyRootFilesystem": True,
        **({"command": list(command)} if command else {}),
        "environment": [{"name": key, "value": value} for key, value in sorted(environment.items())],
        "mountPoints": [
            {"sourceVolume": volume, "containerPath": path, "readOnly": False} for volume, path in volumes.items()
        ],
        "portMappings": [{"containerPort": port, "hostPort": port, "protocol": "tcp"}] if port else [],
        **({"dependsOn": [{"containerName": c, "condition": s} for c, s in after.items()]} if after else {}),
        **(
            {
                "healthCheck": {
                    "command": list(health),
                    "interval": 30,
                    "timeout": 10,
                    "retries": health_retries,
                    "startPeriod": 120,
                }
            }
            if health
            else {}
        ),
        "linuxParameters": {"initProcessEnabled": True},
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": target.region,
                "awslogs-stream-prefix": stream,
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
        **more,
    }


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task to define.

    Args:
        family: Name of the definition.
        cpu: CPU units; 1024 are one vCPU.
        memory: Memory in MiB.
        architecture: Processor.
        execution_role_arn: Role with which ECS starts it.
        task_role_arn: Role of what runs in it.
        volumes: Names of its volumes.
        containers: Container definitions as ECS takes them, known at preview.
        storage_gib: GiB of its own storage; Fargate's 20 if absent.
    """

    family: str
    cpu: int
    memory: int
    architecture: CpuArchitecture
    execution_role_arn: pulumi.Input[str]
    task_role_arn: pulumi.Input[str]
    volumes: Sequence[str]
    containers: Sequence[Mapping[str, Any]]
    storage_gib: int | None = None


def define_task(owner: Component, name: str, task: Task) -> aws.ecs.TaskDefinition:
    """A Fargate task definition."""
    return aws.ecs.TaskDefinition(
        name,
        family=task.family,
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(task.cpu),
        memory=str(task.memory),
        runtime_platform={"operating_system_family": "LINUX", "cpu_architecture": task.architecture.value},
        execution_role_arn=task.execution_role_arn,
        task_role_arn=task.task_role_arn,
        ephemeral_storage={"size_in_gib": task.storage_gib} if task.storage_gib else None,
        volumes=[{"name": volume} for volume in task.volumes],
        container_definitions=json.dumps(task.containers),
        tags=owner.merged_tags(name),
        opts=pulumi.ResourceOptions(parent=owner),
    )


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service to run.

    Args:
        physical: Its name, unique in the cluster.
        cluster_arn: ARN of the cluster.
        task: What it runs.
        desired_count: Tasks at first; scaling moves the count afterwards.
        spot: Whether it runs on Fargate Spot.
        network: Where tasks run: in the private subnets.
        security_group_id: Group of the tasks.
        container: Container that answers.
        port: Its port.
        discovery: Cloud Map service in which tasks are registered, if they are.
        target_group_arn: Target group of a load balancer in which tasks are registered; without it Cloud Map names the
            port (an SRV registration).
        triggers: What tasks read when they start: a change rolls the service, which the task definition does not show.
        depends_on: What must be there before the first task.
    """

    physical: str
    cluster_arn: pulumi.Input[str]
    task: aws.ecs.TaskDefinition
    desired_count: int
    spot: bool
    network: Network
    security_group_id: pulumi.Input[str]
    container: str
    port: int
    discovery: aws.servicediscovery.Service | None
    target_group_arn: pulumi.Input[str] | None
    triggers: Mapping[str, pulumi.Output[str]]
    depends_on: Sequence[pulumi.Resource]


def discover(
    owner: Component,
    name: str,
    host: str,
    *,
    namespace_id: pulumi.Input[str],
    records: Sequence[Literal["A", "SRV"]],
) -> aws.servicediscovery.Service:
    """A name in Cloud Map under which a service's tasks are found.

    Args:
        owner: Component that it belongs to.
        name: Name of the resource.
        host: The name, below the namespace's.
        namespace_id: The namespace.
        records: `A` for whoever looks up an address, `SRV` for an HTTP API, which finds a task's port nowhere else (API
            Gateway developer guide, "private integrations").
    """
    return aws.servicediscovery.Service(
        name,
        name=host,
        dns_config={
            "namespace_id": namespace_id,
            "routing_policy": "MULTIVALUE",
            "dns_records": [{"type": record, "ttl": 10} for record in records],
        },
        force_destroy=True,
        tags=owner.merged_tags(host),
        opts=pulumi.ResourceOptions(parent=owner),
    )


def run_service(owner: Component, name: str, service: Service) -> aws.ecs.Service:
    """A service in private subnets that rolls back a deployment which does not come up."""
    group = service.target_group_arn
    return aws.ecs.Service(
        name,
        name=service.physical,
        cluster=service.cluster_arn,
        task_definition=service.task.arn,
        desired_count=service.desired_count,
        capacity_provider_strategies=[
            {"capacity_provider": "FARGATE_SPOT" if service.spot else "FARGATE", "weight": 1}
        ],
        platform_version="LATEST",
        network_configuration={
            "subnets": service.network.private_subnet_ids,
            "security_groups": [service.security_group_id],
            "assign_public_ip": False,
        },
        load_balancers=(
            [
                {
                    "target_group_arn": group,
                    "container_name": service.container,
                    "container_port": service.port,
                }
            ]
            if group is not None
            else None
        ),
        health_check_grace_period_seconds=180 if group is not None else None,
        service_registries=(
            aws.ecs.ServiceServiceRegistriesArgs(
                registry_arn=service.discovery.arn,
                # An SRV registration names the port, an A registration may not.
                container_name=None if group is not None else service.container,
                container_port=None if group is not None else service.port,
            )
            if service.discovery
            else None
        ),
        deployment_circuit_breaker={"enable": True, "rollback": True},
        deployment_minimum_healthy_percent=100,
        deployment_maximum_percent=200,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        force_new_deployment=True,
        triggers=dict(service.triggers),
        wait_for_steady_state=True,
        tags=owner.merged_tags(name),
        opts=pulumi.ResourceOptions(
            parent=owner,
            depends_on=list(service.depends_on),
            ignore_changes=["desiredCount"],
            delete_before_replace=True,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """How the number of tasks follows their load.

    Args:
        minimum: Tasks at least.
        maximum: Tasks at most.
        cpu_percent: Average CPU that scaling aims at.
        in_cooldown_seconds: Seconds between two steps down.
        out_cooldown_seconds: Seconds between two steps up.
    """

    minimum: int
    maximum: int
    cpu_percent: int
    in_cooldown_seconds: int
    out_cooldown_seconds: int


def scale(
    owner: Component, name: str, scaling: Scaling, *, cluster_name: pulumi.Input[str], service: aws.ecs.Service
) -> None:
    """Scales a service by its tasks' CPU."""
    target = aws.appautoscaling.Target(
        name,
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=pulumi.Output.concat("service/", cluster_name, "/", service.name),
        min_capacity=scaling.minimum,
        max_capacity=scaling.maximum,
        tags=owner.merged_tags(name),
        opts=pulumi.ResourceOptions(parent=owner),
    )
    aws.appautoscaling.Policy(
        f"{name}-cpu",
        name="cpu",
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration={
            "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            "target_value": scaling.cpu_percent,
            "scale_in_cooldown": scaling.in_cooldown_seconds,
            "scale_out_cooldown": scaling.out_cooldown_seconds,
        },
        opts=pulumi.ResourceOptions(parent=owner),
    )
