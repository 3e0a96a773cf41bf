"""The table of rules in `policies/README.md`: `python -m policies.framework.table` writes it anew."""

from __future__ import annotations

from pathlib import Path

from policies.framework.registry import packs, rules

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- rules: start -->\n", "<!-- rules: end -->\n"


def table() -> str:
    """Return the rules of all packs as Markdown."""
    lines: list[str] = []
    for pack in packs():
        lines += [f"### {pack}", "", "| id | rule | level | severity | frameworks |", "| --- | --- | --- | --- | --- |"]
        for rule in rules(pack):
            frameworks = ", ".join(f"{control.framework} {control.reference}" for control in rule.frameworks)
            title = f"[{rule.title}]({rule.link})"
            lines.append(f"| {rule.id} | {title} | {rule.level.value} | {rule.severity.value} | {frameworks} |")
        lines.append("")
    return "\n".join(lines)


def current(text: str) -> str:
    """Return a README with its table as it should be."""
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}{table()}{END}{tail}"


if __name__ == "__main__":
    README.write_text(current(README.read_text()))
