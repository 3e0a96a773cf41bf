"""Resources at fault: for each check of checkov that the catalogue names as a counterpart, one that it fires on."""

import json
from typing import Any

from policies.framework.resource import PlannedResource
from tests.unit.policies.harness import BUCKET, KEY, ROLE, ROLE_POLICY, allow, document, planned

Resources = tuple[PlannedResource, ...]

TASK, SERVICE, JOB = (
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:ecs/service:Service",
    "aws:batch/jobDefinition:JobDefinition",
)
TEMPLATE, MACHINE = "aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"
LAUNCH, SUBNET, VPC = "aws:ec2/launchConfiguration:LaunchConfiguration", "aws:ec2/subnet:Subnet", "aws:ec2/vpc:Vpc"
FUNCTION, PERMISSION = "aws:lambda/function:Function", "aws:lambda/permission:Permission"
CLUSTER, INSTANCE = "aws:rds/cluster:Cluster", "aws:rds/instance:Instance"
GROUP, BALANCER, LISTENER = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/listener:Listener",
)
DISTRIBUTION, STAGE = "aws:cloudfront/distribution:Distribution", "aws:apigateway/stage:Stage"
EVERYONE: dict[str, Any] = {"Effect": "Allow", "Principal": "*"}


def task(**container: Any) -> PlannedResource:
    return planned(TASK, family="it", containerDefinitions=json.dumps([{"name": "a", "image": "a:1", **container}]))


def granted(action: Any, resource: Any = "*") -> Resources:
    role = planned(ROLE, "holder", name="holder", assumeRolePolicy=document())
    return (role, planned(ROLE_POLICY, role="holder", policy=document(allow(action, resource))))


def trusted(principal: dict[str, Any]) -> Resources:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    return (planned(ROLE, assumeRolePolicy=document(statement)),)


def opened(port: int, protocol: str = "tcp") -> Resources:
    rule = {"protocol": protocol, "fromPort": port, "toPort": port, "cidrBlocks": ["0.0.0.0/0"]}
    return (planned(GROUP, ingress=[rule]),)


def listener(**props: Any) -> Resources:
    action = {
        "type": "forward",
        "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/1",
    }
    return (planned(LISTENER, port=443, defaultActions=[action], **props),)


def distribution(**props: Any) -> Resources:
    behaviour = {"viewerProtocolPolicy": "allow-all", "targetOriginId": "a"}
    certificate = {"cloudfrontDefaultCertificate": True, "minimumProtocolVersion": "TLSv1"}
    return (
        planned(DISTRIBUTION, enabled=True, defaultCacheBehavior=behaviour, viewerCertificate=certificate, **props),
    )


def public_stage() -> Resources:
    api = planned("aws:apigateway/restApi:RestApi", "api", name="api")
    return (api, planned(STAGE, stageName="a", restApi="a", deps={"restApi": [api.urn]}))


def public_balancer() -> Resources:
    return (planned(BALANCER, internal=False, loadBalancerType="application"),)


def both_roles() -> Resources:
    arn = "arn:aws:iam::123456789012:role/a"
    return (planned(TASK, family="it", containerDefinitions="[]", taskRoleArn=arn, executionRoleArn=arn),)


CASES: dict[str, Resources] = {
    # compute
    "CKV_AWS_336": (task(readonlyRootFilesystem=False),),
    "CKV_AWS_249": both_roles(),
    "CKV_AWS_210": (planned(JOB, type="container", containerProperties=json.dumps({"privileged": True})),),
    "CKV_AWS_79": (planned(MACHINE, metadataOptions={"httpTokens": "optional", "httpEndpoint": "enabled"}),),
    "CKV_AWS_341": (planned(TEMPLATE, metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 3}),),
    "CKV_AWS_8": (planned(LAUNCH, rootBlockDevice={"encrypted": False}),),
    "CKV_AWS_187": (planned("aws:sagemaker/domain:Domain", appNetworkAccessType="PublicInternetOnly"),),
    "CKV_AWS_122": (planned("aws:sagemaker/notebookInstance:NotebookInstance", directInternetAccess="Enabled"),),
    "CKV_AWS_306": (planned("aws:sagemaker/notebookInstance:NotebookInstance", directInternetAccess="Disabled"),),
    "CKV_AWS_307": (planned("aws:sagemaker/notebookInstance:NotebookInstance", rootAccess="Enabled"),),
    "CKV_AWS_363": (planned(FUNCTION, runtime="python3.7"),),
    "CKV_AWS_50": (planned(FUNCTION, runtime="python3.13"),),
    "CKV_AWS_116": (planned(FUNCTION, runtime="python3.13", reservedConcurrentExecutions=1),),
    "CKV_AWS_115": (planned(FUNCTION, runtime="python3.13"),),
    "CKV_AWS_284": (planned("aws:sfn/stateMachine:StateMachine", tracingConfiguration={"enabled": False}),),
    "CKV_AWS_285": (planned("aws:sfn/stateMachine:StateMachine", loggingConfiguration={"level": "OFF"}),),
    "CKV_AWS_366": (planned("aws:cognito/identityPool:IdentityPool", allowUnauthenticatedIdentities=True),),
    # data
    "CKV_AWS_327": (planned(CLUSTER, engine="aurora-mysql", storageEncrypted=True),),
    "CKV_AWS_17": (planned(INSTANCE, engine="postgres", publiclyAccessible=True),),
    "CKV_AWS_119": (planned("aws:dynamodb/table:Table", serverSideEncryption={"enabled": False}),),
    "CKV_AWS_145": (planned(BUCKET, bucket="it"),),
    "CKV_AWS_16": (planned(INSTANCE, engine="postgres", storageEncrypted=False),),
    "CKV_AWS_96": (planned(CLUSTER, engine="aurora-mysql", storageEncrypted=False),),
    "CKV_AWS_21": (planned(BUCKET, bucket="it"),),
    "CKV2_AWS_6": (planned(BUCKET, bucket="it"),),
    "CKV_AWS_7": (planned(KEY, enableKeyRotation=False),),
    "CKV2_AWS_57": (planned("aws:secretsmanager/secret:Secret", kmsKeyId="a"),),
    "CKV_AWS_51": (planned("aws:ecr/repository:Repository", imageTagMutability="MUTABLE"),),
    "CKV_AWS_163": (planned("aws:ecr/repository:Repository", imageScanningConfiguration={"scanOnPush": False}),),
    "CKV_AWS_136": (planned("aws:ecr/repository:Repository", encryptionConfigurations=[{"encryptionType": "AES256"}]),),
    "CKV_AWS_45": (
        planned(FUNCTION, environment={"variables": {"KEY": "AKIAIOSFODNN7EXAMPLE"}}),  # pragma: allowlist secret
    ),
    # least privilege
    "CKV_AWS_62": granted("*"),
    "CKV_AWS_63": granted("*", "arn:aws:s3:::bucket/*"),
    "CKV_AWS_355": granted("s3:PutObject"),
    "CKV_AWS_290": granted("s3:PutObject"),
    "CKV2_AWS_40": granted("iam:*"),
    "CKV_AWS_286": granted(["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"]),
    "CKV_AWS_288": granted("s3:GetObject"),
    "CKV_AWS_289": granted("iam:PutRolePolicy"),
    "CKV_AWS_274": (
        planned(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            role="a",
            policyArn="arn:aws:iam::aws:policy/AdministratorAccess",
        ),
    ),
    "CKV_AWS_273": (planned("aws:iam/user:User", name="it"),),
    "CKV_AWS_60": trusted({"AWS": "*"}),
    "CKV_AWS_61": trusted({"AWS": "arn:aws:iam::210987654321:root"}),
    "CKV_AWS_70": (
        planned(
            "aws:s3/bucketPolicy:BucketPolicy",
            bucket="it",
            policy=document({**EVERYONE, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::it/*"}),
        ),
    ),
    "CKV_AWS_33": (planned(KEY, policy=document({**EVERYONE, "Action": "kms:*", "Resource": "*"})),),
    "CKV_AWS_32": (
        planned(
            "aws:ecr/repositoryPolicy:RepositoryPolicy",
            repository="it",
            policy=document({**EVERYONE, "Action": "ecr:BatchGetImage"}),
        ),
    ),
    "CKV_AWS_168": (
        planned(
            "aws:sqs/queuePolicy:QueuePolicy",
            queueUrl="it",
            policy=document({**EVERYONE, "Action": "sqs:SendMessage", "Resource": "*"}),
        ),
    ),
    "CKV_AWS_169": (
        planned(
            "aws:sns/topicPolicy:TopicPolicy",
            arn="it",
            policy=document({**EVERYONE, "Action": "sns:Publish", "Resource": "*"}),
        ),
    ),
    "CKV_AWS_301": (planned(PERMISSION, action="lambda:InvokeFunction", function="a", principal="*"),),
    # network
    "CKV_AWS_24": opened(22),
    "CKV_AWS_25": opened(3389),
    "CKV_AWS_260": opened(80),
    "CKV_AWS_277": opened(0, "-1"),
    "CKV_AWS_382": (
        planned(GROUP, egress=[{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]),
    ),
    "CKV2_AWS_11": (planned(VPC, cidrBlock="10.0.0.0/16"),),
    "CKV2_AWS_12": (planned(VPC, cidrBlock="10.0.0.0/16"),),
    "CKV_AWS_130": (planned(SUBNET, mapPublicIpOnLaunch=True),),
    "CKV_AWS_333": (planned(SERVICE, name="it", networkConfiguration={"assignPublicIp": True, "subnets": ["a"]}),),
    "CKV_AWS_88": (planned(MACHINE, associatePublicIpAddress=True),),
    "CKV_AWS_2": listener(protocol="HTTP"),
    "CKV_AWS_103": listener(protocol="HTTPS", sslPolicy="ELBSecurityPolicy-2016-08"),
    "CKV_AWS_34": distribution(),
    "CKV_AWS_174": distribution(),
    "CKV_AWS_206": (planned("aws:apigateway/domainName:DomainName", domainName="a.example", securityPolicy="TLS_1_0"),),
    "CKV_AWS_83": (
        planned("aws:elasticsearch/domain:Domain", domainName="it", domainEndpointOptions={"enforceHttps": False}),
    ),
    "CKV_AWS_228": (
        planned(
            "aws:elasticsearch/domain:Domain",
            domainName="it",
            domainEndpointOptions={"enforceHttps": True, "tlsSecurityPolicy": "Policy-Min-TLS-1-0-2019-07"},
        ),
    ),
    "CKV_AWS_59": (
        planned("aws:apigateway/method:Method", httpMethod="GET", authorization="NONE", apiKeyRequired=False),
    ),
    "CKV_AWS_309": (planned("aws:apigatewayv2/route:Route", routeKey="GET /", authorizationType="NONE"),),
    "CKV_AWS_258": (planned("aws:lambda/functionUrl:FunctionUrl", functionName="a", authorizationType="NONE"),),
    "CKV_AWS_76": public_stage(),
    "CKV2_AWS_29": public_stage(),
    "CKV_AWS_91": public_balancer(),
    "CKV2_AWS_28": public_balancer(),
    "CKV_AWS_86": distribution(),
    "CKV_AWS_68": distribution(),
    # operations
    "CKV_AWS_133": (planned(CLUSTER, engine="aurora-mysql", backupRetentionPeriod=0),),
    "CKV_AWS_139": (planned(CLUSTER, engine="aurora-mysql", deletionProtection=False),),
    "CKV_AWS_293": (planned(INSTANCE, engine="postgres", deletionProtection=False),),
    "CKV_AWS_360": (planned("aws:docdb/cluster:Cluster", backupRetentionPeriod=1),),
    "CKV_AWS_361": (planned("aws:neptune/cluster:Cluster", backupRetentionPeriod=1),),
    "CKV_AWS_28": (planned("aws:dynamodb/table:Table", name="it"),),
    "CKV2_AWS_61": (planned(BUCKET, bucket="it"),),
}

SILENT = {
    "CKV_AWS_66": "takes 0 for a retention, which is what a plan says where none is given and means for ever",
    "CKV_AWS_109": "reads Terraform's policy documents, which are data and no resources",
    "CKV_AWS_110": "reads Terraform's policy documents, which are data and no resources",
    "CKV_AWS_334": "looks for `privilege` in a container, which ECS calls `privileged`",
    "CKV_AWS_335": "looks for `pidMode` in a container, where ECS does not have it",
    "CKV_AWS_364": "asks whether a source is among the properties, and a plan has them all, if only as null",
}
"""Counterparts that fire on no resource of a plan, whatever is wrong with it, and why."""
