"""`mlplatform:metaflow`: datastore, compute, orchestration, metadata service, gateway, UI, notebook and user role."""

from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from settings.api import Integration
from settings.base import RetentionDays, Section
from settings.batch import BatchSettings
from settings.database import DatabaseSettings, Engine
from settings.domain import CertificateArn, DomainName
from settings.fargate import CpuArchitecture, ImageUri, check_size, pinned

Prefix = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][\w.-]*$", max_length=64)]
PrincipalArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:(iam|sts)::\d{12}:(root|(user|role|assumed-role)/[\w+=,.@/-]+)$")
]


class MetaflowImages(Section):
    """The two container images, by URI; what is absent is built from `services/` with Docker and pushed."""

    service: ImageUri | None = None
    """Image of the metadata service, its migration and the UI (`services/metaflow`), with a tag or digest."""
    job: ImageUri | None = None
    """Default image of Batch jobs (`services/metaflow-job`), `METAFLOW_BATCH_CONTAINER_IMAGE`."""

    @field_validator("service", "job")
    @classmethod
    def _pinned(cls, uri: str | None) -> str | None:
        return pinned(uri)


class DatastoreSettings(Section):
    """The bucket of artifacts, code packages and data."""

    bucket_name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")] | None = None
    """Name of the bucket; `<project>-<stack>-metaflow-<account>-<region>` by default."""
    datastore_prefix: Prefix = "metaflow"
    """Key prefix of artifacts and code packages (`METAFLOW_DATASTORE_SYSROOT_S3`)."""
    datatools_prefix: Prefix = "data"
    """Key prefix of what flows store themselves (`METAFLOW_DATATOOLS_S3ROOT`)."""
    noncurrent_version_expiration_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days after which overwritten and deleted objects are gone for good."""
    intelligent_tiering_days: Annotated[int, Field(ge=0, le=3650)] | None = 30
    """Age in days at which objects move to Intelligent-Tiering; never if null."""

    @model_validator(mode="after")
    def _two_prefixes(self) -> Self:
        if self.datastore_prefix == self.datatools_prefix:
            raise ValueError(f"datastorePrefix and datatoolsPrefix are both {self.datastore_prefix!r}; choose two")
        return self


class MetaflowDatabaseSettings(DatabaseSettings):
    """PostgreSQL of the metadata service; keys as in `mlplatform:database`."""

    engine: Engine = Engine.POSTGRES
    """`postgres` (one RDS instance) or `aurora-postgresql` (Aurora Serverless v2)."""
    database_name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")] = "metaflow"
    """Name of the database inside the engine."""
    master_username: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,14}$")] = "metaflow"
    """Master user; RDS makes, keeps and rotates the password."""

    @model_validator(mode="after")
    def _postgresql(self) -> Self:
        if self.engine.is_mysql:
            raise ValueError(f"engine is {self.engine}, and the metadata service speaks PostgreSQL; choose postgres")
        return self


class MetadataServiceSettings(Section):
    """The metadata service on Fargate."""

    integration: Integration = Integration.LOAD_BALANCER
    """What jobs and gateway reach the tasks by: an internal `loadBalancer`, or `cloudMap` names without one."""
    cpu: int = 512
    """CPU units of a task; 1024 are one vCPU (the template's 512)."""
    memory: int = 1024
    """Memory of a task in MiB (the template's 1024)."""
    cpu_architecture: CpuArchitecture = CpuArchitecture.X86_64
    """`X86_64` or `ARM64`, of the UI as well; the public image has both."""
    spot: bool = False
    """Run on Fargate Spot: about 70 % cheaper, and AWS may take a task back with two minutes' notice."""
    desired_count: Annotated[int, Field(ge=1, le=100)] = 1
    """Tasks at rest, and the least that scaling keeps (the template's 1)."""
    max_count: Annotated[int, Field(ge=1, le=100)] = 4
    """Tasks at most."""
    target_cpu_percent: Annotated[int, Field(ge=10, le=90)] = 70
    """Average CPU that scaling aims at."""
    pool_max: Annotated[int, Field(ge=1, le=100)] = 10
    """Database connections of a task at most (`MF_METADATA_DB_POOL_MAX`)."""
    log_retention_days: RetentionDays = 30
    """Days that logs of service, migration and UI are kept."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_size(self.cpu, self.memory)
        if self.desired_count > self.max_count:
            raise ValueError(f"desiredCount {self.desired_count} is above maxCount {self.max_count}; raise maxCount")
        return self


class QuotaPeriod(StrEnum):
    """Period of a usage plan's quota."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


class CloudWatchRole(StrEnum):
    """Whose the role is by which API Gateway writes logs; an account has one for each region."""

    CREATE = "create"
    ACCOUNT = "account"


class GatewaySettings(Section):
    """The API that clients outside the VPC call."""

    throttling_rate_limit: Annotated[float, Field(ge=1, le=10000)] = 100
    """Requests a second, over all callers; with an API key also the usage plan's."""
    throttling_burst_limit: Annotated[int, Field(ge=1, le=5000)] = 200
    """Requests above the rate that are let through at once."""
    quota_limit: Annotated[int, Field(ge=1)] | None = None
    """API key: requests in each period; without limit if null."""
    quota_period: QuotaPeriod = QuotaPeriod.DAY
    """API key: `DAY`, `WEEK` or `MONTH`."""
    allowed_cidrs: list[IPv4Network] = []
    """API key: IPv4 ranges that may call, besides having the key; all if empty."""
    cloudwatch_role: CloudWatchRole = CloudWatchRole.CREATE
    """API key: `create` the role by which API Gateway writes access logs and set it for the account and region, or
    `account`: it is set already (MLSpace's `APIGATEWAY_CLOUDWATCH_ROLE_ARN`)."""
    log_retention_days: RetentionDays = 30
    """Days that access logs are kept."""


class UiSettings(Section):
    """The Metaflow UI's task; `enableUI` turns it on."""

    cpu: int = 1024
    """CPU units of a task (the template's 4096 is for many users)."""
    memory: int = 4096
    """Memory of a task in MiB (the template's 16384)."""
    ephemeral_storage_gib: Annotated[int, Field(ge=21, le=200)] = 100
    """GiB of the task's own storage, in which it caches artifacts (the template's 100)."""
    desired_count: Annotated[int, Field(ge=1, le=10)] = 1
    """Tasks."""
    allowed_cidrs: list[IPv4Network] = [IPv4Network("0.0.0.0/0")]
    """IPv4 ranges that reach the login; everybody by default, as with any login page."""
    session_hours: Annotated[int, Field(ge=1, le=168)] = 12
    """Hours after which people log in again."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_size(self.cpu, self.memory)
        return self


class NotebookPlatform(StrEnum):
    """Operating systems of notebook instances."""

    AL2023 = "notebook-al2023-v1"
    AL2 = "notebook-al2-v3"


class NotebookSettings(Section):
    """The SageMaker notebook instance; `enableSagemaker` turns it on."""

    sagemaker_instance: Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")] = "ml.t3.xlarge"
    """Instance type (the template's `SagemakerInstance`)."""
    platform_identifier: NotebookPlatform = NotebookPlatform.AL2023
    """`notebook-al2023-v1`, or `notebook-al2-v3` where the provider is older than that."""
    volume_gib: Annotated[int, Field(ge=5, le=16_384)] = 20
    """GiB of the encrypted home volume."""
    idle_minutes: Annotated[int, Field(ge=10, le=10_080)] = 60
    """Minutes without a busy kernel or terminal after which the instance stops."""
    metaflow_version: Annotated[str, StringConstraints(pattern=r"^\d+(\.\d+)+$")] = "2.19.39"
    """Version of the `metaflow` package that is installed."""


class UserRoleSettings(Section):
    """Who may assume the user role; `customRole` turns it on."""

    trusted_principals: list[PrincipalArn] = []
    """ARNs of users, roles or accounts (`arn:aws:iam::123456789012:root`) that may assume it."""
    external_id: Annotated[str, StringConstraints(pattern=r"^[\w+=,.@:/-]+$", min_length=2, max_length=1224)] | None = (
        None
    )
    """External id that they must give; none if null."""
    require_mfa: bool = False
    """Whether they must have logged in with a second factor."""
    max_session_hours: Annotated[int, Field(ge=1, le=12)] = 8
    """Hours that a session may last."""


class MetaflowSettings(Section):
    """Metaflow on AWS Batch and Step Functions, by the parameters of its AWS template."""

    enabled: bool = True
    """Whether there is a Metaflow."""
    api_basic_auth: bool = True
    """`true`: a REST API with a key in the header `x-api-key` (the template's `APIBasicAuth`); `false`: an HTTP API
    that takes bearer tokens of the user pool."""
    enable_ui: Annotated[bool, Field(alias="enableUI")] = False
    """Whether there is a UI, behind a public load balancer with login (the template's `EnableUI`)."""
    public_domain_name: DomainName | None = None
    """Name of the UI (the template's `PublicDomainName`); of the platform's own domain if absent."""
    certificate_arn: CertificateArn | None = None
    """ACM certificate for that name, in the stack's region (the template's `CertificateArn`)."""
    enable_sagemaker: bool = True
    """Whether there is a notebook instance with Metaflow (the template's `EnableSagemaker`)."""
    custom_role: bool = False
    """Whether there is a role for users, `MetaflowUserRoleArn` (the template's `CustomRole`)."""
    alarm_topic_arn: Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\w+$")] | None = (
        None
    )
    """SNS topic that alarms are sent to; they show in CloudWatch alone if null."""
    images: MetaflowImages = MetaflowImages()
    """Container images."""
    datastore: DatastoreSettings = DatastoreSettings()
    """The bucket."""
    batch: BatchSettings = BatchSettings()
    """Compute environments and job queues."""
    database: MetaflowDatabaseSettings = MetaflowDatabaseSettings()
    """The metadata service's database."""
    service: MetadataServiceSettings = MetadataServiceSettings()
    """The metadata service."""
    gateway: GatewaySettings = GatewaySettings()
    """The API."""
    ui: UiSettings = UiSettings()
    """The UI."""
    notebook: NotebookSettings = NotebookSettings()
    """The notebook instance."""
    user_role: UserRoleSettings = UserRoleSettings()
    """The role for users."""

    @property
    def has_load_balancer(self) -> bool:
        """Whether an internal load balancer leads to the metadata service."""
        return self.service.integration is Integration.LOAD_BALANCER

    @model_validator(mode="after")
    def _combination(self) -> Self:
        if self.api_basic_auth and not self.has_load_balancer:
            raise ValueError(
                "apiBasicAuth is true, and a REST API reaches the metadata service through a load balancer alone; set "
                "service.integration to loadBalancer, or apiBasicAuth to false for bearer tokens"
            )
        arm = [type_ for environment in self.batch.compute_environments for type_ in environment.arm_types]
        if arm and self.images.job is None:
            raise ValueError(
                f"batch.computeEnvironments name {', '.join(arm)} with ARM processors, and the jobs' image is built "
                "for x86; give an image for both in images.job, or name x86 types"
            )
        if (self.public_domain_name is None) != (self.certificate_arn is None):
            given, absent = (
                ("certificateArn", "publicDomainName")
                if self.certificate_arn
                else ("publicDomainName", "certificateArn")
            )
            raise ValueError(f"{given} is set without {absent}; the UI needs both")
        if self.custom_role and not self.user_role.trusted_principals:
            raise ValueError(
                "customRole is true without userRole.trustedPrincipals, so nobody could assume the role; list ARNs, "
                "or set customRole to false"
            )
        return self
