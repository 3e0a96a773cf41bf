"""`serve` and `ui`: run the metadata service, or the UI, as a child and end when the database's secret rotates."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platform_service.environment import Environment
from platform_service.supervise import Pace, Stop, supervise

from .database import Database
from .settings import DatabaseSettings

DEFAULT_CACHE = "/var/cache/metaflow"
BOOLEANS = ("true", "false")
UI_PREFIX = "/api"
"""Path under which the UI's back end answers; the pages are at the root of the same port."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """The checked environment of `serve`, and what `ui` has in common with it.

    Attributes:
        database: How the database is reached.
        pace: How often the secret is looked at.
        variables: What the server itself reads, besides the database's.
        needs_database: Whether it connects as soon as it starts.
    """

    database: DatabaseSettings
    pace: Pace
    variables: Mapping[str, str]
    needs_database: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ServerSettings:
        """Reads and checks the environment.

        Args:
            environment: The process's environment.

        Raises:
            ConfigurationError: Names every wrong variable, its value and the way out.
        """
        read = Environment(environment)
        settings = cls.read(read, {"MF_METADATA_PORT": str(read.number("MF_METADATA_PORT", 8080, 1))})
        read.check()
        return settings

    @classmethod
    def read(cls, read: Environment, variables: Mapping[str, str], *, needs_database: bool = False) -> ServerSettings:
        """Reads what both servers have in common; what is wrong is noted.

        Args:
            read: The environment.
            variables: What the server itself reads besides.
            needs_database: Whether it connects at its start even without a least number of connections.
        """
        # None to begin with: a server that starts does not wake a database that pauses.
        least = read.number("MF_METADATA_DB_POOL_MIN", 0, 0)
        most = read.number("MF_METADATA_DB_POOL_MAX", 10, 1)
        if least > most:
            read.errors.append(f"MF_METADATA_DB_POOL_MIN is {least}: give at most MF_METADATA_DB_POOL_MAX, {most}")
        pool = {"MF_METADATA_DB_POOL_MIN": str(least), "MF_METADATA_DB_POOL_MAX": str(most)}
        return cls(
            database=DatabaseSettings.read(read),
            pace=Pace(
                poll_seconds=read.number("MF_SECRET_POLL_SECONDS", 60, 1),
                jitter_seconds=read.number("MF_RESTART_JITTER_SECONDS", 120, 0),
            ),
            variables={**pool, **variables},
            needs_database=needs_database or least > 0,
        )


@dataclass(frozen=True, kw_only=True)
class UiSettings:
    """The checked environment of `ui`.

    Attributes:
        server: What it has in common with `serve`.
        cache: Folder that artifacts, logs and graphs are cached in.
    """

    server: ServerSettings
    cache: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> UiSettings:
        """Reads and checks the environment.

        Args:
            environment: The process's environment.

        Raises:
            ConfigurationError: Names every wrong variable, its value and the way out.
        """
        read = Environment(environment)
        port = read.number("MF_UI_METADATA_PORT", 8083, 1)
        root = read.required("METAFLOW_DATASTORE_SYSROOT_S3", "give the datastore as s3://NAME/PREFIX")
        if root and not root.startswith("s3://"):
            read.errors.append(f"METAFLOW_DATASTORE_SYSROOT_S3 is {root!r}: give the datastore as s3://NAME/PREFIX")
        cache = Path(read.given.get("MF_UI_CACHE_DIR", DEFAULT_CACHE))
        if not os.access(cache, os.W_OK | os.X_OK):
            read.errors.append(
                f"MF_UI_CACHE_DIR is {str(cache)!r}: mount a volume there that user {os.getuid()} may write"
            )
        live = read.choice("MF_UI_LIVE_UPDATES", "true", BOOLEANS)
        defaults = {
            "MF_DATASTORE_ROOT": root,
            # The back end's own copy of the metadata service, which takes nothing but GET.
            "METAFLOW_SERVICE_URL": f"http://localhost:{port}{UI_PREFIX}/metadata",
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DEFAULT_METADATA": "service",
            "CARD_CACHE_STORAGE_PATH": str(cache),
            **({"FEATURE_DB_LISTEN_DISABLE": "1"} if live == "false" else {}),
        }
        fixed = {
            "MF_UI_METADATA_PORT": str(port),
            "METAFLOW_DATASTORE_SYSROOT_S3": root,
            "MF_UI_LIVE_UPDATES": live,
            # Where the back end answers, where its pages look for it, and that it leaves the pages to us.
            "PATH_PREFIX": UI_PREFIX,
            "METAFLOW_SERVICE": UI_PREFIX,
            "UI_ENABLED": "0",
        }
        variables = {name: read.given.get(name, value) for name, value in defaults.items()} | fixed
        # It makes its triggers in the database when it starts.
        server = ServerSettings.read(read, variables, needs_database=True)
        read.check()
        return cls(server=server, cache=cache)


def serve(settings: ServerSettings) -> int:
    """Runs the metadata service until it dies, the task is stopped, or the secret rotates.

    Args:
        settings: The checked environment.

    Returns:
        0 after SIGTERM, 75 after a rotation, else the server's own code.

    Raises:
        ServiceError: The parameter or the secret cannot be read, or a database that it needs at once does not answer.
    """
    return _run("metaflow_service.metadata_server", settings)


def ui(settings: UiSettings) -> int:
    """Runs the UI and its back end until it dies, the task is stopped, or the secret rotates.

    Args:
        settings: The checked environment.

    Returns:
        0 after SIGTERM, 75 after a rotation, else the server's own code.

    Raises:
        ServiceError: The parameter or the secret cannot be read, or the database does not answer.
    """
    # The back end writes its cache below the working directory.
    os.chdir(settings.cache)
    return _run("metaflow_service.ui_server", settings.server)


def _run(module: str, settings: ServerSettings) -> int:
    stop = Stop()
    database = Database(settings.database)
    target, aws = database.target, database.aws
    credentials = database.wait() if settings.needs_database else aws.credentials(target.secret_arn)
    environment = {name: value for name, value in os.environ.items() if value}
    # It would go before everything below.
    environment.pop("MF_METADATA_DB_DSN", None)
    environment.setdefault("AWS_DEFAULT_REGION", settings.database.region)
    environment |= {
        **settings.variables,
        "MF_METADATA_DB_HOST": target.host,
        "MF_METADATA_DB_PORT": str(target.port),
        "MF_METADATA_DB_NAME": target.dbname,
        "MF_METADATA_DB_USER": credentials.username,
        "MF_METADATA_DB_PSWD": credentials.password,
        "MF_METADATA_DB_SSL_MODE": "verify-full",
        "MF_METADATA_DB_SSL_ROOT_CERT_PATH": str(settings.database.ca),
        "PYTHONUNBUFFERED": "1",
    }
    return supervise(
        [sys.executable, "-m", module],
        environment,
        aws=aws,
        versions={target.secret_arn: credentials.version},
        pace=settings.pace,
        stop=stop,
    )
