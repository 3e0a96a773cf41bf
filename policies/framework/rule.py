"""What a rule is: metadata, and functions from a resource (or the whole stack) to violations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from policies.framework.resource import Graph, PlannedResource


class Level(StrEnum):
    """What a violation does; the values are the engine's."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    REMEDIATE = "remediate"
    DISABLED = "disabled"


class Severity(StrEnum):
    """How bad a violation is; the values are the engine's."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, kw_only=True)
class Control:
    """A control of a compliance framework that a rule serves."""

    framework: str
    version: str
    reference: str

    def __str__(self) -> str:
        """Show as one tag."""
        return f"{self.framework} {self.version} {self.reference}".replace("  ", " ")


def cis(reference: str) -> Control:
    """Return a recommendation of the CIS AWS Foundations Benchmark."""
    return Control(framework="CIS AWS", version="3.0.0", reference=reference)


def nist(reference: str) -> Control:
    """Return a control of NIST SP 800-53."""
    return Control(framework="NIST 800-53", version="Rev. 5", reference=reference)


def well_architected(reference: str) -> Control:
    """Return a best practice of the AWS Well-Architected Framework."""
    return Control(framework="AWS Well-Architected", version="2024-06", reference=reference)


@dataclass(frozen=True, kw_only=True)
class Option:
    """A setting of a rule: a list of strings."""

    name: str
    description: str
    default: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema for the pack's configuration."""
        return {
            "type": "array",
            "items": {"type": "string"},
            "description": self.description,
            "default": list(self.default),
        }


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One violation; ``urn`` only when it is not the resource under judgement."""

    message: str
    urn: str | None = None


def _empty() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of one rule, with its defaults."""

    options: Sequence[Option]
    given: Mapping[str, Any] = field(default_factory=_empty)

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a list of strings; an unknown name or another shape raises, so that a misspelling fails closed."""
        default = {option.name: option.default for option in self.options}[name]
        value = self.given.get(name)
        if value is None:
            return default
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError(f"{name} must be a list of strings")
        items = cast("Sequence[object]", value)
        if not all(isinstance(item, str) for item in items):
            raise TypeError(f"{name} must be a list of strings")
        return tuple(cast("Sequence[str]", items))


ResourceCheck = Callable[[PlannedResource, Settings], Iterable[Violation]]
StackCheck = Callable[[Graph, Settings], Iterable[Violation]]
Remediation = Callable[[PlannedResource, Settings], Mapping[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of a pack.

    ``check`` judges a resource by its inputs, before it is created. ``check_stack`` judges what needs other
    resources; both may be set. ``remediate`` returns the top-level properties to change, or None.
    """

    id: str
    slug: str
    title: str
    level: Level
    severity: Severity
    description: str
    remediation: str
    link: str
    frameworks: tuple[Control, ...]
    types: tuple[str, ...]
    anchors: tuple[str, ...] = ()
    check: ResourceCheck | None = None
    check_stack: StackCheck | None = None
    remediate: Remediation | None = None
    options: tuple[Option, ...] = ()

    @property
    def name(self) -> str:
        """The policy's name: what messages show and configuration is keyed by."""
        return f"{self.id}-{self.slug}"
