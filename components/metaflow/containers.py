"""Containers of the metadata service, its migration and the UI: pure functions of what is known at preview."""

from dataclasses import dataclass
from functools import partial

from components import fargate
from components.fargate import TEMPORARY, Container
from lib.naming import Target

METADATA, MIGRATION, UI = "metadataContainer", "migrationContainer", "uiContainer"
"""Names of the containers."""

METADATA_PORT, UI_PORT = 8080, 8083
"""The public image's ports; its third, 8082, migrates on demand and is not started here."""

CACHE = {"cache": "/var/cache/metaflow"}
"""Where the UI keeps what it has read of artifacts."""

STREAM = "metaflow"
"""What the names of the log streams begin with."""

DATABASE_CA = "/etc/ssl/certs/rds-global-bundle.pem"
DATABASE_WAIT_SECONDS = 150
"""How long a task waits for a database that wakes, or fails over."""
MIGRATION_WAIT_SECONDS = 30
"""How long a migration, whose failure somebody waits for, waits for a database that never pauses."""

SLOW_RETRIES = 10
"""A health check that asks the database gives it five minutes, so that a failover does not end all tasks."""

UI_POOL_MAX = 4
"""Connections of each of the six pools that the UI's back end keeps."""

UI_PATH = "/api"
"""Where the UI's back end answers; everything else is the UI itself."""

_container = partial(fargate.container, stream=STREAM)


@dataclass(frozen=True, kw_only=True)
class Common:
    """What the containers have in common.

    Args:
        target: Region, for logs.
        image: URI of the service's image.
        database_parameter: Name of the parameter with the database's address.
        database_pauses: Whether a look at the database would keep it awake.
        dual_stack: Whether AWS APIs are called by their dual-stack names.
        log_group: Name of the log group.
    """

    target: Target
    image: str
    database_parameter: str
    database_pauses: bool
    dual_stack: bool
    log_group: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables of every container (services/README.md, section metaflow)."""
        return {
            "AWS_REGION": self.target.region,
            "AWS_USE_DUALSTACK_ENDPOINT": str(self.dual_stack).lower(),
            "MF_DATABASE_PARAMETER": self.database_parameter,
            "MF_DATABASE_CA": DATABASE_CA,
            "MF_DATABASE_WAIT_SECONDS": str(DATABASE_WAIT_SECONDS),
        }

    def serving(self, pool_max: int) -> dict[str, str]:
        """Variables of the containers that keep connections to the database."""
        least = "0" if self.database_pauses else "1"
        return {
            **self.environment,
            "MF_METADATA_DB_POOL_MIN": least,
            "MF_METADATA_DB_POOL_MAX": str(pool_max),
        }


def migration(common: Common) -> Container:
    """Brings the schema to the image's version, and ends."""
    wait = DATABASE_WAIT_SECONDS if common.database_pauses else MIGRATION_WAIT_SECONDS
    return _container(
        common.target,
        MIGRATION,
        common.image,
        common.log_group,
        volumes=TEMPORARY,
        command=["migrate"],
        environment={**common.environment, "MF_DATABASE_WAIT_SECONDS": str(wait)},
    )


def metadata(common: Common, *, pool_max: int) -> Container:
    """Serves the metadata API; ECS replaces it where it has not reached its database for five minutes.

    Args:
        common: What all containers have.
        pool_max: Connections to the database at most.
    """
    check = "metadata" if common.database_pauses else "database"
    return _container(
        common.target,
        METADATA,
        common.image,
        common.log_group,
        volumes=TEMPORARY,
        command=["serve"],
        environment={**common.serving(pool_max), "MF_METADATA_PORT": str(METADATA_PORT)},
        port=METADATA_PORT,
        health=["CMD", "python3", "-m", "metaflow_service", "health", check],
        health_retries=SLOW_RETRIES,
    )


def ui(common: Common, *, datastore_root: str) -> Container:
    """Serves the UI, and its back end under `UI_PATH`.

    Args:
        common: What all containers have.
        datastore_root: `s3://` address of the datastore.
    """
    return _container(
        common.target,
        UI,
        common.image,
        common.log_group,
        volumes={**TEMPORARY, **CACHE},
        command=["ui"],
        environment={
            **common.serving(UI_POOL_MAX),
            "MF_UI_METADATA_PORT": str(UI_PORT),
            # Live updates hold a session open, which keeps a database awake that would pause.
            "MF_UI_LIVE_UPDATES": str(not common.database_pauses).lower(),
            "MF_DATASTORE_ROOT": datastore_root,
            "METAFLOW_DATASTORE_SYSROOT_S3": datastore_root,
            "METAFLOW_SERVICE_URL": f"http://localhost:{UI_PORT}{UI_PATH}/metadata",
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DEFAULT_METADATA": "service",
        },
        port=UI_PORT,
        health=["CMD", "python3", "-m", "metaflow_service", "health", "ui"],
    )
