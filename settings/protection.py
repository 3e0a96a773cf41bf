"""`mlplatform:protection`: the one place that decides whether data may be destroyed, and how it is backed up."""

from typing import Annotated

from pydantic import Field

from settings.base import Section


class ProtectionSettings(Section):
    """Protection of everything that holds data: database, bucket, key, secret, Studio's home directories."""

    protect_resources: bool = True
    """Pulumi refuses to delete or replace what holds data."""
    deletion_protection: bool = True
    """AWS refuses to delete the database and the load balancer."""
    final_snapshot: bool = True
    """The database leaves a snapshot when it is deleted."""
    force_destroy: bool = False
    """Buckets and image repositories are deleted with what is in them."""
    retain_studio_home: bool = True
    """Studio's EFS file system stays when its domain is deleted."""
    backup_retention_days: Annotated[int, Field(ge=1, le=35)] = 7
    """Days that automatic backups of the database are kept (RDS allows 1 to 35)."""
    secret_recovery_days: Annotated[int, Field(ge=0, le=30)] = 30
    """Days that a deleted secret can be brought back: 0 for none, or 7 to 30 (Secrets Manager)."""
