"""Who holds what: for each role, user, group and permission set of a stack, the union of all that is attached to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, cast

from policies.framework.globs import is_glob, matches, subsumes
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Settings, Violation
from policies.framework.values import UNKNOWN
from policies.iam.document import DocumentError, DocumentUnknownError, Statement
from policies.iam.patterns import overlaps, widest
from policies.iam.places import Kind, StatementCheck, is_boundary, places, readable
from policies.iam.scope import speaks_of

POLICY = "aws:iam/policy:Policy"
ROLE = "aws:iam/role:Role"


class Holder(StrEnum):
    """Kinds of principals that documents are attached to; the values are how their ARNs name them."""

    ROLE = "role"
    USER = "user"
    GROUP = "group"
    PERMISSION_SET = "permissionSet"


_HOLDERS = {
    ROLE: Holder.ROLE,
    "aws:iam/user:User": Holder.USER,
    "aws:iam/group:Group": Holder.GROUP,
    "aws:ssoadmin/permissionSet:PermissionSet": Holder.PERMISSION_SET,
}
# Resources whose own document belongs to what a property refers to.
_INLINE = {
    "aws:iam/rolePolicy:RolePolicy": ("role", Holder.ROLE),
    "aws:iam/userPolicy:UserPolicy": ("user", Holder.USER),
    "aws:iam/groupPolicy:GroupPolicy": ("group", Holder.GROUP),
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy": ("permissionSetArn", Holder.PERMISSION_SET),
}
# Resources that attach managed policies: the property with their ARNs, and those with who gets them.
_ATTACHMENTS: Mapping[str, tuple[str, Mapping[str, Holder]]] = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("policyArn", {"role": Holder.ROLE}),
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": ("policyArn", {"user": Holder.USER}),
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": ("policyArn", {"group": Holder.GROUP}),
    "aws:iam/policyAttachment:PolicyAttachment": (
        "policyArn",
        {"roles": Holder.ROLE, "users": Holder.USER, "groups": Holder.GROUP},
    ),
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": ("policyArns", {"roleName": Holder.ROLE}),
    "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": ("policyArns", {"userName": Holder.USER}),
    "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": (
        "policyArns",
        {"groupName": Holder.GROUP},
    ),
    "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment": (
        "managedPolicyArn",
        {"permissionSetArn": Holder.PERMISSION_SET},
    ),
    "aws:ssoadmin/customerManagedPolicyAttachment:CustomerManagedPolicyAttachment": (
        "customerManagedPolicyReference",
        {"permissionSetArn": Holder.PERMISSION_SET},
    ),
}
_MEMBERSHIPS = {
    "aws:iam/userGroupMembership:UserGroupMembership": ("user", "groups"),
    "aws:iam/groupMembership:GroupMembership": ("users", "group"),
}
_ARN = re.compile(r"arn:[^:]*:iam::[^:]*:(?P<rest>(?:policy|role|user|group)/.+)")


@dataclass(frozen=True, kw_only=True)
class Document:
    """The statements of a document and where they stand."""

    resource: PlannedResource
    path: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A pattern of resources on which a statement allows an action."""

    action: str
    pattern: str
    statement: Statement
    document: Document

    @property
    def place(self) -> str:
        """Where it is written, for messages."""
        return f"'{self.document.resource.name}' {self.document.path}, statement {self.statement.index + 1}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Principal:
    """Someone with all that is attached, groups included.

    Args:
        holder: What it is; None for a document that nothing in the program attaches.
        resource: Its resource; None when it is not in the program.
        arn: The end of its ARN, such as `role/path/name`; empty when not known.
        documents: All documents that could be read; what cannot be is LP15's.
        elsewhere: ARNs of attached policies that are not in the program; an empty one for an ARN that is not known.
        boundary: What stands for the permissions boundary; empty without one.
        limits: The boundary's document, when it is in the program and can be read.
    """

    holder: Holder | None
    resource: PlannedResource | None
    arn: str
    documents: tuple[Document, ...]
    elsewhere: frozenset[str] = frozenset()
    boundary: str = ""
    limits: tuple[Document, ...] = ()
    _known: dict[str, tuple[Grant, ...]] = field(default_factory=dict[str, tuple[Grant, ...]], repr=False)

    @property
    def urn(self) -> str:
        """The resource to report at."""
        return self.resource.urn if self.resource else self.documents[0].resource.urn

    def grants(self, action: str) -> tuple[Grant, ...]:
        """Where an action may be allowed: each pattern of an Allow that no Deny surely takes away as a whole.

        Conditions are left to whoever asks: one on an Allow may hold, one on a Deny may not.
        """
        if self._services.isdisjoint(("", action.partition(":")[0])):
            return ()  # for speed: most principals use a few services, and paths to more are about many
        found = self._known.get(action)
        if found is None:
            found = self._known[action] = tuple(self._grants(action))
        return found

    def reaching(self, action: str, resource: str) -> tuple[Grant, ...]:
        """Return grants of an action that reach a resource, given as an ARN in which wildcards may stand."""
        return tuple(
            grant
            for grant in self.grants(action)
            if overlaps(grant.pattern, resource)
            and not any(subsumes(spared, resource) for spared in grant.statement.not_resources)
            and not self._denied(action, _meet(grant.pattern, resource))
            and self._within_limits(action, _meet(grant.pattern, resource))
        )

    def includes(self, other: Principal) -> bool:
        """Whether the other surely holds nothing that this one does not."""
        if other is self:
            return True
        if not other.elsewhere <= self.elsewhere or "" in other.elsewhere:
            return False
        if self.boundary and other.boundary != self.boundary:
            return False
        # What is denied to this one must be denied to the other in the same words.
        if not self._denials <= other._denials:
            return False
        mine = [statement for statement in self._statements if statement.allow]
        return all(_included(statement, mine) for statement in other._statements if statement.allow)

    @property
    def _statements(self) -> Iterator[Statement]:
        return (statement for document in self.documents for statement in document.statements)

    @cached_property
    def _services(self) -> frozenset[str]:
        """Services that an Allow names; an empty one for those that a wildcard covers."""
        allowed = [statement for statement in self._statements if statement.allow]
        named = {pattern.partition(":")[0].lower() for statement in allowed for pattern in statement.actions}
        every = any(statement.not_actions for statement in allowed)
        return frozenset({"" if is_glob(name) else name for name in named} | ({""} if every else set()))

    @property
    def _denials(self) -> set[str]:
        return {repr(replace(statement, index=0)) for statement in self._statements if not statement.allow}

    def _grants(self, action: str) -> Iterator[Grant]:
        for document in self.documents:
            for statement in document.statements:
                if statement.allow and speaks_of(statement, action):
                    for given in statement.resources or ("*",):
                        pattern = widest(given)
                        if not self._denied(action, pattern) and self._within_limits(action, pattern):
                            yield Grant(action=action, pattern=given, statement=statement, document=document)

    def _denied(self, action: str, pattern: str) -> bool:
        return any(
            not statement.allow
            and not statement.conditions
            and speaks_of(statement, action)
            and (
                any(subsumes(each, pattern) for each in statement.resources)
                if statement.resources
                else not any(overlaps(widest(each), pattern) for each in statement.not_resources)
            )
            for document in (*self.documents, *self.limits)
            for statement in document.statements
        )

    def _within_limits(self, action: str, pattern: str) -> bool:
        return not self.limits or any(
            statement.allow
            and speaks_of(statement, action)
            and (
                any(overlaps(widest(each), pattern) for each in statement.resources)
                if statement.resources
                else not any(subsumes(each, pattern) for each in statement.not_resources)
            )
            for document in self.limits
            for statement in document.statements
        )


def _meet(pattern: str, resource: str) -> str:
    """Narrow a resource, in which the account may be a wildcard, by the account that a pattern names."""
    mine, given = pattern.split(":", 5), resource.split(":", 5)
    if len(mine) < 6 or len(given) < 6 or any(is_glob(part) for part in mine[:5]):
        return resource
    return ":".join([*mine[:5], given[5]])


def _included(statement: Statement, mine: Sequence[Statement]) -> bool:
    if statement.not_actions or statement.not_resources:
        return any(replace(statement, index=0) == replace(each, index=0) for each in mine)
    return all(
        any(
            not each.not_actions
            and not each.not_resources
            and any(subsumes(wide.lower(), action.lower()) for wide in each.actions)
            and any(wide == resource or subsumes(wide, widest(resource)) for wide in each.resources)
            and set(each.conditions) <= set(statement.conditions)
            for each in mine
        )
        for action in statement.actions
        for resource in statement.resources
    )


@dataclass(frozen=True, kw_only=True)
class Principals:
    """All of a stack's principals."""

    everyone: tuple[Principal, ...]
    policies: frozenset[str]
    """Ends of the ARNs of policies that someone in the program holds or is limited by."""
    held: frozenset[str]
    """URNs of the program's managed policies that are attached to someone."""
    _by_arn: Mapping[str, Sequence[Principal]]

    def named(self, arn: str) -> Sequence[Principal]:
        """Return the principals that an ARN, without wildcards, may mean."""
        return self._by_arn.get(arn_end(arn), ())


def principals(graph: Graph) -> Principals:
    """Return a stack's principals, found once for each graph."""
    kept = vars(graph)  # the graph is frozen, not sealed: what is derived from it may stay with it
    found = kept.get("_principals")
    if found is None:
        found = kept["_principals"] = _Finder(graph).found()
    return cast("Principals", found)


def arn_end(arn: str) -> str:
    """Return the part of an IAM ARN that starts with its kind, such as `role/path/name`; empty for anything else."""
    found = _ARN.fullmatch(arn)
    return found["rest"] if found else ""


@dataclass(kw_only=True, eq=False)
class _Draft:
    holder: Holder | None
    resource: PlannedResource | None
    arn: str = ""
    documents: list[Document] = field(default_factory=list[Document])
    elsewhere: set[str] = field(default_factory=set[str])
    boundary: str = ""
    limits: tuple[Document, ...] = ()
    groups: list[_Draft] = field(default_factory=list["_Draft"])

    def principal(self) -> Principal:
        all_ = [self, *self.groups]
        return Principal(
            holder=self.holder,
            resource=self.resource,
            arn=self.arn,
            documents=tuple(document for each in all_ for document in each.documents),
            elsewhere=frozenset(arn for each in all_ for arn in each.elsewhere),
            boundary=self.boundary,
            limits=self.limits,
        )


class _Finder:
    """Walks over the resources of a stack once, each kind in turn."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.drafts: dict[str, _Draft] = {}
        self.by_name: dict[tuple[Holder, str], list[_Draft]] = {}
        self.policies: dict[str, list[PlannedResource]] = {}
        self.held: set[str] = set()
        self.limiting: set[str] = set()
        self.strangers: list[_Draft] = []

    def found(self) -> Principals:
        for policy in self.graph.of_types([POLICY]):
            arn = policy.raw("arn")
            end = arn_end(arn) if isinstance(arn, str) else _arn(policy, "policy")
            if end:
                self.policies.setdefault(end, []).append(policy)
        for resource in self.graph.of_types(tuple(_HOLDERS)):
            self._holder(resource)
        for type_, (path, holder) in _INLINE.items():
            for resource in self.graph.by_type.get(type_, ()):
                for draft, sure in self._referred(resource, path, holder):
                    draft.documents.extend(_documents(resource, sure=sure))
        for type_, (path, holders) in _ATTACHMENTS.items():
            for resource in self.graph.by_type.get(type_, ()):
                who = [each for key, holder in holders.items() for each in self._referred(resource, key, holder)]
                self._attach(who, resource, path)
        for type_, (users, groups) in _MEMBERSHIPS.items():
            for resource in self.graph.by_type.get(type_, ()):
                joined = [draft for draft, _ in self._referred(resource, groups, Holder.GROUP)]
                for user, _ in self._referred(resource, users, Holder.USER):
                    user.groups.extend(joined)
        return self._principals()

    def _principals(self) -> Principals:
        loose = [
            _Draft(holder=None, resource=None, documents=documents)
            for policy in self.graph.of_types([POLICY])
            if policy.urn not in self.held and policy.urn not in self.limiting and not is_boundary(policy)
            if (documents := list(_documents(policy)))
        ]
        made = [draft.principal() for draft in (*self.drafts.values(), *self.strangers, *loose)]
        everyone = tuple(each for each in made if each.resource or each.documents)
        by_arn: dict[str, list[Principal]] = {}
        for each in everyone:
            if each.arn:
                by_arn.setdefault(each.arn, []).append(each)
        used = {*self.held, *self.limiting}
        return Principals(
            everyone=everyone,
            policies=frozenset(
                end for end, policies in self.policies.items() if any(policy.urn in used for policy in policies)
            ),
            held=frozenset(self.held),
            _by_arn=by_arn,
        )

    def _holder(self, resource: PlannedResource) -> None:
        holder = _HOLDERS[resource.type]
        draft = _Draft(holder=holder, resource=resource, arn=_arn(resource, holder))
        self.drafts[resource.urn] = draft
        # Everything but a permission set is referred to by its name.
        keys = ("arn",) if holder is Holder.PERMISSION_SET else ("name", "id")
        for name in {name for key in keys if isinstance(name := resource.raw(key), str)}:
            self.by_name.setdefault((holder, name), []).append(draft)
        draft.documents.extend(_documents(resource))
        self._attach([(draft, True)], resource, "managedPolicyArns")
        limits = self._policies(resource, "permissionsBoundary")
        if limits:
            (policy, arn, _), *others = limits
            draft.boundary = policy.urn if policy else arn or resource.urn
            if policy and not others:
                self.limiting.add(policy.urn)
                draft.limits = tuple(_documents(policy))

    def _referred(self, resource: PlannedResource, path: str, holder: Holder) -> list[tuple[_Draft, bool]]:
        """Who a property refers to, each with whether that is sure; someone unknown if it cannot be told."""
        names, unknown = _items(resource.raw(path))
        found: list[tuple[_Draft, bool]] = []
        for name in names:
            called = self.by_name.get((holder, name)) or [self._stranger(holder, name)]
            found.extend((draft, len(called) == 1) for draft in called)
        if unknown:
            known = {id(draft) for draft, _ in found}
            sources = [self.drafts.get(source.urn) for source in self.graph.sources(resource, path)]
            others = [each for each in sources if each and each.holder is holder and id(each) not in known]
            found.extend((draft, len(others) <= unknown) for draft in others)
            if not others:
                found.append((self._stranger(None, ""), True))
        return found

    def _stranger(self, holder: Holder | None, name: str) -> _Draft:
        draft = _Draft(holder=holder, resource=None, arn=f"{holder}/{name}" if holder else "")
        self.strangers.append(draft)
        if holder and name:
            self.by_name[holder, name] = [draft]  # what is attached to one name is one union
        return draft

    def _attach(self, who: Sequence[tuple[_Draft, bool]], resource: PlannedResource, path: str) -> None:
        for policy, arn, known in self._policies(resource, path):
            for draft, sure in who:
                if policy is None:
                    draft.elsewhere.add(arn)
                    continue
                self.held.add(policy.urn)
                draft.documents.extend(_documents(policy, sure=sure and known))

    def _policies(self, resource: PlannedResource, path: str) -> list[tuple[PlannedResource | None, str, bool]]:
        """Policies that a property refers to: of the program or by ARN, each with whether that is sure."""
        value = resource.raw(path)
        if isinstance(value, Mapping):  # a reference by name and path
            given = cast("Mapping[str, Any]", value)
            name, folder = given.get("name"), given.get("path", "/")
            named = isinstance(name, str) and isinstance(folder, str)
            value = f"arn:aws:iam::*:policy{folder}{name}" if named else UNKNOWN
        arns, unknown = _items(value)
        found: list[tuple[PlannedResource | None, str, bool]] = []
        for arn in arns:
            ours = self.policies.get(arn_end(arn), ())
            found.extend((policy, arn, len(ours) == 1) for policy in ours or (None,))
        if unknown:
            known = {policy.urn for policy, _, _ in found if policy}
            sources = [source for source in self.graph.sources(resource, path) if source.type == POLICY]
            others = [source for source in sources if source.urn not in known]
            found.extend((source, "", len(others) <= unknown) for source in others)
            if len(others) < unknown:
                found.append((None, "", False))
        return found


def _items(value: Any) -> tuple[list[str], int]:
    """Return the texts of a text or a list, and how many others are unknown."""
    items = cast("list[Any]", value if isinstance(value, list | tuple) else [value])
    return [item for item in items if isinstance(item, str)], sum(item is UNKNOWN for item in items)


def _arn(resource: PlannedResource, kind: str) -> str:
    name, path = resource.raw("name"), "/" if resource.raw("path") is None else resource.raw("path")
    return f"{kind}{path}{name}" if isinstance(name, str) and isinstance(path, str) else ""


def _documents(resource: PlannedResource, *, sure: bool = True) -> Iterator[Document]:
    """Documents that grant; where it is not sure whom they belong to, without what they deny."""
    for path, statements in readable(resource, Kind.IDENTITY):
        kept = statements if sure else tuple(statement for statement in statements if statement.allow)
        yield Document(resource=resource, path=path, statements=kept)


def trusts(resource: PlannedResource, service: str) -> bool:
    """Whether a role may be assumed by a service, given by the first part of its name; when in doubt, it may."""
    for place in places(resource):
        if place.kind is not Kind.TRUST:
            continue
        try:
            statements = place.parse()
        except (DocumentError, DocumentUnknownError):
            return True
        return any(statement.allow and _admits(statement, service) for statement in statements)
    return True


def _admits(statement: Statement, service: str) -> bool:
    # An identity pool is trusted as an identity provider, by the same name.
    named = (*statement.principals.get("Service", ()), *statement.principals.get("Federated", ()))
    everyone = bool(statement.not_principals) or "*" in statement.principals.get("AWS", ())
    return everyone or any(matches(each.split(".")[0], service) for each in named)


def each_held(judge: StatementCheck) -> Callable[[Graph, Settings], Iterator[Violation]]:
    """Turn a judgement of one statement into a rule's check of boundaries that somebody holds.

    A policy that looks like a boundary is not judged as a grant by itself, since a boundary may allow widely. Attached,
    it is one.
    """

    def check(graph: Graph, settings: Settings) -> Iterator[Violation]:
        held = principals(graph).held
        for policy in graph.of_types([POLICY]):
            if policy.urn not in held or not is_boundary(policy):
                continue
            for path, statements in readable(policy, Kind.IDENTITY):
                for statement in statements:
                    for message in judge(statement, policy, settings):
                        where = f"{path}, statement {statement.index + 1}"
                        yield Violation(message=f"{where} of a boundary that somebody holds: {message}", urn=policy.urn)

    return check
