"""Programs that are not ours, with known faults: each a folder with a program, a stack and a table of faults."""

import importlib
from collections.abc import Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cli.plan.recorder import record
from cli.plan.report import planned
from cli.plan.stack_file import read_stack
from policies.framework.resource import PlannedResource

Fault = tuple[str, str]
"""Id of a rule and logical name of the resource; no name where the whole stack is at fault."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program with known faults.

    Args:
        folder: Folder of `Pulumi.yaml`.
        stack: Its only stack.
        faults: What mandatory rules are to find in it, and what others are to put right.
        advice: What advisory rules are to find in it.
    """

    folder: Path
    stack: str
    faults: Set[Fault]
    advice: Set[Fault]


def _program(folder: Path) -> Program:
    (stack_file,) = folder.glob("Pulumi.*.yaml")
    tables = importlib.import_module(f"{__package__}.{folder.name}.faults")
    return Program(
        folder=folder,
        stack=stack_file.name.split(".")[1],
        faults=frozenset(tables.FAULTS),
        advice=frozenset(tables.ADVICE),
    )


PROGRAMS = {file.parent.name: _program(file.parent) for file in sorted(Path(__file__).parent.glob("*/Pulumi.yaml"))}


@cache
def resources(name: str) -> list[PlannedResource]:
    """What a program plans, recorded without an engine."""
    program = PROGRAMS[name]
    return planned(record(program.folder, read_stack(program.folder, program.stack)))


def fault(policy: str, urn: str) -> Fault:
    """A finding as the tables have it; engines report what concerns the whole stack on the stack's own resource."""
    whole = not urn or "pulumi:pulumi:Stack" in urn
    return policy.partition("-")[0], "" if whole else urn.rsplit("::", maxsplit=1)[-1]
