"""Alarms: jobs that are stuck in RUNNABLE, and migrations that failed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.logs import log_group
from lib.documents.logs import event_delivery


@dataclass(frozen=True, kw_only=True)
class AlarmsArgs:
    """What to watch.

    Args:
        deployment: The stack.
        encryption: Key of the log of blocked queues.
        queues: ARNs of the job queues, known at preview.
        migration_function: Name of the function that migrates.
        topic_arn: SNS topic that alarms are sent to, if any.
        log_retention_days: Days that the log of blocked queues is kept.
    """

    deployment: Deployment
    encryption: Encryption
    queues: Sequence[str]
    migration_function: pulumi.Input[str]
    topic_arn: str | None
    log_retention_days: int


class Alarms(Component):
    """Two alarms; the reasons for which queues are blocked are in a log group of their own."""

    def __init__(self, name: str, args: AlarmsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        self._actions = [args.topic_arn] if args.topic_arn else None
        self._blocked_queues(f"{name}-blocked", args)
        self._alarm(
            f"{name}-migration",
            args.deployment.names.of("metaflow-migration-failed"),
            "The schema of Metaflow's metadata service could not be migrated: see the function's log",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": args.migration_function},
        )
        self.register_outputs({})

    def _blocked_queues(self, name: str, args: AlarmsArgs) -> None:
        """Batch itself says when the first job of a queue is stuck in RUNNABLE, and why (AWS Batch user guide, "Job
        queue blocked events")."""
        names = args.deployment.names
        physical, log_name = names.of("metaflow-queue-blocked", limit=64), names.path("metaflow/blocked-queues")
        rule = aws.cloudwatch.EventRule(
            name,
            name=physical,
            description="The first job of a queue of Metaflow's is stuck in RUNNABLE",
            event_pattern=json.dumps(
                {
                    "source": ["aws.batch"],
                    "detail-type": ["Batch Job Queue Blocked"],
                    "detail": {"jobQueue": sorted(args.queues)},
                }
            ),
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        logs = log_group(self, name, log_name, retention_days=args.log_retention_days, key_arn=args.encryption.key_arn)
        permission = aws.cloudwatch.LogResourcePolicy(
            name,
            policy_name=physical,
            policy_document=event_delivery(args.deployment.target, log_group=log_name, rule=physical),
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            name, rule=rule.name, target_id="log", arn=logs.arn, opts=self._options(depends_on=[permission])
        )
        self._alarm(
            name,
            physical,
            f"A job queue of Metaflow's is blocked: the reason is in {log_name}; docs/metaflow.md says what to do",
            namespace="AWS/Events",
            metric="MatchedEvents",
            dimensions={"RuleName": rule.name},
        )

    def _alarm(
        self,
        name: str,
        physical: str,
        description: str,
        *,
        namespace: str,
        metric: str,
        dimensions: dict[str, pulumi.Input[str]],
    ) -> None:
        """Rings at the first event and ends five minutes later without another."""
        aws.cloudwatch.MetricAlarm(
            name,
            name=physical,
            alarm_description=description,
            namespace=namespace,
            metric_name=metric,
            dimensions=dimensions,
            statistic="Sum",
            period=300,
            evaluation_periods=1,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=self._actions,
            ok_actions=self._actions,
            tags=self.merged_tags(physical),
            opts=self._child,
        )
