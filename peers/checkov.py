"""Runs checkov over resources in their Terraform view."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from peers.environment import program
from peers.terraform_plan import View
from policies.framework.resource import PlannedResource


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A check that a resource fails.

    Args:
        check: Id of the check.
        title: What the check asks for.
        address: The resource's address in the view.
        resource: The resource.
    """

    check: str
    title: str
    address: str
    resource: PlannedResource


def failures(views: Mapping[str, View]) -> dict[str, list[Failure]]:
    """The checks that fail in each view, by the view's name; one run for all, as most of its time is its start.

    Raises:
        NoPeersError: checkov is not installed.
        RuntimeError: checkov did not judge every view.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, view in enumerate(views.values()):
            (folder / f"{number}.json").write_text(json.dumps(view.plan))
        report = _run(folder)
    found: dict[str, list[Failure]] = {name: [] for name in views}
    names = list(views)
    for check in report["results"]["failed_checks"]:
        view = names[int(Path(check["file_path"]).stem)]
        address = str(check["resource"])
        resource = views[view].resources[address]
        found[view].append(
            Failure(check=check["check_id"], title=check["check_name"], address=address, resource=resource)
        )
    expected = sum(len(view.resources) for view in views.values())
    if report["summary"]["parsing_errors"] or report["summary"]["resource_count"] != expected:
        raise RuntimeError(f"checkov judged {report['summary']} of {expected} resources")
    return found


def _run(folder: Path) -> Mapping[str, Any]:
    options: Sequence[str] = ("--framework", "terraform_plan", "--compact", "--quiet", "--output", "json")
    done = subprocess.run(
        [program("checkov"), "--directory", folder, *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"checkov failed: {done.stderr[-2000:]}")
    return cast("Mapping[str, Any]", json.loads(done.stdout))
