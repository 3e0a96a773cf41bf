"""The one view of a resource that every rule sees, whoever runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from policies.framework.values import UNKNOWN, UnknownPropertyError, lookup


def _none() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class PlannedResource:
    """A resource as planned: camelCase properties, ``UNKNOWN`` where the value comes only with the update."""

    urn: str
    type: str
    name: str
    props: Mapping[str, Any] = field(default_factory=_none)
    parent: str | None = None
    dependencies: Sequence[str] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=_none)
    secret_paths: Sequence[str] = ()
    provider: Mapping[str, Any] = field(default_factory=_none)
    protect: bool = False
    ignore_changes: Sequence[str] = ()

    @property
    def project(self) -> str:
        """The project, as the URN has it (``urn:pulumi:stack::project::type::name``)."""
        parts = self.urn.split("::")
        return parts[1] if len(parts) > 2 else ""

    @property
    def stack(self) -> str:
        """The stack, as the URN has it."""
        parts = self.urn.split("::")
        return parts[0].removeprefix("urn:pulumi:") if len(parts) > 2 else ""

    def raw(self, path: str) -> Any:
        """Return the value at a path as it is: None when absent, possibly ``UNKNOWN``."""
        return lookup(self.props, path)

    def value(self, path: str) -> Any:
        """Return the value at a path; a rule that needs it unknown stops here and is reported."""
        found = self.raw(path)
        if found is UNKNOWN:
            raise UnknownPropertyError(path=path, urn=self.urn)
        return found

    def items(self, path: str) -> Sequence[Any]:
        """Return a list at a path, empty when absent."""
        found = self.value(path)
        if isinstance(found, list | tuple):
            return cast("Sequence[Any]", found)
        return () if found is None else (found,)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """All resources of a stack, with what refers to what."""

    resources: Sequence[PlannedResource]
    by_urn: Mapping[str, PlannedResource]
    by_type: Mapping[str, Sequence[PlannedResource]]
    _values: dict[tuple[str, str], dict[str, list[PlannedResource]]] = field(
        default_factory=dict[tuple[str, str], dict[str, "list[PlannedResource]"]], compare=False, repr=False
    )

    @property
    def stack(self) -> str:
        """The stack's name; empty without resources."""
        return self.resources[0].stack if self.resources else ""

    @classmethod
    def of(cls, resources: Sequence[PlannedResource]) -> Graph:
        """Index the resources once, so that rules stay linear."""
        by_type: dict[str, list[PlannedResource]] = {}
        for resource in resources:
            by_type.setdefault(resource.type, []).append(resource)
        return cls(resources=resources, by_urn={r.urn: r for r in resources}, by_type=by_type)

    def of_types(self, types: Sequence[str]) -> list[PlannedResource]:
        """Every resource of these types."""
        return [resource for kind in types for resource in self.by_type.get(kind, ())]

    def sources(self, resource: PlannedResource, path: str) -> list[PlannedResource]:
        """Return the resources a property is computed from, as far as they are in the stack."""
        key = path.split(".", 1)[0].split("[", 1)[0]
        urns = resource.property_dependencies.get(key, ())
        return [self.by_urn[urn] for urn in urns if urn in self.by_urn]

    def targets(
        self, resource: PlannedResource, path: str, types: Sequence[str], keys: Sequence[str]
    ) -> list[PlannedResource]:
        """Resolve a reference: by the property's dependencies, else by equality with one of ``keys`` when known."""
        found = [source for source in self.sources(resource, path) if source.type in types]
        if found:
            return found
        value = resource.raw(path)
        if value is UNKNOWN or not isinstance(value, str):
            return []
        matched = {other.urn for kind in types for key in keys for other in self._having(kind, key).get(value, ())}
        return [self.by_urn[urn] for urn in sorted(matched)]

    def _having(self, kind: str, key: str) -> Mapping[str, Sequence[PlannedResource]]:
        """Resources of a type by the text they have as a property; made at the first question, as rules ask often."""
        if (kind, key) not in self._values:
            found = self._values.setdefault((kind, key), {})
            for resource in self.by_type.get(kind, ()):
                if isinstance(value := resource.raw(key), str):
                    found.setdefault(value, []).append(resource)
        return self._values[kind, key]
