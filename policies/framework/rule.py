"""What a rule is: metadata, and functions from a resource (or the whole stack) to violations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from policies.framework.globs import is_glob, matches
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


Setting = tuple[str, ...] | int


@dataclass(frozen=True, kw_only=True)
class Option:
    """A setting of a rule: a list of strings or a whole number, as its default shows.

    With ``by_stack`` it is a table from patterns of stack names to such values. Of those that fit a stack, the one that
    says most of its name counts; their order means nothing, because the engine does not keep it.
    """

    name: str
    description: str
    default: Setting = ()
    by_stack: Mapping[str, Setting] | None = None

    @property
    def of_numbers(self) -> bool:
        """Whether its values are whole numbers."""
        first = next(iter(self.by_stack.values())) if self.by_stack else self.default
        return isinstance(first, int)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema for the pack's configuration."""
        value = {"type": "integer"} if self.of_numbers else {"type": "array", "items": {"type": "string"}}
        if self.by_stack is not None:
            value = {"type": "object", "additionalProperties": value}
        return {**value, "description": self.description, "default": _plain(self.by_stack or self.default)}


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(below) for key, below in cast("Mapping[str, object]", value).items()}
    return list(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else value


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One violation.

    ``urn`` only when it is not the resource under judgement. ``exemptible`` is off where an exemption would open a
    hole: of a document that nobody can read, no other rule can say anything.
    """

    message: str
    urn: str | None = None
    exemptible: bool = True


def _empty() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The configuration of one rule, with its defaults.

    Names that do not exist and values of another shape raise, so that a mistake fails closed.
    """

    options: Sequence[Option]
    given: Mapping[str, Any] = field(default_factory=_empty)

    def strings(self, name: str, stack: str = "") -> tuple[str, ...]:
        """Return a list of strings; ``stack`` is the stack's name, for options that differ by stack."""
        value = self._value(name, stack, ())
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError(f"{name} must be a list of strings")
        items = cast("Sequence[object]", value)
        if not all(isinstance(item, str) for item in items):
            raise TypeError(f"{name} must be a list of strings")
        return tuple(cast("Sequence[str]", items))

    def number(self, name: str, stack: str = "") -> int | None:
        """Return a whole number; None where it differs by stack and no pattern fits."""
        value = self._value(name, stack, None)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():  # numbers cross the wire as floats
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be a whole number")
        return value

    def _value(self, name: str, stack: str, otherwise: object) -> object:
        option = next((option for option in self.options if option.name == name), None)
        if option is None:
            raise KeyError(name)
        given: object = self.given.get(name)
        if option.by_stack is None:
            return option.default if given is None else given
        table = cast("object", option.by_stack) if given is None else given
        if not isinstance(table, Mapping):
            raise TypeError(f"{name} must be an object by stack name")
        by_stack = cast("Mapping[str, object]", table)
        fitting = [pattern for pattern in by_stack if matches(pattern, stack)]
        return by_stack[max(fitting, key=_literal)] if fitting else otherwise


def _literal(pattern: str) -> tuple[bool, int]:
    """How much a pattern says: a name before any wildcard, then by length without wildcards."""
    return not is_glob(pattern), len(pattern.replace("*", "").replace("?", ""))


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
