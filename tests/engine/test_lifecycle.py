"""The stack local from nothing to nothing, read back from the emulator and not from the state."""

import json
from typing import Any

import pytest

from tests.engine.conftest import Stack

IMAGES = {"mlflow": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mlplatform/mlflow:3.17.2", "nginx": "example.com/n:1"}


@pytest.mark.long
def test_local_goes_up_changes_and_goes_without_a_trace(stack: Stack) -> None:
    stack.up()
    assert stack.differences() == {}
    outputs = stack.outputs()
    _is_private_and_encrypted(stack, outputs)
    _serves(stack, outputs)
    first = _service(stack, outputs)

    # Scale, rotate, new image, a password instead of tokens: four updates in one.
    images = {**IMAGES, "mlflow": IMAGES["mlflow"] + "-1"}
    stack.configure(mlflow={"auth": "basic", "images": images, "desiredCount": 3, "maxCount": 9})
    stack.secret("mlplatform:mlflow.password", "another-passw0rd")
    _rotate_database_secret(stack, outputs)
    stack.up()
    assert stack.differences() == {}
    second = _service(stack, outputs)
    assert second["taskDefinition"] != first["taskDefinition"]
    assert "mlflowSecretArn" not in outputs
    assert _secret(stack, stack.outputs()["mlflowSecretArn"]) == {"username": "admin", "password": "another-passw0rd"}
    (target,) = stack.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")[
        "ScalableTargets"
    ]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (3, 9)
    assert "another-passw0rd" not in json.dumps(stack.engine.state(stack.name))

    stack.run("refresh", "--yes", "--skip-preview")
    assert stack.differences() == {}

    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.residue() == {}


def _is_private_and_encrypted(stack: Stack, outputs: dict[str, Any]) -> None:
    rds, s3, ec2 = stack.client("rds"), stack.client("s3"), stack.client("ec2")
    (cluster,) = rds.describe_db_clusters()["DBClusters"]
    (key,) = [k for k in stack.client("kms").list_keys()["Keys"] if k["KeyArn"] == cluster["KmsKeyId"]]
    assert cluster["StorageEncrypted"]
    assert cluster["MasterUserSecret"]["KmsKeyId"] == key["KeyArn"]
    assert stack.client("kms").get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    assert not [i for i in rds.describe_db_instances()["DBInstances"] if i["PubliclyAccessible"]]
    parameters = rds.describe_db_cluster_parameters(
        DBClusterParameterGroupName=cluster["DBClusterParameterGroup"], Source="user"
    )["Parameters"]
    assert ("require_secure_transport", "ON") in {(p["ParameterName"], p["ParameterValue"]) for p in parameters}
    bucket = outputs["artifactBucket"]
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert all(block.values())
    assert len(block) == 4
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key["KeyArn"]
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [outputs["vpcId"]]}])["SecurityGroups"]
    for group in groups:
        assert not [r for p in group["IpPermissions"] for r in p["IpRanges"] + p["Ipv6Ranges"]], group["GroupName"]
        if group["GroupName"] == "default":
            assert group["IpPermissions"] == group["IpPermissionsEgress"] == []
    assert _secret(stack, outputs["databaseSecretArn"])["username"] == "mlflow"


def _serves(stack: Stack, outputs: dict[str, Any]) -> None:
    ecs, ssm = stack.client("ecs"), stack.client("ssm")
    service = _service(stack, outputs)
    assert service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    task = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    assert [c["name"] for c in task["containerDefinitions"]] == [
        "migrationContainer",
        "mlflowContainer",
        "authoriserContainer",
        "nginxContainer",
    ]
    assert task["taskRoleArn"] != task["executionRoleArn"]
    environment = {e["name"]: e["value"] for e in task["containerDefinitions"][1]["environment"]}
    address = json.loads(
        ssm.get_parameter(Name=environment["MLFLOW_DATABASE_PARAMETER"], WithDecryption=True)["Parameter"]["Value"]
    )
    assert address == {
        "engine": "mysql",
        "host": outputs["databaseEndpoint"],
        "port": 3306,
        "dbname": "mlflow",
        "secretArn": outputs["databaseSecretArn"],
    }
    assert "MLFLOW_CREDENTIALS_SECRET_ID" not in environment
    checked = {e["name"]: e["value"] for e in task["containerDefinitions"][2]["environment"]}
    tokens = ssm.get_parameter(Name=checked["MLFLOW_TOKENS_PARAMETER"], WithDecryption=True)["Parameter"]["Value"]
    assert json.loads(tokens)["issuer"] == outputs["issuer"]
    assert {outputs["CliClientId"], outputs["MlflowuiClientId"]} <= set(json.loads(tokens)["audience"])
    tracking = ssm.get_parameter(Name=outputs["mlflowTrackingUriParameter"], WithDecryption=True)["Parameter"]["Value"]
    assert tracking == outputs["apiUrl"]
    gateway = stack.client("apigatewayv2")
    apis = {api["Name"]: api["ApiId"] for api in gateway.get_apis()["Items"]}
    routes = gateway.get_routes(ApiId=apis["mlplatform-local-api"])["Items"]
    assert {(r["RouteKey"], r["AuthorizationType"]) for r in routes} == {("ANY /", "JWT"), ("ANY /{proxy+}", "JWT")}
    page = (
        stack.client("s3")
        .get_object(Bucket="mlplatform-local-web-123456789012-us-east-1", Key="config.json")["Body"]
        .read()
    )
    assert json.loads(page)["webClientId"] == outputs["WebClientId"]
    assert json.loads(page)["mlflowTrackingUri"] == outputs["mlflowTrackingUri"]
    (balancer,) = stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert balancer["Scheme"] == "internal"
    domain = stack.client("sagemaker").describe_domain(DomainId=outputs["studioDomainId"])
    assert domain["AppNetworkAccessType"] == "VpcOnly"
    user = stack.client("sagemaker").describe_user_profile(
        DomainId=outputs["studioDomainId"], UserProfileName="mlflow-user"
    )
    assert user["UserSettings"]["ExecutionRole"] == outputs["studioExecutionRoleArn"]


def _service(stack: Stack, outputs: dict[str, Any]) -> dict[str, Any]:
    cluster, service = outputs["ecsClusterName"], outputs["ecsServiceName"]
    return stack.client("ecs").describe_services(cluster=cluster, services=[service])["services"][0]


def _secret(stack: Stack, name: str) -> dict[str, str]:
    return json.loads(stack.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def _rotate_database_secret(stack: Stack, outputs: dict[str, Any]) -> None:
    before = _secret(stack, outputs["databaseSecretArn"])["password"]
    stack.client("secretsmanager").rotate_secret(SecretId=outputs["databaseSecretArn"])
    assert _secret(stack, outputs["databaseSecretArn"])["password"] != before
