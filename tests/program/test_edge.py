"""The provider of us-east-1 in a stack elsewhere: it is configured as the stack's own provider is."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.plan.answers import PLACEHOLDER_ACCOUNT
from cli.plan.recorder import Resource, record
from cli.plan.stack_file import read_stack
from tests.program.conftest import ROOT

PROVIDER, ABROAD = "pulumi:providers:aws", "eu-west-1"
WEB_IDENTITY = {
    "roleArn": "arn:aws:iam::123456789012:role/ci",
    "sessionName": "ci",
    "webIdentityTokenFile": "/var/run/secrets/token",
}


def edge(stack: str, given: Mapping[str, Any], region: str = ABROAD) -> Resource:
    config = {"aws:region": region, **{f"aws:{key}": value for key, value in given.items()}}
    (provider,) = record(ROOT, read_stack(ROOT, stack, config)).of_type(PROVIDER)
    return provider


def told(provider: Resource) -> dict[str, Any]:
    """Inputs other than those that the SDK adds."""
    added = ("region", "skipCredentialsValidation", "skipRegionValidation", "version")
    return {key: value for key, value in provider.props.items() if key not in added}


def test_in_us_east_1_the_stacks_own_provider_serves() -> None:
    assert record(ROOT, read_stack(ROOT, "dev")).of_type(PROVIDER) == []


def test_it_takes_the_role_the_tags_and_the_ways_of_the_stacks_own() -> None:
    given = {
        "assumeRoleWithWebIdentity": WEB_IDENTITY,
        "defaultTags": {"tags": {"CostCenter": "42"}},
        "ignoreTags": {"keyPrefixes": ["audit:"]},
        "endpoints": [{"acm": "https://acm.example.com", "wafv2": "https://waf.example.com"}],
        "customCaBundle": "/etc/ca.pem",
        "httpsProxy": "http://proxy.example.com:3128",
        "noProxy": "example.com",
        "maxRetries": 5,
        "retryMode": "adaptive",
        "profile": "true",
        "useFipsEndpoint": "true",
    }
    provider = edge("dev", given)
    texts = {key: value for key, value in given.items() if isinstance(value, str)}
    assert provider.props["region"] == "us-east-1"
    assert told(provider) == {
        **{key: json.dumps(value) for key, value in given.items() if key not in texts},
        **texts,
        "allowedAccountIds": json.dumps([PLACEHOLDER_ACCOUNT]),
    }
    assert provider.secret_props == frozenset()


def test_what_is_secret_stays_secret() -> None:
    proxy = {"httpsProxy": {"secure": "v1:abc"}}
    roles = {"assumeRoles": [{"roleArn": WEB_IDENTITY["roleArn"], "externalId": {"secure": "v1:def"}}]}
    keys = {"accessKey": "AKIA", "secretKey": {"secure": "v1:ghi"}}
    assert edge("dev", {**proxy, **roles, **keys}).secret_props == {*proxy, *roles, *keys}


OWN, OTHER = [PLACEHOLDER_ACCOUNT], ["210987654321"]


@pytest.mark.parametrize(
    ("given", "allowed", "forbidden"),
    [
        ({}, OWN, None),
        ({"skipRequestingAccountId": "false"}, OWN, None),
        ({"skipRequestingAccountId": "true"}, None, None),
        ({"forbiddenAccountIds": OTHER}, None, OTHER),
        ({"allowedAccountIds": OWN + OTHER}, OWN + OTHER, None),
    ],
    ids=["nothing", "asks for its account", "does not ask", "forbidden", "allowed"],
)
def test_it_is_held_to_the_stacks_account_unless_the_stack_says_which(
    given: dict[str, Any], allowed: list[str] | None, forbidden: list[str] | None
) -> None:
    props = edge("dev", given).props
    ids = [json.loads(props.get(key, "null")) for key in ("allowedAccountIds", "forbiddenAccountIds")]
    assert ids == [allowed, forbidden]


def test_the_emulators_provider_is_the_local_one_in_another_region() -> None:
    provider = edge("local", {})
    config = {key.removeprefix("aws:"): value for key, value in read_stack(ROOT, "local").config.items()}
    own = ("accessKey", "secretKey", "allowedAccountIds", "s3UsePathStyle", "skipMetadataApiCheck")
    assert told(provider) == {key: config[key] for key in own}
