"""Holds the rules against checkov's checks: where one of its fires, the counterpart of ours must fire too."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from peers.checkov import Failure, failures
from peers.terraform_plan import view
from policies.framework.globs import matches
from policies.framework.resource import PlannedResource
from policies.framework.runner import evaluate, packs, rules

DIFFERENCES = Path(__file__).with_name("differences.json")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A check of checkov that fires where no counterpart of ours does.

    Args:
        check: Its id.
        resource: Pattern of the Terraform address.
        reason: Why it is right that ours does not.
    """

    check: str
    resource: str
    reason: str

    def covers(self, failure: Failure) -> bool:
        """Whether it is the record of this failure."""
        return self.check == failure.check and matches(self.resource, failure.address)


@dataclass(frozen=True, kw_only=True)
class Differences:
    """The records in `differences.json`.

    Args:
        explained: Where a check fires and its counterpart does not.
        without_counterpart: Checks that no rule of the catalogue stands for, and why.
    """

    explained: Sequence[Difference]
    without_counterpart: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Fired:
    """A check of checkov that fires on a resource, beside what ours say of it.

    Args:
        failure: The check and the resource.
        counterparts: Rules of the catalogue that name the check.
        rules: Those of them that fire on the resource.
    """

    failure: Failure
    counterparts: Sequence[str]
    rules: Sequence[str] = field(default_factory=tuple[str, ...])


def differences() -> Differences:
    """The records."""
    content = json.loads(DIFFERENCES.read_text())
    return Differences(
        explained=[Difference(**record) for record in content["explained"]],
        without_counterpart=content["without_counterpart"],
    )


def counterparts() -> dict[str, list[str]]:
    """For each check of checkov that the catalogue names, the rules that name it."""
    found: dict[str, list[str]] = {}
    for rule in (rule for pack in packs() for rule in rules(pack)):
        for anchor in rule.anchors:
            if anchor.startswith("CKV"):
                found.setdefault(anchor, []).append(rule.id)
    return found


def compare(programs: Mapping[str, Sequence[PlannedResource]]) -> dict[str, list[Fired]]:
    """What checkov finds in some programs, by the program's name, each beside ours.

    Raises:
        NoPeersError: checkov is not installed.
    """
    failed = failures({name: view(resources) for name, resources in programs.items()})
    named, found = counterparts(), dict[str, list[Fired]]()
    for name, resources in programs.items():
        ours = {(finding.rule, finding.urn) for finding in evaluate(resources)}
        found[name] = [
            Fired(
                failure=failure,
                counterparts=named.get(failure.check, ()),
                rules=[rule for rule in named.get(failure.check, ()) if (rule, failure.resource.urn) in ours],
            )
            for failure in failed[name]
        ]
    return found
