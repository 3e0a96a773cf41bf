"""Service authorisation data: which actions exist, what they do and what they can be limited by."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from policies.framework.globs import is_glob, matches

_DATA = Path(__file__).parent / "data"


class Access(StrEnum):
    """What an action does."""

    LIST = "List"
    READ = "Read"
    WRITE = "Write"
    TAGGING = "Tagging"
    PERMISSIONS = "Permissions management"


CHANGES = frozenset({Access.WRITE, Access.TAGGING, Access.PERMISSIONS})


# The service authorisation data counts some actions among those that manage permissions which only read them.
_READING = re.compile(r"(Batch)?(Get|List|Describe|Search|Test|Validate)[A-Z]")


@dataclass(frozen=True, kw_only=True)
class Action:
    """One action of a service; ``known`` is off where there is no data on it."""

    service: str
    name: str
    access: Access
    resource_types: tuple[str, ...]
    condition_keys: frozenset[str]
    known: bool = True

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        reads = self.access is Access.PERMISSIONS and self.known and _READING.match(self.name)
        return self.access in CHANGES and not reads

    def __str__(self) -> str:
        """Show as documents write it."""
        return f"{self.service}:{self.name}"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service; actions and condition keys are keyed in lower case."""

    prefix: str
    actions: Mapping[str, Action]
    condition_keys: frozenset[str]


@cache
def index() -> Mapping[str, Any]:
    """Return origin and date of the data, the services in it and the names of the others."""
    return json.loads((_DATA / "index.json").read_text())


@cache
def service(prefix: str) -> Service | None:
    """Load a service by prefix (lower case), when its data is here."""
    if prefix not in index()["services"]:
        return None
    data: dict[str, Any] = json.loads((_DATA / f"{prefix}.json").read_text())
    conditions: list[str] = data["conditions"]
    keys = [key.lower() for key in conditions]
    actions = {
        name.lower(): Action(
            service=prefix,
            name=name,
            access=Access(access),
            resource_types=tuple(types),
            condition_keys=frozenset(keys[int(at)] for at in used),
        )
        for name, (access, types, used) in data["actions"].items()
    }
    return Service(prefix=prefix, actions=actions, condition_keys=frozenset(keys))


def exists_elsewhere(prefix: str) -> bool:
    """Whether AWS has a service of this prefix whose data was cut away."""
    return prefix in index()["others"]


@lru_cache(maxsize=4096)
def expand(pattern: str) -> tuple[Action, ...]:
    """Return every known action an action pattern covers; case does not matter."""
    prefix, _, name = pattern.lower().partition(":")
    if set(pattern) == {"*"}:  # any run of stars is one
        prefix, name = "*", "*"
    services = [p for p in index()["services"] if matches(prefix, p)] if is_glob(prefix) else [prefix]
    found: list[Action] = []
    for each in services:
        known = service(each)
        if known is None:
            continue
        if is_glob(name):
            found.extend(action for key, action in known.actions.items() if matches(name, key))
        elif name in known.actions:
            found.append(known.actions[name])
    return tuple(found)


_SHAPE = re.compile(r"[A-Za-z0-9-]{2,40}:[A-Za-z0-9*?]{1,80}")


@lru_cache(maxsize=4096)
def at_worst(pattern: str) -> tuple[Action, ...]:
    """Return every action a pattern covers; what there is no data on stands as one that changes permissions."""
    found = expand(pattern)
    prefix = pattern.lower().partition(":")[0]
    if found and not (is_glob(prefix) and any(matches(prefix, other) for other in index()["others"])):
        return found
    # The pattern itself may be anything, and goes into messages only when it has the shape of an action.
    service_, _, name = (pattern if _SHAPE.fullmatch(pattern) else "other:*").partition(":")
    unknown = Action(
        service=service_,
        name=name,
        access=Access.PERMISSIONS,
        resource_types=("anything",),
        condition_keys=frozenset(),
        known=False,
    )
    return (*found, unknown)


def covers(patterns: Iterable[str], action: str) -> bool:
    """Whether any pattern covers an action."""
    return any(matches(pattern, action, ignore_case=True) for pattern in patterns)


def suggest(pattern: str) -> str:
    """Return the nearest action that exists, or an empty string."""
    prefix, _, name = pattern.lower().partition(":")
    known = service(prefix)
    near = difflib.get_close_matches(name, known.actions, n=1) if known else []
    return str(known.actions[near[0]]) if known and near else ""
