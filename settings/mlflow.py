"""`mlplatform:mlflow`: the tracking server's task, its size and its limits."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from settings.base import RetentionDays, Section
from settings.fargate import CpuArchitecture, ImageUri, check_size, pinned

AUTHORISE_PORT = 5002
"""Port on which a task's authoriser checks bearer tokens for NGINX (services/README.md)."""


class Auth(StrEnum):
    """How callers of MLflow prove who they are."""

    BASIC = "basic"
    COGNITO = "cognito"


class ContainerInsights(StrEnum):
    """CloudWatch Container Insights on the cluster."""

    ENABLED = "enabled"
    ENHANCED = "enhanced"
    DISABLED = "disabled"


class Images(Section):
    """The two container images, by URI; what is absent is built from `services/` with Docker and pushed."""

    mlflow: ImageUri | None = None
    """Image of MLflow, with a tag other than `latest`, or a digest."""
    nginx: ImageUri | None = None
    """Image of NGINX, with a tag other than `latest`, or a digest."""

    @field_validator("mlflow", "nginx")
    @classmethod
    def _pinned(cls, uri: str | None) -> str | None:
        return pinned(uri)


class MlflowSettings(Section):
    """The MLflow tracking server on Fargate."""

    auth: Auth = Auth.COGNITO
    """`cognito`: bearer tokens of the user pool (`MLFLOW_TRACKING_TOKEN`); `basic`: one user name and password."""
    images: Images = Images()
    """Container images."""
    cpu: int = 512
    """CPU units of a task; 1024 are one vCPU."""
    memory: int = 1024
    """Memory of a task in MiB; which go with which CPU is AWS's table."""
    cpu_architecture: CpuArchitecture = CpuArchitecture.X86_64
    """`X86_64` or `ARM64`."""
    spot: bool = False
    """Run on Fargate Spot: about 70 % cheaper, and AWS may take a task back with two minutes' notice."""
    desired_count: Annotated[int, Field(ge=1, le=100)] = 2
    """Tasks at rest, and the least that scaling keeps."""
    max_count: Annotated[int, Field(ge=1, le=100)] = 6
    """Tasks at most."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=90)] = 70
    """Average CPU that scaling aims at."""
    scale_in_cooldown_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """Seconds between two steps down."""
    scale_out_cooldown_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """Seconds between two steps up."""
    container_port: Annotated[int, Field(ge=1024, le=65535)] = 5000
    """Port of MLflow inside the task; only NGINX reaches it."""
    proxy_port: Annotated[int, Field(ge=1, le=65535)] = 80
    """Port of NGINX."""
    workers: Annotated[int, Field(ge=1, le=32)] = 2
    """MLflow worker processes in a task; each takes about 300 MiB."""
    job_execution: bool = False
    """MLflow's background jobs; they took 2.3 GiB instead of 0.8 GiB for a task (measured on MLflow 3.17)."""
    max_body_size_mib: Annotated[int, Field(ge=1, le=10)] = 10
    """Largest request in MiB; HTTP APIs cut at 10 MB, and artifacts go straight to S3."""
    read_timeout_seconds: Annotated[int, Field(ge=1, le=29)] = 29
    """Seconds that NGINX waits for MLflow; HTTP APIs give up after 30."""
    username: Annotated[str, StringConstraints(pattern=r'^[!"$-9;-~][!-9;-~]{0,63}$')] = "admin"
    """User name of the basic authentication: printable ASCII without space and colon, not beginning with `#`."""
    password: Annotated[SecretStr, Field(min_length=12, max_length=128)] | None = None
    """Password of the basic authentication, a Pulumi secret; 32 random letters and digits by default."""
    allowed_hosts: list[Annotated[str, StringConstraints(pattern=r"^[\w.*:-]+$")]] = []
    """Further Host headers that MLflow accepts, such as `mlflow.example.com`; the API's own are always accepted."""
    cors_allowed_origins: list[Annotated[str, StringConstraints(pattern=r"^https?://[\w.:-]+$")]] = []
    """Web origins, besides MLflow's own, whose scripts may call it: each in full, as `https://app.example.com`."""
    pool_size: Annotated[int, Field(ge=1, le=100)] = 5
    """Database connections that each worker keeps; none are kept where the database pauses when idle."""
    pool_max_overflow: Annotated[int, Field(ge=0, le=100)] = 10
    """Further database connections of a worker under load."""
    pool_recycle_seconds: Annotated[int, Field(ge=30, le=28800)] = 600
    """Age at which a kept database connection is renewed."""
    namespace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")] = "http-api.local"
    """Cloud Map namespace, a private DNS zone of the VPC."""
    service_name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")] = "mlflowservice"
    """Cloud Map service; with the namespace, the name of the tasks inside the VPC."""
    container_insights: ContainerInsights = ContainerInsights.ENABLED
    """`enabled`, `enhanced` or `disabled`; about $0.30 a month for each metric."""
    log_retention_days: RetentionDays = 30
    """Days that the containers' logs are kept."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_size(self.cpu, self.memory)
        if self.desired_count > self.max_count:
            raise ValueError(f"desiredCount {self.desired_count} is above maxCount {self.max_count}; raise maxCount")
        if self.container_port == self.proxy_port:
            raise ValueError(f"containerPort and proxyPort are both {self.proxy_port}; the task needs two ports")
        for name, port in (("containerPort", self.container_port), ("proxyPort", self.proxy_port)):
            if port == AUTHORISE_PORT:
                raise ValueError(f"{name} is {port}, on which tasks check bearer tokens; choose another")
        return self
