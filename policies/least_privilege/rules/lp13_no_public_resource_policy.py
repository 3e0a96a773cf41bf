"""LP13: resource policies are not public."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import is_glob
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import RESOURCE_TYPES, Kind, each_statement
from policies.iam.scope import limits_callers


def _judge(statement: Statement, _resource: PlannedResource, _settings: Settings) -> Iterator[str]:
    if not statement.allow or limits_callers(statement):
        return
    if statement.not_principals:
        yield "Allow with NotPrincipal grants to everyone else"
    for kind, principals in statement.principals.items():
        if kind != "Service" and any(is_glob(principal) for principal in principals):
            yield f"allows {kind} '*' without a condition on whose requests are meant"


RULE = Rule(
    id="LP13",
    slug="no-public-resource-policy",
    title="Resource policies are not public",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=("A policy on a resource does not allow everyone, unless a condition says whose requests are meant."),
    remediation=(
        "Name the principal, or add a condition on aws:SourceAccount, aws:SourceArn, aws:PrincipalOrgID or "
        "aws:PrincipalAccount."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-resources.html",
    frameworks=(
        nist("AC-3"),
        nist("AC-21"),
        well_architected("SEC03-BP07"),
    ),
    types=RESOURCE_TYPES,
    anchors=("CKV_AWS_70", "CKV_AWS_33", "CKV_AWS_32", "CKV_AWS_168", "CKV_AWS_169"),
    check=each_statement(Kind.RESOURCE, _judge),
)
