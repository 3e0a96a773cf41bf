"""DP10: environments hold no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from policies.framework.reading import whole
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UNKNOWN, UnknownPropertyError, strings

_TEXTS = {
    "aws:ecs/taskDefinition:TaskDefinition": ("containerDefinitions",),
    "aws:batch/jobDefinition:JobDefinition": (
        "containerProperties",
        "nodeProperties",
        "ecsProperties",
        "eksProperties",
    ),
}
_LAMBDA = "aws:lambda/function:Function"

_SECRET_NAME = re.compile(
    r"PASSW(OR)?D|PASSPHRASE|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|SIGNING_?KEY|ENCRYPTION_?KEY|CREDENTIAL"
    r"|(^|_)(PWD|PASS|AUTH)(_|$)|CONNECTION_?STRING",
    re.IGNORECASE,
)
_REFERENCE_NAME = re.compile(
    r"_(ID|ARN|NAME|PATH|FILE|DIR|URL|URI|ENDPOINT|PREFIX|PARAMETER|TTL|SECONDS|EXPIRY|LENGTH|TYPE|VERSION|ENABLED)$",
    re.IGNORECASE,
)
_REFERENCE_VALUE = re.compile(
    r"arn:aws[a-z-]*:(secretsmanager|ssm|kms|iam):\S*|\{\{resolve:[^}]*\}\}|true|false", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"(?<![A-Z0-9])A(KIA|SIA)[A-Z0-9]{16}(?![A-Z0-9])"  # access keys of AWS
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"  # user and password in a URL
    r"|\bgh[pousr]_[A-Za-z0-9]{36}|\bxox[abprs]-[A-Za-z0-9-]{10}|\bglpat-[A-Za-z0-9_-]{20}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."  # signed web tokens
)


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    if resource.type == _LAMBDA:
        variables = resource.value("environment.variables")
        for name, value in cast("Mapping[str, Any]", variables or {}).items():
            yield from _variable(name, value, f"environment.variables.{name}")
        return
    for path in _TEXTS[resource.type]:
        given = whole(resource, path)
        if given in (None, ""):
            continue
        content: Any = json.loads(given) if isinstance(given, str) else given
        for name, value in _variables(content):
            yield from _variable(name, value, f"{path}: variable {name}")
        if any(_SECRET_VALUE.search(each) for each in strings(_without_environments(content))):
            yield Violation(message=f"{path} holds a value with the shape of a secret outside its environments")


def _variable(name: str, value: Any, where: str) -> Iterator[Violation]:
    """Judge a variable; what is unknown is judged by its name, and by its value before the resource is created."""
    named = bool(_SECRET_NAME.search(name)) and not _REFERENCE_NAME.search(name)
    if value is UNKNOWN:
        if named:
            raise UnknownPropertyError(path=where)
        return
    given = "" if value is None else str(value)
    if _SECRET_VALUE.search(given):
        yield Violation(message=f"{where} has a value with the shape of a secret")
    elif named and given and not _REFERENCE_VALUE.fullmatch(given):
        yield Violation(message=f"{where} is named like a secret and holds a value")


def _variables(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield the variables of every container, wherever it stands: ECS, Batch and EKS nest them differently."""
    if isinstance(content, list):
        for each in cast("list[Any]", content):
            yield from _variables(each)
    elif isinstance(content, Mapping):
        for key, below in cast("Mapping[str, Any]", content).items():
            if key.lower() in ("environment", "env") and isinstance(below, list):
                for entry in cast("list[Any]", below):
                    fields = {name.lower(): value for name, value in cast("Mapping[str, Any]", entry).items()}
                    yield str(fields.get("name", "")), fields.get("value")
            else:
                yield from _variables(below)


def _without_environments(content: Any) -> Any:
    if isinstance(content, list):
        return [_without_environments(each) for each in cast("list[Any]", content)]
    if isinstance(content, Mapping):
        items = cast("Mapping[str, Any]", content).items()
        return {key: _without_environments(below) for key, below in items if key.lower() not in ("environment", "env")}
    return content


RULE = Rule(
    id="DP10",
    slug="no-secrets-in-environments",
    title="Environments of tasks, functions and jobs hold no secrets",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "Whoever may describe a task definition, a function or a job reads its environment, and old revisions keep it."
    ),
    remediation="Name the secret (its ARN or id) and let the code, or the task's secrets with valueFrom, fetch it.",
    link="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html",
    frameworks=(nist("IA-5"), nist("SC-28"), well_architected("SEC02-BP03")),
    types=(*_TEXTS, _LAMBDA),
    anchors=("CKV_AWS_45",),
    check=_check,
)
