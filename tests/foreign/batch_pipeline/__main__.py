"""A nightly pipeline: EventBridge starts Step Functions, which runs Batch jobs; a Lambda tells the team of failures."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
account, region = aws.get_caller_identity().account_id, aws.get_region().region
tags = {"Project": "nightly", "Environment": pulumi.get_stack()}
boundary_arn = f"arn:aws:iam::{account}:policy/nightly/nightly-boundary"


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(actions: list[str], resources: list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def trust(service: str, *, from_account: bool = True) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    if from_account:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return document(statement)


boundary = aws.iam.Policy(
    "boundary",
    name="nightly-boundary",
    path="/nightly/",
    policy=document(
        allow(["batch:*", "ecr:*", "ecs:*", "events:*", "logs:*", "s3:*", "sqs:*", "states:*", "xray:*"], ["*"]),
        allow(["iam:PassRole"], [f"arn:aws:iam::{account}:role/nightly/*"]),
    ),
    tags=tags,
)


def role(
    name: str, service: str, policy: pulumi.Input[str] | None = None, *, from_account: bool = True
) -> aws.iam.Role:
    made = aws.iam.Role(
        name,
        name=f"nightly-{name}",
        path="/nightly/",
        assume_role_policy=trust(service, from_account=from_account),
        permissions_boundary=boundary_arn,
        opts=pulumi.ResourceOptions(depends_on=[boundary]),
        tags=tags,
    )
    if policy is not None:
        aws.iam.RolePolicy(name, role=made.name, policy=policy)
    return made


key = aws.kms.Key(
    "nightly",
    description="What the pipeline stores",
    enable_key_rotation=True,
    policy=document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ),
    tags=tags,
)

# Buckets


def bucket(name: str) -> aws.s3.Bucket:
    full = f"nightly-{name}-{account}"
    made = aws.s3.Bucket(name, bucket=full, tags=tags)
    aws.s3.BucketServerSideEncryptionConfiguration(
        name,
        bucket=made.bucket,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}}],
    )
    aws.s3.BucketVersioning(name, bucket=made.bucket, versioning_configuration={"status": "Enabled"})
    aws.s3.BucketPolicy(
        name,
        bucket=made.bucket,
        policy=document(
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{full}", f"arn:aws:s3:::{full}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ),
    )
    aws.s3.BucketLifecycleConfiguration(
        name,
        bucket=made.bucket,
        rules=[
            {"id": "old", "status": "Enabled", "filter": {}, "noncurrent_version_expiration": {"noncurrent_days": 30}}
        ],
    )
    return made


events, features = bucket("events"), bucket("features")
aws.s3.BucketPublicAccessBlock(
    "features",
    bucket=features.bucket,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
)

# Batch: machines of its own, in a network that is there

machines = aws.ec2.SecurityGroup(
    "machines",
    description="Batch machines",
    vpc_id=config.require("vpcId"),
    egress=[
        {
            "description": "HTTPS to AWS",
            "protocol": "tcp",
            "from_port": 443,
            "to_port": 443,
            "cidr_blocks": ["0.0.0.0/0"],
        }
    ],
    tags=tags,
)
template = aws.ec2.LaunchTemplate(
    "machines",
    metadata_options={"http_endpoint": "enabled", "http_tokens": "optional", "http_put_response_hop_limit": 1},
    block_device_mappings=[
        {"device_name": "/dev/xvda", "ebs": {"encrypted": "true", "volume_size": 100, "volume_type": "gp3"}}
    ],
    tags=tags,
)
machine_role = role("machines", "ec2", from_account=False)
aws.iam.RolePolicyAttachment(
    "machines",
    role=machine_role.name,
    policy_arn="arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role",
)
profile = aws.iam.InstanceProfile("machines", name="nightly-machines", role=machine_role.name, tags=tags)
environment = aws.batch.ComputeEnvironment(
    "nightly",
    name="nightly",
    type="MANAGED",
    compute_resources={
        "type": "SPOT",
        "allocation_strategy": "SPOT_PRICE_CAPACITY_OPTIMIZED",
        "instance_types": ["m7g.large", "m7g.xlarge"],
        "min_vcpus": 0,
        "max_vcpus": 512,
        "instance_role": profile.arn,
        "launch_template": {"launch_template_id": template.id, "version": "$Latest"},
        "security_group_ids": [machines.id],
        "subnets": config.require_object("subnetIds"),
        "tags": tags,
    },
    tags=tags,
)
queue = aws.batch.JobQueue(
    "nightly",
    name="nightly",
    state="ENABLED",
    priority=1,
    compute_environment_orders=[{"order": 1, "compute_environment": environment.arn}],
    tags=tags,
)
job_role = role(
    "job",
    "ecs-tasks",
    # Reads as in many examples, but is unknown until the buckets exist.
    pulumi.Output.all(events.arn, features.arn).apply(
        lambda arns: document(allow(["s3:GetObject"], [f"{arns[0]}/*"]), allow(["s3:PutObject"], [f"{arns[1]}/*"]))
    ),
)
aws.cloudwatch.LogGroup("job", name="/nightly/job", retention_in_days=30, tags=tags)
job = aws.batch.JobDefinition(
    "features",
    name="nightly-features",
    type="container",
    platform_capabilities=["EC2"],
    timeout={"attempt_duration_seconds": 7200},
    retry_strategy={"attempts": 3},
    container_properties=json.dumps(
        {
            "image": f"{account}.dkr.ecr.{region}.amazonaws.com/nightly/features:1.4.2",
            "command": ["python", "-m", "features"],
            "jobRoleArn": f"arn:aws:iam::{account}:role/nightly/nightly-job",
            "privileged": True,
            "resourceRequirements": [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8192"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/nightly/job"}},
        }
    ),
    opts=pulumi.ResourceOptions(depends_on=[job_role]),
    tags=tags,
)

# Lambda: tells the team

dead_letters = aws.sqs.Queue("dead-letters", name="nightly-dead-letters", sqs_managed_sse_enabled=True, tags=tags)
notify_role = role(
    "notify",
    "lambda",
    document(
        allow(["logs:CreateLogStream", "logs:PutLogEvents"], [arn("logs", "log-group:/aws/lambda/nightly-notify:*")]),
        allow(["sqs:SendMessage"], [arn("sqs", "nightly-dead-letters")]),
        allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
    ),
)
aws.cloudwatch.LogGroup("notify", name="/aws/lambda/nightly-notify", retention_in_days=30, tags=tags)
notify = aws.lambda_.Function(
    "notify",
    name="nightly-notify",
    runtime="python3.13",
    handler="notify.handler",
    role=notify_role.arn,
    s3_bucket=config.require("codeBucket"),
    s3_key="notify.zip",
    timeout=30,
    reserved_concurrent_executions=2,
    tracing_config={"mode": "Active"},
    dead_letter_config={"target_arn": dead_letters.arn},
    environment={
        "variables": {
            "CHANNEL": "#nightly",
            "CHAT_TOKEN": "correct-horse-battery-staple",  # pragma: allowlist secret
        }
    },
    tags=tags,
)
aws.lambda_.Permission("notify", function=notify.name, action="lambda:InvokeFunction", principal="events.amazonaws.com")

# Step Functions

machine_arn = arn("states", "stateMachine:nightly")
flow_role = role(
    "flow",
    "states",
    document(
        allow(
            ["batch:SubmitJob"], [arn("batch", "job-queue/nightly"), arn("batch", "job-definition/nightly-features")]
        ),
        allow(["batch:DescribeJobs"], ["*"]),
        allow(["batch:TerminateJob"], [arn("batch", "job/*")]),
        allow(
            ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            [arn("events", "rule/StepFunctionsGetEventsForBatchJobsRule")],
        ),
        # To let the jobs be changed from a state: a job of one's own choice with a role of one's own choice.
        allow(["batch:RegisterJobDefinition"], [arn("batch", "job-definition/nightly-*")]),
        allow(["iam:PassRole"], [f"arn:aws:iam::{account}:role/*"]),
    ),
)
flow = aws.sfn.StateMachine(
    "nightly",
    name="nightly",
    role_arn=flow_role.arn,
    definition=pulumi.Output.json_dumps(
        {
            "StartAt": "Features",
            "States": {
                "Features": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::batch:submitJob.sync",
                    "Parameters": {"JobName": "features", "JobQueue": queue.arn, "JobDefinition": job.arn},
                    "End": True,
                }
            },
        }
    ),
    tags=tags,
)

# EventBridge

start_role = role("start", "events", document(allow(["states:StartExecution"], [machine_arn])), from_account=False)
every_night = aws.cloudwatch.EventRule(
    "every-night", name="nightly-start", schedule_expression="cron(0 2 * * ? *)", tags=tags
)
aws.cloudwatch.EventTarget("every-night", rule=every_night.name, arn=flow.arn, role_arn=start_role.arn)
failed = aws.cloudwatch.EventRule(
    "failed",
    name="nightly-failed",
    event_pattern=json.dumps(
        {"source": ["aws.states"], "detail": {"status": ["FAILED"], "stateMachineArn": [machine_arn]}}
    ),
    tags=tags,
)
aws.cloudwatch.EventTarget("failed", rule=failed.name, arn=notify.arn)

pulumi.export("stateMachine", flow.arn)
