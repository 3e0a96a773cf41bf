"""Metaflow's client on a machine that `python -m cli metaflow configure` has configured; nothing else tells it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.metaflow import configure
from tests.services.cloud import Cloud
from tests.services.metaflow_task import METAFLOW_PYTHON
from tests.services.processes import PATIENCE, REPOSITORY


def configured(cloud: Cloud, home: Path, stack: str, outputs: Mapping[str, Any]) -> dict[str, str]:
    """The variables of somebody's shell who has configured Metaflow for a stack; each piece was there and worked.

    Args:
        cloud: The stack's account.
        home: The home directory.
        stack: Name of the stack.
        outputs: What an engine says of it.
    """
    shell = {
        **cloud.environment(),
        "AWS_DEFAULT_REGION": cloud.environment()["AWS_REGION"],
        # A flow's tasks are processes that Metaflow starts by the name of Python.
        "PATH": f"{METAFLOW_PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "USER": "ann",
        "METAFLOW_HOME": str(home / ".metaflowconfig"),
        "METAFLOW_PROFILE": stack,
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(configure, "find_engine", lambda *_: SimpleNamespace(outputs=lambda _: outputs))
        monkeypatch.setenv("METAFLOW_HOME", shell["METAFLOW_HOME"])
        code = configure.configure(
            REPOSITORY,
            stack,
            profile=shell["METAFLOW_PROFILE"],
            yes=False,
            role=False,
            check_only=False,
            environment=cloud.environment(),
        )
    assert code == 0
    return shell


def python(shell: Mapping[str, str], *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python with Metaflow's client."""
    return subprocess.run(
        [METAFLOW_PYTHON, *command],
        env={**shell, **environment},
        cwd=shell["HOME"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )
