"""The part of the policies' page that tells how the packs compare with checkov."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from peers.compare import Fired, differences

FRAGMENT = Path(__file__).with_name("differences.md")
LOCK = Path(__file__).with_name("requirements.lock")

Faults = Mapping[str, Sequence[tuple[str, str]]]


def fragment(compared: Mapping[str, Sequence[Fired]], faults: Faults, silent: Mapping[str, str]) -> str:
    """The text.

    Args:
        compared: What checkov finds, beside ours, by program and by case.
        faults: The known faults of each program: rule and logical name.
        silent: Checks that fire on no resource of a plan, and why.
    """
    known = differences()
    total = sum(map(len, faults.values()))
    both = sum(bool(_checks(compared[name], fault)) for name in faults for fault in faults[name])
    alone = {f.failure.check: f.failure.title for name in faults for f in compared[name] if not f.counterparts}
    cases = len(compared) - len(faults)
    found = [
        (name, rule, resource or "the stack", ", ".join(_checks(compared[name], (rule, resource))) or "nothing")
        for name in faults
        for rule, resource in sorted(faults[name])
    ]
    parts = [
        f"checkov {_version()} judges the same resources, shown to it as a Terraform plan (`peers/`).\n"
        f"Of the {total} known faults of {len(faults)} foreign programs the packs find {total}, and checkov {both}.\n"
        f"In {cases} further cases, one for each check that the catalogue names, both fire on the same resource.",
        _table(("program", "rule", "resource", "checkov finds"), found),
        "Where a check of checkov fires and its counterpart here does not:",
        _table(("check", "on", "why"), sorted((d.check, f"`{d.resource}`", d.reason) for d in known.explained)),
        "Checks that fire on the foreign programs and have no counterpart here:",
        _table(
            ("check", "asks", "why there is none"),
            [(check, alone[check], known.without_counterpart[check]) for check in sorted(alone)],
        ),
        "Counterparts that fire on no resource of a plan:",
        _table(("check", "why"), sorted((check, f"It {why}.") for check, why in silent.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _checks(found: Sequence[Fired], fault: tuple[str, str]) -> list[str]:
    """Checks that find a fault as well."""
    rule, name = fault
    return sorted({each.failure.check for each in found if rule in each.rules and each.failure.resource.name == name})


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _version() -> str:
    """The version that is compared with."""
    found = re.search(r"^checkov==(\S+)", LOCK.read_text(), re.MULTILINE)
    assert found
    return found[1]
