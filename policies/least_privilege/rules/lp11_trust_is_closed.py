"""LP11: trust has no `*`, no NotPrincipal, no foreign account that is not listed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.framework.globs import is_glob
from policies.framework.reading import own_accounts
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, cis, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import TRUST_TYPES, Kind, each_statement
from policies.iam.scope import quote

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:(?:iam|sts)::)?(\d{12})(?::.+)?")


def _judge(statement: Statement, resource: PlannedResource, settings: Settings) -> Iterator[str]:
    if not statement.allow:
        return
    if statement.not_principals:
        yield "Allow with NotPrincipal trusts everyone else"
    for kind, principals in statement.principals.items():
        for principal in principals:
            if is_glob(principal):
                yield f"{kind} {quote(principal)} trusts more than one named principal"
            elif kind == "AWS":
                yield from _account(principal, {*own_accounts(resource), *settings.strings("trustedAccounts")})


def _account(principal: str, known: set[str]) -> Iterator[str]:
    found = _ACCOUNT.fullmatch(principal)
    if found is None:
        yield "an AWS principal that is neither an account nor an ARN in one"
    elif found[1] not in known:
        yield f"account {found[1]} is neither in the provider's allowedAccountIds nor in trustedAccounts"


RULE = Rule(
    id="LP11",
    slug="trust-is-closed",
    title="Trust names known principals",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description="A role is not trusted to everyone, to everyone but some, or to an account that is not listed.",
    remediation=(
        "Name the service, role or identity provider; list a foreign account in trustedAccounts once it is agreed."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    frameworks=(
        cis("1.16"),
        nist("AC-3"),
        well_architected("SEC03-BP07"),
    ),
    types=TRUST_TYPES,
    anchors=("CKV_AWS_60", "CKV_AWS_61"),
    check=each_statement(Kind.TRUST, _judge),
    options=(Option(name="trustedAccounts", description="Ids of the accounts that roles may trust."),),
)
