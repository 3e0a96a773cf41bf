"""Finds packs and their rules: a folder with a ``PulumiPolicy.yaml`` is a pack, a module in its ``rules`` is a rule."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from policies.framework.rule import Rule

ROOT = Path(__file__).resolve().parents[1]


@cache
def packs() -> tuple[str, ...]:
    """Names of the packs."""
    return tuple(sorted(found.parent.name for found in ROOT.glob("*/PulumiPolicy.yaml")))


@cache
def rules(pack: str) -> tuple[Rule, ...]:
    """Rules of one pack, by id."""
    if pack not in packs():
        raise ValueError(f"no policy pack named {pack!r}; there are: {', '.join(packs())}")
    names = sorted(path.stem for path in (ROOT / pack / "rules").glob("[a-z]*.py"))
    found: list[Rule] = []
    for name in names:
        rule = importlib.import_module(f"policies.{pack}.rules.{name}").RULE
        if not isinstance(rule, Rule):
            raise TypeError(f"policies/{pack}/rules/{name}.py: RULE must be a Rule")
        found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.id))
