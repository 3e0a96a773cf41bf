"""CP03: Batch jobs are not privileged, end in time and are tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from policies.framework.reading import present, text, whole
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected

_CONTAINERS = ("containerProperties", "nodeProperties", "ecsProperties", "eksProperties")


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    for path in _CONTAINERS:
        properties = whole(resource, path)
        content: object = json.loads(properties) if isinstance(properties, str) and properties else properties
        for place in _privileged(content, path):
            yield Violation(message=f"{place} is on")
    if not present(resource, "timeout.attemptDurationSeconds"):
        yield Violation(message="timeout is not set, so a job that hangs runs until somebody sees it")
    least = settings.number("attempts", resource.stack) or 0
    if int(text(resource, "retryStrategy.attempts") or 1) < least:
        yield Violation(message=f"retryStrategy.attempts is less than {least}")


def _privileged(content: object, path: str) -> Iterator[str]:
    """Yield where containers are privileged: single jobs, nodes, tasks and pods nest them differently."""
    if isinstance(content, list):
        for at, each in enumerate(cast("list[object]", content)):
            yield from _privileged(each, f"{path}[{at}]")
    elif isinstance(content, Mapping):
        for key, value in cast("Mapping[str, Any]", content).items():
            if key.lower() == "privileged" and str(value).lower() == "true":
                yield f"{path}.{key}"
            yield from _privileged(value, f"{path}.{key}")


RULE = Rule(
    id="CP03",
    slug="batch-jobs",
    title="Batch jobs are not privileged, and have a timeout and retries",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "A privileged job is root on its machine; one without a timeout is paid for until somebody sees it; one "
        "without retries is lost with its Spot machine."
    ),
    remediation="Leave privileged off, and set timeout.attemptDurationSeconds and retryStrategy.attempts.",
    link="https://docs.aws.amazon.com/batch/latest/userguide/job_definition_parameters.html",
    frameworks=(nist("AC-6"), nist("SC-5"), well_architected("SEC06-BP02"), well_architected("REL05-BP03")),
    types=("aws:batch/jobDefinition:JobDefinition",),
    anchors=("CKV_AWS_210",),
    check=_check,
    options=(Option(name="attempts", description="The least number of attempts.", default=2),),
)
