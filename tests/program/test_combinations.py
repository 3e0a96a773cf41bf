"""Each pair of the platform's options passes every policy pack; with `ALL_COMBINATIONS=1` all of them together do.

Together they are tens of thousands, hours of a machine.
"""

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from allpairspy import AllPairs  # pyright: ignore[reportMissingTypeStubs]

from cli.plan.recorder import Recording, record
from cli.plan.report import judge
from cli.plan.stack_file import read_stack
from components.edge import EDGE_REGION
from tests.images import METAFLOW_IMAGES, MLFLOW_IMAGES
from tests.program.conftest import ROOT, Plan

DOMAIN, ZONE = "ml.example.com", "Z0123456789ABCDEFGHIJ"
ARN = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
WILDCARD = {"certificates": "existing", "regionalCertificateArn": ARN}
SECRET = {"secure": "v1:x"}
POOL = {
    "cognitoUserPoolId": "us-east-1_abcdefghi",
    "cliClientId": "cli1",
    "jupyterhubClientId": "hub1",
    "mlflowuiClientId": "ui1",
    "webClientId": "web1",
    "domain": "corporate.auth.us-east-1.amazoncognito.com",
}

OPTIONS: dict[str, dict[str, Mapping[str, Any]]] = {
    "region": {EDGE_REGION: {}, "eu-west-1": {}},
    "users": {
        "created": {"identity": {"mode": "create"}},
        "existing": {"identity": {"mode": "existing", "existing": POOL}},
        "of a Pulumi stack": {"identity": {"mode": "existing", "existing": {"stackReference": "org/users/prod"}}},
        "of CloudFormation": {"identity": {"mode": "existing", "existing": {"cloudFormationExports": True}}},
    },
    "directory": {
        "none": {},
        "SAML": {"identity": {"isExternalAuth": True, "saml": {"metadataUrl": "https://idp.example.com/metadata"}}},
        "OIDC": {
            "identity": {
                "isExternalAuth": True,
                "oidc": {"oidcIssuer": "https://idp.example.com", "clientId": "x", "clientSecret": SECRET},
            }
        },
        "Google": {
            "identity": {
                "isExternalAuth": True,
                "google": {"clientId": "x.apps.googleusercontent.com", "clientSecret": SECRET},
            }
        },
        "Azure AD": {
            "identity": {
                "isExternalAuth": True,
                "isDirectAzureActiveDirectory": True,
                "aadDirectoryId": "11111111-2222-3333-4444-555555555555",
                "aadClientId": "66666666-7777-8888-9999-000000000000",
                "aadClientSecret": SECRET,
            }
        },
    },
    "names": {
        "AWS's": {},
        "ours": {"domain": {"name": DOMAIN, "hostedZoneId": ZONE}},
        "ours, entered by hand": {"domain": {"name": DOMAIN, "dns": "manual"}},
        "wildcard": {"domain": {"name": DOMAIN, "hostedZoneId": ZONE, **WILDCARD}},
        "wildcard, entered by hand": {"domain": {"name": DOMAIN, "dns": "manual", **WILDCARD}},
    },
    "MLflow": {
        "tokens": {"mlflow": {"auth": "cognito"}},
        "tokens, without pages": {"mlflow": {"auth": "cognito"}, "web": {"mlflowUi": False}},
        "password": {"mlflow": {"auth": "basic"}},
    },
    "page": {"on": {"web": {"enabled": True}}, "off": {"web": {"enabled": False}}},
    "gateway": {
        "off": {},
        "on": {
            "aiGateway": {
                "enabled": True,
                "endpoints": [
                    {
                        "name": "chat",
                        "endpointType": "llm/v1/chat",
                        "provider": "openai",
                        "model": "gpt-4o-mini",
                        "secrets": {
                            "openai_api_key": "arn:aws:secretsmanager:us-east-1:123456789012:secret:openai-a1B2c3"
                        },
                    }
                ],
            }
        },
    },
    "firewall": {"off": {"waf": {"enabled": False}}, "on": {"waf": {"enabled": True}}},
    "tables": {
        "on demand": {},
        "provisioned": {"metadataTables": {"billingMode": "PROVISIONED"}},
        "off": {"metadataTables": {"enabled": False}},
    },
    "backup": {"off": {"backup": {"enabled": False}}, "on": {"backup": {"enabled": True}}},
    "Metaflow": {
        "off": {"metaflow": {"enabled": False}},
        "key": {"metaflow": {"images": METAFLOW_IMAGES}},
        "tokens": {"metaflow": {"images": METAFLOW_IMAGES, "apiBasicAuth": False}},
        "UI": {
            "metaflow": {
                "images": METAFLOW_IMAGES,
                "enableUI": True,
                "publicDomainName": "flows.example.com",
                "certificateArn": ARN,
            }
        },
    },
}


WITHOUT_USERS: dict[str, Any] = {
    "identity": {"mode": "none"},
    "mlflow": {"auth": "basic", "images": MLFLOW_IMAGES},
    "web": {"enabled": False},
}


def _configuration(names: Mapping[str, str]) -> dict[str, Any]:
    """The sections of all choices; what they name stands in the stack's region, but a certificate for CloudFront."""
    result: dict[str, Any] = {"mlflow": {"images": MLFLOW_IMAGES}}
    for option, value in names.items():
        for section, keys in OPTIONS[option][value].items():
            result[section] = {**result.get(section, {}), **keys}
    result = json.loads(json.dumps(result).replace(EDGE_REGION, names["region"]))
    if names["region"] != EDGE_REGION and "regionalCertificateArn" in result.get("domain", {}):
        result["domain"]["usEast1CertificateArn"] = ARN
    return {f"mlplatform:{section}": keys for section, keys in result.items()} | {"aws:region": names["region"]}


def _taken(names: dict[str, str]) -> list[dict[str, str]]:
    """The combination, or its neighbours where its firewall would be in front of nothing, which the loader refuses."""
    pages = names["page"] == "on" or names["MLflow"] == "tokens"
    regional = names["users"] == "created" or names["Metaflow"] in ("key", "UI")
    refused = names["firewall"] == "on" and not pages and not regional
    return [names | {"page": "on"}, names | {"firewall": "off"}] if refused else [names]


def _combinations() -> list[dict[str, str]]:
    values = [list(choices) for choices in OPTIONS.values()]
    whole = os.environ.get("ALL_COMBINATIONS") == "1"
    found: Iterable[Any] = itertools.product(*values) if whole else AllPairs(values)
    return [names for chosen in found for names in _taken(dict(zip(OPTIONS, chosen, strict=True)))]


COMBINATIONS = _combinations()


@pytest.fixture(params=COMBINATIONS, ids=lambda names: ", ".join(names.values()))
def recording(request: pytest.FixtureRequest) -> Recording:
    return record(ROOT, read_stack(ROOT, "local", _configuration(request.param)))


def test_every_pair_of_choices_is_among_them() -> None:
    there = {pair for names in COMBINATIONS for pair in itertools.combinations(names.items(), 2)}
    for (one, ones), (other, others) in itertools.combinations(OPTIONS.items(), 2):
        assert {((one, a), (other, b)) for a in ones for b in others} <= there


def test_a_combination_passes_every_policy_pack(recording: Recording) -> None:
    assert [finding for finding in judge(ROOT, recording) if finding.stops] == []


@pytest.mark.parametrize("names", [{}, OPTIONS["names"]["ours"], OPTIONS["names"]["wildcard, entered by hand"]])
def test_without_users_it_passes_as_well(plan: Plan, names: dict[str, Any]) -> None:
    recording = plan("local", **WITHOUT_USERS, **names)
    assert [finding for finding in judge(ROOT, recording) if finding.stops] == []
