"""Bedrock behind the AI gateway: what AWS checks of a call through an inference profile is allowed, and nothing else.

The requests are those of the Amazon Bedrock user guide ("Geographic cross-Region inference", "Global cross-Region
inference"): the profile, then its model where the request is made and where Bedrock sends it.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from lib.ai_gateway import configuration
from lib.bedrock import INVOKE, call, inference_profiles, out_of_reach
from lib.documents.ai_gateway import gateway_policy
from lib.documents.boundary import boundary_policy
from lib.iam import allow, document
from lib.naming import Target
from settings.ai_gateway import BEDROCK, GatewayEndpoint
from settings.load import ConfigError, parse_settings
from tests.unit.iam_evaluator import Account, Request, allows, refused

TARGET = Target(
    partition="aws", dns_suffix="amazonaws.com", region="eu-west-1", account_id="111122223333", zones=("eu-west-1a",)
)
GOV = Target(
    partition="aws-us-gov", dns_suffix="amazonaws.com", region="us-gov-west-1", account_id="1" * 12, zones=("a",)
)
HERE = Account(region="eu-west-1", account_id="111122223333")
SONNET, TITAN = "anthropic.claude-sonnet-4-20250514-v1:0", "amazon.titan-embed-text-v2:0"
OWN = "arn:aws:bedrock:eu-west-1:111122223333:"
EU, GLOBAL = f"{OWN}inference-profile/eu.{SONNET}", f"{OWN}inference-profile/global.{SONNET}"
APPLICATION = f"{OWN}application-inference-profile/ab12cd34ef56"


def endpoint(model: str, provider: str = "bedrock", **more: Any) -> GatewayEndpoint:
    return GatewayEndpoint.model_validate(
        {"name": "chat", "endpointType": "llm/v1/chat", "provider": provider, "model": model, **more}
    )


def documents(*models: str) -> tuple[list[str], str]:
    """The gateway's policy and the boundary of a stack with these models."""
    endpoints = [endpoint(model) for model in models]
    use_key = allow("Key", ["kms:Decrypt"], [TARGET.arn("kms", "key/*")])
    policy = gateway_policy(TARGET, endpoints=endpoints, tokens_parameter="/tokens", use_key=use_key)
    return [policy], bound(inference_profiles(TARGET, endpoints))


def bound(profiles: Sequence[str] = ()) -> str:
    arn = TARGET.global_arn("iam", "policy/mlplatform/boundary")
    return boundary_policy(TARGET, arn=arn, role_path="/mlplatform/", regions=(), inference_profiles=profiles)


def model(id_: str, region: str = HERE.region) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{id_}"


def asked(resource: str, *, region: str = HERE.region, profile: str | None = None) -> list[Request]:
    """An answer at once and one in pieces, as Bedrock has them checked in `region`."""
    context = {"aws:RequestedRegion": region, **({"bedrock:InferenceProfileArn": profile} if profile else {})}
    return [HERE.request(action, resource, **context) for action in INVOKE]


def through(profile: str, id_: str, *elsewhere: tuple[str, str]) -> list[Request]:
    """A call through a profile: `elsewhere` are regions in the model's ARN and in the request."""
    return [
        *asked(profile),
        *asked(model(id_), profile=profile),
        *(each for at, region in elsewhere for each in asked(model(id_, at), region=region, profile=profile)),
    ]


FRANKFURT, EVERYWHERE = ("eu-central-1", "eu-central-1"), ("", "unspecified")
SERVED = {
    "a model by its id": (TITAN, asked(model(TITAN))),
    "a model with a dot in its name": ("deepseek.v3.1", asked(model("deepseek.v3.1"))),
    "a geography's profile": (f"eu.{SONNET}", through(EU, SONNET, FRANKFURT)),
    "the same by its ARN": (EU, through(EU, SONNET, FRANKFURT)),
    "a global profile": (f"global.{SONNET}", through(GLOBAL, SONNET, EVERYWHERE)),
    "an application's profile": (APPLICATION, through(APPLICATION, SONNET, FRANKFURT, EVERYWHERE)),
}


@pytest.mark.parametrize("case", SERVED)
def test_what_an_endpoint_names_is_served_within_the_boundary(case: str) -> None:
    named, requests = SERVED[case]
    policies, boundary = documents(named)
    assert refused(requests, policies, boundary) == []


REFUSED = {
    "another model": (TITAN, asked(model(SONNET))),
    "the model in another region": (TITAN, asked(model(TITAN, "us-east-1"), region="us-east-1")),
    "another model through the profile": (f"eu.{SONNET}", asked(model(TITAN), profile=EU)),
    "the profile's model without it": (f"eu.{SONNET}", asked(model(SONNET))),
    "the same where the profile leads": (f"eu.{SONNET}", asked(model(SONNET, "eu-central-1"), region="eu-central-1")),
    "the model through another profile": (f"eu.{SONNET}", through(GLOBAL, SONNET, EVERYWHERE)),
    "a global profile's model without it": (f"global.{SONNET}", asked(model(SONNET, ""), region="unspecified")),
    "a global profile's model in a region": (
        f"global.{SONNET}",
        asked(model(SONNET, "us-east-1"), region="us-east-1", profile=GLOBAL),
    ),
    "a model without an application's profile": (APPLICATION, asked(model(SONNET))),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_else_is_served_and_no_model_without_its_profile(case: str) -> None:
    named, requests = REFUSED[case]
    policies, boundary = documents(named)
    assert refused(requests, policies) == requests
    assert refused(requests, policies, boundary) == requests


WIDE = [document(allow("All", ["bedrock:*", "s3:*"], ["*"]))]


def test_the_boundary_lets_out_of_the_region_through_the_named_profiles_alone() -> None:
    boundary = bound([EU, GLOBAL])
    for profile, at, region in ((EU, *FRANKFURT), (GLOBAL, *EVERYWHERE)):
        assert refused(asked(model(SONNET, at), region=region, profile=profile), WIDE, boundary) == []
        for other in (None, APPLICATION, EU.replace("eu.", "us.")):
            requests = asked(model(SONNET, at), region=region, profile=other)
            assert refused(requests, WIDE, boundary) == requests
        assert not allows(
            HERE.request("s3:GetObject", "arn:aws:s3:::b/x", **{"aws:RequestedRegion": region}), WIDE, boundary
        )


def test_without_profiles_the_boundary_knows_none() -> None:
    requests = asked(model(SONNET, "eu-central-1"), region="eu-central-1", profile=EU)
    assert refused(requests, WIDE, bound()) == requests
    assert "InferenceProfile" not in bound()
    assert documents(TITAN)[1] == bound()


def test_each_profile_leads_to_its_own_model() -> None:
    nova = "amazon.nova-pro-v1:0"
    policies, boundary = documents(f"eu.{SONNET}", f"eu.{nova}", f"eu.{SONNET}")
    statements = {each["Sid"]: each for each in json.loads(policies[0])["Statement"]}
    assert [sid for sid in statements if sid.startswith("Bedrock")] == ["Bedrock", "BedrockProfile1", "BedrockProfile2"]
    crossed = asked(model(nova), profile=EU)
    assert refused(crossed, policies, boundary) == crossed


@pytest.mark.parametrize("geography", ["us", "eu", "apac", "jp", "au", "ca", "global"])
def test_every_geography_is_known(geography: str) -> None:
    called = call(TARGET, endpoint(f"{geography}.{SONNET}"))
    assert called.arn == f"{OWN}inference-profile/{geography}.{SONNET}"
    assert all(arn.endswith(f"::foundation-model/{SONNET}") for arn in called.models)


def test_a_partition_has_its_own_arns() -> None:
    called = call(GOV, endpoint(f"us-gov.{SONNET}"))
    assert called.arn == f"arn:aws-us-gov:bedrock:us-gov-west-1:{'1' * 12}:inference-profile/us-gov.{SONNET}"
    assert called.models == (f"arn:aws-us-gov:bedrock:*::foundation-model/{SONNET}",)


@pytest.mark.parametrize("provider", BEDROCK)
def test_bedrock_is_called_in_the_region_that_is_given_or_in_the_stacks(provider: str) -> None:
    plain = endpoint(f"eu.{SONNET}", provider)
    assert configuration([plain])["endpoints"][0]["model"]["config"] == {"aws_config": {}}
    assert call(TARGET, plain).region == "eu-west-1"
    north = endpoint(f"eu.{SONNET}", provider, config={"aws_config": {"aws_region": "eu-north-1"}})
    assert configuration([north])["endpoints"][0]["model"]["config"] == {"aws_config": {"aws_region": "eu-north-1"}}
    assert call(TARGET, north).arn == EU.replace("eu-west-1", "eu-north-1")


def in_region(region: str, named: str = TITAN) -> GatewayEndpoint:
    return endpoint(named, config={"aws_config": {"aws_region": region}})


def test_what_the_task_could_not_reach_is_refused_with_the_way_out() -> None:
    assert out_of_reach(TARGET, endpoint(EU), []) is None
    assert out_of_reach(TARGET, in_region("us-west-2"), None) is None
    assert out_of_reach(TARGET, in_region("us-west-2"), ["us-west-2"]) is None
    assert "add it to mlplatform:iam.boundaryRegions" in str(out_of_reach(TARGET, in_region("us-west-2"), []))
    for elsewhere in (endpoint(EU.replace("111122223333", "1" * 12)), in_region("eu-north-1", EU)):
        assert "is not of this account in" in str(out_of_reach(TARGET, elsewhere, ["eu-north-1"]))


def test_the_guides_example_is_taken_and_calls_a_profile() -> None:
    guide = (Path(__file__).parents[2] / "docs/ai-gateway.md").read_text(encoding="utf-8")
    example = yaml.safe_load(guide.split("```yaml\n")[1].split("```")[0])["config"]["mlplatform:aiGateway"]
    settings = parse_settings({"environment": "local", "aiGateway": example})
    assert inference_profiles(TARGET, settings.ai_gateway.endpoints) == [EU]


SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:aws-a1B2c3"
NO_ROLE, NO_KEYS = "aws_role_arn: the task may take no other role", "without keys"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"secrets": {"aws_secret_access_key": SECRET}}, "as its own role, and MLflow looks for no key there; remove"),
        ({"config": {"aws_config": {"aws_role_arn": "arn:aws:iam::111122223333:role/other"}}}, NO_ROLE),
        ({"config": {"aws_config": {"aws_access_key_id": "AKIA", "aws_region": "eu-west-1"}}}, NO_KEYS),
        ({"config": {"aws_config": {"aws_bearer_token": "$KEY"}}}, NO_KEYS),
        ({"config": {"aws_config": {"region": "eu-west-1"}}}, "the only one is aws_region"),
        ({"config": {"aws_region": "eu-west-1"}}, "config.aws_region: is not a key of Bedrock's"),
        ({"config": {"aws_config": "eu-west-1"}}, "config.aws_config: is not a map"),
        ({"config": {"aws_config": {"aws_region": "Europe"}}}, "aws_region = Europe: is no region's name"),
        ({"model": f"{OWN}provisioned-model/abc"}, "is not an inference profile's ARN"),
    ],
)
def test_what_bedrock_could_not_do_with_is_refused(given: dict[str, Any], words: str) -> None:
    chat = {"name": "chat", "endpointType": "llm/v1/chat", "provider": "bedrock", "model": SONNET, **given}
    with pytest.raises(ConfigError) as refusal:
        parse_settings({"environment": "local", "aiGateway": {"enabled": True, "endpoints": [chat]}})
    (problem,) = refusal.value.problems
    assert problem.startswith("mlplatform:aiGateway.endpoints.0: ")
    assert words in problem
    assert "AKIA" not in problem


def test_all_that_is_wrong_with_an_endpoint_is_said_at_once() -> None:
    given: dict[str, Any] = {"secrets": {"a": SECRET}, "config": {"b": 1, "aws_config": {"aws_role_arn": "c"}}}
    with pytest.raises(ValueError, match=r"secrets: .*; config\.b: .*; config\.aws_config\.aws_role_arn: "):
        endpoint(SONNET, **given)
