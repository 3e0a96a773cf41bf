"""What other tools find in the platform, and why it stays: the records in `accepted.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peers.checkov import failures
from peers.identities import documents, findings
from peers.terraform_plan import view
from policies.framework.globs import matches
from policies.framework.resource import PlannedResource

ACCEPTED = Path(__file__).with_name("accepted.json")
LOW = ("LOW", "INFO")


@dataclass(frozen=True, kw_only=True)
class Found:
    """Something that a tool finds in a stack.

    Args:
        stack: The stack.
        tool: `checkov`, `parliament` or `cloudsplaining`.
        finding: The tool's id of what it found.
        resource: Terraform address of the resource, or name of the IAM document.
        detail: What it is about.
    """

    stack: str
    tool: str
    finding: str
    resource: str
    detail: str

    def __str__(self) -> str:
        """Show as one line."""
        return f"{self.stack}: {self.tool} {self.finding} {self.resource}: {self.detail}"


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A finding that stays.

    Args:
        tool: As in `Found`.
        finding: As in `Found`.
        resource: Pattern of it.
        reason: Why it stays.
        stacks: Stacks in which it occurs.
    """

    tool: str
    finding: str
    resource: str
    reason: str
    stacks: list[str] = field(default_factory=list[str])

    def covers(self, found: Found) -> bool:
        """Whether it is the record of a finding."""
        return (
            (self.tool, self.finding) == (found.tool, found.finding)
            and found.stack in self.stacks
            and matches(self.resource, found.resource)
        )


def accepted() -> list[Accepted]:
    """All records."""
    return [Accepted(**record) for record in json.loads(ACCEPTED.read_text())]


def find(stacks: Mapping[str, Sequence[PlannedResource]]) -> list[Found]:
    """What checkov finds in some stacks, and what parliament and cloudsplaining find above low.

    Raises:
        NoPeersError: They are not installed.
    """
    failed = failures({stack: view(resources) for stack, resources in stacks.items()})
    checks = [
        Found(stack=stack, tool="checkov", finding=one.check, resource=one.address, detail=one.title)
        for stack in stacks
        for one in failed[stack]
    ]
    texts = {(stack, name): text for stack, each in stacks.items() for name, text in documents(each).items()}
    judged = findings({f"{stack} {name}": text for (stack, name), text in texts.items()})
    for one in judged:
        if one.severity not in LOW:
            stack, _, name = one.document.partition(" ")
            checks.append(Found(stack=stack, tool=one.tool, finding=one.finding, resource=name, detail=one.detail))
    return checks
