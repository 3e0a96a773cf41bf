"""The packs find in programs that are not ours what is wrong with them, and nothing else."""

import pytest

from policies.framework.rule import Level
from policies.framework.runner import Finding, evaluate, packs
from tests.foreign.programs import PROGRAMS, Fault, fault, resources


def found(name: str) -> list[Finding]:
    return evaluate(resources(name))


def table(findings: list[Finding]) -> set[Fault]:
    return {fault(finding.rule, finding.urn) for finding in findings}


@pytest.mark.parametrize("name", PROGRAMS)
def test_exactly_the_known_faults_are_found(name: str) -> None:
    findings = found(name)
    advisory = [finding for finding in findings if finding.level is Level.ADVISORY]
    other = [finding for finding in findings if finding.level is not Level.ADVISORY]
    assert table(other) == PROGRAMS[name].faults
    assert table(advisory) == PROGRAMS[name].advice


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_finding_says_what_to_write_instead(name: str) -> None:
    assert all(finding.message and finding.remediation for finding in found(name))


def test_every_pack_has_something_to_say() -> None:
    assert {finding.pack for name in PROGRAMS for finding in found(name)} == set(packs())


def test_a_finding_names_a_resource_of_the_program() -> None:
    for name in PROGRAMS:
        urns = {resource.urn for resource in resources(name)}
        assert {finding.urn for finding in found(name)} <= urns | {""}
