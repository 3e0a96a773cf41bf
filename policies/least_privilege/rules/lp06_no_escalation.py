"""LP06: nobody holds a way to more permissions than they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.iam.escalation import Way, ways
from policies.iam.places import IDENTITY_TYPES
from policies.iam.scope import names
from policies.iam.union import principals


def _alone(resource: PlannedResource, settings: Settings) -> list[Way]:
    """Return the ways that a resource's own documents are enough for, which are known before it is created."""
    everyone = principals(Graph.of([resource]))
    passable = settings.strings("passableRoles")
    return [way for each in everyone.everyone for way in ways(each, everyone, passable, closed=False)]


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    yield from _violations(_alone(resource, settings), resource.urn)


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    passable = settings.strings("passableRoles")
    everyone = principals(graph)
    said = {
        resource.urn: {way.path.id for way in _alone(resource, settings)} for resource in graph.of_types(IDENTITY_TYPES)
    }
    for each in everyone.everyone:
        known = {path for document in each.documents for path in said[document.resource.urn]}
        found = ways(each, everyone, passable, closed=True)
        yield from _violations((way for way in found if way.path.id not in known), each.urn)


def _violations(found: Iterable[Way], urn: str) -> Iterator[Violation]:
    """Report the ways that one set of statements opens once: an Allow of everything opens all."""
    by_statements: dict[frozenset[str], list[Way]] = {}
    for way in found:
        by_statements.setdefault(frozenset(grant.place for grant in way.grants), []).append(way)
    for first, *others in by_statements.values():
        more = f" The same statements let it {names([way.path.what for way in others])}." if others else ""
        yield Violation(message=f"{first}.{more}", urn=urn)


RULE = Rule(
    id="LP06",
    slug="no-escalation",
    title="No one can widen their own permissions",
    level=Level.MANDATORY,
    severity=Severity.CRITICAL,
    description=(
        "No role, user or group holds, over all documents attached to it, a known combination of actions that leads "
        "to more permissions than it has. A document that holds one by itself is stopped before it is created; what a "
        "Deny elsewhere or a boundary takes away counts for combinations only."
    ),
    remediation=(
        "Split the combination over two roles, or limit it: an exact iam:PermissionsBoundary condition where "
        "permissions are handed out, exact roles and iam:PassedToService where roles are passed, named resources "
        "where something that runs is changed. List roles that may be handed out all the same in passableRoles."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html",
    frameworks=(
        nist("AC-6"),
        nist("AC-6(1)"),
        well_architected("SEC03-BP02"),
        well_architected("SEC03-BP05"),
    ),
    types=IDENTITY_TYPES,
    anchors=("CKV_AWS_286", "CKV_AWS_110"),
    check=_check,
    check_stack=_check_stack,
    options=(
        Option(
            name="passableRoles",
            description="Patterns of ARNs of roles that may be passed or taken on whatever they hold.",
        ),
    ),
)
