"""The whole program under the recording monitor, for any stack and any configuration."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cli.plan.recorder import Recording, record
from cli.plan.stack_file import read_stack

ROOT = Path(__file__).parents[2]
STACKS = ("local", "dev", "prod")

Plan = Callable[..., Recording]


@cache
def _recorded(stack: str) -> Recording:
    return record(ROOT, read_stack(ROOT, stack))


@pytest.fixture(scope="session")
def plan() -> Plan:
    """`plan("dev")`, or `plan("dev", database={...})` to replace a section of the stack's configuration."""

    def run(stack: str, **sections: Any) -> Recording:
        if not sections:
            return _recorded(stack)
        return record(ROOT, read_stack(ROOT, stack, {f"mlplatform:{key}": value for key, value in sections.items()}))

    return run
