"""LP06: which combinations of grants lead to more permissions, and which do not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.framework.resource import Graph
from policies.framework.runner import UNKNOWN, PlannedResource
from policies.iam import catalogue
from policies.iam.escalation import PATHS, ways
from policies.iam.union import principals
from tests.unit.policies.harness import ACCOUNT, ROLE, ROLE_POLICY, allow, document, judged, messages, planned, urn

POLICY = "aws:iam/policy:Policy"
USER, GROUP = "aws:iam/user:User", "aws:iam/group:Group"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
FUNCTIONS = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:"
ADMIN, WRITE = allow("*", "*"), allow("s3:PutObject")


def arn(end: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{end}"


BOUNDARY = {"StringEquals": {"iam:PermissionsBoundary": arn("policy/boundary")}}


def to(*services: str) -> dict[str, Any]:
    return {"StringEquals": {"iam:PassedToService": [f"{service}.amazonaws.com" for service in services]}}


def pass_role(role: str, *services: str) -> dict[str, Any]:
    return allow("iam:PassRole", arn(f"role/{role}"), **({"Condition": to(*services)} if services else {}))


def role(name: str, *statements: Mapping[str, Any], trusts: str = "", **more: Any) -> PlannedResource:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{trusts}.amazonaws.com"}}
    return planned(
        ROLE,
        name,
        name=name,
        inlinePolicies=[{"name": "a", "policy": document(*statements)}] if statements else [],
        **({"assumeRolePolicy": document(statement)} if trusts else {}),
        **more,
    )


def policy(name: str, *statements: Mapping[str, Any], on: str = "it", **more: Any) -> PlannedResource:
    return planned(ROLE_POLICY, name, role=on, policy=document(*statements), **more)


MAKE = allow(["lambda:CreateFunction", "lambda:InvokeFunction"], f"{FUNCTIONS}team-*")
JOBS = allow(["batch:RegisterJobDefinition", "batch:SubmitJob"], "*")
RUN = allow(["ecs:RegisterTaskDefinition", "ecs:RunTask"], "*")

NO_WAY = {
    "nothing but reading": [role("it", allow("s3:GetObject"))],
    "a role that it passes, without a service to run it": [role("it", pass_role("*"))],
    "running a service, without a role that it passes": [role("it", MAKE)],
    "roles passed to another service": [role("it", MAKE, pass_role("*", "ecs-tasks"))],
    "itself, passed to SageMaker": [
        role("it", pass_role("it", "sagemaker"), allow("sagemaker:CreateTrainingJob", "*"), trusts="sagemaker")
    ],
    "itself by path, in a document of its own": [
        planned(ROLE, name="it", path="/team/"),
        policy("p", pass_role("team/it", "sagemaker"), allow("sagemaker:CreateTrainingJob", "*")),
    ],
    "a role that holds less": [
        role("it", JOBS, pass_role("job", "ecs-tasks"), allow("s3:*Object")),
        role("job", allow("s3:GetObject"), trusts="ecs-tasks"),
    ],
    "a role that does not trust the service": [role("it", MAKE, pass_role("job")), role("job", WRITE, trusts="ec2")],
    "a grant that a Deny of another document takes away": [
        role("it", pass_role("job")),
        role("job", WRITE),
        policy("make", MAKE),
        policy("deny", {"Effect": "Deny", "Action": "LAMBDA:create*", "Resource": "*"}),
    ],
    "a combination that the boundary takes away": [
        planned(ROLE, name="it", permissionsBoundary=arn("policy/boundary")),
        planned(POLICY, name="boundary", policy=document(allow("s3:*", "*"), allow("iam:*", "*"))),
        policy("pass", pass_role("job")),
        policy("make", MAKE),
    ],
    "permissions handed out below the boundary": [
        role("it", allow(["iam:AttachRolePolicy", "iam:PutRolePolicy"], arn("role/*"), Condition=BOUNDARY))
    ],
    "exact policies attached": [
        role(
            "it",
            allow("iam:AttachRolePolicy", "*", Condition={"ArnEquals": {"iam:PolicyARN": arn("policy/team/one")}}),
        )
    ],
    "trust below the boundary": [role("it", allow("iam:UpdateAssumeRolePolicy", arn("role/*"), Condition=BOUNDARY))],
    "versions of policies on a path of their own": [role("it", allow("iam:CreatePolicyVersion", arn("policy/own/*")))],
    "keys of one's own": [role("it", allow("iam:CreateAccessKey", arn("user/${aws:username}")))],
    "keys of one's own on a path": [role("it", allow("iam:CreateAccessKey", arn("user/people/${aws:username}")))],
    "a group that holds less": [
        role("it", allow("iam:AddUserToGroup", arn("group/readers")), allow("s3:Get*")),
        planned(GROUP, "g", name="readers"),
        planned("aws:iam/groupPolicy:GroupPolicy", group="readers", policy=document(allow("s3:GetObject"))),
    ],
    "a role that is assumed by name": [role("it", allow("sts:AssumeRole", arn("role/deploy")))],
    "one role in every account": [role("it", allow("sts:AssumeRole", "arn:aws:iam::*:role/reader"))],
    "roles assumed by tag": [
        role("it", allow("sts:AssumeRole", "*", Condition={"StringEquals": {"iam:ResourceTag/team": "ml"}}))
    ],
    "code of a function that is named": [role("it", allow("lambda:UpdateFunctionCode", f"{FUNCTIONS}train"))],
    "instances by tag": [
        role("it", allow("ssm:SendCommand", "*", Condition={"StringEquals": {"ssm:resourceTag/team": "ml"}}))
    ],
    "a document of Systems Manager, without instances": [
        role("it", allow("ssm:SendCommand", "arn:aws:ssm:us-east-1::document/AWS-RunShellScript"))
    ],
    "named state machines": [
        role("it", allow("states:UpdateStateMachine", f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:flow_*"))
    ],
    "a task definition that is named": [
        role(
            "it",
            allow("ecs:RunTask", f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition/train:*"),
            pass_role("task", "ecs-tasks"),
        )
    ],
    "a boundary that nobody holds": [planned(POLICY, name="boundary", policy=document(ADMIN))],
    "half of a combination for each of two roles": [
        role("one", pass_role("*", "lambda")),
        role("two", MAKE),
    ],
}

WAYS: dict[str, tuple[Sequence[PlannedResource], str, str]] = {
    "any role to a function": ([role("it", MAKE, pass_role("*"))], "it", "can run a function as a role that it passes"),
    "everything": ([role("it", ADMIN)], "it", "can give any permission to a role"),
    "case": ([role("it", allow("IAM:attachrolepolicy", "*"))], "it", "can give any permission to a role"),
    "everything but something": (
        [role("it", {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"})],
        "it",
        "The same statements let it give any permission to a user, ",
    ),
    "every resource but one": (
        [role("it", {"Effect": "Allow", "Action": "iam:PutUserPolicy", "NotResource": arn("user/root")})],
        "it",
        "can give any permission to a user",
    ),
    "over two documents": (
        [planned(ROLE, name="it"), policy("pass", pass_role("*", "lambda")), policy("make", MAKE)],
        "it",
        "iam:PassRole on 'arn:aws:iam::123456789012:role/*' ('pass' policy, statement 1) and "
        "lambda:CreateFunction on 'arn:aws:lambda:us-east-1:123456789012:function:team-*' ('make' policy, statement 1)",
    ),
    "over a document and an attached policy": (
        [
            planned(ROLE, name="it"),
            policy("pass", pass_role("*")),
            planned(POLICY, "p", policy=document(MAKE)),
            planned(ATTACHMENT, role="it", policyArn=UNKNOWN, deps={"policyArn": [urn(POLICY, "p")]}),
        ],
        "it",
        "can run a function as",
    ),
    "over two documents of a role that is elsewhere": (
        [policy("pass", pass_role("*"), on="far"), policy("make", MAKE, on="far")],
        "pass",
        "can run a function as",
    ),
    "over a user and a group": (
        [
            planned(USER, "u", name="u"),
            planned(GROUP, "g", name="g"),
            planned("aws:iam/userPolicy:UserPolicy", user="u", policy=document(pass_role("*"))),
            planned("aws:iam/groupPolicy:GroupPolicy", group="g", policy=document(MAKE)),
            planned("aws:iam/userGroupMembership:UserGroupMembership", user="u", groups=["g"]),
        ],
        "u",
        "can run a function as",
    ),
    "a role that holds more": (
        [
            role("it", JOBS, pass_role("job", "ecs-tasks"), allow("s3:GetObject")),
            role("job", allow("s3:PutObject"), trusts="ecs-tasks"),
        ],
        "it",
        "can run a job as a role that it passes ('arn:aws:iam::123456789012:role/job' holds what this one does not)",
    ),
    "a role of the same name that holds more": (
        [role("it", JOBS, pass_role("it")), planned(ROLE, "twin", name="it", managedPolicyArns=["x"])],
        "it",
        "holds what this one does not",
    ),
    "a role that is not in the program": (
        [role("it", RUN, pass_role("far", "ecs-tasks"))],
        "it",
        "is not in this program",
    ),
    "a service by a condition that an absent key passes": (
        [
            role(
                "it",
                MAKE,
                allow(
                    "iam:PassRole",
                    "*",
                    Condition={"StringEqualsIfExists": {"iam:PassedToService": "ec2.amazonaws.com"}},
                ),
            )
        ],
        "it",
        "can run a function",
    ),
    "services by wildcard": (
        [role("it", MAKE, allow("iam:PassRole", "*", Condition={"StringLike": {"iam:PassedToService": "*"}}))],
        "it",
        "can run a function",
    ),
    "a Deny with a condition": (
        [
            role(
                "it",
                allow("iam:CreateAccessKey", "*"),
                {
                    "Effect": "Deny",
                    "Action": "iam:*",
                    "Resource": "*",
                    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
                },
            )
        ],
        "it",
        "can sign in as another user",
    ),
    "a Deny for others": (
        [
            role(
                "it",
                allow("iam:CreateAccessKey", arn("user/*")),
                {"Effect": "Deny", "Action": "iam:*", "Resource": arn("user/root")},
            )
        ],
        "it",
        "can sign in as another user",
    ),
    "a boundary by wildcard": (
        [
            role(
                "it",
                allow(
                    "iam:PutRolePolicy",
                    "*",
                    Condition={"StringLike": {"iam:PermissionsBoundary": arn("policy/*")}},
                ),
            )
        ],
        "it",
        "can give any permission to a role",
    ),
    "a boundary of AWS's own": (
        [
            role(
                "it",
                allow(
                    "iam:PutRolePolicy",
                    "*",
                    Condition={
                        "StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/AdministratorAccess"}
                    },
                ),
            )
        ],
        "it",
        "can give any permission to a role",
    ),
    "administrator's policy by ARN": (
        [
            role(
                "it",
                allow(
                    "iam:AttachRolePolicy",
                    "*",
                    Condition={"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}},
                ),
            )
        ],
        "it",
        "can give any permission to a role",
    ),
    "versions of a policy that it holds": (
        [
            role("it", allow("iam:CreatePolicyVersion", arn("policy/team/*"))),
            planned(POLICY, "p", name="p", path="/team/", policy=document(allow("s3:GetObject"))),
            planned(ATTACHMENT, role="it", policyArn=arn("policy/team/p")),
        ],
        "it",
        "can rewrite a policy that is in use ('arn:aws:iam::*:policy/team/p' is in use)",
    ),
    "versions of its boundary": (
        [
            role(
                "it",
                allow("iam:SetDefaultPolicyVersion", arn("policy/team/*")),
                permissionsBoundary=arn("policy/team/limit"),
            )
        ],
        "it",
        "can rewrite a policy that is in use",
    ),
    "versions of the boundary that it hands out": (
        [
            role(
                "it",
                allow("iam:CreatePolicyVersion", arn("policy/boundary*")),
                allow("iam:PutRolePolicy", "*", Condition=BOUNDARY),
            )
        ],
        "it",
        "can rewrite a policy that is in use",
    ),
    "versions of any policy": (
        [role("it", allow("iam:CreatePolicyVersion", arn("policy/*")))],
        "it",
        "can rewrite a policy",
    ),
    "keys of another user": (
        [role("it", allow("iam:CreateAccessKey", arn("user/admin")))],
        "it",
        "not in this program",
    ),
    "keys of all users": ([role("it", allow("iam:UpdateLoginProfile", arn("user/*")))], "it", "a wildcard covers"),
    "keys of whoever a tag names": (
        [role("it", allow("iam:CreateAccessKey", arn("user/${aws:PrincipalTag/team}")))],
        "it",
        "a wildcard covers",
    ),
    "a group that holds more": (
        [
            role("it", allow("iam:AddUserToGroup", arn("group/admins"))),
            planned(GROUP, "g", name="admins"),
            planned(
                "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
                group="admins",
                policyArn="arn:aws:iam::aws:policy/AdministratorAccess",
            ),
        ],
        "it",
        "can join a group that holds more",
    ),
    "trust of another role": ([role("it", allow("iam:UpdateAssumeRolePolicy", arn("role/*")))], "it", "trust it"),
    "any role": ([role("it", allow("sts:AssumeRole", arn("role/*")))], "it", "can assume any role"),
    "a boundary removed": (
        [role("it", allow("iam:DeleteRolePermissionsBoundary", arn("role/team/*"), Condition=BOUNDARY))],
        "it",
        "can take away a permissions boundary",
    ),
    "code of any function": (
        [role("it", allow("lambda:UpdateFunctionCode", f"{FUNCTIONS}*"))],
        "it",
        "can run code as the role of any function",
    ),
    "commands on any instance": (
        [
            role(
                "it",
                allow("ssm:SendCommand", [f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/*", "arn:aws:ssm:*:*:document/A"]),
            )
        ],
        "it",
        "can run commands on any instance",
    ),
    "any task with a role of its own": (
        [role("it", allow("ecs:RunTask", "*"), pass_role("task", "ecs-tasks"))],
        "it",
        "can run any task as a role that it passes",
    ),
    "a policy that nobody attaches": (
        [planned(POLICY, "p", name="p", policy=document(MAKE, pass_role("far")))],
        "p",
        "can run a function as",
    ),
    "a boundary that someone holds": (
        [
            role("it", managedPolicyArns=[arn("policy/boundary")]),
            planned(POLICY, "boundary", name="boundary", policy=document(ADMIN)),
        ],
        "it",
        "can give any permission to a role",
    ),
}


@pytest.mark.parametrize("resources", NO_WAY.values(), ids=NO_WAY)
def test_there_is_no_way(resources: Sequence[PlannedResource]) -> None:
    assert messages("LP06", *resources) == ""


@pytest.mark.parametrize("case", WAYS.values(), ids=WAYS)
def test_there_is_a_way(case: tuple[Sequence[PlannedResource], str, str]) -> None:
    resources, at, expected = case
    found = [finding for finding in judged("LP06", *resources) if expected in finding.message]
    assert found, messages("LP06", *resources)
    assert {finding.urn.rpartition("::")[2] for finding in found} == {at}
    assert {finding.level for finding in found} == {"mandatory"}
    assert len({(finding.urn, finding.message) for finding in found}) == len(found)


def test_each_path_is_one() -> None:
    """Each path stands for itself: its actions on everything are a way up, and without any of them they are not."""
    for path in PATHS:
        passing = ["iam:PassRole"] if path.service else []
        needs = [[group[0]] for group in path.needs]
        for missing in (None, *range(len(needs))):
            actions = passing + [action for at, group in enumerate(needs) if at != missing for action in group]
            resource = role("it", allow(actions, "*")) if actions else role("it", allow("s3:GetObject"))
            everyone = principals(Graph.of([resource]))
            found = {way.path.id for way in ways(everyone.everyone[0], everyone, (), closed=True)}
            assert (path.id in found) == (missing is None), path.id


@pytest.mark.parametrize("action", sorted({action for path in PATHS for group in path.needs for action in group}))
def test_each_action_of_a_path_exists_and_is_about_what_the_path_says(action: str) -> None:
    (known,) = catalogue.expand(action)
    assert str(known) == action


def test_paths_have_names_of_their_own() -> None:
    assert len({path.id for path in PATHS}) == len(PATHS)


def test_a_document_that_holds_a_way_is_stopped_at_once_and_reported_once() -> None:
    document_ = policy("both", MAKE, pass_role("*"))
    (finding,) = judged("LP06", planned(ROLE, "it", name="it"), document_)
    assert finding.urn == document_.urn


def test_of_a_role_that_is_named_only_the_whole_stack_tells() -> None:
    role_ = role("it", MAKE, pass_role("job", "lambda"))
    everyone = principals(Graph.of([role_]))
    assert list(ways(everyone.everyone[0], everyone, (), closed=False)) == []
    assert list(ways(everyone.everyone[0], everyone, (), closed=True))


def test_a_role_may_be_listed() -> None:
    resources = [role("it", MAKE, pass_role("app/*", "lambda"), allow("sts:AssumeRole", arn("role/app/*")))]
    assert len(judged("LP06", *resources)) == 2
    assert judged("LP06", *resources, config={"LP06": {"passableRoles": ["arn:aws:iam::*:role/app/*"]}}) == []
    assert judged("LP06", *resources, config={"LP06": {"passableRoles": ["arn:aws:iam::*:role/app/a*"]}})


def test_an_unknown_document_is_left_to_lp15() -> None:
    resources = [planned(ROLE, name="it"), planned(ROLE_POLICY, role="it", policy=UNKNOWN)]
    assert messages("LP06", *resources) == ""
    assert "'policy' is unknown" in messages("LP15", *resources)


NEEDED = sorted({action for path in PATHS for group in path.needs for action in group}) + ["iam:PassRole"] * 20


@st.composite
def granted(draw: st.DrawFn) -> dict[str, Any]:
    service = draw(st.sampled_from(["lambda", "ecs-tasks", "ec2"]))
    condition = draw(st.sampled_from([{}, {"Condition": to(service)}, {"Condition": BOUNDARY}]))
    return {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Allow", "Deny"])),
        "Action": draw(st.lists(st.sampled_from([*NEEDED, "lambda:*", "iam:P*"]), min_size=1, max_size=6)),
        "Resource": draw(st.sampled_from(["*", arn("role/*"), arn("role/it"), arn("policy/*"), f"{FUNCTIONS}*"])),
        **condition,
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(granted(), min_size=1, max_size=6), st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_ways_do_not_depend_on_how_statements_are_split(given_: list[dict[str, Any]], parts: list[int]) -> None:
    def held(*documents: Sequence[Mapping[str, Any]]) -> set[str]:
        resources = [
            planned(ROLE, name="it"),
            *(policy(f"p{at}", *statements) for at, statements in enumerate(documents) if statements),
        ]
        everyone = principals(Graph.of(resources))
        (it,) = everyone.named(arn("role/it"))
        return {way.path.id for way in ways(it, everyone, (), closed=True)}

    split = [[s for s, part in zip(given_, parts, strict=False) if part == at] for at in range(3)]
    assert held(given_) == held(*split)


def test_a_value_that_may_be_secret_is_not_quoted() -> None:
    secret = "arn:aws:iam::123456789012:role/*\nhunter2"
    assert "hunter2" not in messages("LP06", role("it", MAKE, allow("iam:PassRole", [secret, "*"])))
