"""OP03: what holds data is protected in production."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected
from policies.operations.stacks import listed


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    # A resource that is retained on delete looks like any other here: the engine does not tell policies.
    if not resource.protect and listed(settings, "productionStacks", resource.stack):
        yield Violation(message="it holds data and is not protected, so a changed program may delete or replace it")


RULE = Rule(
    id="OP03",
    slug="stateful-protected",
    title="What holds data is protected in production",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "A renamed resource or a property that cannot be changed in place deletes what is there; with protect the "
        "engine refuses, and a person decides. Of a key or a user pool nothing remains to restore."
    ),
    remediation="Give it ResourceOptions(protect=True) in production stacks.",
    link="https://docs.aws.amazon.com/wellarchitected/latest/reliability-pillar/rel_backing_up_data_identified_backups_data.html",
    frameworks=(nist("CM-3"), nist("SI-12"), well_architected("REL09-BP01")),
    types=(
        "aws:cognito/userPool:UserPool",
        "aws:docdb/cluster:Cluster",
        "aws:dynamodb/globalTable:GlobalTable",
        "aws:dynamodb/table:Table",
        "aws:ebs/volume:Volume",
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "aws:kms/externalKey:ExternalKey",
        "aws:kms/key:Key",
        "aws:neptune/cluster:Cluster",
        "aws:opensearch/domain:Domain",
        "aws:rds/cluster:Cluster",
        "aws:rds/globalCluster:GlobalCluster",
        "aws:rds/instance:Instance",
        "aws:redshift/cluster:Cluster",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "aws:sagemaker/domain:Domain",
        "aws:sagemaker/featureGroup:FeatureGroup",
        "aws:secretsmanager/secret:Secret",
    ),
    check=_check,
    options=(
        Option(
            name="productionStacks",
            description="Patterns of the stacks that are production.",
            default=("prod*", "*-prod", "*-production"),
        ),
    ),
)
