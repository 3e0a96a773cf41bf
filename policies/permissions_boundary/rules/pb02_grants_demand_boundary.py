"""PB02: grants that make or change roles and users demand the boundary."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.iam import catalogue
from policies.iam.document import Condition, Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement
from policies.iam.scope import condition, names, quote, speaks_of
from policies.iam.union import each_held
from policies.permissions_boundary.boundaries import (
    ARN,
    KEY,
    LISTED,
    ROLES,
    USERS,
    Policies,
    Target,
    granting,
    listed,
    reaches,
)

_REMOVALS = ("iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary")


@cache
def _limitable() -> tuple[tuple[str, Target], ...]:
    """Return the changing actions that accept the condition, with what they change."""
    return tuple(
        (str(action), ROLES if "role" in action.resource_types else USERS)
        for action in catalogue.expand("iam:*")
        if KEY in action.condition_keys and action.access in catalogue.CHANGES
    )


def _judge(statement: Statement, resource: PlannedResource, settings: Settings) -> Iterator[str]:
    if not statement.allow:
        return
    granted = [name for name, target in _limitable() if speaks_of(statement, name) and reaches(statement, target)]
    removals = [name for name in granted if name in _REMOVALS]
    if removals:
        yield f"{names(removals)}: boundaries are taken away, which no condition makes safe"
    others = [name for name in granted if name not in _REMOVALS]
    limit = _limit(statement)
    if others and limit is None:
        yield f"{names(others)} without StringEquals iam:PermissionsBoundary"
    elif others and limit is not None:
        patterns = settings.strings(LISTED.name, resource.stack)
        for value in limit.values:
            if not ARN.fullmatch(value) and not listed(value, patterns):
                yield f"iam:PermissionsBoundary has {quote(value)}, which is not one policy of a named account"


def _limit(statement: Statement) -> Condition | None:
    return condition(statement, KEY, "StringEquals", "ArnEquals")


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    yield from each_held(_judge)(graph, settings)
    policies, patterns = Policies(graph), settings.strings(LISTED.name, graph.stack)
    for resource, path, statements in granting(graph):
        for statement in statements:
            limit = _limit(statement) if statement.allow else None
            for value in limit.values if limit else ():
                if ARN.fullmatch(value) and not policies.named(value) and not listed(value, patterns):
                    message = f"iam:PermissionsBoundary has {quote(value)}, which is neither a policy of the program"
                    message = f"{path}, statement {statement.index + 1}: {message} nor in {LISTED.name}"
                    yield Violation(message=message, urn=resource.urn)


RULE = Rule(
    id="PB02",
    slug="grants-demand-boundary",
    title="Grants that make or change roles and users demand the boundary",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "Whoever makes a role, or changes what one may do, must keep it within a boundary. Every Allow of an action "
        "that accepts iam:PermissionsBoundary carries it, exact and positive, with a boundary of the program or of a "
        "list. Taking boundaries away is never granted."
    ),
    remediation=(
        "Add Condition StringEquals iam:PermissionsBoundary with the boundary's ARN: no IfExists, no ForAllValues, no "
        "wildcard. Keep actions that do not accept it in a statement of their own; leave out "
        "iam:DeleteRolePermissionsBoundary and iam:DeleteUserPermissionsBoundary."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate",
    frameworks=(nist("AC-6"), nist("AC-6(10)"), well_architected("SEC03-BP05")),
    types=IDENTITY_TYPES,
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=_check_stack,
    options=(LISTED,),
)
