"""TG01: resources carry the required tags, with allowed values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from policies.framework.globs import matches
from policies.framework.judge import unknown
from policies.framework.reading import of_provider
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UNKNOWN

Tags = Mapping[str, Any]


def _taggable() -> tuple[str, ...]:
    """Return the types whose inputs have a map of tags."""
    text = (Path(__file__).parents[1] / "data" / "taggable.json").read_text()
    modules: Mapping[str, list[str]] = json.loads(text)["types"]
    return tuple(
        f"aws:{module}/{name[0].lower()}{name[1:]}:{name}" for module, names in modules.items() for name in names
    )


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    tags: Tags = {**_default_tags(resource), **(resource.value("tags") or {})}
    for name in settings.strings("requiredTags"):
        if tags.get(name) is not UNKNOWN and not tags.get(name):
            yield Violation(message=f"tag {name} is missing")
    for name, allowed in _allowed(settings).items():
        if tags.get(name) is UNKNOWN:
            yield unknown(resource, f"tags.{name}")
        elif tags.get(name) and not _fits(tags[name], allowed):
            yield Violation(message=f"tag {name} has a value that is not among its allowedValues")


def _remediate(resource: PlannedResource, settings: Settings) -> Mapping[str, Any] | None:
    own = resource.raw("tags")
    if own is UNKNOWN:
        return None  # what is in it cannot be kept
    there: Tags = {**_default_tags(resource), **(own or {})}
    derived = {"Project": resource.project, "Environment": resource.stack}
    missing = [name for name in settings.strings("requiredTags") if name in derived and name not in there]
    added = {name: derived[name] for name in missing if _fits(derived[name], _allowed(settings).get(name, ("*",)))}
    return {"tags": added} if added else None


def _default_tags(resource: PlannedResource) -> Tags:
    given: object = of_provider(resource, "defaultTags")
    if isinstance(given, list):
        given = next(iter(cast("list[object]", given)), None)
    tags = cast("Mapping[str, object]", given).get("tags") if isinstance(given, Mapping) else None
    return cast("Tags", tags) if isinstance(tags, Mapping) else {}


def _allowed(settings: Settings) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for entry in settings.strings("allowedValues"):
        name, separator, values = entry.partition("=")
        if not separator:
            raise ValueError("an entry of allowedValues reads Tag=value|value")
        table[name] = tuple(values.split("|"))
    return table


def _fits(value: Any, patterns: tuple[str, ...]) -> bool:
    return any(matches(pattern, str(value)) for pattern in patterns)


RULE = Rule(
    id="TG01",
    slug="required-tags",
    title="Resources carry the required tags, with allowed values",
    level=Level.REMEDIATE,
    severity=Severity.MEDIUM,
    description=(
        "Who pays for a resource, and whom to ask before it is removed, is read from its tags; roles that reach "
        "resources by tag rely on them too."
    ),
    remediation=(
        "Set the tags, best once as the provider's defaultTags; the engine adds Project and Environment from the "
        "project's and the stack's name."
    ),
    link="https://docs.aws.amazon.com/whitepapers/latest/tagging-best-practices/tagging-best-practices.html",
    frameworks=(nist("CM-8"), well_architected("COST03-BP02"), well_architected("OPS02-BP01")),
    types=_taggable(),
    check=_check,
    remediate=_remediate,
    options=(
        Option(
            name="requiredTags",
            description="Tags that every resource must carry.",
            default=("Project", "Environment"),
        ),
        Option(
            name="allowedValues",
            description="For a tag, the patterns of its values, such as Environment=dev|prod|test-*.",
        ),
    ),
)
