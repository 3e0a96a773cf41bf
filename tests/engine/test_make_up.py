"""`make up` and `make down`: again without change, after a kill, after the emulator is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import emulator
from cli import local
from cli.local import link_program
from tests.engine.conftest import LEFT_OUT, ROOT, client

SMALL: dict[str, Any] = LEFT_OUT | {
    "studio": {"enabled": False},
    "api": {"integration": "cloudMap"},
    "identity": {"mode": "none"},
    "web": {"enabled": False},
    "metadataTables": {"enabled": False},
}
"""What takes longest to come and go is left out; the lifecycle test has it."""


@pytest.fixture
def program(tmp_path: Path, engine_or_skip: None) -> Iterator[Path]:
    content = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    content["config"]["mlplatform:mlflow"]["auth"] = "basic"
    content["config"] |= {f"mlplatform:{section}": value for section, value in SMALL.items()}
    root = link_program(ROOT, tmp_path / "program", yaml.safe_dump(content))
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


def _has_database(folder: Path) -> bool:
    running = emulator.running(folder)
    return running is not None and bool(client(running.url, "rds").describe_db_clusters()["DBClusters"])


@pytest.mark.long
def test_up_is_finished_after_a_kill_and_brought_back_after_a_loss(
    program: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = _start_up(program)
    folder = program / ".local" / "emulator"
    # How long that takes is up to the machine; an update that fails ends, and says so by its exit code.
    while not _has_database(folder):
        assert first.poll() is None, f"make up ended with {first.returncode} before it had a database"
        time.sleep(0.5)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    # Where the kill comes while the engine writes, this is what it leaves.
    (program / ".local" / "state" / ".pulumi" / "stacks" / "mlplatform" / "local.json.attrs").write_bytes(b"")

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
