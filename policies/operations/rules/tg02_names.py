"""TG02: physical names follow the pattern."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import matches
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected

# Only names that a whole account (or the world) shares; what is named within another resource needs no prefix.
_NAMES = {
    "aws:apigateway/restApi:RestApi": "name",
    "aws:apigatewayv2/api:Api": "name",
    "aws:backup/vault:Vault": "name",
    "aws:batch/computeEnvironment:ComputeEnvironment": "name",
    "aws:batch/jobDefinition:JobDefinition": "name",
    "aws:batch/jobQueue:JobQueue": "name",
    "aws:budgets/budget:Budget": "name",
    "aws:cloudtrail/trail:Trail": "name",
    "aws:cloudwatch/eventBus:EventBus": "name",
    "aws:cloudwatch/eventRule:EventRule": "name",
    "aws:cloudwatch/logGroup:LogGroup": "name",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
    "aws:codebuild/project:Project": "name",
    "aws:cognito/identityPool:IdentityPool": "identityPoolName",
    "aws:cognito/userPool:UserPool": "name",
    "aws:dynamodb/table:Table": "name",
    "aws:ecr/repository:Repository": "name",
    "aws:ecs/cluster:Cluster": "name",
    "aws:ecs/taskDefinition:TaskDefinition": "family",
    "aws:eks/cluster:Cluster": "name",
    "aws:glue/catalogDatabase:CatalogDatabase": "name",
    "aws:glue/job:Job": "name",
    "aws:iam/group:Group": "name",
    "aws:iam/instanceProfile:InstanceProfile": "name",
    "aws:iam/policy:Policy": "name",
    "aws:iam/role:Role": "name",
    "aws:iam/user:User": "name",
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": "name",
    "aws:kinesis/stream:Stream": "name",
    "aws:kms/alias:Alias": "name",
    "aws:lambda/function:Function": "name",
    "aws:lb/loadBalancer:LoadBalancer": "name",
    "aws:lb/targetGroup:TargetGroup": "name",
    "aws:rds/cluster:Cluster": "clusterIdentifier",
    "aws:rds/instance:Instance": "identifier",
    "aws:s3/bucket:Bucket": "bucket",
    "aws:s3/bucketV2:BucketV2": "bucket",
    "aws:sagemaker/domain:Domain": "domainName",
    "aws:sagemaker/endpoint:Endpoint": "name",
    "aws:sagemaker/model:Model": "name",
    "aws:sagemaker/notebookInstance:NotebookInstance": "name",
    "aws:scheduler/scheduleGroup:ScheduleGroup": "name",
    "aws:secretsmanager/secret:Secret": "name",
    "aws:sfn/stateMachine:StateMachine": "name",
    "aws:sns/topic:Topic": "name",
    "aws:sqs/queue:Queue": "name",
    "aws:ssm/parameter:Parameter": "name",
    "aws:wafv2/webAcl:WebAcl": "name",
}


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    patterns = [_filled(pattern, resource) for pattern in settings.strings("namePatterns")]
    path = _NAMES[resource.type]
    for each in (path, f"{path}Prefix"):
        name = resource.value(each)
        # Neither is set where the provider makes a name up; it begins with the logical name.
        if name and not any(matches(pattern, _plain(str(name))) for pattern in patterns):
            yield Violation(message=f"{each} fits none of the patterns that names have here (namePatterns)")


def _filled(pattern: str, resource: PlannedResource) -> str:
    for field in ("project", "stack", "name"):
        pattern = pattern.replace(f"{{{field}}}", getattr(resource, field))
    return _plain(pattern)


def _plain(name: str) -> str:
    """Return a name as services write it that take no capitals, underscores or dots."""
    return name.lower().replace("_", "-").replace(".", "-")


RULE = Rule(
    id="TG02",
    slug="names",
    title="Physical names follow the pattern",
    level=Level.MANDATORY,
    severity=Severity.LOW,
    description=(
        "A name that begins with its project collides with nobody's, says whose it is in logs and bills, and lets "
        "IAM documents grant by prefix; one that was copied from elsewhere does none of it."
    ),
    remediation="Let the name begin with the project's, leave it out so that one is made up, or add to namePatterns.",
    link="https://docs.aws.amazon.com/wellarchitected/latest/operational-excellence-pillar/ops_ops_model_def_resource_owners.html",
    frameworks=(nist("CM-8"), well_architected("OPS02-BP01")),
    types=tuple(_NAMES),
    check=_check,
    options=(
        Option(
            name="namePatterns",
            description="Patterns of physical names; {project}, {stack} and {name} (the logical one) are filled in.",
            # What AWS prescribes for its own is nobody's choice: /aws/lambda/<function>, aws-waf-logs-….
            default=(
                *("{project}*", "{stack}-{project}*", "/{project}*", "alias/{project}*", "{name}*"),
                *("/aws/*", "aws-waf-logs-*"),
            ),
        ),
    ),
)
