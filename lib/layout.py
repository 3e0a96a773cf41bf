"""How a VPC's range is divided into subnets: a pure function, no AWS."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, collapse_addresses

MAX_ZONES = 3


class Tier(StrEnum):
    """A kind of subnet, by where its default route leads."""

    PUBLIC = "public"
    PRIVATE = "private"
    ISOLATED = "isolated"


@dataclass(frozen=True, kw_only=True)
class Masks:
    """Prefix length of the subnets of each tier."""

    public: int
    private: int
    isolated: int

    def of(self, tier: Tier) -> int:
        """Prefix length of one tier's subnets."""
        return {Tier.PUBLIC: self.public, Tier.PRIVATE: self.private, Tier.ISOLATED: self.isolated}[tier]


@dataclass(frozen=True, kw_only=True)
class PlannedSubnet:
    """One subnet: its tier, the index of its zone, its range."""

    tier: Tier
    zone: int
    cidr: IPv4Network


def plan_subnets(cidr: IPv4Network, zones: int, masks: Masks) -> list[PlannedSubnet]:
    """Divides `cidr` into one subnet of each tier in each of `zones` zones.

    Larger subnets are placed first, so that none is misaligned and no gap opens between them. Room is kept for all
    `MAX_ZONES` zones, so that adding a zone later moves no subnet. The result is in order of tier, then zone.

    Args:
        cidr: Range of the VPC.
        zones: Number of availability zones, at most `MAX_ZONES`.
        masks: Prefix length for each tier, 16 to 28 (Amazon VPC user guide, "Subnet sizing").

    Raises:
        ValueError: The VPC's range is not between /16 and /24 long, or the subnets do not fit into it.
    """
    if not 16 <= cidr.prefixlen <= 24:
        raise ValueError(f"cidrBlock {cidr} is a /{cidr.prefixlen}; choose a /16 to /24")
    placed: dict[tuple[Tier, int], IPv4Network] = {}
    free = [cidr]
    for tier in sorted(Tier, key=masks.of):
        for zone in range(MAX_ZONES):
            hole = next((range_ for range_ in free if range_.prefixlen <= masks.of(tier)), None)
            if hole is None:
                raise ValueError(
                    f"cidrBlock {cidr} has no room for {MAX_ZONES} zones of public /{masks.public}, private "
                    f"/{masks.private} and isolated /{masks.isolated} subnets; widen cidrBlock or raise the masks"
                )
            subnet = next(hole.subnets(new_prefix=masks.of(tier)))
            placed[tier, zone] = subnet
            free = sorted(_without(free, hole, subnet))
    return [PlannedSubnet(tier=tier, zone=zone, cidr=placed[tier, zone]) for tier in Tier for zone in range(zones)]


def _without(free: list[IPv4Network], hole: IPv4Network, subnet: IPv4Network) -> Iterator[IPv4Network]:
    rest = [range_ for range_ in free if range_ != hole]
    if subnet != hole:
        rest.extend(hole.address_exclude(subnet))
    return collapse_addresses(rest)
