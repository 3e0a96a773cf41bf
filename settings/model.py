"""The whole stack configuration as one frozen model."""

from typing import Annotated

from pydantic import Field, StringConstraints

from lib.endpoints import interface_endpoint_services
from settings.api import ApiSettings
from settings.artifacts import ArtifactsSettings
from settings.base import Environment, Section
from settings.database import DatabaseSettings
from settings.encryption import EncryptionSettings
from settings.iam import IamSettings
from settings.mlflow import MlflowSettings
from settings.network import InterfaceEndpoints, NatGateways, NetworkSettings
from settings.protection import ProtectionSettings
from settings.studio import StudioSettings

TagText = Annotated[str, StringConstraints(pattern=r"^[\w\s.:/=+@-]{1,128}$")]


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
            extra=network.extra_interface_endpoints,
        )
