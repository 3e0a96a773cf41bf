"""`mlplatform:encryption`: the customer key."""

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import Section


class EncryptionSettings(Section):
    """One KMS key for everything that the platform stores."""

    key_arn: (
        Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/(mrk-)?[0-9a-f-]+$")]
        | None
    ) = None
    """ARN of an existing key to use instead of creating one; its policy must let the platform's services use it."""
    rotation_period_days: Annotated[int, Field(ge=90, le=2560)] = 365
    """Days between rotations of the key material (AWS KMS allows 90 to 2560)."""
    deletion_window_days: Annotated[int, Field(ge=7, le=30)] = 30
    """Days during which a deleted key can be brought back (AWS KMS allows 7 to 30)."""
