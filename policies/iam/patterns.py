"""Relations between two patterns of IAM, ``*`` and ``?`` being wildcards in both."""

from __future__ import annotations

import re
from functools import lru_cache

from policies.framework.globs import is_glob, matches

_VARIABLE = re.compile(r"\$\{[^}]*\}")


def widest(pattern: str) -> str:
    """Put a wildcard in place of each policy variable: what it may stand for at most."""
    return _VARIABLE.sub("*", pattern) if "$" in pattern else pattern


def subsumes(wide: str, narrow: str) -> bool:
    """Whether all that ``narrow`` covers is surely covered by ``wide``; when in doubt, it is not."""
    return matches(wide, narrow) if not is_glob(narrow) else _subsumes(wide, narrow)


@lru_cache(maxsize=65536)
def _subsumes(wide: str, narrow: str) -> bool:
    # As in matching a text, but that a star of the text is met only by a star.
    at = place = 0
    star, resume = -1, 0
    while at < len(narrow):
        if place < len(wide) and wide[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(wide) and (wide[place] == narrow[at] or (wide[place] == "?" and narrow[at] != "*")):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not wide[place:].strip("*")


def overlaps(one: str, other: str) -> bool:
    """Whether some text is covered by both patterns."""
    if not is_glob(other):
        return matches(one, other)
    if not is_glob(one):
        return matches(other, one)
    return _overlaps(one, other)


@lru_cache(maxsize=65536)
def _overlaps(one: str, other: str) -> bool:
    # ``reached[j]``: one[:i] and other[:j] have a text in common.
    reached = [True, *([False] * len(other))]
    for j, letter in enumerate(other):
        reached[j + 1] = reached[j] and letter == "*"
    for mine in one:
        row = [reached[0] and mine == "*"]
        for j, letter in enumerate(other):
            if mine == "*" or letter == "*":
                row.append(row[j] or reached[j + 1])
            else:
                row.append(reached[j] and (mine == letter or "?" in (mine, letter)))
        reached = row
    return reached[-1]
