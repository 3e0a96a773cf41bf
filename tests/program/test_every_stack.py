"""What holds for every stack and scenario: names, tags, bounds, known documents, protection."""

import json
from collections import Counter
from typing import Any

import pytest
from pulumi.runtime import rpc

from cli.plan.recorder import Recording, Resource
from cli.plan.report import judge
from lib.documents.boundary import SERVICES
from tests.images import METAFLOW_IMAGES, MLFLOW_IMAGES
from tests.program.conftest import ROOT, STACKS, Plan

EXISTING_VPC = {
    "existingVpc": {
        "vpcId": "vpc-0123456789abcdef0",
        "privateSubnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    }
}
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"

FARGATE = {
    "computeEnvironments": [{"name": "fargate", "type": "FARGATE"}],
    "jobQueues": [{"name": "default", "computeEnvironments": ["fargate"]}],
}

POLICY = "aws:iam/policy:Policy"
CORPORATE = "arn:aws:iam::123456789012:policy/corporate"

SCENARIOS: dict[str, dict[str, Any]] = {
    "existing VPC": {"network": EXISTING_VPC},
    "existing key": {"encryption": {"keyArn": KEY_ARN}},
    "existing domain": {"studio": {"domainId": "d-abcdefghijkl", "userProfiles": ["ann", "bob"]}},
    "no Studio": {"studio": {"enabled": False}},
    "aurora-postgresql": {"database": {"engine": "aurora-postgresql"}},
    "postgres": {"database": {"engine": "postgres"}},
    "TLS": {"api": {"loadBalancer": {"certificateArn": CERTIFICATE, "serverName": "mlflow.example.com"}}},
    "Cloud Map": {"api": {"integration": "cloudMap"}},
    "endpoints beside NAT": {"network": {"interfaceEndpoints": "always", "extraInterfaceEndpoints": ["athena"]}},
    "three zones": {"network": {"availabilityZones": 3, "natGateways": "perZone"}},
    "existing boundary": {"iam": {"permissionsBoundary": CORPORATE, "rolePath": "/mlplatform/team/"}},
    "no boundary": {"iam": {"permissionsBoundary": "none"}},
    "boundary's reach": {
        "iam": {
            "rolePath": "/mlplatform/ml/",
            "rolePrefix": "ML-",
            "boundaryRegions": ["eu-west-1"],
            "boundaryExtraArns": ["arn:aws:s3:::shared/*"],
        }
    },
    "built images": {"mlflow": {"images": {}}, "metaflow": {}},
    "access logs": {"artifacts": {"accessLogs": True}},
    "AI gateway": {
        "aiGateway": {
            "enabled": True,
            "endpoints": [
                {
                    "name": "claude",
                    "endpointType": "llm/v1/chat",
                    "provider": "bedrock",
                    "model": "us.anthropic.claude-sonnet-4-20250514-v1:0",
                    "config": {"aws_config": {"aws_region": "us-east-1"}},
                },
                *(
                    {"name": f"bedrock-{number}", "endpointType": "llm/v1/chat", "provider": "bedrock", "model": model}
                    for number, model in enumerate(
                        (
                            "amazon.nova-pro-v1:0",
                            "global.anthropic.claude-sonnet-4-20250514-v1:0",
                            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12cd34ef56",
                        )
                    )
                ),
                {
                    "name": "gpt",
                    "endpointType": "llm/v1/chat",
                    "provider": "openai",
                    "model": "gpt-4o-mini",
                    "secrets": {"openai_api_key": "arn:aws:secretsmanager:us-east-1:123456789012:secret:openai-a1B2c3"},
                },
            ],
        }
    },
    "own domain and firewall": {
        "domain": {"name": "ml.example.com", "hostedZoneId": "Z0123456789ABCDEFGHIJ"},
        "waf": {"enabled": True},
    },
    "no Metaflow": {"metaflow": {"enabled": False}},
    "Metaflow with all there is": {
        "metaflow": {
            "images": METAFLOW_IMAGES,
            "enableUI": True,
            "publicDomainName": "flows.example.com",
            "certificateArn": CERTIFICATE,
            "customRole": True,
            "userRole": {"trustedPrincipals": ["arn:aws:iam::123456789012:role/people"]},
            "alarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
            "gateway": {"quotaLimit": 1000, "allowedCidrs": ["192.0.2.0/24"]},
        },
        "waf": {"enabled": True},
    },
    "Metaflow with tokens": {
        "metaflow": {
            "images": METAFLOW_IMAGES,
            "apiBasicAuth": False,
            "enableSagemaker": False,
            "batch": FARGATE,
            "service": {"integration": "cloudMap"},
            "database": {"engine": "aurora-postgresql", "minAcu": 0},
        }
    },
    "password, without pages": {"mlflow": {"auth": "basic", "images": MLFLOW_IMAGES}, "web": {"enabled": False}},
    "no users": {
        "identity": {"mode": "none"},
        "mlflow": {"auth": "basic", "images": MLFLOW_IMAGES},
        "web": {"enabled": False},
        "metadataTables": {"enabled": False},
    },
}
RUNS: list[tuple[str, dict[str, Any]]] = [(stack, {}) for stack in STACKS] + [
    ("local", config) for config in SCENARIOS.values()
]
NAMES = [*STACKS, *SCENARIOS]

DOCUMENTS = {
    "aws:iam/role:Role": "assumeRolePolicy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:kms/key:Key": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "policy",
    "aws:ecs/taskDefinition:TaskDefinition": "containerDefinitions",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "policy",
    "aws:cloudwatch/eventRule:EventRule": "eventPattern",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
}
WITHOUT_TAGS = {
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:apigateway/account:Account",
    "aws:apigateway/basePathMapping:BasePathMapping",
    "aws:apigateway/deployment:Deployment",
    "aws:apigateway/integration:Integration",
    "aws:apigateway/method:Method",
    "aws:apigateway/methodSettings:MethodSettings",
    "aws:apigateway/resource:Resource",
    "aws:apigateway/usagePlanKey:UsagePlanKey",
    "aws:apigatewayv2/apiMapping:ApiMapping",
    "aws:apigatewayv2/authorizer:Authorizer",
    "aws:apigatewayv2/integration:Integration",
    "aws:apigatewayv2/route:Route",
    "aws:appautoscaling/policy:Policy",
    "aws:backup/selection:Selection",
    "aws:cloudfront/originAccessControl:OriginAccessControl",
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
    "aws:cognito/identityProvider:IdentityProvider",
    "aws:cognito/resourceServer:ResourceServer",
    "aws:cognito/userGroup:UserGroup",
    "aws:cognito/userPoolClient:UserPoolClient",
    "aws:cognito/userPoolDomain:UserPoolDomain",
    "aws:ec2/route:Route",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:kms/alias:Alias",
    "aws:lambda/invocation:Invocation",
    "aws:lambda/permission:Permission",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLogging:BucketLogging",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:route53/record:Record",
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
    "docker-build:index:Image",
    "random:index/randomId:RandomId",
    "random:index/randomPassword:RandomPassword",
}
"""Types that AWS gives no tags."""

every_run = pytest.mark.parametrize(("stack", "config"), RUNS, ids=NAMES)


@pytest.fixture
def recording(plan: Plan, stack: str, config: dict[str, Any]) -> Recording:
    return plan(stack, **config)


@every_run
def test_every_policy_document_is_known_at_preview(recording: Recording) -> None:
    judged = [resource for resource in recording.resources if resource.type in DOCUMENTS]
    assert len({resource.type for resource in judged}) >= 5
    for resource in judged:
        document = resource.props[DOCUMENTS[resource.type]]
        assert rpc.UNKNOWN not in document, f"{resource.name} cannot be judged at preview"
        json.loads(document)


DECLARED = {
    "existing boundary": {"PB01-boundary-on-every-identity": {"boundaries": [CORPORATE]}},
    "no boundary": {"PB01-boundary-on-every-identity": "disabled"},
    "boundary's reach": {
        "TG02-names": {"namePatterns": ["{project}*", "/{project}*", "alias/{project}*", "/aws/*", "ML-*"]}
    },
}
"""What the security team says to the packs before a stack may differ from what they expect."""


@every_run
def test_no_mandatory_policy_is_violated(recording: Recording, config: dict[str, Any]) -> None:
    declared = next((DECLARED.get(name) for name, given in SCENARIOS.items() if given is config), None)
    findings = judge(ROOT, recording, declared)
    assert [finding for finding in findings if finding.stops] == []


@every_run
def test_every_resource_is_tagged_or_cannot_be(recording: Recording) -> None:
    for resource in recording.resources:
        if resource.custom and resource.type not in WITHOUT_TAGS:
            tags = resource.props.get("tags", {})
            assert {"Project", "Stack", "Environment", "ManagedBy"} <= set(tags), f"{resource.name} {resource.type}"


@every_run
def test_every_child_has_a_component_of_ours_above_it(recording: Recording) -> None:
    known = {resource.urn: resource for resource in recording.resources}
    for resource in recording.resources:
        top = resource
        while top.parent:
            top = known[top.parent]
        if not resource.type.startswith("pulumi:providers:"):
            assert top.type.startswith("mlplatform:")
            assert top.custom is False


@every_run
def test_every_role_has_the_path_and_bound_of_the_settings(recording: Recording, config: dict[str, Any]) -> None:
    iam = config.get("iam", {})
    roles = recording.of_type("aws:iam/role:Role")
    assert roles
    made = [f"arn:aws:iam::123456789012:policy{p.props['path']}{p.props['name']}" for p in recording.of_type(POLICY)]
    chosen = iam.get("permissionsBoundary", "create")
    assert len(made) == (chosen == "create")
    boundary = made[0] if made else None if chosen == "none" else chosen
    for role in roles:
        assert role.props["path"] == iam.get("rolePath", "/mlplatform/")
        assert role.props.get("permissionsBoundary") == boundary
        assert role.props["name"].startswith(f"{iam.get('rolePrefix', '')}mlplatform-{recording.stack.name}-")
        assert "managedPolicyArns" not in role.props


def test_the_boundary_allows_what_roles_use_and_no_service_more(plan: Plan) -> None:
    used: set[str] = set()
    for stack, config in RUNS:
        recording = plan(stack, **config)
        boundaries = recording.of_type(POLICY)
        for policy in recording.of_type("aws:iam/rolePolicy:RolePolicy"):
            used |= {action.split(":")[0] for action in actions_of(policy.props["policy"])}
        for boundary in boundaries:
            statements = {each["Sid"]: each for each in json.loads(boundary.props["policy"])["Statement"]}
            allowed = {action.split(":")[0] for action in statements["OwnAccount"]["Action"]}
            passed = set(statements["OwnRoles"]["Action"])
            for policy in recording.of_type("aws:iam/rolePolicy:RolePolicy"):
                for action in actions_of(policy.props["policy"]):
                    assert action in passed or action.split(":")[0] in allowed, f"{policy.name}: {action} is dead"
    assert {"iam", *SERVICES} == used


def actions_of(policy: str) -> set[str]:
    return {action for statement in json.loads(policy)["Statement"] for action in statement["Action"]}


@every_run
def test_no_resource_lies_open_to_the_world(recording: Recording) -> None:
    for rule in recording.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        if rule.name == "metaflow-ui-https-1":  # the login of Metaflow's UI; test_metaflow.py
            continue
        assert "cidrIpv4" not in rule.props
        assert "cidrIpv6" not in rule.props
        assert rule.props["referencedSecurityGroupId"] == rpc.UNKNOWN
    for rule in recording.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"):
        to_the_world = "cidrIpv4" in rule.props or "cidrIpv6" in rule.props
        assert not to_the_world or (rule.props["fromPort"], rule.props["toPort"]) == (443, 443)
    for service in recording.of_type("aws:ecs/service:Service"):
        assert service.props["networkConfiguration"]["assignPublicIp"] is False


HOLDS_DATA = {
    "aws:cognito/userPool:UserPool",
    "aws:dynamodb/table:Table",
    "aws:backup/vault:Vault",
    "aws:ecr/repository:Repository",
    "aws:kms/key:Key",
    "aws:rds/cluster:Cluster",
    "aws:rds/clusterInstance:ClusterInstance",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:sagemaker/domain:Domain",
    "aws:sagemaker/notebookInstance:NotebookInstance",
    "aws:secretsmanager/secret:Secret",
}


@every_run
def test_what_holds_data_is_protected_in_prod_and_nowhere_else(recording: Recording) -> None:
    protected = {resource.type for resource in recording.resources if resource.protect}
    assert protected == (HOLDS_DATA if recording.stack.name == "prod" else set())


@every_run
def test_passwords_reach_the_engine_as_secrets_only(recording: Recording) -> None:
    for version in recording.of_type("aws:secretsmanager/secretVersion:SecretVersion"):
        assert "secretString" in version.secret_props
    for resource in recording.resources:
        assert "masterPassword" not in resource.props
        assert "password" not in resource.props


def test_a_configured_password_is_the_secrets_value_and_is_secret(plan: Plan) -> None:
    images = {"mlflow": "example.com/m:1", "nginx": "example.com/n:1"}
    hidden = {"secure": "v1:encrypted"}
    recording = plan("local", mlflow={"images": images, "auth": "basic", "password": hidden, "username": "ann"})
    version = named(recording, "aws:secretsmanager/secretVersion:SecretVersion", "mlflow-credentials")
    assert json.loads(version.props["secretString"])["username"] == "ann"
    assert "secretString" in version.secret_props
    assert not recording.of_type("random:index/randomPassword:RandomPassword")


def named(recording: Recording, type_: str, name: str) -> Resource:
    (found,) = (resource for resource in recording.of_type(type_) if resource.name == name)
    return found


def count(recording: Recording) -> Counter[str]:
    return Counter(resource.type.split(":")[-1] for resource in recording.resources if resource.custom)


def test_local_is_the_samples_architecture(plan: Plan) -> None:
    found = count(plan("local"))
    assert {kind: found[kind] for kind in ("Subnet", "NatGateway", "Listener", "VpcLink", "Route", "UserProfile")} == {
        "Subnet": 6,
        "NatGateway": 1,
        "Listener": 2,  # MLflow's, and the metadata service's
        "VpcLink": 2,
        # two in public subnets, two in private ones, MLflow's API's two, the REST API's three and four logins
        "Route": 13,
        "UserProfile": 1,
    }


def test_dev_has_no_hourly_priced_gateway_and_keeps_no_connection(plan: Plan) -> None:
    recording = plan("dev")
    found = count(recording)
    assert found["NatGateway"] == found["LoadBalancer"] == found["Eip"] == 0
    interface = [
        e for e in recording.of_type("aws:ec2/vpcEndpoint:VpcEndpoint") if e.props["vpcEndpointType"] == "Interface"
    ]
    assert sorted(e.props["serviceName"].split("us-east-1.")[1] for e in interface) == ["ecr.api", "ecr.dkr", "logs"]
    clusters = recording.of_type("aws:rds/cluster:Cluster")
    assert [c.props["serverlessv2ScalingConfiguration"]["minCapacity"] for c in clusters] == [0, 0]
    environment = environment_of(recording, "mlflowContainer")
    assert environment["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] == "NullPool"
    assert environment["AWS_USE_DUALSTACK_ENDPOINT"] == "true"


def test_prod_survives_the_loss_of_a_zone(plan: Plan) -> None:
    found = count(plan("prod"))
    assert found["NatGateway"] == 2
    assert found["ClusterInstance"] == 2
    targets = plan("prod").of_type("aws:appautoscaling/target:Target")
    assert [target.name for target in targets] == ["metaflow-metadata", "mlflow"]
    assert all(target.props["minCapacity"] >= 2 for target in targets)
    assert named(plan("prod"), "aws:rds/instance:Instance", "metaflow-database").props["multiAz"] is True


def containers_of(recording: Recording) -> dict[str, dict[str, Any]]:
    task = named(recording, "aws:ecs/taskDefinition:TaskDefinition", "mlflow")
    return {container["name"]: container for container in json.loads(task.props["containerDefinitions"])}


def environment_of(recording: Recording, container: str) -> dict[str, str]:
    return {pair["name"]: pair["value"] for pair in containers_of(recording)[container]["environment"]}


def test_the_task_migrates_first_then_serves_then_opens_the_door(plan: Plan) -> None:
    assert list(containers_of(plan("dev"))) == ["migrationContainer", "mlflowContainer", "nginxContainer"]
    containers = containers_of(plan("local"))
    assert list(containers) == ["migrationContainer", "mlflowContainer", "authoriserContainer", "nginxContainer"]
    assert [containers[name]["essential"] for name in containers] == [False, True, True, True]
    assert containers["mlflowContainer"]["dependsOn"] == [
        {"containerName": "migrationContainer", "condition": "SUCCESS"}
    ]
    assert {"containerName": "mlflowContainer", "condition": "HEALTHY"} in containers["nginxContainer"]["dependsOn"]
    for container in containers.values():
        assert container["readonlyRootFilesystem"] is True
        assert container["user"] not in ("0", "root")
    assert environment_of(plan("local"), "mlflowContainer")["MLFLOW_HOST"] == "127.0.0.1"


def test_with_tokens_there_is_no_password_and_the_task_checks_them_itself(plan: Plan) -> None:
    recording = plan("local")
    door = containers_of(recording)["nginxContainer"]
    assert {"containerName": "authoriserContainer", "condition": "HEALTHY"} in door["dependsOn"]
    authoriser = environment_of(recording, "authoriserContainer")
    assert authoriser["MLFLOW_TOKENS_PARAMETER"] == "/mlplatform/local/mlflow/tokens"
    asked = environment_of(recording, "nginxContainer")
    assert asked["MLFLOW_AUTH_TYPE"] == "cognito"
    assert asked["MLFLOW_AUTHORISER"] == f"127.0.0.1:{authoriser['MLFLOW_AUTHORISE_PORT']}"
    parameter = named(recording, "aws:ssm/parameter:Parameter", "mlflow-tokens").props
    assert (parameter["type"], parameter["name"]) == ("SecureString", authoriser["MLFLOW_TOKENS_PARAMETER"])
    assert not recording.of_type("random:index/randomPassword:RandomPassword")
    assert "credentials" not in json.dumps(containers_of(recording)).lower()
    assert "tokens" in named(recording, "aws:ecs/service:Service", "mlflow").props["triggers"]
    assert "credentials" in named(plan("dev"), "aws:ecs/service:Service", "mlflow").props["triggers"]


def test_mlflow_answers_to_the_names_that_the_api_has_and_no_other(plan: Plan) -> None:
    def hosts(**config: Any) -> list[str]:
        return environment_of(plan("local", **config), "mlflowContainer")["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")

    inside = "mlflowservice.http-api.local"
    assert hosts() == ["*.execute-api.us-east-1.amazonaws.com", inside]
    assert hosts(domain={"name": "ml.example.com", "dns": "manual"}) == ["mlflow.ml.example.com", inside]


def test_an_existing_vpc_gets_security_groups_and_a_private_zone_and_nothing_else(plan: Plan) -> None:
    network = [
        resource
        for resource in plan("local", network=EXISTING_VPC).resources
        if resource.custom and "mlplatform:network:Network$" in resource.urn
    ]
    assert network == []


def test_a_replaced_engine_leaves_one_database(plan: Plan) -> None:
    postgres = count(plan("local", database={"engine": "postgres"}, metaflow={"enabled": False}))
    assert (postgres["Instance"], postgres["Cluster"], postgres["ParameterGroup"]) == (1, 1, 1)  # the cluster is ECS's


def test_tls_on_the_load_balancer_is_verified_by_the_api(plan: Plan) -> None:
    recording = plan("local", **SCENARIOS["TLS"])
    listener = named(recording, "aws:lb/listener:Listener", "load-balancer").props
    assert (listener["protocol"], listener["port"], listener["certificateArn"]) == ("HTTPS", 443, CERTIFICATE)
    (integration,) = [
        r.props for r in recording.of_type("aws:apigatewayv2/integration:Integration") if "tlsConfig" in r.props
    ]
    assert integration["tlsConfig"] == {"serverNameToVerify": "mlflow.example.com"}


def test_without_load_balancer_the_port_is_registered(plan: Plan) -> None:
    recording = plan("local", api={"integration": "cloudMap"})
    service = named(recording, "aws:ecs/service:Service", "mlflow").props
    assert service["serviceRegistries"]["containerName"] == "nginxContainer"
    assert service["serviceRegistries"]["containerPort"] == 80
    discovery = named(recording, "aws:servicediscovery/service:Service", "mlflow").props
    assert discovery["dnsConfig"]["dnsRecords"] == [{"type": "SRV", "ttl": 10}]
