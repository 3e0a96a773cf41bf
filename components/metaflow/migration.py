"""The migration of the metadata service's schema: a function that runs one task, waits, and says why it failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.functions import Function, make_function
from components.network import Network
from lib.documents.metaflow import migration_statements
from lib.functions import python_files
from settings.fargate import CpuArchitecture
from settings.iam import IamSettings

TIMEOUT_SECONDS = 900
"""The longest that a function may take (AWS Lambda developer guide, "Lambda quotas"; the template's 900)."""


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """The migration to make and to run.

    Args:
        deployment: The stack.
        iam: How its role is named.
        encryption: Key of its logs.
        network: Where the task runs: in the private subnets.
        security_group_id: Group of the task.
        cluster_name: Name of the ECS cluster, known at preview.
        cluster_arn: ARN of it.
        family: Name of the task definition, known at preview.
        task: The task definition; its newest revision runs.
        container: Container that migrates.
        roles: ARNs of the task's roles.
        log_group: Name of the log group that the task writes to.
        stream_prefix: What the names of its log streams begin with.
        source: Folder of the function's code.
        code_bucket: Bucket that it goes through.
        log_retention_days: Days that the function's logs are kept.
        architecture: Processor of the function.
        triggers: What the schema depends on; the migration runs when it changes.
        depends_on: What must be there before the task.
    """

    deployment: Deployment
    iam: IamSettings
    encryption: Encryption
    network: Network
    security_group_id: pulumi.Input[str]
    cluster_name: str
    cluster_arn: pulumi.Input[str]
    family: str
    task: aws.ecs.TaskDefinition
    container: str
    roles: Sequence[str]
    log_group: str
    stream_prefix: str
    source: Path
    code_bucket: pulumi.Input[str]
    log_retention_days: int
    architecture: CpuArchitecture
    triggers: Mapping[str, pulumi.Output[str]]
    depends_on: Sequence[pulumi.Resource]


class Migration(Component):
    """Runs when image or database are new, and fails the deployment with the task's own words where it fails.

    Whoever waits for this component waits for the migrated schema.
    """

    function_name: pulumi.Output[str]
    """Name of the function."""

    def __init__(self, name: str, args: MigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        function = make_function(
            self,
            name,
            Function(
                suffix="metaflow-migration",
                log_path=args.deployment.names.path("metaflow/migration"),
                log_retention_days=args.log_retention_days,
                description="Migrates the schema of Metaflow's metadata service",
                role_description="Runs the migration of Metaflow's metadata service and waits for it",
                handler="metaflow_migration.main.handler",
                files=python_files(args.source),
                statements=migration_statements(
                    args.deployment.target,
                    family=args.family,
                    cluster=args.cluster_name,
                    roles=args.roles,
                    log_group=args.log_group,
                    stream_prefix=args.stream_prefix,
                ),
                architecture=args.architecture,
                memory_mib=256,
                timeout_seconds=TIMEOUT_SECONDS,
                code_bucket=args.code_bucket,
                encryption=args.encryption,
                iam=args.iam,
            ),
        )
        event = {
            "cluster": args.cluster_arn,
            "taskDefinition": args.task.family,
            "subnets": args.network.private_subnet_ids,
            "securityGroups": [args.security_group_id],
            "container": args.container,
            "logGroup": args.log_group,
            "logStreamPrefix": args.stream_prefix,
            "trigger": pulumi.Output.json_dumps(dict(args.triggers), sort_keys=True),
        }
        aws.lambda_.Invocation(
            name,
            function_name=function.name,
            input=pulumi.Output.json_dumps(event, sort_keys=True),
            triggers=dict(args.triggers),
            opts=self._options(depends_on=[args.task, *args.depends_on]),
        )
        self.function_name = function.name
        self.register_outputs({"function_name": self.function_name})
