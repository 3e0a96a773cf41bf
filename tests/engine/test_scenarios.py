"""Other ways to deploy: into what is there already, on another engine, without load balancer."""

from typing import Any

import pytest

from cli import remote
from lib.docker import docker_answers
from tests.engine.conftest import Stack
from tests.images import MLFLOW_IMAGES

RECORDS = {
    "MlflowRestApiARecord": "mlflow",
    "MlflowUIARecord": "mlflowui",
    "APIARecord": "api",
    "ServiceARecord": "service",
}
CLIENTS = ("cliClientId", "jupyterhubClientId", "mlflowuiClientId", "webClientId")


def _private(stack: Stack) -> list[Any]:
    """The zones that Cloud Map makes for the VPC."""
    zones = stack.client("route53").list_hosted_zones()["HostedZones"]
    return [zone for zone in zones if zone["Config"]["PrivateZone"]]


def _existing_pool(stack: Stack) -> dict[str, str]:
    cognito = stack.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="corporate")["UserPool"]["Id"]
    cognito.create_user_pool_domain(UserPoolId=pool, Domain="corporate")
    clients = {
        client: cognito.create_user_pool_client(UserPoolId=pool, ClientName=client)["UserPoolClient"]["ClientId"]
        for client in CLIENTS
    }
    return {"cognitoUserPoolId": pool, **clients, "domain": "corporate.auth.us-east-1.amazoncognito.com"}


@pytest.mark.long
def test_what_exists_is_used_and_left_as_it_was(stack: Stack) -> None:
    """A VPC, a Studio domain, a user pool; and names that people enter themselves."""
    existing, pool = stack.existing_network(), _existing_pool(stack)
    domain = stack.client("sagemaker").create_domain(
        DomainName="corporate",
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": "arn:aws:iam::123456789012:role/corporate"},
        SubnetIds=existing["privateSubnetIds"],
        VpcId=existing["vpcId"],
    )
    before = stack.residue()
    stack.configure(
        network={"existingVpc": existing},
        studio={"domainId": domain["DomainId"], "userProfiles": ["ann", "bob"]},
        database={"engine": "aurora-postgresql"},
        identity={"mode": "existing", "existing": pool},
        domain={"name": "ml.example.com", "dns": "manual"},
        metadataTables={"enabled": False},
    )
    stack.up()
    assert stack.differences() == {}
    outputs = stack.outputs()
    given = {key[0].upper() + key[1:]: value for key, value in pool.items() if key != "domain"}
    assert {name: outputs[name] for name in given} == given
    assert outputs["loginUrl"] == f"https://{pool['domain']}"
    assert stack.client("route53").list_hosted_zones()["HostedZones"] == _private(stack)
    for record, label in RECORDS.items():
        assert f"{label}.ml.example.com" in outputs[record]
    assert {record["type"] for record in outputs["dnsValidationRecords"]} == {"CNAME"}
    ec2 = stack.client("ec2")
    in_vpc = [{"Name": "vpc-id", "Values": [existing["vpcId"]]}]
    assert len(ec2.describe_subnets(Filters=in_vpc)["Subnets"]) == 4
    assert ec2.describe_vpc_endpoints(Filters=in_vpc)["VpcEndpoints"] == []
    (cluster,) = stack.client("rds").describe_db_clusters()["DBClusters"]
    assert (cluster["Engine"], cluster["Port"]) == ("aurora-postgresql", 5432)
    for user in ("ann", "bob"):
        assert stack.client("sagemaker").describe_user_profile(DomainId=domain["DomainId"], UserProfileName=user)
    stack.run("destroy", "--yes", "--skip-preview")
    assert stack.residue() == before


def test_subnets_of_another_vpc_are_refused_before_anything_exists(stack: Stack) -> None:
    mine, other = stack.existing_network(), stack.existing_network()
    before = stack.residue()
    stack.configure(network={"existingVpc": {**mine, "privateSubnetIds": other["privateSubnetIds"]}})
    code, output = stack.engine.capture("preview", "--stack", stack.name, "--non-interactive")
    assert code != 0
    assert f"{other['privateSubnetIds'][0]}, {other['privateSubnetIds'][1]} not in {mine['vpcId']}" in output
    one_zone = [mine["privateSubnetIds"][0], mine["isolatedSubnetIds"][0]]
    stack.configure(network={"existingVpc": {**mine, "privateSubnetIds": one_zone}})
    code, output = stack.engine.capture("preview", "--stack", stack.name, "--non-interactive")
    assert code != 0
    assert "all subnets are in us-east-1a; name subnets in at least two availability zones" in output
    assert stack.residue() == before


@pytest.mark.long
def test_dev_comes_up_without_nat_and_load_balancer_and_goes_once_it_may(
    stack: Stack, capfd: pytest.CaptureFixture[str]
) -> None:
    stack.configure("dev", mlflow={"images": MLFLOW_IMAGES}, protection={"protectResources": True})
    stack.up()
    assert stack.differences() == {}
    assert stack.client("ec2").describe_nat_gateways()["NatGateways"] == []
    assert stack.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    (gateway,) = stack.client("ec2").describe_egress_only_internet_gateways()["EgressOnlyInternetGateways"]
    assert gateway["Attachments"][0]["VpcId"] == stack.outputs()["vpcId"]
    service = stack.client("ecs").describe_services(cluster="mlplatform-local", services=["mlflow"])["services"][0]
    assert service["capacityProviderStrategy"][0]["capacityProvider"] == "FARGATE_SPOT"

    everything = stack.residue()
    assert remote.destroy(stack.folder, stack.name, yes=True, environment=stack.engine.environment) == 1
    assert "mlplatform:protection.protectResources is true" in capfd.readouterr().out
    assert stack.residue() == everything
    stack.configure("dev", mlflow={"images": MLFLOW_IMAGES})
    stack.up()
    assert remote.destroy(stack.folder, stack.name, yes=True, environment=stack.engine.environment) == 0
    assert "KMS key" in capfd.readouterr().out.split("What stays behind:")[1]
    assert stack.residue() == {}


@pytest.mark.skipif(docker_answers(), reason="Docker answers here, so the images would be built")
def test_without_docker_and_without_images_nothing_is_begun(stack: Stack) -> None:
    stack.configure("dev")
    code, output = stack.engine.capture("preview", "--stack", stack.name, "--non-interactive")
    assert code != 0
    assert "mlplatform:mlflow.images.nginx: is not given, and Docker" in output
    assert "Traceback" not in output
