"""CP01: tasks are confined to their containers."""

from __future__ import annotations

from collections.abc import Iterator

from policies.compute.containers import TASK_TYPES, Container, containers
from policies.framework.reading import text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_NAMESPACES = ("pidMode", "ipcMode", "networkMode")


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    for path in _NAMESPACES:
        if text(resource, path) == "host":
            yield Violation(message=f"{path} is the host's")
    windows = text(resource, "runtimePlatform.operatingSystemFamily").upper().startswith("WINDOWS")
    for container in containers(resource):
        # Windows has neither these users nor a read-only root.
        for message in (*(() if windows else _confined(container)), *_logged(container)):
            yield Violation(message=f"{container.path}: {message}")


def _confined(container: Container) -> Iterator[str]:
    if container.flag("privileged"):
        yield "privileged is on"
    user = container.text("user").partition(":")[0]
    if not user:
        yield "user is not set, so the image decides, which is root unless it says otherwise"
    elif user == "root" or (user.isdecimal() and int(user) == 0):
        yield "user is root"
    if not container.flag("readonlyRootFilesystem"):
        yield "readonlyRootFilesystem is not on"


def _logged(container: Container) -> Iterator[str]:
    if container.text("logConfiguration.logDriver") in ("", "none"):
        yield "logConfiguration names no driver that keeps logs"


RULE = Rule(
    id="CP01",
    slug="confined-tasks",
    title="Tasks: not privileged, not root, read-only root, no host namespaces, logs",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "Whoever takes over a container must not find root, a writable image or the host's processes, and must leave "
        "traces."
    ),
    remediation=(
        "Give each container a numeric user other than 0, readonlyRootFilesystem, a volume for what it writes, and a "
        "logConfiguration; leave privileged and the host's namespaces off."
    ),
    link="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html",
    frameworks=(nist("AC-6"), nist("CM-7"), nist("AU-12"), well_architected("SEC06-BP02")),
    types=TASK_TYPES,
    anchors=("CKV_AWS_334", "CKV_AWS_335", "CKV_AWS_336", "AwsSolutions-ECS7"),
    check=_check,
)
