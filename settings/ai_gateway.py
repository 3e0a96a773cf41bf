"""`mlplatform:aiGateway`: the MLflow AI Gateway, a second Fargate service."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from settings.base import RetentionDays, Section
from settings.fargate import check_size

SecretArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-\w{6}$")
]


class EndpointType(StrEnum):
    """What an endpoint does."""

    CHAT = "llm/v1/chat"
    COMPLETIONS = "llm/v1/completions"
    EMBEDDINGS = "llm/v1/embeddings"


class RateLimit(Section):
    """How often an endpoint may be called."""

    calls: Annotated[int, Field(ge=1)]
    """Calls in each period."""
    renewal_period: Annotated[str, StringConstraints(pattern=r"^(second|minute|hour|day|month|year)$")]
    """`second`, `minute`, `hour`, `day`, `month` or `year`."""


class GatewayEndpoint(Section):
    """One endpoint of the gateway (MLflow AI Gateway, configuration)."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][\w-]{0,62}$")]
    """Name under which it is called."""
    endpoint_type: EndpointType
    """`llm/v1/chat`, `llm/v1/completions` or `llm/v1/embeddings`."""
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    """Provider, such as `openai`, `anthropic` or `bedrock`."""
    model: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """Name of the provider's model."""
    config: dict[str, Any] = {}
    """The provider's configuration without keys, such as `openai_api_base`; in the provider's own words."""
    secrets: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], SecretArn] = {}
    """Secrets Manager ARNs by configuration key, such as `openai_api_key`; the values reach the task alone."""
    limit: RateLimit | None = None
    """How often it may be called, in each task; without limit if null."""


class AiGatewaySettings(Section):
    """The AI gateway; off by default."""

    enabled: bool = False
    """Whether there is a gateway."""
    endpoints: list[GatewayEndpoint] = []
    """Its endpoints."""
    cpu: int = 512
    """CPU units of a task; 1024 are one vCPU."""
    memory: int = 1024
    """Memory of a task in MiB."""
    desired_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Tasks at rest, and the least that scaling keeps."""
    max_count: Annotated[int, Field(ge=1, le=100)] = 4
    """Tasks at most."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=90)] = 70
    """Average CPU that scaling aims at."""
    workers: Annotated[int, Field(ge=1, le=32)] = 2
    """Worker processes in a task."""
    throttling_rate_limit: Annotated[float, Field(ge=1, le=10000)] = 50
    """Requests a second, over all callers."""
    throttling_burst_limit: Annotated[int, Field(ge=1, le=5000)] = 100
    """Requests above the rate that are let through at once."""
    log_retention_days: RetentionDays = 30
    """Days that logs of containers and API are kept."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.enabled and not self.endpoints:
            raise ValueError("enabled is true without endpoints; give one, or set enabled to false")
        names = [endpoint.name for endpoint in self.endpoints]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"endpoints name {', '.join(twice)} twice; give each its own name")
        check_size(self.cpu, self.memory)
        if self.desired_count > self.max_count:
            raise ValueError(f"desiredCount {self.desired_count} is above maxCount {self.max_count}; raise maxCount")
        return self
