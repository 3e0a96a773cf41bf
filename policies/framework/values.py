"""Values of resource properties: plain data, with a mark for what is unknown until the update."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast


class Unknown:
    """A value that is not known at preview; there is one, ``UNKNOWN``."""

    _one: Unknown | None = None

    def __new__(cls) -> Unknown:
        """Return the one instance, so that ``is UNKNOWN`` also holds after a copy."""
        if cls._one is None:
            cls._one = super().__new__(cls)
        return cls._one

    def __repr__(self) -> str:
        """Show as the name it is imported by."""
        return "UNKNOWN"

    def __bool__(self) -> bool:
        """Refuse: an unknown is neither true nor false, and a rule that asks has forgotten it."""
        raise UnknownPropertyError(path="?")


class UnknownPropertyError(Exception):
    """A rule needs a property that is unknown."""

    def __init__(self, *, path: str, urn: str | None = None) -> None:
        """Name the property, and the resource when it is not the one under judgement."""
        super().__init__(path)
        self.path = path
        self.urn = urn


UNKNOWN: Final = Unknown()

_STEP = re.compile(r"[^.\[\]]+")


def steps(path: str) -> list[str]:
    """``a[0].b`` as ``['a', '0', 'b']``."""
    return _STEP.findall(path)


def lookup(props: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path, None when absent, UNKNOWN when it or anything on the way is unknown."""
    value: Any = props
    for step in steps(path):
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(step)
        elif isinstance(value, Sequence) and not isinstance(value, str) and step.isdigit():
            items = cast("Sequence[Any]", value)
            value = items[int(step)] if int(step) < len(items) else None
        else:
            return None
    return value


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties with changes to them; what a change of an object leaves out stays."""
    result = dict(old)
    for key, value in new.items():
        below = result.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[key] = merged(cast("Mapping[str, Any]", below), cast("Mapping[str, Any]", value)) if both else value
    return result


def unknown_paths(value: Any, path: str) -> Iterator[str]:
    """Every place below ``path`` that is unknown."""
    if value is UNKNOWN:
        yield path
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            yield from unknown_paths(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for at, inner in enumerate(cast("Sequence[Any]", value)):
            yield from unknown_paths(inner, f"{path}[{at}]")


def strings(value: Any) -> Iterator[str]:
    """Every string in a value, keys aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[str, Any]", value).values():
            yield from strings(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("Sequence[Any]", value):
            yield from strings(inner)
