"""The subnets of a VPC: whatever is asked for either fits or is refused."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.layout import MAX_ZONES, Masks, Tier, plan_subnets

masks = st.builds(Masks, public=st.integers(16, 28), private=st.integers(16, 28), isolated=st.integers(16, 28))
ranges = st.integers(16, 24).flatmap(
    lambda prefix: st.integers(0, 2**prefix - 1).map(lambda n: IPv4Network((n << (32 - prefix), prefix)))
)


@given(cidr=ranges, zones=st.integers(2, MAX_ZONES), sizes=masks)
def test_subnets_lie_inside_apart_and_as_large_as_asked(cidr: IPv4Network, zones: int, sizes: Masks) -> None:
    room = sum(2 ** (32 - sizes.of(tier)) for tier in Tier) * MAX_ZONES
    try:
        subnets = plan_subnets(cidr, zones, sizes)
    except ValueError:
        # Aligned powers of two, largest first, waste nothing: a refusal means that there is no room.
        assert room > cidr.num_addresses
        return
    assert room <= cidr.num_addresses
    assert [(subnet.tier, subnet.zone) for subnet in subnets] == [(t, z) for t in Tier for z in range(zones)]
    assert all(subnet.cidr.subnet_of(cidr) for subnet in subnets)
    assert all(subnet.cidr.prefixlen == sizes.of(subnet.tier) for subnet in subnets)
    assert not any(a.cidr.overlaps(b.cidr) for a, b in combinations(subnets, 2))


@given(cidr=ranges, sizes=masks)
def test_a_third_zone_moves_no_subnet(cidr: IPv4Network, sizes: Masks) -> None:
    try:
        three = plan_subnets(cidr, 3, sizes)
    except ValueError:
        return
    assert set(map(str, plan_subnets(cidr, 2, sizes))) <= set(map(str, three))


def test_the_samples_masks_in_its_range() -> None:
    subnets = plan_subnets(IPv4Network("10.0.0.0/16"), 2, Masks(public=24, private=26, isolated=28))
    assert [str(subnet.cidr) for subnet in subnets] == [
        *("10.0.0.0/24", "10.0.1.0/24"),
        *("10.0.3.0/26", "10.0.3.64/26"),
        *("10.0.3.192/28", "10.0.3.208/28"),
    ]


@pytest.mark.parametrize("cidr", ["10.0.0.0/15", "10.0.0.0/25"])
def test_a_range_that_aws_or_three_tiers_do_not_take_is_refused(cidr: str) -> None:
    with pytest.raises(ValueError, match="choose a /16 to /24"):
        plan_subnets(IPv4Network(cidr), 2, Masks(public=28, private=28, isolated=28))
