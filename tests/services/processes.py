"""Starts and ends the processes of these tests: on free loopback ports, and never as root where a daemon minds."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
MLFLOW_PYTHON = REPOSITORY / ".venv-mlflow" / "bin" / "python"
PATIENCE = 300.0
"""Seconds until what has to happen counts as hanging. No measure of speed: other tests share the machine."""


def python_path(image: str) -> str:
    """Where Python finds what the image has in its site-packages besides what the lock installs."""
    return os.pathsep.join(str(REPOSITORY / "services" / folder) for folder in (image, "common"))


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def folder(owner: str | None = None) -> Path:
    """A new folder that `owner` can reach, which pytest's own (mode 0700) are not."""
    path = Path(tempfile.mkdtemp(prefix="mlplatform-"))
    path.chmod(0o755)
    if owner and os.getuid() == 0:
        shutil.chown(path, owner, pwd.getpwnam(owner).pw_gid)
    return path


def unprivileged(user: str) -> dict[str, Any]:
    """Arguments of `Popen` that drop root's rights, if we have them."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def wait_for(condition: Callable[[], bool], what: str, process: "Process | None" = None) -> None:
    """Waits, and fails with the process's output if it ends or patience does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            reason = f"ended with {process.poll()}" if ended and process else f"not within {PATIENCE:.0f} s"
            raise AssertionError(f"{what}: {reason}\n{process.output()[-6000:] if process else ''}")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Whether something accepts connections."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tree(pid: int) -> dict[int, str]:
    """A process and all its descendants, with their command lines."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            # After the program's name, which may hold anything: state, then parent.
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    lines: dict[int, str] = {}
    for known in found:
        with contextlib.suppress(OSError):
            lines[known] = Path(f"/proc/{known}/cmdline").read_text(errors="replace").replace("\0", " ")
    return lines


class Process:
    """A process whose output goes to a file."""

    def __init__(
        self, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, user: str | None = None
    ) -> None:
        self.folder = folder(user)
        self.log = self.folder / "output.log"
        with self.log.open("ab") as output:
            # The process may open its output anew, as NGINX does with /dev/stdout.
            self.log.chmod(0o666)
            self._popen = subprocess.Popen(
                [str(word) for word in command],
                env=env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **(unprivileged(user) if user else {}),
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def poll(self) -> int | None:
        return self._popen.poll()

    def wait(self) -> int:
        return self._popen.wait(timeout=PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Asks the process to end; kills what is left of its session."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout=PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        return self._popen.wait(timeout=PATIENCE)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
