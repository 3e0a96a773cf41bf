"""DNS entries as text: the syntax of zone files (RFC 1035, section 5), which BIND and most providers import."""

from collections.abc import Iterable
from dataclasses import dataclass

TTL_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One DNS entry.

    Args:
        name: Full name; a dot at its end may be missing.
        type: Such as `CNAME`.
        value: What it leads to: another full name.
        why: What it is for.
    """

    name: str
    type: str
    value: str
    why: str = ""

    @property
    def absolute(self) -> "Entry":
        """The same with dots at the ends, so that no zone's name is added to it."""
        return Entry(name=dotted(self.name), type=self.type, value=dotted(self.value), why=self.why)


def dotted(name: str) -> str:
    """A full name with the dot at its end that makes it absolute."""
    return f"{name.rstrip('.')}."


def zone_file(entries: Iterable[Entry], *, ttl_seconds: int = TTL_SECONDS) -> str:
    """Entries as part of a zone file, each after a comment that says what it is for.

    Args:
        entries: What to write; names are written in full, so that the text suits any zone that holds them.
        ttl_seconds: How long resolvers may keep them.
    """
    lines = [f"$TTL {ttl_seconds}"]
    for entry in (entry.absolute for entry in entries):
        lines += [*([f"; {entry.why}"] if entry.why else []), f"{entry.name}\tIN\t{entry.type}\t{entry.value}"]
    return "\n".join(lines) + "\n"
