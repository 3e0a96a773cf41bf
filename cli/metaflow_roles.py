"""What each of Metaflow's roles may do and what calls it: the table in docs/metaflow-roles.md, and where it comes from.

python -m cli.metaflow_roles writes the page. Tests hold the table against the roles' documents, and against the calls
that are read from the source of Metaflow's client and of this repository.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from lib.documents.database import ManagedSecret
from lib.documents.functions import function_policy
from lib.documents.logs import enhanced_monitoring
from lib.documents.metaflow import (
    Flows,
    api_logs_policy,
    events_policy,
    instance_policy,
    job_execution_policy,
    job_policy,
    migration_statements,
    notebook_policy,
    read_datastore,
    service_policy,
    step_functions_policy,
    user_policy,
)
from lib.documents.mlflow import execution_policy
from lib.iam import lend_key, via_key
from lib.naming import Target

PAGE = Path(__file__).parents[1] / "docs" / "metaflow-roles.md"
HEADING = "## Roles"
CLIENT_VERSION = "2.19.39"
"""Of the client whose source the table names."""


class By(StrEnum):
    """Whose rights a program runs with."""

    PERSON = "person"
    JOB = "job"
    UI = "ui"
    SERVICE = "service"
    MIGRATION = "migration"
    NOTEBOOK = "notebook"
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of AWS that a source makes.

    Args:
        file: The source, relative to the package `metaflow` or to this repository.
        function: The outermost function around the call, with its class.
        operation: Service and method by boto3's names, such as `batch.submit_job`.
        by: Whose rights it is made with; nobody's of the platform's roles if empty.
    """

    file: str
    function: str
    operation: str
    by: frozenset[By]


def _calls(file: str, by: Sequence[By], functions: Mapping[str, str]) -> tuple[Call, ...]:
    """The calls of one file: operations by function."""
    return tuple(
        Call(file=file, function=function, operation=operation, by=frozenset(by))
        for function, operations in functions.items()
        for operation in operations.split()
    )


_PERSON, _ALL = (By.PERSON,), (By.PERSON, By.JOB)
_READING = (By.PERSON, By.JOB, By.UI)

CLIENT: Sequence[Call] = (
    *_calls(
        "metaflow_environment.py", (By.JOB,), {"MetaflowEnvironment._get_download_code_package_cmd": "s3.download_file"}
    ),
    *_calls("plugins/aws/batch/batch.py", (By.JOB,), {"Batch._command": "s3.download_file"}),
    *_calls(
        "plugins/aws/batch/batch_client.py",
        _PERSON,
        {
            "BatchClient.active_job_queues": "batch.describe_job_queues",
            "BatchClient.describe_job_queue": "batch.describe_job_queues",
            "BatchClient.describe_jobs": "batch.describe_jobs",
            "BatchClient.unfinished_jobs": "batch.list_jobs",
            "BatchJob._register_job_definition": (
                "batch.describe_job_queues batch.describe_compute_environments batch.describe_job_definitions "
                "batch.register_job_definition"
            ),
            "BatchJob.execute": "batch.submit_job",
            "RunningJob._update": "batch.describe_jobs",
            "RunningJob.kill": "batch.terminate_job",
        },
    ),
    *_calls(
        "plugins/aws/secrets_manager/aws_secrets_manager_secrets_provider.py",
        (),
        {"AwsSecretsManagerSecretsProvider.get_secret_as_dict": "secretsmanager.get_secret_value"},
    ),
    *_calls(
        "plugins/aws/step_functions/dynamo_db_client.py",
        (By.JOB,),
        {
            "DynamoDbClient.get_parent_task_ids_for_foreach_join": "dynamodb.get_item",
            "DynamoDbClient.save_foreach_cardinality": "dynamodb.put_item",
            "DynamoDbClient.save_parent_task_id_for_foreach_join": "dynamodb.update_item",
        },
    ),
    *_calls(
        "plugins/aws/step_functions/event_bridge_client.py",
        _PERSON,
        {
            "EventBridgeClient._disable": "events.disable_rule",
            "EventBridgeClient._set": "events.put_rule events.put_targets",
            "EventBridgeClient.delete": "events.remove_targets events.delete_rule",
        },
    ),
    *_calls(
        "plugins/aws/step_functions/step_functions_client.py",
        _PERSON,
        {
            "StepFunctionsClient.delete": "stepfunctions.delete_state_machine",
            "StepFunctionsClient.get": "stepfunctions.describe_state_machine",
            "StepFunctionsClient.list_executions": "stepfunctions.list_executions",
            "StepFunctionsClient.push": "stepfunctions.create_state_machine stepfunctions.update_state_machine",
            "StepFunctionsClient.search": "stepfunctions.list_state_machines",
            "StepFunctionsClient.terminate_execution": "stepfunctions.stop_execution",
            "StepFunctionsClient.trigger": "stepfunctions.start_execution",
        },
    ),
    *_calls(
        "plugins/aws/step_functions/step_functions_client.py",
        (),
        {"StepFunctionsClient.get_state_machine_arn": "sts.get_caller_identity"},
    ),
    *_calls(
        "plugins/datatools/s3/s3.py",
        _READING,
        {"S3.get": "s3.get_object s3.download_file", "S3.info": "s3.head_object"},
    ),
    *_calls("plugins/datatools/s3/s3.py", _ALL, {"S3.put": "s3.head_object s3.upload_fileobj"}),
    *_calls(
        "plugins/datatools/s3/s3op.py",
        _READING,
        {
            "S3Ops.get_info": "s3.head_object",
            "S3Ops.list_prefix": "s3.list_objects_v2",
            "worker": "s3.head_object s3.get_object s3.download_file",
        },
    ),
    *_calls("plugins/datatools/s3/s3op.py", _ALL, {"worker": "s3.upload_file"}),
    *_calls("plugins/datatools/s3/s3tail.py", _PERSON, {"S3Tail._make_range_request": "s3.get_object"}),
)
"""All calls of Metaflow's client."""

OWN: Sequence[Call] = (
    *_calls(
        "cli/metaflow/checks.py",
        (By.COMMAND,),
        {"datastore": "s3.put_object s3.get_object s3.delete_object", "queue": "batch.describe_job_queues"},
    ),
    *_calls(
        "cli/metaflow/checks.py",
        (),
        {"role": "iam.get_role", "table": "dynamodb.describe_table", "user_role": "sts.assume_role"},
    ),
    *_calls("cli/metaflow/variables.py", (By.COMMAND,), {"read_api_key": "apigateway.get_api_key"}),
    *_calls(
        "services/common/platform_service/aws.py",
        (By.SERVICE,),
        {
            "Aws.parameter": "ssm.get_parameter",
            "Aws.credentials": "secretsmanager.get_secret_value",
            "Aws.current_version": "secretsmanager.describe_secret",
        },
    ),
    *_calls("services/common/platform_service/aws.py", (), {"Aws.secret": "secretsmanager.get_secret_value"}),
    *_calls(
        "services/metaflow-migration/metaflow_migration/task.py",
        (By.MIGRATION,),
        {"_earlier": "ecs.list_tasks ecs.describe_tasks", "_start": "ecs.run_task", "_wait": "ecs.describe_tasks"},
    ),
    *_calls("services/metaflow-migration/metaflow_migration/log.py", (By.MIGRATION,), {"tail": "logs.get_log_events"}),
    *_calls("services/metaflow-notebook/idle_stop.py", (By.NOTEBOOK,), {"main": "sagemaker.stop_notebook_instance"}),
)
"""All calls of this repository's own programs around Metaflow."""

_LOOK = "`metaflow configure` looks whether it is there; who may not look is warned, and the client does not need it"
NOT_GRANTED: Mapping[str, str] = {
    "sts.get_caller_identity": "in Outerbounds' sandbox alone; needs no permission",
    "secretsmanager.get_secret_value": (
        "`@secrets` of a flow's own: `batch.additionalWorkerPolicyArn` is where the jobs' role gets them; `Aws.secret` "
        "is the AI gateway's"
    ),
    "sts.assume_role": "the check whether the user role can be assumed: before it is",
    "iam.get_role": _LOOK,
    "dynamodb.describe_table": _LOOK,
}
"""Calls that are made with none of these roles' rights, and why."""

_MISSING = "s3:ListBucket"  # without it S3 answers 403 for what is missing, and the client takes that for refused
_PASS = "iam:PassRole"
NEEDS: Mapping[str, Sequence[str]] = {
    "apigateway.get_api_key": ["apigateway:GET"],
    "batch.register_job_definition": ["batch:RegisterJobDefinition", _PASS],
    "batch.submit_job": ["batch:SubmitJob", "batch:TagResource"],
    "dynamodb.get_item": ["dynamodb:GetItem", "kms:Decrypt"],
    "dynamodb.put_item": ["dynamodb:PutItem", "kms:Decrypt"],
    "dynamodb.update_item": ["dynamodb:UpdateItem", "kms:Decrypt"],
    "ecs.run_task": ["ecs:RunTask", _PASS],
    "events.put_targets": ["events:PutTargets", _PASS],
    "s3.download_file": ["s3:GetObject", _MISSING, "kms:Decrypt"],
    "s3.get_object": ["s3:GetObject", _MISSING, "kms:Decrypt"],
    "s3.head_object": ["s3:GetObject", _MISSING, "kms:Decrypt"],
    "s3.list_objects_v2": ["s3:ListBucket"],
    "s3.put_object": ["s3:PutObject", "kms:GenerateDataKey"],
    # In parts if large: each is encrypted, all are read when they are put together, and given up if one fails.
    "s3.upload_file": ["s3:PutObject", "s3:AbortMultipartUpload", "kms:GenerateDataKey", "kms:Decrypt"],
    "s3.upload_fileobj": ["s3:PutObject", "s3:AbortMultipartUpload", "kms:GenerateDataKey", "kms:Decrypt"],
    "secretsmanager.get_secret_value": ["secretsmanager:GetSecretValue", "kms:Decrypt"],
    "ssm.get_parameter": ["ssm:GetParameter", "kms:Decrypt"],
    "stepfunctions.create_state_machine": ["states:CreateStateMachine", _PASS],
    "stepfunctions.update_state_machine": ["states:UpdateStateMachine", _PASS],
}
"""Actions of calls that need other or more than the one of their own name."""


def actions(call: Call) -> Sequence[str]:
    """The actions that a call needs."""
    service, _, operation = call.operation.partition(".")
    prefix = {"stepfunctions": "states"}.get(service, service)
    own = f"{prefix}:{''.join(part.capitalize() for part in operation.split('_'))}"
    return NEEDS.get(call.operation, [own])


@dataclass(frozen=True, kw_only=True)
class Role:
    """One role of Metaflow's.

    Args:
        suffix: What its name ends with, behind the stack's.
        what: Who has it, and for what.
        document: Its policy, with placeholders for names.
        calls: Whose calls are made with its rights.
        others: What else calls which actions: AWS's own documents, and people.
    """

    suffix: str
    what: str
    document: str
    calls: frozenset[By] = frozenset()
    others: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])

    @property
    def callers(self) -> Mapping[str, Sequence[str]]:
        """What calls each action, in words."""
        found: dict[str, list[str]] = {}
        for source, calls in (("", CLIENT), ("this repository's ", OWN)):
            by_file: dict[tuple[str, str], list[str]] = {}
            for call in calls:
                for action in actions(call) if call.by & self.calls else ():
                    functions = by_file.setdefault((action, call.file), [])
                    functions += [] if call.function in functions else [call.function]
            for (action, file), functions in by_file.items():
                found.setdefault(action, []).append(f"{source}`{file}`: {', '.join(f'`{one}`' for one in functions)}")
        for action, texts in self.others.items():
            found.setdefault(action, []).extend(texts)
        return found


def _because(why: str, *actions: str) -> dict[str, Sequence[str]]:
    return {action: [why] for action in actions}


_TARGET = Target(partition="aws", dns_suffix="amazonaws.com", region="us-east-1", account_id="123456789012", zones=())
_KEY = "STACK-key"


def _role_arn(suffix: str) -> str:
    return _TARGET.global_arn("iam", f"role/mlplatform/STACK-{suffix}")


_FLOWS = Flows(
    target=_TARGET,
    bucket="BUCKET",
    datastore_prefix="metaflow",
    datatools_prefix="data",
    table="STACK-metaflow-flows",
    queues=[_TARGET.arn("batch", "job-queue/STACK-default")],
    state_machine_prefix="STACK-metaflow",
    job_role_arn=_role_arn("metaflow-job"),
    execution_role_arn=_role_arn("metaflow-job-execution"),
    step_functions_role_arn=_role_arn("metaflow-step-functions"),
    events_role_arn=_role_arn("metaflow-events"),
)
_IMAGE = f"{_TARGET.ecr_host()}/STACK/metaflow-job:TAG"
_SECRET = ManagedSecret(target=_TARGET, kind="db", database_arn=_TARGET.arn("rds", "db:STACK-metaflow"))
_PARAMETER = "/PROJECT/STACK/metaflow/database"
_TASK_LOGS = "/PROJECT/STACK/metaflow/service"


def _key(*services: str, write: bool = False) -> dict[str, Any]:
    return via_key(_TARGET, _KEY, None, services, "Key", write=write)


_PULL = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)
_WRITE_LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
_EXECUTION = 'AWS Batch user guide, "AWS Batch IAM execution role"'
_TASK_EXECUTION = 'Amazon ECS developer guide, "Amazon ECS task execution IAM role"'
_AGENT = 'the ECS agent: Amazon ECS developer guide, "Amazon ECS container instance IAM role"'
_BATCH_STATE = (
    'a state `batch:submitJob.sync`: AWS Step Functions developer guide, "IAM policies for calling AWS Batch"'
)
_TAGS = 'its `Tags` (`METAFLOW_BATCH_EMIT_TAGS`): AWS Batch user guide, "Tag your resources"'
_GET_ITEM = (
    'the state `dynamodb:getItem` before a `foreach`: AWS Step Functions developer guide, "IAM policies for DynamoDB"'
)
_MAPS = '`--use-distributed-map`: AWS Step Functions developer guide, "IAM policies for using Distributed Map states"'
_LOGGING = (
    '`--log-execution-history`: AWS Step Functions developer guide, "IAM policies for logging to CloudWatch Logs"'
)
_TARGETS = 'Amazon EventBridge user guide, "IAM roles for sending events to targets"'
_JOB_LOGS = "a person: `aws logs get-log-events`, for a job that ended before Metaflow kept its output"
_PEOPLE = "a person: `aws sagemaker {}`"
_NOTEBOOK_LOGS = 'Amazon SageMaker developer guide, "CreateNotebookInstance API: Execution Role Permissions"'
_GRANTS = 'the volume under the platform\'s key: AWS KMS developer guide, "kms:GrantIsForAWSResource"'
_FUNCTION = 'AWS Lambda developer guide, "Defining Lambda function permissions with an execution role"'
_TRACES = 'AWS Lambda developer guide, "Visualize Lambda function invocations using AWS X-Ray"'
_API_LOGS = 'Amazon API Gateway developer guide, "Permissions for CloudWatch logging"'
_MONITORING = 'Amazon RDS user guide, "Setting up and enabling Enhanced Monitoring"'
_UNDER_KEY = "what it reads is under the platform's key"

ROLES: Sequence[Role] = (
    Role(
        suffix="metaflow-job",
        what="Jobs of flows, on Batch or started by Step Functions: Metaflow's client inside the container.",
        document=job_policy(_FLOWS, use_key=_key("s3", "dynamodb", write=True)),
        calls=frozenset({By.JOB}),
    ),
    Role(
        suffix="metaflow-job-execution",
        what="Fargate, to start jobs.",
        document=job_execution_policy(_TARGET, image=_IMAGE, repositories=()),
        others=_because(_EXECUTION, *_PULL, *_WRITE_LOGS),
    ),
    Role(
        suffix="metaflow-instance",
        what="Instances of compute environments, where there are any.",
        document=instance_policy(_TARGET, environments="STACK-metaflow-", image=_IMAGE, repositories=()),
        others=_because(
            _AGENT,
            *("ecs:DeregisterContainerInstance", "ecs:DiscoverPollEndpoint", "ecs:Poll"),
            *("ecs:RegisterContainerInstance", "ecs:StartTelemetrySession", "ecs:SubmitAttachmentStateChanges"),
            *("ecs:SubmitContainerStateChange", "ecs:SubmitTaskStateChange", "ecs:TagResource"),
            *("ecs:UpdateContainerInstancesState", *_PULL, *_WRITE_LOGS),
        ),
    ),
    Role(
        suffix="metaflow-step-functions",
        what="State machines of flows.",
        document=step_functions_policy(_FLOWS, use_key=_key("s3", "dynamodb", write=True)),
        others={
            **_because(
                _BATCH_STATE,
                *("batch:DescribeJobs", "batch:SubmitJob", "batch:TerminateJob"),
                *("events:DescribeRule", "events:PutRule", "events:PutTargets"),
            ),
            **_because(_TAGS, "batch:TagResource"),
            **_because(_GET_ITEM, "dynamodb:GetItem"),
            **_because(
                _MAPS,
                *("states:DescribeExecution", "states:StartExecution", "states:StopExecution"),
                *("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"),
                "kms:GenerateDataKey",
            ),
            **_because(_UNDER_KEY, "kms:Decrypt"),
            **_because(
                _LOGGING,
                *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups"),
                *("logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries"),
                "logs:UpdateLogDelivery",
            ),
        },
    ),
    Role(
        suffix="metaflow-events",
        what="Schedules of flows (`@schedule`).",
        document=events_policy(_FLOWS),
        others=_because(_TARGETS, "states:StartExecution"),
    ),
    Role(
        suffix="metaflow-user",
        what="People and programs that run and deploy flows, with `metaflow.customRole`.",
        document=user_policy(
            _FLOWS,
            notebook="STACK-metaflow",
            key_tags={"StringEquals": {"aws:ResourceTag/Project": "PROJECT", "aws:ResourceTag/Stack": "STACK"}},
            use_key=_key("s3", write=True),
        ),
        calls=frozenset({By.PERSON, By.COMMAND}),
        others={
            **_because(_JOB_LOGS, "logs:GetLogEvents"),
            **{
                f"sagemaker:{''.join(part.capitalize() for part in command.split('-'))}": [_PEOPLE.format(command)]
                for command in (
                    *("create-presigned-notebook-instance-url", "describe-notebook-instance"),
                    *("start-notebook-instance", "stop-notebook-instance"),
                )
            },
        },
    ),
    Role(
        suffix="metaflow-notebook",
        what="The notebook instance, with `metaflow.enableSagemaker`: Metaflow's client on it, and its own end.",
        document=notebook_policy(
            _FLOWS,
            notebook="STACK-metaflow",
            use_key=_key("s3", "sagemaker", write=True),
            lend_key=lend_key(_TARGET, _KEY, None, "Key"),
        ),
        calls=frozenset({By.PERSON, By.NOTEBOOK}),
        others={
            **_because(_JOB_LOGS, "logs:GetLogEvents"),
            **_because(_NOTEBOOK_LOGS, "logs:CreateLogGroup", "logs:DescribeLogStreams", *_WRITE_LOGS),
            **_because(_GRANTS, "kms:CreateGrant", "kms:DescribeKey"),
        },
    ),
    Role(
        suffix="metaflow-metadata",
        what="The metadata service, and the task that migrates its database.",
        document=service_policy(
            target=_TARGET,
            database_secret=_SECRET,
            database_parameter=_PARAMETER,
            use_key=_key("secretsmanager", "ssm"),
        ),
        calls=frozenset({By.SERVICE}),
    ),
    Role(
        suffix="metaflow-ui",
        what="The UI, with `metaflow.enableUI`: it reads what it shows with Metaflow's client.",
        document=service_policy(
            target=_TARGET,
            database_secret=_SECRET,
            database_parameter=_PARAMETER,
            use_key=_key("s3", "secretsmanager", "ssm"),
            read=read_datastore(_TARGET, bucket="BUCKET", prefix="metaflow"),
        ),
        calls=frozenset({By.SERVICE, By.UI}),
    ),
    Role(
        suffix="metaflow-execution",
        what="ECS, to start the metadata service's, its migration's and the UI's tasks.",
        document=execution_policy(_TARGET, log_group=_TASK_LOGS, images=[_IMAGE.replace("-job", "")]),
        others=_because(_TASK_EXECUTION, *_PULL, *_WRITE_LOGS),
    ),
    Role(
        suffix="metaflow-migration",
        what="The function that runs the migration's task and waits for it.",
        document=function_policy(
            _TARGET,
            "/PROJECT/STACK/metaflow/migration",
            *migration_statements(
                _TARGET,
                family="STACK-metaflow-migration",
                cluster="STACK",
                roles=[_role_arn("metaflow-metadata"), _role_arn("metaflow-execution")],
                log_group=_TASK_LOGS,
                stream_prefix="metaflow",
            ),
        ),
        calls=frozenset({By.MIGRATION}),
        others={
            **_because(_FUNCTION, *_WRITE_LOGS),
            **_because(_TRACES, "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
        },
    ),
    Role(
        suffix="metaflow-api-logs",
        what="API Gateway, to write the logs of REST APIs; one for an account and region.",
        document=api_logs_policy(_TARGET),
        others=_because(
            _API_LOGS,
            *("logs:CreateLogGroup", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:FilterLogEvents"),
            *("logs:GetLogEvents", *_WRITE_LOGS),
        ),
    ),
    Role(
        suffix="metaflow-database-monitoring",
        what="RDS, to write the metadata database's enhanced monitoring.",
        document=enhanced_monitoring(_TARGET),
        others=_because(
            _MONITORING,
            *("logs:CreateLogGroup", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutRetentionPolicy"),
            *_WRITE_LOGS,
        ),
    ),
)
"""Metaflow's roles."""


def allowed_actions(document: str) -> set[str]:
    """The actions that a document allows."""
    return {
        action
        for statement in json.loads(document)["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


def page(text: str) -> str:
    """docs/metaflow-roles.md as it should be, from how it is: by hand above `HEADING`, from this module below."""
    start = text.partition(HEADING)[0]
    return "\n".join([start + HEADING, "", *(line for role in ROLES for line in _section(role)), *_rest()])


def _section(role: Role) -> Iterator[str]:
    callers = role.callers
    yield f"### {role.suffix}\n"
    yield f"{role.what}\n"
    yield "| statement | actions | on | called by |\n| --- | --- | --- | --- |"
    for statement in json.loads(role.document)["Statement"]:
        if statement["Effect"] == "Deny":
            yield f"| {_head(statement)} | none of {_code(statement['Action'])} | {_on(statement)} | |"
            continue
        together: dict[str, list[str]] = {}
        for action in statement["Action"]:
            together.setdefault("; ".join(callers[action]), []).append(action)
        for why, those in together.items():
            yield f"| {_head(statement)} | {_code(those)} | {_on(statement)} | {why} |"
    yield ""


def _rest() -> Iterator[str]:
    yield "## Calls that none of these roles' rights are for\n"
    yield "| call | in | why |\n| --- | --- | --- |"
    for call in [*CLIENT, *OWN]:
        if not call.by:
            yield f"| `{call.operation}` | `{call.file}`: `{call.function}` | {NOT_GRANTED[call.operation]} |"
    yield ""


def _head(statement: Mapping[str, Any]) -> str:
    return f"`{statement['Sid']}`"


def _code(items: Sequence[str]) -> str:
    return ", ".join(f"`{item}`" for item in items)


def _on(statement: Mapping[str, Any]) -> str:
    resources = _code([_short(resource) for resource in statement["Resource"]])
    limits = [
        f"{operator} `{key}` {_code([values] if isinstance(values, str) else values)}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return "; ".join([resources, *limits])


def _short(resource: str) -> str:
    """An ARN without region and account, which are the stack's in all."""
    return resource.replace(f":{_TARGET.region}:", "::").replace(f":{_TARGET.account_id}:", ":")


def write() -> None:
    """Writes the page."""
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    write()
