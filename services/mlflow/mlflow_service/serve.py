"""`serve`: runs `mlflow server` as a child and ends when a secret it depends on rotates."""

from __future__ import annotations

import json
import logging
import os
import sys

from platform_service.aws import Aws
from platform_service.supervise import Pace, Stop, supervise

from .database import store_url
from .settings import Settings

logger = logging.getLogger("mlflow_service")


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
    versions = {target.secret_arn: database.version}
    if settings.credentials_secret_id is not None:
        versions[settings.credentials_secret_id] = _prepared_version(settings, aws, settings.credentials_secret_id)
    url = store_url(target, database, settings.database_ca).render_as_string(hide_password=False)
    return supervise(
        command(),
        child_environment(settings, url),
        aws=aws,
        versions=versions,
        pace=Pace(poll_seconds=settings.secret_poll_seconds, jitter_seconds=settings.restart_jitter_seconds),
        stop=stop,
    )


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


def _prepared_version(settings: Settings, aws: Aws, secret: str) -> str:
    """Returns the version of the credentials secret that the password file was made from."""
    try:
        version = json.loads(settings.versions_file.read_text(encoding="ascii"))[secret]
        return str(version)
    except (OSError, ValueError, KeyError):
        logger.warning("%s is missing: did `prepare` run?", settings.versions_file)
        return aws.current_version(secret)
