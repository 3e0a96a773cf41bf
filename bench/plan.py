"""What this program costs to plan and preview, against a floor program that registers the same resources bare.

The floor is flat: as many resources, of the same types, with the same inputs (unknown ones replaced), in a loop,
without components, settings, documents or awsx. What remains is what this program's structure adds. Prints CPU seconds,
wall seconds and peak memory of both, and the ratio, measured in turn in the same run:

    python -m bench.plan [--runs 3]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pulumi.runtime import rpc

import emulator
from cli.engine import Engine, NoEngineError, find_engine
from cli.local import link_program
from cli.plan.recorder import Resource, record
from cli.plan.stack_file import read_stack

ROOT = Path(__file__).parent.parent

FLOOR = """
import json
from pathlib import Path

import pulumi
import pulumi_aws
import pulumi_random

for type_, name, props in json.loads((Path(__file__).parent / "resources.json").read_text()):
    package, module, class_ = type_.split(":")
    # A program of its own would import the class; so does the floor.
    getattr(getattr(pulumi_aws if package == "aws" else pulumi_random, module.split("/")[0], pulumi_random), class_)
    pulumi.CustomResource(type_, name, props)
"""

PLACEHOLDER = "arn:aws:iam::123456789012:role/placeholder"
LISTS = {"subnetIds", "subnets", "securityGroups", "isolatedSubnetIds"}
"""Inputs that are lists, for which one unknown stands in the recording."""
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
    resources = [r for r in record(ROOT, read_stack(ROOT, "local")).resources if r.custom]
    number = len(resources)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floor, program = _floor(folder / "floor", resources), folder / "program"
        link_program(ROOT, program, (ROOT / "Pulumi.local.yaml").read_text())
        print(f"{number} resources, {runs} runs, median; the floor registers the same ones, bare")
        _compare("plan (offline)", runs, lambda: _plan(program), lambda: _plan(floor))
        with _engines(folder) as engine_of:
            if engine_of is not None:
                _compare("preview (engine)", runs, engine_of(program), engine_of(floor))


def _floor(folder: Path, resources: list[Resource]) -> Path:
    link_program(ROOT, folder, (ROOT / "Pulumi.local.yaml").read_text())
    (folder / "__main__.py").unlink()
    (folder / "__main__.py").write_text(FLOOR)
    # What awsx makes is recorded without the inputs that only awsx knows; a log group each stands for it.
    inside = ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 7})
    shapes = [inside if "$awsx:" in r.urn else (r.type, _known(r.props)) for r in resources]
    bare = [(type_, f"bare-{index}", props) for index, (type_, props) in enumerate(shapes)]
    (folder / "resources.json").write_text(json.dumps(bare))
    return folder


def _known(value: Any, key: str = "") -> Any:
    """`value` with a known one wherever a preview would not know it."""
    if isinstance(value, Mapping):
        return {name: _known(below, name) for name, below in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_known(below) for below in cast("list[Any]", value)]
    if value == rpc.UNKNOWN:
        return [PLACEHOLDER] if key in LISTS else PLACEHOLDER
    return value


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
