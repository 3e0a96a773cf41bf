"""What the doctor knows of a stack and its account; `reading` fills it, `checks` judges it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.doctor.findings import Unread
from settings.batch import OWN_CHOICE, ComputeType


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A compute environment as the stack declares it.

    Args:
        name: Its name in the settings.
        type: What jobs run on.
        instance_types: Types, families, or a word that lets Batch choose.
        max_vcpus: vCPUs at most.
        gpu: Whether it is for GPUs.
    """

    name: str
    type: ComputeType
    instance_types: tuple[str, ...]
    max_vcpus: int
    gpu: bool

    @property
    def named_types(self) -> tuple[str, ...]:
        """Types and families, without the words that let Batch choose."""
        return tuple(name for name in self.instance_types if name not in OWN_CHOICE)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The stack's output `metaflowBatch`.

    Args:
        region: The stack's region.
        queues: ARNs of the job queues by name.
        environments: Compute environments.
        subnet_ids: Where jobs run.
        image: What they run by default.
    """

    region: str
    queues: Mapping[str, str]
    environments: tuple[Environment, ...]
    subnet_ids: tuple[str, ...]
    image: str

    @classmethod
    def of(cls, region: str, output: Mapping[str, Any]) -> "Batch":
        """What the output says."""
        return cls(
            region=region,
            queues=dict(output["queues"]),
            environments=tuple(
                Environment(
                    name=str(one["name"]),
                    type=ComputeType(one["type"]),
                    instance_types=tuple(one.get("instanceTypes") or ()),
                    max_vcpus=int(one["maxvCpus"]),
                    gpu=bool(one.get("gpu")),
                )
                for one in output["environments"]
            ),
            subnet_ids=tuple(output["subnetIds"]),
            image=str(output["image"]),
        )


@dataclass(frozen=True, kw_only=True)
class Route:
    """A default route.

    Args:
        ipv6: Whether it is for IPv6.
        target: Where it leads, such as `nat-…` or `igw-…`.
        active: False where the target is gone.
    """

    ipv6: bool
    target: str
    active: bool


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A subnet.

    Args:
        id: Its id.
        zone: Its availability zone.
        free: IPv4 addresses that are free.
        public: Whether instances get a public IPv4 address.
        route_table: Its route table.
        routes: Default routes of that table.
    """

    id: str
    zone: str
    free: int
    public: bool
    route_table: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A VPC endpoint.

    Args:
        service: Its service without prefix and region, such as `ecr.api`.
        route_tables: Tables that lead to it; None where it is no gateway.
        usable: Whether it is available, and an interface answers under the service's own name.
    """

    service: str
    route_tables: frozenset[str] | None
    usable: bool


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """An instance type.

    Args:
        name: Its name.
        vcpus: vCPUs of one instance.
        nvidia_gpus: NVIDIA GPUs of one instance.
        zones: Zones among the jobs' where AWS offers it.
    """

    name: str
    vcpus: int
    nvidia_gpus: int
    zones: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """How a job queue or a compute environment is.

    Args:
        name: Its name.
        state: `ENABLED` or `DISABLED`.
        status: `VALID`, `INVALID`, or on the way.
        reason: Why.
        service_role: Role by which Batch works on an environment.
    """

    name: str
    state: str
    status: str
    reason: str
    service_role: str = ""


@dataclass(frozen=True, kw_only=True)
class WaitingJob:
    """A job that is RUNNABLE.

    Args:
        id: Its id.
        name: Its name.
        minutes: Since it was submitted.
        reason: What Batch says.
    """

    id: str
    name: str
    minutes: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the checks look at; what AWS did not tell is `Unread`.

    Args:
        batch: What the stack declares.
        subnets: The jobs' subnets.
        endpoints: Endpoints of their VPC.
        instance_types: Instance types by each declared type or family.
        quotas: Values by quota code.
        roles: Whether each service-linked role is there.
        image: Whether the image is in its ECR repository; None where it is of another registry.
        environments: How the queues' compute environments are.
        queues: How each queue is; None where there is none.
        waiting: RUNNABLE jobs of each queue.
    """

    batch: Batch
    subnets: tuple[Subnet, ...] | Unread
    endpoints: tuple[Endpoint, ...] | Unread
    instance_types: Mapping[str, tuple[InstanceType, ...]] | Unread
    quotas: Mapping[str, float | Unread]
    roles: Mapping[str, bool | Unread]
    image: bool | Unread | None
    environments: tuple[Condition, ...] | Unread
    queues: Mapping[str, Condition | Unread | None]
    waiting: Mapping[str, tuple[WaitingJob, ...] | Unread]
