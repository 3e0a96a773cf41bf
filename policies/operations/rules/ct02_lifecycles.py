"""CT02: buckets and image repositories have a lifecycle."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.reading import present
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected

_BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_BUCKET_LIFECYCLES = (
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketLifecycleConfigurationV2:BucketLifecycleConfigurationV2",
)
_REPOSITORIES = ("aws:ecr/repository:Repository",)
_REPOSITORY_LIFECYCLES = ("aws:ecr/lifecyclePolicy:LifecyclePolicy",)


def _check(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    buckets, repositories = graph.of_types(_BUCKETS), graph.of_types(_REPOSITORIES)
    kept = {
        *_named(graph, graph.of_types(_BUCKET_LIFECYCLES), "bucket", buckets, "bucket"),
        *_named(graph, graph.of_types(_REPOSITORY_LIFECYCLES), "repository", repositories, "name"),
        *(bucket.urn for bucket in buckets if present(bucket, "lifecycleRules")),
    }
    for resource in (*buckets, *repositories):
        if resource.urn not in kept:
            yield Violation(message="it has no lifecycle, so nothing in it ever goes", urn=resource.urn)


def _named(
    graph: Graph, holders: list[PlannedResource], path: str, targets: list[PlannedResource], key: str
) -> Iterator[str]:
    """Yield the URNs that resources are about: by name where it is known, else by what the name is computed from."""
    by_name = {name: target.urn for target in targets if isinstance(name := target.raw(key), str)}
    for holder in holders:
        name = holder.raw(path)
        if isinstance(name, str) and name in by_name:
            yield by_name[name]
        else:
            yield from (source.urn for source in graph.sources(holder, path))


RULE = Rule(
    id="CT02",
    slug="lifecycles",
    title="Buckets and image repositories have a lifecycle",
    level=Level.ADVISORY,
    severity=Severity.LOW,
    description=(
        "Old versions, broken uploads and images that no task runs any more are paid for until somebody looks; a "
        "lifecycle removes them, and keeps no data longer than was promised."
    ),
    remediation=(
        "Add a BucketLifecycleConfiguration that ends incomplete uploads and expires noncurrent versions, or an ECR "
        "LifecyclePolicy that expires untagged images."
    ),
    link="https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lifecycle-mgmt.html",
    frameworks=(nist("SI-12"), well_architected("COST04-BP05")),
    types=(*_BUCKETS, *_REPOSITORIES),
    anchors=("CKV2_AWS_61", "S3_LIFECYCLE_POLICY_CHECK"),
    check_stack=_check,
)
