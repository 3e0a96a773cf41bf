"""What every subcommand reads from its environment: where the database is and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from platform_service.environment import Environment

VARIABLES = "MF"
"""What this container's variables begin with."""
ENGINES = ("postgresql",)
"""What the metadata service can use."""
DEFAULT_CA = "/etc/ssl/certs/rds-global-bundle.pem"


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """How the database is reached.

    Attributes:
        parameter: Name of the SSM parameter that says where it is.
        ca: CA bundle that its certificate is checked against.
        wait_seconds: How long to wait for it, and for another migration, in all.
        region: Region of the AWS clients.
    """

    parameter: str
    ca: Path
    wait_seconds: int
    region: str

    @classmethod
    def read(cls, read: Environment) -> DatabaseSettings:
        """Reads the variables; what is wrong is noted.

        Args:
            read: The environment.
        """
        return cls(
            parameter=read.required("MF_DATABASE_PARAMETER", "give the name of the SSM parameter"),
            ca=read.file("MF_DATABASE_CA", DEFAULT_CA, "give a PEM bundle of CAs"),
            wait_seconds=read.number("MF_DATABASE_WAIT_SECONDS", 150, 1),
            region=read.region(),
        )
