"""`prepare`: before the server starts the schema is current and, with basic authentication, the password file there."""

from __future__ import annotations

import json
import logging
import time

from alembic.util import CommandError
from mlflow.store.db import utils
from platform_service.aws import Aws
from platform_service.errors import ServiceError

from .database import migration_lock, store_url, wait_for_database
from .htpasswd import replace, write
from .settings import Settings

logger = logging.getLogger("mlflow_service")


def prepare(settings: Settings) -> None:
    """Migrates the schema, once however many replicas start, and writes the password file if there is one.

    Args:
        settings: The checked environment.

    Raises:
        ServiceError: What is wrong and the way out.
    """
    deadline = time.monotonic() + settings.database_wait_seconds
    aws = Aws(settings.region)
    # First what fails fast: a wrong credentials secret should not wait for a database to resume.
    versions: dict[str, str] = {}
    if settings.credentials_secret_id is not None:
        login = aws.credentials(settings.credentials_secret_id)
        write(settings.htpasswd_file, login.username, login.password, settings.htpasswd_rounds)
        versions[settings.credentials_secret_id] = login.version
        logger.info("wrote %s", settings.htpasswd_file)

    target = aws.database_target(settings.database_parameter)
    engine = wait_for_database(
        target,
        lambda: store_url(target, aws.credentials(target.secret_arn), settings.database_ca),
        settings.database_wait_seconds,
    )
    with migration_lock(engine, target.dbname, max(1.0, deadline - time.monotonic())):
        _migrate(engine.url.render_as_string(hide_password=False))
    engine.dispose()
    # `serve` compares with this version: a rotation between now and its start is not lost.
    replace(settings.versions_file, json.dumps(versions) + "\n")


def _migrate(url: str) -> None:
    """Does what `mlflow db upgrade URL` does, without the URL in the process list."""
    started = time.monotonic()
    engine = utils.create_sqlalchemy_engine(url)
    try:
        before = utils._get_schema_version(engine)
        if before is None:
            # Also when a first start was cut off between two tables: creating them again skips what is there.
            utils._initialize_tables(engine)
        else:
            utils._upgrade_db(engine)
        after = utils._get_schema_version(engine)
    except CommandError as error:
        raise ServiceError(
            f"the schema cannot be brought to this image's version: {error}. A newer MLflow has migrated it: "
            "deploy that version again, or restore the snapshot taken before"
        ) from error
    finally:
        engine.dispose()
    logger.info("schema %s -> %s in %.1f s", before or "empty", after, time.monotonic() - started)
