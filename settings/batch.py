"""`mlplatform:metaflow.batch`: AWS Batch compute environments and job queues."""

import re
from collections import Counter
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from settings.base import RetentionDays, Section

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]
InstanceType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z0-9-]+)?$")]

OWN_CHOICE = ("optimal", "default_x86_64", "default_arm64")
"""Instance types that Batch chooses itself (AWS Batch API reference, `ComputeResource`, `instanceTypes`)."""

_ARM = re.compile(r"(a1|[a-z]+\d+g[a-z]*)(\.|$)|default_arm64$")
"""Families of AWS's own processors, whose names have a `g` behind the generation (Amazon EC2 user guide, "Amazon EC2
instance type naming conventions")."""

GPU_FAMILIES = ("g", "p")
"""First letters of the families with NVIDIA GPUs (Amazon EC2 user guide, "Accelerated computing")."""


class ComputeType(StrEnum):
    """What jobs run on, by AWS Batch's names."""

    FARGATE = "FARGATE"
    FARGATE_SPOT = "FARGATE_SPOT"
    EC2 = "EC2"
    SPOT = "SPOT"

    @property
    def is_fargate(self) -> bool:
        """Whether there are no instances to choose."""
        return self in (ComputeType.FARGATE, ComputeType.FARGATE_SPOT)


class ImageType(StrEnum):
    """Machine images of instances. Images of Amazon Linux 2 are blocked since 2026-06-30."""

    ECS_AL2023 = "ECS_AL2023"
    ECS_AL2023_NVIDIA = "ECS_AL2023_NVIDIA"


class AllocationStrategy(StrEnum):
    """How Batch chooses among the instance types. `BEST_FIT` is left out: it can never be updated in place."""

    BEST_FIT_PROGRESSIVE = "BEST_FIT_PROGRESSIVE"
    SPOT_CAPACITY_OPTIMIZED = "SPOT_CAPACITY_OPTIMIZED"
    SPOT_PRICE_CAPACITY_OPTIMIZED = "SPOT_PRICE_CAPACITY_OPTIMIZED"


class PlacementStrategy(StrEnum):
    """How instances are placed to each other (Amazon EC2 user guide, "Placement strategies")."""

    CLUSTER = "cluster"
    PARTITION = "partition"
    SPREAD = "spread"


class ComputeEnvironmentSettings(Section):
    """One compute environment. At rest it has no instances."""

    name: Name
    """Name; the environment's physical name begins with the stack's and ends with what makes it unique."""
    type: ComputeType = ComputeType.EC2
    """`FARGATE`, `FARGATE_SPOT`, `EC2` or `SPOT` (the template's `BatchType`)."""
    image_type: ImageType = ImageType.ECS_AL2023
    """Instances: `ECS_AL2023`, or `ECS_AL2023_NVIDIA` for GPUs."""
    instance_types: list[InstanceType] = []
    """Instances: types or families such as `m7i` (the template's `ComputeEnvInstanceTypes`)."""
    minv_cpus: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Instances: vCPUs that are kept though nothing runs (the template's `MinVCPUBatch`)."""
    desiredv_cpus: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Instances: vCPUs at first; Batch moves the number afterwards (the template's `DesiredVCPUBatch`)."""
    maxv_cpus: Annotated[int, Field(ge=1, le=10_000)] = 64
    """vCPUs at most (the template's `MaxVCPUBatch`)."""
    disk_gib: Annotated[int, Field(ge=30, le=16_384)] = 100
    """Instances: GiB of the encrypted root disk, which all jobs of an instance share."""
    allocation_strategy: AllocationStrategy | None = None
    """Instances: `BEST_FIT_PROGRESSIVE` (default of `EC2`), `SPOT_PRICE_CAPACITY_OPTIMIZED` (default of `SPOT`) or
    `SPOT_CAPACITY_OPTIMIZED`."""
    bid_percentage: Annotated[int, Field(ge=1, le=100)] | None = None
    """`SPOT`: most that an instance may cost, in percent of the on-demand price; the on-demand price if null."""
    placement: PlacementStrategy | None = None
    """Instances: a placement group with this strategy. `cluster` is for jobs of many nodes (`@parallel`): its instances
    are in one zone and reach each other on every port."""

    @property
    def strategy(self) -> AllocationStrategy:
        """The allocation strategy in force."""
        default = (
            AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
            if self.type is ComputeType.SPOT
            else AllocationStrategy.BEST_FIT_PROGRESSIVE
        )
        return self.allocation_strategy or default

    @property
    def arm_types(self) -> list[str]:
        """Its instance types with ARM processors."""
        return [type_ for type_ in self.instance_types if _ARM.match(type_)]

    @property
    def is_arm(self) -> bool:
        """Whether its instances have ARM processors."""
        return bool(self.arm_types)

    @property
    def has_gpus(self) -> bool:
        """Whether its instances have GPUs."""
        return self.image_type is ImageType.ECS_AL2023_NVIDIA

    @model_validator(mode="after")
    def _fargate_has_no_instances(self) -> Self:
        if not self.type.is_fargate:
            return self
        own = {"name", "type", "maxv_cpus"}
        if given := sorted(str(type(self).model_fields[name].alias) for name in self.model_fields_set - own):
            raise ValueError(f"{', '.join(given)} of {self.name} have no effect: {self.type} has no instances; remove")
        return self

    @model_validator(mode="after")
    def _instances(self) -> Self:
        if self.type.is_fargate:
            return self
        if not self.instance_types:
            raise ValueError(f"{self.name} names no instanceTypes; list families such as m7i, or default_x86_64")
        if not self.minv_cpus <= self.desiredv_cpus <= self.maxv_cpus:
            raise ValueError(
                f"{self.name}: minvCpus {self.minv_cpus}, desiredvCpus {self.desiredv_cpus} and maxvCpus "
                f"{self.maxv_cpus} are not in order; raise the later ones"
            )
        if self.type is not ComputeType.SPOT and self.bid_percentage is not None:
            raise ValueError(f"bidPercentage of {self.name} has no effect: {self.type} bids for nothing; remove it")
        if self.strategy.startswith("SPOT") and self.type is not ComputeType.SPOT:
            raise ValueError(f"allocationStrategy {self.strategy} of {self.name} is for SPOT, and its type is EC2")
        if self.type is ComputeType.SPOT and self.placement is PlacementStrategy.CLUSTER:
            raise ValueError(
                f"placement {self.placement} of {self.name} is for jobs of many nodes, which Batch does not run on "
                "SPOT; set type to EC2, or placement to partition or spread"
            )
        if self.is_arm and (others := [type_ for type_ in self.instance_types if type_ not in self.arm_types]):
            raise ValueError(
                f"instanceTypes of {self.name} mix {', '.join(self.arm_types)} with ARM processors and "
                f"{', '.join(others)} without, which Batch refuses; make two environments, each with its own queue"
            )
        without = [type_ for type_ in self.instance_types if type_[0] not in GPU_FAMILIES]
        if self.has_gpus and without:
            raise ValueError(
                f"imageType {self.image_type} of {self.name} is for GPUs, and {', '.join(without)} have none; "
                "name types such as g6, or set imageType to ECS_AL2023"
            )
        return self


class ShareSettings(Section):
    """One share of a queue with fair-share scheduling."""

    share_identifier: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9]{1,255}\*?$")]
    """What jobs name as their share; a prefix if it ends with `*`."""
    weight_factor: Annotated[float, Field(ge=0.0001, le=999.9999)] = 1
    """How the share compares to others: half of it gets twice the capacity."""


class FairShareSettings(Section):
    """Fair-share scheduling of a queue."""

    share_decay_seconds: Annotated[int, Field(ge=0, le=604_800)] = 3600
    """Seconds over which past use counts."""
    compute_reservation: Annotated[int, Field(ge=0, le=99)] = 0
    """Percentage kept free for shares that have not begun."""
    share_distribution: list[ShareSettings] = []
    """Weights of shares; those that are not named have weight 1."""


class JobQueueSettings(Section):
    """One job queue."""

    name: Name
    """Name; the queue's physical name is `<project>-<stack>-<name>`."""
    compute_environments: Annotated[list[Name], Field(min_length=1, max_length=3)]
    """Names of its compute environments in the order in which they are tried."""
    priority: Annotated[int, Field(ge=0, le=1000)] = 1
    """Queues with a higher number are served first by an environment that they share."""
    fair_share: FairShareSettings | None = None
    """Fair-share scheduling instead of first in, first out; for other clients of Batch: Metaflow's names no share, and
    its jobs are refused on such a queue, so the first queue, which is its default, has none."""
    cancel_hopeless_after_minutes: Annotated[int, Field(ge=10, le=1440)] | None = 10
    """Minutes after which Batch cancels a job that no environment of the queue could ever run; never if null."""
    cancel_waiting_after_minutes: Annotated[int, Field(ge=10, le=1440)] | None = None
    """Minutes after which Batch cancels the first job of the queue if there is no capacity; never if null."""


class BatchSettings(Section):
    """Compute environments and job queues; the first queue is Metaflow's default."""

    compute_environments: Annotated[list[ComputeEnvironmentSettings], Field(min_length=1)] = [
        ComputeEnvironmentSettings(name="cpu", instance_types=["m7i", "c7i", "r7i"])
    ]
    """Compute environments."""
    job_queues: Annotated[list[JobQueueSettings], Field(min_length=1)] = [
        JobQueueSettings(name="default", compute_environments=["cpu"])
    ]
    """Job queues; the first is `METAFLOW_BATCH_JOB_QUEUE`."""
    additional_worker_policy_arn: (
        Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+$")] | None
    ) = None
    """Managed policy that the jobs' role has besides its own (the template's `AdditionalWorkerPolicyArn`)."""
    image_repositories: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9*][a-z0-9._/*-]{0,255}$")]] = []
    """Names of further image repositories of this account and region that jobs may pull from, such as `team/*`."""
    create_job_log_group: bool = True
    """Whether `/aws/batch/job` is this stack's, with key and retention. Batch writes all jobs' logs of an account and
    region there, so of several stacks one alone may have it."""
    log_retention_days: RetentionDays = 30
    """Days that logs of jobs, of executions and of blocked queues are kept."""

    @property
    def has_clusters(self) -> bool:
        """Whether any environment is for jobs of many nodes."""
        return any(environment.placement is PlacementStrategy.CLUSTER for environment in self.compute_environments)

    @property
    def has_instances(self) -> bool:
        """Whether any environment has instances of ours rather than Fargate's."""
        return any(not environment.type.is_fargate for environment in self.compute_environments)

    @model_validator(mode="after")
    def _names(self) -> Self:
        known = [environment.name for environment in self.compute_environments]
        for key, names in (("computeEnvironments", known), ("jobQueues", [queue.name for queue in self.job_queues])):
            if twice := sorted(name for name, number in Counter(names).items() if number > 1):
                raise ValueError(f"{key} name {', '.join(twice)} twice; give each its own name")
        used = {name for queue in self.job_queues for name in queue.compute_environments}
        if unknown := sorted(used - set(known)):
            raise ValueError(f"jobQueues name {', '.join(unknown)}, which computeEnvironments has not: {known}")
        if unused := sorted(set(known) - used):
            raise ValueError(f"no jobQueues name {', '.join(unused)} of computeEnvironments; add it, or remove it")
        return self

    @model_validator(mode="after")
    def _alike(self) -> Self:
        """Batch takes environments of one kind in a queue, and no fair share without a share identifier."""
        known = {environment.name: environment for environment in self.compute_environments}
        for queue in self.job_queues:
            used = [known[name] for name in queue.compute_environments]
            for mixed, kinds in (
                ("Fargate with instances", {environment.type.is_fargate for environment in used}),
                ("ARM processors with others", {environment.is_arm for environment in used}),
            ):
                if len(kinds) > 1:
                    raise ValueError(f"jobQueues.{queue.name} mixes {mixed}, which Batch refuses; make two queues")
        if self.job_queues[0].fair_share is not None:
            raise ValueError(
                f"jobQueues.{self.job_queues[0].name} is Metaflow's default and has fairShare, which demands a share "
                "identifier of each job, and Metaflow's client sends none; put a queue without fairShare first"
            )
        return self
