"""`serve`: runs `mlflow server` as a child and ends when a secret it depends on rotates."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from .aws import Aws
from .database import store_url
from .errors import EXIT_ROTATED, ServiceError
from .settings import Settings

logger = logging.getLogger("mlflow_service")

# ECS kills a container 30 s after SIGTERM unless told otherwise; uvicorn itself drains for at most 20 s.
STOP_SECONDS = 25.0
TICK_SECONDS = 0.5


class Stop:
    """Remembers the first signal that asks the process to end, and wakes whoever waits."""

    def __init__(self) -> None:
        """Catches SIGTERM and SIGINT from now on."""
        self.event = threading.Event()
        signal.signal(signal.SIGTERM, self._asked)
        signal.signal(signal.SIGINT, self._asked)

    def _asked(self, _signum: int, _frame: FrameType | None) -> None:
        self.event.set()


def serve(settings: Settings) -> int:
    """Runs the server until it dies, the task is stopped, or a secret rotates.

    Args:
        settings: The checked environment.

    Returns:
        0 after SIGTERM, 75 after a rotation, else the server's own code (1 where MLflow hides it behind 0).

    Raises:
        ServiceError: The parameter or a secret cannot be read.
    """
    stop = Stop()
    aws = Aws(settings.region)
    target = aws.database_target(settings.database_parameter)
    database = aws.credentials(target.secret_arn)
    versions = {
        target.secret_arn: database.version,
        settings.credentials_secret_id: _prepared_version(settings, aws),
    }
    url = store_url(target, database, settings.database_ca).render_as_string(hide_password=False)
    # In a session of its own, so that a signal to our process group reaches it once, through us.
    child = subprocess.Popen(command(), env=child_environment(settings, url), start_new_session=True)
    logger.info("mlflow server runs as %d on port %s", child.pid, settings.server["MLFLOW_PORT"])

    rotated = _watch(settings, aws, versions, child, stop)
    code = _terminate(child)
    if stop.event.is_set():
        logger.info("stopped by signal")
        return 0
    if rotated:
        return EXIT_ROTATED
    logger.error("mlflow server ended by itself with code %d", code)
    # `mlflow server` returns 0 even when its workers could not start.
    return 128 - code if code < 0 else code or 1


def command() -> list[str]:
    """Returns the server's command line; everything else, above all the database URL, is in its environment."""
    return [sys.executable, "-m", "mlflow", "server", "--no-serve-artifacts"]


def child_environment(settings: Settings, url: str) -> dict[str, str]:
    """Returns the server's environment.

    Args:
        settings: The checked environment.
        url: The store's URL with the password.
    """
    environment = {name: value for name, value in os.environ.items() if value or not name.startswith("MLFLOW_")}
    # It would replace the URL's own TLS arguments by weaker ones that skip the host name's check.
    environment.pop("MLFLOW_MYSQL_SSL_CA", None)
    # Inherited from a client's shell it would send the server's own calls elsewhere.
    environment.pop("MLFLOW_TRACKING_URI", None)
    environment.setdefault("AWS_DEFAULT_REGION", settings.region)
    # glibc otherwise keeps an arena of memory for each of a few dozen threads.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    return environment | dict(settings.server) | {"MLFLOW_BACKEND_STORE_URI": url, "PYTHONUNBUFFERED": "1"}


def _prepared_version(settings: Settings, aws: Aws) -> str:
    """Returns the version of the credentials secret that the password file was made from."""
    try:
        version = json.loads(settings.versions_file.read_text(encoding="ascii"))[settings.credentials_secret_id]
        return str(version)
    except (OSError, ValueError, KeyError):
        logger.warning("%s is missing: did `prepare` run?", settings.versions_file)
        return aws.current_version(settings.credentials_secret_id)


def _watch(settings: Settings, aws: Aws, versions: dict[str, str], child: subprocess.Popen[bytes], stop: Stop) -> bool:
    """Returns True when a secret has rotated and the pause is over, False when the child or the task ends."""
    next_look = time.monotonic() + settings.secret_poll_seconds
    leave_at: float | None = None
    while child.poll() is None and not stop.event.wait(TICK_SECONDS):
        now = time.monotonic()
        if leave_at is not None:
            if now >= leave_at:
                return True
        elif now >= next_look:
            next_look = now + settings.secret_poll_seconds
            changed = _rotated(aws, versions)
            if changed:
                # Replicas that see the change at the same moment must not all leave at the same moment.
                pause = random.uniform(0, settings.restart_jitter_seconds)
                leave_at = now + pause
                logger.warning("secret %s has a new version: restarting this task in %.0f s", changed, pause)
    return False


def _rotated(aws: Aws, versions: dict[str, str]) -> str | None:
    """Returns the first secret whose current version is not the one in use."""
    for secret, version in versions.items():
        try:
            if aws.current_version(secret) != version:
                return secret
        except ServiceError as error:
            # The server works without Secrets Manager: a failed look is worth a line, not a restart.
            logger.warning("cannot tell whether a secret rotated: %s", error)
    return None


def _terminate(child: subprocess.Popen[bytes]) -> int:
    """Lets the server finish its requests, kills what is left of its session, and returns its code."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("mlflow server did not end within %.0f s: killing it", STOP_SECONDS)
    # Workers may outlive `mlflow server` when it dies of something else than a request to stop.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    return child.wait()
