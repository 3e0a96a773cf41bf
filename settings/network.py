"""`mlplatform:network`: a VPC of our own, or an existing one."""

from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from lib.layout import MAX_ZONES, Masks, plan_subnets
from settings.base import RetentionDays, Section

VpcId = Annotated[str, StringConstraints(pattern=r"^vpc-[0-9a-f]{8,17}$")]
SubnetId = Annotated[str, StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$")]


class NatGateways(StrEnum):
    """How private subnets reach the internet over IPv4."""

    SINGLE = "single"
    PER_ZONE = "perZone"
    NONE = "none"


class InterfaceEndpoints(StrEnum):
    """When interface endpoints are made for the services that private tasks call."""

    AUTO = "auto"
    ALWAYS = "always"


class ExistingVpc(Section):
    """A VPC that is there already; nothing is created in it that it has."""

    vpc_id: VpcId
    """Id of the VPC."""
    private_subnet_ids: Annotated[list[SubnetId], Field(min_length=2)]
    """Subnets, in at least two zones, for tasks, load balancer, VPC link and Studio."""
    isolated_subnet_ids: Annotated[list[SubnetId], Field(min_length=2)] | None = None
    """Subnets, in at least two zones, for the database; the private ones if absent."""
    public_subnet_ids: Annotated[list[SubnetId], Field(min_length=2)] | None = None
    """Subnets, in at least two zones, for the public load balancer of Metaflow's UI."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for key, ids in (
            ("privateSubnetIds", self.private_subnet_ids),
            ("isolatedSubnetIds", self.isolated_subnet_ids),
            ("publicSubnetIds", self.public_subnet_ids),
        ):
            if ids is not None and len(set(ids)) != len(ids):
                raise ValueError(f"{key} names a subnet twice; list each once")
        return self


class NetworkSettings(Section):
    """Addresses, zones and the way out."""

    existing_vpc: ExistingVpc | None = None
    """Use this VPC instead of creating one."""
    cidr_block: IPv4Network = IPv4Network("10.0.0.0/16")
    """IPv4 range of the VPC, /16 to /24 (AWS allows /16 to /28; below /24 three tiers do not fit)."""
    availability_zones: Annotated[int, Field(ge=2, le=MAX_ZONES)] = 2
    """Number of availability zones."""
    public_mask: Annotated[int, Field(ge=16, le=28)] = 24
    """Prefix length of each public subnet (the sample's 24)."""
    private_mask: Annotated[int, Field(ge=16, le=28)] = 26
    """Prefix length of each private subnet (the sample's 26)."""
    isolated_mask: Annotated[int, Field(ge=16, le=28)] = 28
    """Prefix length of each isolated subnet (the sample's 28)."""
    nat_gateways: NatGateways = NatGateways.SINGLE
    """`single`, `perZone` or `none`."""
    ipv6_egress: bool = False
    """Give the private subnets IPv6 addresses and a free, outbound-only way to the internet."""
    interface_endpoints: InterfaceEndpoints = InterfaceEndpoints.AUTO
    """`auto`: where NAT is `none`, for what private tasks cannot reach otherwise; `always`: for all they call."""
    extra_interface_endpoints: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+$")]] = []
    """Further services that get an interface endpoint, such as `athena`."""
    endpoint_zones: Annotated[int, Field(ge=1, le=MAX_ZONES)] | None = None
    """Number of zones in which each interface endpoint has an address; all zones if absent."""
    flow_log_retention_days: RetentionDays = 30
    """Days that the VPC's flow logs are kept."""

    @model_validator(mode="after")
    def _layout_fits(self) -> Self:
        if self.existing_vpc is None:
            plan_subnets(self.cidr_block, self.availability_zones, self.masks)
        if self.endpoint_zones is not None and self.endpoint_zones > self.availability_zones:
            raise ValueError(
                f"endpointZones is {self.endpoint_zones} but availabilityZones is {self.availability_zones}; "
                "lower the one or raise the other"
            )
        return self

    @property
    def masks(self) -> Masks:
        """The three prefix lengths together."""
        return Masks(public=self.public_mask, private=self.private_mask, isolated=self.isolated_mask)
