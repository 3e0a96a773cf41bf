"""What this program costs to plan and preview, against a floor program that registers as many bare resources.

Prints CPU seconds, wall seconds and peak memory of both, and the ratio, measured in turn in the same run:

    python -m bench.plan [--stack local] [--runs 3]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import emulator
from cli.engine import Engine, NoEngineError, find_engine
from cli.local import link_program
from cli.plan.recorder import record
from cli.plan.stack_file import read_stack

ROOT = Path(__file__).parent.parent

FLOOR = """
import pulumi_aws as aws

for number in range({number}):
    aws.cloudwatch.LogGroup(f"group-{{number}}", name=f"group-{{number}}", retention_in_days=7)
"""
PLAN = """
from pathlib import Path
from cli.plan.recorder import record
from cli.plan.stack_file import read_stack
record(Path({root!r}), read_stack(Path({root!r}), "local"))
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """CPU and wall seconds of a command with all its children, and the peak memory in MiB of the largest of them."""

    cpu: float
    wall: float
    memory: float


def measure(run: Callable[[], None]) -> Cost:
    """The cost of a run in child processes; each is measured in a child of its own, as peak memory never falls."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        begun = time.monotonic()
        run()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = (used.ru_utime + used.ru_stime, time.monotonic() - begun, used.ru_maxrss / 1024)
        os.write(writer, " ".join(map(str, figures)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    cpu, wall, memory = map(float, os.read(reader, 200).split())
    return Cost(cpu=cpu, wall=wall, memory=memory)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    number = sum(r.custom for r in record(ROOT, read_stack(ROOT, "local")).resources)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floor, program = _floor(folder / "floor", number), folder / "program"
        link_program(ROOT, program, (ROOT / "Pulumi.local.yaml").read_text())
        print(f"{number} resources, {runs} runs, median; the floor registers {number} bare log groups")
        _compare("plan (offline)", runs, lambda: _plan(program), lambda: _plan(floor))
        with _engines(folder) as engine_of:
            if engine_of is not None:
                _compare("preview (engine)", runs, engine_of(program), engine_of(floor))


def _floor(folder: Path, number: int) -> Path:
    link_program(ROOT, folder, (ROOT / "Pulumi.local.yaml").read_text())
    (folder / "__main__.py").unlink()
    (folder / "__main__.py").write_text(FLOOR.format(number=number))
    return folder


def _plan(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", PLAN.format(root=str(folder))], cwd=ROOT, check=True)


@contextmanager
def _engines(folder: Path) -> Generator[Callable[[Path], Callable[[], None]] | None]:
    try:
        find_engine(ROOT, {})
    except NoEngineError as error:
        print(f"preview: not measured: {error}")
        yield None
        return
    running = emulator.start(folder / "emulator", 0)
    (folder / "state").mkdir()

    def preview_of(program: Path) -> Callable[[], None]:
        engine = find_engine(
            program,
            {
                "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "bench",
                "AWS_ENDPOINT_URL": running.url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            },
        )
        if "local" not in engine.stacks():
            engine.read("stack", "init", "local")
        return lambda: _preview(engine)

    try:
        yield preview_of
    finally:
        emulator.stop(folder / "emulator")


def _preview(engine: Engine) -> None:
    code, output = engine.capture("preview", "--stack", "local", "--non-interactive")
    assert code == 0, output


def _compare(title: str, runs: int, ours: Callable[[], None], floor: Callable[[], None]) -> None:
    pairs = [(measure(ours), measure(floor)) for _ in range(runs)]
    print(f"\n{title:<18} {'program':>10} {'floor':>10} {'ratio':>8}")
    for figure, unit in (("cpu", "CPU s"), ("wall", "wall s"), ("memory", "MiB")):
        a = statistics.median(getattr(pair[0], figure) for pair in pairs)
        b = statistics.median(getattr(pair[1], figure) for pair in pairs)
        ratio = statistics.median(getattr(p[0], figure) / getattr(p[1], figure) for p in pairs)
        print(f"{unit:<18} {a:>10.2f} {b:>10.2f} {ratio:>8.2f}")


if __name__ == "__main__":
    main()
