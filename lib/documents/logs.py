"""Policies of roles that only deliver logs."""

from lib.iam import allow, document
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
