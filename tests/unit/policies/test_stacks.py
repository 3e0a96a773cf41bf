"""The platform's own stacks violate nothing mandatory."""

from pathlib import Path

import pytest

from cli.plan.recorder import record
from cli.plan.report import judge
from cli.plan.stack_file import read_stack

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_a_stack_has_no_mandatory_finding(stack: str) -> None:
    findings = judge(ROOT, record(ROOT, read_stack(ROOT, stack)))
    assert [f"{f.rule} {f.urn}: {f.message}" for f in findings if f.stops] == []
