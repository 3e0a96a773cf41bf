"""Reports of findings: text for people, JSON for programs, SARIF 2.1.0 for whoever shows results of many tools."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any
from urllib.parse import quote

from policies.framework.exemptions import RULE as EXEMPTIONS
from policies.framework.exemptions import stack_urn
from policies.framework.registry import packs, rules
from policies.framework.rule import Level, Rule, Severity
from policies.framework.runner import Finding

VERSION = 1
"""Of the JSON report; raised when a field goes or means something else."""

WIDTH = 110
STACK = "pulumi:pulumi:Stack"
EXEMPTED = "exempted"
_HEADINGS = {
    Level.MANDATORY.value: "MANDATORY: a deployment stops here",
    Level.ADVISORY.value: "ADVISORY: worth a look",
    Level.REMEDIATE.value: "REMEDIATED: the engine puts this right by itself",
    EXEMPTED: "EXEMPTED: accepted until a date",
}
_SARIF_LEVELS = {Level.MANDATORY: "error", Level.ADVISORY: "warning", Level.REMEDIATE: "note", Level.DISABLED: "none"}
_SCORES = {Severity.LOW: "3.0", Severity.MEDIUM: "5.5", Severity.HIGH: "8.0", Severity.CRITICAL: "9.5"}
"""As numbers, where GitHub wants them."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the packs say of a stack.

    Args:
        findings: In any order.
        project: The stack's project.
        stack: The stack's name.
        source: What was judged: a path that people know, relative to the repository.
        resources: How many resources were judged.
    """

    findings: Sequence[Finding]
    project: str
    stack: str
    source: str
    resources: int

    @property
    def passed(self) -> bool:
        """Whether nothing stops a deployment."""
        return not any(finding.stops for finding in self.findings)

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Number of findings by level, those that are exempted apart."""
        return {name: sum(_kind(finding) == name for finding in self.findings) for name in _HEADINGS}

    @cached_property
    def ordered(self) -> Sequence[Finding]:
        """Findings by level, then by resource and rule; what concerns no single resource has the stack's own URN."""
        order, whole = list(_HEADINGS), stack_urn(self.stack, self.project)
        found = [finding if finding.urn else replace(finding, urn=whole) for finding in self.findings]
        return sorted(found, key=lambda f: (order.index(_kind(f)), f.urn, f.rule, f.exempted_by or "", f.message))


def _kind(finding: Finding) -> str:
    return EXEMPTED if finding.exempted_by else finding.level.value


def _known() -> Mapping[str, Rule]:
    """Every rule by its id, that of the exemptions themselves included."""
    return {rule.id: rule for pack in packs() for rule in rules(pack)} | {EXEMPTIONS.id: EXEMPTIONS}


def text(report: Report) -> str:
    """Return the report for a terminal: by level and resource, each with the rule and what to write instead."""
    known = _known()
    lines = [f"Policies for {report.project}/{report.stack}: {_summary(report)}"]
    for kind, alike in groupby(report.ordered, _kind):
        lines += ["", _HEADINGS[kind]]
        for urn, there in groupby(alike, lambda finding: finding.urn):
            lines += ["", f"  {_where(urn)}"]
            for (rule, accepted), same in groupby(there, lambda finding: (finding.rule, finding.exempted_by)):
                lines += _entry(known[rule], list(same), accepted)
    return "\n".join(lines) + "\n"


def _summary(report: Report) -> str:
    counted = ", ".join(f"{number} {name}" for name, number in report.counts.items() if number)
    number = sum(len(rules(pack)) for pack in packs())
    return f"{counted or 'nothing found'}; {number} rules, {report.resources} resources ({report.source})"


def _where(urn: str) -> str:
    """Return type and name of a resource: what programs call it."""
    type_, name = _type_and_name(urn)
    return "the stack as a whole" if type_ == STACK else f"{type_} {name}"


def _type_and_name(urn: str) -> tuple[str, str]:
    """Return a resource's type, without those of its parents, and its name."""
    parts = urn.split("::", 3)
    return (parts[2].rpartition("$")[2], parts[3]) if len(parts) == 4 else ("", urn)


def _entry(rule: Rule, findings: Sequence[Finding], accepted: str | None) -> Iterator[str]:
    """Yield what one rule says of one resource."""
    yield f"    {rule.id} {rule.title} [{rule.severity.value}]"
    for finding in findings:
        yield from _wrapped("- " if len(findings) > 1 else "", finding.message)
    if accepted:
        yield from _wrapped("exempted: ", accepted)
    else:
        yield from _wrapped("instead: ", findings[0].remediation)
        yield from _wrapped("see: ", rule.link)


def _wrapped(label: str, content: str) -> Iterator[str]:
    indent = " " * 9
    yield from textwrap.wrap(
        content,
        WIDTH,
        initial_indent=indent + label,
        subsequent_indent=indent + " " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as plain data; `docs/policies.md` lists its fields."""
    known = _known()
    return {
        "version": VERSION,
        "project": report.project,
        "stack": report.stack,
        "source": report.source,
        "resources": report.resources,
        "passed": report.passed,
        "counts": dict(report.counts),
        "findings": [_as_json(finding, known[finding.rule]) for finding in report.ordered],
    }


def _as_json(finding: Finding, rule: Rule) -> dict[str, Any]:
    type_, name = _type_and_name(finding.urn)
    return {
        "rule": rule.id,
        "title": rule.title,
        "pack": finding.pack,
        "level": finding.level.value,
        "severity": finding.severity.value,
        "urn": finding.urn,
        "type": type_,
        "name": name,
        "message": finding.message,
        "remediation": finding.remediation,
        "link": rule.link,
        "frameworks": [str(control) for control in rule.frameworks],
        "exemptedBy": finding.exempted_by,
    }


def as_sarif(report: Report) -> dict[str, Any]:
    """Return the report as a SARIF 2.1.0 log."""
    known = sorted(_known().values(), key=lambda rule: rule.id)
    index = {rule.id: at for at, rule in enumerate(known)}
    return {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "mlplatform-policies",
                        "version": f"{VERSION}.0.0",
                        "rules": [_sarif_rule(rule) for rule in known],
                    }
                },
                "automationDetails": {"id": f"policies/{report.project}/{report.stack}/"},
                "columnKind": "unicodeCodePoints",
                "results": [_sarif_result(finding, index, report.source) for finding in report.ordered],
            }
        ],
    }


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.description},
        "help": {"text": rule.remediation},
        "helpUri": rule.link,
        "defaultConfiguration": {"level": _SARIF_LEVELS[rule.level]},
        "properties": {
            "severity": rule.severity.value,
            "security-severity": _SCORES[rule.severity],
            "tags": ["security", *(str(control) for control in rule.frameworks)],
        },
    }


def _sarif_result(finding: Finding, index: Mapping[str, int], source: str) -> dict[str, Any]:
    type_, name = _type_and_name(finding.urn)
    told = "\n".join((finding.rule, finding.urn, finding.message))
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": _SARIF_LEVELS[finding.level],
        "message": {"text": f"{_where(finding.urn)}: {finding.message}\n{finding.remediation}"},
        "locations": [
            {
                # A resource has no line; the file is there for those who show nothing without one.
                "physicalLocation": {"artifactLocation": {"uri": quote(source)}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": finding.urn, "name": name, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"finding/v1": hashlib.sha256(told.encode()).hexdigest()},
        "properties": {"pack": finding.pack, "type": type_, "severity": finding.severity.value},
    }
    if finding.exempted_by:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": finding.exempted_by},
        ]
    return result
