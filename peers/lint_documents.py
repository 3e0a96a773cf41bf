"""Judges IAM documents with parliament and cloudsplaining; runs in their environment, apart from the project.

Reads documents by name, JSON, from standard input, and writes a list of `{document, tool, finding, severity, detail}`.
"""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Loaded by name: the project's own environment, in which it is checked, does not have them.
parliament: Any = importlib.import_module("parliament")
policy_document: Any = importlib.import_module("cloudsplaining.scan.policy_document")

RISKS = (
    "allows_privilege_escalation",
    "allows_data_exfiltration_actions",
    "credentials_exposure",
    "infrastructure_modification",
    "permissions_management_without_constraints",
    "service_wildcard",
    "contains_statement_using_not_action",
)
"""What cloudsplaining finds, by the names of its properties. It has no severities for them; none is low."""

Finding = dict[str, str]


def by_parliament(text: str) -> Iterator[Finding]:
    """parliament's findings, those of its community auditors included."""
    for found in parliament.analyze_policy_string(text, include_community_auditors=True).findings:
        finding = parliament.enhance_finding(found)
        yield {"finding": finding.issue, "severity": finding.severity, "detail": str(finding.detail or finding.title)}


def by_cloudsplaining(text: str) -> Iterator[Finding]:
    """cloudsplaining's findings."""
    document = policy_document.PolicyDocument(json.loads(text))
    for risk in RISKS:
        found = getattr(document, risk)
        if found:
            yield {"finding": risk, "severity": "HIGH", "detail": str(found)}


def main() -> None:
    """Judge all documents."""
    parliament.override_config(str(Path(parliament.__file__).parent / "community_auditors" / "config_override.yaml"))
    tools = {"parliament": by_parliament, "cloudsplaining": by_cloudsplaining}
    found = [
        {"document": name, "tool": tool, **finding}
        for name, text in json.load(sys.stdin).items()
        for tool, judge in tools.items()
        for finding in judge(text)
    ]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
