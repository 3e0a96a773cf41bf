"""Which interface endpoints private tasks need: a pure function of the network's ways out."""

from collections.abc import Iterable

TASK_SERVICES = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm")
"""What a Fargate task of the platform calls: image pull and log driver (by Fargate), secrets and parameters (by us)."""

STUDIO_SERVICES = ("sagemaker.api", "sagemaker.runtime", "sts", *TASK_SERVICES)
"""What Studio calls in VPC-only mode (SageMaker developer guide, "Connect Studio notebooks to external resources")."""

INSTANCE_SERVICES = ("ecs", "ecs-agent", "ecs-telemetry")
"""What the ECS agent of an instance calls besides (AWS Batch user guide, "Access AWS Batch using an interface
endpoint")."""

OVER_IPV6 = frozenset({"secretsmanager", "ssm"})
"""Services that our containers reach by dual-stack names. Fargate itself pulls images and ships logs over IPv4 alone in
dual-stack subnets (aws/containers-roadmap#2792), so `ecr.api`, `ecr.dkr` and `logs` are not among them."""


def interface_endpoint_services(
    *,
    nat: bool,
    ipv6_egress: bool,
    always: bool,
    studio: bool,
    batch_instances: bool = False,
    extra: Iterable[str] = (),
) -> tuple[str, ...]:
    """Names of the services that get an interface endpoint, sorted.

    Args:
        nat: Whether private subnets have a way out over IPv4.
        ipv6_egress: Whether they have one over IPv6.
        always: Whether endpoints are wanted beside a way out.
        studio: Whether Studio runs in the private subnets.
        batch_instances: Whether Batch runs instances there.
        extra: Further services.
    """
    called = {*(STUDIO_SERVICES if studio else TASK_SERVICES), *(INSTANCE_SERVICES if batch_instances else ())}
    if always:
        needed = called
    elif nat:
        needed = set[str]()
    else:
        needed = called - OVER_IPV6 if ipv6_egress else called
    return tuple(sorted(needed | set(extra)))
