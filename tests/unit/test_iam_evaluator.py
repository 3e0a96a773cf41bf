"""The evaluator that other tests lean on decides as IAM does."""

import json
from typing import Any

import pytest

from tests.unit.iam_evaluator import Account, Request, allowed, allows, refused

HERE = Account(region="eu-west-1", account_id="111122223333")
QUEUE, DEFINITION = "arn:aws:batch:eu-west-1:111122223333:job-queue/a", "arn:aws:batch:::job-definition/b:1"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect: str = "Allow", **parts: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "s3:Get*", "Resource": "*", **parts}


def test_nothing_is_allowed_that_no_statement_allows() -> None:
    assert not allows(Request(action="s3:PutObject"), [document(statement())])
    assert not allows(Request(action="s3:GetObject"), [])
    assert allows(Request(action="S3:getobject"), [document(statement())])


def test_a_deny_of_one_document_wins_over_all() -> None:
    both = [document(statement()), document(statement("Deny", Resource="arn:aws:s3:::a/secret*"))]
    assert allows(Request(action="s3:GetObject", resources=("arn:aws:s3:::a/other",)), both)
    assert not allows(Request(action="s3:GetObject", resources=("arn:aws:s3:::a/secret/0",)), both)


def test_a_boundary_must_allow_as_well_and_may_deny() -> None:
    wide = [document(statement(Action="*"))]
    for bound, expected in (
        (statement(), True),
        (statement(Action="ec2:*"), False),
        (statement("Deny", NotAction="s3:*") | {"Action": None}, False),
    ):
        text = document({key: value for key, value in bound.items() if value is not None})
        assert allows(Request(action="s3:GetObject"), wide, text) is expected


def test_each_of_several_resources_must_be_allowed() -> None:
    request = Request(action="batch:SubmitJob", resources=(QUEUE, DEFINITION))
    submit = statement(Action="batch:SubmitJob")
    assert allows(request, [document(submit | {"Resource": QUEUE}), document(submit | {"Resource": DEFINITION})])
    assert not allows(request, [document(submit | {"Resource": QUEUE})])


def test_a_request_without_resource_is_met_by_the_star_alone() -> None:
    look = Request(action="batch:DescribeJobs")
    assert allows(look, [document(statement(Action="batch:DescribeJobs"))])
    assert not allows(look, [document(statement(Action="batch:DescribeJobs", Resource="arn:aws:batch:*:*:job/*"))])


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "holds"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringLike", "a/*", "a/b/c", True),
        ("StringLike", "a/*", "a", False),
        ("ArnEquals", "arn:aws:ecs:*:1:cluster/a", "arn:aws:ecs:eu-west-1:1:cluster/a", True),
        ("ArnEquals", "arn:aws:ecs:*:cluster/a", "arn:aws:ecs:eu-west-1:1:cluster/a", False),
        ("Bool", "true", "true", True),
        ("Bool", "true", None, False),
        ("Null", "true", None, True),
        ("Null", "true", "x", False),
        ("ForAnyValue:StringEquals", "a", ("a", "b"), True),
        ("ForAnyValue:StringEquals", "a", None, False),
        ("ForAllValues:StringEquals", "a", ("a", "b"), False),
        ("ForAllValues:StringEquals", "a", None, True),
    ],
)
def test_a_condition_holds(operator: str, wanted: Any, given: Any, holds: bool) -> None:
    conditional = document(statement(Condition={operator: {"aws:Key": wanted}}))
    context = {} if given is None else {"AWS:key": given}
    assert allowed(conditional, "s3:GetObject", "*", context) is holds


def test_what_it_does_not_know_is_an_error() -> None:
    with pytest.raises(KeyError, match="NumericLessThan"):
        allowed(document(statement(Condition={"NumericLessThan": {"a:b": "1"}})), "s3:GetObject", "*", {"a:b": "0"})
    with pytest.raises(NotImplementedError, match="variables"):
        allowed(document(statement(Resource="arn:aws:s3:::${aws:PrincipalTag/a}")), "s3:GetObject", "*", {})
    with pytest.raises(ValueError, match="several values"):
        allowed(document(statement(Condition={"StringEquals": {"a:b": "1"}})), "s3:GetObject", "*", {"a:b": ("1", "2")})


def test_requests_are_made_in_the_account_and_its_region() -> None:
    request = HERE.request("s3:GetObject", "arn:aws:s3:::a/0", **{"s3:authType": "REST-HEADER"})
    assert request.context == {
        "aws:RequestedRegion": "eu-west-1",
        "aws:ResourceAccount": "111122223333",
        "s3:authType": "REST-HEADER",
    }
    assert HERE.request("iam:PassRole", "x").context["aws:RequestedRegion"] == "us-east-1"
    assert "aws:ResourceAccount" not in HERE.request("batch:DescribeJobs").context
    assert refused([request], [document(statement(Action="ec2:*"))]) == [request]
