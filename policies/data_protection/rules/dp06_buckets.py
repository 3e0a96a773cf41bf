"""DP06: buckets are private, encrypted under our key, reached over TLS only, and versioned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from policies.framework.globs import matches
from policies.framework.judge import unknown
from policies.framework.reading import flag, given, present, text
from policies.framework.resource import Graph, PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, cis, nist, well_architected
from policies.framework.values import UnknownPropertyError
from policies.iam.document import DocumentError, DocumentUnknownError, Statement
from policies.iam.places import Place, places

_BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_ACCESS_LOGS = {"logging.s3.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"}


_COMPANIONS = (
    "BucketPublicAccessBlock",
    "BucketVersioning",
    "BucketServerSideEncryptionConfiguration",
    "BucketPolicy",
)

Companions = Mapping[str, Sequence[PlannedResource]]


def _types(name: str) -> tuple[str, str]:
    """Return both tokens of a resource: the current one and its deprecated sibling."""
    return f"aws:s3/{name[0].lower()}{name[1:]}:{name}", f"aws:s3/{name[0].lower()}{name[1:]}V2:{name}V2"


def _check(graph: Graph, _settings: Settings) -> Iterator[Violation]:
    buckets = graph.of_types(_BUCKETS)
    by_name: dict[str, list[PlannedResource]] = {}
    for bucket in buckets:
        by_name.setdefault(_name(bucket), []).append(bucket)
    companions: dict[str, dict[str, list[PlannedResource]]] = {bucket.urn: {} for bucket in buckets}
    for name in _COMPANIONS:
        for each in graph.of_types(_types(name)):
            for bucket in _meant(graph, each, "bucket", by_name):
                companions[bucket.urn].setdefault(name, []).append(each)
    logs = set(_log_targets(graph, buckets, by_name))
    for bucket in buckets:
        try:
            for message in _judge(bucket, companions[bucket.urn], listed=bucket.urn in logs):
                yield Violation(message=message, urn=bucket.urn)
        except UnknownPropertyError as error:  # of this one; the others are judged all the same
            yield unknown(graph.by_urn[error.urn or bucket.urn], error.path)


def _judge(bucket: PlannedResource, companions: Companions, *, listed: bool) -> Iterator[str]:
    statements = list(_statements(bucket, companions))
    yield from _tls(bucket, statements)
    yield from _public(companions)
    yield from _versioning(bucket, companions)
    yield from _encryption(bucket, companions, _only_access_logs(statements, listed=listed))


def _name(bucket: PlannedResource) -> str:
    name = bucket.raw("bucket")
    return name if isinstance(name, str) else ""


def _meant(
    graph: Graph, resource: PlannedResource, path: str, by_name: Mapping[str, Sequence[PlannedResource]]
) -> Iterator[PlannedResource]:
    """Yield the buckets that a property means: by name where both are known, else by what it is computed from."""
    name = resource.raw(path)
    known = isinstance(name, str) and bool(name)
    if known:
        yield from by_name.get(name, ())
    for source in graph.sources(resource, path):
        if source.type in _BUCKETS and not (known and _name(source)):
            yield source


def _public(companions: Companions) -> Iterator[str]:
    blocks = companions.get("BucketPublicAccessBlock", ())
    if not blocks:
        yield "no BucketPublicAccessBlock belongs to it"
    for block in blocks:
        off = [path for path in _BLOCKS if not flag(block, path)]
        if off:
            yield f"its BucketPublicAccessBlock leaves off {', '.join(off)}"


def _versioning(bucket: PlannedResource, companions: Companions) -> Iterator[str]:
    found = companions.get("BucketVersioning", ())
    on = [text(each, "versioningConfiguration.status") == "Enabled" for each in found]
    if not (all(on) if on else given(bucket, "versioning") and flag(bucket, "versioning.enabled")):
        yield "versioning is not enabled"


def _encryption(bucket: PlannedResource, companions: Companions, only_access_logs: bool) -> Iterator[str]:
    default = "applyServerSideEncryptionByDefault"
    found = [
        (each, f"rules[{at}].{default}")
        for each in companions.get("BucketServerSideEncryptionConfiguration", ())
        for at in range(len(each.items("rules")))
    ] or [(bucket, f"serverSideEncryptionConfiguration.rule.{default}")]
    if not given(*found[0]):
        yield "it is not encrypted with KMS"
        return
    for resource, path in found:
        algorithm = text(resource, f"{path}.sseAlgorithm")
        if algorithm == "AES256" and only_access_logs:
            continue  # access logs are delivered to no other kind of bucket
        if algorithm not in ("aws:kms", "aws:kms:dsse"):
            yield "it is not encrypted with KMS"
        elif not present(resource, f"{path}.kmsMasterKeyId"):
            yield "its encryption names no key, so AWS's own is used"


def _statements(bucket: PlannedResource, companions: Companions) -> Iterator[Statement | str]:
    """Yield the statements of a bucket's policies; a text where one cannot be read."""
    holders = companions.get("BucketPolicy", ())
    for resource in [*holders, *([bucket] if given(bucket, "policy") else [])]:
        for place in places(resource):
            try:
                yield from place.parse()
            except DocumentError as error:
                yield f"its policy {error}"
            except DocumentUnknownError as error:
                yield f"its policy ({_where(place, error)} of {resource.name}) is unknown and cannot be judged"


def _where(place: Place, error: DocumentUnknownError) -> str:
    return ", ".join(f"{place.path}.{path}" if path else place.path for path in error.paths)


def _tls(bucket: PlannedResource, statements: list[Statement | str]) -> Iterator[str]:
    unread = [each for each in statements if isinstance(each, str)]
    if unread:
        yield from unread
    elif not any(_refuses_plain(each, bucket) for each in statements if isinstance(each, Statement)):
        yield "no policy denies everyone every action without TLS (aws:SecureTransport false) on it and its objects"


def _refuses_plain(statement: Statement, bucket: PlannedResource) -> bool:
    if statement.allow or statement.principals.get("AWS") != ("*",):
        return False
    if not any(pattern.lower() in ("*", "s3:*") for pattern in statement.actions) or len(statement.conditions) != 1:
        return False  # a second condition would have to hold as well
    condition = statement.conditions[0]
    plain = condition.key == "aws:securetransport" and condition.operator == "Bool" and condition.values == ("false",)
    name = bucket.raw("bucket")
    # A bucket that is named at `up` has a policy that is unknown until then, unless the policy names no bucket at all.
    arn = f"arn:aws:s3:::{name}" if isinstance(name, str) and name else "arn:aws:s3:::"
    covers = all(
        any(matches(_commercial(pattern), target) for pattern in statement.resources)
        for target in (arn, f"{arn}/any/object")
    )
    return plain and covers


def _commercial(pattern: str) -> str:
    """Return an ARN pattern as of AWS's main partition; a bucket's partition is its provider's affair."""
    head, colon, rest = pattern.partition(":s3:::")
    return f"arn:aws{colon}{rest}" if head in ("arn:aws-cn", "arn:aws-us-gov", "arn:*") else pattern


def _log_targets(
    graph: Graph, buckets: Sequence[PlannedResource], by_name: Mapping[str, Sequence[PlannedResource]]
) -> Iterator[str]:
    """Yield the URNs of the buckets that others' access logs go to."""
    for logging in graph.of_types(_types("BucketLogging")):
        yield from (bucket.urn for bucket in _meant(graph, logging, "targetBucket", by_name))
    for source in buckets:
        for path in ("logging", "loggings"):
            inline = source.raw(path)
            for at in range(len(cast("list[Any]", inline)) if isinstance(inline, list) else 1):
                target = f"{path}[{at}].targetBucket" if isinstance(inline, list) else f"{path}.targetBucket"
                if source.raw(target) is not None:
                    yield from (b.urn for b in _meant(graph, source, target, by_name) if b is not source)


def _only_access_logs(statements: list[Statement | str], *, listed: bool) -> bool:
    """Whether a bucket receives S3's access logs and its policy lets nobody else in."""
    allowed = [each for each in statements if isinstance(each, Statement) and each.allow]
    only_logging = all(
        set(each.principals) == {"Service"} and _ACCESS_LOGS.issuperset(each.principals["Service"]) for each in allowed
    )
    return only_logging and (listed or bool(allowed))


RULE = Rule(
    id="DP06",
    slug="buckets",
    title="Buckets are private, encrypted under our key, reached over TLS only, and versioned",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "Each of the four alone leaves a way: public access by a later policy, AWS's key that everyone in the account "
        "may use, clear text on the wire, and deletion without return. A bucket that only receives S3's access logs "
        "may use AES256, because S3 delivers them to no other."
    ),
    remediation=(
        "Give the bucket a BucketPublicAccessBlock with all four on, a BucketServerSideEncryptionConfiguration with "
        "aws:kms and our key, a BucketPolicy that denies s3:* where aws:SecureTransport is false, and BucketVersioning."
    ),
    link="https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html",
    frameworks=(
        cis("2.1.1"),
        cis("2.1.4"),
        nist("AC-3"),
        nist("SC-8"),
        nist("SC-28"),
        nist("CP-9"),
        well_architected("SEC08-BP02"),
    ),
    types=_BUCKETS,
    anchors=(
        "CKV_AWS_145",
        "CKV2_AWS_6",
        "CKV_AWS_21",
    ),
    check_stack=_check,
)
