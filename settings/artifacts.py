"""`mlplatform:artifacts`: the bucket that holds models, plots and files of runs."""

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import Section

BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]


class ArtifactsSettings(Section):
    """The artifact store."""

    bucket_name: BucketName | None = None
    """Name of the bucket; `<project>-<stack>-artifacts-<account>-<region>` by default."""
    prefix: Annotated[str, StringConstraints(pattern=r"^([\w!.*'()-]+/)*[\w!.*'()-]+$")] = "mlflow"
    """Key prefix under which MLflow writes."""
    noncurrent_version_expiration_days: Annotated[int, Field(ge=1)] = 90
    """Days that overwritten or deleted objects can be brought back."""
    intelligent_tiering_days: Annotated[int, Field(ge=0)] | None = 30
    """Days after which an object moves to S3 Intelligent-Tiering; never if null."""
    access_logs: bool = False
    """Whether each request to it and to Metaflow's datastore is logged, into a bucket of their own."""
    access_log_retention_days: Annotated[int, Field(ge=1)] = 90
    """Days that access logs are kept."""
