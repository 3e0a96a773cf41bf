"""What principals hold, over all that is attached to them."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.framework.globs import subsumes
from policies.framework.resource import Graph
from policies.framework.runner import UNKNOWN, PlannedResource
from policies.iam.document import Condition, Statement
from policies.iam.patterns import overlaps
from policies.iam.union import Document, Principal, principals, trusts
from tests.unit.policies.harness import ACCOUNT, ROLE, ROLE_POLICY, allow, document, planned, trust, urn

POLICY = "aws:iam/policy:Policy"
USER, GROUP = "aws:iam/user:User", "aws:iam/group:Group"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
READ = document(allow("s3:GetObject"))


def arn(end: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{end}"


def one(*resources: PlannedResource) -> Principal:
    """The only principal of a stack."""
    (found,) = principals(Graph.of(resources)).everyone
    return found


def called(name: str, *resources: PlannedResource) -> Principal:
    """The principal of a logical name."""
    (found,) = (p for p in principals(Graph.of(resources)).everyone if p.resource and p.resource.name == name)
    return found


ATTACHED = {
    "an inline policy of the role": [planned(ROLE, name="r", inlinePolicies=[{"name": "a", "policy": READ}])],
    "a role policy, by the role's name": [
        planned(ROLE, name="r"),
        planned(ROLE_POLICY, role="r", policy=READ),
    ],
    "a role policy, by dependency": [
        planned(ROLE),
        planned(ROLE_POLICY, role=UNKNOWN, policy=READ, deps={"role": [urn(ROLE)]}),
    ],
    "a role policy of a role that is elsewhere": [planned(ROLE_POLICY, role="elsewhere", policy=READ)],
    "a role policy of a role that nobody knows": [planned(ROLE_POLICY, role=UNKNOWN, policy=READ)],
    "an attachment, by ARN with path": [
        planned(ROLE, name="r"),
        planned(POLICY, name="p", path="/team/", policy=READ),
        planned(ATTACHMENT, role="r", policyArn=arn("policy/team/p")),
    ],
    "an attachment, by dependency": [
        planned(ROLE, name="r"),
        planned(POLICY, policy=READ),
        planned(ATTACHMENT, role="r", policyArn=UNKNOWN, deps={"policyArn": [urn(POLICY)]}),
    ],
    "an attachment to roles": [
        planned(ROLE, name="r"),
        planned(POLICY, name="p", policy=READ),
        planned("aws:iam/policyAttachment:PolicyAttachment", roles=["r"], policyArn=arn("policy/p")),
    ],
    "ARNs on the role": [
        planned(ROLE, name="r", managedPolicyArns=[arn("policy/p")]),
        planned(POLICY, name="p", policy=READ),
    ],
    "exclusive attachments": [
        planned(ROLE, name="r"),
        planned(POLICY, name="p", policy=READ),
        planned(
            "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
            roleName="r",
            policyArns=[arn("policy/p")],
        ),
    ],
    "a user's policy": [
        planned(USER, name="u"),
        planned("aws:iam/userPolicy:UserPolicy", user="u", policy=READ),
    ],
    "a permission set's policy": [
        planned("aws:ssoadmin/permissionSet:PermissionSet", name="s"),
        planned(
            "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
            permissionSetArn=UNKNOWN,
            inlinePolicy=READ,
            deps={"permissionSetArn": [urn("aws:ssoadmin/permissionSet:PermissionSet")]},
        ),
    ],
    "a permission set's policy by name": [
        planned("aws:ssoadmin/permissionSet:PermissionSet", name="s"),
        planned(POLICY, name="p", policy=READ),
        planned(
            "aws:ssoadmin/customerManagedPolicyAttachment:CustomerManagedPolicyAttachment",
            permissionSetArn=UNKNOWN,
            customerManagedPolicyReference={"name": "p"},
            deps={"permissionSetArn": [urn("aws:ssoadmin/permissionSet:PermissionSet")]},
        ),
    ],
    "a policy that nobody attaches": [planned(POLICY, name="p", policy=READ)],
}


@pytest.mark.parametrize("resources", ATTACHED.values(), ids=ATTACHED)
def test_what_is_attached_is_found(resources: Sequence[PlannedResource]) -> None:
    principal = one(*resources)
    assert [grant.pattern for grant in principal.grants("s3:GetObject")] == ["arn:aws:s3:::bucket/*"]
    assert principal.grants("s3:PutObject") == ()


def test_a_user_holds_what_their_groups_hold() -> None:
    groups = [planned(GROUP, "g", name="g"), planned(GROUP, "h", name="h")]
    policies = [
        planned("aws:iam/groupPolicy:GroupPolicy", "g", group="g", policy=READ),
        planned("aws:iam/groupPolicy:GroupPolicy", "h", group="h", policy=document(allow("s3:PutObject"))),
    ]
    joins = [
        planned("aws:iam/userGroupMembership:UserGroupMembership", user="u", groups=["g"]),
        planned("aws:iam/groupMembership:GroupMembership", users=["u"], group="h"),
    ]
    user = called("u", planned(USER, "u", name="u"), *groups, *policies, *joins)
    assert user.grants("s3:GetObject")
    assert user.grants("s3:PutObject")


def test_two_roles_keep_what_is_theirs() -> None:
    resources = [
        planned(ROLE, "one", name="one"),
        planned(ROLE, "two", name="two"),
        planned(ROLE_POLICY, "a", role="one", policy=READ),
        planned(ROLE_POLICY, "b", role="two", policy=document(allow("s3:PutObject"))),
    ]
    assert not called("one", *resources).grants("s3:PutObject")
    assert not called("two", *resources).grants("s3:GetObject")


def test_a_policy_that_is_elsewhere_is_remembered() -> None:
    foreign = planned(ROLE, name="r", managedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess", UNKNOWN])
    assert one(foreign).elsewhere == {"arn:aws:iam::aws:policy/ReadOnlyAccess", ""}


def test_a_deny_counts_only_for_whom_it_surely_binds() -> None:
    deny = document({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
    twins = [planned(ROLE, "a", name="r", inlinePolicies=[{"policy": READ}]), planned(ROLE, "b", name="r")]
    assert called("a", *twins, planned(ROLE_POLICY, role="r", policy=deny)).grants("s3:GetObject")
    alone = twins[:1]
    assert not called("a", *alone, planned(ROLE_POLICY, role="r", policy=deny)).grants("s3:GetObject")


def test_a_boundary_of_the_program_limits() -> None:
    def role(*statements: Mapping[str, Any]) -> Principal:
        return called(
            "it",
            planned(ROLE, name="r", permissionsBoundary=arn("policy/b"), inlinePolicies=[{"policy": READ}]),
            planned(POLICY, "b", name="b", policy=document(*statements)),
        )

    assert role(allow("s3:*", "*")).grants("s3:GetObject")
    assert not role(allow("ec2:*", "*")).grants("s3:GetObject")
    assert not role(allow("s3:*", "arn:aws:s3:::other/*")).grants("s3:GetObject")
    assert not role(allow("*", "*"), {"Effect": "Deny", "Action": "s3:Get*", "Resource": "*"}).grants("s3:GetObject")


def test_a_boundary_that_is_not_in_the_program_limits_nothing() -> None:
    role = planned(ROLE, name="r", permissionsBoundary=arn("policy/b"), inlinePolicies=[{"policy": READ}])
    assert one(role).grants("s3:GetObject")


def test_a_boundary_is_nobody_as_long_as_nobody_holds_it() -> None:
    boundary = planned(POLICY, name="the-boundary", policy=document(allow("*", "*")))
    assert principals(Graph.of([boundary])).everyone == ()
    held = [boundary, planned(ROLE, "r", name="r", managedPolicyArns=[arn("policy/the-boundary")])]
    assert called("r", *held).grants("s3:GetObject")


INCLUDED = {
    "less": (allow(["s3:GetObject", "s3:PutObject"]), allow("S3:getobject"), True),
    "through a wildcard": (allow("s3:Get*", "arn:aws:s3:::*"), allow("s3:GetObject*"), True),
    "more actions": (allow("s3:GetObject"), allow("s3:Get*"), False),
    "more resources": (allow("s3:GetObject"), allow("s3:GetObject", "*"), False),
    "without my condition": (
        allow("s3:GetObject", Condition={"StringEquals": {"aws:SourceVpc": "v"}}),
        allow("s3:GetObject"),
        False,
    ),
    "with a condition of its own": (
        allow("s3:GetObject"),
        allow("s3:GetObject", Condition={"StringEquals": {"aws:SourceVpc": "v"}}),
        True,
    ),
    "everything but": (
        allow("*", "*"),
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        False,
    ),
}


@pytest.mark.parametrize("case", INCLUDED.values(), ids=INCLUDED)
def test_who_holds_nothing_more(case: tuple[dict[str, Any], dict[str, Any], bool]) -> None:
    mine, others, expected = case
    resources = [
        planned(ROLE, "mine", name="mine", inlinePolicies=[{"policy": document(mine)}]),
        planned(ROLE, "other", name="other", inlinePolicies=[{"policy": document(others)}]),
    ]
    assert called("mine", *resources).includes(called("other", *resources)) == expected


def test_who_may_hold_more_is_not_included() -> None:
    def included(mine: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        inline: dict[str, Any] = {"inlinePolicies": [{"policy": READ}]}
        resources = [planned(ROLE, "mine", **{**inline, **mine}), planned(ROLE, "other", **{**inline, **other})]
        return called("mine", *resources).includes(called("other", *resources))

    deny = {
        "inlinePolicies": [
            {"policy": document(allow("s3:GetObject"), {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "a"})}
        ]
    }
    managed = {"managedPolicyArns": ["arn:aws:iam::aws:policy/A"]}
    limited = {"permissionsBoundary": arn("policy/b")}
    assert included({}, {})
    assert included(deny, deny)
    assert not included(deny, {})
    assert included(managed, managed)
    assert not included({}, managed)
    assert not included({"managedPolicyArns": [UNKNOWN]}, {"managedPolicyArns": [UNKNOWN]})
    assert included(limited, limited)
    assert included({}, limited)
    assert not included(limited, {})


def test_whom_a_role_trusts() -> None:
    service = trust({"Service": ["states.us-east-1.amazonaws.com", "lambda.amazonaws.com"]})
    assert trusts(service, "states")
    assert not trusts(service, "ec2")
    assert trusts(trust({"Federated": "cognito-identity.amazonaws.com"}), "cognito-identity")
    assert trusts(trust("*"), "ec2")
    assert not trusts(trust({"AWS": arn("root")}), "ec2")
    assert trusts(planned(ROLE, assumeRolePolicy=UNKNOWN), "ec2")


LETTERS = "ab*?"


def every(pattern: str, most: int = 6) -> set[str]:
    """Every text over `ab` that a pattern covers, by Python's own expressions."""
    form = re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))
    texts = ("".join(letters) for size in range(most + 1) for letters in itertools.product("ab", repeat=size))
    return {text for text in texts if form.fullmatch(text)}


@settings(deadline=None)
@given(st.text(LETTERS, max_size=3), st.text(LETTERS, max_size=3))
def test_patterns_relate_as_what_they_cover_does(one: str, other: str) -> None:
    first, second = every(one), every(other)
    assert overlaps(one, other) == bool(first & second)
    if subsumes(one, other):
        assert second <= first


ACTIONS, RESOURCES = ("s:a", "s:b", "t:a"), ("a", "ab", "b")
patterns = st.lists(st.sampled_from(["s:a", "S:*", "*", "t:?", "s:b"]), min_size=1, max_size=2)
places = st.lists(st.sampled_from(["a", "b", "*", "a*", "?", "*b"]), min_size=1, max_size=2)


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    actions, resources = tuple(draw(patterns)), tuple(draw(places))
    negated, elsewhere = draw(st.booleans()), draw(st.booleans())
    limit = Condition(operator="StringEquals", key="aws:sourcevpc", values=("v",))
    return Statement(
        index=0,
        allow=draw(st.booleans()),
        actions=() if negated else actions,
        not_actions=actions if negated else (),
        resources=() if elsewhere else resources,
        not_resources=resources if elsewhere else (),
        conditions=(limit,) if draw(st.booleans()) else (),
    )


def slow(held: Sequence[Statement], limits: Sequence[Statement] | None, action: str, resource: str) -> bool:
    """IAM's evaluation as the user guide tells it; conditions hold on what allows and fail on what denies."""

    def covered(by: Sequence[str], text: str, flags: re.RegexFlag) -> bool:
        forms = (re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".") for pattern in by)
        return any(re.fullmatch(form, text, flags) for form in forms)

    def speaks(s: Statement) -> bool:
        ignore, exact = re.IGNORECASE, re.RegexFlag(0)
        of_action = covered(s.actions, action, ignore) if s.actions else not covered(s.not_actions, action, ignore)
        of_resource = (
            covered(s.resources, resource, exact) if s.resources else not covered(s.not_resources, resource, exact)
        )
        return of_action and of_resource

    if any(not s.allow and not s.conditions and speaks(s) for s in (*held, *(limits or ()))):
        return False
    return any(s.allow and speaks(s) for s in held) and (limits is None or any(s.allow and speaks(s) for s in limits))


def holder(*documents: Sequence[Statement], limits: Sequence[Statement] | None = None) -> Principal:
    def written(held: Sequence[Statement]) -> Document:
        return Document(resource=planned(ROLE), path="policy", statements=tuple(held))

    return Principal(
        holder=None,
        resource=planned(ROLE),
        arn="",
        documents=tuple(written(each) for each in documents),
        limits=() if limits is None else (written(limits),),
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(statements(), max_size=4), st.none() | st.lists(statements(), max_size=2))
def test_a_union_is_what_a_slow_evaluator_finds(held: list[Statement], limits: list[Statement] | None) -> None:
    principal = holder(held, limits=limits)
    for action, resource in itertools.product(ACTIONS, RESOURCES):
        may = slow(held, limits, action, resource)
        assert bool(principal.reaching(action, resource)) == may
        if may:
            # Nothing that may be allowed is lost from the patterns.
            patterns = [grant.pattern for grant in principal.grants(action)]
            assert any(overlaps(pattern, resource) for pattern in patterns)


@settings(max_examples=200, deadline=None)
@given(st.lists(statements(), max_size=5), st.lists(st.integers(0, 2), min_size=5, max_size=5), st.randoms())
def test_a_union_does_not_depend_on_how_it_is_split(held: list[Statement], parts: list[int], chance: Any) -> None:
    shuffled = list(held)
    chance.shuffle(shuffled)
    split = [[s for s, part in zip(shuffled, parts, strict=False) if part == at] for at in range(3)]
    whole, pieces = holder(held), holder(*split)
    for action, resource in itertools.product(ACTIONS, (*RESOURCES, "*", "a*")):
        assert {g.pattern for g in whole.reaching(action, resource)} == {
            g.pattern for g in pieces.reaching(action, resource)
        }
    assert whole.includes(pieces) == pieces.includes(whole)


@settings(max_examples=200, deadline=None)
@given(st.lists(statements(), max_size=3), st.lists(statements(), max_size=3))
def test_whoever_is_included_may_do_nothing_more(mine: list[Statement], others: list[Statement]) -> None:
    one, other = holder(mine), holder(others)
    if one.includes(other):
        for action, resource in itertools.product(ACTIONS, RESOURCES):
            assert slow(mine, None, action, resource) or not slow(others, None, action, resource)
