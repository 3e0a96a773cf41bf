"""`mlplatform:backup`: AWS Backup, beside the services' own backups."""

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import Section


class BackupSettings(Section):
    """A backup plan for database and tables, in a vault of its own."""

    enabled: bool = False
    """Whether there is a plan."""
    schedule: Annotated[str, StringConstraints(pattern=r"^cron\(([\w?*,/#-]+ ){5}[\w?*,/#-]+\)$")] = "cron(0 5 ? * * *)"
    """When backups begin: a cron expression of six fields, in UTC; daily at five by default, as AWS Backup's own."""
    retention_days: Annotated[int, Field(ge=1, le=36500)] = 35
    """Days that backups are kept."""
    cold_storage_after_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which backups of tables move to cold storage (databases' cannot), 90 or more before their end; never
    if null."""
