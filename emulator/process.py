"""Starting, finding and stopping the emulator as a process of its own."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
USUAL_PORT = 5555
STATE_FILE = "emulator.json"
LOG_FILE = "emulator.log"
INSTANCE_PATH = "/moto-api/mlplatform/instance"
START_SECONDS = 180.0
STOP_SECONDS = 10.0


class EmulatorError(RuntimeError):
    """The emulator could not be started or stopped."""


@dataclass(frozen=True, kw_only=True)
class Emulator:
    """A running emulator. Its AWS state lives exactly as long as `instance` does."""

    pid: int
    port: int
    url: str
    instance: str
    started: str


def start(state_dir: Path, port: int = USUAL_PORT) -> Emulator:
    """Return the emulator of `state_dir`, starting it if it does not run; on a free port if `port` is taken."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with _locked(state_dir):
        return running(state_dir) or _start(state_dir, port)


def running(state_dir: Path) -> Emulator | None:
    """Return the emulator of `state_dir` if its process is alive and answers with its own instance id."""
    emulator = _read(state_dir)
    if emulator is None or not _is_ours(emulator) or answering_instance(emulator.url) != emulator.instance:
        return None
    return emulator


def stop(state_dir: Path) -> bool:
    """Stop the emulator of `state_dir`; false if none ran. Another process that got its pid is left alone."""
    emulator = _read(state_dir)
    if emulator is None:
        return False
    stopped = _is_ours(emulator)
    if stopped:
        _end(emulator)
    (state_dir / STATE_FILE).unlink(missing_ok=True)
    return stopped


def answering_instance(url: str) -> str | None:
    """The instance id of the emulator that answers at `url`, if one does."""
    try:
        with urllib.request.urlopen(url + INSTANCE_PATH, timeout=5) as answer:
            body: dict[str, Any] = json.load(answer)
            return str(body["instance"])
    except (OSError, ValueError, KeyError):
        return None


def run(port: int, state_dir: Path, instance: str | None = None) -> None:
    """Serve in this process until a signal ends it."""
    # Imported here: moto takes seconds to load, and whoever only asks for the status should not wait for it.
    from emulator import server  # noqa: PLC0415

    state_dir.mkdir(parents=True, exist_ok=True)
    listener = _listen(port)
    actual = int(listener.getsockname()[1])
    if port not in {0, actual}:
        print(f"emulator: port {port} is taken, using {actual} instead", flush=True)
    server.configure()
    emulator = Emulator(
        pid=os.getpid(),
        port=actual,
        url=f"http://{HOST}:{actual}",
        instance=instance or uuid.uuid4().hex,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    http = server.create(actual, emulator.instance, listener)
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    _write(state_dir, emulator)
    print(f"emulator: {emulator.url}, pid {emulator.pid}, instance {emulator.instance}", flush=True)
    try:
        http.serve_forever()
    finally:
        if _read(state_dir) == emulator:
            (state_dir / STATE_FILE).unlink(missing_ok=True)


def _start(state_dir: Path, port: int) -> Emulator:
    (state_dir / STATE_FILE).unlink(missing_ok=True)
    instance = uuid.uuid4().hex
    root = Path(__file__).resolve().parent.parent
    arguments = ["--port", str(port), "--state-dir", str(state_dir.resolve()), "--instance", instance]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    with (state_dir / LOG_FILE).open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "emulator", "run", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        emulator = _read(state_dir)
        if emulator is not None and answering_instance(emulator.url) == instance:
            return emulator
        if child.poll() is not None:
            raise EmulatorError(f"the emulator ended with status {child.returncode}; see {state_dir / LOG_FILE}")
        time.sleep(0.1)
    child.kill()
    raise EmulatorError(f"the emulator did not answer in {START_SECONDS:.0f} s; see {state_dir / LOG_FILE}")


def _end(emulator: Emulator) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    os.kill(emulator.pid, signal.SIGTERM)
    while _is_ours(emulator):
        if time.monotonic() > deadline:
            os.kill(emulator.pid, signal.SIGKILL)
            deadline += STOP_SECONDS
        time.sleep(0.05)


def _is_ours(emulator: Emulator) -> bool:
    """Whether the pid still is that emulator: the instance id is in its command line.

    An ended child that nobody waited for has an empty command line, so it does not count either.
    """
    return emulator.instance in _command_line(emulator.pid)


def _command_line(pid: int) -> str:
    proc = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout


def _listen(port: int) -> socket.socket:
    for candidate in (port, 0):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, candidate))
        except OSError:
            listener.close()
            continue
        listener.listen(128)
        return listener
    raise EmulatorError(f"no free port on {HOST}")


def _leave(_signal: int, _frame: object) -> None:
    sys.exit(0)


def _read(state_dir: Path) -> Emulator | None:
    try:
        state: dict[str, Any] = json.loads((state_dir / STATE_FILE).read_text())
        return Emulator(**state)
    except (OSError, ValueError, TypeError):
        return None


def _write(state_dir: Path, emulator: Emulator) -> None:
    # Renamed into place, so that a reader never sees half a file.
    draft = state_dir / f"{STATE_FILE}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(emulator), indent=2) + "\n")
    draft.replace(state_dir / STATE_FILE)


@contextmanager
def _locked(state_dir: Path) -> Generator[None]:
    """Two starts at once must not make two emulators."""
    with (state_dir / "emulator.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
