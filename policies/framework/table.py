"""What is written down about the rules: `python -m policies.framework.table` writes it anew where it stands.

A page holds a section between ``<!-- name: start -->`` and ``<!-- name: end -->``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from policies.framework.registry import packs, rules
from policies.framework.rule import Rule

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "policies" / "README.md"
PAGE = ROOT / "docs" / "policies.md"
DIFFERENCES = ROOT / "peers" / "differences.md"
"""What `peers/` writes of the packs and checkov on the same resources."""


def table() -> str:
    """Return the rules by pack, with what they serve."""
    return _by_pack(
        ("id", "rule", "level", "severity", "frameworks"),
        lambda rule: (rule.id, f"[{rule.title}]({rule.link})", rule.level, rule.severity, _frameworks(rule)),
    )


def counterparts() -> str:
    """Return the rules by pack, with what comes nearest in other tools."""
    return _by_pack(
        ("id", "rule", "level", "severity", "frameworks", "elsewhere"),
        lambda rule: (
            *(rule.id, f"[{rule.title}]({rule.link})", rule.level, rule.severity, _frameworks(rule)),
            ", ".join(rule.anchors) or "own",
        ),
    )


def differences() -> str:
    """Return how the packs compare with checkov; empty while nobody has compared them."""
    return DIFFERENCES.read_text() if DIFFERENCES.exists() else ""


def _frameworks(rule: Rule) -> str:
    return ", ".join(f"{control.framework} {control.reference}" for control in rule.frameworks)


def _by_pack(columns: Sequence[str], row: Callable[[Rule], Sequence[str]]) -> str:
    return "\n".join(f"### {pack}\n\n{_table(columns, map(row, rules(pack)))}" for pack in packs())


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


SECTIONS: Mapping[str, Callable[[], str]] = {
    "rules": table,
    "counterparts": counterparts,
    "differences": differences,
}


def current(text: str) -> str:
    """Return a page with its sections as they should be."""
    for name, section in SECTIONS.items():
        start, end = f"<!-- {name}: start -->\n", f"<!-- {name}: end -->\n"
        if start in text:
            head, _, rest = text.partition(start)
            text = f"{head}{start}{section()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    for page in (README, PAGE):
        page.write_text(current(page.read_text()))
