"""PB10: nothing is granted that the boundary stops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.framework.resource import Graph
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.iam import catalogue
from policies.iam.document import Statement
from policies.iam.scope import names
from policies.iam.union import Principal, principals
from policies.permissions_boundary.boundaries import ROLE, USER, Target, allowing, denying


def _check(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    for principal in principals(graph).everyone:
        if principal.resource is not None and principal.limits:
            dead = sorted(_dead(principal))
            if dead:
                yield Violation(message=f"its boundary stops what it is granted: {names(dead)}", urn=principal.urn)


def _dead(principal: Principal) -> set[str]:
    limits = [statement for document in principal.limits for statement in document.statements]
    granted = {
        str(action)
        for document in principal.documents
        for statement in document.statements
        if statement.allow
        for pattern in statement.actions
        for action in catalogue.expand(pattern)
    }
    return {action for action in granted if not _passes(limits, action)}


def _passes(limits: Sequence[Statement], action: str) -> bool:
    somewhere = Target(service=action.partition(":")[0])
    stopped = any(not deny.conditions for deny in denying(limits, action, somewhere))
    return bool(allowing(limits, action, somewhere)) and not stopped


RULE = Rule(
    id="PB10",
    slug="dead-grants",
    title="Nothing is granted that the boundary stops",
    level=Level.ADVISORY,
    severity=Severity.LOW,
    description=(
        "What the boundary never allows, or denies on every resource without condition, has no effect when it is "
        "granted: the grant misleads whoever reads it, and wakes up when the boundary is widened."
    ),
    remediation="Take the action out of the grants, or allow it in the boundary if it is called.",
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-eval-logic",
    frameworks=(nist("AC-6"), well_architected("SEC03-BP04")),
    types=(ROLE, USER),
    check_stack=_check,
)
