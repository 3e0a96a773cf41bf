"""`mlplatform:iam`: how every role is named and bounded."""

from typing import Annotated

from pydantic import StringConstraints

from settings.base import Section


class IamSettings(Section):
    """What all roles of the platform have in common."""

    role_path: Annotated[str, StringConstraints(pattern=r"^/([\w+=,.@-]+/)*$", max_length=512)] = "/mlplatform/"
    """IAM path of every role; begins and ends with a slash."""
    role_prefix: Annotated[str, StringConstraints(pattern=r"^[\w+=,.@-]*$", max_length=20)] = ""
    """Put in front of every role's name (MLSpace's `IAM_RESOURCE_PREFIX`)."""
    permissions_boundary_arn: (
        Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+$")] | None
    ) = None
    """ARN of a managed policy that bounds every role; none if absent."""
