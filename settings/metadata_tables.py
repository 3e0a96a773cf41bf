"""`mlplatform:metadataTables`: DynamoDB tables of users, groups, projects and datasets, and of MLflow."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from settings.base import Section

TableName = Annotated[str, StringConstraints(pattern=r"^[\w.-]{3,200}$")]


class BillingMode(StrEnum):
    """How reads and writes are paid."""

    PAY_PER_REQUEST = "PAY_PER_REQUEST"
    PROVISIONED = "PROVISIONED"


class Capacity(Section):
    """Provisioned capacity of each table and index, which scales between the two."""

    minimum: Annotated[int, Field(ge=1, le=40_000)] = 1
    """Units at least."""
    maximum: Annotated[int, Field(ge=1, le=40_000)] = 10
    """Units at most."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}; raise maximum")
        return self


class MetadataTablesSettings(Section):
    """The tables; their names are MLSpace's, with a prefix so that stacks of one account do not collide."""

    enabled: bool = True
    """Whether there are tables."""
    name_prefix: Annotated[str, StringConstraints(pattern=r"^[\w.-]{0,50}$")] | None = None
    """Put in front of each name; `<project>-<stack>-` by default, none if empty."""
    mlflow_table_name: TableName = "mlflow"
    """MLflow's metadata."""
    datasets_table_name: TableName = "mlspace-datasets"
    """Datasets."""
    projects_table_name: TableName = "mlspace-projects"
    """Projects."""
    project_users_table_name: TableName = "mlspace-project-users"
    """Members of projects, with permissions and roles."""
    project_groups_table_name: TableName = "mlspace-project-groups"
    """Groups in projects."""
    groups_table_name: TableName = "mlspace-groups"
    """Groups."""
    group_users_table_name: TableName = "mlspace-group-users"
    """Members of groups."""
    groups_membership_history_table_name: TableName = "mlspace-group-membership-history"
    """Who came into which group and left it, when, and by whom."""
    group_datasets_table_name: TableName = "mlspace-group-datasets"
    """Datasets that are shared with groups."""
    users_table_name: TableName = "mlspace-users"
    """Users."""
    app_configuration_table_name: TableName = "mlspace-app-configuration"
    """Settings that can be changed while the platform runs."""
    billing_mode: BillingMode = BillingMode.PAY_PER_REQUEST
    """`PAY_PER_REQUEST` (on demand) or `PROVISIONED` with autoscaling."""
    read_capacity: Capacity = Capacity()
    """Read capacity units, where provisioned."""
    write_capacity: Capacity = Capacity()
    """Write capacity units, where provisioned."""
    target_utilization_percent: Annotated[int, Field(ge=20, le=90)] = 70
    """Utilization that scaling aims at, where provisioned."""
    point_in_time_recovery: Annotated[bool, Field(alias="enableDDBPointInTimeRecov")] = True
    """Whether the tables can be restored to any second (`enableDDBPointInTimeRecov`)."""
    recovery_period_days: Annotated[int, Field(ge=1, le=35)] = 35
    """Days back to which they can be restored."""

    @property
    def names(self) -> dict[str, str]:
        """Names without prefix, by the tables' logical names such as `project-users`."""
        suffix = "_table_name"
        fields = [field for field in type(self).model_fields if field.endswith(suffix)]
        return {field.removesuffix(suffix).replace("_", "-"): getattr(self, field) for field in fields}

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = list(self.names.values())
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} names two tables; give each its own name")
        return self
