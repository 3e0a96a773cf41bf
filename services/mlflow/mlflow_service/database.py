"""The database: its URL, waiting for it, and the lock that only one migration may hold."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from .aws import Credentials, DatabaseTarget
from .errors import ConfigurationError, ServiceError

logger = logging.getLogger("mlflow_service")

DRIVERS = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg2"}
# A database that resumes from 0 ACU takes about 15 s; NGINX gives up after 29 s.
CONNECT_TIMEOUT_SECONDS = 20
RETRY_SECONDS = 2.0
# A refusal is final, but a password that was rotated this very moment deserves a second look at the secret.
REFUSAL_GRACE_SECONDS = 6.0
REFUSALS = (
    "access denied",
    "password authentication failed",
    "no pg_hba.conf entry",
    "unknown database",
    "certificate verify failed",
    "does not match host name",
    "does not support secure connections",
    "server does not support ssl",
)


def store_url(target: DatabaseTarget, credentials: Credentials, ca: Path) -> URL:
    """Returns the store's URL; every character of user name and password is escaped when it is rendered.

    TLS is required, and both the certificate and the host name are checked. For MySQL that is not what
    `MLFLOW_MYSQL_SSL_CA` does: MLflow hands it to PyMySQL without asking for the host name's check.

    Args:
        target: Where the database is.
        credentials: User name and password.
        ca: PEM bundle of the CAs that may have signed the server's certificate.
    """
    if target.engine == "mysql":
        query = {"charset": "utf8mb4", "ssl_ca": str(ca), "ssl_check_hostname": "true"}
    else:
        query = {"sslmode": "verify-full", "sslrootcert": str(ca)}
    return URL.create(
        DRIVERS[target.engine],
        username=credentials.username,
        password=credentials.password,
        host=target.host,
        port=target.port,
        database=target.dbname,
        query=query | {"connect_timeout": str(CONNECT_TIMEOUT_SECONDS)},
    )


def wait_for_database(target: DatabaseTarget, url: Callable[[], URL], seconds: float) -> Engine:
    """Waits until the database answers a query.

    Args:
        target: Where the database is, for the messages.
        url: Returns the URL; asked before every attempt, because a password may be rotated meanwhile.
        seconds: Longest wait for a database that cannot be reached or is resuming.

    Returns:
        An engine without a pool.

    Raises:
        ConfigurationError: The database refuses the user, the password or TLS.
        ServiceError: The database cannot be reached in time; names host, port and the last reason.
    """
    started = time.monotonic()
    refused_since: float | None = None
    place = f"{target.engine} database {target.dbname!r} on {target.host}:{target.port}"
    while True:
        engine = create_engine(url(), poolclass=NullPool)
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            return engine
        except (DBAPIError, OSError) as error:
            reason = _reason(error)
        now = time.monotonic()
        if any(mark in reason.lower() for mark in REFUSALS):
            refused_since = refused_since or now
            if now - refused_since >= REFUSAL_GRACE_SECONDS:
                raise ConfigurationError(
                    f"the {place} refuses us: {reason}; check secret {target.secret_arn!r}, the database's name, "
                    "and MLFLOW_DATABASE_CA"
                )
        else:
            refused_since = None
        if now - started + RETRY_SECONDS > seconds:
            raise ServiceError(
                f"the {place} did not answer within {seconds:g} s: {reason}; check that it runs and that its security "
                "group lets this task in, or raise MLFLOW_DATABASE_WAIT_SECONDS"
            )
        logger.warning("waiting for the %s: %s", place, reason)
        time.sleep(RETRY_SECONDS)


@contextmanager
def migration_lock(engine: Engine, dbname: str, seconds: float) -> Generator[None]:
    """Holds the one lock under which a replica may change the schema.

    The lock belongs to a connection of its own: when this process dies, the database frees it.

    Args:
        engine: Engine without a pool.
        dbname: The database; other databases of the same server have other locks.
        seconds: Longest wait for another replica.

    Raises:
        ServiceError: Another replica held the lock all the time.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + seconds
        waiting = False
        while not _try_lock(connection, dbname):
            if time.monotonic() >= deadline:
                raise ServiceError(
                    f"another replica still migrates database {dbname!r} after {seconds:g} s; look at its log, "
                    "or raise MLFLOW_DATABASE_WAIT_SECONDS"
                )
            if not waiting:
                logger.info("another replica migrates the schema; waiting")
                waiting = True
            time.sleep(1.0)
        # Closing the connection frees the lock, also when the migration fails.
        yield


def _try_lock(connection: Connection, dbname: str) -> bool:
    """Asks once for the lock of this database."""
    digest = hashlib.sha256(f"mlflow-schema:{dbname}".encode()).digest()
    if connection.dialect.name in {"mysql", "mariadb"}:
        return connection.scalar(text("SELECT GET_LOCK(:name, 0)"), {"name": f"mlflow-schema-{digest.hex()[:32]}"}) == 1
    key = int.from_bytes(digest[:8], signed=True)
    return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}))


def _reason(error: Exception) -> str:
    """Returns the driver's own words on one line; they never hold the password."""
    original = getattr(error, "orig", None) or error
    return " ".join(str(original).split())
