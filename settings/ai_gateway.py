"""`mlplatform:aiGateway`: the MLflow AI Gateway, a second Fargate service."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, Self, cast

from pydantic import Field, StringConstraints, model_validator

from settings.base import REGION_PATTERN, RetentionDays, Section
from settings.fargate import check_size

SecretArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-\w{6}$")
]

BEDROCK = ("amazon-bedrock", "amazon_bedrock", "bedrock")
"""MLflow's names of Amazon Bedrock, which the task calls as its own role."""

_ANOTHER_ROLE = (
    "the task may take no other role, neither by its policy nor by the permissions boundary; remove it: the task's own "
    "role may call what the endpoint names"
)
_KEYS = "would stand in the task's definition; remove it: the task calls Bedrock as its own role, without keys"
_NOT_SERVED = {
    **dict.fromkeys(("aws_role_arn", "session_length_seconds"), _ANOTHER_ROLE),
    **dict.fromkeys(("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_bearer_token"), _KEYS),
}
"""Keys of MLflow's `aws_config` that cannot work here, and why."""
_PROFILE_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:\d{12}:(application-)?inference-profile/[\w.:-]+")


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
    """Name of the provider's model; at Bedrock the id of a model or inference profile, or a profile's ARN."""
    config: dict[str, Any] = {}
    """The provider's configuration without keys, such as `openai_api_base`; in the provider's own words. Bedrock's is
    `aws_config` with `aws_region`, the stack's region if left out."""
    secrets: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")], SecretArn] = {}
    """Secrets Manager ARNs by configuration key, such as `openai_api_key`; the values reach the task alone. None for
    Bedrock, which the task calls as its own role."""
    limit: RateLimit | None = None
    """How often it may be called, in each task; without limit if null."""

    @property
    def is_bedrock(self) -> bool:
        """Whether it calls Amazon Bedrock."""
        return self.provider in BEDROCK

    @property
    def aws_region(self) -> str | None:
        """Region in which it calls Bedrock; the stack's if none is given."""
        return self.config.get("aws_config", {}).get("aws_region")

    @model_validator(mode="after")
    def _bedrock_as_the_role(self) -> Self:
        if self.is_bedrock and (problems := list(_of_bedrock(self))):
            raise ValueError("; ".join(problems))
        return self


def _of_bedrock(endpoint: GatewayEndpoint) -> Iterator[str]:
    """What of an endpoint of Bedrock cannot work. MLflow itself passes over keys that it does not know."""
    if endpoint.secrets:
        yield "secrets: the task calls Bedrock as its own role, and MLflow looks for no key there; remove secrets"
    if endpoint.model.startswith("arn:") and not _PROFILE_ARN.fullmatch(endpoint.model):
        yield f"model = {endpoint.model}: is not an inference profile's ARN; give the id of a model or profile"
    for key in sorted(endpoint.config.keys() - {"aws_config"}):
        yield f"config.{key}: is not a key of Bedrock's; the only one is aws_config"
    aws = endpoint.config.get("aws_config", {})
    if not isinstance(aws, dict):
        yield "config.aws_config: is not a map; give aws_region in it, or remove it for the stack's region"
        return
    given = cast("dict[str, Any]", aws)
    for key in sorted(given.keys() - {"aws_region"}):
        why = _NOT_SERVED.get(key, "is not a key that works here; the only one is aws_region")
        yield f"config.aws_config.{key}: {why}"
    region = given.get("aws_region")
    if region is not None and not re.fullmatch(REGION_PATTERN, str(region)):
        yield f"config.aws_config.aws_region = {region}: is no region's name, such as eu-west-1"


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
