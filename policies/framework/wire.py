"""Reads the engine's requests as the resources that rules see, each once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from pulumi_policy import proxy as _proxy

from policies.framework.resource import Graph, PlannedResource
from policies.framework.values import UNKNOWN

UNKNOWNS = frozenset(
    value for name, value in vars(_proxy).items() if name.startswith("UNKNOWN_") and isinstance(value, str)
)
"""What stands for an unknown value on the wire, by its type."""

INTERNAL = frozenset({"__defaults", "__meta"})
"""Properties that only the providers use."""

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_FILES = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})


class Request:
    """A request to judge a resource (``AnalyzeRequest``) or a stack (``AnalyzeStackRequest``)."""

    def __init__(self, message: Any) -> None:
        self._message = message

    @cached_property
    def resource(self) -> PlannedResource:
        """The resource under judgement, by its inputs."""
        return _resource(self._message)

    @cached_property
    def graph(self) -> Graph:
        """The stack."""
        return Graph.of([_in_stack(resource) for resource in self._message.resources])


def _in_stack(message: Any) -> PlannedResource:
    """Return a resource of a stack, whose properties are outputs where there are some."""
    inputs = {key: tuple(found.urns) for key, found in message.propertyDependencies.items()}
    return _resource(
        message,
        parent=message.parent or message.options.parent or None,
        dependencies=tuple(message.dependencies),
        property_dependencies=inputs,
        given=inputs,
    )


def _resource(message: Any, given: Mapping[str, Any] | None = None, **more: Any) -> PlannedResource:
    secrets: set[str] = set()
    props = _struct(message.properties, secrets)
    more.setdefault("parent", message.options.parent or None)
    return PlannedResource(
        urn=message.urn,
        type=message.type,
        name=message.name,
        props=props if given is None else without_computed(props, given),
        secret_paths=sorted(secrets),
        provider=_struct(message.provider.properties, set()),
        protect=message.options.protect,
        ignore_changes=tuple(message.options.ignoreChanges),
        **more,
    )


def without_computed(props: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stack resource's properties without those that only the provider computes.

    The stack phase sees outputs. What is unknown there and was no input says nothing about the program, and would make
    the verdict differ from the offline one; the engine lists every input among the property dependencies.
    """
    return {key: value for key, value in props.items() if value is not UNKNOWN or key in given}


def _struct(struct: Any, secrets: set[str]) -> dict[str, Any]:
    """Return a resource's properties; ``secrets`` takes the names of those that hold one."""
    found: dict[str, Any] = {}
    for key, field in struct.fields.items():
        if key not in INTERNAL:
            inside: list[bool] = []
            found[key] = _value(field, inside)
            if inside:
                secrets.add(key)
    return found


def _value(field: Any, secrets: list[bool]) -> Any:
    kind = field.WhichOneof("kind")
    if kind == "string_value":
        text = cast("str", field.string_value)
        return UNKNOWN if text in UNKNOWNS else text
    if kind == "struct_value":
        return _mapping(field.struct_value.fields, secrets)
    if kind == "list_value":
        return [_value(item, secrets) for item in field.list_value.values]
    if kind == "number_value":
        number = cast("float", field.number_value)
        return int(number) if number.is_integer() else number
    return cast("bool", field.bool_value) if kind == "bool_value" else None


def _mapping(fields: Any, secrets: list[bool]) -> Any:
    if _SIGNATURE in fields:
        signature = fields[_SIGNATURE].string_value
        if signature == _SECRET:
            secrets.append(True)
            return _value(fields["value"], secrets)
        if signature not in _FILES:
            raise ValueError("a value of a kind that is not known")
    return {key: _value(field, secrets) for key, field in fields.items() if key not in INTERNAL}
