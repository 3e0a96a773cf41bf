"""The containers of a task definition, read as ECS reads them: key names in any case."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from policies.framework.resource import PlannedResource
from policies.framework.values import UNKNOWN, UnknownPropertyError, lookup

TASK_TYPES = (
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:ecs/daemonTaskDefinition:DaemonTaskDefinition",
)


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container: where it stands, and what is given."""

    task: PlannedResource
    path: str
    content: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Return what is given at a path, empty when absent; an unknown value stops the rule."""
        found = lookup(self.content, key.lower())
        if found is UNKNOWN:
            raise UnknownPropertyError(path=f"{self.path}.{key}", urn=self.task.urn)
        return "" if found is None else str(found)

    def flag(self, key: str) -> bool:
        """Whether something is on."""
        return self.text(key).lower() == "true"


def containers(task: PlannedResource) -> Iterator[Container]:
    """Yield the containers of a task definition.

    Raises:
        TypeError: If the definitions are no list of objects; so the rule fails closed.
    """
    path = "containerDefinitions"
    given = task.value(path)
    listed: object = json.loads(given) if isinstance(given, str) else given
    if not isinstance(listed, list):
        raise TypeError(f"{path} must be a list")
    for at, content in enumerate(cast("list[object]", listed)):
        where = f"{path}[{at}]"
        if content is UNKNOWN:
            raise UnknownPropertyError(path=where, urn=task.urn)
        if not isinstance(content, Mapping):
            raise TypeError(f"{where} must be an object")
        yield Container(task=task, path=where, content=_lower(cast("Mapping[str, Any]", content)))


def _lower(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object, and those in it, with lower-case keys."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if key.lower() in found:
            raise TypeError("the same key stands twice in one object; readers differ in which of the two counts")
        found[key.lower()] = _lower(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else value
    return found
