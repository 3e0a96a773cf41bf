"""A preview of programs that are not ours, on the real engine, finds in them what the offline run finds."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.engine import find_engine
from cli.policy_packs import policy_packs
from tests.engine.conftest import ROOT
from tests.foreign.programs import PROGRAMS, Fault, Program, fault


def _copy(program: Program, folder: Path) -> Path:
    """The program with the environment of this repository and test keys."""
    folder.mkdir()
    shutil.copy(program.folder / "__main__.py", folder)
    project = yaml.safe_load((program.folder / "Pulumi.yaml").read_text())
    project["runtime"] = {"name": "python", "options": {"virtualenv": str(ROOT / ".venv")}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    stack_file = f"Pulumi.{program.stack}.yaml"
    local = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    aws = {key: value for key, value in local.items() if key.startswith("aws:")}
    content = yaml.safe_load((program.folder / stack_file).read_text())
    (folder / stack_file).write_text(yaml.safe_dump({"config": {**content["config"], **aws}}))
    return folder


def _events(program: Program, tmp_path: Path, environment: dict[str, str]) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and events of a preview with every pack as it is delivered."""
    debugging = {"PULUMI_DEBUG_COMMANDS": "true"}  # else there is no --event-log
    log = tmp_path / "events.json"
    engine = find_engine(_copy(program, tmp_path / "program"), environment | debugging)
    engine.read("stack", "init", program.stack)
    options = [option for pack in policy_packs(ROOT) for option in ("--policy-pack", str(pack))]
    code, output = engine.capture(
        "preview", "--stack", program.stack, "--non-interactive", "--event-log", str(log), *options
    )
    assert log.exists(), output[-3000:]
    return code, [json.loads(line) for line in log.read_text().splitlines()]


def _found(events: list[dict[str, Any]]) -> Iterator[tuple[bool, Fault]]:
    """Each finding, and whether it is advice."""
    for event in events:
        for kind in ("policyEvent", "policyRemediationEvent"):
            if kind in event:
                said = event[kind]
                advice = said.get("enforcementLevel") == "advisory"
                yield advice, fault(said["policyName"], said.get("resourceUrn", ""))


@pytest.mark.parametrize("name", PROGRAMS)
def test_preview_stops_at_exactly_the_known_faults(name: str, tmp_path: Path, environment: dict[str, str]) -> None:
    program = PROGRAMS[name]
    code, events = _events(program, tmp_path, environment)
    diagnostics = [e["diagnosticEvent"]["message"] for e in events if "diagnosticEvent" in e]
    errors = [text for text in diagnostics if "error:" in text]
    assert {one for advice, one in _found(events) if not advice} == program.faults, errors
    assert {one for advice, one in _found(events) if advice} == program.advice
    assert code != 0
