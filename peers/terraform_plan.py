"""Shows planned Pulumi resources as a Terraform plan, for tools that know only those.

The view is what `terraform show -json` would say of the same resources: types and properties under Terraform's names,
nested objects as blocks, unknown values absent, and references between resources as the configuration's expressions.
Names come from `terraform_types.json`, which is read out of the provider; see `refresh_terraform_types.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from policies.framework.resource import PlannedResource
from policies.framework.values import UNKNOWN

TYPES = Path(__file__).with_name("terraform_types.json")
DEFAULTS = Path(__file__).with_name("terraform_defaults.json")

PROVIDER = "registry.terraform.io/hashicorp/aws"

IMPLIED = {
    "aws:ec2/internetGateway:InternetGateway": {"vpc_id": "aws_vpc"},
    "aws:ec2/natGateway:NatGateway": {"allocation_id": "aws_eip", "subnet_id": "aws_subnet"},
    "aws:ec2/route:Route": {"route_table_id": "aws_route_table"},
    "aws:ec2/routeTable:RouteTable": {"vpc_id": "aws_vpc"},
    "aws:ec2/routeTableAssociation:RouteTableAssociation": {
        "route_table_id": "aws_route_table",
        "subnet_id": "aws_subnet",
    },
    "aws:ec2/subnet:Subnet": {"vpc_id": "aws_vpc"},
}
"""References that a resource's place in a component tells: the field, and the type of what is above or beside it.

A plan without engine knows the resources inside a remote component, but not what they refer to.
"""

CERTAIN: Mapping[str, Mapping[str, Any]] = {"aws:ec2/eip:Eip": {"domain": "vpc"}}
"""What AWS gives every resource of a type, whatever the program says; a plan would call it unknown."""

Object = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class View:
    """A Terraform plan and what its addresses stand for.

    Args:
        plan: The plan, as Terraform writes it in JSON.
        resources: The resource behind each address.
    """

    plan: Object
    resources: Mapping[str, PlannedResource]


def snake_case(name: str) -> str:
    """A Pulumi name as Terraform would write it where nothing else is known."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@cache
def _types() -> Object:
    return json.loads(TYPES.read_text())["types"]


@cache
def _defaults() -> Object:
    return json.loads(DEFAULTS.read_text())["types"]


def view(resources: Sequence[PlannedResource], *, defaults: bool = True) -> View:
    """The resources of pulumi-aws as a Terraform plan; others are left out.

    Args:
        resources: The resources.
        defaults: Whether the provider's defaults are filled in, as far as they are known here.

    Raises:
        LookupError: A type is not in `terraform_types.json`.
    """
    ours = [resource for resource in resources if resource.type.startswith("aws:")]
    addresses = _addresses(ours)
    references = _References(ours, addresses)
    planned, changes, configured = list[Object](), list[Object](), list[Object]()
    for resource in ours:
        address = addresses[resource.urn]
        type_, name = address.split(".")
        shape: Object = _types()[resource.type]
        common = {"address": address, "mode": "managed", "type": type_, "name": name, "schema_version": 0}
        known: Object = _defaults().get(type_, {}) if defaults else {}
        values = _known({**CERTAIN.get(resource.type, {}), **resource.props}, shape, known)
        unknown = dict.fromkeys((name for name in known.get("unknown", ()) if name not in values), True)
        unknown |= _unknown(resource.props, shape)
        change = {"actions": ["create"], "before": None, "after": values, "after_unknown": unknown}
        planned.append({**common, "provider_name": PROVIDER, "values": values})
        changes.append({**common, "provider_name": PROVIDER, "change": change})
        expressions = {**references.implied(resource), **_expressions(resource, shape, references)}
        configured.append({**common, "provider_config_key": "aws", "expressions": expressions})
    plan = {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {
            "provider_config": {"aws": {"name": "aws", "full_name": PROVIDER}},
            "root_module": {"resources": configured},
        },
    }
    return View(plan=plan, resources={addresses[resource.urn]: resource for resource in ours})


def _addresses(resources: Sequence[PlannedResource]) -> dict[str, str]:
    """A Terraform address for each URN; names that only a parent tells apart in Pulumi get a number."""
    addresses, taken = dict[str, str](), set[str]()
    for resource in resources:
        if resource.type not in _types():
            raise LookupError(f"{TYPES.name} lacks {resource.type}; add its module to refresh_terraform_types.py")
        base = f"{_types()[resource.type]['name']}.{re.sub(r'[^A-Za-z0-9_-]', '_', resource.name)}"
        address, number = base, 1
        while address in taken:
            number += 1
            address = f"{base}_{number}"
        taken.add(address)
        addresses[resource.urn] = address
    return addresses


def _properties(props: Object, shape: Object) -> Iterator[tuple[str, str, Any, Object]]:
    """Each property: Pulumi's name, Terraform's name, value, and what differs."""
    for name, value in props.items():
        entry: Object = shape["fields"].get(name, {})
        yield name, entry.get("name", snake_case(name)), value, entry


def _blocks(value: Any) -> list[Any]:
    """An object or objects, as the list that Terraform has; an object may be unknown."""
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [item for item in items if item is UNKNOWN or isinstance(item, Mapping)]


def _known(props: Object, shape: Object, defaults: Object | None = None) -> dict[str, Any]:
    """An object's values under Terraform's names.

    Nothing where a value is unknown; where none is given its default, or null.
    """
    defaults = defaults or {}
    found: dict[str, Any] = {**dict.fromkeys(shape.get("null", ())), **{name: [] for name in shape.get("empty", ())}}
    found |= defaults.get("values", {})
    for terraform in defaults.get("unknown", ()):
        found.pop(terraform, None)
    for _, terraform, value, entry in _properties(props, shape):
        if value is None:
            continue
        if value is UNKNOWN:
            found.pop(terraform, None)
        elif "fields" in entry:
            found[terraform] = [_known(item, entry) for item in _blocks(value) if item is not UNKNOWN]
        else:
            found[terraform] = [_plain(value)] if "list" in entry else _plain(value)
    return found


def _plain(value: Any) -> Any:
    """A value whose keys stay as they are; what is unknown in a list is null, as in a plan."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in cast("Object", value).items() if item is not UNKNOWN}
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return None if value is UNKNOWN else value


def _unknown(props: Object, shape: Object) -> dict[str, Any]:
    """Where an object is unknown, in the shape of a plan's `after_unknown`."""
    found: dict[str, Any] = {}
    for _, terraform, value, entry in _properties(props, shape):
        if value is UNKNOWN:
            found[terraform] = True
        elif "fields" in entry and value is not None:
            blocks = [True if item is UNKNOWN else _unknown(item, entry) for item in _blocks(value)]
            if any(blocks):
                found[terraform] = blocks
        elif isinstance(value, list) and UNKNOWN in value:
            found[terraform] = [item is UNKNOWN for item in cast("list[Any]", value)]
    return found


class _References:
    """What refers to what."""

    def __init__(self, resources: Sequence[PlannedResource], addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._parents = {resource.urn: resource.parent or "" for resource in resources}
        self._below: dict[str, list[str]] = {}
        for resource in resources:
            self._below.setdefault(resource.parent or "", []).append(resource.urn)

    def of(self, resource: PlannedResource, property_: str, terraform: str) -> list[str]:
        """References that a property's value comes from, the most likely first."""
        urns = resource.property_dependencies.get(property_, ())
        found = dict.fromkeys(address for urn in urns for address in self._made_by(urn))
        nearest = sorted(found, key=lambda address: _fit(address.split(".")[0], terraform))
        return [text for address in nearest for text in _reference(address, terraform)]

    def implied(self, resource: PlannedResource) -> dict[str, Any]:
        """References of a resource inside a component that another program makes: only its place is known."""
        found: dict[str, Any] = {}
        for terraform, type_ in IMPLIED.get(resource.type, {}).items():
            ancestors = (self._addresses[urn] for urn in self._around(resource.urn))
            address = next((address for address in ancestors if address.startswith(f"{type_}.")), None)
            if address:
                found[terraform] = {"references": _reference(address, terraform)}
        return found

    def _made_by(self, urn: str) -> Iterator[str]:
        """A resource's own address, or those of all resources in a component."""
        if urn in self._addresses:
            yield self._addresses[urn]
        else:
            for child in self._below.get(urn, ()):
                yield from self._all(child)

    def _all(self, urn: str) -> Iterator[str]:
        yield self._addresses[urn]
        for child in self._below.get(urn, ()):
            yield from self._all(child)

    def _around(self, urn: str) -> Iterator[str]:
        """The resources above one, each with those beside it, the nearest first."""
        parent = self._parents.get(urn, "")
        while parent in self._addresses:
            yield from self._below[parent]
            yield parent
            parent = self._parents[parent]


def _expressions(resource: PlannedResource, shape: Object, references: _References) -> dict[str, Any]:
    """The resource's configuration: constants, and references for whatever has its value from another."""

    def of_object(props: Object, inner: Object, root: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, terraform, value, entry in _properties(props, inner):
            if "fields" in entry and value is not UNKNOWN:
                blocks = [item for item in _blocks(value) if item is not UNKNOWN]
                found[terraform] = [of_object(item, entry, root or name) for item in blocks]
                continue
            # Dependencies are known by property: in a block, whatever is unknown can come from each of them.
            sources = references.of(resource, root or name, terraform) if not root or _has_unknown(value) else []
            if sources:
                found[terraform] = {"references": sources}
            elif not _has_unknown(value):
                found[terraform] = {"constant_value": value}
        return found

    return of_object(resource.props, shape, "")


def _reference(address: str, terraform: str) -> tuple[str, str]:
    """A reference as a plan has it: the attribute, then the resource."""
    return f"{address}.{'arn' if 'arn' in terraform.split('_') else 'id'}", address


def _fit(type_: str, property_: str) -> tuple[int, int]:
    """How well a property names a resource of a type, less being better: by the words that the type ends in.

    A value that waits for several resources depends on all of them, and tools take the first for the one it names.
    """
    words = type_.split("_")
    named = next((n for n in range(len(words), 0, -1) if "_".join(words[-n:]) in property_), 0)
    return -named, len(words)


def _has_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_unknown(item) for item in cast("Object", value).values())
    if isinstance(value, list):
        return any(_has_unknown(item) for item in cast("list[Any]", value))
    return value is UNKNOWN
