"""What awsx makes inside its components, which the engine learns from the awsx provider and an offline plan cannot.

`tests/engine` holds this against what the provider really registers, type by type and name by name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

UNKNOWN = object()
"""An output that only exists once the resource does."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A resource that a component of awsx registers.

    Args:
        type: Type token.
        name: Logical name.
        parent: Position of its parent among the children; None for the component itself.
        props: Inputs that are known at preview.
    """

    type: str
    name: str
    parent: int | None
    props: Mapping[str, Any] = field(default_factory=dict[str, Any])


def children(type_: str, name: str, inputs: Mapping[str, Any]) -> list[Child]:
    """The resources inside the component of this type, in an order in which parents come first.

    Raises:
        KeyError: No component of this type is known here; add it, so that no plan leaves resources out in silence.
    """
    return list({"awsx:ec2:Vpc": _vpc, "awsx:ecr:Image": _image}[type_](name, inputs))


def _image(name: str, inputs: Mapping[str, Any]) -> Iterator[Child]:
    del inputs
    yield Child(type="docker-build:index:Image", name=name, parent=None)


def _vpc(name: str, inputs: Mapping[str, Any]) -> Iterator[Child]:
    tags = cast("dict[str, str]", inputs.get("tags") or {})
    zones = cast("list[str]", inputs["availabilityZoneNames"])
    specs = cast("list[dict[str, Any]]", inputs["subnetSpecs"])
    strategy = inputs["natGateways"]["strategy"]
    count = 0

    def child(type_: str, child_name: str, parent: int | None, **props: Any) -> Child:
        nonlocal count
        count += 1
        return Child(type=type_, name=child_name, parent=parent, props=props)

    yield child(
        "aws:ec2/vpc:Vpc",
        name,
        None,
        cidrBlock=inputs["cidrBlock"],
        enableDnsHostnames=True,
        enableDnsSupport=True,
        tags={**tags, "Name": tags.get("Name", name)},
    )
    yield child("aws:ec2/internetGateway:InternetGateway", name, 0, tags=tags)
    for index, zone in enumerate(zones):
        for spec in specs:
            kind, label = spec["type"], f"{name}-{spec['name']}-{index + 1}"
            subnet = count
            yield child(
                "aws:ec2/subnet:Subnet",
                label,
                0,
                availabilityZone=zone,
                cidrBlock=spec["cidrBlocks"][index],
                mapPublicIpOnLaunch=False,
                tags={**tags, "Name": label, "SubnetType": kind},
            )
            table = count
            yield child("aws:ec2/routeTable:RouteTable", label, subnet, tags={**tags, "SubnetType": kind})
            yield child("aws:ec2/routeTableAssociation:RouteTableAssociation", label, table)
            if kind == "Public":
                yield child("aws:ec2/route:Route", label, table, destinationCidrBlock="0.0.0.0/0")
                if strategy == "OnePerAz" or (strategy == "Single" and index == 0):
                    yield child("aws:ec2/eip:Eip", f"{name}-{index + 1}", subnet, tags=tags)
                    yield child("aws:ec2/natGateway:NatGateway", f"{name}-{index + 1}", subnet, tags=tags)
            if kind == "Private" and strategy != "None":
                yield child("aws:ec2/route:Route", label, table, destinationCidrBlock="0.0.0.0/0")
