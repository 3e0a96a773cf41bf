"""Policies of what only delivers logs."""

from lib.iam import allow, document, grant
from lib.naming import Target


def flow_log_delivery(target: Target, log_group: str) -> str:
    """Lets VPC flow logs write to one log group (Amazon VPC user guide, "IAM role for publishing flow logs")."""
    arn = target.arn("logs", f"log-group:{log_group}")
    return document(
        allow("Write", ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [arn, f"{arn}:*"]),
        allow("Find", ["logs:DescribeLogGroups"], ["*"]),  # has no resource type
    )


def enhanced_monitoring(target: Target) -> str:
    """Lets RDS write to its log group `RDSOSMetrics`, which all databases of an account share (Amazon RDS user guide,
    "Setting up and enabling Enhanced Monitoring")."""
    group = target.arn("logs", "log-group:RDSOSMetrics")
    return document(
        allow("Group", ["logs:CreateLogGroup", "logs:PutRetentionPolicy"], [group]),
        allow(
            "Write",
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"],
            [f"{group}:log-stream:*"],
        ),
    )


def vended_log_delivery(target: Target, *log_groups: str) -> str:
    """Lets AWS services of this account deliver logs to log groups of the target's region (Amazon CloudWatch Logs user
    guide, "Enable logging from AWS services")."""
    return document(
        grant(
            "Delivery",
            {"Service": "delivery.logs.amazonaws.com"},
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [target.arn("logs", f"log-group:{group}:log-stream:*") for group in log_groups],
            conditions={
                "StringEquals": {"aws:SourceAccount": target.account_id},
                "ArnLike": {"aws:SourceArn": target.arn("logs", "*")},
            },
        )
    )


def event_delivery(target: Target, *, log_group: str, rule: str) -> str:
    """Lets one EventBridge rule write to one log group (Amazon EventBridge user guide, "CloudWatch Logs permissions",
    which has the condition on the events alone).

    Args:
        target: The account.
        log_group: Name of the log group.
        rule: Name of the rule.
    """
    services = {"Service": ["delivery.logs.amazonaws.com", "events.amazonaws.com"]}
    streams = [target.arn("logs", f"log-group:{log_group}:*")]
    own_rule = {"ArnEquals": {"aws:SourceArn": target.arn("events", f"rule/{rule}")}}
    return document(
        grant("Streams", services, ["logs:CreateLogStream"], streams),
        grant("Events", services, ["logs:PutLogEvents"], streams, conditions=own_rule),
    )
