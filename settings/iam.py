"""`mlplatform:iam`: how every role is named and bounded."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints

from settings.base import REGION_PATTERN, Section

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+")

CREATE, NONE = "create", "none"


def _boundary(value: Any) -> str:
    if value in (CREATE, NONE) or (isinstance(value, str) and _POLICY.fullmatch(value)):
        return str(value)
    raise ValueError(
        "must be create (the platform's own), none, or the ARN of an existing managed policy, such as "
        "arn:aws:iam::123456789012:policy/corporate-boundary"
    )


class IamSettings(Section):
    """What all roles of the platform have in common."""

    role_path: Annotated[str, StringConstraints(pattern=r"^/([\w+=,.@-]+/)*$", max_length=512)] = "/mlplatform/"
    """IAM path of every role; begins and ends with a slash."""
    role_prefix: Annotated[str, StringConstraints(pattern=r"^[\w+=,.@-]*$", max_length=20)] = ""
    """Put in front of every role's name and the boundary's (MLSpace's `IAM_RESOURCE_PREFIX`)."""
    permissions_boundary: Annotated[str, BeforeValidator(_boundary)] = CREATE
    """Permissions boundary of every role: `create` (the platform's own), the ARN of an existing managed policy
    (InfinStor's `BoundaryPolicyARN`), or `none`."""
    boundary_regions: list[Annotated[str, StringConstraints(pattern=REGION_PATTERN)]] = []
    """Regions in which the created boundary lets roles act, besides the stack's own."""
    boundary_extra_arns: list[Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:[a-z0-9-]+:.*:.*:.+$")]] = []
    """ARNs outside the account that the created boundary allows as well, such as a bucket of another account."""

    @property
    def boundary_arn(self) -> str | None:
        """ARN of the existing boundary."""
        return self.permissions_boundary if self.permissions_boundary not in (CREATE, NONE) else None

    @property
    def creates_boundary(self) -> bool:
        """Whether the platform makes its own boundary."""
        return self.permissions_boundary == CREATE
