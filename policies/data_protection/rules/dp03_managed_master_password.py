"""DP03: RDS keeps the master password itself."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import flag, present
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_PLAIN = ("masterPassword", "masterPasswordWo", "password", "passwordWo")
_COPIES = ("replicationSourceIdentifier", "replicateSourceDb")


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    for path in _PLAIN:
        if present(resource, path):
            yield Violation(message=f"{path} is set, so the password passes through the program and its state")
    if any(present(resource, path) for path in _COPIES):
        return  # a replica has its source's users
    if not flag(resource, "manageMasterUserPassword"):
        yield Violation(message="manageMasterUserPassword is not on")


RULE = Rule(
    id="DP03",
    slug="managed-master-password",
    title="RDS makes, keeps and rotates the master password",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="A password that a program hands over stays in its state and its history, and nobody rotates it.",
    remediation="Set manageMasterUserPassword and masterUserSecretKmsKeyId, and remove the password.",
    link="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html",
    frameworks=(nist("IA-5"), nist("SC-28"), well_architected("SEC02-BP03")),
    types=("aws:rds/cluster:Cluster", "aws:rds/instance:Instance"),
    check=_check,
)
