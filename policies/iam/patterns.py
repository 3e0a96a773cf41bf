"""Relations between two patterns of IAM, ``*`` and ``?`` being wildcards in both."""

from __future__ import annotations

import re
from functools import lru_cache

from policies.framework.globs import is_glob, matches

_VARIABLE = re.compile(r"\$\{[^}]*\}")


def widest(pattern: str) -> str:
    """Put a wildcard in place of each policy variable: what it may stand for at most."""
    return _VARIABLE.sub("*", pattern) if "$" in pattern else pattern


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
