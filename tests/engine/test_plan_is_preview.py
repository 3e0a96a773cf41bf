"""The offline plan registers what the engine previews, awsx's inside included."""

import json
from typing import Any

import pytest

from cli.plan.recorder import record
from cli.plan.stack_file import read_stack
from tests.engine.conftest import LEFT_OUT, ROOT, Stack

IMAGES = {"images": {"mlflow": "example.com/mlflow:1", "nginx": "example.com/nginx:1"}}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "local": ("local", {}),
    "dev": ("dev", {"mlflow": IMAGES}),
    "prod": ("prod", {"mlflow": IMAGES}),
    "three zones": ("local", {"network": {"availabilityZones": 3, "natGateways": "perZone"}}),
    "postgres": ("local", {"database": {"engine": "postgres"}}),
}


@pytest.mark.parametrize("run", RUNS)
def test_the_offline_plan_is_what_the_engine_previews(stack: Stack, run: str) -> None:
    source, sections = RUNS[run]
    sections = sections if run == source else LEFT_OUT | sections  # the repository's own stacks are looked at whole
    stack.configure(source, whole=True, **sections)
    output = stack.preview("--json")
    steps = json.loads(output[output.index("{") :])["steps"]
    engine = {step["urn"] for step in steps}
    overrides = {f"mlplatform:{key}": value for key, value in sections.items()}
    recorded = record(ROOT, read_stack(ROOT, source, overrides))
    plan = {resource.urn.replace(f"urn:pulumi:{source}::", "urn:pulumi:local::") for resource in recorded.resources}
    ours = {urn for urn in engine if "::pulumi:" not in urn.replace("urn:pulumi:", "", 1)}
    assert plan == ours
