"""`make up` and `make down`: again without change, after a kill, after the emulator is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import emulator
from cli import local
from cli.local import link_program
from tests.engine.conftest import ROOT

SMALL = """
  mlplatform:studio: {enabled: false}
  mlplatform:api: {integration: cloudMap}
  mlplatform:identity: {mode: none}
  mlplatform:web: {enabled: false}
  mlplatform:metadataTables: {enabled: false}
"""
"""What takes longest to come and go is left out; the lifecycle test has it."""


@pytest.fixture
def program(tmp_path: Path, engine_or_skip: None) -> Iterator[Path]:
    whole = (ROOT / "Pulumi.local.yaml").read_text()
    small = whole.replace("  mlplatform:mlflow:\n", "  mlplatform:mlflow:\n    auth: basic\n") + SMALL
    root = link_program(ROOT, tmp_path / "program", small)
    try:
        yield root
    finally:
        emulator.stop(root / ".local" / "emulator")


def _start_up(root: Path) -> subprocess.Popen[bytes]:
    code = f"from pathlib import Path; from cli import local; raise SystemExit(local.up(Path({str(root)!r})))"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_up_is_finished_after_a_kill_and_brought_back_after_a_loss(
    program: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = _start_up(program)
    folder = program / ".local" / "emulator"
    deadline = time.monotonic() + 120
    while not ((running := emulator.running(folder)) and emulator.residue(running.url).get("rds:cluster")):
        assert time.monotonic() < deadline, "no database after two minutes"
        assert first.poll() is None
        time.sleep(0.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()

    assert local.up(program) == 0
    assert "both start over" in capfd.readouterr().out

    assert local.up(program) == 0
    again = capfd.readouterr().out
    assert "unchanged" in again
    assert "created" not in again.split("Resources:")[1]

    alive = emulator.running(folder)
    assert alive is not None
    os.kill(alive.pid, signal.SIGKILL)
    assert local.up(program) == 0
    assert "everything is brought back" in capfd.readouterr().out

    url = local.running_environment(program)["AWS_ENDPOINT_URL"]
    assert local.down(program) == 0
    assert emulator.running(folder) is None
    assert url
