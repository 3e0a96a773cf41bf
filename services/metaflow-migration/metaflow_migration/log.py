"""What the task has written to CloudWatch Logs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .request import Request

LINES = 20
VERSION_ATTEMPTS = 5
VERSION_PAUSE_SECONDS = 2.0
"""The log driver sends lines in batches: the last one may come when the task has long stopped."""

# The container never logs a secret. Whatever else might end up in its log does not go on into a deployment's output.
SECRETS = (
    (re.compile(r"(://[^\s:/@]*):[^\s@]+@"), r"\1:***@"),
    (
        re.compile(
            r"(?i)(?<![\w:])(\w*(?:password|passwd|pswd|secret|token|access_?key)\w*[\"']?\s*[=:]\s*)(?!arn:)\S+"
        ),
        r"\1***",
    ),
)


def tail(logs: Any, request: Request, arn: str) -> list[str]:
    """The last lines, without what looks like a secret; none if there is no log.

    Args:
        logs: Client of CloudWatch Logs.
        request: Where the log is.
        arn: The task.
    """
    stream = f"{request.log_stream_prefix}/{request.container}/{arn.rsplit('/', 1)[-1]}"
    try:
        events = logs.get_log_events(
            logGroupName=request.log_group, logStreamName=stream, limit=LINES, startFromHead=False
        )["events"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
            return []
        raise
    return [_without_secrets(str(event["message"]).rstrip()) for event in events[-LINES:]]


def version(logs: Any, request: Request, arn: str, sleep: Callable[[float], None]) -> str | None:
    """The schema's version, which the task says last; None if the log cannot be had.

    Args:
        logs: Client of CloudWatch Logs.
        request: Where the log is.
        arn: The task.
        sleep: Waits between two looks.
    """
    for attempt in range(VERSION_ATTEMPTS):
        if attempt:
            sleep(VERSION_PAUSE_SECONDS)
        try:
            lines = tail(logs, request, arn)
        except (ClientError, BotoCoreError):
            # The migration succeeded: that its version cannot be told is no reason to fail.
            return None
        found = next((match[1] for line in reversed(lines) if (match := re.fullmatch(r"migrated: (\d+)", line))), None)
        if found:
            return found
    return None


def _without_secrets(line: str) -> str:
    for pattern, replacement in SECRETS:
        line = pattern.sub(replacement, line)
    return line
