"""PB08: the boundary never allows everything, the organization, the account, or users and keys."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, nist, well_architected
from policies.iam import catalogue
from policies.iam.scope import names, speaks_of
from policies.permissions_boundary.boundaries import (
    GROUPS,
    POLICY,
    USERS,
    Boundary,
    Target,
    each_boundary,
    reaches,
)


@cache
def _withheld() -> tuple[tuple[str, Target], ...]:
    """Return what no boundary may allow: organizations and account whole, what changes users, their keys and groups."""
    whole = [
        (str(action), Target(service=service))
        for service in ("account", "organizations")
        for action in catalogue.expand(f"{service}:*")
    ]
    identities = [
        (str(action), USERS if "user" in action.resource_types else GROUPS)
        for action in catalogue.expand("iam:*")
        if {"user", "group"} & set(action.resource_types) and action.access in catalogue.CHANGES
    ]
    return (*whole, *identities)


def _judge(boundary: Boundary, _policy: PlannedResource, _settings: Settings) -> Iterator[str]:
    for statement in boundary.statements:
        if not statement.allow:
            continue
        where = f"policy, statement {statement.index + 1}:"
        if statement.not_actions:
            yield f"{where} Allow with NotAction allows whatever it does not list"
        elif any(set(pattern) <= {"*", "?", ":"} for pattern in statement.actions):
            yield f"{where} its Action is a wildcard for everything"
        else:
            found = [
                action
                for action, target in _withheld()
                if speaks_of(statement, action) and reaches(statement, target) and not boundary.denies(action, target)
            ]
            if found:
                yield f"{where} it allows {names(found)}"


_check, _check_stack = each_boundary(_judge)

RULE = Rule(
    id="PB08",
    slug="boundary-withholds-identities",
    title="The boundary never allows everything, the organization, the account, or users and keys",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "A boundary that allows everything bounds nothing; with users, their groups and keys a role leaves something "
        "behind that outlives it. What a Deny without condition takes out again is not allowed, except out of *."
    ),
    remediation=(
        "List the services that the program uses; deny organizations:*, account:* and iam actions on users, groups and "
        "keys where a wildcard covers them."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    frameworks=(nist("AC-6"), nist("AC-6(1)"), well_architected("SEC03-BP05")),
    types=(POLICY,),
    check=_check,
    check_stack=_check_stack,
)
