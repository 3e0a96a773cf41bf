"""Each rule of data_protection with resources that pass, fail and are unknown."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from policies.framework.runner import UNKNOWN, PlannedResource
from tests.unit.policies.harness import BUCKET, KEY, document, judged, messages, planned, urn

CLUSTER, INSTANCE = "aws:rds/cluster:Cluster", "aws:rds/instance:Instance"
MEMBER = "aws:rds/clusterInstance:ClusterInstance"
CLUSTER_GROUP, GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup", "aws:rds/parameterGroup:ParameterGroup"
TABLE, SECRET = "aws:dynamodb/table:Table", "aws:secretsmanager/secret:Secret"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
REPOSITORY = "aws:ecr/repository:Repository"
TASK, FUNCTION = "aws:ecs/taskDefinition:TaskDefinition", "aws:lambda/function:Function"
JOB = "aws:batch/jobDefinition:JobDefinition"
OURS = "arn:aws:kms:us-east-1:123456789012:key/1"
HIDDEN = "hunter2-never-shown"

GOOD_REPOSITORY: Mapping[str, Any] = {
    "imageTagMutability": "IMMUTABLE",
    "imageScanningConfiguration": {"scanOnPush": True},
    "encryptionConfigurations": [{"encryptionType": "KMS", "kmsKey": UNKNOWN}],
}


def parameters(type_: str, name: str, value: Any) -> PlannedResource:
    return planned(type_, "group", name="group", parameters=[{"name": name, "value": value}])


def task(*environment: Mapping[str, Any], **more: Any) -> PlannedResource:
    return planned(TASK, containerDefinitions=json.dumps([{"name": "a", "environment": environment, **more}]))


def function(**variables: Any) -> PlannedResource:
    return planned(FUNCTION, environment={"variables": variables})


def job(**environment: str) -> PlannedResource:
    listed = [{"name": name, "value": value} for name, value in environment.items()]
    return planned(JOB, containerProperties=json.dumps({"image": "a", "environment": listed}))


def repository(**changed: Any) -> PlannedResource:
    props: dict[str, Any] = {**GOOD_REPOSITORY, **changed}
    return planned(REPOSITORY, **props)


Resources = tuple[PlannedResource, ...]

PASSING: dict[str, tuple[str, Resources]] = {
    "DP01 our key": ("DP01", (planned(CLUSTER, storageEncrypted=True, kmsKeyId=OURS),)),
    "DP01 a key that is another's output": ("DP01", (planned(INSTANCE, storageEncrypted=True, kmsKeyId=UNKNOWN),)),
    "DP01 a member without insights": ("DP01", (planned(MEMBER, engine="aurora-mysql"),)),
    "DP02 nothing said": ("DP02", (planned(MEMBER),)),
    "DP02 off": ("DP02", (planned(INSTANCE, publiclyAccessible=False),)),
    "DP03 managed": ("DP03", (planned(CLUSTER, manageMasterUserPassword=True),)),
    "DP03 a replica": ("DP03", (planned(INSTANCE, replicateSourceDb="arn:aws:rds:r:1:db:a"),)),
    "DP04 MySQL by name": (
        "DP04",
        (
            planned(CLUSTER, engine="aurora-mysql", dbClusterParameterGroupName="group"),
            parameters(CLUSTER_GROUP, "require_secure_transport", "ON"),
        ),
    ),
    "DP04 PostgreSQL by dependency": (
        "DP04",
        (
            planned(
                INSTANCE,
                engine="postgres",
                parameterGroupName=UNKNOWN,
                deps={"parameterGroupName": [urn(GROUP, "group")]},
            ),
            parameters(GROUP, "rds.force_ssl", 1),
        ),
    ),
    "DP04 a replica of what is not named yet": ("DP04", (planned(INSTANCE, replicateSourceDb=UNKNOWN),)),
    "DP04 a copy whose engine is not said": (
        "DP04",
        (
            planned(INSTANCE, snapshotIdentifier=UNKNOWN, parameterGroupName="group"),
            parameters(GROUP, "rds.force_ssl", "1"),
        ),
    ),
    "DP05 our key": ("DP05", (planned(TABLE, serverSideEncryption={"enabled": True, "kmsKeyArn": UNKNOWN}),)),
    "DP07 rotation": ("DP07", (planned(KEY, enableKeyRotation=True),)),
    "DP07 a key that cannot rotate": ("DP07", (planned(KEY, customerMasterKeySpec="RSA_2048"),)),
    "DP08 our key, rotated": (
        "DP08",
        (
            planned(SECRET, kmsKeyId=UNKNOWN),
            planned(ROTATION, secretId=UNKNOWN, deps={"secretId": [urn(SECRET)]}),
        ),
    ),
    "DP08 rotated, by its ARN": (
        "DP08",
        (planned(SECRET, kmsKeyId=OURS, arn="arn:of:it"), planned(ROTATION, secretId="arn:of:it")),
    ),
    "DP09 all three": ("DP09", (repository(),)),
    "DP10 a reference": ("DP10", (task({"name": "DB_PASSWORD_SECRET_ID", "value": "project-database"}),)),
    "DP10 a secret's ARN": ("DP10", (function(DB_SECRET="arn:aws:secretsmanager:r:1:secret:a-abcdef"),)),
    "DP10 secrets by reference": ("DP10", (task(secrets=[{"name": "PASSWORD", "valueFrom": "arn:aws:ssm:r:1:x"}]),)),
    "DP10 an unknown value with a plain name": ("DP10", (function(TABLE=UNKNOWN),)),
    "DP10 no environment": ("DP10", (planned(FUNCTION, runtime="python3.13"),)),
}

FAILING: dict[str, tuple[str, Resources, str]] = {
    "DP01 not encrypted": ("DP01", (planned(CLUSTER, kmsKeyId=OURS),), "storageEncrypted is not on"),
    "DP01 encryption unknown": ("DP01", (planned(CLUSTER, storageEncrypted=UNKNOWN),), "'storageEncrypted' is unknown"),
    "DP01 no key": ("DP01", (planned(INSTANCE, storageEncrypted=True),), "kmsKeyId is not set"),
    "DP01 AWS's key": (
        "DP01",
        (planned(INSTANCE, storageEncrypted=True, kmsKeyId="arn:aws:kms:r:1:alias/aws/rds"),),
        "is AWS's own key",
    ),
    "DP01 insights": ("DP01", (planned(MEMBER, performanceInsightsEnabled=True),), "performanceInsightsKmsKeyId"),
    "DP02 public": ("DP02", (planned(MEMBER, publiclyAccessible=True),), "publiclyAccessible is on"),
    "DP02 public as a text": ("DP02", (planned(INSTANCE, publiclyAccessible="true"),), "publiclyAccessible is on"),
    "DP02 unknown": ("DP02", (planned(INSTANCE, publiclyAccessible=UNKNOWN),), "'publiclyAccessible' is unknown"),
    "DP02 a snapshot for all": (
        "DP02",
        (planned("aws:rds/snapshot:Snapshot", sharedAccounts=["all"]),),
        "shared with all accounts",
    ),
    "DP03 a password": (
        "DP03",
        (planned(CLUSTER, manageMasterUserPassword=True, masterPassword=HIDDEN),),
        "masterPassword is set",
    ),
    "DP03 a password that is unknown": ("DP03", (planned(INSTANCE, password=UNKNOWN),), "password is set"),
    "DP03 not managed": ("DP03", (planned(CLUSTER),), "manageMasterUserPassword is not on"),
    "DP03 unknown": ("DP03", (planned(CLUSTER, manageMasterUserPassword=UNKNOWN),), "is unknown"),
    "DP04 no group": ("DP04", (planned(CLUSTER, engine="aurora-mysql"),), "names no parameter group"),
    "DP04 another's group": (
        "DP04",
        (planned(CLUSTER, engine="aurora-postgresql", dbClusterParameterGroupName="default.aurora-postgresql16"),),
        "names no parameter group of this stack that sets rds.force_ssl",
    ),
    "DP04 off": (
        "DP04",
        (
            planned(INSTANCE, engine="postgres", parameterGroupName="group"),
            parameters(GROUP, "rds.force_ssl", "0"),
        ),
        "does not set rds.force_ssl",
    ),
    "DP04 a replica with a group of its own": (
        "DP04",
        (
            planned(INSTANCE, replicateSourceDb="primary", engine="postgres", parameterGroupName="group"),
            parameters(GROUP, "rds.force_ssl", "0"),
        ),
        "does not set rds.force_ssl",
    ),
    "DP04 a copy without a group": (
        "DP04",
        (planned(INSTANCE, snapshotIdentifier="snapshot"),),
        "names no parameter group of this stack that sets rds.force_ssl or require_secure_transport",
    ),
    "DP04 an engine without such a parameter": (
        "DP04",
        (planned(INSTANCE, engine="oracle-ee"),),
        "no parameter is known",
    ),
    "DP04 unknown": (
        "DP04",
        (
            planned(INSTANCE, engine="postgres", parameterGroupName="group"),
            parameters(GROUP, "rds.force_ssl", UNKNOWN),
        ),
        "'parameters[0].value' is unknown",
    ),
    "DP05 nothing": ("DP05", (planned(TABLE),), "serverSideEncryption is not enabled"),
    "DP05 AWS's key": ("DP05", (planned(TABLE, serverSideEncryption={"enabled": True}),), "kmsKeyArn is not set"),
    "DP05 unknown": ("DP05", (planned(TABLE, serverSideEncryption={"enabled": UNKNOWN}),), "is unknown"),
    "DP05 a replica": (
        "DP05",
        (
            planned(
                TABLE,
                serverSideEncryption={"enabled": True, "kmsKeyArn": OURS},
                replicas=[{"regionName": "eu-west-1"}],
            ),
        ),
        "replicas[0].kmsKeyArn",
    ),
    "DP09 mutable": (
        "DP09",
        (repository(imageTagMutability="MUTABLE"),),
        "imageTagMutability is not IMMUTABLE",
    ),
    "DP09 not scanned": (
        "DP09",
        (repository(imageScanningConfiguration=None),),
        "scanOnPush is not on",
    ),
    "DP09 not encrypted": (
        "DP09",
        (repository(encryptionConfigurations=[]),),
        "does not name KMS",
    ),
    "DP09 unknown": (
        "DP09",
        (repository(imageTagMutability=UNKNOWN),),
        "'imageTagMutability' is unknown",
    ),
    "DP10 a password": ("DP10", (task({"name": "DB_PASSWORD", "value": HIDDEN}),), "variable DB_PASSWORD is named"),
    "DP10 an access key under another name": (
        "DP10",
        (task({"name": "COLOUR", "value": "AKIAABCDEFGHIJKLMNOP"}),),
        "variable COLOUR has a value with the shape of a secret",
    ),
    "DP10 a password in a URL": (
        "DP10",
        (function(DATABASE_URL=f"mysql://user:{HIDDEN}@host/db"),),
        "environment.variables.DATABASE_URL has a value",
    ),
    "DP10 a job": ("DP10", (job(API_KEY=HIDDEN),), "variable API_KEY is named like a secret"),
    "DP10 a command": (
        "DP10",
        (task(command=["run", "--url", f"https://user:{HIDDEN}@host"]),),
        "outside its environments",
    ),
    "DP10 unknown containers": ("DP10", (planned(TASK, containerDefinitions=UNKNOWN),), "is unknown"),
    "DP10 an unknown value with a secret's name": ("DP10", (function(DB_PASSWORD=UNKNOWN),), "DB_PASSWORD' is unknown"),
    "DP10 no JSON": ("DP10", (planned(TASK, containerDefinitions=HIDDEN),), "JSONDecodeError"),
}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_passes(case: tuple[str, Resources]) -> None:
    rule, resources = case
    assert messages(rule, *resources) == ""


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_fails(case: tuple[str, Resources, str]) -> None:
    rule, resources, expected = case
    findings = judged(rule, *resources)
    assert any(expected in finding.message for finding in findings), [finding.message for finding in findings]
    assert {finding.level for finding in findings} == {"mandatory"}
    assert {finding.urn for finding in findings} <= {resource.urn for resource in resources}
    assert HIDDEN not in str(findings)


def test_dp07_is_put_right() -> None:
    findings = judged("DP07", planned(KEY, enableKeyRotation=False))
    assert [(finding.level, "enableKeyRotation" in finding.message) for finding in findings] == [("remediate", True)]


@pytest.mark.parametrize("path", ["enableKeyRotation", "customerMasterKeySpec"])
def test_dp07_unknown_is_one_violation(path: str) -> None:
    props: dict[str, Any] = {path: UNKNOWN}
    (finding,) = judged("DP07", planned(KEY, **props))
    assert (finding.level, f"'{path}' is unknown" in finding.message) == ("mandatory", True)


def test_dp04_judges_every_database_though_one_is_unknown() -> None:
    unknown, plain = planned(CLUSTER, "unknown", engine=UNKNOWN), planned(CLUSTER, "plain", engine="aurora-mysql")
    findings = {finding.urn: finding.message for finding in judged("DP04", unknown, plain)}
    assert findings[unknown.urn].startswith("'engine' is unknown")
    assert findings[plain.urn].startswith("dbClusterParameterGroupName names no parameter group")


def test_dp08_only_advises() -> None:
    findings = judged("DP08", planned(SECRET, name="a"), planned(CLUSTER, manageMasterUserPassword=True))
    assert {(finding.level, finding.message) for finding in findings} == {
        ("advisory", "kmsKeyId is not set, so AWS's own key is used"),
        ("advisory", "masterUserSecretKmsKeyId is not set, so AWS's own key is used"),
        ("advisory", "nothing rotates it"),
    }


def test_dp08_the_rotation_of_another_secret_does_not_count() -> None:
    other = planned(SECRET, "other", kmsKeyId=OURS)
    rotation = planned(ROTATION, secretId=UNKNOWN, deps={"secretId": [other.urn]})
    findings = judged("DP08", planned(SECRET, kmsKeyId=OURS), other, rotation)
    assert [(finding.urn, finding.message) for finding in findings] == [(urn(SECRET), "nothing rotates it")]


# DP06


def only_tls(name: str) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


FROM_S3 = {
    "Effect": "Allow",
    "Principal": {"Service": "logging.s3.amazonaws.com"},
    "Action": "s3:PutObject",
    "Resource": "arn:aws:s3:::b/*",
}


def bucket(name: Any = "b", /, **changed: PlannedResource | None) -> list[PlannedResource]:
    """A bucket with all that DP06 asks for; `changed` replaces or removes one of its companions."""
    at = "it"
    to: dict[str, Any] = {"bucket": name, "deps": {"bucket": [urn(BUCKET, at)]}}
    blocks = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
    key = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN}}
    configuration = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    made: dict[str, PlannedResource | None] = {
        "bucket": planned(BUCKET, at, **({} if name is UNKNOWN else {"bucket": name})),
        "block": planned("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", at, **blocks, **to),
        "versioning": planned(
            "aws:s3/bucketVersioning:BucketVersioning", at, versioningConfiguration={"status": "Enabled"}, **to
        ),
        "encryption": planned(configuration, at, rules=[key], **to),
        "policy": planned("aws:s3/bucketPolicy:BucketPolicy", at, policy=document(only_tls("b")), **to),
        **changed,
    }
    return [resource for resource in made.values() if resource is not None]


def policy(*statements: Mapping[str, Any], text: Any = None) -> PlannedResource:
    return planned(
        "aws:s3/bucketPolicy:BucketPolicy", bucket="b", policy=document(*statements) if text is None else text
    )


def encryption(**default: Any) -> PlannedResource:
    return planned(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        bucket="b",
        rules=[{"applyServerSideEncryptionByDefault": default}],
    )


AES = encryption(sseAlgorithm="AES256")


def test_dp06_companions_are_found_by_name() -> None:
    assert messages("DP06", *bucket()) == ""


def test_dp06_companions_are_found_by_dependency() -> None:
    made = bucket(UNKNOWN, policy=None)
    tls = document({**only_tls("b"), "Resource": "*"})
    named = planned("aws:s3/bucketPolicy:BucketPolicy", bucket=UNKNOWN, policy=tls, deps={"bucket": [urn(BUCKET)]})
    assert messages("DP06", *made, named) == ""


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"block": None}, "no BucketPublicAccessBlock"),
        ({"versioning": None}, "versioning is not enabled"),
        ({"encryption": None}, "not encrypted with KMS"),
        ({"encryption": AES}, "not encrypted with KMS"),
        ({"encryption": encryption(sseAlgorithm="aws:kms")}, "names no key"),
        ({"encryption": encryption(sseAlgorithm=UNKNOWN)}, "sseAlgorithm' is unknown"),
        ({"policy": None}, "no policy denies"),
        ({"policy": policy(FROM_S3)}, "no policy denies"),
        ({"policy": policy(only_tls("other"))}, "no policy denies"),
        ({"policy": policy({**only_tls("b"), "Resource": "arn:aws:s3:::b/*"})}, "no policy denies"),
        ({"policy": policy({**only_tls("b"), "Action": "s3:GetObject"})}, "no policy denies"),
        (
            {"policy": policy({**only_tls("b"), "Principal": {"AWS": "arn:aws:iam::123456789012:root"}})},
            "no policy denies",
        ),
        (
            {
                "policy": policy(
                    {
                        **only_tls("b"),
                        "Condition": {
                            "Bool": {"aws:SecureTransport": "false"},
                            "StringEquals": {"aws:PrincipalAccount": "1"},
                        },
                    }
                )
            },
            "no policy denies",
        ),
        ({"policy": policy(text=UNKNOWN)}, "is unknown"),
        ({"policy": policy(text="{")}, "is not JSON"),
    ],
)
def test_dp06_fails(changed: Mapping[str, PlannedResource | None], expected: str) -> None:
    findings = judged("DP06", *bucket(**changed))
    assert expected in str([finding.message for finding in findings])
    assert {finding.level for finding in findings} == {"mandatory"}


def test_dp06_another_buckets_companions_do_not_count() -> None:
    assert "no BucketPublicAccessBlock" in messages("DP06", *bucket(), planned(BUCKET, "second", bucket="c"))


def test_dp06_judges_every_bucket_though_one_is_unknown() -> None:
    bare = planned(BUCKET, "bare", bucket="c")
    findings = judged("DP06", *bucket(encryption=encryption(sseAlgorithm=UNKNOWN)), bare)
    assert any("sseAlgorithm' is unknown" in finding.message for finding in findings)
    assert len([finding for finding in findings if finding.urn == bare.urn]) == 4


def test_dp06_a_name_counts_more_than_what_it_is_computed_from() -> None:
    elsewhere = planned(
        "aws:s3/bucketVersioning:BucketVersioning",
        bucket="other",
        versioningConfiguration={"status": "Enabled"},
        deps={"bucket": [urn(BUCKET)]},
    )
    assert messages("DP06", *bucket(versioning=elsewhere)) == "versioning is not enabled"


def test_dp06_what_the_provider_computes_is_not_given() -> None:
    computed = PlannedResource(
        urn=urn(BUCKET),
        type=BUCKET,
        name="it",
        props={"bucket": "b", "policy": UNKNOWN, "versioning": UNKNOWN, "serverSideEncryptionConfiguration": UNKNOWN},
        property_dependencies={"bucket": ()},
    )
    assert messages("DP06", *bucket(bucket=computed)) == ""
    assert "versioning is not enabled" in messages("DP06", *bucket(bucket=computed, versioning=None))
    assert "not encrypted with KMS" in messages("DP06", *bucket(bucket=computed, encryption=None))


def test_dp06_a_bucket_for_access_logs_may_use_aes256() -> None:
    own = bucket(encryption=AES, policy=policy(only_tls("b"), FROM_S3))
    assert messages("DP06", *own) == ""
    logging = planned("aws:s3/bucketLogging:BucketLogging", bucket="other", targetBucket="b")
    assert messages("DP06", *bucket(encryption=AES), logging) == ""


def test_dp06_a_bucket_that_others_write_too_may_not() -> None:
    more = {**FROM_S3, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    shared = bucket(encryption=AES, policy=policy(only_tls("b"), FROM_S3, more))
    assert "not encrypted with KMS" in messages("DP06", *shared)
