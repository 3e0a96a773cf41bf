"""The database: connections with TLS, waiting for it, and the lock that only one migration may hold."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from platform_service import database
from platform_service.aws import Aws, Credentials, DatabaseTarget
from platform_service.database import CONNECT_TIMEOUT_SECONDS, NoAnswerError, advisory_key, lock_digest, wait_for_lock

from .settings import ENGINES, VARIABLES, DatabaseSettings

Connection = Any
"""A connection of psycopg2, which is not typed."""


class Database:
    """The database of one command: its address is read once, its secret before every attempt."""

    def __init__(self, settings: DatabaseSettings) -> None:
        """Reads where the database is.

        Args:
            settings: How it is reached.

        Raises:
            ServiceError: The parameter cannot be read, or does not hold what is expected.
        """
        self.settings = settings
        self.aws = Aws(settings.region)
        self.target: DatabaseTarget = self.aws.database_target(settings.parameter, ENGINES)

    def wait(self) -> Credentials:
        """Waits until the database answers, and returns the credentials that it took.

        Raises:
            ServiceError: The secret cannot be read, or the database refuses us or does not answer; says why.
        """

        def attempt() -> Credentials:
            credentials = self.aws.credentials(self.target.secret_arn)
            try:
                with closing(connect(self.target, credentials, self.settings.ca)) as connection:
                    rows(connection, "SELECT 1")
            except psycopg2.Error as error:
                raise NoAnswerError(str(error)) from error
            return credentials

        return database.wait_for_database(self.target, attempt, self.settings.wait_seconds, variables=VARIABLES)

    @contextmanager
    def migration_lock(self, credentials: Credentials, seconds: float) -> Generator[Connection]:
        """Holds the one lock under which the schema may be changed, on a connection of its own.

        When this process dies, the database frees the lock.

        Args:
            credentials: User name and password.
            seconds: Longest wait for another migration.

        Yields:
            The connection, for short queries.

        Raises:
            ServiceError: Another migration held the lock all the time.
        """
        key = advisory_key(lock_digest("metaflow", self.target.dbname))
        with closing(connect(self.target, credentials, self.settings.ca)) as connection:
            # It idles for as long as the migration takes: a database that ends idle sessions would free the lock under
            # it. PostgreSQL before 14 has no such setting.
            rows(
                connection,
                "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'",
            )

            def take() -> bool:
                return bool(rows(connection, "SELECT pg_try_advisory_lock(%s)", key)[0][0])

            wait_for_lock(take, self.target.dbname, seconds, variables=VARIABLES)
            yield connection


def connect(target: DatabaseTarget, credentials: Credentials, ca: Path) -> Connection:
    """Connects, in autocommit: an open transaction would stop `CREATE INDEX CONCURRENTLY` in another session.

    TLS is required, and both the certificate and the host name are checked.

    Args:
        target: Where the database is.
        credentials: User name and password.
        ca: PEM bundle of the CAs that may have signed the server's certificate.
    """
    connection = psycopg2.connect(
        host=target.host,
        port=target.port,
        dbname=target.dbname,
        user=credentials.username,
        password=credentials.password,
        sslmode="verify-full",
        sslrootcert=str(ca),
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        application_name="metaflow_service",
    )
    connection.autocommit = True
    return connection


def rows(connection: Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Returns what a query answers.

    Args:
        connection: An open connection.
        statement: The query.
        values: For its placeholders.
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall()
