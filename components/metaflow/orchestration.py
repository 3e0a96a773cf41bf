"""Step Functions and EventBridge for flows: their roles, the state of `foreach`, the executions' log."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.logs import log_group
from components.roles import Role, RoleArgs, role_arn
from lib.documents.logs import vended_log_delivery
from lib.documents.metaflow import Flows, events_policy, step_functions_policy
from lib.iam import service_trust
from settings.iam import IamSettings

STEP_FUNCTIONS_ROLE, EVENTS_ROLE = "metaflow-step-functions", "metaflow-events"
"""Suffixes of the roles' names."""


@dataclass(frozen=True, kw_only=True)
class OrchestrationArgs:
    """What runs flows without a person.

    Args:
        deployment: The stack.
        iam: How roles are named.
        encryption: Key of table and log.
        flows: What flows use.
        log_retention_days: Days that the executions' log is kept.
    """

    deployment: Deployment
    iam: IamSettings
    encryption: Encryption
    flows: Flows
    log_retention_days: int


class Orchestration(Component):
    """Roles of state machines and of their schedules, the table of `foreach`, the log group of executions.

    State machines themselves are made by `python flow.py step-functions create`; the roles are limited to those whose
    names begin with the stack's prefix.
    """

    table_name: pulumi.Output[str]
    """`METAFLOW_SFN_DYNAMO_DB_TABLE`."""
    step_functions_role_arn: pulumi.Output[str]
    """`METAFLOW_SFN_IAM_ROLE`."""
    events_role_arn: pulumi.Output[str]
    """`METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE`."""
    log_group_arn: pulumi.Output[str]
    """`METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN`, with the `:*` that Step Functions asks for."""

    def __init__(self, name: str, args: OrchestrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        target = args.deployment.target
        self.table_name = self._table(name, args).name
        self.log_group_arn = self._log_group(name, args)
        self.step_functions_role_arn = Role(
            f"{name}-step-functions",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=STEP_FUNCTIONS_ROLE,
                description="State machines of Metaflow's flows run jobs",
                trust=service_trust(target, "states"),
                policies={
                    "run": step_functions_policy(
                        args.flows, use_key=args.encryption.reference.use("Key", "s3", "dynamodb", write=True)
                    )
                },
            ),
            opts=self._child,
        ).arn
        self.events_role_arn = Role(
            f"{name}-events",
            RoleArgs(
                deployment=args.deployment,
                iam=args.iam,
                suffix=EVENTS_ROLE,
                description="Schedules of Metaflow's flows start state machines",
                trust=service_trust(target, "events"),
                policies={"start": events_policy(args.flows)},
            ),
            opts=self._child,
        ).arn
        self.register_outputs({"table_name": self.table_name})

    def _table(self, name: str, args: OrchestrationArgs) -> aws.dynamodb.Table:
        """Items go by themselves: Metaflow gives each the time after which it is of no use."""
        return aws.dynamodb.Table(
            name,
            name=args.flows.table,
            attributes=[{"name": "pathspec", "type": "S"}],
            hash_key="pathspec",
            billing_mode="PAY_PER_REQUEST",
            ttl={"attribute_name": "ttl", "enabled": True},
            server_side_encryption={"enabled": True, "kms_key_arn": args.encryption.key_arn},
            point_in_time_recovery={"enabled": True},
            deletion_protection_enabled=args.deployment.protection.deletion_protection,
            tags=self.merged_tags(args.flows.table),
            opts=self._stateful(),
        )

    def _log_group(self, name: str, args: OrchestrationArgs) -> pulumi.Output[str]:
        names = args.deployment.names
        physical = names.path("metaflow/executions")
        group = log_group(self, name, physical, retention_days=args.log_retention_days, key_arn=args.encryption.key_arn)
        permission = aws.cloudwatch.LogResourcePolicy(
            name,
            policy_name=names.of("metaflow-executions"),
            policy_document=vended_log_delivery(args.deployment.target, physical),
            opts=self._child,
        )
        return pulumi.Output.all(group.arn, permission.id).apply(lambda values: f"{values[0]}:*")


def role_arns(deployment: Deployment, iam: IamSettings) -> tuple[str, str]:
    """ARNs of the state machines' role and of the schedules', known before they exist."""
    return role_arn(deployment, iam, STEP_FUNCTIONS_ROLE), role_arn(deployment, iam, EVENTS_ROLE)
