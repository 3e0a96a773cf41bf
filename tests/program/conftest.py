"""The whole program under the recording monitor, for any stack and any configuration."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from cli.plan.recorder import Recording, record
from cli.plan.stack_file import read_stack

ROOT = Path(__file__).parents[2]
STACKS = ("local", "dev", "prod")

Plan = Callable[..., Recording]


@lru_cache(maxsize=128)  # a recording takes a second, and most tests look at the same ones
def _recorded(stack: str, sections: str) -> Recording:
    given = {f"mlplatform:{key}": value for key, value in json.loads(sections).items()}
    return record(ROOT, read_stack(ROOT, stack, given))


@pytest.fixture(scope="session")
def plan() -> Plan:
    """`plan("dev")`, or `plan("dev", database={...})` to replace a section of the stack's configuration."""

    def run(stack: str, **sections: Any) -> Recording:
        return _recorded(stack, json.dumps(sections))

    return run
