"""`make policy` and `make policy-state`: what the packs say of the program, or of what is deployed.

python -m cli.policy program --stack dev
python -m cli.policy state --file state.json [--config config.json]
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import pulumi

from cli.engine import NoEngineError, find_engine
from cli.plan.recorder import record
from cli.plan.report import judge
from cli.plan.stack_file import read_stack
from cli.policy_packs import FOLDER as PACKS
from cli.policy_packs import policy_pack_options
from policies.framework.adapter import EXEMPTED, EXEMPTED_BY, FAIL_CLOSED, FIX
from policies.framework.exemptions import RULE as EXEMPTIONS
from policies.framework.exemptions import ExemptionError
from policies.framework.registry import packs, rules
from policies.framework.report import Report, as_json, as_sarif, text
from policies.framework.rule import Level, Rule
from policies.framework.runner import Finding

ROOT = Path(__file__).parent.parent
FOLDER = Path("build") / "policy"


class StateError(Exception):
    """A state that cannot be judged."""


def policy(root: Path, stack: str) -> int:
    """Judges the program for a stack, without engine, account or credentials.

    Returns:
        1 if a mandatory policy is violated, else 0.
    """
    _progress(f"recording the program for {stack}")
    recording = record(root, read_stack(root, stack))
    _progress(f"judging {len(recording.resources)} resources")
    report = Report(
        findings=judge(root, recording),
        project=recording.stack.project,
        stack=stack,
        source="__main__.py",
        resources=sum(resource.custom for resource in recording.resources),
    )
    return _show(root, report, stack)


def policy_state(root: Path, file: Path, config: Path | None = None) -> int:
    """Judges what `pulumi stack export` wrote, on the engine; `config` takes the place of the platform's own.

    Raises:
        StateError: The file is not a state, or the engine cannot judge it.

    Returns:
        1 if a mandatory policy is violated, else 0.
    """
    resources = _resources(file)
    _, project, *_ = first = resources[0]["urn"].split("::")
    stack = first[0].removeprefix("urn:pulumi:")
    engine = find_engine(root, {})
    _progress(f"judging {len(resources)} resources of {project}/{stack} on the engine")
    pack = policy_pack_options(root)
    if config is not None:
        pack = ["--policy-pack", str(root / PACKS), "--policy-pack-config", str(config.absolute())]
    code, output = engine.capture("policy", "analyze", "--file", str(file.absolute()), *pack, "--json")
    lines = output.splitlines()
    events = [cast("dict[str, Any]", json.loads(line)) for line in lines if line.startswith("{")]
    said = [line for line in lines if line and not line.startswith("{")]
    report = Report(
        findings=findings_of(events), project=project, stack=stack, source=file.name, resources=len(resources)
    )
    # The engine fails alike when a policy is violated and when it, or a pack, breaks; the latter is no verdict.
    if not any("summaryEvent" in event for event in events) or (code and report.passed):
        raise StateError(f"{file} cannot be judged: {' '.join(said)}")
    for line in said:
        if line.startswith("warning: could not decrypt"):
            _progress(line)
    return _show(root, report, f"{stack}-state")


def _resources(file: Path) -> list[dict[str, Any]]:
    """The resources of a state that the packs judge."""
    try:
        content: object = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise StateError(f"{file} cannot be read: {error}") from None
    deployment: object = cast("dict[str, Any]", content).get("deployment") if isinstance(content, dict) else None
    if not isinstance(deployment, dict):
        raise StateError(f"{file} is not what `pulumi stack export` writes: it has no deployment")
    resources = cast("list[dict[str, Any]]", cast("dict[str, Any]", deployment).get("resources") or [])
    found = [each for each in resources if each.get("custom") and not each["type"].startswith("pulumi:")]
    if not found:
        raise StateError(f"{file} holds no resources: nothing is deployed")
    return found


def findings_of(events: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """What the engine's events say, as the offline runner would say it."""
    violations = [event["policyEvent"] for event in events if "policyEvent" in event]
    remedies = [event["policyRemediationEvent"] for event in events if "policyRemediationEvent" in event]
    found = [_violation(event) for event in violations]
    violated = {(event["policyName"], event["resourceUrn"]) for event in violations}
    # A state is not changed, so what a remedy would change is a violation as well, unless the rule asks no more.
    found += [_remedied(event) for event in remedies if (event["policyName"], event["resourceUrn"]) not in violated]
    return found


def _violation(event: Mapping[str, Any]) -> Finding:
    name, level, record = str(event["policyName"]), Level(event["enforcementLevel"]), None
    _, _, message = str(event["message"]).partition("\n")  # the first line is the policy's description
    if name == EXEMPTED:
        name, _, message = message.partition(": ")
        message, _, record = message.rpartition(f"\n{EXEMPTED_BY}")
        # Nothing is remedied twice: that a remedy's rule still speaks is mandatory.
        level = Level.ADVISORY if _rule(name)[1].level is Level.ADVISORY else Level.MANDATORY
    elif name == FAIL_CLOSED:
        name = message.partition(" ")[0]
    pack, rule = _rule(name)
    return Finding(
        rule=rule.id,
        pack=pack,
        level=level,
        severity=rule.severity,
        urn=event.get("resourceUrn", ""),
        message=message.removesuffix(f"\n{FIX}{rule.remediation}"),
        remediation=rule.remediation,
        exempted_by=record,
    )


def _remedied(event: Mapping[str, Any]) -> Finding:
    pack, rule = _rule(event["policyName"])
    before = cast("dict[str, Any]", event.get("before") or {})
    after = cast("dict[str, Any]", event.get("after") or {})
    changed = sorted(key for key, value in after.items() if before.get(key) != value)
    return Finding(
        rule=rule.id,
        pack=pack,
        level=Level.REMEDIATE,
        severity=rule.severity,
        urn=event.get("resourceUrn", ""),
        message=f"{rule.title}: sets {', '.join(changed)}",
        remediation=rule.remediation,
    )


@cache
def _by_name() -> Mapping[str, tuple[str, Rule]]:
    return {rule.name: (pack, rule) for pack in packs() for rule in rules(pack)}


def _rule(name: str) -> tuple[str, Rule]:
    return _by_name().get(name, ("exemptions", EXEMPTIONS))


def _show(root: Path, report: Report, name: str) -> int:
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, content in ((".json", as_json(report)), (".sarif", as_sarif(report))):
        (folder / f"{name}{suffix}").write_text(json.dumps(content, indent=2) + "\n")
    print(text(report))
    print(f"Written: {FOLDER / name}.json, {FOLDER / name}.sarif")
    return 0 if report.passed else 1


def _progress(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; gives its exit code."""
    parser = argparse.ArgumentParser(prog="python -m cli.policy", description="Judge by the policy packs")
    commands = parser.add_subparsers(dest="command", required=True)
    program = commands.add_parser("program", help="the program, offline")
    program.add_argument("--stack", required=True, help="name of the stack, as in Pulumi.<stack>.yaml")
    state = commands.add_parser("state", help="what is deployed, on the engine")
    state.add_argument("--file", required=True, type=Path, help="what `pulumi stack export` wrote")
    state.add_argument("--config", type=Path, help="settings of the rules instead of the platform's own")
    args = parser.parse_args(arguments)
    try:
        return policy(ROOT, args.stack) if args.command == "program" else policy_state(ROOT, args.file, args.config)
    except (NoEngineError, StateError, ExemptionError, FileNotFoundError, pulumi.RunError) as error:
        print(f"error: {error}", file=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"error: {' '.join(error.cmd[1:])} failed:\n{error.stderr or error.stdout}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
