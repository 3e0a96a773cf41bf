"""Which combinations of identity settings make sense: one table, held against the settings and against the docs."""

import re
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.identity.federation import directory
from lib.identity import login_host, login_prefix, token_url
from lib.naming import Target
from settings import ConfigError, parse_settings
from settings.identity import IdentitySettings

ROOT = Path(__file__).parents[2]

DIRECTORIES = ("—", "saml", "oidc", "google", "isDirectAzureActiveDirectory")
SOURCES = ("ids", "stackReference", "cloudFormationExports")
VALID = {
    ("none", "—", "—", "—"),
    *(("create", "—", "—" if name == "—" else "true", name) for name in DIRECTORIES),
    *(("existing", source, "—" if name == "—" else "true", name) for source in SOURCES for name in DIRECTORIES),
}
"""All combinations that make sense: mode, source of an existing pool, isExternalAuth, directory."""

IDS = {
    "cognitoUserPoolId": "us-east-1_abc",
    "cliClientId": "cli",
    "jupyterhubClientId": "hub",
    "mlflowuiClientId": "ui",
    "webClientId": "web",
}
EXISTING: dict[str, dict[str, Any]] = {
    "ids": IDS,
    "stackReference": {"stackReference": "organization/users/prod"},
    "cloudFormationExports": {"cloudFormationExports": True},
}
SAML = {"metadataUrl": "https://idp.example.com/metadata"}
OIDC = {"oidcIssuer": "https://idp.example.com", "clientId": "abc", "clientSecret": "hidden"}
GOOGLE = {"clientId": "1-a.apps.googleusercontent.com", "clientSecret": "hidden"}
GUID = "11111111-1111-1111-1111-111111111111"
AZURE = {"aadDirectoryId": GUID, "aadClientId": GUID, "aadClientSecret": "hidden"}
SECTIONS: dict[str, Any] = {"saml": SAML, "oidc": OIDC, "google": GOOGLE, "isDirectAzureActiveDirectory": True}

CREATE_ONLY: dict[str, Any] = {
    "mfa": "OPTIONAL",
    "passwordMinimumLength": 20,
    "userPoolTier": "PLUS",
    "domainPrefix": "corporate",
    "accessTokenMinutes": 5,
    "refreshTokenDays": 1,
    "cliCallbackPorts": [9000],
    "jupyterhubUrl": "https://hub.example.com",
}


def taken(identity: dict[str, Any]) -> bool:
    """Whether the settings take it, in a stack where nothing else needs users."""
    rest = {} if identity["mode"] != "none" else {"mlflow": {"auth": "basic"}, "web": {"enabled": False}}
    try:
        parse_settings({"environment": "local", "identity": identity, **rest}, {"identity"})
    except ConfigError as error:
        refused = error.problems
    else:
        return True
    assert all(problem.startswith("mlplatform:identity") for problem in refused), refused
    return False


def combination(
    mode: str, source: str, external: bool, given: tuple[tuple[str, ...], int], mapping: bool
) -> tuple[dict[str, Any], bool]:
    """The settings with the directories and so many of Azure's three keys, and whether the table has them."""
    directories, azure = given
    identity: dict[str, Any] = {
        "mode": mode,
        **({"existing": EXISTING[source]} if source in EXISTING else {}),
        **({"isExternalAuth": True} if external else {}),
        **{name: SECTIONS[name] for name in directories},
        **dict(list(AZURE.items())[:azure]),
        **({"attributeMapping": {"email": "mail"}} if mapping else {}),
    }
    row = (mode, source, "true" if external else "—", directories[0] if directories else "—")
    whole = azure == (len(AZURE) if "isDirectAzureActiveDirectory" in directories else 0)
    return identity, row in VALID and len(directories) < 2 and whole and (external or not mapping)


def every_combination() -> Iterator[tuple[dict[str, Any], bool]]:
    directories = [chosen for number in (0, 1, 2) for chosen in combinations(DIRECTORIES[1:], number)]
    given = list(product(directories, range(len(AZURE) + 1)))
    for walked in product(("create", "existing", "none"), ("—", *SOURCES), (False, True), given, (False, True)):
        yield combination(*walked)


def test_every_combination_is_taken_or_refused_as_the_table_says() -> None:
    wrong = [(identity, valid) for identity, valid in every_combination() if taken(identity) != valid]
    assert wrong == []


@given(
    start=st.sampled_from([pair for pair in every_combination() if pair[1]]),
    more=st.lists(st.sampled_from(sorted(CREATE_ONLY)), unique=True),
    sign_up=st.booleans(),
)
def test_options_of_a_created_pool_are_taken_there_and_nowhere_else(
    start: tuple[dict[str, Any], bool], more: list[str], sign_up: bool
) -> None:
    identity = {**start[0], **{key: CREATE_ONLY[key] for key in more}, **({"selfSignUp": True} if sign_up else {})}
    alone = not sign_up or not identity.get("isExternalAuth")
    made = identity["mode"] == "create" or not (more or sign_up)
    assert taken(identity) == (alone and made)


def test_the_page_shows_the_table() -> None:
    page = (ROOT / "docs" / "identity.md").read_text()
    rows = re.findall(r"^\| `(create|existing|none)` \| (.*?) \| (.*?) \| (.*?) \|", page, re.MULTILINE)
    found = [tuple(cell.strip("`").replace("five ids", "ids") for cell in row) for row in rows]
    assert len(found) == len(set(found))
    assert set(found) == VALID


@pytest.mark.parametrize(
    ("identity", "words"),
    [
        ({"isExternalAuth": True}, "isExternalAuth is true without a directory; give saml"),
        ({"saml": SAML}, "saml is given, but isExternalAuth is false; set it to true, or remove saml"),
        ({"aadDirectoryId": GUID}, "aadDirectoryId set without isDirectAzureActiveDirectory"),
        (
            {"isExternalAuth": True, "isDirectAzureActiveDirectory": True, "aadDirectoryId": GUID},
            "without aadClientId, aadClientSecret",
        ),
        ({"isExternalAuth": True, "saml": SAML, "google": GOOGLE}, "saml and google are given"),
        ({"mode": "existing"}, "say which pool, or set mode to create"),
        ({"mode": "existing", "existing": IDS, "mfa": "ON"}, "identity.mfa: has no effect: no user pool is created"),
        ({"mode": "existing", "existing": {"cliClientId": "cli"}}, "webClientId missing; give all five ids"),
        ({"mode": "existing", "existing": {}}, "the pool is given by nothing"),
        (
            {"mode": "existing", "existing": {**IDS, "cloudFormationExports": True}},
            "given by the five ids and cloudFormationExports",
        ),
        (
            {"mode": "existing", "existing": {"stackReference": "a", "cloudFormationExportPrefix": "b-"}},
            "without cloudFormationExports; set both",
        ),
        ({"mode": "existing", "existing": {**IDS, "domain": "corporate"}}, "should match pattern"),
        ({"isExternalAuth": True, "saml": {}}, "neither metadataUrl nor metadata is given"),
        ({"isExternalAuth": True, "saml": {**SAML, "metadata": "<x/>"}}, "metadataUrl and metadata are given"),
        ({"isExternalAuth": True, "saml": {**SAML, "providerName": "Google"}}, "one of Cognito's own providers"),
        ({"isExternalAuth": True, "saml": SAML, "selfSignUp": True}, "get in past the directory"),
        ({"isExternalAuth": True, "saml": SAML, "attributeMapping": {"mail": "m"}}, "not an attribute of a user pool"),
        (
            {"isExternalAuth": True, "saml": SAML, "attributeMapping": {"custom:team": "m"}},
            "a created pool has no attributes of its own",
        ),
        ({"attributeMapping": {"email": "mail"}}, "there is no directory to map from"),
        ({"domainPrefix": "my-aws-users"}, "no prefix with aws in it"),
        ({"jupyterhubUrl": "http://hub.example.com"}, "must be https://host"),
        ({"passwordMinimumLength": 8}, "greater than or equal to 12"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_way_out(identity: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_settings({"environment": "local", "identity": identity}, {"identity"})
    assert any(words in problem for problem in refused.value.problems), refused.value.problems
    assert "hidden" not in str(refused.value)


def test_a_secret_of_a_directory_may_not_stand_in_plain_text() -> None:
    with pytest.raises(ConfigError, match=r"oidc\.clientSecret: stands in plain text"):
        parse_settings({"environment": "local", "identity": {"isExternalAuth": True, "oidc": OIDC}})


def settings(**identity: Any) -> IdentitySettings:
    return IdentitySettings.model_validate({"isExternalAuth": True, **identity})


def test_mappings_lie_on_top_of_each_kinds_defaults() -> None:
    found = directory(settings(saml=SAML, attributeMapping={"email": "mail", "profile": "url"}))
    assert found is not None
    assert found.mapping["email"] == "mail"
    assert found.mapping["profile"] == "url"
    assert found.mapping["name"].endswith("/claims/name")
    assert directory(IdentitySettings()) is None


@given(project=st.text(min_size=1, max_size=100), stack=st.text(min_size=1, max_size=100))
def test_a_login_prefix_is_a_label_that_ends_with_the_account(project: str, stack: str) -> None:
    prefix = login_prefix(project, stack, "123456789012")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", prefix)
    assert prefix.endswith("123456789012")


def test_long_names_that_begin_alike_have_prefixes_of_their_own() -> None:
    one, other = (login_prefix("p" * 80, stack, "123456789012") for stack in ("dev", "prod"))
    assert one != other


def test_login_pages_are_at_the_partitions_host() -> None:
    def target(partition: str, region: str) -> Target:
        return Target(partition=partition, dns_suffix="amazonaws.com", region=region, account_id="1", zones=())

    assert login_host(target("aws", "eu-west-1"), "a") == "a.auth.eu-west-1.amazoncognito.com"
    assert login_host(target("aws-us-gov", "us-gov-west-1"), "a") == "a.auth-fips.us-gov-west-1.amazoncognito.com"
    assert token_url("https://a") == "https://a/oauth2/token"
