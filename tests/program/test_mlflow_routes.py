"""What leads to MLflow through its API, and who is asked for a token on the way."""

import json
from typing import Any

import pytest

from cli.plan.recorder import Recording
from cli.plan.report import judge
from tests.images import MLFLOW_IMAGES
from tests.program.conftest import ROOT, Plan

SCRIPTS = {"corsAllowedOrigins": ["https://app.example.com"]}
PREFLIGHT = "OPTIONS /{proxy+}"


def routes(recording: Recording) -> dict[str, str]:
    """Who may take each route of MLflow's API."""
    (api,) = [each.urn for each in recording.of_type("aws:apigatewayv2/api:Api") if each.name == "api"]
    found = recording.of_type("aws:apigatewayv2/route:Route")
    targets = {json.dumps(r.property_dependencies["target"]) for r in found if r.name.startswith("api-")}
    assert len(targets) == 1, "all lead to one integration"
    return {
        r.props["routeKey"]: r.props["authorizationType"] for r in found if r.property_dependencies["apiId"] == [api]
    }


def proxy(recording: Recording) -> dict[str, str]:
    (task,) = [each for each in recording.of_type("aws:ecs/taskDefinition:TaskDefinition") if each.name == "mlflow"]
    (nginx,) = [c for c in json.loads(task.props["containerDefinitions"]) if c["name"] == "nginxContainer"]
    return {each["name"]: each["value"] for each in nginx["environment"]}


@pytest.mark.parametrize(("auth", "asked"), [("cognito", "JWT"), ("basic", "NONE")])
def test_browsers_ask_without_credentials_where_scripts_of_other_origins_may_call(
    plan: Plan, auth: str, asked: str
) -> None:
    given: dict[str, Any] = {"auth": auth, "images": MLFLOW_IMAGES}
    everyone = {"ANY /": asked, "ANY /{proxy+}": asked}
    without, with_scripts = plan("local", mlflow=given), plan("local", mlflow=given | SCRIPTS)
    assert routes(without) == everyone
    # With a password ANY asks nobody: NGINX does.
    assert routes(with_scripts) == everyone | ({PREFLIGHT: "NONE"} if auth == "cognito" else {})
    assert proxy(with_scripts)["NGINX_CORS_PREFLIGHT"] == "on"
    assert "NGINX_CORS_PREFLIGHT" not in proxy(without)
    assert [each for each in judge(ROOT, with_scripts) if each.stops] == []
