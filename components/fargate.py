"""What all services on Fargate have in common: task definition, service, scaling."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.load_balancer import LoadBalancer
from components.network import Network
from settings.mlflow import CpuArchitecture


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
    """

    family: str
    cpu: int
    memory: int
    architecture: CpuArchitecture
    execution_role_arn: pulumi.Input[str]
    task_role_arn: pulumi.Input[str]
    volumes: Sequence[str]
    containers: Sequence[Mapping[str, Any]]


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
        discovery: Cloud Map service in which tasks are registered.
        container: Container that answers.
        port: Its port.
        load_balancer: What registers the tasks besides; without it Cloud Map names the port (an SRV registration).
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
    discovery: aws.servicediscovery.Service
    container: str
    port: int
    load_balancer: LoadBalancer | None
    triggers: Mapping[str, pulumi.Output[str]]
    depends_on: Sequence[pulumi.Resource]


def run_service(owner: Component, name: str, service: Service) -> aws.ecs.Service:
    """A service in private subnets that rolls back a deployment which does not come up."""
    balancer = service.load_balancer
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
                    "target_group_arn": balancer.target_group_arn,
                    "container_name": service.container,
                    "container_port": service.port,
                }
            ]
            if balancer
            else None
        ),
        health_check_grace_period_seconds=180 if balancer else None,
        service_registries=aws.ecs.ServiceServiceRegistriesArgs(
            registry_arn=service.discovery.arn,
            # An SRV registration names the port, an A registration may not.
            container_name=None if balancer else service.container,
            container_port=None if balancer else service.port,
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
