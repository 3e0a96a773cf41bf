"""AWS Batch for flows: compute environments, job queues, and the roles of jobs and instances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.logs import log_group
from components.network import Network
from components.roles import Role, RoleArgs, role_arn
from components.security_group import connect, security_group
from lib.documents.metaflow import (
    JOB_LOG_GROUP,
    Flows,
    instance_policy,
    job_execution_policy,
    job_policy,
)
from lib.iam import service_trust
from settings.batch import BatchSettings, ComputeEnvironmentSettings, ComputeType, JobQueueSettings, PlacementStrategy
from settings.iam import IamSettings

ROOT_DEVICE = "/dev/xvda"
"""Root device of the ECS-optimised images of Amazon Linux 2023 (Amazon ECS developer guide)."""

UPDATE_MINUTES = 360
"""How long jobs may go on when an environment is updated in place, the longest that Batch offers."""

HOPELESS = ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT")
WAITING = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
"""Why the first job of a queue is stuck (AWS Batch user guide, "Jobs stuck in RUNNABLE status")."""

JOB_ROLE, EXECUTION_ROLE, INSTANCE_ROLE = "metaflow-job", "metaflow-job-execution", "metaflow-instance"
"""Suffixes of the roles' names."""


@dataclass(frozen=True, kw_only=True)
class ComputeArgs:
    """The compute to make.

    Args:
        deployment: The stack.
        settings: Environments and queues.
        iam: How roles are named.
        network: Where jobs run: in the private subnets.
        encryption: Key of the jobs' logs, and of what jobs store.
        flows: What jobs use.
        image: URI of the jobs' default image.
    """

    deployment: Deployment
    settings: BatchSettings
    iam: IamSettings
    network: Network
    encryption: Encryption
    flows: Flows
    image: str


def queue_arn(deployment: Deployment, queue: JobQueueSettings) -> str:
    """ARN of a job queue, known before it exists."""
    return deployment.target.arn("batch", f"job-queue/{queue_name(deployment, queue)}")


def queue_name(deployment: Deployment, queue: JobQueueSettings) -> str:
    """Physical name of a job queue."""
    return deployment.names.of(queue.name, limit=128)


class Compute(Component):
    """Compute environments without instances at rest, and job queues.

    An environment that must be replaced gets a new name, the queue moves to it, and the old one goes last: Batch
    refuses to delete what a queue refers to. Batch acts by its service-linked role, which it makes itself.

    Raises:
        pulumi.RunError: The jobs' log group is there already and not this stack's.
    """

    queues: Mapping[str, pulumi.Output[str]]
    """ARNs of the job queues by name."""
    default_queue_arn: pulumi.Output[str]
    """ARN of the first of them, which clients use unless told otherwise."""
    job_role_arn: pulumi.Output[str]
    """`METAFLOW_ECS_S3_ACCESS_IAM_ROLE`."""
    execution_role_arn: pulumi.Output[str]
    """`METAFLOW_ECS_FARGATE_EXECUTION_ROLE`."""
    security_group_id: pulumi.Output[str]
    """Group of the jobs."""

    def __init__(self, name: str, args: ComputeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        self._args = args
        if args.settings.create_job_log_group:
            self._job_log_group(name)
        group = security_group(self, name, vpc_id=args.network.vpc_id, description="Jobs of Metaflow's flows")
        self.security_group_id = group.id
        args.network.allow_aws_apis(self, name, group.id)
        self._nodes_group_id = self._nodes_group(f"{name}-nodes") if args.settings.has_clusters else None
        self.job_role_arn = self._job_role(f"{name}-job")
        self.execution_role_arn = self._execution_role(f"{name}-execution")
        profile = self._instance_profile(f"{name}-instance") if args.settings.has_instances else None
        environments = {
            environment.name: self._environment(f"{name}-{environment.name}", environment, profile)
            for environment in args.settings.compute_environments
        }
        self.queues = {
            queue.name: self._queue(f"{name}-{queue.name}", queue, environments) for queue in args.settings.job_queues
        }
        self.default_queue_arn = next(iter(self.queues.values()))
        self.register_outputs({"queues": dict(self.queues), "job_role_arn": self.job_role_arn})

    def _job_log_group(self, name: str) -> None:
        """An account has one for each region, so somebody else's is not taken over."""
        found = aws.cloudwatch.get_log_groups(
            log_group_name_prefix=JOB_LOG_GROUP, opts=pulumi.InvokeOptions(parent=self)
        )
        if JOB_LOG_GROUP in found.log_group_names:
            there = aws.cloudwatch.get_log_group(name=JOB_LOG_GROUP, opts=pulumi.InvokeOptions(parent=self))
            own = self._deployment.tags
            if any(there.tags.get(key) != own[key] for key in ("Project", "Stack")):
                raise pulumi.RunError(
                    f"mlplatform:metaflow.batch.createJobLogGroup = true: {JOB_LOG_GROUP} is there already, and not of "
                    "this stack; set it to false to leave the group as it is"
                )
        log_group(
            self,
            f"{name}-jobs",
            JOB_LOG_GROUP,
            retention_days=self._args.settings.log_retention_days,
            key_arn=self._args.encryption.key_arn,
        )

    def _nodes_group(self, name: str) -> pulumi.Output[str]:
        """Nodes of one job talk to each other on ports of their own choice, and an Elastic Fabric Adapter wants every
        protocol (AWS Batch user guide, "Compute environment considerations for MNP"; Amazon EC2 user guide, "Get
        started with EFA").
        """
        group = security_group(self, name, vpc_id=self._args.network.vpc_id, description="Nodes of jobs of many nodes")
        connect(self, name, source=group.id, destination=group.id, port=None, purpose="Nodes of one job")
        return group.id

    def _job_role(self, name: str) -> pulumi.Output[str]:
        args = self._args
        role = Role(
            name,
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=JOB_ROLE,
                description="Jobs of Metaflow's flows: datastore and the state of foreach",
                trust=service_trust(args.deployment.target, "ecs-tasks"),
                policies={
                    "run": job_policy(
                        args.flows, use_key=args.encryption.reference.use("Key", "s3", "dynamodb", write=True)
                    )
                },
            ),
            opts=self._child,
        )
        if args.settings.additional_worker_policy_arn is not None:
            aws.iam.RolePolicyAttachment(
                f"{name}-additional",
                role=role.role_id,
                policy_arn=args.settings.additional_worker_policy_arn,
                opts=self._child,
            )
        return role.arn

    def _execution_role(self, name: str) -> pulumi.Output[str]:
        args = self._args
        return Role(
            name,
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=EXECUTION_ROLE,
                description="Fargate starts jobs of Metaflow's flows: images and logs",
                trust=service_trust(args.deployment.target, "ecs-tasks"),
                policies={
                    "start": job_execution_policy(
                        args.deployment.target, image=args.image, repositories=args.settings.image_repositories
                    )
                },
            ),
            opts=self._child,
        ).arn

    def _instance_profile(self, name: str) -> pulumi.Output[str]:
        args = self._args
        role = Role(
            name,
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=INSTANCE_ROLE,
                description="Instances that run jobs of Metaflow's flows",
                trust=service_trust(args.deployment.target, "ec2", source_account=False),
                policies={
                    "run": instance_policy(
                        args.deployment.target,
                        environments=self._environments_prefix,
                        image=args.image,
                        repositories=args.settings.image_repositories,
                    )
                },
            ),
            opts=self._child,
        )
        profile = aws.iam.InstanceProfile(
            name,
            name=args.deployment.names.of(INSTANCE_ROLE, limit=128),
            path=args.iam.role_path,
            role=role.role_id,
            tags=self.merged_tags(INSTANCE_ROLE),
            opts=self._child,
        )
        # An instance that starts before its role has its rights would not join the cluster.
        return pulumi.Output.all(profile.arn, role.arn).apply(lambda values: str(values[0]))

    @property
    def _environments_prefix(self) -> str:
        return f"{self._deployment.names.of('metaflow', limit=60)}-"

    def _environment(
        self, name: str, settings: ComputeEnvironmentSettings, profile: pulumi.Output[str] | None
    ) -> aws.batch.ComputeEnvironment:
        subnets, groups = self._args.network.private_subnet_ids, [self.security_group_id]
        if settings.placement is PlacementStrategy.CLUSTER and self._nodes_group_id is not None:
            # A cluster is in one zone.
            subnets, groups = subnets.apply(lambda ids: ids[:1]), [*groups, self._nodes_group_id]
        resources: aws.batch.ComputeEnvironmentComputeResourcesArgsDict = {
            "type": settings.type.value,
            "max_vcpus": settings.maxv_cpus,
            "subnets": subnets,
            "security_group_ids": groups,
        }
        if profile is not None and not settings.type.is_fargate:
            resources = self._instances(name, settings, profile, resources)
        return aws.batch.ComputeEnvironment(
            name,
            # A replacement needs a name of its own, as it is there before the old one goes.
            name_prefix=f"{self._environments_prefix}{settings.name}-",
            type="MANAGED",
            state="ENABLED",
            compute_resources=resources,
            update_policy=(
                None
                if settings.type.is_fargate
                else {"job_execution_timeout_minutes": UPDATE_MINUTES, "terminate_jobs_on_update": False}
            ),
            tags=self.merged_tags(name),
            # Batch moves the number while jobs come and go.
            opts=self._options(ignore_changes=None if settings.type.is_fargate else ["computeResources.desiredVcpus"]),
        )

    def _instances(
        self,
        name: str,
        settings: ComputeEnvironmentSettings,
        profile: pulumi.Output[str],
        common: aws.batch.ComputeEnvironmentComputeResourcesArgsDict,
    ) -> aws.batch.ComputeEnvironmentComputeResourcesArgsDict:
        template = self._launch_template(name, settings)
        resources: aws.batch.ComputeEnvironmentComputeResourcesArgsDict = {
            **common,
            "min_vcpus": settings.minv_cpus,
            "desired_vcpus": settings.desiredv_cpus,
            "instance_types": settings.instance_types,
            "instance_role": profile,
            "allocation_strategy": settings.strategy.value,
            "ec2_configurations": [{"image_type": settings.image_type.value}],
            "launch_template": {
                "launch_template_id": template.id,
                "version": template.latest_version.apply(str),
            },
            "tags": self.merged_tags(name),
        }
        if settings.type is ComputeType.SPOT and settings.bid_percentage is not None:
            resources["bid_percentage"] = settings.bid_percentage
        if settings.placement is not None:
            # A group's strategy is for ever: another one is another group, there before the environment that needs it.
            group = f"{name}-{settings.placement}"
            resources["placement_group"] = aws.ec2.PlacementGroup(
                group,
                name=self._deployment.names.of(group, limit=255),
                strategy=settings.placement.value,
                tags=self.merged_tags(name),
                opts=self._child,
            ).name
        return resources

    def _launch_template(self, name: str, settings: ComputeEnvironmentSettings) -> aws.ec2.LaunchTemplate:
        """IMDSv2 alone, and one hop. Jobs share the instance's network (AWS Batch user guide, "Networking modes for AWS
        Batch jobs"), so what they can read there is the instance's role, which may do no more than run jobs.
        """
        return aws.ec2.LaunchTemplate(
            name,
            name=self._deployment.names.of(name, limit=128),
            description=f"Instances of the compute environment {settings.name}",
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "disabled",
            },
            block_device_mappings=[
                {
                    "device_name": ROOT_DEVICE,
                    "ebs": {
                        "volume_size": settings.disk_gib,
                        "volume_type": "gp3",
                        # Under EBS's own key: a key of ours would have to let the account's Auto Scaling role use it,
                        # which an account without that role cannot name.
                        "encrypted": "true",
                        "delete_on_termination": "true",
                    },
                }
            ],
            tag_specifications=[
                {"resource_type": kind, "tags": self.merged_tags(name)} for kind in ("instance", "volume")
            ],
            tags=self.merged_tags(name),
            opts=self._child,
        )

    def _queue(
        self, name: str, settings: JobQueueSettings, environments: Mapping[str, aws.batch.ComputeEnvironment]
    ) -> pulumi.Output[str]:
        physical = queue_name(self._deployment, settings)
        return aws.batch.JobQueue(
            name,
            name=physical,
            state="ENABLED",
            priority=settings.priority,
            compute_environment_orders=[
                {"order": order, "compute_environment": environments[environment].arn}
                for order, environment in enumerate(settings.compute_environments, start=1)
            ],
            scheduling_policy_arn=self._scheduling_policy(name, physical, settings),
            job_state_time_limit_actions=_time_limits(settings),
            tags=self.merged_tags(physical),
            # Batch neither adds fair share to a queue nor takes it away (API reference, `CreateJobQueue`), and its name
            # is taken until it is gone.
            opts=self._options(replace_on_changes=["schedulingPolicyArn"], delete_before_replace=True),
        ).arn

    def _scheduling_policy(self, name: str, physical: str, settings: JobQueueSettings) -> pulumi.Output[str] | None:
        share = settings.fair_share
        if share is None:
            return None
        return aws.batch.SchedulingPolicy(
            name,
            name=physical,
            fair_share_policy={
                "share_decay_seconds": share.share_decay_seconds,
                "compute_reservation": share.compute_reservation,
                "share_distributions": [
                    {"share_identifier": one.share_identifier, "weight_factor": one.weight_factor}
                    for one in share.share_distribution
                ],
            },
            tags=self.merged_tags(physical),
            opts=self._child,
        ).arn


def _time_limits(settings: JobQueueSettings) -> Sequence[aws.batch.JobQueueJobStateTimeLimitActionArgsDict]:
    """When Batch gives up on the first job of a queue, and why."""
    minutes = {
        **dict.fromkeys(HOPELESS, settings.cancel_hopeless_after_minutes),
        WAITING: settings.cancel_waiting_after_minutes,
    }
    return [
        {"state": "RUNNABLE", "reason": reason, "max_time_seconds": limit * 60, "action": "CANCEL"}
        for reason, limit in minutes.items()
        if limit is not None
    ]


def role_arns(deployment: Deployment, iam: IamSettings) -> tuple[str, str]:
    """ARNs of the jobs' role and of the role that starts them, known before they exist."""
    return role_arn(deployment, iam, JOB_ROLE), role_arn(deployment, iam, EXECUTION_ROLE)
