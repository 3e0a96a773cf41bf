"""Every place where an IAM document stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from policies.framework.resource import PlannedResource
from policies.framework.rule import Settings, Violation
from policies.framework.values import UNKNOWN
from policies.iam.catalogue import covers
from policies.iam.document import DocumentError, DocumentUnknownError, Statement, parse


class Kind(StrEnum):
    """What a document does: says what an identity may do, who may become it, who may use a resource, or what passes."""

    IDENTITY = "identity"
    TRUST = "trust"
    RESOURCE = "resource"
    ENDPOINT = "endpoint"


_IDENTITY = {
    "aws:iam/policy:Policy": "policy",
    "aws:iam/rolePolicy:RolePolicy": "policy",
    "aws:iam/userPolicy:UserPolicy": "policy",
    "aws:iam/groupPolicy:GroupPolicy": "policy",
    "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy": "inlinePolicy",
}
_INLINE = {"aws:iam/role:Role": "inlinePolicies"}
_TRUST = {"aws:iam/role:Role": "assumeRolePolicy"}
_RESOURCE = {
    "aws:acmpca/policy:Policy": "policy",
    "aws:amp/resourcePolicy:ResourcePolicy": "policyDocument",
    "aws:apigateway/domainName:DomainName": "policy",
    "aws:apigateway/restApi:RestApi": "policy",
    "aws:apigateway/restApiPolicy:RestApiPolicy": "policy",
    "aws:backup/vaultPolicy:VaultPolicy": "policy",
    "aws:bedrock/agentcoreResourcePolicy:AgentcoreResourcePolicy": "policy",
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": "policy",
    "aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy": "accessPolicy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
    "aws:codeartifact/domainPermissions:DomainPermissions": "policyDocument",
    "aws:codeartifact/repositoryPermissionsPolicy:RepositoryPermissionsPolicy": "policyDocument",
    "aws:codebuild/resourcePolicy:ResourcePolicy": "policy",
    "aws:dsql/clusterPolicy:ClusterPolicy": "policy",
    "aws:dynamodb/resourcePolicy:ResourcePolicy": "policy",
    "aws:ecr/registryPolicy:RegistryPolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:ecrpublic/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:efs/fileSystemPolicy:FileSystemPolicy": "policy",
    "aws:elasticsearch/domain:Domain": "accessPolicies",
    "aws:elasticsearch/domainPolicy:DomainPolicy": "accessPolicies",
    "aws:glacier/vault:Vault": "accessPolicy",
    "aws:glacier/vaultLock:VaultLock": "policy",
    "aws:glue/resourcePolicy:ResourcePolicy": "policy",
    "aws:kinesis/resourcePolicy:ResourcePolicy": "policy",
    "aws:kms/externalKey:ExternalKey": "policy",
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:kms/replicaExternalKey:ReplicaExternalKey": "policy",
    "aws:kms/replicaKey:ReplicaKey": "policy",
    "aws:lambda/resourcePolicy:ResourcePolicy": "policy",
    "aws:msk/clusterPolicy:ClusterPolicy": "policy",
    "aws:networkfirewall/resourcePolicy:ResourcePolicy": "policy",
    "aws:oam/sinkPolicy:SinkPolicy": "policy",
    "aws:opensearch/domain:Domain": "accessPolicies",
    "aws:opensearch/domainPolicy:DomainPolicy": "accessPolicies",
    "aws:opensearchingest/resourcePolicy:ResourcePolicy": "policy",
    "aws:redshift/resourcePolicy:ResourcePolicy": "policy",
    "aws:redshiftserverless/resourcePolicy:ResourcePolicy": "policy",
    "aws:s3/accessPoint:AccessPoint": "policy",
    "aws:s3/bucket:Bucket": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:s3/bucketV2:BucketV2": "policy",
    "aws:s3/vectorsVectorBucketPolicy:VectorsVectorBucketPolicy": "policy",
    "aws:s3control/accessGrantsInstanceResourcePolicy:AccessGrantsInstanceResourcePolicy": "policy",
    "aws:s3control/accessPointPolicy:AccessPointPolicy": "policy",
    "aws:s3control/bucketPolicy:BucketPolicy": "policy",
    "aws:s3control/objectLambdaAccessPointPolicy:ObjectLambdaAccessPointPolicy": "policy",
    "aws:s3tables/tableBucketPolicy:TableBucketPolicy": "resourcePolicy",
    "aws:s3tables/tablePolicy:TablePolicy": "resourcePolicy",
    "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy": "resourcePolicy",
    "aws:schemas/registryPolicy:RegistryPolicy": "policy",
    "aws:secretsmanager/secret:Secret": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:ses/identityPolicy:IdentityPolicy": "policy",
    "aws:sesv2/emailIdentityPolicy:EmailIdentityPolicy": "policy",
    "aws:sns/topic:Topic": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queue:Queue": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:vpclattice/authPolicy:AuthPolicy": "policy",
    "aws:vpclattice/resourcePolicy:ResourcePolicy": "policy",
    "aws:xray/resourcePolicy:ResourcePolicy": "policyDocument",
}
# What passes through an endpoint; nobody gets a permission by it, so that openness is another pack's question.
_ENDPOINT = {
    "aws:ec2/vpcEndpoint:VpcEndpoint": "policy",
    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy": "policy",
}
IDENTITY_TYPES = (*_IDENTITY, *_INLINE)
TRUST_TYPES = tuple(_TRUST)
RESOURCE_TYPES = tuple(_RESOURCE)
ENDPOINT_TYPES = tuple(_ENDPOINT)
ALL_TYPES = tuple(dict.fromkeys((*IDENTITY_TYPES, *TRUST_TYPES, *RESOURCE_TYPES, *ENDPOINT_TYPES)))
_TABLES = (
    (_IDENTITY, Kind.IDENTITY),
    (_TRUST, Kind.TRUST),
    (_RESOURCE, Kind.RESOURCE),
    (_ENDPOINT, Kind.ENDPOINT),
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A document as given, unparsed."""

    kind: Kind
    path: str
    value: Any

    def parse(self) -> tuple[Statement, ...]:
        """Parse it, or raise what is wrong with it."""
        if self.value is UNKNOWN:
            raise DocumentUnknownError([""])
        return parse(self.value, principals=self.kind is not Kind.IDENTITY)


def places(resource: PlannedResource) -> Iterator[Place]:
    """Every document a resource carries."""
    for table, kind in _TABLES:
        path = table.get(resource.type)
        value = resource.raw(path) if path else None
        if path and value is not None and value != "":
            yield Place(kind=kind, path=path, value=value)
    path = _INLINE.get(resource.type)
    inline = resource.raw(path) if path else None
    if path and inline is UNKNOWN:
        yield Place(kind=Kind.IDENTITY, path=path, value=UNKNOWN)
    elif path and isinstance(inline, list):
        for at, entry in enumerate(cast("list[Any]", inline)):
            if entry is UNKNOWN:
                yield Place(kind=Kind.IDENTITY, path=f"{path}[{at}]", value=UNKNOWN)
            elif isinstance(entry, Mapping):
                value = cast("Mapping[str, Any]", entry).get("policy")
                if value is not None and value != "":
                    yield Place(kind=Kind.IDENTITY, path=f"{path}[{at}].policy", value=value)


def readable(resource: PlannedResource, kind: Kind) -> Iterator[tuple[str, tuple[Statement, ...]]]:
    """Every document of a kind, as its path and statements.

    Those that are unknown or do not parse are left to LP15, which reports them as mandatory violations that nothing
    exempts: one unknown document is one finding, not one for every rule.
    """
    for place in places(resource):
        if place.kind is kind:
            try:
                yield place.path, place.parse()
            except (DocumentError, DocumentUnknownError):
                continue


_REMOVALS = ("iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary")


def is_boundary(resource: PlannedResource) -> bool:
    """Whether a managed policy shows itself to be a permissions boundary, which limits and grants nothing.

    It does by its name, or by denying that boundaries are removed. Whoever attaches such a policy makes a grant of it:
    rules about the whole stack see that and judge it as one.
    """
    if resource.type != "aws:iam/policy:Policy":
        return False
    for given in (resource.raw("name"), resource.raw("namePrefix"), resource.name):
        if isinstance(given, str) and "boundary" in given.lower():
            return True
    return any(
        not statement.allow and any(covers(statement.actions, action) for action in _REMOVALS)
        for _, statements in readable(resource, Kind.IDENTITY)
        for statement in statements
    )


StatementCheck = Callable[[Statement, PlannedResource, Settings], Iterator[str]]


def each_statement(kind: Kind, judge: StatementCheck) -> Callable[[PlannedResource, Settings], Iterator[Violation]]:
    """Turn a judgement of one statement into a rule's check over all documents of a kind."""

    def check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
        if kind is Kind.IDENTITY and is_boundary(resource):
            return  # grants nothing; where it is attached all the same, `each_held` judges it
        for path, statements in readable(resource, kind):
            for statement in statements:
                for message in judge(statement, resource, settings):
                    yield Violation(message=f"{path}, statement {statement.index + 1}: {message}")

    return check
