"""DP08: secrets are under our key and rotate."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import present
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_SECRET = "aws:secretsmanager/secret:Secret"
_ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    path = "kmsKeyId" if resource.type == _SECRET else "masterUserSecretKmsKeyId"
    if resource.type != _SECRET and resource.raw("manageMasterUserPassword") in (None, False):
        return
    if not present(resource, path):
        yield Violation(message=f"{path} is not set, so AWS's own key is used")


def _check_stack(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    rotated = {
        secret.urn
        for rotation in graph.of_types((_ROTATION,))
        for secret in graph.targets(rotation, "secretId", (_SECRET,), ("id", "arn", "name"))
    }
    for secret in graph.of_types((_SECRET,)):
        if secret.urn not in rotated:
            yield Violation(message="nothing rotates it", urn=secret.urn)


RULE = Rule(
    id="DP08",
    slug="secrets",
    title="Secrets are under our key and rotate",
    level=Level.ADVISORY,
    severity=Severity.MEDIUM,
    description="Under our key a secret needs two grants to read, and rotation bounds how long a leak is of use.",
    remediation="Set kmsKeyId (on databases masterUserSecretKmsKeyId); add a SecretRotation where one can rotate.",
    link="https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",
    frameworks=(nist("IA-5"), nist("SC-12"), well_architected("SEC02-BP03")),
    types=(_SECRET, "aws:rds/cluster:Cluster", "aws:rds/instance:Instance"),
    anchors=("CKV2_AWS_57",),
    check=_check,
    check_stack=_check_stack,
)
