"""Runs parliament and cloudsplaining over what roles are granted."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from peers.environment import program
from policies.framework.resource import Graph, PlannedResource

LINTER = Path(__file__).with_name("lint_documents.py")

ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
POLICY, ATTACHMENT = "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a tool says of a document.

    Args:
        tool: `parliament` or `cloudsplaining`.
        document: Name of the document.
        finding: The tool's name for it.
        severity: `LOW` to `CRITICAL`.
        detail: What it is about.
    """

    tool: str
    document: str
    finding: str
    severity: str
    detail: str


def documents(resources: Sequence[PlannedResource]) -> dict[str, str]:
    """Documents that roles are granted, by name, and for each role with several of them their union.

    A permissions boundary grants nothing and is none of them.
    """
    graph = Graph.of(resources)
    found: dict[str, str] = {}
    by_role: dict[str, list[str]] = {}

    def grant(role: str, name: str, text: object) -> None:
        if not isinstance(text, str):
            raise ValueError(f"the document {name} is unknown at preview, so that nobody can judge it")
        found[name] = text
        by_role.setdefault(role, []).append(text)

    for role in graph.of_types([ROLE]):
        for policy in role.items("inlinePolicies"):
            grant(role.urn, f"{role.name}/{policy['name']}", policy["policy"])
    for policy in graph.of_types([ROLE_POLICY]):
        for role in graph.targets(policy, "role", [ROLE], ["name"]):
            grant(role.urn, policy.name, policy.raw("policy"))
    for attachment in graph.of_types([ATTACHMENT]):
        for policy in graph.sources(attachment, "policyArn"):
            for role in graph.targets(attachment, "role", [ROLE], ["name"]) if policy.type == POLICY else ():
                grant(role.urn, policy.name, policy.raw("policy"))
    for urn, texts in by_role.items():
        if len(texts) > 1:
            found[f"{graph.by_urn[urn].name}/union"] = _union(texts)
    return found


def _union(texts: Sequence[str]) -> str:
    statements: list[Any] = []
    for text in texts:
        own = json.loads(text)["Statement"]
        statements.extend(cast("list[Any]", own) if isinstance(own, list) else [own])
    without_ids = [{key: value for key, value in statement.items() if key != "Sid"} for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": without_ids})


def findings(texts: Mapping[str, str]) -> list[Finding]:
    """What both tools say of documents.

    Raises:
        NoPeersError: They are not installed.
    """
    done = subprocess.run(
        [program("python"), LINTER], input=json.dumps(texts), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{LINTER.name} failed: {done.stderr[-2000:]}")
    return [Finding(**entry) for entry in json.loads(done.stdout)]
