"""AWS Step Functions."""

import json
from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions.responses import StepFunctionResponse

from emulator.registry import adds

STATE_TYPES = {"Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"}


def _problems(definition: Any) -> Iterator[tuple[str, str]]:
    """Structure only: every state has a type, and every StartAt, Next and Default resolves."""
    try:
        machine = json.loads(definition) if isinstance(definition, str) else definition
        states: dict[str, Any] = machine["States"]
        targets: list[str] = [machine["StartAt"]]
    except (ValueError, KeyError, TypeError) as error:
        yield "SCHEMA_VALIDATION_FAILED", repr(error)
        return
    for name, state in states.items():
        targets += [state[key] for key in ("Next", "Default") if key in state]
        targets += [rule["Next"] for rule in state.get("Choices", []) + state.get("Catch", []) if "Next" in rule]
        if state.get("Type") not in STATE_TYPES:
            yield "SCHEMA_VALIDATION_FAILED", f"State {name} has no valid Type"
        nested = state.get("Branches", []) + [state[key] for key in ("Iterator", "ItemProcessor") if key in state]
        for machine in nested:
            yield from _problems(machine)
    for target in targets:
        if target not in states:
            yield "MISSING_TRANSITION_TARGET", f"Missing 'Next' target: {target}"


@adds("stepfunctions", "ValidateStateMachineDefinition", on=StepFunctionResponse)
def validate_state_machine_definition(self: Any) -> ActionResult:  # noqa: D103
    problems = [
        {"severity": "ERROR", "code": code, "message": message}
        for code, message in _problems(self._get_param("definition"))
    ]
    return ActionResult({"result": "FAIL" if problems else "OK", "diagnostics": problems, "truncated": False})


@adds("stepfunctions", "ListStateMachineVersions", on=StepFunctionResponse)
def list_state_machine_versions(self: Any) -> ActionResult:  # noqa: D103
    # moto publishes no versions, so an existing machine has none.
    self.stepfunction_backend.describe_state_machine(self._get_param("stateMachineArn"))
    return ActionResult({"stateMachineVersions": []})
