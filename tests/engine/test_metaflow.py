"""Metaflow through the real engine: with and without key and UI, several queues, an environment that is replaced."""

import json
from typing import Any

import pytest

from tests.engine.conftest import Stack
from tests.images import METAFLOW_IMAGES, MLFLOW_IMAGES

ALONE: dict[str, Any] = {
    "api": {"integration": "cloudMap"},
    "studio": {"enabled": False},
    "web": {"enabled": False},
    "metadataTables": {"enabled": False},
    "mlflow": {"auth": "basic", "images": MLFLOW_IMAGES},
}
"""What is not Metaflow's is left out where it can be."""

GPU = {"name": "gpu", "imageType": "ECS_AL2023_NVIDIA", "instanceTypes": ["g6"], "maxvCpus": 16, "diskGib": 200}
CPU = {"name": "cpu", "instanceTypes": ["m7i", "c7i"], "maxvCpus": 16}
SPOT = {"name": "spot", "type": "SPOT", "instanceTypes": ["m7i", "m6i"], "maxvCpus": 32, "placement": "spread"}
QUEUES = [
    {"name": "default", "computeEnvironments": ["spot", "cpu"]},
    {
        "name": "gpu",
        "computeEnvironments": ["gpu"],
        "fairShare": {"shareDistribution": [{"shareIdentifier": "research", "weightFactor": 0.5}]},
    },
]


def _metaflow(**more: Any) -> dict[str, Any]:
    batch = {"computeEnvironments": [CPU, SPOT, GPU], "jobQueues": QUEUES}
    return {"images": METAFLOW_IMAGES, "batch": batch, **more}


@pytest.mark.long
def test_with_a_key_two_queues_and_a_replaced_environment(stack: Stack) -> None:
    trusted = {"trustedPrincipals": ["arn:aws:iam::123456789012:role/people"], "externalId": "flows"}
    given = _metaflow(
        customRole=True,
        userRole=trusted,
        gateway={"quotaLimit": 1000, "allowedCidrs": ["10.0.0.0/8"]},
        notebook={"platformIdentifier": "notebook-al2-v3"},
    )
    stack.configure(**ALONE, identity={"mode": "none"}, metaflow=given)
    stack.up()
    assert stack.differences() == {}
    outputs = stack.outputs()
    _answers_with_a_key_alone(stack, outputs)
    _runs_nothing_at_rest(stack)
    _is_a_notebook_without_root(stack)
    assert outputs["MetaflowUserRoleArn"].endswith(":role/mlplatform/mlplatform-local-metaflow-user")
    assert "LoadBalancerUIDNSName" not in outputs
    before = _environments(stack)

    # Neither kind nor placement can be changed in place: a new environment, the queue moved to it, the old one deleted
    # last. Fair share cannot be taken from a queue: it is made anew, under its name.
    on_demand = {**SPOT, "type": "EC2", "placement": "partition"}
    plain = [QUEUES[0], {name: value for name, value in QUEUES[1].items() if name != "fairShare"}]
    given["batch"] = {"computeEnvironments": [CPU, on_demand, GPU], "jobQueues": plain}
    stack.configure(**ALONE, identity={"mode": "none"}, metaflow=given)
    stack.up()
    assert stack.differences() == {}
    after = _environments(stack)
    assert after["cpu"] == before["cpu"]
    assert after["gpu"] == before["gpu"]
    assert after["spot"] != before["spot"]
    (placement,) = stack.client("ec2").describe_placement_groups()["PlacementGroups"]
    assert placement["Strategy"] == "partition"
    queues = {one["jobQueueName"]: one for one in stack.client("batch").describe_job_queues()["jobQueues"]}
    order = queues["mlplatform-local-default"]["computeEnvironmentOrder"]
    assert [one["computeEnvironment"] for one in order] == [after["spot"], after["cpu"]]
    assert not queues["mlplatform-local-gpu"].get("schedulingPolicyArn")

    stack.run("refresh", "--yes", "--skip-preview")
    assert stack.differences() == {}
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.residue() == {}


@pytest.mark.long
def test_with_tokens_and_a_ui_under_an_own_domain(stack: Stack) -> None:
    zone = stack.client("route53").create_hosted_zone(Name="example.com", CallerReference="test")["HostedZone"]["Id"]
    before = stack.residue()
    given = _metaflow(apiBasicAuth=False, enableUI=True, enableSagemaker=False)
    given["batch"] = {
        "computeEnvironments": [{"name": "fargate", "type": "FARGATE_SPOT"}],
        "jobQueues": [{"name": "default", "computeEnvironments": ["fargate"]}],
    }
    names = {"name": "ml.example.com", "hostedZoneId": zone.removeprefix("/hostedzone/")}
    stack.configure(**ALONE, domain=names, metaflow=given)
    stack.up()
    assert stack.differences() == {}
    outputs = stack.outputs()
    assert outputs["ServiceUrl"] == "https://metaflow.ml.example.com/"
    assert "ApiKeyId" not in outputs
    api = stack.client("apigatewayv2")
    (one,) = [each for each in api.get_apis()["Items"] if each["Name"] == "mlplatform-local-metaflow"]
    routes = api.get_routes(ApiId=one["ApiId"])["Items"]
    assert {(route["RouteKey"], route["AuthorizationType"]) for route in routes} == {("ANY /{proxy+}", "JWT")}
    assert stack.client("apigateway").get_rest_apis()["items"] == []
    _is_behind_a_login(stack, outputs)
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.residue() == before


def _environments(stack: Stack) -> dict[str, str]:
    """ARNs of the compute environments by their names in the settings."""
    found = stack.client("batch").describe_compute_environments()["computeEnvironments"]
    prefix = "mlplatform-local-metaflow-"
    return {
        each["computeEnvironmentName"].removeprefix(prefix).rsplit("-", 1)[0]: each["computeEnvironmentArn"]
        for each in found
    }


def _answers_with_a_key_alone(stack: Stack, outputs: dict[str, Any]) -> None:
    api = stack.client("apigateway")
    (rest,) = api.get_rest_apis()["items"]
    (proxy,) = [each for each in api.get_resources(restApiId=rest["id"])["items"] if each["path"] == "/{proxy+}"]
    method = api.get_method(restApiId=rest["id"], resourceId=proxy["id"], httpMethod="ANY")
    assert method["apiKeyRequired"] is True
    assert method["methodIntegration"]["connectionType"] == "VPC_LINK"
    assert "10.0.0.0/8" in rest["policy"]
    (plan,) = api.get_usage_plans()["items"]
    assert plan["quota"]["limit"] == 1000
    (key,) = api.get_usage_plan_keys(usagePlanId=plan["id"])["items"]
    assert key["id"] == outputs["ApiKeyId"]
    value = api.get_api_key(apiKey=key["id"], includeValue=True)["value"]
    assert value not in json.dumps(outputs)
    assert outputs["ServiceUrl"] == f"https://{rest['id']}.execute-api.us-east-1.amazonaws.com/api/"
    assert outputs["metaflowConfig"]["METAFLOW_SERVICE_URL"] == outputs["ServiceUrl"]
    (balancer,) = stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert (balancer["Type"], balancer["Scheme"]) == ("network", "internal")
    assert outputs["InternalServiceUrl"] == f"http://{balancer['DNSName']}/"


def _runs_nothing_at_rest(stack: Stack) -> None:
    batch, ec2 = stack.client("batch"), stack.client("ec2")
    for environment in batch.describe_compute_environments()["computeEnvironments"]:
        resources = environment["computeResources"]
        assert resources["minvCpus"] == resources.get("desiredvCpus", 0) == 0
        template = ec2.describe_launch_template_versions(
            LaunchTemplateId=resources["launchTemplate"]["launchTemplateId"], Versions=["$Latest"]
        )["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        assert template["MetadataOptions"]["HttpTokens"] == "required"
        (disk,) = template["BlockDeviceMappings"]
        assert disk["Ebs"]["Encrypted"] is True
    assert ec2.describe_instances()["Reservations"] == []
    queues = {queue["jobQueueName"]: queue for queue in batch.describe_job_queues()["jobQueues"]}
    assert set(queues) == {"mlplatform-local-default", "mlplatform-local-gpu"}
    assert queues["mlplatform-local-gpu"]["schedulingPolicyArn"]
    reasons = {limit["reason"] for limit in queues["mlplatform-local-default"]["jobStateTimeLimitActions"]}
    assert "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT" in reasons


def _is_a_notebook_without_root(stack: Stack) -> None:
    described = stack.client("sagemaker").describe_notebook_instance(NotebookInstanceName="mlplatform-local-metaflow")
    assert (described["RootAccess"], described["DirectInternetAccess"]) == ("Disabled", "Disabled")
    assert described["SubnetId"].startswith("subnet-")


def _is_behind_a_login(stack: Stack, outputs: dict[str, Any]) -> None:
    balancing = stack.client("elbv2")
    (balancer,) = [
        each for each in balancing.describe_load_balancers()["LoadBalancers"] if each["Type"] == "application"
    ]
    assert balancer["Scheme"] == "internet-facing"
    assert balancer["DNSName"] == outputs["LoadBalancerUIDNSName"]
    (listener,) = balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert [action["Type"] for action in listener["DefaultActions"]] == ["authenticate-cognito", "forward"]
    login = listener["DefaultActions"][0]["AuthenticateCognitoConfig"]
    assert login["UserPoolArn"].endswith(outputs["CognitoUserPoolId"])
    assert login["OnUnauthenticatedRequest"] == "authenticate"
    rules = balancing.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
    assert [rule["IsDefault"] for rule in rules] == [True]
    client = stack.client("cognito-idp").describe_user_pool_client(
        UserPoolId=outputs["CognitoUserPoolId"], ClientId=login["UserPoolClientId"]
    )["UserPoolClient"]
    assert client["CallbackURLs"] == ["https://metaflowui.ml.example.com/oauth2/idpresponse"]
