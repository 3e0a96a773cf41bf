"""Exemptions: findings that somebody has decided to live with, until a date.

The file is ``policies/exemptions.yaml``, or what the environment variable ``POLICY_EXEMPTIONS`` names: a list of
records with the fields of `Exemption`. Records that are expired, too broad or unused are findings themselves.
"""

from __future__ import annotations

import datetime
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from policies.framework.globs import is_glob, matches
from policies.framework.registry import ROOT, packs, rules
from policies.framework.rule import Level, Rule, Severity, nist, well_architected

VARIABLE = "POLICY_EXEMPTIONS"
MOST_RESOURCES = 5
"""More resources than this are not an exemption but a different rule."""
MOST_DAYS = 366
"""Nobody remembers a decision for longer."""
_LEAST_LITERAL = 3

RULE = Rule(
    id="EXEMPTIONS",
    slug="are-in-order",
    title="Exemptions are current, narrow and used",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="An exemption names one finding of one rule, on named resources, with reason, owner and expiry.",
    remediation="Mend the record, or remove it together with what it exempts.",
    link="https://docs.aws.amazon.com/wellarchitected/latest/security-pillar/sec_permissions_continuous_reduction.html",
    frameworks=(nist("CM-3"), well_architected("SEC03-BP04")),
    types=(),
)
"""What the findings about exemptions themselves are reported under."""


class ExemptionError(Exception):
    """A file of exemptions that cannot be read; nothing is exempted."""


class Exemption(BaseModel):
    """One finding that is accepted.

    Args:
        rule: The rule's id, such as ``LP07``.
        urn: The resource's URN; ``*`` and ``?`` stand for what differs, but not for all of type or name. What concerns
            the stack as a whole has the stack's own URN.
        finding: A part of the message, so that a new fault of the same resource is still found.
        reason: Why it is accepted.
        owner: Who answers for it.
        expires: The last day on which it holds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1, str_strip_whitespace=True)

    rule: str
    urn: str
    finding: str
    reason: str
    owner: str
    expires: datetime.date

    def __str__(self) -> str:
        """Show as reports do."""
        return f"{self.reason} ({self.owner}, until {self.expires.isoformat()})"

    def concerns(self, stack: str) -> bool:
        """Whether it can hold in a stack."""
        return matches(self.urn.split("::", 1)[0], f"urn:pulumi:{stack}")


@dataclass
class Exemptions:
    """The records in force for one run, and what each was used for."""

    records: Sequence[Exemption] = ()
    today: datetime.date = field(default_factory=datetime.date.today)
    _used: dict[int, set[str]] = field(default_factory=dict[int, set[str]])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, rule: str, urn: str, message: str) -> Exemption | None:
        """Return the record that exempts a finding, and note its use."""
        for at, record in enumerate(self.records):
            if (
                record.rule == rule
                and record.finding in message
                and matches(record.urn, urn)
                and self._fault(record) is None
            ):
                with self._lock:
                    used = self._used.setdefault(at, set())
                    used.add(urn)
                    if len(used) <= MOST_RESOURCES:
                        return record
        return None

    def problems(self, stack: str, ran: Sequence[str]) -> list[str]:
        """Say what is wrong with the records, once the rules ``ran`` have judged a stack."""
        known = {rule.id for pack in packs() for rule in rules(pack)} if self.records else set[str]()
        found: list[str] = []
        for at, record in enumerate(self.records):
            where = f"record {at + 1} ({record.rule}, {record.urn})"
            if record.rule not in known:
                found.append(f"{where}: there is no such rule")
            elif record.rule not in ran or not record.concerns(stack):
                continue
            elif fault := self._fault(record):
                found.append(f"{where}: {fault}")
            elif not (used := self._used.get(at)):
                found.append(f"{where}: exempts nothing; the finding is gone, or worded otherwise")
            elif len(used) > MOST_RESOURCES:
                found.append(f"{where}: is too broad: it covers {len(used)} resources, at most {MOST_RESOURCES} may be")
        return found

    def _fault(self, record: Exemption) -> str | None:
        if record.expires < self.today:
            return f"expired on {record.expires.isoformat()}"
        if (record.expires - self.today).days > MOST_DAYS:
            return f"expires later than in {MOST_DAYS} days"
        return _too_broad(record)


def _too_broad(record: Exemption) -> str | None:
    parts = record.urn.split("::")
    if len(parts) != 4 or not parts[0].startswith("urn:pulumi:"):
        return "is too broad: the URN must be urn:pulumi:<stack>::<project>::<type>::<name>"
    if is_glob(parts[2].rpartition("$")[2]):
        return "is too broad: the URN's type must be spelled out"
    if is_glob(parts[3]) and len(re.sub(r"[*?\W_]", "", parts[3])) < _LEAST_LITERAL:
        return "is too broad: the URN must say which name is meant"
    if len(re.sub(r"\W", "", record.finding)) < _LEAST_LITERAL:
        return "is too broad: 'finding' must quote a part of the message"
    return None


_RECORDS = TypeAdapter(list[Exemption])


def load(path: Path | None = None) -> Exemptions:
    """Read the file; none is no exemption.

    Raises:
        ExemptionError: The file is named but absent, or is not a list of records.
    """
    named = os.environ.get(VARIABLE)
    file = path or (Path(named) if named else ROOT / "exemptions.yaml")
    if not file.exists():
        if path or named:
            raise ExemptionError(f"there is no file {file}")
        return Exemptions()
    try:
        content: object = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        raise ExemptionError(f"{file} is not YAML{f' at line {place.line + 1}' if place else ''}") from None
    try:
        return Exemptions(_RECORDS.validate_python(content or []))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ExemptionError(f"{file}, at {place or 'the top'} (counted from 0): {first['msg']}") from None


def stack_urn(stack: str, project: str) -> str:
    """URN of a stack as a whole."""
    return f"urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}"
