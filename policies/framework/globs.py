"""Glob matching as IAM does it: ``*`` and ``?`` only."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=65536)
def _covers(pattern: str, text: str) -> bool:
    # By hand: as a regular expression, a pattern of many stars takes time that grows with their power.
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether a glob covers a text."""
    return _covers(pattern.lower(), text.lower()) if ignore_case else _covers(pattern, text)


def is_glob(text: str) -> bool:
    """Whether a text has a wildcard."""
    return "*" in text or "?" in text
