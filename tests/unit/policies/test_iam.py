"""Documents and actions of IAM, as the rules understand them."""

import json
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.framework.globs import matches
from policies.framework.runner import UNKNOWN
from policies.iam import catalogue
from policies.iam.document import DocumentError, DocumentUnknownError, parse
from policies.iam.keys import exists
from policies.iam.scope import everything, names_something, specific
from tests.unit.policies.harness import allow, document


def covers(glob: str, text: str) -> bool:
    """IAM's wildcards, slowly and by their definition."""
    if not glob:
        return not text
    if glob[0] == "*":
        return any(covers(glob[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and glob[0] in ("?", text[0]) and covers(glob[1:], text[1:])


@given(st.text("ab*?.[\\\n", max_size=7), st.text("ab.[\\\n", max_size=7))
@example("a**b", "ab")
@example("[ab]", "a")
def test_globs_are_what_their_definition_says(glob: str, text: str) -> None:
    assert matches(glob, text) == covers(glob, text)


NAMES = sorted(str(action) for name in ("s3", "iam", "sts", "kms") for action in catalogue.expand(f"{name}:*"))


@settings(deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**32))
def test_expansion_is_what_a_slow_evaluator_finds(name: str, seed: int) -> None:
    chance = random.Random(seed)
    service, _, action = name.partition(":")
    changed = "".join(chance.choice([c, c, c.swapcase(), "?", "*"]) for c in action)
    found = {str(each) for each in catalogue.expand(f"{service}:{changed}")}
    slow = {
        each
        for each in NAMES
        if each.startswith(f"{service}:") and covers(changed.lower().replace("**", "*"), each.partition(":")[2].lower())
    }
    assert found == slow
    assert name in found


def test_star_is_every_action() -> None:
    assert len(catalogue.expand("*")) > 4000
    assert len(catalogue.expand("*:*")) == len(catalogue.expand("*"))


@pytest.mark.parametrize("pattern", ["groundstation:GetConfig", "groundstation:*", "s3:Frobnicate", "a:b:c", ""])
def test_what_there_is_no_data_on_stands_for_the_worst(pattern: str) -> None:
    (worst,) = catalogue.at_worst(pattern)
    assert (worst.access, worst.changes, worst.known) == ("Permissions management", True, False)
    assert worst.resource_types


def test_a_wildcard_of_services_covers_those_without_data() -> None:
    assert not catalogue.at_worst("*:Describe*")[-1].known
    assert catalogue.at_worst("*:Describe*")[:-1] == catalogue.expand("*:Describe*")
    assert catalogue.at_worst("s3:*") == catalogue.expand("s3:*")


def test_what_reads_permissions_changes_nothing() -> None:
    (entities,) = catalogue.expand("glue:ListEntities")
    assert (entities.access, entities.changes) == ("Permissions management", False)
    (put,) = catalogue.expand("iam:PutRolePolicy")
    assert put.changes


def test_there_is_data_on_what_programs_use() -> None:
    for service in ("athena", "autoscaling", "bedrock", "eks", "es", "firehose", "kinesis", "sso", "transfer"):
        assert catalogue.service(service), service
    for service in catalogue.index()["services"]:
        assert not catalogue.exists_elsewhere(service)


def test_many_stars_take_no_time() -> None:
    assert not matches("*a" * 12 + "b", "a" * 60)
    assert not matches("*" * 200 + "b", "a" * 200)


def test_the_data_has_origin_and_what_the_rules_rely_on() -> None:
    index = catalogue.index()
    assert index["licence"].startswith("MIT")
    assert index["date"]
    (get_object,) = catalogue.expand("s3:getobject")
    assert (get_object.access, get_object.resource_types) == ("Read", ("accesspointobject", "object"))
    (token,) = catalogue.expand("ecr:GetAuthorizationToken")
    assert token.resource_types == ()
    (put,) = catalogue.expand("logs:PutLogEvents")
    assert put.resource_types
    size = sum(path.stat().st_size for path in (catalogue._DATA).glob("*.json"))  # pyright: ignore[reportPrivateUsage]
    assert size < 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"text"',
        "{}",
        document(),
        json.dumps({"Statement": [allow("s3:GetObject")]}),
        document("text"),  # pyright: ignore[reportArgumentType]
        document({"Effect": "allow", "Action": "s3:GetObject", "Resource": "*"}),
        document({"Effect": "Allow", "Resource": "*"}),
        document({"Effect": "Allow", "Action": "s3:GetObject"}),
        document({**allow("s3:GetObject"), "NotAction": "s3:PutObject"}),
        document({**allow("s3:GetObject"), "NotResource": "*"}),
        document(allow([])),
        document(allow([1])),
        document(allow("s3:GetObject", Principal="*")),
        document(allow("s3:GetObject", Condition=[])),
        document(allow("s3:GetObject", Condition={"StringEquals": "a"})),
        document(allow("s3:GetObject", Condition={"StringEquals": {"aws:SourceVpc": {}}})),
        document(allow("s3:GetObject"), Extra=1),
        '{"Version": "2012-10-17", "Version": "2012-10-17", "Statement": []}',
    ],
)
def test_what_is_no_document_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse(text, principals=False)
    assert "s3:" not in str(refused.value)


def test_an_unknown_place_in_a_document_is_named() -> None:
    with pytest.raises(DocumentUnknownError) as unknown:
        parse({"Version": "2012-10-17", "Statement": [allow(["s3:GetObject", UNKNOWN])]}, principals=False)
    assert unknown.value.paths == ("Statement[0].Action[1]",)


def test_a_single_statement_needs_no_list() -> None:
    (statement,) = parse(
        json.dumps({"Version": "2012-10-17", "Statement": allow("s3:GetObject", Condition={"Bool": {"aws:X": True}})}),
        principals=False,
    )
    assert statement.conditions[0].values == ("true",)


@pytest.mark.parametrize(
    "key",
    ["aws:sourceaccount", "aws:resourcetag/team", "kms:viaservice", "kms:encryptioncontext:a", "iam:passedtoservice"],
)
def test_condition_keys_exist(key: str) -> None:
    assert exists(key)


@pytest.mark.parametrize("key", ["aws:sourceacount", "aws:resourcetag/", "kms:viaservices", "team", "s4:a"])
def test_condition_keys_do_not_exist(key: str) -> None:
    assert not exists(key)


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("*", False),
        ("arn:aws:s3:::*", False),
        ("arn:aws:s3:::*/*", False),
        ("arn:aws:s3:::bucket/*", True),
        ("arn:aws:kms:us-east-1:1:key/*", False),
        ("arn:aws:kms:us-east-1:1:key/1234", True),
        ("arn:aws:dynamodb:us-east-1:1:table/*", False),
        ("arn:aws:dynamodb:us-east-1:1:table/jobs/index/*", True),
        ("arn:aws:secretsmanager:us-east-1:1:secret:*", False),
        ("arn:aws:secretsmanager:us-east-1:1:secret:rds!cluster-*", False),
        ("arn:aws:secretsmanager:us-east-1:1:secret:name-??????", True),
        ("arn:aws:ssm:us-east-1:1:parameter/*", False),
        ("arn:aws:ssm:us-east-1:1:parameter/project/*", True),
        ("arn:aws:sqs:us-east-1:1:jobs", True),
        ("arn:aws:states:us-east-1:1:stateMachine:flow_*", True),
        ("arn:aws:states:us-east-1:1:stateMachine:*", False),
    ],
)
def test_what_names_a_resource(pattern: str, named: bool) -> None:
    assert names_something(pattern) == named


def test_what_covers_everything() -> None:
    assert everything("*")
    assert everything("arn:aws:s3:::*")
    assert not everything("arn:aws:logs:us-east-1:1:log-group:*")


def test_what_a_condition_says() -> None:
    assert specific("123456789012")
    assert specific("arn:aws:s3:::bucket")
    assert not specific("*")
    assert not specific("arn:aws:s3:::*")
    assert not specific("arn:aws:states:*:*:stateMachine:*")
