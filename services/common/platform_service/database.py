"""Waiting for a database, and for the lock that only one migration may hold, with any driver."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from .aws import DatabaseTarget
from .errors import ConfigurationError, ServiceError

logger = logging.getLogger("platform_service")

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

Connected = TypeVar("Connected")


class NoAnswerError(Exception):
    """An attempt to reach the database failed; the message is the driver's own, and never holds the password."""


def wait_for_database(
    target: DatabaseTarget, attempt: Callable[[], Connected], seconds: float, *, variables: str
) -> Connected:
    """Waits until the database answers a query.

    Args:
        target: Where the database is, for the messages.
        attempt: Connects and asks; it reads the secret every time, because a password may be rotated meanwhile.
        seconds: Longest wait for a database that cannot be reached or is resuming.
        variables: What the container's variables begin with, for the ways out.

    Returns:
        What the attempt returned.

    Raises:
        ConfigurationError: The database refuses the user, the password or TLS.
        ServiceError: The database cannot be reached in time; names host, port and the last reason.
    """
    started = time.monotonic()
    refused_since: float | None = None
    place = f"{target.engine} database {target.dbname!r} on {target.host}:{target.port}"
    while True:
        try:
            return attempt()
        except NoAnswerError as error:
            reason = " ".join(str(error).split())
        now = time.monotonic()
        if any(mark in reason.lower() for mark in REFUSALS):
            refused_since = refused_since or now
            if now - refused_since >= REFUSAL_GRACE_SECONDS:
                raise ConfigurationError(
                    f"the {place} refuses us: {reason}; check secret {target.secret_arn!r}, the database's name, "
                    f"and {variables}_DATABASE_CA"
                )
        else:
            refused_since = None
        if now - started + RETRY_SECONDS > seconds:
            raise ServiceError(
                f"the {place} did not answer within {seconds:g} s: {reason}; check that it runs and that its security "
                f"group lets this task in, or raise {variables}_DATABASE_WAIT_SECONDS"
            )
        logger.warning("waiting for the %s: %s", place, reason)
        time.sleep(RETRY_SECONDS)


def wait_for_lock(take: Callable[[], bool], dbname: str, seconds: float, *, variables: str) -> None:
    """Waits for the one lock under which a schema may be changed.

    Args:
        take: Asks once for the lock; it belongs to a connection of its own, so that it is freed when we die.
        dbname: The database; other databases of the same server have other locks.
        seconds: Longest wait for another migration.
        variables: What the container's variables begin with, for the way out.

    Raises:
        ServiceError: Somebody else held the lock all the time.
    """
    deadline = time.monotonic() + seconds
    waiting = False
    while not take():
        if time.monotonic() >= deadline:
            raise ServiceError(
                f"another replica still migrates database {dbname!r} after {seconds:g} s; look at its log, "
                f"or raise {variables}_DATABASE_WAIT_SECONDS"
            )
        if not waiting:
            logger.info("another replica migrates the schema; waiting")
            waiting = True
        time.sleep(1.0)


def lock_digest(schema: str, dbname: str) -> bytes:
    """What names the lock of a schema in a database.

    Args:
        schema: Whose schema.
        dbname: The database.
    """
    return hashlib.sha256(f"{schema}-schema:{dbname}".encode()).digest()


def advisory_key(digest: bytes) -> int:
    """The key of PostgreSQL's advisory lock of this name.

    Args:
        digest: What names it.
    """
    return int.from_bytes(digest[:8], signed=True)
