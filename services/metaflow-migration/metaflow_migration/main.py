"""What Lambda calls."""

from __future__ import annotations

import logging
from typing import Any

import boto3
from botocore.config import Config

from .request import Request
from .task import Clock, migrate

# The service's quotas are shared with everything else in the account: patience, not failure.
CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 8})

logging.getLogger().setLevel(logging.INFO)


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Runs the migration as a task and waits for its end.

    Args:
        event: See `Request`.
        context: Lambda's; says how much time is left.

    Returns:
        `{"task": ARN, "version": the schema's version or None, "started": whether this invocation started the task}`.

    Raises:
        MigrationError: The message says what is wrong, with the end of the task's log.
    """
    request = Request.parse(event)
    return migrate(
        request,
        ecs=boto3.client("ecs", config=CONFIG),
        logs=boto3.client("logs", config=CONFIG),
        clock=Clock(context),
        invocation=str(context.aws_request_id),
    )
