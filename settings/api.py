"""`mlplatform:api`: the HTTP API in front of MLflow, and what carries its traffic into the VPC."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from settings.base import RetentionDays, Section


class Integration(StrEnum):
    """What the VPC link leads to."""

    LOAD_BALANCER = "loadBalancer"
    CLOUD_MAP = "cloudMap"


class LoadBalancerSettings(Section):
    """The internal Application Load Balancer."""

    certificate_arn: (
        Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+$")]
        | None
    ) = None
    """ACM certificate; with it the listener speaks TLS on 443, without it HTTP on 80."""
    server_name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")] | None = None
    """Name in that certificate, which the API verifies."""
    idle_timeout_seconds: Annotated[int, Field(ge=1, le=4000)] = 60
    """Seconds after which a silent connection is closed."""

    @model_validator(mode="after")
    def _tls(self) -> Self:
        if (self.certificate_arn is None) != (self.server_name is None):
            given, absent = ("serverName", "certificateArn") if self.server_name else ("certificateArn", "serverName")
            raise ValueError(f"{given} is set without {absent}; TLS needs both")
        return self


class ApiSettings(Section):
    """The HTTP API."""

    integration: Integration = Integration.LOAD_BALANCER
    """`loadBalancer`, or `cloudMap`: no load balancer, the VPC link finds the tasks by their registration."""
    load_balancer: LoadBalancerSettings = LoadBalancerSettings()
    """The load balancer, if there is one."""
    throttling_rate_limit: Annotated[float, Field(ge=1, le=10000)] = 100
    """Requests a second, over all callers."""
    throttling_burst_limit: Annotated[int, Field(ge=1, le=5000)] = 200
    """Requests above the rate that are let through at once."""
    log_retention_days: RetentionDays = 30
    """Days that access logs are kept."""

    @property
    def has_load_balancer(self) -> bool:
        """Whether the VPC link leads to a load balancer."""
        return self.integration is Integration.LOAD_BALANCER
