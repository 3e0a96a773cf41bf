"""PB06: writing policies stops at the boundary, and attaching is limited by iam:PolicyARN."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from policies.framework.globs import is_glob
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.iam.document import Statement
from policies.iam.places import IDENTITY_TYPES, Kind, each_statement, is_boundary
from policies.iam.scope import condition, names, quote, speaks_of
from policies.iam.union import each_held
from policies.permissions_boundary.boundaries import (
    ARN,
    GROUPS,
    POLICIES,
    POLICY,
    PROPERTY,
    ROLE,
    ROLES,
    USER,
    USERS,
    Target,
    demanded,
    denying,
    granting,
    in_use,
    of,
    reaches,
)

_WRITES = ("iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion")
_REWRITES = _WRITES[1:]
"""What changes a policy that there is already."""
_ATTACHES = {"iam:AttachRolePolicy": ROLES, "iam:AttachUserPolicy": USERS, "iam:AttachGroupPolicy": GROUPS}
_OPERATORS = ("ArnEquals", "ArnLike", "StringEquals", "StringLike", "StringEqualsIgnoreCase")
_EXACT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[^*?$]+")


def _judge(statement: Statement, resource: PlannedResource, settings: Settings) -> Iterator[str]:
    if not statement.allow:
        return
    paths = (f"/{resource.project}/", *settings.strings("policyPaths", resource.stack))
    writes = [action for action in _WRITES if speaks_of(statement, action)]
    if writes and reaches(statement, POLICIES):
        if statement.not_resources:
            yield f"{names(writes)} with NotResource"
        for pattern in statement.resources:
            if POLICIES.touched(pattern) and not _within(pattern, paths):
                yield f"{names(writes)} on {quote(pattern)}, which is not below {' or '.join(paths)}"
    attaches = [action for action, to in _ATTACHES.items() if speaks_of(statement, action) and reaches(statement, to)]
    if attaches:
        yield from _attaching(statement, attaches, paths)


def _attaching(statement: Statement, attaches: list[str], paths: Sequence[str]) -> Iterator[str]:
    limit = condition(statement, "iam:policyarn", *_OPERATORS)
    if limit is None:
        yield f"{names(attaches)} without a condition on iam:PolicyARN"
        return
    for value in limit.values:
        if not _EXACT.fullmatch(value) and not _within(value, paths):
            yield f"iam:PolicyARN has {quote(value)}, which is neither one policy nor below {' or '.join(paths)}"


def _within(pattern: str, paths: Sequence[str]) -> bool:
    """Whether a pattern of policies begins with one of some paths."""
    name, fixed = pattern.split(":", 5)[-1], [path.strip("/") for path in paths if not is_glob(path)]
    return any(path and name.startswith(f"policy/{path}/") for path in fixed)


def _check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
    yield from each_held(_judge)(graph, settings)
    boundaries = list(_boundaries(graph))
    for resource, path, statements in granting(graph):
        for statement in statements:
            actions = [action for action in _REWRITES if statement.allow and speaks_of(statement, action)]
            found = [
                action for action in actions if any(_open(statements, statement, action, each) for each in boundaries)
            ]
            if found:
                message = f"{names(found)} on a boundary, which no Deny of the document excepts"
                yield Violation(message=f"{path}, statement {statement.index + 1}: {message}", urn=resource.urn)


def _open(statements: Sequence[Statement], allow: Statement, action: str, boundary: Target) -> bool:
    if not reaches(allow, boundary):
        return False
    return all(deny.conditions for deny in denying(statements, action, boundary))


def _boundaries(graph: Graph) -> set[Target]:
    """Return all boundaries that the program has or speaks of, wherever they were made."""
    own = [*in_use(graph), *(policy for policy in graph.of_types((POLICY,)) if is_boundary(policy))]
    arns = [*demanded(graph), *(str(each.raw(PROPERTY)) for each in graph.of_types((ROLE, USER)))]
    elsewhere = {Target(name=found["name"]) for arn in arns if (found := ARN.fullmatch(arn))}
    return {of(policy) for policy in own} | elsewhere


RULE = Rule(
    id="PB06",
    slug="policies-scoped",
    title="Writing policies stops at the boundary, and attaching is limited by iam:PolicyARN",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "iam:CreatePolicy, iam:CreatePolicyVersion and iam:SetDefaultPolicyVersion do not accept a condition on the "
        "boundary, so they are granted below the project's path only, and the latter two not on a boundary: it lies "
        "elsewhere, or a Deny of the same document excepts it. Attaching names the policies that may be attached."
    ),
    remediation=(
        "Set Resource to arn:aws:iam::<account>:policy/<project>/*, with a Deny of iam:CreatePolicyVersion and "
        "iam:SetDefaultPolicyVersion on the boundary's ARN if it is below that path; add Condition ArnLike "
        "iam:PolicyARN to iam:AttachRolePolicy, iam:AttachUserPolicy and iam:AttachGroupPolicy."
    ),
    link="https://docs.aws.amazon.com/IAM/latest/UserGuide/access_controlling.html#access_controlling-policies",
    frameworks=(nist("AC-6"), nist("AC-6(10)"), well_architected("SEC03-BP05")),
    types=IDENTITY_TYPES,
    check=each_statement(Kind.IDENTITY, _judge),
    check_stack=_check_stack,
    options=(
        Option(
            name="policyPaths",
            description="Paths below which policies may be written, besides /<project>/ (for example /team/app/).",
        ),
    ),
)
