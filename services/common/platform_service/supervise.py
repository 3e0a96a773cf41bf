"""Runs a server as a child and ends when it dies, when the task is stopped, or when a secret it has read rotates."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from .aws import Aws
from .errors import EXIT_ROTATED, ServiceError

logger = logging.getLogger("platform_service")

# ECS kills a container 30 s after SIGTERM unless told otherwise; the servers drain for at most 20 s.
STOP_SECONDS = 25.0
TICK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often secrets are looked at, and how the task leaves after a rotation.

    Attributes:
        poll_seconds: Pause between two looks at the versions of the secrets.
        jitter_seconds: Longest random pause before a restart, so that replicas do not leave together.
    """

    poll_seconds: int
    jitter_seconds: int


class Stop:
    """Remembers the first signal that asks the process to end, and wakes whoever waits."""

    def __init__(self) -> None:
        """Catches SIGTERM and SIGINT from now on."""
        self.event = threading.Event()
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)

    def _asked(self, _signum: int, _frame: FrameType | None) -> None:
        self.event.set()


def supervise(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    aws: Aws,
    versions: Mapping[str, str],
    pace: Pace,
    stop: Stop,
) -> int:
    """Runs a server until it dies, the task is stopped, or a secret rotates.

    Args:
        command: Its command line, which holds no secret.
        environment: Its environment.
        aws: Where secrets are.
        versions: Versions of the secrets in use, by ARN or name.
        pace: How often they are looked at.
        stop: What remembers a signal; made before anything that takes time.

    Returns:
        0 after SIGTERM, 75 after a rotation, else the server's own code (1 where it hides a failure behind 0).
    """
    # In a session of its own, so that a signal to our process group reaches it once, through us.
    child = subprocess.Popen(list(command), env=dict(environment), start_new_session=True)
    name = " ".join(command[2:4])
    logger.info("%s runs as %d", name, child.pid)
    rotated = _watch(aws, versions, pace, child, stop)
    code = _terminate(child, name)
    if stop.event.is_set():
        logger.info("stopped by signal")
        return 0
    if rotated:
        return EXIT_ROTATED
    logger.error("%s ended by itself with code %d", name, code)
    # A server that ends unasked has failed, whatever it says: `mlflow server` returns 0 without any worker.
    return 128 - code if code < 0 else code or 1


def _watch(aws: Aws, versions: Mapping[str, str], pace: Pace, child: subprocess.Popen[bytes], stop: Stop) -> bool:
    """Returns True when a secret has rotated and the pause is over, False when the child or the task ends."""
    next_look = time.monotonic() + pace.poll_seconds
    leave_at: float | None = None
    while child.poll() is None and not stop.event.wait(TICK_SECONDS):
        now = time.monotonic()
        if leave_at is not None:
            if now >= leave_at:
                return True
        elif now >= next_look:
            next_look = now + pace.poll_seconds
            changed = _rotated(aws, versions)
            if changed:
                # Replicas that see the change at the same moment must not all leave at the same moment.
                pause = random.uniform(0, pace.jitter_seconds)
                leave_at = now + pause
                logger.warning("secret %s has a new version: restarting this task in %.0f s", changed, pause)
    return False


def _rotated(aws: Aws, versions: Mapping[str, str]) -> str | None:
    """Returns the first secret whose current version is not the one in use."""
    for secret, version in versions.items():
        try:
            if aws.current_version(secret) != version:
                return secret
        except ServiceError as error:
            # The server works without Secrets Manager: a failed look is worth a line, not a restart.
            logger.warning("cannot tell whether a secret rotated: %s", error)
    return None


def _terminate(child: subprocess.Popen[bytes], name: str) -> int:
    """Lets the server finish its requests, kills what is left of its session, and returns its code."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end within %.0f s: killing it", name, STOP_SECONDS)
    # Workers may outlive their parent when it dies of something else than a request to stop.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.wait()
