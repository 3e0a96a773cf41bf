"""What Lambda functions may do."""

from lib.iam import Statement, allow, document
from lib.naming import Target


def function_policy(target: Target, log_group: str, *statements: Statement) -> str:
    """Lets a function write its logs and its traces, and what the further statements say.

    Args:
        target: The account.
        log_group: Name of the function's log group, which is there already.
        statements: What else the function may do.
    """
    return document(
        allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [target.arn("logs", f"log-group:{log_group}:*")]),
        # These have no resource type (AWS Lambda developer guide, "Visualize invocations using AWS X-Ray").
        allow("Traces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"]),
        *statements,
    )
