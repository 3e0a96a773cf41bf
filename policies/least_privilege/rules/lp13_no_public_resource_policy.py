"""LP13: resource policies are not public."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.framework.globs import is_glob, subsumes
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import RESOURCE_TYPES, Kind, readable
from policies.iam.scope import limits_callers, shuts_out


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    for path, statements in readable(resource, Kind.RESOURCE):
        closing = [statement for statement in statements if shuts_out(statement)]
        for statement in statements:
            if statement.allow and not limits_callers(statement) and not _closed(statement, closing):
                for message in _public(statement):
                    yield Violation(message=f"{path}, statement {statement.index + 1}: {message}")


def _public(statement: Statement) -> Iterator[str]:
    if statement.not_principals:
        yield "Allow with NotPrincipal grants to everyone else"
    for kind, principals in statement.principals.items():
        if kind != "Service" and any(is_glob(principal) for principal in principals):
            yield f"allows {kind} '*' without a condition on whose requests are meant"


def _closed(statement: Statement, closing: Sequence[Statement]) -> bool:
    """Whether a Deny of the same document takes everything back from all but certain callers."""
    return bool(statement.actions and statement.resources) and any(
        all(any(subsumes(wide.lower(), action.lower()) for wide in deny.actions) for action in statement.actions)
        and all(any(subsumes(wide, pattern) for wide in deny.resources) for pattern in statement.resources)
        for deny in closing
    )


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
    check=_check,
)
