"""Metaflow as the program registers it, in each of its shapes: what is public, who gets in, what waits for what."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from pulumi.output import Unknown
from pulumi.runtime import rpc

from cli.plan import recorder
from cli.plan.answers import answers
from cli.plan.recorder import Recording, Resource, record
from cli.plan.report import judge
from cli.plan.stack_file import read_stack
from settings.base import Environment
from tests.exported import Exported, exists
from tests.images import METAFLOW_IMAGES, MLFLOW_IMAGES
from tests.program.conftest import ROOT, STACKS, Plan
from tests.program.test_every_stack import (
    CERTIFICATE,
    EXISTING_VPC,
    FARGATE,
    HOLDS_DATA,
    actions_of,
    named,
)

API, METHOD = "aws:apigateway/restApi:RestApi", "aws:apigateway/method:Method"
DEPLOYMENT = "aws:apigateway/deployment:Deployment"
STAGE, PLAN_OF_USE = "aws:apigateway/stage:Stage", "aws:apigateway/usagePlan:UsagePlan"
HTTP_API, ROUTE = "aws:apigatewayv2/api:Api", "aws:apigatewayv2/route:Route"
ENVIRONMENT, QUEUE = "aws:batch/computeEnvironment:ComputeEnvironment", "aws:batch/jobQueue:JobQueue"
TEMPLATE, POLICY = "aws:ec2/launchTemplate:LaunchTemplate", "aws:iam/rolePolicy:RolePolicy"
BALANCER, LISTENER, TARGETS = (
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/listener:Listener",
    "aws:lb/targetGroup:TargetGroup",
)
SERVICE, TASK = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP, LOG_GROUP = "aws:ec2/securityGroup:SecurityGroup", "aws:cloudwatch/logGroup:LogGroup"
INVOCATION, ROLE = "aws:lambda/invocation:Invocation", "aws:iam/role:Role"
ALARM, NOTEBOOK = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:sagemaker/notebookInstance:NotebookInstance"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"

DOMAIN = {"name": "ml.example.com", "hostedZoneId": "Z0123456789ABCDEFGHIJ"}
NAMED = {"enableUI": True, "publicDomainName": "flows.example.com", "certificateArn": CERTIFICATE}
TOKENS = {"apiBasicAuth": False}
PUBLIC = {"publicSubnetIds": ["subnet-0123456789abcdef2", "subnet-0123456789abcdef3"]}
ISOLATED = {"isolatedSubnetIds": ["subnet-0123456789abcdef4", "subnet-0123456789abcdef5"]}
EXISTING = {"existingVpc": EXISTING_VPC["existingVpc"] | PUBLIC | ISOLATED}
PEOPLE = "arn:aws:iam::123456789012:role/people"
WORKER = "arn:aws:iam::123456789012:policy/team/flows"
TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"
POOL = {
    "cognitoUserPoolId": "us-east-1_abc",
    "cliClientId": "cli",
    "jupyterhubClientId": "hub",
    "mlflowuiClientId": "ui",
    "webClientId": "web",
}
CPU = {"name": "cpu", "instanceTypes": ["m7i", "c7i"], "maxvCpus": 16}
SPOT = {"name": "spot", "type": "SPOT", "instanceTypes": ["m7i"], "bidPercentage": 60, "maxvCpus": 16}
GPU = {
    "name": "gpu",
    "imageType": "ECS_AL2023_NVIDIA",
    "instanceTypes": ["g6"],
    "diskGib": 300,
    "placement": "cluster",
    "maxvCpus": 32,
}
TWO_QUEUES = {
    "computeEnvironments": [CPU, SPOT, GPU],
    "jobQueues": [
        {"name": "default", "computeEnvironments": ["spot", "cpu"]},
        {"name": "gpu", "computeEnvironments": ["gpu"], "priority": 9, "cancelWaitingAfterMinutes": 120},
    ],
}
SHARES = {
    "shareDecaySeconds": 600,
    "computeReservation": 10,
    "shareDistribution": [{"shareIdentifier": "research*", "weightFactor": 0.5}],
}
FAIR = {
    "computeEnvironments": [CPU],
    "jobQueues": [
        {"name": "default", "computeEnvironments": ["cpu"]},
        {"name": "fair", "computeEnvironments": ["cpu"], "fairShare": SHARES},
    ],
}
NO_USERS: dict[str, Any] = {
    "identity": {"mode": "none"},
    "mlflow": {"auth": "basic", "images": MLFLOW_IMAGES},
    "web": {"enabled": False},
}

SCENARIOS: dict[str, dict[str, Any]] = {
    "key": {"metaflow": {}},
    "tokens": {"metaflow": TOKENS},
    "tokens without load balancer": {"metaflow": {**TOKENS, "service": {"integration": "cloudMap"}}},
    "key without users": {"metaflow": {}, **NO_USERS},
    "UI with a name of its own": {"metaflow": NAMED},
    "UI in the platform's domain": {"metaflow": {"enableUI": True}, "domain": DOMAIN},
    "UI for an existing pool": {
        "metaflow": NAMED,
        "identity": {"mode": "existing", "existing": {**POOL, "domain": "login.example.com"}},
    },
    "UI for the office": {"metaflow": {**NAMED, "ui": {"allowedCidrs": ["192.0.2.0/24", "198.51.100.0/24"]}}},
    "two queues with GPU and Spot": {"metaflow": {"batch": TWO_QUEUES}},
    "fair share": {"metaflow": {"batch": FAIR}},
    "jobs on Fargate": {"metaflow": {"batch": FARGATE}},
    "role for people": {
        "metaflow": {
            "customRole": True,
            "userRole": {"trustedPrincipals": [PEOPLE], "externalId": "flows", "requireMfa": True},
        }
    },
    "no notebook": {"metaflow": {"enableSagemaker": False}},
    "existing VPC": {"metaflow": {**NAMED, "batch": TWO_QUEUES}, "network": EXISTING},
    "without NAT": {
        "metaflow": {"enableSagemaker": False},
        "network": {"natGateways": "none"},
        "studio": {"enabled": False},
        "mlflow": {"auth": "basic", "images": MLFLOW_IMAGES},
    },
    "firewall": {"metaflow": NAMED, "waf": {"enabled": True}},
    "further rights of jobs": {"metaflow": {"batch": {"additionalWorkerPolicyArn": WORKER}}},
    "further images": {"metaflow": {"batch": {"imageRepositories": ["team/*"]}}},
    "jobs' log of somebody else": {"metaflow": {"batch": {"createJobLogGroup": False}}},
    "quota and addresses": {
        "metaflow": {"gateway": {"quotaLimit": 5000, "quotaPeriod": "WEEK", "allowedCidrs": ["192.0.2.0/24"]}}
    },
    "account's log role": {"metaflow": {"gateway": {"cloudwatchRole": "account"}}},
    "Aurora that pauses": {"metaflow": {"database": {"engine": "aurora-postgresql", "minAcu": 0}}},
    "ARM": {"metaflow": {"service": {"cpuArchitecture": "ARM64"}}},
    "alarms to a topic": {"metaflow": {"alarmTopicArn": TOPIC}},
    "access logs": {"metaflow": NAMED, "artifacts": {"accessLogs": True}},
}


def scenario(name: str) -> dict[str, Any]:
    given = SCENARIOS[name]
    notebook = {} if given["metaflow"].get("enableSagemaker") is False else {"notebook": {"volumeGib": 20}}
    return {**given, "metaflow": {"images": METAFLOW_IMAGES, **notebook, **given["metaflow"]}}


every_scenario = pytest.mark.parametrize("what", SCENARIOS)
every_stack = pytest.mark.parametrize("stack", STACKS)


@pytest.fixture
def recording(plan: Plan, what: str) -> Recording:
    return plan("local", **scenario(what))


def ours(recording: Recording) -> list[Resource]:
    """Metaflow's resources and components."""
    return [resource for resource in recording.resources if "mlplatform:metaflow:" in resource.urn]


def leads(recording: Recording, type_: str, property_: str, to: Resource) -> list[Resource]:
    """Resources of a type whose property comes from another resource."""
    return [each for each in recording.of_type(type_) if to.urn in each.property_dependencies.get(property_, ())]


def document(recording: Recording, policy: str) -> dict[str, dict[str, Any]]:
    props = named(recording, POLICY, policy).props
    return {statement["Sid"]: statement for statement in json.loads(props["policy"])["Statement"]}


def containers(recording: Recording, task: str) -> list[dict[str, Any]]:
    return json.loads(named(recording, TASK, task).props["containerDefinitions"])


def recorded(what: str) -> Recording:
    """A scenario, recorded anew."""
    given = {f"mlplatform:{key}": value for key, value in scenario(what).items()}
    return record(ROOT, read_stack(ROOT, "local", given))


@every_scenario
def test_no_mandatory_policy_is_violated(recording: Recording) -> None:
    assert [finding for finding in judge(ROOT, recording) if finding.stops] == []


@every_scenario
def test_nothing_has_a_public_address_but_the_uis_load_balancer(recording: Recording, what: str) -> None:
    for service in recording.of_type(SERVICE):
        assert service.props["networkConfiguration"]["assignPublicIp"] is False
    for template in recording.of_type(TEMPLATE):
        assert "networkInterfaces" not in template.props
    for kind in ("aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance"):
        assert all(each.props["publiclyAccessible"] is False for each in recording.of_type(kind))
    for notebook in recording.of_type(NOTEBOOK):
        assert notebook.props["directInternetAccess"] == "Disabled"
    public = [each.name for each in recording.of_type(BALANCER) if not each.props["internal"]]
    assert public == (["metaflow-ui"] if "enableUI" in SCENARIOS[what]["metaflow"] else [])


def test_in_an_existing_vpc_all_is_in_private_subnets_and_the_uis_load_balancer_alone_in_public_ones(
    plan: Plan,
) -> None:
    recording = plan("local", **scenario("existing VPC"))
    private = EXISTING_VPC["existingVpc"]["privateSubnetIds"]
    for service in recording.of_type(SERVICE):
        assert service.props["networkConfiguration"]["subnets"] == private
    computing = {each.name: each.props["computeResources"]["subnets"] for each in recording.of_type(ENVIRONMENT)}
    assert computing == {
        "metaflow-batch-cpu": private,
        "metaflow-batch-gpu": private[:1],  # its placement is a cluster's
        "metaflow-batch-spot": private,
    }
    assert named(recording, NOTEBOOK, "metaflow-notebook").props["subnetId"] == private[0]
    subnets = named(recording, "aws:rds/subnetGroup:SubnetGroup", "metaflow-database").props["subnetIds"]
    assert subnets == ISOLATED["isolatedSubnetIds"]
    stand = {each.name: each.props["subnets"] for each in recording.of_type(BALANCER)}
    assert stand == {
        "load-balancer": private,
        "metaflow-metadata-load-balancer": private,
        "metaflow-ui": PUBLIC["publicSubnetIds"],
    }


UIS = [name for name, given in SCENARIOS.items() if "enableUI" in given["metaflow"]]


@pytest.mark.parametrize("what", UIS)
def test_the_ui_asks_everybody_to_log_in_before_anything_else(recording: Recording) -> None:
    targets = named(recording, TARGETS, "metaflow-ui")
    (listener,) = leads(recording, LISTENER, "defaultActions", targets)
    first, second = listener.props["defaultActions"]
    assert (first["type"], first["order"]) == ("authenticate-cognito", 1)
    assert first["authenticateCognito"]["onUnauthenticatedRequest"] == "authenticate"
    assert first["authenticateCognito"]["sessionTimeout"] == 12 * 3600
    assert second == {"type": "forward", "order": 2, "targetGroupArn": rpc.UNKNOWN}
    props = listener.props
    assert (props["port"], props["protocol"]) == (443, "HTTPS")
    assert props["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-")
    client = named(recording, "aws:cognito/userPoolClient:UserPoolClient", "metaflow-ui")
    assert client.urn in listener.property_dependencies["defaultActions"]


@pytest.mark.parametrize("what", UIS)
def test_nothing_but_that_listener_leads_to_the_ui(recording: Recording) -> None:
    assert not [each for each in recording.resources if "listenerRule" in each.type]
    balancer, targets = named(recording, BALANCER, "metaflow-ui"), named(recording, TARGETS, "metaflow-ui")
    assert [each.name for each in leads(recording, LISTENER, "loadBalancerArn", balancer)] == ["metaflow-ui"]
    assert [each.name for each in leads(recording, SERVICE, "loadBalancers", targets)] == ["metaflow-ui"]
    tasks, front = named(recording, GROUP, "metaflow-ui-tasks"), named(recording, GROUP, "metaflow-ui")
    (way_in,) = leads(recording, INGRESS, "securityGroupId", tasks)
    assert way_in.property_dependencies["referencedSecurityGroupId"] == [front.urn]
    assert (way_in.props["fromPort"], way_in.props["toPort"]) == (8083, 8083)
    service = named(recording, SERVICE, "metaflow-ui")
    assert "serviceRegistries" not in service.props
    assert front.urn not in service.property_dependencies["networkConfiguration"]


@pytest.mark.parametrize("what", UIS)
def test_the_ui_is_open_on_443_to_the_configured_addresses_and_says_so(recording: Recording, what: str) -> None:
    front = named(recording, GROUP, "metaflow-ui")
    assert front.props["tags"]["PublicLoadBalancer"] == "true"
    rules = leads(recording, INGRESS, "securityGroupId", front)
    allowed = SCENARIOS[what]["metaflow"].get("ui", {}).get("allowedCidrs", ["0.0.0.0/0"])
    assert [rule.props["cidrIpv4"] for rule in rules] == allowed
    assert {(rule.props["fromPort"], rule.props["toPort"]) for rule in rules} == {(443, 443)}
    opened = [rule for rule in recording.of_type(INGRESS) if {"cidrIpv4", "cidrIpv6"} & set(rule.props)]
    assert opened == rules


@pytest.mark.parametrize(
    ("what", "host", "domain"),
    [
        ("UI with a name of its own", "flows.example.com", "mlplatform-local-123456789012"),
        ("UI in the platform's domain", "metaflowui.ml.example.com", "mlplatform-local-123456789012"),
        ("UI for an existing pool", "flows.example.com", "login.example.com"),
    ],
)
def test_the_login_comes_back_to_the_uis_name_with_a_code_for_the_load_balancer_alone(
    recording: Recording, host: str, domain: str
) -> None:
    client = named(recording, "aws:cognito/userPoolClient:UserPoolClient", "metaflow-ui").props
    assert client["callbackUrls"] == [f"https://{host}/oauth2/idpresponse"]
    assert (client["generateSecret"], client["allowedOauthFlows"]) == (True, ["code"])
    assert client["explicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    listener = named(recording, LISTENER, "metaflow-ui").props
    assert listener["defaultActions"][0]["authenticateCognito"]["userPoolDomain"] == domain
    assert listener["certificateArn"] == (rpc.UNKNOWN if host.startswith("metaflowui.") else CERTIFICATE)


def test_the_names_of_api_and_ui_are_entered_where_they_are_the_platforms(plan: Plan) -> None:
    recording = plan("local", **scenario("UI in the platform's domain"))
    entries = {record_.props["name"] for record_ in recording.of_type("aws:route53/record:Record")}
    assert {"metaflow.ml.example.com", "metaflowui.ml.example.com"} <= entries
    assert {"MetaflowARecord", "MetaflowUIARecord"} <= set(recording.outputs)
    alone = plan("local", **{**scenario("UI with a name of its own"), "domain": DOMAIN})
    entries = {record_.props["name"] for record_ in alone.of_type("aws:route53/record:Record")}
    assert "metaflow.ml.example.com" in entries
    assert not {"metaflowui.ml.example.com", "flows.example.com"} & entries
    assert "MetaflowUIARecord" not in alone.outputs


KEYS = [name for name, given in SCENARIOS.items() if given["metaflow"].get("apiBasicAuth") is not False]


@pytest.mark.parametrize("what", KEYS)
def test_every_method_of_the_rest_api_demands_the_key(recording: Recording) -> None:
    api = named(recording, API, "metaflow-api")
    (method,) = recording.of_type(METHOD)
    assert (method.props["httpMethod"], method.props["apiKeyRequired"]) == ("ANY", True)
    (resource,) = recording.of_type("aws:apigateway/resource:Resource")
    assert resource.props["pathPart"] == "{proxy+}"
    assert "body" not in api.props  # which could bring further methods
    deployed = named(recording, DEPLOYMENT, "metaflow-api")
    assert method.urn in deployed.dependencies
    key = named(recording, "aws:apigateway/apiKey:ApiKey", "metaflow-api")
    use = named(recording, "aws:apigateway/usagePlanKey:UsagePlanKey", "metaflow-api")
    assert use.property_dependencies["keyId"] == [key.urn]
    plan_of_use = named(recording, PLAN_OF_USE, "metaflow-api")
    assert use.property_dependencies["usagePlanId"] == [plan_of_use.urn]
    assert plan_of_use.property_dependencies["apiStages"] == sorted(
        [api.urn, named(recording, STAGE, "metaflow-api").urn]
    )
    assert "value" not in key.props
    assert [each for each in recording.of_type(HTTP_API) if "metaflow" in each.name] == []


def test_the_api_is_deployed_again_when_its_name_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own name answers until then, though it is disabled."""
    kinds = [f"aws:apigateway/{kind}" for kind in ("resource:Resource", "integration:Integration", "vpcLink:VpcLink")]
    for type_ in (*kinds, METHOD):
        exists(monkeypatch, type_)
    exists(monkeypatch, API, "policy")
    exists(monkeypatch, BALANCER, "dnsName")
    own, again, aws_name = (
        named(recorded(what), DEPLOYMENT, "metaflow-api").props["triggers"]["shape"]
        for what in ("UI in the platform's domain", "UI in the platform's domain", "key")
    )
    assert rpc.UNKNOWN not in (own, aws_name)
    assert own == again != aws_name


def test_the_api_is_throttled_traced_and_logged_without_the_key(plan: Plan) -> None:
    recording = plan("local", **scenario("quota and addresses"))
    usage = named(recording, PLAN_OF_USE, "metaflow-api").props
    assert usage["throttleSettings"] == {"rateLimit": 100, "burstLimit": 200}
    assert usage["quotaSettings"] == {"limit": 5000, "period": "WEEK"}
    assert "quotaSettings" not in named(plan("local"), PLAN_OF_USE, "metaflow-api").props
    settings = named(recording, "aws:apigateway/methodSettings:MethodSettings", "metaflow-api").props
    assert (settings["methodPath"], settings["settings"]) == (
        "*/*",
        {
            "throttlingRateLimit": 100,
            "throttlingBurstLimit": 200,
            "metricsEnabled": True,
            "loggingLevel": "ERROR",
            "dataTraceEnabled": False,
        },
    )
    stage = named(recording, STAGE, "metaflow-api")
    assert (stage.props["stageName"], stage.props["xrayTracingEnabled"]) == ("api", True)
    logged = json.loads(stage.props["accessLogSettings"]["format"])
    assert logged["apiKeyId"] == "$context.identity.apiKeyId"
    assert "$context.identity.apiKey" not in logged.values()
    assert not [field for field in logged.values() if field.startswith("$context.authorizer")]


def test_addresses_that_may_call_are_the_apis_policy(plan: Plan) -> None:
    restricted = named(plan("local", **scenario("quota and addresses")), API, "metaflow-api").props
    (statement,) = json.loads(restricted["policy"])["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Allow", "*", ["execute-api:Invoke"])
    assert statement["Condition"] == {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}
    assert "policy" not in named(plan("local"), API, "metaflow-api").props


def test_the_role_of_the_apis_logs_is_made_before_the_stage_or_is_the_accounts(plan: Plan) -> None:
    account = "aws:apigateway/account:Account"
    recording = plan("local", **scenario("key"))
    (made,) = recording.of_type(account)
    assert made.property_dependencies["cloudwatchRoleArn"][0] == named(recording, ROLE, "metaflow-api-logs").urn
    assert made.urn in named(recording, STAGE, "metaflow-api").dependencies
    there = plan("local", **scenario("account's log role"))
    assert there.of_type(account) == []
    assert "metaflow-api-logs" not in [role.name for role in there.of_type(ROLE)]


@pytest.mark.parametrize("what", ["tokens", "tokens without load balancer"])
def test_with_tokens_every_route_asks_for_one_and_there_is_no_key(recording: Recording) -> None:
    api = named(recording, HTTP_API, "metaflow-api")
    (route,) = leads(recording, ROUTE, "apiId", api)
    authorizer = named(recording, "aws:apigatewayv2/authorizer:Authorizer", "metaflow-api")
    assert (route.props["routeKey"], route.props["authorizationType"]) == ("ANY /{proxy+}", "JWT")
    assert route.property_dependencies["authorizerId"] == [authorizer.urn]
    assert not [each for each in recording.resources if each.type.startswith("aws:apigateway/")]
    assert "ApiKeyId" not in recording.outputs


def test_without_load_balancer_tasks_are_found_by_name_and_the_link_reaches_them_alone(plan: Plan) -> None:
    recording = plan("local", **scenario("tokens without load balancer"))
    assert [each.name for each in recording.of_type(BALANCER)] == ["load-balancer"]
    discovery = named(recording, "aws:servicediscovery/service:Service", "metaflow-metadata").props
    assert [each["type"] for each in discovery["dnsConfig"]["dnsRecords"]] == ["A", "SRV"]
    registered = named(recording, SERVICE, "metaflow-metadata").props["serviceRegistries"]
    assert (registered["containerName"], registered["containerPort"]) == ("metadataContainer", 8080)
    tasks = named(recording, GROUP, "metaflow-metadata")
    ways = {rule.name: rule for rule in leads(recording, INGRESS, "securityGroupId", tasks)}
    assert set(ways) == {"metaflow-jobs-ingress", "metaflow-api-link-ingress", "metaflow-notebook-metadata-ingress"}
    assert {(way.props["fromPort"], way.props["toPort"]) for way in ways.values()} == {(8080, 8080)}


def test_only_jobs_and_notebook_and_the_rest_apis_link_reach_the_metadata_service(plan: Plan) -> None:
    recording = plan("local", **scenario("UI with a name of its own"))
    balancer, tasks = (
        named(recording, GROUP, name) for name in ("metaflow-metadata-load-balancer", "metaflow-metadata")
    )
    (from_balancer,) = leads(recording, INGRESS, "securityGroupId", tasks)
    assert from_balancer.property_dependencies["referencedSecurityGroupId"] == [balancer.urn]
    callers = {
        rule.property_dependencies["referencedSecurityGroupId"][0].split("::")[-1]
        for rule in leads(recording, INGRESS, "securityGroupId", balancer)
    }
    assert callers == {"metaflow-batch", "metaflow-notebook"}
    props = named(recording, BALANCER, "metaflow-metadata-load-balancer").props
    assert (props["internal"], props["loadBalancerType"]) == (True, "network")
    # What comes by a VPC link has no address that a rule could name.
    assert props["enforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] == "off"
    database = named(recording, GROUP, "metaflow-database")
    readers = leads(recording, INGRESS, "securityGroupId", database)
    assert [rule.name for rule in readers] == ["metaflow-metadata-database-ingress", "metaflow-ui-database-ingress"]


@pytest.mark.parametrize(
    ("what", "database"),
    [("UI with a name of its own", "aws:rds/instance:Instance"), ("Aurora that pauses", "aws:rds/cluster:Cluster")],
)
def test_the_schema_is_migrated_after_the_database_and_before_any_task_serves(
    recording: Recording, database: str
) -> None:
    (migrated,) = recording.of_type(INVOCATION)
    assert migrated.urn in named(recording, SERVICE, "metaflow-metadata").dependencies
    waits = set(migrated.dependencies)
    assert named(recording, TASK, "metaflow-metadata-migration").urn in waits
    assert named(recording, "aws:ssm/parameter:Parameter", "metaflow-metadata-database").urn in waits
    assert named(recording, LOG_GROUP, "metaflow-metadata").urn in waits
    assert named(recording, database, "metaflow-database").urn in waits
    instances = [each.urn for each in recording.of_type("aws:rds/clusterInstance:ClusterInstance")]
    assert {urn for urn in instances if "metaflow-database" in urn} <= waits
    ways = {f"metaflow-metadata-{way}" for way in ("database-egress", "database-ingress", "https-ipv4")}
    assert ways <= {urn.split("::")[-1] for urn in waits}
    assert migrated.property_dependencies["triggers"]
    ui = [each for each in recording.of_type(SERVICE) if each.name == "metaflow-ui"]
    assert all({migrated.urn, named(recording, SERVICE, "metaflow-metadata").urn} <= set(u.dependencies) for u in ui)


def test_migration_and_services_run_again_when_their_image_or_their_database_are_new_and_mlflows_do_not(
    plan: Plan,
) -> None:
    recording = plan("local", **scenario("UI with a name of its own"))
    assert named(recording, INVOCATION, "metaflow-metadata-migration").props["triggers"] == {
        "image": METAFLOW_IMAGES["service"],
        "database": rpc.UNKNOWN,
    }
    for name in ("metaflow-metadata", "metaflow-ui"):
        triggers = named(recording, SERVICE, name).props["triggers"]
        assert triggers == {"images": METAFLOW_IMAGES["service"], "database": rpc.UNKNOWN}
    images = read_stack(ROOT, "local").config["mlplatform:mlflow"]
    given = json.loads(images)["images"]
    triggers = named(recording, SERVICE, "mlflow").props["triggers"]
    assert triggers["images"] == f"{given['mlflow']},{given['nginx']}"


def test_a_built_image_holds_up_who_runs_it_and_nobody_else(plan: Plan) -> None:
    recording = plan("dev")
    waits = {service.name: service.property_dependencies["triggers"] for service in recording.of_type(SERVICE)}
    pushed = {
        name: {urn.split("::")[-1] for urn in urns if "docker" in urn.lower() or "image" in urn.lower()}
        for name, urns in waits.items()
    }
    assert pushed == {
        "mlflow": {"images-mlflow", "images-nginx"},
        "metaflow-metadata": {"images-metaflow"},
    }


@pytest.mark.parametrize("what", ["UI with a name of its own", "tokens without load balancer"])
def test_a_service_waits_for_the_capacity_that_it_names(recording: Recording) -> None:
    capacity = named(recording, "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders", "mlflow")
    for service in recording.of_type(SERVICE):
        assert capacity.urn in service.dependencies, service.name


@every_stack
def test_batch_keeps_nothing_at_rest_and_moves_the_number_itself(plan: Plan, stack: str) -> None:
    environments = plan(stack).of_type(ENVIRONMENT)
    assert environments
    for environment in environments:
        resources = environment.props["computeResources"]
        if resources["type"].startswith("FARGATE"):
            assert not {"minVcpus", "desiredVcpus"} & set(resources)
        else:
            assert (resources["minVcpus"], resources["desiredVcpus"]) == (0, 0)
            assert environment.ignore_changes == ["computeResources.desiredVcpus"]


@every_scenario
def test_environments_have_made_up_names_and_batchs_own_role(recording: Recording) -> None:
    environments = recording.of_type(ENVIRONMENT)
    assert environments
    for environment in environments:
        props = environment.props
        name = environment.name.removeprefix("metaflow-batch-")
        assert props["namePrefix"] == f"mlplatform-local-metaflow-{name}-"
        assert not {"name", "serviceRole"} & set(props)
        assert (props["type"], props["state"]) == ("MANAGED", "ENABLED")
        if props["computeResources"]["type"].startswith("FARGATE"):
            assert set(props["computeResources"]) == {"type", "maxVcpus", "subnets", "securityGroupIds"}
        else:
            # With Batch's own role, this policy and no BEST_FIT an environment can be updated in place.
            assert props["updatePolicy"] == {"terminateJobsOnUpdate": False, "jobExecutionTimeoutMinutes": 360}


@every_scenario
def test_instances_have_imdsv2_encrypted_disks_and_the_stacks_tags(recording: Recording) -> None:
    instances = [e for e in recording.of_type(ENVIRONMENT) if "FARGATE" not in e.props["computeResources"]["type"]]
    templates = recording.of_type(TEMPLATE)
    assert [template.name for template in templates] == [environment.name for environment in instances]
    for template, environment in zip(templates, instances, strict=True):
        assert template.props["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
            "instanceMetadataTags": "disabled",
        }
        (disk,) = template.props["blockDeviceMappings"]
        assert (disk["ebs"]["encrypted"], disk["ebs"]["deleteOnTermination"]) == ("true", "true")
        tagged = {each["resourceType"]: each["tags"]["Project"] for each in template.props["tagSpecifications"]}
        assert tagged == {"instance": "mlplatform", "volume": "mlplatform"}
        # A new version of the template is a change of the environment.
        assert template.urn in environment.property_dependencies["computeResources"]
        assert environment.props["computeResources"]["launchTemplate"]["version"] == rpc.UNKNOWN
    profiles = recording.of_type("aws:iam/instanceProfile:InstanceProfile")
    assert len(profiles) == bool(instances)


def test_each_environment_is_what_the_settings_say(plan: Plan) -> None:
    recording = plan("local", **scenario("two queues with GPU and Spot"))
    found = {
        environment.name.removeprefix("metaflow-batch-"): environment.props["computeResources"]
        for environment in recording.of_type(ENVIRONMENT)
    }
    chosen = ("type", "instanceTypes", "maxVcpus", "allocationStrategy", "bidPercentage", "ec2Configurations")
    assert {name: {key: each.get(key) for key in chosen} for name, each in found.items()} == {
        "cpu": {
            "type": "EC2",
            "instanceTypes": ["m7i", "c7i"],
            "maxVcpus": 16,
            "allocationStrategy": "BEST_FIT_PROGRESSIVE",
            "bidPercentage": None,
            "ec2Configurations": [{"imageType": "ECS_AL2023"}],
        },
        "gpu": {
            "type": "EC2",
            "instanceTypes": ["g6"],
            "maxVcpus": 32,
            "allocationStrategy": "BEST_FIT_PROGRESSIVE",
            "bidPercentage": None,
            "ec2Configurations": [{"imageType": "ECS_AL2023_NVIDIA"}],
        },
        "spot": {
            "type": "SPOT",
            "instanceTypes": ["m7i"],
            "maxVcpus": 16,
            "allocationStrategy": "SPOT_PRICE_CAPACITY_OPTIMIZED",
            "bidPercentage": 60,
            "ec2Configurations": [{"imageType": "ECS_AL2023"}],
        },
    }
    (placement,) = recording.of_type("aws:ec2/placementGroup:PlacementGroup")
    assert (placement.props["strategy"], placement.props["name"]) == ("cluster", found["gpu"]["placementGroup"])
    assert placement.name == "metaflow-batch-gpu-cluster", "a group of another strategy is another group"
    disks = {t.name: t.props["blockDeviceMappings"][0]["ebs"]["volumeSize"] for t in recording.of_type(TEMPLATE)}
    assert disks == {"metaflow-batch-cpu": 100, "metaflow-batch-gpu": 300, "metaflow-batch-spot": 100}


def test_queues_try_their_environments_in_order_and_give_up_on_what_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    exists(monkeypatch, ENVIRONMENT, "arn")
    recording = recorded("two queues with GPU and Spot")
    default, gpu = (named(recording, QUEUE, f"metaflow-batch-{name}") for name in ("default", "gpu"))
    orders = {
        queue.name: [(each["order"], each["computeEnvironment"]) for each in queue.props["computeEnvironmentOrders"]]
        for queue in (default, gpu)
    }
    assert orders == {
        "metaflow-batch-default": [(1, "arn of metaflow-batch-spot"), (2, "arn of metaflow-batch-cpu")],
        "metaflow-batch-gpu": [(1, "arn of metaflow-batch-gpu")],
    }
    assert (default.props["name"], default.props["priority"]) == ("mlplatform-local-default", 1)
    assert (gpu.props["name"], gpu.props["priority"]) == ("mlplatform-local-gpu", 9)
    hopeless = {
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": 600,
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": 600,
    }
    waiting = {"CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": 7200}
    for queue, limits in ((default, hopeless), (gpu, hopeless | waiting)):
        actions = queue.props["jobStateTimeLimitActions"]
        assert {each["reason"]: each["maxTimeSeconds"] for each in actions} == limits
        assert {(each["state"], each["action"]) for each in actions} == {("RUNNABLE", "CANCEL")}
        assert "schedulingPolicyArn" not in queue.props


def test_nodes_of_a_cluster_reach_each_other_and_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    exists(monkeypatch, GROUP)
    recording = recorded("existing VPC")
    jobs, nodes = (f"id of metaflow-batch{suffix}" for suffix in ("", "-nodes"))
    groups = {e.name: e.props["computeResources"]["securityGroupIds"] for e in recording.of_type(ENVIRONMENT)}
    assert groups == {
        "metaflow-batch-cpu": [jobs],
        "metaflow-batch-gpu": [jobs, nodes],
        "metaflow-batch-spot": [jobs],
    }
    for type_, way in ((EGRESS, "egress"), (INGRESS, "ingress")):
        rule = named(recording, type_, f"metaflow-batch-nodes-{way}").props
        assert (rule["securityGroupId"], rule["referencedSecurityGroupId"]) == (nodes, nodes)
        assert (rule["ipProtocol"], rule.get("fromPort"), rule.get("toPort")) == ("-1", None, None)


def test_a_second_queue_may_have_fair_share(plan: Plan) -> None:
    recording = plan("local", **scenario("fair share"))
    (policy,) = recording.of_type("aws:batch/schedulingPolicy:SchedulingPolicy")
    assert policy.props["fairSharePolicy"] == {
        "shareDecaySeconds": 600,
        "computeReservation": 10,
        "shareDistributions": [{"shareIdentifier": "research*", "weightFactor": 0.5}],
    }
    fair, default = (named(recording, QUEUE, f"metaflow-batch-{name}") for name in ("fair", "default"))
    assert fair.property_dependencies["schedulingPolicyArn"] == [policy.urn]
    assert "schedulingPolicyArn" not in default.props
    (environment,) = recording.of_type(ENVIRONMENT)
    assert {urn for queue in (fair, default) for urn in queue.property_dependencies["computeEnvironmentOrders"]} == {
        environment.urn
    }


def test_jobs_on_fargate_need_neither_instances_nor_their_role(plan: Plan) -> None:
    recording = plan("local", **scenario("jobs on Fargate"))
    assert recording.of_type(TEMPLATE) == recording.of_type("aws:iam/instanceProfile:InstanceProfile") == []
    assert "metaflow-batch-instance" not in [role.name for role in recording.of_type(ROLE)]


def test_instances_without_nat_reach_ecs_by_endpoints(plan: Plan) -> None:
    recording = plan("local", **scenario("without NAT"))
    services = {
        endpoint.props["serviceName"].removeprefix("com.amazonaws.us-east-1.")
        for endpoint in recording.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    }
    assert services == {
        *("ecs", "ecs-agent", "ecs-telemetry"),
        *("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm"),
        *("s3", "dynamodb"),
    }


def test_rights_are_on_the_queues_and_state_machines_that_there_are(plan: Plan) -> None:
    recording = plan("local", **scenario("two queues with GPU and Spot"))
    queues = {f"arn:aws:batch:us-east-1:123456789012:job-queue/{q.props['name']}" for q in recording.of_type(QUEUE)}
    run, start = (
        document(recording, "metaflow-flows-step-functions-run"),
        document(recording, "metaflow-flows-events-start"),
    )
    use = document(recording, "metaflow-notebook-use")
    for statements in (run, use):
        assert {arn for arn in statements["SubmitJobs"]["Resource"] if ":job-queue/" in arn} == queues
    machines = "arn:aws:states:us-east-1:123456789012:stateMachine:mlplatform-local-metaflow_*"
    assert start["StartFlows"]["Resource"] == [machines]
    assert run["StartMaps"]["Resource"] == use["DeployFlows"]["Resource"] == [machines]
    table = named(recording, "aws:dynamodb/table:Table", "metaflow-flows").props["name"]
    assert run["ForeachState"]["Resource"] == [f"arn:aws:dynamodb:us-east-1:123456789012:table/{table}"]
    bucket = f"arn:aws:s3:::{named(recording, 'aws:s3/bucket:Bucket', 'metaflow-datastore').props['bucket']}"
    job = document(recording, "metaflow-batch-job-run")
    assert set(job["Datastore"]["Resource"]) == {f"{bucket}/metaflow/*", f"{bucket}/data/*"}


def test_roles_are_handed_on_by_their_own_names(plan: Plan) -> None:
    recording = plan("local", **scenario("role for people"))
    roles = {
        f"arn:aws:iam::123456789012:role{role.props['path']}{role.props['name']}" for role in recording.of_type(ROLE)
    }
    handed: set[str] = set()
    for policy in recording.of_type(POLICY):
        for statement in json.loads(policy.props["policy"])["Statement"]:
            if "metaflow" in policy.name and "iam:PassRole" in statement["Action"]:
                handed |= set(statement["Resource"])
                assert statement["Condition"]["StringEquals"]["iam:PassedToService"]
    assert handed <= roles
    assert {arn.rpartition("mlplatform-local-")[2] for arn in handed} == {
        *("metaflow-job", "metaflow-job-execution", "metaflow-step-functions", "metaflow-events"),
        *("metaflow-metadata", "metaflow-execution"),
    }


def test_people_assume_their_role_with_external_id_and_second_factor(plan: Plan) -> None:
    recording = plan("local", **scenario("role for people"))
    role = named(recording, ROLE, "metaflow-user").props
    (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert (statement["Action"], statement["Principal"]) == ("sts:AssumeRole", {"AWS": [PEOPLE]})
    assert statement["Condition"] == {
        "StringEquals": {"sts:ExternalId": "flows"},
        "Bool": {"aws:MultiFactorAuthPresent": "true"},
    }
    assert role["maxSessionDuration"] == 8 * 3600
    use = document(recording, "metaflow-user-use")
    assert use["ApiKey"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/Project": "mlplatform", "aws:ResourceTag/Stack": "local"}
    }
    assert use["Notebook"]["Resource"] == [
        "arn:aws:sagemaker:us-east-1:123456789012:notebook-instance/mlplatform-local-metaflow"
    ]
    assert "MetaflowUserRoleArn" in recording.outputs
    tags = named(recording, "aws:apigateway/apiKey:ApiKey", "metaflow-api").props["tags"]
    assert {key: tags[key] for key in ("Project", "Stack")} == {"Project": "mlplatform", "Stack": "local"}


def test_people_get_no_rights_on_what_there_is_not(plan: Plan) -> None:
    given = {"customRole": True, "userRole": {"trustedPrincipals": [PEOPLE]}, "enableSagemaker": False}
    recording = plan("local", metaflow={"images": METAFLOW_IMAGES, **given})
    assert "Notebook" not in document(recording, "metaflow-user-use")
    (statement,) = json.loads(named(recording, ROLE, "metaflow-user").props["assumeRolePolicy"])["Statement"]
    assert "Condition" not in statement
    assert "MetaflowUserRoleArn" not in plan("local").outputs


def test_jobs_may_have_one_policy_besides_their_own(plan: Plan) -> None:
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    recording = plan("local", **scenario("further rights of jobs"))
    (attached,) = recording.of_type(attachment)
    assert attached.props["policyArn"] == WORKER
    assert named(recording, ROLE, "metaflow-batch-job").urn in attached.property_dependencies["role"]
    assert plan("local").of_type(attachment) == []


def test_images_are_pulled_from_the_jobs_repositories_alone(plan: Plan) -> None:
    own = "arn:aws:ecr:us-east-1:123456789012:repository/metaflow-job"
    team = "arn:aws:ecr:us-east-1:123456789012:repository/team/*"
    for what, arns in (("key", [own]), ("further images", [own, team])):
        recording = plan("local", **scenario(what))
        for policy in ("metaflow-batch-execution-start", "metaflow-batch-instance-run"):
            assert document(recording, policy)["Pull"]["Resource"] == arns
    mlflow = document(plan("dev"), "mlflow-execution-start")
    pulled = {arn.rpartition("/")[2] for arn in mlflow["Pull"]["Resource"]}
    assert pulled == {"mlflow", "nginx"}


JOB_LOG = "/aws/batch/job"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the account has: groups by name, with their tags."""
    groups: dict[str, Any] = {}

    def with_groups(config: Mapping[str, str]) -> dict[str, Any]:
        known = answers(config)
        listed, one = "aws:cloudwatch/getLogGroups:getLogGroups", "aws:cloudwatch/getLogGroup:getLogGroup"
        return {
            **known,
            listed: lambda given: {**known[listed](given), "logGroupNames": list(groups)},
            one: lambda given: {"id": given["name"], "name": given["name"], "tags": groups[given["name"]]},
        }

    monkeypatch.setattr(recorder, "answers", with_groups)
    return groups


def test_a_log_group_of_somebody_else_is_not_taken_over(found: dict[str, Any]) -> None:
    found[JOB_LOG] = {"Project": "mlplatform", "Stack": "dev"}
    with pytest.raises(
        pulumi.RunError,
        match=r"metaflow\.batch\.createJobLogGroup = true: /aws/batch/job is there already, and not of this stack; "
        "set it to false to leave the group as it is",
    ):
        recorded("key")
    assert JOB_LOG not in {group.props["name"] for group in recorded("jobs' log of somebody else").of_type(LOG_GROUP)}


def test_a_log_group_of_this_stack_stays_its_own(found: dict[str, Any]) -> None:
    found[JOB_LOG] = {"Project": "mlplatform", "Stack": "local", "Team": "ml"}
    found[f"{JOB_LOG}-definitions"] = {}
    assert named(recorded("key"), LOG_GROUP, "metaflow-batch-jobs").props["name"] == JOB_LOG


def test_a_group_whose_name_only_begins_alike_is_no_reason_to_stop(found: dict[str, Any]) -> None:
    found[f"{JOB_LOG}-of-others"] = {}
    assert named(recorded("key"), LOG_GROUP, "metaflow-batch-jobs").props["name"] == JOB_LOG


LOGS = {
    *("/aws/batch/job", "/mlplatform/{}/metaflow/service", "/mlplatform/{}/metaflow/migration"),
    *("/mlplatform/{}/metaflow/executions", "/mlplatform/{}/metaflow/blocked-queues"),
}


@pytest.mark.parametrize(
    ("stack", "days", "more"),
    [
        (
            "local",
            7,
            {"/mlplatform/{}/metaflow/api", "/aws/rds/instance/{}/postgresql", "/aws/rds/instance/{}/upgrade"},
        ),
        ("dev", 7, {"/mlplatform/{}/metaflow", "/aws/rds/cluster/{}/postgresql"}),
        (
            "prod",
            365,
            {"/mlplatform/{}/metaflow/api", "/aws/rds/instance/{}/postgresql", "/aws/rds/instance/{}/upgrade"},
        ),
    ],
)
def test_every_log_is_kept_as_long_as_its_stack_keeps_logs_under_our_key(
    plan: Plan, stack: str, days: int, more: set[str]
) -> None:
    groups = [each for each in ours(plan(stack)) if each.type == LOG_GROUP]
    assert {group.props["retentionInDays"] for group in groups} == {days}
    key = named(plan(stack), "aws:kms/key:Key", "encryption").urn
    assert all(key in group.property_dependencies["kmsKeyId"] for group in groups)
    database = f"mlplatform-{stack}-metaflow"
    expected = {name.format(database if "rds" in name else stack) for name in LOGS | more}
    assert {group.props["name"] for group in groups} == expected


def test_a_blocked_queue_and_a_failed_migration_ring(plan: Plan) -> None:
    recording = plan("local", **scenario("alarms to a topic"))
    alarms = {alarm.props["metricName"]: alarm.props for alarm in recording.of_type(ALARM)}
    assert {name: alarm["namespace"] for name, alarm in alarms.items()} == {
        "MatchedEvents": "AWS/Events",
        "Errors": "AWS/Lambda",
    }
    for alarm in alarms.values():
        assert (alarm["threshold"], alarm["evaluationPeriods"], alarm["treatMissingData"]) == (1, 1, "notBreaching")
        assert alarm["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert alarm["alarmActions"] == alarm["okActions"] == [TOPIC]
    (rule,) = recording.of_type("aws:cloudwatch/eventRule:EventRule")
    assert alarms["MatchedEvents"]["dimensions"] == {"RuleName": rule.props["name"]}
    function = named(recording, "aws:lambda/function:Function", "metaflow-metadata-migration").props["name"]
    assert alarms["Errors"]["dimensions"] == {"FunctionName": function}
    assert json.loads(rule.props["eventPattern"]) == {
        "source": ["aws.batch"],
        "detail-type": ["Batch Job Queue Blocked"],
        "detail": {"jobQueue": ["arn:aws:batch:us-east-1:123456789012:job-queue/mlplatform-local-default"]},
    }
    assert all("alarmActions" not in alarm.props for alarm in plan("local").of_type(ALARM))


def test_why_a_queue_is_blocked_is_logged_by_that_rule_alone(plan: Plan) -> None:
    recording = plan("local")
    name = "metaflow-alarms-blocked"
    group = named(recording, LOG_GROUP, name)
    (target,) = recording.of_type("aws:cloudwatch/eventTarget:EventTarget")
    assert target.property_dependencies["arn"] == [group.urn]
    policy = named(recording, "aws:cloudwatch/logResourcePolicy:LogResourcePolicy", name)
    assert policy.urn in target.dependencies
    streams, events = json.loads(policy.props["policyDocument"])["Statement"]
    arn = f"arn:aws:logs:us-east-1:123456789012:log-group:{group.props['name']}:*"
    assert streams["Resource"] == events["Resource"] == [arn]
    assert (streams["Action"], events["Action"]) == (["logs:CreateLogStream"], ["logs:PutLogEvents"])
    rule = "arn:aws:events:us-east-1:123456789012:rule/mlplatform-local-metaflow-queue-blocked"
    assert events["Condition"] == {"ArnEquals": {"aws:SourceArn": rule}}


def test_the_notebook_has_neither_root_nor_internet_and_its_script_knows_the_settings(plan: Plan) -> None:
    recording = plan("local", metaflow={"images": METAFLOW_IMAGES, "notebook": {"idleMinutes": 30, "volumeGib": 50}})
    notebook = named(recording, NOTEBOOK, "metaflow-notebook")
    kept = ("rootAccess", "directInternetAccess", "volumeSize", "instanceType", "platformIdentifier")
    assert {key: notebook.props[key] for key in kept} == {
        "rootAccess": "Disabled",
        "directInternetAccess": "Disabled",
        "volumeSize": 50,
        "instanceType": "ml.t3.xlarge",
        "platformIdentifier": "notebook-al2023-v1",
    }
    service = notebook.props["instanceMetadataServiceConfiguration"]
    assert service == {"minimumInstanceMetadataServiceVersion": "2"}
    assert named(recording, "aws:kms/key:Key", "encryption").urn in notebook.property_dependencies["kmsKeyId"]
    lifecycle = named(
        recording,
        "aws:sagemaker/notebookInstanceLifecycleConfiguration:NotebookInstanceLifecycleConfiguration",
        "metaflow-notebook",
    )
    assert lifecycle.urn in notebook.dependencies
    assert lifecycle.props["tags"]["IdleMinutes"] == "30"
    assert "apigateway:GET" not in actions_of(named(recording, POLICY, "metaflow-notebook-use").props["policy"])


def test_without_a_notebook_there_is_nothing_of_it(plan: Plan) -> None:
    recording = plan("local", **scenario("no notebook"))
    assert [each for each in recording.resources if "notebook" in each.name and "metaflow" in each.name] == []
    assert "SageMakerNoteBookURL" not in recording.outputs


def test_what_is_public_has_the_firewall(plan: Plan) -> None:
    recording = plan("local", **scenario("firewall"))
    protected = {each.name: each.property_dependencies["resourceArn"] for each in recording.of_type(ASSOCIATION)}
    assert set(protected) == {"users", "metaflow-api", "metaflow-ui"}
    assert named(recording, STAGE, "metaflow-api").urn in protected["metaflow-api"]
    assert protected["metaflow-ui"] == [named(recording, BALANCER, "metaflow-ui").urn]
    regional = {each.property_dependencies["webAclArn"][0] for each in recording.of_type(ASSOCIATION)}
    assert len(regional) == 1
    # An HTTP API takes none.
    tokens = plan("local", **{**scenario("tokens"), "waf": {"enabled": True}})
    assert [each.name for each in tokens.of_type(ASSOCIATION)] == ["users"]


def test_access_logs_of_datastore_and_ui_go_where_the_others_go(plan: Plan) -> None:
    recording = plan("local", **scenario("access logs"))
    logging, bucket = "aws:s3/bucketLogging:BucketLogging", "mlplatform-local-metaflow-123456789012-us-east-1"
    requests, others = (named(recording, logging, f"{name}-logging") for name in ("metaflow-datastore", "artifacts"))
    assert requests.props["targetPrefix"] == f"{bucket}/"
    assert requests.property_dependencies["targetBucket"] == others.property_dependencies["targetBucket"]
    datastore = named(recording, "aws:s3/bucket:Bucket", "metaflow-datastore")
    assert datastore.urn in requests.property_dependencies["bucket"]
    policy = named(recording, "aws:s3/bucketPolicy:BucketPolicy", "artifacts-logs").props["policy"]
    (delivery,) = [each for each in json.loads(policy)["Statement"] if each["Sid"] == "AccessLogs"]
    assert delivery["Condition"]["ArnEquals"]["aws:SourceArn"] == [
        "arn:aws:s3:::mlplatform-local-artifacts-123456789012-us-east-1",
        f"arn:aws:s3:::{bucket}",
    ]
    logs = named(recording, BALANCER, "metaflow-ui").props["accessLogs"]
    assert (logs["enabled"], logs["prefix"]) == (
        True,
        named(recording, BALANCER, "load-balancer").props["accessLogs"]["prefix"],
    )
    assert (
        "accessLogs" not in named(plan("local", **scenario("UI with a name of its own")), BALANCER, "metaflow-ui").props
    )


def test_containers_are_no_root_write_nowhere_and_know_the_databases_address_by_name_only(plan: Plan) -> None:
    recording = plan("local", **scenario("UI with a name of its own"))
    tasks = ("metaflow-metadata", "metaflow-metadata-migration", "metaflow-ui")
    found = {task: containers(recording, task) for task in tasks}
    assert {task: [each["name"] for each in each_] for task, each_ in found.items()} == {
        "metaflow-metadata": ["metadataContainer"],
        "metaflow-metadata-migration": ["migrationContainer"],
        "metaflow-ui": ["uiContainer"],
    }
    for container in (each for each_ in found.values() for each in each_):
        assert container["image"] == METAFLOW_IMAGES["service"]
        assert (container["user"], container["readonlyRootFilesystem"]) == ("10001", True)
        variables = {pair["name"]: pair["value"] for pair in container["environment"]}
        assert variables["MF_DATABASE_PARAMETER"] == "/mlplatform/local/metaflow/database"
        assert "secrets" not in container
        assert not [key for key in variables if "PASSWORD" in key or "SECRET" in key]
    parameter = named(recording, "aws:ssm/parameter:Parameter", "metaflow-metadata-database").props
    assert (parameter["name"], parameter["type"]) == ("/mlplatform/local/metaflow/database", "SecureString")


@pytest.mark.parametrize(
    ("what", "least", "check", "wait"),
    [("key", "1", "database", "30"), ("Aurora that pauses", "0", "metadata", "150")],
)
def test_a_database_that_pauses_is_not_kept_awake_and_waited_for(
    recording: Recording, least: str, check: str, wait: str
) -> None:
    (container,) = containers(recording, "metaflow-metadata")
    variables = {pair["name"]: pair["value"] for pair in container["environment"]}
    assert variables["MF_METADATA_DB_POOL_MIN"] == least
    assert container["healthCheck"]["command"][-1] == check
    (migration,) = containers(recording, "metaflow-metadata-migration")
    assert {"name": "MF_DATABASE_WAIT_SECONDS", "value": wait} in migration["environment"]


def test_arm_is_of_service_migration_and_function_and_the_job_image_stays_x86(plan: Plan) -> None:
    recording = plan("local", **scenario("ARM"))
    for task in ("metaflow-metadata", "metaflow-metadata-migration"):
        assert named(recording, TASK, task).props["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    function = named(recording, "aws:lambda/function:Function", "metaflow-metadata-migration")
    assert function.props["architectures"] == ["arm64"]
    built = plan("dev", metaflow={"service": {"cpuArchitecture": "ARM64"}})
    images = {each.name: each.props["platform"] for each in built.of_type("awsx:ecr:Image")}
    assert images == {
        "images-metaflow": "linux/arm64",
        "images-metaflow-job": "linux/amd64",
        "images-mlflow": "linux/amd64",
        "images-nginx": "linux/amd64",
    }


def test_what_holds_data_is_kept_in_prod(plan: Plan) -> None:
    recording = plan("prod")
    holding = [each for each in ours(recording) if each.type in HOLDS_DATA]
    assert {each.name: each.protect for each in holding} == {
        "metaflow-datastore": True,
        "metaflow-flows": True,
        "metaflow-database": True,
        "metaflow-notebook": True,
    }
    assert [each.name for each in ours(recording) if each.protect and each.type not in HOLDS_DATA] == []
    database = named(recording, "aws:rds/instance:Instance", "metaflow-database").props
    assert (database["deletionProtection"], database["multiAz"], database["skipFinalSnapshot"]) == (True, True, False)
    table = named(recording, "aws:dynamodb/table:Table", "metaflow-flows").props
    assert (table["deletionProtectionEnabled"], table["pointInTimeRecovery"]) == (True, {"enabled": True})
    balancer = named(recording, BALANCER, "metaflow-metadata-load-balancer").props
    assert balancer["enableDeletionProtection"] is True
    assert not [each.name for each in ours(plan("local")) if each.protect]


COMPONENTS = {
    "Metaflow metaflow": None,
    "Alarms metaflow-alarms": "metaflow",
    "Compute metaflow-batch": "metaflow",
    "Role metaflow-batch-execution": "metaflow-batch",
    "Role metaflow-batch-job": "metaflow-batch",
    "Database metaflow-database": "metaflow",
    "Datastore metaflow-datastore": "metaflow",
    "Bucket metaflow-datastore": "metaflow-datastore",
    "Orchestration metaflow-flows": "metaflow",
    "Role metaflow-flows-events": "metaflow-flows",
    "Role metaflow-flows-step-functions": "metaflow-flows",
    "MetadataService metaflow-metadata": "metaflow",
    "Role metaflow-metadata-execution": "metaflow-metadata",
    "Migration metaflow-metadata-migration": "metaflow-metadata",
    "Role metaflow-metadata-migration": "metaflow-metadata-migration",
    "Role metaflow-metadata-task": "metaflow-metadata",
}
WITH_KEY = {
    "RestGateway metaflow-api": "metaflow",
    "Role metaflow-api-logs": "metaflow-api",
    "InternalLoadBalancer metaflow-metadata-load-balancer": "metaflow-metadata",
}
WITH_NOTEBOOK = {"Notebook metaflow-notebook": "metaflow", "Role metaflow-notebook": "metaflow-notebook"}
WITH_INSTANCES = {"Role metaflow-batch-instance": "metaflow-batch"}
MONITORED = {"Role metaflow-database-monitoring": "metaflow-database"}
PARTS = {
    "local": COMPONENTS | WITH_KEY | WITH_NOTEBOOK | WITH_INSTANCES,
    "dev": COMPONENTS | {"HttpApi metaflow-api": "metaflow"},
    "prod": COMPONENTS | WITH_KEY | WITH_NOTEBOOK | WITH_INSTANCES | MONITORED,
}


@every_stack
def test_each_part_is_a_component_below_metaflow(plan: Plan, stack: str) -> None:
    parts = {
        f"{each.type.split(':')[-1]} {each.name}": each.parent.split("::")[-1] if each.parent else None
        for each in ours(plan(stack))
        if not each.custom
    }
    assert parts == PARTS[stack]


COUNTS = {
    "local": {
        "RestApi": 1,
        "Method": 1,
        "ComputeEnvironment": 1,
        "JobQueue": 1,
        "LaunchTemplate": 1,
        "LoadBalancer": 1,
    },
    "dev": {"Api": 1, "Route": 1, "ComputeEnvironment": 1, "JobQueue": 1, "Cluster": 1, "ClusterInstance": 1},
    "prod": {"RestApi": 1, "Method": 1, "ComputeEnvironment": 1, "JobQueue": 1, "LaunchTemplate": 1, "LoadBalancer": 1},
}


@every_stack
def test_each_stack_has_exactly_one_of_what_it_needs(plan: Plan, stack: str) -> None:
    counts = Counter(each.type.split(":")[-1] for each in ours(plan(stack)) if each.custom)
    kinds = {kind for expected in COUNTS.values() for kind in expected}
    assert {kind: counts[kind] for kind in kinds if counts[kind]} == COUNTS[stack]
    everywhere = {"Service": 1, "TaskDefinition": 2, "Function": 1, "Invocation": 1, "Bucket": 1, "MetricAlarm": 2}
    assert {kind: counts[kind] for kind in everywhere} == everywhere | ({"Service": 2} if stack == "dev" else {})


CONFIG = {
    *("METAFLOW_DEFAULT_DATASTORE", "METAFLOW_DATASTORE_SYSROOT_S3", "METAFLOW_DATATOOLS_S3ROOT"),
    *("METAFLOW_DEFAULT_METADATA", "METAFLOW_SERVICE_URL", "METAFLOW_SERVICE_INTERNAL_URL"),
    *("METAFLOW_BATCH_JOB_QUEUE", "METAFLOW_BATCH_CONTAINER_IMAGE", "METAFLOW_BATCH_EMIT_TAGS"),
    *("METAFLOW_ECS_S3_ACCESS_IAM_ROLE", "METAFLOW_ECS_FARGATE_EXECUTION_ROLE"),
    *("METAFLOW_SFN_IAM_ROLE", "METAFLOW_SFN_STATE_MACHINE_PREFIX", "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN"),
    *("METAFLOW_SFN_DYNAMO_DB_TABLE", "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE"),
}
OUTPUTS = {
    *("MetaflowDataStoreS3Url", "MetaflowDataToolsS3Url", "BatchJobQueueArn", "ECSJobRoleForBatchJobs", "ServiceUrl"),
    *("InternalServiceUrl", "EventBridgeRoleArn", "StepFunctionsRoleArn", "DDBTableName", "MigrationFunctionName"),
    *("VPCId", "Subnet1Id", "Subnet2Id", "RDSSecret", "metaflowAuth", "metaflowConfig", "metaflowBatch"),
}
UI_OUTPUTS = {"LoadBalancerUIZoneID", "LoadBalancerUIDNSName", "metaflowUiUrl"}


def exports(stack: str, sections: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> Exported:
    """The outputs of a stack, recorded anew."""
    given = {f"mlplatform:{key}": value for key, value in sections.items()}
    return Exported(read_stack(ROOT, stack, given), monkeypatch)


def test_only_the_keys_id_is_an_output_and_nothing_else_comes_from_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    exists(monkeypatch, "aws:apigateway/apiKey:ApiKey", "value")
    exported = exports("local", scenario("role for people"), monkeypatch)
    assert (exported.value("ApiKeyId"), exported.value("metaflowAuth")) == ("id of metaflow-api", "apiKey")
    assert exported.sources("ApiKeyId") == {"ApiKey"}
    assert {name for name in exported if "ApiKey" in exported.sources(name)} == {"ApiKeyId"}
    assert "value of metaflow-api" not in repr({name: exported.value(name) for name in exported})
    assert "value of metaflow-api" not in repr(exported.recording.resources)


@pytest.mark.parametrize(
    ("what", "more", "auth"),
    [
        ("key", {"ApiKeyId", "SageMakerNoteBookURL"}, "apiKey"),
        ("tokens", {"SageMakerNoteBookURL"}, "token"),
        ("no notebook", {"ApiKeyId"}, "apiKey"),
        ("role for people", {"ApiKeyId", "SageMakerNoteBookURL", "MetaflowUserRoleArn"}, "apiKey"),
        ("UI with a name of its own", {"ApiKeyId", "SageMakerNoteBookURL", *UI_OUTPUTS}, "apiKey"),
    ],
)
def test_outputs_are_the_templates_of_what_there_is_and_none_is_a_secret(
    monkeypatch: pytest.MonkeyPatch, what: str, more: set[str], auth: str
) -> None:
    exported = exports("local", scenario(what), monkeypatch)
    without = set(exports("local", {"metaflow": {"enabled": False}}, monkeypatch))
    assert set(exported) - without == OUTPUTS | more
    assert without <= set(exported)
    assert [name for name in OUTPUTS | more if exported.secret(name)] == []
    assert exported.value("metaflowAuth") == auth


def test_the_clients_configuration_is_complete_and_has_neither_key_nor_token(monkeypatch: pytest.MonkeyPatch) -> None:
    exported = exports("local", {**scenario("UI in the platform's domain")}, monkeypatch)
    config = exported.value("metaflowConfig")
    assert set(config) == CONFIG | {"METAFLOW_UI_URL"}
    assert not exported.secret("metaflowConfig")
    assert not {"ApiKey", "UserPoolClient", "Secret"} & exported.sources("metaflowConfig")
    bucket = "s3://mlplatform-local-metaflow-123456789012-us-east-1"
    known = {key: value for key, value in config.items() if not isinstance(value, Unknown)}
    assert known == {
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": f"{bucket}/metaflow",
        "METAFLOW_DATATOOLS_S3ROOT": f"{bucket}/data",
        "METAFLOW_DEFAULT_METADATA": "service",
        "METAFLOW_SERVICE_URL": "https://metaflow.ml.example.com/",
        "METAFLOW_BATCH_CONTAINER_IMAGE": METAFLOW_IMAGES["job"],
        "METAFLOW_BATCH_EMIT_TAGS": "1",
        "METAFLOW_SFN_STATE_MACHINE_PREFIX": "mlplatform-local-metaflow",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "mlplatform-local-metaflow-flows",
        "METAFLOW_UI_URL": "https://metaflowui.ml.example.com",
    }
    assert exported.value("ServiceUrl") == config["METAFLOW_SERVICE_URL"]


def test_without_load_balancer_the_internal_address_is_the_name_with_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    exported = exports("local", scenario("tokens without load balancer"), monkeypatch)
    assert exported.value("InternalServiceUrl") == "http://metaflow.http-api.local:8080/"
    assert set(exported.value("metaflowConfig")) == CONFIG


def test_what_the_doctor_looks_at_is_what_batch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = exports("local", scenario("two queues with GPU and Spot"), monkeypatch).value("metaflowBatch")
    assert list(batch["queues"]) == ["default", "gpu"]
    assert [(each["name"], each["type"], each["gpu"]) for each in batch["environments"]] == [
        ("cpu", "EC2", False),
        ("spot", "SPOT", False),
        ("gpu", "EC2", True),
    ]
    assert batch["image"] == METAFLOW_IMAGES["job"]


@pytest.mark.parametrize("environment", list(Environment))
def test_turned_off_there_is_nothing_of_it(plan: Plan, environment: Environment) -> None:
    recording = plan(environment.value, metaflow={"enabled": False})
    assert [each.urn for each in recording.resources if "metaflow" in each.urn.lower()] == []
    kinds = ("aws:batch/", "aws:apigateway/", "aws:sagemaker/notebook", "aws:cloudwatch/metricAlarm")
    assert [each.urn for each in recording.resources if each.type.startswith(kinds)] == []
    assert "aws:cloudwatch/getLogGroups:getLogGroups" not in recording.invokes
    on = set(plan(environment.value).outputs)
    assert set(recording.outputs) == {name for name in on if name not in OUTPUTS | UI_OUTPUTS} - {
        *("ApiKeyId", "SageMakerNoteBookURL"),
    }
    roles = [each.props for each in recording.resources if each.type.startswith("aws:iam/")]
    assert "metaflow" not in json.dumps(roles).lower()
