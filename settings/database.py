"""`mlplatform:database`: where MLflow keeps runs, metrics and models' metadata."""

import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from settings.base import RetentionDays, Section


class Engine(StrEnum):
    """Database engines, by the names of Amazon RDS."""

    AURORA_MYSQL = "aurora-mysql"
    AURORA_POSTGRESQL = "aurora-postgresql"
    POSTGRES = "postgres"

    @property
    def is_aurora(self) -> bool:
        """Whether it runs as an Aurora Serverless v2 cluster rather than one RDS instance."""
        return self is not Engine.POSTGRES

    @property
    def is_mysql(self) -> bool:
        """Whether clients speak MySQL to it rather than PostgreSQL."""
        return self is Engine.AURORA_MYSQL


DEFAULT_VERSION = {
    Engine.AURORA_MYSQL: "8.0.mysql_aurora.3.10.0",
    Engine.AURORA_POSTGRESQL: "16",
    Engine.POSTGRES: "16",
}
"""Aurora MySQL: the long-term support release. PostgreSQL: the major version alone, as RDS blocks old minors."""

DEFAULT_PORT = {Engine.AURORA_MYSQL: 3306, Engine.AURORA_POSTGRESQL: 5432, Engine.POSTGRES: 5432}

LEAST_VERSION_FOR_0_ACU = {
    Engine.AURORA_MYSQL: {3: (3, 8, 0)},
    Engine.AURORA_POSTGRESQL: {13: (13, 15), 14: (14, 12), 15: (15, 7), 16: (16, 3)},
}
"""Aurora user guide, "Scaling to zero ACUs with automatic pause and resume": least version for each major version."""

Acu = Annotated[float, Field(ge=0, le=256, multiple_of=0.5)]


class DatabaseSettings(Section):
    """Engine, capacity and upkeep. Protection and backups: `mlplatform:protection`."""

    engine: Engine = Engine.AURORA_MYSQL
    """`aurora-mysql`, `aurora-postgresql` (both Aurora Serverless v2) or `postgres` (one RDS instance)."""
    engine_version: Annotated[str, StringConstraints(pattern=r"^\d+(\.[\w]+)*$")] | None = None
    """Version of the engine; by default Aurora MySQL 3.10 (long-term support) or PostgreSQL 16."""
    database_name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")] = "mlflow"
    """Name of the database inside the engine."""
    master_username: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,14}$")] = "mlflow"
    """Master user; RDS makes, keeps and rotates the password."""
    port: Annotated[int, Field(ge=1150, le=65535)] | None = None
    """TCP port; the engine's own by default (3306 or 5432)."""
    min_acu: Acu = 0.5
    """Least Aurora capacity units; 0 pauses the database when idle."""
    max_acu: Annotated[float, Field(ge=1, le=256, multiple_of=0.5)] = 2
    """Most Aurora capacity units (the sample's 2)."""
    seconds_until_auto_pause: Annotated[int, Field(ge=300, le=86400)] = 3600
    """Idle seconds before a database with `minAcu` 0 pauses (the sample's 3600)."""
    instances: Annotated[int, Field(ge=1, le=15)] = 1
    """Aurora instances: one writer, the others readers in other zones that take over when it fails."""
    instance_class: Annotated[str, StringConstraints(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")] = "db.t4g.micro"
    """Instance class of a `postgres` database."""
    allocated_storage: Annotated[int, Field(ge=20, le=65536)] = 20
    """GiB of storage of a `postgres` database."""
    max_allocated_storage: Annotated[int, Field(ge=20, le=65536)] = 100
    """GiB up to which a `postgres` database grows by itself."""
    multi_az: bool = False
    """Whether a `postgres` database has a standby in another zone."""
    performance_insights: bool = False
    """Record the load by query, encrypted with the platform's key, for 7 days (free)."""
    monitoring_interval_seconds: Literal[0, 1, 5, 10, 15, 30, 60] = 0
    """Seconds between measurements of enhanced monitoring (operating system, processes); 0 turns it off."""
    log_retention_days: RetentionDays = 30
    """Days that exported database logs are kept."""

    @property
    def version(self) -> str:
        """The engine version in force."""
        return self.engine_version or DEFAULT_VERSION[self.engine]

    @property
    def listener_port(self) -> int:
        """The TCP port in force."""
        return self.port or DEFAULT_PORT[self.engine]

    @property
    def auto_pauses(self) -> bool:
        """Whether the database stops when idle."""
        return self.engine.is_aurora and self.min_acu == 0

    @model_validator(mode="after")
    def _capacity(self) -> Self:
        if self.engine.is_aurora and self.min_acu > self.max_acu:
            raise ValueError(
                f"minAcu {self.min_acu:g} is above maxAcu {self.max_acu:g}; lower the one or raise the other"
            )
        if not self.engine.is_aurora and self.allocated_storage > self.max_allocated_storage:
            raise ValueError(
                f"allocatedStorage {self.allocated_storage} is above maxAllocatedStorage {self.max_allocated_storage}; "
                "raise the latter"
            )
        return self

    @model_validator(mode="after")
    def _version(self) -> Self:
        is_mysql_version = "mysql_aurora" in self.version
        if is_mysql_version != self.engine.is_mysql:
            raise ValueError(
                f"engineVersion {self.version} is not one of {self.engine}; "
                f"leave it out for {DEFAULT_VERSION[self.engine]}, or name one like it"
            )
        least = _least_version_for_0_acu(self.engine, self.version)
        if self.auto_pauses and least:
            raise ValueError(
                f"minAcu 0 needs engineVersion {least} or later, and it is {self.version}; "
                "raise engineVersion, or set minAcu to 0.5 or more"
            )
        return self


def _least_version_for_0_acu(engine: Engine, version: str) -> str | None:
    """The version that `version` would have to be for 0 ACU, or None where it is new enough (or left to RDS)."""
    number = tuple(int(part) for part in re.findall(r"\d+", version.rsplit("mysql_aurora.", maxsplit=1)[-1]))
    majors = LEAST_VERSION_FOR_0_ACU.get(engine, {})
    if number[0] > max(majors, default=0) or (len(number) == 1 and number[0] in majors):
        return None
    least = majors.get(number[0], majors[max(majors)])
    return None if number >= least else ".".join(map(str, least))
