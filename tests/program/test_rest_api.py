"""The REST API as the program registers it."""

import json
from typing import Any

import pytest

from cli.plan.recorder import Recording, Resource
from cli.plan.report import judge
from components.rest_api import LOGIN_ROUTES, PUBLIC, ROUTES
from tests.program.conftest import ROOT, Plan

API = "aws:apigatewayv2/api:Api"
FUNCTION = "aws:lambda/function:Function"
ALONE = {"mlflow": {"auth": "basic"}}
"""MLflow asks for a password itself, so its pages have no login."""


def one(recording: Recording, type_: str, name: str = "rest") -> Resource:
    (found,) = [resource for resource in recording.of_type(type_) if resource.name == name]
    return found


def routes(recording: Recording) -> dict[str, Resource]:
    api = one(recording, API, "rest-api").urn
    found = recording.of_type("aws:apigatewayv2/route:Route")
    return {r.props["routeKey"]: r for r in found if r.property_dependencies["apiId"] == [api]}


def test_only_health_and_the_login_are_open(plan: Plan) -> None:
    recording = plan("prod")
    authorizer = one(recording, "aws:apigatewayv2/authorizer:Authorizer").urn
    found = routes(recording)
    assert set(found) == {*ROUTES.values(), *LOGIN_ROUTES.values()}
    for label, key in {**ROUTES, **LOGIN_ROUTES}.items():
        props = found[key].props
        if label in PUBLIC:
            assert (props["authorizationType"], props.get("authorizerId")) == ("NONE", None)
        else:
            assert props["authorizationType"] == "JWT"
            assert found[key].property_dependencies["authorizerId"] == [authorizer]


def test_without_a_login_for_mlflows_pages_there_is_none(plan: Plan) -> None:
    recording = plan("local", **ALONE)
    assert set(routes(recording)) == set(ROUTES.values())
    props = one(recording, FUNCTION).props
    assert "environment" not in props
    assert "kmsKeyArn" not in props


def test_without_users_there_is_no_function(plan: Plan) -> None:
    recording = plan("local", identity={"mode": "none"}, mlflow={"auth": "basic"}, web={"enabled": False})
    assert [function.name for function in recording.of_type(FUNCTION)] == ["metaflow-metadata-migration"]


def test_the_function_is_traced_logs_json_to_its_own_group_and_is_called_by_its_api_alone(plan: Plan) -> None:
    recording = plan("prod")
    function, group = one(recording, FUNCTION), one(recording, "aws:cloudwatch/logGroup:LogGroup")
    props = function.props
    assert (props["runtime"], props["architectures"], props["tracingConfig"]) == (
        *("python3.13", ["arm64"], {"mode": "Active"}),
    )
    assert props["loggingConfig"]["logFormat"] == "JSON"
    assert props["loggingConfig"]["logGroup"] == group.props["name"] == "/mlplatform/prod/rest-api/function"
    assert group.props["retentionInDays"] == 365
    assert set(props["environment"]["variables"]) == {"UI_URL", "LOGIN_URL", "UI_CLIENT_ID", "REFRESH_DAYS"}
    key = recording.of_type("aws:kms/key:Key")[0].urn
    assert key in function.property_dependencies["kmsKeyArn"]
    (code,) = function.property_dependencies["s3Key"]
    assert code == one(recording, "aws:s3/bucketObjectv2:BucketObjectv2").urn
    permission = one(recording, "aws:lambda/permission:Permission")
    assert permission.props["principal"] == "apigateway.amazonaws.com"
    assert permission.property_dependencies["sourceArn"] == [one(recording, API, "rest-api").urn]
    assert one(recording, "aws:apigatewayv2/integration:Integration").props["payloadFormatVersion"] == "2.0"


def test_its_role_writes_logs_and_traces_and_nothing_else(plan: Plan) -> None:
    recording = plan("prod")
    statements: list[dict[str, Any]] = json.loads(
        one(recording, "aws:iam/rolePolicy:RolePolicy", "rest-run").props["policy"]
    )["Statement"]
    assert {action for statement in statements for action in statement["Action"]} == {
        *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }


@pytest.mark.parametrize(("settings", "message"), [({}, ["reservedConcurrentExecutions is not set"]), ({"n": 5}, [])])
def test_the_packs_find_nothing_but_a_missing_limit(plan: Plan, settings: dict[str, int], message: list[str]) -> None:
    sections = {"restApi": {"reservedConcurrency": settings["n"]}} if settings else {}
    found = judge(ROOT, plan("local", **sections))
    ours = [finding for finding in found if finding.urn.endswith(("::rest", "::rest-health", "::rest-login"))]
    assert [finding.message for finding in ours] == message
