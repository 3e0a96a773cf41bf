"""Boundaries of a program: which policies they are, and what their documents let through.

A boundary grants nothing. What none of its Allows covers is as good as denied: IAM's own actions know no resource
policies that could grant them past a boundary. So a boundary has to deny only what it allows otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from policies.framework.globs import is_glob, matches, subsumes
from policies.framework.judge import unknown
from policies.framework.reading import own_accounts
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Option, ResourceCheck, Settings, StackCheck, Violation
from policies.framework.values import UNKNOWN
from policies.iam.document import DocumentError, DocumentUnknownError, Statement
from policies.iam.patterns import overlaps, widest
from policies.iam.places import IDENTITY_TYPES, Kind, is_boundary, places, readable
from policies.iam.scope import speaks_of
from policies.iam.union import principals

ROLE, USER, POLICY = "aws:iam/role:Role", "aws:iam/user:User", "aws:iam/policy:Policy"
PROPERTY = "permissionsBoundary"
KEY = "iam:permissionsboundary"
ARN = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>\d{12}):(?P<name>policy/[^*?$]+)")
"""A policy of an account's own, without wildcards and variables."""
LISTED = Option(
    name="boundaries",
    description="ARNs of boundaries that are not in the program; * may stand for the account and for the partition.",
)


def listed(arn: str, patterns: Sequence[str]) -> bool:
    """Whether an ARN is in a list where ``*`` may stand for partition and account."""
    return any(_same(arn.split(":", 5), pattern.split(":", 5)) for pattern in patterns)


def _same(arn: list[str], pattern: list[str]) -> bool:
    return len(arn) == len(pattern) == 6 and all(
        part == given or (given == "*" and at in (1, 4))
        for at, (part, given) in enumerate(zip(arn, pattern, strict=True))
    )


@dataclass(frozen=True, kw_only=True)
class Target:
    """Resources that an action is about, by a pattern of what their ARNs have after the fifth colon.

    Without ``name`` the actions have no resource: only ``*`` is theirs.
    """

    service: str = "iam"
    name: str = ""
    accounts: tuple[str, ...] = ()

    def covered(self, pattern: str) -> bool:
        """Whether a pattern covers all of them, for sure."""
        if set(pattern) == {"*"}:
            return True
        parts = pattern.split(":", 5)
        if len(parts) < 6 or not self.name:
            return False
        _, partition, service, region, account, name = parts
        return (
            (partition == "*" or partition.startswith("aws"))
            and service == self.service
            and region in ("", "*")
            and self.in_account(account)
            and subsumes(name, self.name)
        )

    def touched(self, pattern: str) -> bool:
        """Whether a pattern may cover one of them; in doubt it does."""
        parts = pattern.split(":", 5)
        if len(parts) < 6:
            return is_glob(pattern)
        return matches(parts[2], self.service) and (not self.name or overlaps(widest(parts[5]), self.name))

    def in_account(self, account: str) -> bool:
        """Whether the account of a pattern is theirs, as far as accounts are known."""
        return account == "*" or (account in self.accounts if self.accounts else account.isdigit())


ROLES, USERS, GROUPS, POLICIES = (Target(name=f"{kind}/*") for kind in ("role", "user", "group", "policy"))


def of(policy: PlannedResource) -> Target:
    """Return a policy itself, as target; a pattern as far as path and name are not known."""
    path, name, beginning = (policy.raw(key) for key in ("path", "name", "namePrefix"))
    if not isinstance(name, str):
        name = f"{beginning}*" if isinstance(beginning, str) else "*"
    end = "/*" if path is UNKNOWN else f"{path or '/'}{name}"
    return Target(name=f"policy{end}", accounts=own_accounts(policy))


def reaches(statement: Statement, target: Target) -> bool:
    """Whether a statement may be about one of some resources."""
    if statement.not_resources:
        return not any(target.covered(pattern) for pattern in statement.not_resources)
    return any(target.touched(pattern) for pattern in statement.resources)


def spans(statement: Statement, target: Target) -> bool:
    """Whether a statement is about all of some resources, for sure."""
    if statement.not_resources:
        return not any(target.touched(pattern) for pattern in statement.not_resources)
    return any(target.covered(pattern) for pattern in statement.resources)


def allowing(statements: Sequence[Statement], action: str, target: Target) -> list[Statement]:
    """Return the Allows that may let an action through on one of some resources, whatever their conditions."""
    return [s for s in statements if s.allow and speaks_of(s, action) and reaches(s, target)]


def denying(statements: Sequence[Statement], action: str, target: Target) -> list[Statement]:
    """Return the Denies of an action on all of some resources, whatever their conditions."""
    return [s for s in statements if not s.allow and speaks_of(s, action) and spans(s, target)]


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A boundary that can be read: its statements and itself."""

    statements: tuple[Statement, ...]
    itself: Target

    def lets_through(self, action: str, target: Target) -> bool:
        """Whether it lets an action through on one of some resources."""
        return bool(allowing(self.statements, action, target)) and not self.denies(action, target)

    def denies(self, action: str, target: Target) -> bool:
        """Whether it denies an action on all of some resources, without condition: any condition may be dodged."""
        return any(not statement.conditions for statement in self.denying(action, target))

    def denying(self, action: str, target: Target) -> list[Statement]:
        """Return its Denies of an action on all of some resources."""
        return denying(self.statements, action, replace(target, accounts=self.itself.accounts))

    def is_itself(self, arn: str) -> bool:
        """Whether an ARN is its own."""
        found = ARN.fullmatch(arn)
        return found is not None and found["name"] == self.itself.name and self.itself.in_account(found["account"])

    @property
    def hint(self) -> str:
        """What to add to a message about its own ARN."""
        return "; it has no fixed name, so no ARN can be its own" if is_glob(self.itself.name) else ""


def read(policy: PlannedResource) -> Boundary:
    """Read a boundary.

    Raises:
        DocumentError: If its document is none.
        DocumentUnknownError: If its document is unknown.
    """
    found = [statement for place in places(policy) for statement in place.parse()]
    if not found:
        raise DocumentError("is missing")
    return Boundary(statements=tuple(found), itself=of(policy))


class Policies:
    """The policies of a program, by the ends of their ARNs."""

    def __init__(self, graph: Graph) -> None:
        """Index them once."""
        self._graph = graph
        self._by_name: dict[str, list[PlannedResource]] = {}
        for policy in graph.of_types((POLICY,)):
            self._by_name.setdefault(of(policy).name, []).append(policy)

    def named(self, arn: str) -> list[PlannedResource]:
        """Return those with an ARN, in whatever account: one policy may be made in several."""
        found = ARN.fullmatch(arn)
        return self._by_name.get(found["name"], []) if found else []

    def meant(self, resource: PlannedResource, path: str) -> list[PlannedResource]:
        """Return those that a property means: by their ARNs, and what is unknown by what it is computed from."""
        value: Any = resource.raw(path)
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        found = [policy for each in values if isinstance(each, str) for policy in self.named(each)]
        if any(each is UNKNOWN for each in values):
            found += [source for source in self._graph.sources(resource, path) if source.type == POLICY]
        return found


def demanded(graph: Graph) -> Iterator[str]:
    """Yield the boundaries that the documents of a program speak of in conditions."""
    for resource in graph.of_types(IDENTITY_TYPES):
        for _, statements in readable(resource, Kind.IDENTITY):
            for statement in statements:
                for condition in statement.conditions:
                    if condition.key == KEY:
                        yield from condition.values


def in_use(graph: Graph) -> list[PlannedResource]:
    """Return the policies of a program that bound its roles and users, or that a document demands as boundary."""
    known = Policies(graph)
    found = [policy for each in graph.of_types((ROLE, USER)) for policy in known.meant(each, PROPERTY)]
    found += [policy for arn in demanded(graph) for policy in known.named(arn)]
    return list({policy.urn: policy for policy in found}.values())


Judgement = Callable[[Boundary, PlannedResource, Settings], Iterator[str]]


def each_boundary(judge: Judgement) -> tuple[ResourceCheck, StackCheck]:
    """Turn a judgement of one boundary into a rule's checks.

    One that shows itself to be a boundary is judged before it is created; one that only its use makes a boundary, at
    the end. None passes unread.
    """

    def judged(policy: PlannedResource, settings: Settings) -> Iterator[Violation]:
        try:
            for message in judge(read(policy), policy, settings):
                yield Violation(message=message, urn=policy.urn)
        except DocumentUnknownError as error:
            for path in error.paths:
                yield unknown(policy, f"policy.{path}" if path else "policy")
        except DocumentError as error:
            yield Violation(message=f"policy {error}", urn=policy.urn)

    def check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
        if is_boundary(resource):
            yield from judged(resource, settings)

    def check_stack(graph: Graph, settings: Settings) -> Iterator[Violation]:
        for policy in in_use(graph):
            if not is_boundary(policy):
                yield from judged(policy, settings)

    return check, check_stack


def granting(graph: Graph) -> Iterator[tuple[PlannedResource, str, tuple[Statement, ...]]]:
    """Yield every document of a program that grants: its resource, path and statements."""
    held = principals(graph).held
    for resource in graph.of_types(IDENTITY_TYPES):
        if resource.urn in held or not is_boundary(resource):
            for path, statements in readable(resource, Kind.IDENTITY):
                yield resource, path, statements
