"""What every settings section shares: frozen, camelCase keys, unknown keys refused."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Retention periods that CloudWatch Logs offers (API reference, PutRetentionPolicy)."""

REGION_PATTERN = r"^[a-z]{2}(-[a-z]+)+-\d$"
"""Name of a region."""


class Environment(StrEnum):
    """The preset a stack starts from: sizes, protection, retention and cost (`settings/presets.py`)."""

    LOCAL = "local"
    DEV = "dev"
    PROD = "prod"


class Section(BaseModel):
    """One section of the stack configuration, such as `mlplatform:network`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        # A refused value may be a secret: settings/load.py words the errors and knows what may be shown.
        hide_input_in_errors=True,
    )


def _offered_by_cloudwatch(days: int) -> int:
    if days not in LOG_RETENTION_DAYS:
        raise ValueError(f"CloudWatch Logs keeps logs for one of {', '.join(map(str, LOG_RETENTION_DAYS))} days")
    return days


RetentionDays = Annotated[int, AfterValidator(_offered_by_cloudwatch)]
"""Days that a log group keeps its events."""
