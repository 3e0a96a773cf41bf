"""`docs/parameters/metaflow.md` says where all of Metaflow's AWS template went, and `docs/metaflow.md` is true."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.costs import Bill, bill
from cli.metaflow.variables import KNOWN
from cli.plan.recorder import Recording, record
from cli.plan.stack_file import read_stack
from lib.documents.metaflow import Flows, client_statements, events_policy, job_policy, step_functions_policy
from lib.iam import allow, document
from lib.naming import Target
from settings.base import Environment
from settings.load import parse_settings
from settings.metaflow import MetaflowSettings
from settings.model import Settings
from settings.network import NetworkSettings
from settings.presets import PRESETS
from tests.images import METAFLOW_IMAGES
from tests.program.test_every_stack import CERTIFICATE
from tests.program.test_keys_do_something import keys

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "parameters" / "metaflow.md").read_text()
GUIDE = (ROOT / "docs" / "metaflow.md").read_text()
PAGES = [
    ROOT / "docs" / "metaflow.md",
    ROOT / "docs" / "parameters" / "metaflow.md",
    *sorted((ROOT / "docs" / "adr").glob("001[5-8]-*.md")),
]

PARAMETERS = (
    *("SagemakerInstance", "VPCCidr", "Subnet1Cidr", "Subnet2Cidr", "MaxVCPUBatch", "MinVCPUBatch", "DesiredVCPUBatch"),
    *("ComputeEnvInstanceTypes", "CustomRole", "APIBasicAuth", "EnableSagemaker", "BatchType", "IAMPartition"),
    *("AdditionalWorkerPolicyArn", "EnableUI", "PublicDomainName", "CertificateArn"),
)
OUTPUTS = {
    "MetaflowDataStoreS3Url": "METAFLOW_DATASTORE_SYSROOT_S3",
    "MetaflowDataToolsS3Url": "METAFLOW_DATATOOLS_S3ROOT",
    "BatchJobQueueArn": "METAFLOW_BATCH_JOB_QUEUE",
    "ECSJobRoleForBatchJobs": "METAFLOW_ECS_S3_ACCESS_IAM_ROLE",
    "ServiceUrl": "METAFLOW_SERVICE_URL",
    "InternalServiceUrl": "METAFLOW_SERVICE_INTERNAL_URL",
    "ApiKeyId": "METAFLOW_SERVICE_AUTH_KEY",
    "MetaflowUserRoleArn": "",
    "SageMakerNoteBookURL": "",
    "EventBridgeRoleArn": "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE",
    "StepFunctionsRoleArn": "METAFLOW_SFN_IAM_ROLE",
    "DDBTableName": "METAFLOW_SFN_DYNAMO_DB_TABLE",
    "MigrationFunctionName": "",
    "VPCId": "",
    "Subnet1Id": "",
    "Subnet2Id": "",
    "RDSSecret": "",
    "LoadBalancerUIZoneID": "",
    "LoadBalancerUIDNSName": "",
}
RESOURCES = (
    *("VPC", "Subnet1", "Subnet2", "InternetGateway", "GatewayAttachement", "PublicRouteTable", "DefaultGateway"),
    *("Subnet1RTA", "Subnet2RTA", "ECSCluster", "FargateSecurityGroup", "NLBIngressRule", "NLBIngressRuleDBMigrate"),
    *("FargateInternalRule", "FargateAlbRule", "NLB", "NLBListener", "NLBListenerDBMigrate", "ECSRole"),
    *("ECSTaskExecutionRole", "MetadataSvcECSTaskRole", "ECSInstanceProfile", "ECSInstanceRole", "TaskDefinition"),
    *("MetadataServiceLogGroup", "ECSFargateService", "LambdaECSExecuteRole", "ExecuteDBMigration", "NLBTargetGroup"),
    *("NLBTargetGroupDBMigrate", "DBSubnetGroup", "RDSSecurityGroup", "PostgresIngressRule", "RDSMasterInstance"),
    *("MyRDSSecret", "SecretRDSInstanceAttachment", "MetaflowS3Bucket", "SagemakerSecurityGroup"),
    *("SageMakerExecutionRole", "MetaflowUserRole", "MetaflowUserPolicy", "EventBridgeRole", "StepFunctionsRole"),
    *("BasicNotebookInstanceLifecycleConfig", "SageMakerNotebookInstance", "RandomString", "BatchS3TaskRole"),
    *("BatchExecutionRole", "ComputeEnvironment", "JobQueue", "Api", "ApiResource", "DBApiResource", "VpcLink"),
    *("ProxyMethod", "DBMethod", "ApiDeployment", "ApiKey", "ApiUsagePlan", "ApiUsagePlanKey", "StepFunctionsStateDDB"),
    *("LoadBalancerUI", "ListenerUI", "ListenerRuleUIService", "ALBTargetGroupUIStatic", "ALBUITargetGroupUIService"),
    *("TaskDefinitionUIService", "ServiceLogGroupUIService", "ECSFargateServiceUIService", "TaskDefinitionUIStatic"),
    *("ServiceLogGroupUIStatic", "ECSFargateServiceUIStatic", "LoadBalancerSecurityGroupUI", "UserPoolUI"),
    *("UserPoolDomainUI", "UserPoolClientUI"),
)
"""What the template (last updated 2021-10-26) has, by its logical names."""

WITHOUT = {"mlplatform:metaflow": {"enabled": False}}
POLICY = "arn:aws:iam::123456789012:policy/more"
EVERYTHING: dict[str, Any] = {
    "images": METAFLOW_IMAGES,
    "enableUI": True,
    "publicDomainName": "metaflow.example.com",
    "certificateArn": CERTIFICATE,
    "customRole": True,
    "userRole": {"trustedPrincipals": ["arn:aws:iam::123456789012:role/people"]},
    "batch": {"additionalWorkerPolicyArn": POLICY},
}

NAME = re.compile(r"`(\w+)`")
KEY = re.compile(r"`([a-z]\w*(?:\.[a-z]\w*)+)`")
TEST = re.compile(r"`((?:unit|program|engine|services)/test_\w+\.py)`")
FILE = re.compile(r"`((?:components|services|settings|lib)/(?!test_)[\w./-]+)`")
VARIABLE = re.compile(r"`(METAFLOW_\w+)`")


def rows(section: str) -> list[list[str]]:
    """Cells of a section's table, without its head."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@cache
def everything() -> Recording:
    return record(ROOT, read_stack(ROOT, "local", {"mlplatform:metaflow": EVERYTHING}))


def test_every_parameter_output_and_resource_of_the_template_is_on_the_page_once() -> None:
    assert [NAME.findall(row[0]) for row in rows("Parameters")] == [[name] for name in PARAMETERS]
    assert [NAME.findall(row[0]) for row in rows("Outputs")] == [[name] for name in OUTPUTS]
    named = [name for row in rows("Resources") for name in NAME.findall(row[0])]
    assert sorted(named) == sorted(RESOURCES)


def test_each_setting_and_file_that_the_page_names_is_there() -> None:
    known = set(keys(Settings))
    sections = {str(field.alias) for field in Settings.model_fields.values()}
    named = {key for key in KEY.findall(PAGE) if key.split(".")[0] in sections}
    assert len(named) > 40
    assert {key for key in named if key not in known and not any(k.startswith(f"{key}.") for k in known)} == set()
    assert [file for file in FILE.findall(PAGE) if not (ROOT / file).exists()] == []
    given = [row for row in rows("Resources") if row[1] != "none"]
    assert [row[0] for row in given if not FILE.search(row[1])] == []
    without = [row[0] for row in rows("Parameters") if not KEY.search(row[2])]
    assert without == ["`IAMPartition`"]


def test_each_test_that_the_page_names_is_there_and_each_row_has_one() -> None:
    assert [test for test in TEST.findall(PAGE + GUIDE) if not (ROOT / "tests" / test).is_file()] == []
    held = [*((row[0], row[4]) for row in rows("Parameters")), *((row[0], row[3]) for row in rows("Outputs"))]
    held += [(row[0], row[3]) for row in rows("Resources") if row[1] != "none"]
    assert [name for name, test in held if not TEST.search(test)] == []


def test_the_defaults_on_the_page_are_the_models_and_what_dev_changes() -> None:
    metaflow, network = MetaflowSettings(), NetworkSettings()
    environment = metaflow.batch.compute_environments[0]
    defaults: dict[str, Any] = {
        "SagemakerInstance": metaflow.notebook.sagemaker_instance,
        "VPCCidr": network.cidr_block,
        "Subnet1Cidr": network.private_mask,
        "Subnet2Cidr": network.availability_zones,
        "MaxVCPUBatch": environment.maxv_cpus,
        "MinVCPUBatch": environment.minv_cpus,
        "DesiredVCPUBatch": environment.desiredv_cpus,
        "ComputeEnvInstanceTypes": "`, `".join(environment.instance_types),
        "CustomRole": json.dumps(metaflow.custom_role),
        "APIBasicAuth": json.dumps(metaflow.api_basic_auth),
        "EnableSagemaker": json.dumps(metaflow.enable_sagemaker),
        "BatchType": environment.type.value,
        "EnableUI": json.dumps(metaflow.enable_ui),
    }
    dev = PRESETS[Environment.DEV]["metaflow"]
    changed = {
        "APIBasicAuth": json.dumps(dev["apiBasicAuth"]),
        "EnableSagemaker": json.dumps(dev["enableSagemaker"]),
        "BatchType": dev["batch"]["computeEnvironments"][0]["type"],
    }
    page = {NAME.findall(row[0])[0]: row[3] for row in rows("Parameters")}
    for name, default in defaults.items():
        said = f"`{default}` (`dev`: `{changed[name]}`)" if name in changed else f"`{default}`"
        assert (name, page[name]) == (name, said)


def test_each_output_of_the_template_is_exported_and_conditional_ones_on_their_condition() -> None:
    assert set(OUTPUTS) <= set(everything().outputs)
    conditional = {NAME.findall(row[0])[0] for row in rows("Outputs") if not row[4].startswith("always")}
    tokens = {"images": METAFLOW_IMAGES, "apiBasicAuth": False, "enableSagemaker": False}
    least = record(ROOT, read_stack(ROOT, "local", {"mlplatform:metaflow": tokens})).outputs
    assert set(OUTPUTS) - set(least) == conditional
    own = set(everything().outputs) - set(record(ROOT, read_stack(ROOT, "local", WITHOUT)).outputs) - set(OUTPUTS)
    assert {name for name in own if f"`{name}`" not in PAGE} == set()


def test_each_variable_of_metaflows_client_is_on_the_page() -> None:
    assert {NAME.findall(row[0])[0]: "".join(VARIABLE.findall(row[1])) for row in rows("Outputs")} == OUTPUTS
    assert set(VARIABLE.findall(PAGE)) == KNOWN


def test_the_port_that_migrates_whoever_asks_is_nowhere() -> None:
    assert [one.name for one in everything().resources if "8082" in json.dumps(one.props, default=str)] == []


def test_the_additional_policy_is_on_the_jobs_role() -> None:
    (attached,) = everything().of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    assert (attached.props["policyArn"], attached.props["role"]) == (POLICY, "mlplatform-local-metaflow-job")


def test_the_partition_follows_from_the_region() -> None:
    target = Target(
        partition="aws-us-gov", dns_suffix="amazonaws.com", region="us-gov-west-1", account_id="1" * 12, zones=("a",)
    )
    role = target.global_arn("iam", "role/a")
    flows = Flows(
        target=target,
        bucket="a",
        datastore_prefix="metaflow",
        datatools_prefix="data",
        table="a",
        queues=[target.arn("batch", "job-queue/a")],
        state_machine_prefix="a",
        **dict.fromkeys(("job_role_arn", "execution_role_arn", "step_functions_role_arn", "events_role_arn"), role),
    )
    key = allow("Key", ["kms:Decrypt"], [target.arn("kms", "key/*")])
    documents = [
        job_policy(flows, use_key=key),
        step_functions_policy(flows, use_key=key),
        events_policy(flows),
        document(*client_statements(flows)),
    ]
    arns = [arn for text in documents for arn in re.findall(r"arn:[a-z-]+:", text)]
    assert set(arns) == {"arn:aws-us-gov:"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}, target


def test_the_guides_commands_and_names_are_those_of_the_program() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake (?:-s )?([a-z-]+)", GUIDE)) <= targets
    urns = re.findall(r"^ +urn='(urn:\S+)'$", GUIDE, re.MULTILINE)
    assert len(urns) == 2
    assert {urn.replace("urn:pulumi:prod::", "urn:pulumi:local::") for urn in urns} <= {
        one.urn for one in everything().resources
    }
    logs = {str(one.props["name"]) for one in everything().of_type("aws:cloudwatch/logGroup:LogGroup")}
    named = {name.replace("/prod/", "/local/") for name in re.findall(r"logs tail (\S+)", GUIDE)}
    assert named <= logs
    alarms = {str(one.props["name"]) for one in everything().of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert {f"mlplatform-local-{name}" for name in ("metaflow-migration-failed", "metaflow-queue-blocked")} == alarms
    assert all(name.removeprefix("mlplatform-local-") in GUIDE for name in alarms)


def test_the_guides_configurations_are_taken() -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    assert len(blocks) == 5
    for block in blocks:
        given = {"images": METAFLOW_IMAGES, **block["mlplatform:metaflow"]}
        given |= {"certificateArn": CERTIFICATE} if "certificateArn" in given else {}
        domain = {"name": "ml.example.com", "dns": "manual"} if "certificateArn" not in given else {}
        assert parse_settings({"environment": "prod", "metaflow": given, "domain": domain}).metaflow.enabled


KEYED = {"apiBasicAuth": True, "service": {"integration": "loadBalancer"}}
INSTANCES = {
    "computeEnvironments": [{"name": "cpu", "instanceTypes": ["m7i"]}],
    "jobQueues": [{"name": "default", "computeEnvironments": ["cpu"]}],
}
UI = {"enableUI": True, "publicDomainName": "metaflow.example.com", "certificateArn": CERTIFICATE}
COSTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("dev", {}),
    ("dev", KEYED),
    ("dev", {"batch": INSTANCES}),
    ("dev", UI),
    ("prod", {}),
    ("prod", UI),
)
"""What the rows of the guide's table of costs say in words."""


def test_the_guides_costs_are_those_of_the_plans() -> None:
    lines = GUIDE.split("## Cost\n")[1].split("\n## ")[0].splitlines()
    table = [line for line in lines if re.match(r"\| `(dev|prod)`", line)]
    without = {stack: round(_bill(stack, {"enabled": False}).total, 2) for stack in ("dev", "prod")}
    assert len(table) == len(COSTS)
    for line, (stack, section) in zip(table, COSTS, strict=True):
        total = round(_bill(stack, section).total, 2)
        assert line.startswith(f"| `{stack}`")
        assert line.endswith(f"| {total:.2f} | {total - without[stack]:.2f} |")


def _bill(stack: str, section: dict[str, Any]) -> Bill:
    return bill(ROOT, stack, {"metaflow": section} if section else {})
