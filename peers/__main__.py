"""`python -m peers STACK …`: what other tools find in the platform's stacks, and what of it is not recorded."""

import sys
from pathlib import Path

from cli.plan.recorder import record
from cli.plan.report import planned
from cli.plan.stack_file import read_stack
from peers.accepted import accepted, find
from peers.terraform_plan import view

ROOT = Path(__file__).parents[1]


def main(stacks: list[str]) -> int:
    """Prints what is found; gives 1 if anything is without a record."""
    resources = {stack: planned(record(ROOT, read_stack(ROOT, stack))) for stack in stacks}
    found, records = find(resources), accepted()
    unrecorded = 0
    for one in found:
        reason = next((record.reason for record in records if record.covers(one)), None)
        unrecorded += reason is None
        print(f"{one}\n    {reason or 'NOT RECORDED in peers/accepted.json'}")
    for stack in stacks:
        failed = sum(one.tool == "checkov" and one.stack == stack for one in found)
        number = len(view(resources[stack]).resources)
        print(f"{stack}: {failed} failed checks on {number} resources, {failed / number:.3f} a resource")
    return 1 if unrecorded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["prod"]))
