"""Writes `terraform_defaults.json`: what a Terraform plan says of a property that the program does not give.

A provider's schema does not hold its defaults, so Terraform is asked: programs are written as Terraform ones and
planned, without any account. That Terraform accepts them also shows that the view is one of its plans. It needs
`terraform`, and its AWS provider from the registry or from a mirror that Terraform's own configuration names::

    .venv/bin/python -m peers.refresh_terraform_defaults . tests/foreign/*/
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from cli.plan.recorder import record
from cli.plan.report import planned
from cli.plan.stack_file import read_stack
from peers.terraform_plan import DEFAULTS, Object, view

PROVIDER_VERSION = "5.100.0"
PREAMBLE: Object = {
    "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": PROVIDER_VERSION}}},
    "provider": {
        "aws": {
            "region": "us-east-1",
            "access_key": "none",
            "secret_key": "none",  # pragma: allowlist secret
            "skip_credentials_validation": True,
            "skip_requesting_account_id": True,
            "skip_metadata_api_check": True,
        }
    },
}
SETS = ("subnets", "subnet_ids", "route_table_ids", "security_groups", "security_group_ids", "vpc_security_group_ids")
"""Properties that are unknown as a whole and to which a reference is given as one of a list."""

FULL = ("egress", "ingress", "route")
"""Lists of objects that are no blocks: Terraform wants everything in them, if only as null."""

MAPS = ("triggers",)
"""Maps whose values may be unknown: a reference cannot stand for the whole."""

LEFT_OUT = ("aws_route", "aws_budgets_budget")
"""Types without defaults of interest, and with something that a plan without engine or clock cannot give."""


def program(plan: Object) -> dict[str, Any]:
    """A plan as the Terraform program that leads to it."""
    expressions = {each["address"]: each["expressions"] for each in plan["configuration"]["root_module"]["resources"]}
    resources: dict[str, dict[str, Any]] = {}
    for change in plan["resource_changes"]:
        if change["type"] not in LEFT_OUT:
            body = _body(change["change"]["after"], expressions[change["address"]])
            resources.setdefault(change["type"], {})[change["name"]] = body
    return {**PREAMBLE, "resource": resources}


def _body(values: Object, expressions: Object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = expressions.get(name)
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            blocks = cast("list[Object]", value)
            below = cast("list[Object]", inner if isinstance(inner, list) else [{}] * len(blocks))
            bodies = [_body(block, each) for block, each in zip(blocks, below, strict=True)]
            found[name] = (
                [{**block, **body} for block, body in zip(blocks, bodies, strict=True)] if name in FULL else bodies
            )
        elif value not in (None, []):
            found[name] = value
    for name, expression in expressions.items():
        if isinstance(expression, Mapping) and "references" in expression and name not in MAPS:
            reference = f"${{{expression['references'][0]}}}"
            value = found.get(name)
            if isinstance(value, list):
                found[name] = [reference if item is None else item for item in cast("list[Any]", value)]
            else:
                found[name] = [reference] if name in SETS else reference
    return found


def planned_by_terraform(content: Object) -> Object:
    """Terraform's own plan of a program."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "main.tf.json").write_text(json.dumps(content))
        _terraform(folder, "init", "-input=false")
        _terraform(folder, "plan", "-input=false", "-refresh=false", "-out=plan")
        return json.loads(_terraform(folder, "show", "-json", "plan"))


def _terraform(folder: Path, *args: str) -> str:
    done = subprocess.run(["terraform", *args], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"terraform {args[0]}: {done.stderr[-4000:]}")
    return done.stdout


def collect(found: dict[str, dict[str, Any]], shown: Object, content: Object, plan: Object) -> None:
    """Adds, by type, what a plan says of properties that the program does not give and the view shows otherwise."""
    values: dict[str, Object] = {each["address"]: each["change"]["after"] for each in shown["resource_changes"]}
    for change in plan["resource_changes"]:
        given: Object = content["resource"][change["type"]][change["name"]]
        free = [name for name in values[change["address"]] if name not in given]
        after, unknown = change["change"]["after"], change["change"]["after_unknown"]
        entry = found.setdefault(change["type"], {"values": {}, "unknown": []})
        entry["values"] |= {name: after[name] for name in free if after.get(name) not in (None, [], {})}
        entry["unknown"] = sorted({*entry["unknown"], *(name for name in free if unknown.get(name) is True)})


def main(folders: Sequence[str]) -> None:
    """Plan every stack of some programs and write the file."""
    found: dict[str, dict[str, Any]] = {}
    for folder in map(Path, folders):
        for file in sorted(folder.glob("Pulumi.*.yaml")):
            stack = file.name.split(".")[1]
            shown = view(planned(record(folder, read_stack(folder, stack))), defaults=False).plan
            content = program(shown)
            collect(found, shown, content, planned_by_terraform(content))
    lines = [
        f"  {json.dumps(type_)}: {json.dumps(found[type_], sort_keys=True)}"
        for type_ in sorted(found)
        if any(found[type_].values())
    ]
    source = json.dumps(f"terraform-provider-aws {PROVIDER_VERSION}")
    DEFAULTS.write_text(f'{{\n "source": {source},\n "types": {{\n' + ",\n".join(lines) + "\n }\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
