import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import emulator
from emulator.process import STATE_FILE
from tests.unit.emulator.harness import Aws


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    emulator.stop(tmp_path / "state")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_start_is_idempotent_and_stop_ends_the_process(state_dir: Path) -> None:
    port = _free_port()
    first = emulator.start(state_dir, port)
    assert first.port == port
    assert emulator.start(state_dir, port) == first
    assert emulator.running(state_dir) == first
    assert emulator.answering_instance(first.url) == first.instance
    kept = json.loads((state_dir / STATE_FILE).read_text())
    assert set(kept) == {"pid", "port", "url", "instance", "started"}
    assert (state_dir / "emulator.log").exists()

    assert emulator.stop(state_dir) is True
    assert emulator.running(state_dir) is None
    assert emulator.answering_instance(first.url) is None
    assert emulator.stop(state_dir) is False

    second = emulator.start(state_dir, port)
    assert second.instance != first.instance


def test_a_taken_port_is_not_fought_over(state_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        found = emulator.start(state_dir, taken)
        assert found.port != taken
        assert f"port {taken} is taken" in (state_dir / "emulator.log").read_text()
        assert emulator.running(state_dir) == found


def test_it_is_bound_to_loopback_only(state_dir: Path) -> None:
    found = emulator.start(state_dir, _free_port())
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("no /proc/net/tcp on this system")
    listening = re.findall(rf"([0-9A-F]{{8}}):{found.port:04X} 00000000:0000 0A", table.read_text())
    assert listening == ["0100007F"]


def test_a_killed_emulator_is_noticed_and_replaced(state_dir: Path) -> None:
    first = emulator.start(state_dir, _free_port())
    os.kill(first.pid, 9)
    os.waitpid(first.pid, 0)
    assert emulator.running(state_dir) is None
    assert emulator.start(state_dir, first.port).instance != first.instance


def test_a_process_that_is_not_ours_is_left_alone(state_dir: Path) -> None:
    state_dir.mkdir()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        state = {"pid": stranger.pid, "port": 1, "url": "http://127.0.0.1:1", "instance": "abc", "started": "now"}
        (state_dir / STATE_FILE).write_text(json.dumps(state))
        assert emulator.running(state_dir) is None
        assert emulator.stop(state_dir) is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_residue_is_empty_until_something_is_made(state_dir: Path) -> None:
    found = emulator.start(state_dir, _free_port())
    assert emulator.residue(found.url) == {}
    aws = Aws(found.url)
    ec2, kms = aws("ec2"), aws("kms")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/own", TargetKeyId=key)
    left = emulator.residue(found.url)
    assert left["ec2:vpc"] == [vpc]
    assert left["kms:key"] == [key]
    assert left["kms:alias"] == ["alias/own"]
    kms.delete_alias(AliasName="alias/own")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    ec2.delete_vpc(VpcId=vpc)
    assert emulator.residue(found.url) == {}


def test_the_commands(state_dir: Path) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        options = ["--state-dir", str(state_dir), "--port", str(port)]
        return subprocess.run(
            [sys.executable, "-m", "emulator", *words, *options], capture_output=True, text=True, check=False
        )

    port = _free_port()
    assert command("status").returncode == 1
    started = command("start")
    assert started.returncode == 0
    assert f"http://127.0.0.1:{port}" in started.stdout
    assert json.loads(command("status").stdout)["port"] == port
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/mlplatform/instance") as answer:
        assert json.load(answer)["instance"] in started.stdout
    assert command("residue").stdout.strip() == "{}"
    assert "stopped" in command("stop").stdout
    assert command("status").returncode == 1
