"""Configuration of a pack, in the shape that ``--policy-pack-config`` takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from policies.framework.rule import Level, Rule, Settings


def settings_for(rule: Rule, config: Mapping[str, Any] | None) -> tuple[Level, Settings]:
    """Level and settings of one rule; keyed by ``all``, the rule's id or its name, the later wins."""
    level, given = rule.level, dict[str, Any]()
    for key in ("all", rule.id, rule.name):
        entry: object = (config or {}).get(key)
        if entry is None:
            continue
        if isinstance(entry, str):
            level = Level(entry)
        elif isinstance(entry, Mapping):
            values = dict(cast("Mapping[str, Any]", entry))
            level = Level(values.pop("enforcementLevel", level))
            given.update(values)
        else:
            raise TypeError(f"configuration of {key} must be a level or an object")
    return level, Settings(options=rule.options, given=given)


def check_names(config: Mapping[str, Any] | None, known: tuple[Rule, ...]) -> None:
    """Refuse keys that configure nothing: rules that do not exist, and settings that a rule does not have."""
    rules = {key: rule for rule in known for key in (rule.id, rule.name)}
    strange = sorted(set(config or {}) - set(rules) - {"all"})
    if strange:
        raise ValueError(f"policy configuration for rules that do not exist: {', '.join(strange)}")
    for key, entry in (config or {}).items():
        if key != "all" and isinstance(entry, Mapping):
            strange = unknown_settings(rules[key], set(cast("Mapping[str, Any]", entry)) - {"enforcementLevel"})
            if strange:
                raise ValueError(f"policy configuration of {key} has no setting {', '.join(strange)}")


def unknown_settings(rule: Rule, given: Iterable[str]) -> list[str]:
    """Return the settings that a rule does not have."""
    return sorted(set(given) - {option.name for option in rule.options})
