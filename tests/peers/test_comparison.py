"""Where checkov finds a fault that the catalogue has a rule for, that rule finds it too, or it is explained why not."""

import pytest

from peers.compare import Fired, compare, counterparts, differences
from peers.fragment import FRAGMENT, fragment
from tests.foreign.programs import PROGRAMS, resources
from tests.peers.cases import CASES, SILENT

Compared = dict[str, list[Fired]]


@pytest.fixture(scope="session")
def compared() -> Compared:
    return compare({**{name: resources(name) for name in PROGRAMS}, **CASES})


def test_each_counterpart_of_the_catalogue_is_shown_to_checkov() -> None:
    assert set(counterparts()) - set(CASES) - set(SILENT) == set(), "add a case to tests/peers/cases.py"


@pytest.mark.parametrize("check", CASES)
def test_a_counterpart_is_a_check_that_fires_on_the_fault(compared: Compared, check: str) -> None:
    assert check in {fired.failure.check for fired in compared[check]}


def test_a_check_that_is_said_to_be_silent_is(compared: Compared) -> None:
    fired = {one.failure.check for found in compared.values() for one in found}
    assert not fired & set(SILENT)


def test_where_checkov_fires_ours_fires_or_the_difference_is_explained(compared: Compared) -> None:
    explained = differences().explained
    missed = [fired.failure for found in compared.values() for fired in found if fired.counterparts and not fired.rules]
    unexplained = [f"{f.check} {f.address}: {f.title}" for f in missed if not any(d.covers(f) for d in explained)]
    assert not unexplained
    assert [d for d in explained if not any(d.covers(failure) for failure in missed)] == [], "they no longer differ"


def test_a_check_without_counterpart_that_fires_on_a_foreign_program_is_explained(compared: Compared) -> None:
    alone = {one.failure.check for name in PROGRAMS for one in compared[name] if not one.counterparts}
    assert alone - set(differences().without_counterpart) == set()
    assert set(differences().without_counterpart) - set(counterparts()) - alone == set(), "they no longer fire"


def test_the_page_tells_what_is_compared_here(compared: Compared) -> None:
    faults = {name: [*program.faults, *program.advice] for name, program in PROGRAMS.items()}
    assert FRAGMENT.read_text() == fragment(compared, faults, SILENT), "run python -m tests.peers"
