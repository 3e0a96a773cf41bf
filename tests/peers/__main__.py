"""Writes the page that tells what is compared: `python -m tests.peers`."""

from peers.compare import compare
from peers.fragment import FRAGMENT, fragment
from tests.foreign.programs import PROGRAMS, resources
from tests.peers.cases import CASES, SILENT

FRAGMENT.write_text(
    fragment(
        compare({**{name: resources(name) for name in PROGRAMS}, **CASES}),
        {name: [*program.faults, *program.advice] for name, program in PROGRAMS.items()},
        SILENT,
    )
)
