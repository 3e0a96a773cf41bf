"""`mlplatform:restApi`: the platform's REST API, a Lambda function behind an HTTP API."""

from typing import Annotated

from pydantic import Field

from settings.base import RetentionDays, Section
from settings.fargate import CpuArchitecture


class RestApiSettings(Section):
    """The REST API at the name `api`: `GET /health`, `/me`, `/config`, and the login of MLflow's pages."""

    memory_mib: Annotated[int, Field(ge=128, le=10240)] = 256
    """Memory of the function in MiB; processor time grows with it."""
    timeout_seconds: Annotated[int, Field(ge=1, le=29)] = 10
    """Seconds that the function may take; HTTP APIs give up after 30."""
    architecture: CpuArchitecture = CpuArchitecture.ARM64
    """`X86_64` or `ARM64`; the latter costs a fifth less."""
    reserved_concurrency: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Executions at once that are set aside, which are also the most; none set aside if null."""
    throttling_rate_limit: Annotated[float, Field(ge=1, le=10000)] = 50
    """Requests a second, over all callers."""
    throttling_burst_limit: Annotated[int, Field(ge=1, le=5000)] = 100
    """Requests above the rate that are let through at once."""
    log_retention_days: RetentionDays = 30
    """Days that logs of function and API are kept."""
