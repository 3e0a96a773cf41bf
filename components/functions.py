"""The one way to make a Lambda function: its log group, its role, its code by content."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.encryption import Encryption
from components.logs import log_group
from components.roles import Role, RoleArgs
from lib.documents.functions import function_policy
from lib.functions import archive
from lib.iam import Statement, service_trust
from settings.fargate import CpuArchitecture
from settings.iam import IamSettings

RUNTIME = "python3.13"


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function to make.

    Args:
        suffix: Last part of its physical name and of its role's.
        log_path: Name of its log group.
        log_retention_days: Days that its logs are kept.
        description: What it does.
        role_description: What its role is for.
        statements: What it may do besides writing logs and traces.
        handler: Where it begins, such as `platform_api.main.handler`.
        files: Its files.
        texts: Further files whose content is not known before the stack exists.
        architecture: Processor.
        memory_mib: Memory in MiB.
        timeout_seconds: Seconds that it may take.
        reserved_concurrency: Executions at once that are set aside, if any.
        variables: Its environment.
        code_bucket: Bucket that its code goes through.
        encryption: Key of logs, code and variables.
        iam: How its role is named.
    """

    suffix: str
    log_path: str
    log_retention_days: int
    description: str
    role_description: str
    handler: str
    files: Mapping[str, bytes]
    architecture: CpuArchitecture
    memory_mib: int
    timeout_seconds: int
    code_bucket: pulumi.Input[str]
    encryption: Encryption
    iam: IamSettings
    statements: Sequence[Statement] = ()
    texts: Mapping[str, pulumi.Output[str]] = field(default_factory=dict[str, pulumi.Output[str]])
    reserved_concurrency: int | None = None
    variables: Mapping[str, pulumi.Input[str]] = field(default_factory=dict[str, pulumi.Input[str]])


def make_function(owner: Component, name: str, function: Function) -> aws.lambda_.Function:
    """A function that logs in JSON, is traced, and changes when its files do.

    Args:
        owner: Component that all that is made belongs to.
        name: Name of each resource.
        function: The function.
    """
    deployment, physical = owner.deployment, owner.deployment.names.of(function.suffix)
    child = pulumi.ResourceOptions(parent=owner)
    logs = log_group(
        owner, name, function.log_path, retention_days=function.log_retention_days, key_arn=function.encryption.key_arn
    )
    role = Role(
        name,
        RoleArgs(
            deployment=deployment,
            iam=function.iam,
            suffix=function.suffix,
            description=function.role_description,
            trust=service_trust(deployment.target, "lambda", source_account=False),
            policies={"run": function_policy(deployment.target, function.log_path, *function.statements)},
        ),
        opts=child,
    )
    code = _code(owner, name, physical, function)
    return aws.lambda_.Function(
        name,
        name=physical,
        description=function.description,
        role=role.arn,
        runtime=RUNTIME,
        handler=function.handler,
        s3_bucket=code.bucket,
        s3_key=code.key,
        architectures=["arm64" if function.architecture is CpuArchitecture.ARM64 else "x86_64"],
        memory_size=function.memory_mib,
        timeout=function.timeout_seconds,
        reserved_concurrent_executions=function.reserved_concurrency,
        environment={"variables": dict(function.variables)} if function.variables else None,
        # Lambda forgets a key without variables, and every preview would show it anew.
        kms_key_arn=function.encryption.key_arn if function.variables else None,
        tracing_config={"mode": "Active"},
        logging_config={
            "log_format": "JSON",
            "log_group": function.log_path,
            "application_log_level": "INFO",
            # Lambda's own lines about each start and end would be twice as many as ours.
            "system_log_level": "WARN",
        },
        tags=owner.merged_tags(physical),
        opts=pulumi.ResourceOptions(parent=owner, depends_on=[logs]),
    )


def _code(owner: Component, name: str, physical: str, function: Function) -> aws.s3.BucketObjectv2:
    files, paths = function.files, list(function.texts)
    zipped = pulumi.Output.all(*function.texts.values()).apply(
        lambda texts: archive({**files, **{path: str(text).encode() for path, text in zip(paths, texts, strict=True)}})
    )
    return aws.s3.BucketObjectv2(
        name,
        bucket=function.code_bucket,
        # New content gets a new key, which is how Lambda learns of it. Prefixes of artifacts have no equals sign, so
        # that who may write artifacts can never write code.
        key=zipped.apply(lambda data: f"code={physical}/{hashlib.sha256(data).hexdigest()[:16]}.zip"),
        content_base64=zipped.apply(lambda data: base64.b64encode(data).decode()),
        content_type="application/zip",
        kms_key_id=function.encryption.key_arn,
        bucket_key_enabled=True,
        tags=owner.merged_tags(physical),
        opts=pulumi.ResourceOptions(parent=owner),
    )
