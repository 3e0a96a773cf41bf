"""Each rule of compute with resources that pass, fail and are unknown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from policies.framework.runner import UNKNOWN, PlannedResource
from tests.unit.policies.harness import ROLE, judged, messages, planned, urn

TASK, DAEMON = "aws:ecs/taskDefinition:TaskDefinition", "aws:ecs/daemonTaskDefinition:DaemonTaskDefinition"
JOB = "aws:batch/jobDefinition:JobDefinition"
TEMPLATE, INSTANCE = "aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"
DOMAIN, NOTEBOOK = "aws:sagemaker/domain:Domain", "aws:sagemaker/notebookInstance:NotebookInstance"
FUNCTION = "aws:lambda/function:Function"
INVOKE = "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig"
PERMISSION = "aws:lambda/permission:Permission"
MACHINE = "aws:sfn/stateMachine:StateMachine"
POOL, IDENTITIES = "aws:cognito/userPool:UserPool", "aws:cognito/identityPool:IdentityPool"

ARN = "arn:aws:iam::123456789012:role/"
HIDDEN = "hunter2-never-shown"

Props = Mapping[str, Any]

CONTAINER: Props = {
    "name": "a",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/a:1.0",
    "user": "10001",
    "readonlyRootFilesystem": True,
    "logConfiguration": {"logDriver": "awslogs"},
}
METADATA: Props = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
DISK: Props = {"ebs": {"encrypted": "true"}}
LOGS: Props = {"level": "ALL", "includeExecutionData": True, "logDestination": UNKNOWN}
PASSWORDS: Props = {
    "minimumLength": 14,
    **dict.fromkeys(("requireLowercase", "requireUppercase", "requireNumbers", "requireSymbols"), True),
}


@dataclass(frozen=True)
class Case:
    """Resources, what is expected of them (nothing where they pass), and the rule's settings."""

    rule: str
    resources: tuple[PlannedResource, ...]
    expected: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


def task(
    of: Props | None = None, /, deps: Mapping[str, Sequence[str]] | None = None, **container: Any
) -> PlannedResource:
    """A task with one good container, of which `container` changes a part."""
    definitions = json.dumps([{key: value for key, value in {**CONTAINER, **container}.items() if value is not None}])
    return planned(TASK, containerDefinitions=definitions, deps=deps, **(of or {}))


def roles(of_task: Sequence[str], of_execution: Sequence[str]) -> PlannedResource:
    """A task whose roles' ARNs are unknown and computed from these resources."""
    deps = {"taskRoleArn": [urn(ROLE, name) for name in of_task]}
    deps["executionRoleArn"] = [urn(ROLE, name) for name in of_execution]
    return task({"taskRoleArn": UNKNOWN, "executionRoleArn": UNKNOWN}, deps=deps)


def like(type_: str, good: Props, changed: Props) -> PlannedResource:
    """A good resource of which a part is changed."""
    props: dict[str, Any] = {**good, **changed}
    return planned(type_, **props)


def job(properties: Any = None, **changed: Any) -> PlannedResource:
    text = json.dumps({"image": "a:1", **(properties or {})})
    good = {"timeout": {"attemptDurationSeconds": 3600}, "retryStrategy": {"attempts": 3}}
    return like(JOB, {"containerProperties": text, **good}, changed)


def template(**changed: Any) -> PlannedResource:
    return like(TEMPLATE, {"metadataOptions": METADATA, "blockDeviceMappings": [DISK]}, changed)


def instance(**changed: Any) -> PlannedResource:
    return like(INSTANCE, {"metadataOptions": METADATA, "rootBlockDevice": {"encrypted": True}}, changed)


def domain(**changed: Any) -> PlannedResource:
    return like(DOMAIN, {"appNetworkAccessType": "VpcOnly", "kmsKeyId": UNKNOWN}, changed)


def notebook(**changed: Any) -> PlannedResource:
    good = {"directInternetAccess": "Disabled", "rootAccess": "Disabled", "subnetId": UNKNOWN}
    return like(NOTEBOOK, good, changed)


def function(**changed: Any) -> PlannedResource:
    good = {
        "runtime": "python3.13",
        "tracingConfig": {"mode": "Active"},
        "reservedConcurrentExecutions": 5,
        "deadLetterConfig": {"targetArn": UNKNOWN},
    }
    return like(FUNCTION, good, changed)


def permission(principal: str, name: str = "it") -> PlannedResource:
    return planned(PERMISSION, name, principal=principal, function=UNKNOWN, deps={"function": [urn(FUNCTION)]})


def machine(**changed: Any) -> PlannedResource:
    return like(MACHINE, {"loggingConfiguration": LOGS, "tracingConfiguration": {"enabled": True}}, changed)


def pool(**changed: Any) -> PlannedResource:
    return like(POOL, {"passwordPolicy": PASSWORDS, "mfaConfiguration": "ON"}, changed)


TWO_ROLES = (planned(ROLE, "task"), planned(ROLE, "execution"))
OPTIONAL = {"optionalMfa": ["it"]}

PASSING: dict[str, Case] = {
    "CP01 confined": Case("CP01", (task(),)),
    "CP01 keys in another case": Case(
        "CP01", (task(user=None, readonlyRootFilesystem=None, User="app", ReadonlyRootFilesystem=True),)
    ),
    "CP01 a task's own namespaces": Case("CP01", (task({"pidMode": "task", "networkMode": "awsvpc"}),)),
    "CP01 Windows": Case(
        "CP01",
        (
            task(
                {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
                user=None,
                readonlyRootFilesystem=None,
            ),
        ),
    ),
    "CP01 a daemon, whose definitions are no text": Case(
        "CP01", (planned(DAEMON, containerDefinitions=[{**CONTAINER, "image": UNKNOWN}]),)
    ),
    "CP02 two roles by name": Case("CP02", (task({"taskRoleArn": f"{ARN}a", "executionRoleArn": f"{ARN}b"}),)),
    "CP02 two roles by dependency": Case("CP02", (*TWO_ROLES, roles(["task"], ["execution"]))),
    "CP02 one known, one of the program": Case(
        "CP02",
        (
            planned(ROLE, "task", arn=f"{ARN}task"),
            planned(ROLE, "execution"),
            task(
                {"taskRoleArn": f"{ARN}task", "executionRoleArn": UNKNOWN},
                deps={"executionRoleArn": [urn(ROLE, "execution")]},
            ),
        ),
    ),
    "CP02 no role of the task": Case("CP02", (task({"executionRoleArn": UNKNOWN}),)),
    "CP02 a digest": Case("CP02", (task(image=f"a@sha256:{'0' * 64}"),)),
    "CP02 a tag and a registry with a port": Case("CP02", (task(image="registry:5000/a:1.0"),)),
    "CP03 confined": Case("CP03", (job(),)),
    "CP03 something else that is on": Case("CP03", (job({"privileged": False, "readonlyRootFilesystem": True}),)),
    "CP03 one attempt where that is enough": Case(
        "CP03", (job(retryStrategy={"attempts": 1}),), settings={"attempts": 1}
    ),
    "CP04 a template": Case("CP04", (template(),)),
    "CP04 a disk that is none": Case("CP04", (template(blockDeviceMappings=[DISK, {"virtualName": "ephemeral0"}]),)),
    "CP04 two hops where containers need them": Case(
        "CP04",
        (template(metadataOptions={**METADATA, "httpPutResponseHopLimit": 2}),),
        settings={"hopLimit": 2},
    ),
    "CP04 no metadata at all": Case("CP04", (template(metadataOptions={"httpEndpoint": "disabled"}),)),
    "CP04 an instance": Case("CP04", (instance(ebsBlockDevices=[{"encrypted": True}]),)),
    "CP04 an instance from a template": Case("CP04", (planned(INSTANCE, launchTemplate={"id": UNKNOWN}),)),
    "CP05 in the VPC": Case("CP05", (domain(),)),
    "CP06 in the VPC": Case("CP06", (notebook(),)),
    "CP07 in order": Case("CP07", (function(),)),
    "CP07 stopped": Case("CP07", (function(reservedConcurrentExecutions=0),)),
    "CP07 an image": Case("CP07", (function(runtime=None, packageType="Image"),)),
    "CP07 another runtime that is listed": Case(
        "CP07", (function(runtime="nodejs26.x"),), settings={"runtimes": ["nodejs*"]}
    ),
    "CP07 a destination for failures": Case(
        "CP07",
        (
            function(deadLetterConfig=None),
            planned(
                INVOKE,
                destinationConfig={"onFailure": {"destination": UNKNOWN}},
                functionName=UNKNOWN,
                deps={"functionName": [urn(FUNCTION)]},
            ),
        ),
    ),
    "CP07 a caller that waits for the answer": Case(
        "CP07", (function(deadLetterConfig=None), permission("apigateway.amazonaws.com"))
    ),
    "CP08 all": Case("CP08", (machine(),)),
    "CP09 strong": Case("CP09", (pool(), planned(IDENTITIES, allowUnauthenticatedIdentities=False))),
    "CP09 a second factor where an optional one is enough": Case("CP09", (pool(),), settings=OPTIONAL),
    "CP09 an optional factor where that is enough": Case(
        "CP09", (pool(mfaConfiguration="OPTIONAL"),), settings=OPTIONAL
    ),
    "CP09 shorter where that is enough": Case(
        "CP09", (pool(passwordPolicy={**PASSWORDS, "minimumLength": 8}),), settings={"passwordLength": 8}
    ),
}

FAILING: dict[str, Case] = {
    "CP01 privileged": Case("CP01", (task(privileged=True),), "containerDefinitions[0]: privileged is on"),
    "CP01 privileged in another case": Case("CP01", (task(Privileged=True),), "privileged is on"),
    "CP01 no user": Case("CP01", (task(user=None),), "user is not set"),
    "CP01 root": Case("CP01", (task(user="root"),), "user is root"),
    "CP01 root by number, with a group": Case("CP01", (task(user="00:1000"),), "user is root"),
    "CP01 a root that can be written": Case("CP01", (task(readonlyRootFilesystem=False),), "readonlyRootFilesystem"),
    "CP01 no logs": Case("CP01", (task(logConfiguration=None),), "names no driver"),
    "CP01 logs to nowhere": Case("CP01", (task(logConfiguration={"logDriver": "none"}),), "names no driver"),
    "CP01 the second container": Case(
        "CP01",
        (planned(TASK, containerDefinitions=json.dumps([CONTAINER, {**CONTAINER, "privileged": "true"}])),),
        "containerDefinitions[1]: privileged",
    ),
    "CP01 the host's processes": Case("CP01", (task({"pidMode": "host"}),), "pidMode is the host's"),
    "CP01 the host's memory": Case("CP01", (task({"ipcMode": "host"}),), "ipcMode is the host's"),
    "CP01 the host's network": Case("CP01", (task({"networkMode": "host"}),), "networkMode is the host's"),
    "CP01 Windows without logs": Case(
        "CP01",
        (task({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}, logConfiguration=None),),
        "names no driver",
    ),
    "CP01 unknown": Case("CP01", (planned(TASK, containerDefinitions=UNKNOWN),), "'containerDefinitions' is unknown"),
    "CP01 an unknown container": Case(
        "CP01", (planned(DAEMON, containerDefinitions=[UNKNOWN]),), "'containerDefinitions[0]' is unknown"
    ),
    "CP01 an unknown user": Case(
        "CP01",
        (planned(DAEMON, containerDefinitions=[{**CONTAINER, "user": UNKNOWN}]),),
        "'containerDefinitions[0].user' is unknown",
    ),
    "CP01 an unknown namespace": Case("CP01", (task({"pidMode": UNKNOWN}),), "'pidMode' is unknown"),
    "CP01 a key twice": Case("CP01", (task(privileged=True, Privileged=False),), "TypeError"),
    "CP01 no list": Case("CP01", (planned(TASK, containerDefinitions=json.dumps(CONTAINER)),), "TypeError"),
    "CP01 no object": Case("CP01", (planned(TASK, containerDefinitions=json.dumps(["a"])),), "TypeError"),
    "CP01 no definitions": Case("CP01", (planned(TASK),), "TypeError"),
    "CP01 no JSON": Case("CP01", (planned(TASK, containerDefinitions=HIDDEN),), "JSONDecodeError"),
    "CP02 one role by name": Case(
        "CP02", (task({"taskRoleArn": f"{ARN}a", "executionRoleArn": f"{ARN}a"}),), "are the same role"
    ),
    "CP02 one role by dependency": Case("CP02", (*TWO_ROLES, roles(["task"], ["task"])), "are the same role"),
    "CP02 perhaps one role": Case("CP02", (*TWO_ROLES, roles(["task"], ["task", "execution"])), "are the same role"),
    "CP02 one known, and the same": Case(
        "CP02",
        (
            planned(ROLE, "task", arn=f"{ARN}task"),
            task(
                {"taskRoleArn": f"{ARN}task", "executionRoleArn": UNKNOWN},
                deps={"executionRoleArn": [urn(ROLE, "task")]},
            ),
        ),
        "are the same role",
    ),
    "CP02 roles from nowhere": Case("CP02", (roles([], []),), "'taskRoleArn' is unknown"),
    "CP02 an execution role from nowhere": Case("CP02", (*TWO_ROLES, roles(["task"], [])), "'executionRoleArn' is unk"),
    "CP02 latest": Case("CP02", (task(image="a:latest"),), "containerDefinitions[0].image has neither"),
    "CP02 no tag": Case("CP02", (task(image="registry:5000/a"),), "image has neither"),
    "CP02 no image": Case("CP02", (task(image=None),), "image has neither"),
    "CP02 a digest that is none": Case("CP02", (task(image="a@latest"),), "image has neither"),
    "CP02 an unknown image": Case(
        "CP02",
        (planned(DAEMON, containerDefinitions=[{**CONTAINER, "image": UNKNOWN}]),),
        "'containerDefinitions[0].image' is unknown",
    ),
    "CP02 unknown": Case("CP02", (planned(TASK, containerDefinitions=UNKNOWN),), "'containerDefinitions' is unknown"),
    "CP03 privileged": Case("CP03", (job({"privileged": True}),), "containerProperties.privileged is on"),
    "CP03 a privileged node": Case(
        "CP03",
        (job(containerProperties=None, nodeProperties=json.dumps({"a": {"container": {"privileged": "true"}}})),),
        "nodeProperties.a.container.privileged is on",
    ),
    "CP03 privileged in a task": Case(
        "CP03",
        (
            job(
                containerProperties=None,
                ecsProperties=json.dumps({"taskProperties": [{"containers": [{"Privileged": True}]}]}),
            ),
        ),
        "ecsProperties.taskProperties[0].containers[0].Privileged is on",
    ),
    "CP03 no timeout": Case("CP03", (job(timeout=None),), "timeout is not set"),
    "CP03 no retries": Case("CP03", (job(retryStrategy=None),), "attempts is less than 2"),
    "CP03 one attempt": Case("CP03", (job(retryStrategy={"attempts": 1}),), "attempts is less than 2"),
    "CP03 unknown": Case("CP03", (job(containerProperties=UNKNOWN),), "'containerProperties' is unknown"),
    "CP03 unknown pods": Case(
        "CP03",
        (job(containerProperties=None, eksProperties={"podProperties": {"containers": UNKNOWN}}),),
        "'eksProperties.podProperties.containers' is unknown",
    ),
    "CP03 unknown retries": Case(
        "CP03", (job(retryStrategy={"attempts": UNKNOWN}),), "'retryStrategy.attempts' is unknown"
    ),
    "CP04 IMDSv1": Case("CP04", (template(metadataOptions=None),), "httpTokens is not 'required'"),
    "CP04 IMDSv1 as well": Case(
        "CP04", (template(metadataOptions={**METADATA, "httpTokens": "optional"}),), "httpTokens is not 'required'"
    ),
    "CP04 a long way": Case(
        "CP04",
        (template(metadataOptions={**METADATA, "httpPutResponseHopLimit": 2}),),
        "httpPutResponseHopLimit is over 1",
    ),
    "CP04 a way that the image decides": Case(
        "CP04", (template(metadataOptions={"httpTokens": "required"}),), "httpPutResponseHopLimit is not set to 1"
    ),
    "CP04 a disk in clear": Case(
        "CP04",
        (template(blockDeviceMappings=[DISK, {"ebs": {"volumeSize": 8}}]),),
        "blockDeviceMappings[1].ebs.encrypted is not on",
    ),
    "CP04 no disk": Case("CP04", (template(blockDeviceMappings=None),), "declares no disk"),
    "CP04 an instance's root disk": Case("CP04", (instance(rootBlockDevice=None),), "rootBlockDevice.encrypted"),
    "CP04 an instance's other disk": Case("CP04", (instance(ebsBlockDevices=[{}]),), "ebsBlockDevices[0].encrypted"),
    "CP04 an instance that overrules its template": Case(
        "CP04",
        (planned(INSTANCE, launchTemplate={"id": UNKNOWN}, metadataOptions={"httpTokens": "optional"}),),
        "httpTokens is not",
    ),
    "CP04 a launch configuration": Case(
        "CP04", (planned("aws:ec2/launchConfiguration:LaunchConfiguration"),), "rootBlockDevice.encrypted is not on"
    ),
    "CP04 unknown": Case("CP04", (template(metadataOptions=UNKNOWN),), "'metadataOptions.httpEndpoint' is unknown"),
    "CP04 an unknown disk": Case(
        "CP04", (template(blockDeviceMappings=[{"ebs": UNKNOWN}]),), "'blockDeviceMappings[0].ebs.encrypted' is unknown"
    ),
    "CP05 the internet": Case("CP05", (domain(appNetworkAccessType=None),), "appNetworkAccessType is not VpcOnly"),
    "CP05 AWS's key": Case("CP05", (domain(kmsKeyId=None),), "kmsKeyId is not set"),
    "CP05 unknown": Case("CP05", (domain(appNetworkAccessType=UNKNOWN),), "'appNetworkAccessType' is unknown"),
    "CP06 the internet": Case("CP06", (notebook(directInternetAccess=None),), "directInternetAccess is not Disabled"),
    "CP06 root": Case("CP06", (notebook(rootAccess="Enabled"),), "rootAccess is not Disabled"),
    "CP06 no VPC": Case("CP06", (notebook(subnetId=None),), "subnetId is not set"),
    "CP06 unknown": Case("CP06", (notebook(rootAccess=UNKNOWN),), "'rootAccess' is unknown"),
    "CP08 errors only": Case("CP08", (machine(loggingConfiguration={**LOGS, "level": "ERROR"}),), "level is not ALL"),
    "CP08 without data": Case(
        "CP08", (machine(loggingConfiguration={**LOGS, "includeExecutionData": False}),), "includeExecutionData is not"
    ),
    "CP08 to nowhere": Case(
        "CP08", (machine(loggingConfiguration={**LOGS, "logDestination": None}),), "logDestination is not set"
    ),
    "CP08 no logs": Case("CP08", (machine(loggingConfiguration=None),), "level is not ALL"),
    "CP08 no traces": Case("CP08", (machine(tracingConfiguration=None),), "tracingConfiguration.enabled is not on"),
    "CP08 unknown": Case("CP08", (machine(loggingConfiguration=UNKNOWN),), "'loggingConfiguration.level' is unknown"),
    "CP09 short": Case(
        "CP09", (pool(passwordPolicy={**PASSWORDS, "minimumLength": 8}),), "minimumLength is less than 12"
    ),
    "CP09 no policy": Case("CP09", (pool(passwordPolicy=None),), "passwordPolicy leaves off requireLowercase"),
    **{
        f"CP09 without {kind}": Case("CP09", (pool(passwordPolicy={**PASSWORDS, kind: False}),), f"leaves off {kind}")
        for kind in PASSWORDS
        if kind != "minimumLength"
    },
    "CP09 no second factor": Case("CP09", (pool(mfaConfiguration=None),), "mfaConfiguration is not ON"),
    "CP09 an optional factor": Case("CP09", (pool(mfaConfiguration="OPTIONAL"),), "mfaConfiguration is not ON"),
    "CP09 none where an optional one is enough": Case(
        "CP09", (pool(mfaConfiguration="OFF"),), "mfaConfiguration is not ON", OPTIONAL
    ),
    "CP09 guests": Case(
        "CP09", (planned(IDENTITIES, allowUnauthenticatedIdentities=True),), "allowUnauthenticatedIdentities is on"
    ),
    "CP09 unknown": Case("CP09", (pool(mfaConfiguration=UNKNOWN),), "'mfaConfiguration' is unknown"),
    "CP09 unknown guests": Case(
        "CP09",
        (planned(IDENTITIES, allowUnauthenticatedIdentities=UNKNOWN),),
        "'allowUnauthenticatedIdentities' is unknown",
    ),
}

ADVICE: dict[str, Case] = {
    "CP07 an old runtime": Case("CP07", (function(runtime="python3.8"),), "runtime is not among"),
    "CP07 no runtime": Case("CP07", (function(runtime=None),), "runtime is not among"),
    "CP07 not traced": Case("CP07", (function(tracingConfig={"mode": "PassThrough"}),), "tracingConfig.mode"),
    "CP07 no limit": Case(
        "CP07", (function(reservedConcurrentExecutions=None),), "reservedConcurrentExecutions is not"
    ),
    "CP07 no limit, said so": Case("CP07", (function(reservedConcurrentExecutions=-1),), "reservedConcurrentExecut"),
    "CP07 nothing keeps what fails": Case("CP07", (function(deadLetterConfig=None),), "neither deadLetterConfig nor"),
    "CP07 a destination for successes": Case(
        "CP07",
        (
            function(deadLetterConfig=None),
            planned(
                INVOKE,
                destinationConfig={"onSuccess": {"destination": UNKNOWN}},
                functionName=UNKNOWN,
                deps={"functionName": [urn(FUNCTION)]},
            ),
        ),
        "neither deadLetterConfig nor",
    ),
    "CP07 a caller that waits and one that does not": Case(
        "CP07",
        (
            function(deadLetterConfig=None),
            permission("apigateway.amazonaws.com"),
            permission("events.amazonaws.com", "other"),
        ),
        "neither deadLetterConfig nor",
    ),
    "CP07 unknown": Case("CP07", (function(tracingConfig=UNKNOWN),), "'tracingConfig.mode' is unknown"),
}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_passes(case: Case) -> None:
    assert messages(case.rule, *case.resources, config={case.rule: dict(case.settings)}) == ""


@pytest.mark.parametrize(
    ("case", "level"),
    [*((case, "mandatory") for case in FAILING.values()), *((case, "advisory") for case in ADVICE.values())],
    ids=[*FAILING, *ADVICE],
)
def test_fails(case: Case, level: str) -> None:
    findings = judged(case.rule, *case.resources, config={case.rule: dict(case.settings)})
    assert any(case.expected in finding.message for finding in findings), [finding.message for finding in findings]
    assert {finding.level for finding in findings} == {level}
    assert {finding.urn for finding in findings} <= {resource.urn for resource in case.resources}
    assert len({(finding.urn, finding.message) for finding in findings}) == len(findings), "the same is said twice"
    assert HIDDEN not in str(findings)


def test_cp02_a_role_that_the_program_does_not_give_is_no_finding() -> None:
    computed = replace(task({"taskRoleArn": UNKNOWN}), property_dependencies={"containerDefinitions": ()})
    assert messages("CP02", computed) == ""
