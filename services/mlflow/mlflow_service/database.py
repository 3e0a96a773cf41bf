"""The database: its URL, waiting for it, and the lock that only one migration may hold."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from platform_service import database
from platform_service.aws import Credentials, DatabaseTarget
from platform_service.database import CONNECT_TIMEOUT_SECONDS, NoAnswerError, advisory_key, lock_digest, wait_for_lock
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

VARIABLES = "MLFLOW"
"""What this container's variables begin with."""
DRIVERS = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg2"}


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

    def attempt() -> Engine:
        engine = create_engine(url(), poolclass=NullPool)
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except (DBAPIError, OSError) as error:
            raise NoAnswerError(str(getattr(error, "orig", None) or error)) from error
        return engine

    return database.wait_for_database(target, attempt, seconds, variables=VARIABLES)


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
        wait_for_lock(lambda: _try_lock(connection, dbname), dbname, seconds, variables=VARIABLES)
        # Closing the connection frees the lock, also when the migration fails.
        yield


def _try_lock(connection: Connection, dbname: str) -> bool:
    """Asks once for the lock of this database."""
    digest = lock_digest("mlflow", dbname)
    if connection.dialect.name in {"mysql", "mariadb"}:
        return connection.scalar(text("SELECT GET_LOCK(:name, 0)"), {"name": f"mlflow-schema-{digest.hex()[:32]}"}) == 1
    return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": advisory_key(digest)}))
