"""CP02: a task has a role of its own, and its images are pinned."""

from __future__ import annotations

from collections.abc import Iterator

from policies.compute.containers import TASK_TYPES, containers
from policies.framework.judge import unknown
from policies.framework.reading import given
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.framework.values import UNKNOWN

_ROLE = "aws:iam/role:Role"
_PATHS = ("taskRoleArn", "executionRoleArn")
_SAME = Violation(message="taskRoleArn and executionRoleArn are the same role")


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    task, execution = (resource.raw(path) for path in _PATHS)
    if isinstance(task, str) and task and task == execution:
        yield _SAME
    for container in containers(resource):
        image = container.text("image")
        if not _pinned(image):
            yield Violation(message=f"{container.path}.image has neither a digest nor a tag other than latest")


def _pinned(image: str) -> bool:
    name, _, digest = image.partition("@")
    if digest:
        return digest.startswith("sha256:")
    return name.rsplit("/", 1)[-1].partition(":")[2] not in ("", "latest")


def _check_stack(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    # At preview a new role's ARN is unknown; which role it comes from is not.
    for task in graph.of_types(TASK_TYPES):
        unknowns = [path for path in _PATHS if task.raw(path) is UNKNOWN]
        if not unknowns or not all(given(task, path) for path in _PATHS):
            continue
        roles = {path: {role.urn for role in graph.targets(task, path, (_ROLE,), ("arn",))} for path in _PATHS}
        untold = [path for path in unknowns if not roles[path]]
        if untold:
            yield unknown(task, untold[0])
        elif roles["taskRoleArn"] & roles["executionRoleArn"]:
            yield Violation(message=_SAME.message, urn=task.urn)


RULE = Rule(
    id="CP02",
    slug="own-role-pinned-image",
    title="The task's role differs from its execution role; images are pinned",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "What starts a task may pull images and read start-up secrets, which the task itself must not; and what was "
        "tested must be what runs."
    ),
    remediation=(
        "Make two roles; name each image by digest, or by a tag other than latest in a repository with immutable tags."
    ),
    link="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-iam-roles.html",
    frameworks=(
        nist("AC-6"),
        nist("SI-7"),
        nist("CM-2"),
        well_architected("SEC03-BP02"),
        well_architected("SEC06-BP04"),
    ),
    types=TASK_TYPES,
    anchors=("CKV_AWS_249",),
    check=_check,
    check_stack=_check_stack,
)
