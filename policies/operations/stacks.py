"""Which stacks a setting means."""

from __future__ import annotations

from policies.framework.globs import matches
from policies.framework.rule import Settings


def listed(settings: Settings, option: str, stack: str) -> bool:
    """Whether one of an option's patterns fits a stack's name."""
    return any(matches(pattern, stack) for pattern in settings.strings(option))
