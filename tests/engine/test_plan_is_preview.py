"""The offline plan registers what the engine previews, awsx's inside included."""

import json
from typing import Any

import pytest

from cli.plan.recorder import record
from cli.plan.stack_file import read_stack
from tests.engine.conftest import LEFT_OUT, ROOT, Stack
from tests.images import METAFLOW_IMAGES, MLFLOW_IMAGES

IMAGES: dict[str, dict[str, Any]] = {"mlflow": {"images": MLFLOW_IMAGES}, "metaflow": {"images": METAFLOW_IMAGES}}
OLDER = {"notebook": {"platformIdentifier": "notebook-al2-v3"}}
"""The engine's provider may be older than the notebook's default platform."""

RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "local": ("local", {}),
    "dev": ("dev", IMAGES),
    "prod": ("prod", {**IMAGES, "metaflow": IMAGES["metaflow"] | OLDER}),
    "three zones and PostgreSQL": (
        "local",
        {"network": {"availabilityZones": 3, "natGateways": "perZone"}, "database": {"engine": "postgres"}},
    ),
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
