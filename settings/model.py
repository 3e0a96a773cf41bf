"""The whole stack configuration as one frozen model."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StringConstraints

from lib.endpoints import interface_endpoint_services
from lib.hosts import Hosts
from settings.ai_gateway import AiGatewaySettings
from settings.api import ApiSettings
from settings.artifacts import ArtifactsSettings
from settings.backup import BackupSettings
from settings.base import Environment, Section
from settings.database import DatabaseSettings
from settings.domain import DomainSettings
from settings.encryption import EncryptionSettings
from settings.fargate import CpuArchitecture
from settings.iam import IamSettings
from settings.identity import IdentityMode, IdentitySettings
from settings.metadata_tables import MetadataTablesSettings
from settings.metaflow import MetaflowSettings
from settings.mlflow import Auth, MlflowSettings
from settings.network import InterfaceEndpoints, NatGateways, NetworkSettings
from settings.protection import ProtectionSettings
from settings.rest_api import RestApiSettings
from settings.studio import StudioSettings
from settings.waf import WafSettings
from settings.web import WebSettings

TagText = Annotated[str, StringConstraints(pattern=r"^[\w\s.:/=+@-]{1,128}$")]


@dataclass(frozen=True, kw_only=True)
class ContainerImage:
    """An image of the platform's own.

    Args:
        name: Its name, and that of its folder in `services/`.
        key: Setting that gives its URI.
        uri: Its URI, or None where it is built.
        architecture: Processor that it is built for.
    """

    name: str
    key: str
    uri: str | None
    architecture: CpuArchitecture


class Settings(Section):
    """Everything under `mlplatform:` in a stack's configuration."""

    environment: Environment
    """`local` (emulator), `dev` (cheapest honest) or `prod` (survives a zone, protects data)."""
    tags: dict[TagText, TagText] = Field(default_factory=dict)
    """Tags on every resource that can carry them, besides `Project`, `Stack`, `Environment` and `ManagedBy`."""
    network: NetworkSettings = NetworkSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    iam: IamSettings = IamSettings()
    protection: ProtectionSettings = ProtectionSettings()
    database: DatabaseSettings = DatabaseSettings()
    artifacts: ArtifactsSettings = ArtifactsSettings()
    mlflow: MlflowSettings = MlflowSettings()
    api: ApiSettings = ApiSettings()
    studio: StudioSettings = StudioSettings()
    identity: IdentitySettings = IdentitySettings()
    domain: DomainSettings = DomainSettings()
    web: WebSettings = WebSettings()
    rest_api: RestApiSettings = RestApiSettings()
    ai_gateway: AiGatewaySettings = AiGatewaySettings()
    waf: WafSettings = WafSettings()
    metaflow: MetaflowSettings = MetaflowSettings()
    metadata_tables: MetadataTablesSettings = MetadataTablesSettings()
    backup: BackupSettings = BackupSettings()

    @property
    def container_images(self) -> tuple[ContainerImage, ...]:
        """The images in use."""
        mlflow, metaflow = self.mlflow, self.metaflow
        processor = mlflow.cpu_architecture
        images = [
            ContainerImage(name="mlflow", key="mlflow.images.mlflow", uri=mlflow.images.mlflow, architecture=processor),
            ContainerImage(name="nginx", key="mlflow.images.nginx", uri=mlflow.images.nginx, architecture=processor),
        ]
        if metaflow.enabled:
            images += [
                ContainerImage(
                    name="metaflow",
                    key="metaflow.images.service",
                    uri=metaflow.images.service,
                    architecture=metaflow.service.cpu_architecture,
                ),
                # Metaflow's job definitions name no processor, which Fargate takes for x86.
                ContainerImage(
                    name="metaflow-job",
                    key="metaflow.images.job",
                    uri=metaflow.images.job,
                    architecture=CpuArchitecture.X86_64,
                ),
            ]
        return tuple(images)

    @property
    def bearer_tokens(self) -> bool:
        """Whether MLflow's API takes tokens of the user pool."""
        return self.mlflow.auth is Auth.COGNITO

    @property
    def has_mlflow_ui(self) -> bool:
        """Whether MLflow's pages are offered through CloudFront, with login."""
        return self.bearer_tokens and self.web.mlflow_ui

    @property
    def has_web(self) -> bool:
        """Whether anything is served through CloudFront."""
        return self.web.enabled or self.has_mlflow_ui

    @property
    def has_regional_firewall(self) -> bool:
        """Whether anything in the stack's region is public and can have a firewall."""
        rest_api = self.metaflow.enabled and self.metaflow.api_basic_auth
        return self.identity.mode is IdentityMode.CREATE or rest_api or self.has_metaflow_ui

    @property
    def has_metaflow_ui(self) -> bool:
        """Whether Metaflow's UI is offered behind a public load balancer, with login."""
        return self.metaflow.enabled and self.metaflow.enable_ui

    @property
    def hosts(self) -> Hosts:
        """Names in the domain of what is in use."""
        domain, labels = self.domain.name, self.domain.hostnames
        if domain is None:
            return Hosts()

        def name(label: str | None, used: bool) -> str | None:
            return f"{label}.{domain}" if used and label else None

        return Hosts(
            api=name(labels.api, self.identity.exists),
            mlflow=name(labels.mlflow, True),
            mlflowui=name(labels.mlflowui, self.has_mlflow_ui),
            mlflowstatic=name(labels.mlflowstatic, self.has_mlflow_ui),
            service=name(labels.service, self.web.enabled),
            aigateway=name(labels.aigateway, self.ai_gateway.enabled),
            metaflow=name(labels.metaflow, self.metaflow.enabled),
            metaflowui=name(labels.metaflowui, self.has_metaflow_ui and self.metaflow.public_domain_name is None),
        )

    @property
    def interface_endpoints(self) -> tuple[str, ...]:
        """Services that get an interface endpoint; none in an existing VPC."""
        network = self.network
        if network.existing_vpc is not None:
            return ()
        return interface_endpoint_services(
            nat=network.nat_gateways is not NatGateways.NONE,
            ipv6_egress=network.ipv6_egress,
            always=network.interface_endpoints is InterfaceEndpoints.ALWAYS,
            studio=self.studio.enabled,
            batch_instances=self.metaflow.enabled and self.metaflow.batch.has_instances,
            extra=network.extra_interface_endpoints,
        )
