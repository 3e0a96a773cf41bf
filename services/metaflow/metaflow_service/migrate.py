"""`migrate`: brings the schema to this image's version with goose, once however many tasks start."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg2
from platform_service.aws import Credentials, DatabaseTarget
from platform_service.database import CONNECT_TIMEOUT_SECONDS
from platform_service.environment import Environment
from platform_service.errors import ServiceError

from .database import Connection, Database, rows
from .settings import DatabaseSettings

logger = logging.getLogger("metaflow_service")

DEFAULT_FILES = "/opt/metaflow-service/services/migration_service/migration_files"


@dataclass(frozen=True, kw_only=True)
class MigrationSettings:
    """The checked environment of `migrate`.

    Attributes:
        database: How the database is reached.
        files: Folder of the migrations.
        goose: Path of the program that applies them.
    """

    database: DatabaseSettings
    files: Path
    goose: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> MigrationSettings:
        """Reads and checks the environment.

        Args:
            environment: The process's environment.

        Raises:
            ConfigurationError: Names every wrong variable, its value and the way out.
        """
        read = Environment(environment)
        database = DatabaseSettings.read(read)
        files = Path(read.given.get("MF_MIGRATION_FILES", DEFAULT_FILES))
        if not known_versions(files):
            read.errors.append(f"MF_MIGRATION_FILES is {str(files)!r}: it holds no migrations; give their folder")
        goose = shutil.which("goose", path=environment.get("PATH"))
        if goose is None:
            read.errors.append("PATH has no goose, which applies the migrations: add its folder")
        read.check()
        return cls(database=database, files=files, goose=goose or "")


def known_versions(files: Path) -> list[int]:
    """Returns the versions of the migrations in a folder, ascending.

    Args:
        files: The folder.
    """
    found = (re.match(r"\d+(?=_)", path.name) for path in files.glob("*.sql"))
    return sorted(int(version[0]) for version in found if version)


def migrate(settings: MigrationSettings) -> int:
    """Applies what the schema lacks.

    Args:
        settings: The checked environment.

    Returns:
        The schema's version.

    Raises:
        ServiceError: What is wrong and the way out.
    """
    started = time.monotonic()
    database = Database(settings.database)
    credentials = database.wait()
    left = max(1.0, settings.database.wait_seconds - (time.monotonic() - started))
    try:
        with database.migration_lock(credentials, left) as connection:
            return _migrate(settings, database.target, credentials, connection)
    except psycopg2.Error as error:
        raise ServiceError(
            f"the database left while the schema was migrated: {' '.join(str(error).split())}; run the migration again"
        ) from error


def _migrate(
    settings: MigrationSettings, target: DatabaseTarget, credentials: Credentials, connection: Connection
) -> int:
    """Applies what the schema lacks, under the lock."""
    started = time.monotonic()
    known, before = known_versions(settings.files), _applied(connection)
    # goose itself would find nothing to do and be content.
    newer = [version for version in before if version > known[-1]]
    if newer:
        raise ServiceError(
            f"the schema has version {max(newer)}, and this image knows versions up to {known[-1]}: a newer metadata "
            "service has migrated it: deploy that version again, or restore the snapshot taken before"
        )
    if set(known) <= set(before):
        logger.info("schema is current at %d", max(before))
        return max(before)
    _drop_invalid_indices(connection)
    output = _run_goose(settings, target, credentials)
    after = _applied(connection)
    if output is not None:
        raise ServiceError(
            f"goose failed: {output}; the schema is at version {_worded(after)}. What is applied stays, and "
            "the migration goes on from there when it runs again"
        )
    missing = set(known) - set(after)
    if missing:
        raise ServiceError(f"goose ended, but the schema lacks versions {', '.join(map(str, sorted(missing)))}")
    logger.info("schema %s -> %s in %.1f s", _worded(before), _worded(after), time.monotonic() - started)
    return max(after)


def _applied(connection: Connection) -> list[int]:
    """The versions that are applied, by goose's table; the last entry of a version counts."""
    if not rows(connection, "SELECT to_regclass('goose_db_version') IS NOT NULL")[0][0]:
        return []
    last = dict(rows(connection, "SELECT version_id, is_applied FROM goose_db_version ORDER BY id"))
    # goose makes its table with a version 0.
    return sorted(version for version, applied in last.items() if applied and version)


def _worded(versions: Sequence[int]) -> str:
    return str(max(versions)) if versions else "empty"


def _drop_invalid_indices(connection: Connection) -> None:
    """Takes away what `CREATE INDEX CONCURRENTLY` left when it was cut off.

    No query uses such an index, and `IF NOT EXISTS` in the migrations would take it for a good one.
    """
    invalid = rows(
        connection,
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND n.nspname = current_schema()",
    )
    for (index,) in invalid:
        logger.warning("index %s was left half built by a migration that was cut off: dropping it", index)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP INDEX IF EXISTS {index}")


def _run_goose(settings: MigrationSettings, target: DatabaseTarget, credentials: Credentials) -> str | None:
    """Runs `goose up`, passes on what it says, and returns its last words if it failed."""
    # The password is neither in the process list nor in the connection string, which goose prints when it cannot use
    # it. Everything but the driver and the string are PostgreSQL's own variables.
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/tmp"),
        "NO_COLOR": "1",
        "GOOSE_DRIVER": "postgres",
        "GOOSE_DBSTRING": "sslmode=verify-full",
        "PGHOST": target.host,
        "PGPORT": str(target.port),
        "PGDATABASE": target.dbname,
        "PGUSER": credentials.username,
        "PGPASSWORD": credentials.password,
        "PGSSLROOTCERT": str(settings.database.ca),
        "PGCONNECT_TIMEOUT": str(CONNECT_TIMEOUT_SECONDS),
        "PGAPPNAME": "goose",
    }
    last = ""
    with subprocess.Popen(
        [settings.goose, "-dir", str(settings.files), "up"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout
        for line in process.stdout:
            # goose's own date and time are ours already.
            said = re.sub(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "", line.strip())
            if said:
                logger.info("goose: %s", said.removeprefix("goose: "))
                last = said
        return (last or f"exit code {process.wait()}") if process.wait() else None
