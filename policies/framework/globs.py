"""Globs as IAM has them: ``*`` and ``?`` only."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=65536)
def _covers(pattern: str, text: str, star_is_text: bool) -> bool:
    # By hand: as a regular expression, a pattern of many stars takes time that grows with their power.
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and (
            pattern[place] == text[at] or (pattern[place] == "?" and (star_is_text or text[at] != "*"))
        ):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether a glob covers a text."""
    return _covers(pattern.lower(), text.lower(), True) if ignore_case else _covers(pattern, text, True)


def subsumes(wide: str, narrow: str) -> bool:
    """Whether all that a pattern covers is surely covered by another; when in doubt, it is not."""
    return _covers(wide, narrow, False)  # a star of the one is met only by a star of the other


def is_glob(text: str) -> bool:
    """Whether a text has a wildcard."""
    return "*" in text or "?" in text
