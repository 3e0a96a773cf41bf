"""What Metaflow's roles may do: each statement is what the client's, the jobs' or the state machines' source calls.

cli/metaflow_roles.py says for each action what calls it (docs/metaflow-roles.md), and
tests/services/test_metaflow_rights.py holds the documents against what the real client asks of AWS.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lib.documents.database import ManagedSecret
from lib.documents.mlflow import read_parameter
from lib.iam import Conditions, Statement, allow, deny, document, grant
from lib.images import ecr_repository_arn
from lib.naming import Target

JOB_LOG_GROUP = "/aws/batch/job"
"""Where Batch writes all jobs' output unless a job says otherwise (AWS Batch user guide, "Using the awslogs log
driver")."""

JOB_DEFINITIONS = "metaflow_*"
"""Metaflow names job definitions `metaflow_<hash>` (its `plugins/aws/batch/batch_client.py`)."""

DISTRIBUTED_MAP_OUTPUT = "sfn_distributed_map_output"
"""Below the datastore's root (Metaflow's `SFN_S3_DISTRIBUTED_MAP_OUTPUT_PATH`)."""

PROBE = "mlplatform-check"
"""What the names of objects begin with that `python -m cli metaflow configure` writes, reads and deletes."""

JOB_EVENTS_RULE = "StepFunctionsGetEventsForBatchJobsRule"
"""The rule by which Step Functions learns that a job has ended (AWS Step Functions developer guide, "IAM policies for
AWS Batch")."""

_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True, kw_only=True)
class Flows:
    """What flows use, by names that are known at preview.

    Args:
        target: The account.
        bucket: Name of the datastore's bucket.
        datastore_prefix: Key prefix of artifacts and code packages.
        datatools_prefix: Key prefix of what flows store themselves.
        table: Name of the table that `foreach` on Step Functions keeps its state in.
        queues: ARNs of the job queues.
        state_machine_prefix: What state machines' names begin with, before an underscore.
        job_role_arn: Role of jobs.
        execution_role_arn: Role that starts jobs on Fargate.
        step_functions_role_arn: Role of state machines.
        events_role_arn: Role of schedules.
    """

    target: Target
    bucket: str
    datastore_prefix: str
    datatools_prefix: str
    table: str
    queues: Sequence[str]
    state_machine_prefix: str
    job_role_arn: str
    execution_role_arn: str
    step_functions_role_arn: str
    events_role_arn: str

    @property
    def state_machines(self) -> str:
        """Pattern of the ARNs of flows' state machines."""
        return self.target.arn("states", f"stateMachine:{self.state_machine_prefix}_*")

    @property
    def executions(self) -> str:
        """Pattern of the ARNs of their executions."""
        return self.target.arn("states", f"execution:{self.state_machine_prefix}_*")

    @property
    def rules(self) -> str:
        """Pattern of the ARNs of their schedules, which have the state machines' names."""
        return self.target.arn("events", f"rule/{self.state_machine_prefix}_*")

    @property
    def job_definitions(self) -> list[str]:
        """Patterns of the ARNs of job definitions, with and without revision."""
        definition = self.target.arn("batch", f"job-definition/{JOB_DEFINITIONS}")
        return [definition, f"{definition}:*"]

    @property
    def jobs(self) -> str:
        """Pattern of the ARNs of jobs."""
        return self.target.arn("batch", "job/*")


def job_policy(flows: Flows, *, use_key: Statement) -> str:
    """Lets a job read and write the datastore, and the state of a `foreach`.

    Args:
        flows: What flows use.
        use_key: Statement that allows to encrypt and decrypt with the platform's key.
    """
    table = flows.target.arn("dynamodb", f"table/{flows.table}")
    return document(
        *_datastore(flows),
        allow("ForeachState", ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"], [table]),
        use_key,
    )


def job_execution_policy(target: Target, *, image: str, repositories: Sequence[str]) -> str:
    """Lets Fargate start jobs: pull their images, write their output.

    Args:
        target: The account.
        image: URI of the jobs' default image.
        repositories: Names of further repositories of this account, `*` for any characters.
    """
    return document(*_pull(target, image, repositories), _job_output(target))


def instance_policy(target: Target, *, environments: str, image: str, repositories: Sequence[str]) -> str:
    """Lets the ECS agent of an instance join its environment's cluster and run jobs (Amazon ECS developer guide,
    "Amazon ECS container instance IAM role"); of the managed policy only what a Batch instance does.

    Args:
        target: The account.
        environments: What the names of the compute environments begin with.
        image: URI of the jobs' default image.
        repositories: Names of further repositories of this account, `*` for any characters.
    """
    # Batch names an environment's cluster AWSBatch-<environment>-<uuid>, once <environment>_Batch_<uuid>.
    names = (f"AWSBatch-{environments}*", f"{environments}*_Batch_*")
    clusters = [target.arn("ecs", f"cluster/{name}") for name in names]
    instances = [target.arn("ecs", f"container-instance/{name}/*") for name in names]
    return document(
        allow(
            "Cluster",
            [
                *("ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance", "ecs:SubmitTaskStateChange"),
                *("ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange"),
            ],
            clusters,
        ),
        allow(
            "Instance",
            ["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
            instances,
        ),
        allow(
            "TagInstance",
            ["ecs:TagResource"],
            [*clusters, *instances],
            conditions={"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}},
        ),
        allow("Endpoint", ["ecs:DiscoverPollEndpoint"], ["*"]),  # has no resource type
        *_pull(target, image, repositories),
        _job_output(target),
    )


def step_functions_policy(flows: Flows, *, use_key: Statement) -> str:
    """Lets flows' state machines run jobs, read the state of a `foreach`, and fan out by distributed maps.

    Args:
        flows: What flows use.
        use_key: Statement that allows to encrypt and decrypt with the platform's key.
    """
    target = flows.target
    output = f"{flows.datastore_prefix}/{DISTRIBUTED_MAP_OUTPUT}"
    rule = target.arn("events", f"rule/{JOB_EVENTS_RULE}")
    return document(
        allow("SubmitJobs", ["batch:SubmitJob"], [*flows.queues, *flows.job_definitions, flows.jobs]),
        allow("TagJobs", ["batch:TagResource"], [flows.jobs]),
        allow("FollowJobs", ["batch:DescribeJobs"], ["*"]),  # has no resource type
        allow("StopJobs", ["batch:TerminateJob"], [flows.jobs]),
        allow("JobEvents", ["events:DescribeRule", "events:PutRule", "events:PutTargets"], [rule]),
        allow("ForeachState", ["dynamodb:GetItem"], [target.arn("dynamodb", f"table/{flows.table}")]),
        allow("StartMaps", ["states:StartExecution"], [flows.state_machines]),
        allow("FollowMaps", ["states:DescribeExecution", "states:StopExecution"], [flows.executions]),
        allow(
            "MapOutput",
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
            [target.s3_arn(f"{flows.bucket}/{output}/*")],
        ),
        allow(
            "ExecutionLogs",  # none of these has a resource type; the log group's own policy lets the delivery write
            [
                *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery"),
                *("logs:ListLogDeliveries", "logs:UpdateLogDelivery"),
                *("logs:DescribeLogGroups", "logs:DescribeResourcePolicies"),
            ],
            ["*"],
        ),
        use_key,
    )


def events_policy(flows: Flows) -> str:
    """Lets schedules start flows' state machines."""
    return document(allow("StartFlows", ["states:StartExecution"], [flows.state_machines]))


def user_policy(flows: Flows, *, notebook: str | None, key_tags: Conditions, use_key: Statement) -> str:
    """Lets a person run flows on Batch, and deploy, schedule, start and stop them on Step Functions.

    Args:
        flows: What flows use.
        notebook: Name of the notebook instance that people open; none if there is none.
        key_tags: What marks this stack's API key among the account's.
        use_key: Statement that allows to encrypt and decrypt with the platform's key.
    """
    target = flows.target
    # The key's id is not known before it exists, so its tags name it. API Gateway's ARNs have no account.
    keys = f"arn:{target.partition}:apigateway:{target.region}::/apikeys/*"
    probes = target.s3_arn(f"{flows.bucket}/{flows.datastore_prefix}/{PROBE}-*")
    return document(
        *client_statements(flows),
        allow("DeleteProbes", ["s3:DeleteObject"], [probes]),  # Metaflow's client itself deletes nothing
        allow("ApiKey", ["apigateway:GET"], [keys], conditions=key_tags),
        *([_open_notebook(target, notebook)] if notebook else []),
        use_key,
    )


def notebook_policy(flows: Flows, *, notebook: str, use_key: Statement, lend_key: Sequence[Statement]) -> str:
    """Lets the notebook instance do what a user of Metaflow does, write its logs, and stop itself when idle.

    Args:
        flows: What flows use.
        notebook: Name of the notebook instance.
        use_key: Statement that allows to encrypt and decrypt with the platform's key.
        lend_key: Statements that let its volume be encrypted under the platform's key.
    """
    target = flows.target
    return document(
        *client_statements(flows),
        allow(
            "StopWhenIdle",
            ["sagemaker:StopNotebookInstance"],
            [target.arn("sagemaker", f"notebook-instance/{notebook}")],
        ),
        allow(
            "OwnLogs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [target.arn("logs", "log-group:/aws/sagemaker/NotebookInstances*")],
        ),
        use_key,
        *lend_key,
    )


def client_statements(flows: Flows) -> list[Statement]:
    """What Metaflow's client does for a person: datastore, Batch, Step Functions, EventBridge."""
    target = flows.target
    return [
        *_datastore(flows),
        allow(
            "LookAtBatch",  # none of these has a resource type
            [
                *("batch:DescribeComputeEnvironments", "batch:DescribeJobDefinitions", "batch:DescribeJobQueues"),
                *("batch:DescribeJobs", "batch:ListJobs"),
            ],
            ["*"],
        ),
        allow("DefineJobs", ["batch:RegisterJobDefinition"], flows.job_definitions),
        allow("SubmitJobs", ["batch:SubmitJob"], [*flows.queues, *flows.job_definitions, flows.jobs]),
        allow("TagJobs", ["batch:TagResource"], [flows.jobs]),
        allow(
            "StopJobs",
            ["batch:TerminateJob"],
            [flows.jobs],
            conditions={"StringEquals": {"aws:ResourceTag/app": "metaflow"}},  # METAFLOW_BATCH_EMIT_TAGS
        ),
        allow("JobOutput", ["logs:GetLogEvents"], [target.arn("logs", f"log-group:{JOB_LOG_GROUP}:*")]),
        # AWS does not say which of the two Batch checks for; the roles trust ecs-tasks alone.
        _hand_over("Jobs", [flows.job_role_arn, flows.execution_role_arn], "batch", "ecs-tasks"),
        allow("FindFlows", ["states:ListStateMachines"], ["*"]),  # has no resource type
        allow(
            "DeployFlows",
            [
                *("states:CreateStateMachine", "states:DeleteStateMachine", "states:DescribeStateMachine"),
                *("states:ListExecutions", "states:StartExecution", "states:UpdateStateMachine"),
            ],
            [flows.state_machines],
        ),
        allow("StopFlows", ["states:StopExecution"], [flows.executions]),
        _hand_over("Flows", [flows.step_functions_role_arn], "states"),
        allow(
            "ScheduleFlows",
            [
                *("events:DeleteRule", "events:DisableRule", "events:PutRule", "events:PutTargets"),
                "events:RemoveTargets",
            ],
            [flows.rules],
        ),
        _hand_over("Schedules", [flows.events_role_arn], "events"),
    ]


def service_policy(
    *,
    database_secret: ManagedSecret,
    database_parameter: str,
    target: Target,
    use_key: Statement,
    read: Sequence[Statement] = (),
) -> str:
    """Lets the metadata service, its migration or the UI find the database and log in.

    Args:
        database_secret: The database's master secret.
        database_parameter: Name of the parameter with the database's address.
        target: The account.
        use_key: Statement that allows to decrypt with the platform's key.
        read: What else it reads.
    """
    return document(
        allow(
            "DatabaseSecret",
            ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            [database_secret.resource],
            conditions=database_secret.conditions,
        ),
        read_parameter(target, "DatabaseAddress", database_parameter),
        *read,
        use_key,
    )


def read_datastore(target: Target, *, bucket: str, prefix: str) -> list[Statement]:
    """Lets the UI show artifacts, logs and cards.

    Args:
        target: The account.
        bucket: Name of the datastore's bucket.
        prefix: Key prefix of artifacts and code packages.
    """
    return [
        _list(target, bucket, [prefix]),
        allow("ReadArtifacts", ["s3:GetObject"], [target.s3_arn(f"{bucket}/{prefix}/*")]),
    ]


def migration_statements(
    target: Target, *, family: str, cluster: str, roles: Sequence[str], log_group: str, stream_prefix: str
) -> list[Statement]:
    """Lets the migration's function run its one task, wait for it, and read why it failed.

    Args:
        target: The account.
        family: Name of the task definition.
        cluster: Name of the ECS cluster.
        roles: ARNs of the task's two roles.
        log_group: Name of the log group that the task writes to.
        stream_prefix: What the names of its log streams begin with.
    """
    cluster_arn = target.arn("ecs", f"cluster/{cluster}")
    return [
        allow(
            "RunMigration",
            ["ecs:RunTask"],
            [target.arn("ecs", f"task-definition/{family}:*")],
            conditions={"ArnEquals": {"ecs:cluster": cluster_arn}},
        ),
        # Tasks have no part in ListTasks' resource type, which is container instances.
        allow("FindMigration", ["ecs:ListTasks"], ["*"], conditions={"ArnEquals": {"ecs:cluster": cluster_arn}}),
        allow("FollowMigration", ["ecs:DescribeTasks"], [target.arn("ecs", f"task/{cluster}/*")]),
        allow(
            "MigrationOutput",
            ["logs:GetLogEvents"],
            [target.arn("logs", f"log-group:{log_group}:log-stream:{stream_prefix}/*")],
        ),
        _hand_over("Migration", roles, "ecs-tasks"),
    ]


def api_logs_policy(target: Target) -> str:
    """Lets API Gateway write its APIs' logs (Amazon API Gateway developer guide, "Permissions for CloudWatch logging").

    An account has one role for all its REST APIs in a region, so it may write to log groups of any name.
    """
    groups = target.arn("logs", "log-group:*")
    return document(
        allow(
            "Write",
            [
                *("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"),
                *("logs:CreateLogGroup", "logs:PutLogEvents"),
            ],
            [groups],
        ),
        allow("Find", ["logs:DescribeLogGroups"], ["*"]),  # has no resource type
    )


def api_policy(*, cidrs: Sequence[str]) -> str | None:
    """A REST API's policy that lets certain addresses call; none where all may, as every call needs a key.

    Args:
        cidrs: IPv4 ranges; all if empty.
    """
    if not cidrs:
        return None
    # API Gateway fills in the API that carries the policy.
    ranges = {"IpAddress": {"aws:SourceIp": sorted(cidrs)}}
    return document(grant("OnlyFrom", "*", ["execute-api:Invoke"], ["execute-api:/*"], conditions=ranges))


def _datastore(flows: Flows) -> list[Statement]:
    prefixes = [flows.datastore_prefix, flows.datatools_prefix]
    return [
        _list(flows.target, flows.bucket, prefixes),
        allow(
            "Datastore",
            ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
            [flows.target.s3_arn(f"{flows.bucket}/{prefix}/*") for prefix in prefixes],
        ),
        deny(
            "NoPresignedUrls",  # as in the template: what a role reads must not be handed on as an address
            ["s3:*"],
            conditions={"StringNotEquals": {"s3:authType": "REST-HEADER"}},
        ),
    ]


def _list(target: Target, bucket: str, prefixes: Sequence[str]) -> Statement:
    patterns = [pattern for prefix in prefixes for pattern in (prefix, f"{prefix}/*")]
    return allow(
        "ListDatastore",
        ["s3:ListBucket"],
        [target.s3_arn(bucket)],
        conditions={"StringLike": {"s3:prefix": patterns}},
    )


def _hand_over(what: str, roles: Sequence[str], *services: str) -> Statement:
    hosts = [f"{service}.amazonaws.com" for service in services]
    return allow(
        f"HandOver{what}",
        ["iam:PassRole"],
        roles,
        conditions={"StringEquals": {"iam:PassedToService": hosts[0] if len(hosts) == 1 else hosts}},
    )


def _open_notebook(target: Target, notebook: str) -> Statement:
    return allow(
        "Notebook",
        [
            *("sagemaker:CreatePresignedNotebookInstanceUrl", "sagemaker:DescribeNotebookInstance"),
            *("sagemaker:StartNotebookInstance", "sagemaker:StopNotebookInstance"),
        ],
        [target.arn("sagemaker", f"notebook-instance/{notebook}")],
    )


def _pull(target: Target, image: str, repositories: Sequence[str]) -> list[Statement]:
    own = ecr_repository_arn(target, image)
    arns = {*([own] if own else []), *(target.arn("ecr", f"repository/{name}") for name in repositories)}
    if not arns:
        return []
    return [
        allow("Login", ["ecr:GetAuthorizationToken"], ["*"]),  # has no resource type
        allow("Pull", _PULL, sorted(arns)),
    ]


def _job_output(target: Target) -> Statement:
    return allow(
        "Output", ["logs:CreateLogStream", "logs:PutLogEvents"], [target.arn("logs", f"log-group:{JOB_LOG_GROUP}:*")]
    )
