"""`make plan`: runs the program offline, judges it, prints it, draws it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from pulumi.runtime import rpc

from cli.plan.picture import picture
from cli.plan.recorder import Recording, record
from cli.plan.stack_file import HIDDEN, read_stack
from cli.plan.tree import counts, tree
from cli.policy_packs import policy_config
from policies.framework.exemptions import load
from policies.framework.runner import UNKNOWN, Finding, PlannedResource, evaluate


def plan(root: Path, stack: str, overrides: Mapping[str, Any] | None = None) -> int:
    """Prints a stack's offline plan and writes `build/plan/<stack>.json` and `.svg`.

    Returns:
        1 if a mandatory policy is violated, else 0.
    """
    recording = record(root, read_stack(root, stack, overrides))
    findings = judge(root, recording)
    folder = root / "build" / "plan"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stack}.json").write_text(json.dumps(as_json(recording, findings), indent=2) + "\n")
    (folder / f"{stack}.svg").write_text(picture(recording))
    print("\n".join(tree(recording)))
    print("\nResources by type")
    print("\n".join(f"  {count:>4}  {type_}" for type_, count in counts(recording)))
    custom = sum(resource.custom for resource in recording.resources)
    print(f"  {custom:>4}  in {len(recording.resources) - custom} components")
    stops = [finding for finding in findings if finding.stops]
    print(f"\nPolicies: {len(stops)} mandatory, {len(findings) - len(stops)} other finding(s)")
    for finding in findings:
        where, level = finding.urn.split("::")[-1], "exempted" if finding.exempted_by else finding.level
        print(f"  {level} {finding.rule} {where}: {finding.message}\n    {finding.exempted_by or finding.remediation}")
    print(f"\nWritten: build/plan/{stack}.json, build/plan/{stack}.svg")
    return 1 if stops else 0


def judge(root: Path, recording: Recording, config: Mapping[str, Any] | None = None) -> list[Finding]:
    """What the policy packs find in a recording, as the platform configures them and `config` changes that.

    Raises:
        ExemptionError: The file of exemptions cannot be read.
    """
    given = {**policy_config(root), **(config or {})}
    return evaluate(planned(recording), config=given, exemptions=load())


def planned(recording: Recording) -> list[PlannedResource]:
    """What a provider manages of a recording, as policies see it."""
    accounts = json.loads(recording.stack.config.get("aws:allowedAccountIds", "[]"))
    return [
        PlannedResource(
            urn=resource.urn,
            type=resource.type,
            name=resource.name,
            props=_with_unknowns(resource.props),
            parent=resource.parent,
            dependencies=resource.dependencies,
            property_dependencies=resource.property_dependencies,
            secret_paths=sorted(resource.secret_props),
            provider={"allowedAccountIds": accounts},
            protect=resource.protect,
            ignore_changes=resource.ignore_changes,
        )
        for resource in recording.resources
        if resource.custom
    ]


def as_json(recording: Recording, findings: list[Finding]) -> dict[str, Any]:
    """A recording as plain data; secrets are not in it."""
    return {
        "project": recording.stack.project,
        "stack": recording.stack.name,
        "outputs": list(recording.outputs),
        "resources": [
            {
                **{key: value for key, value in asdict(resource).items() if key != "secret_props"},
                "props": {
                    key: "[secret]" if key in resource.secret_props or HIDDEN in str(value) else _readable(value)
                    for key, value in resource.props.items()
                },
            }
            for resource in recording.resources
        ],
        "findings": [asdict(finding) for finding in findings],
    }


def _with_unknowns(value: Any) -> Any:
    return _replaced(value, UNKNOWN)


def _readable(value: Any) -> Any:
    return _replaced(value, "[unknown until it exists]")


def _replaced(value: Any, unknown: Any) -> Any:
    """`value` with Pulumi's marker for unknown values replaced."""
    if isinstance(value, Mapping):
        return {key: _replaced(below, unknown) for key, below in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [_replaced(below, unknown) for below in cast("list[Any]", value)]
    return unknown if value == rpc.UNKNOWN else value
