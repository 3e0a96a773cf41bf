"""Each rule of least_privilege with documents that pass, fail and are unknown."""

from typing import Any

import pytest

from policies.framework.rule import Settings
from policies.framework.runner import UNKNOWN, PlannedResource
from policies.least_privilege.rules import lp15_documents_known_and_valid
from tests.unit.policies.harness import (
    ACCOUNT,
    BUCKET,
    KEY,
    ROLE,
    ROLE_POLICY,
    allow,
    document,
    identity,
    inline,
    judged,
    messages,
    planned,
    trust,
    urn,
)

KEYS = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"
SECRET = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:"
ROLES = f"arn:aws:iam::{ACCOUNT}:role/"
TO_ECS = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
OURS = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def public(type_: str = "aws:s3/bucketPolicy:BucketPolicy", **statement: Any) -> PlannedResource:
    return planned(
        type_,
        policy=document(
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", **statement}
        ),
    )


def attachment(arn: Any, **more: Any) -> PlannedResource:
    return planned("aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=arn, **more)


def invoke(principal: Any, **more: Any) -> PlannedResource:
    return planned("aws:lambda/permission:Permission", action="lambda:InvokeFunction", principal=principal, **more)


POLICY = "aws:iam/policy:Policy"

PASSING = {
    "LP01 exact actions": ("LP01", identity(allow(["s3:GetObject", "s3:PutObject"]))),
    "LP01 a wildcard that only reads": ("LP01", identity(allow("s3:GetObject*"))),
    "LP01 a wildcard over what reads permissions": ("LP01", identity(allow(["glue:Describe*", "s3:GetBucketPol*"]))),
    "LP01 a wildcard in a Deny": ("LP01", identity({"Effect": "Deny", "Action": "*", "Resource": "*"})),
    "LP02 an action without resource type": ("LP02", identity(allow("ecr:GetAuthorizationToken", "*"))),
    "LP02 case of the action": ("LP02", identity(allow("ECR:getauthorizationtoken", "*"))),
    "LP02 a key policy": ("LP02", planned(KEY, policy=document(allow("kms:Decrypt", "*", Principal={"AWS": ACCOUNT})))),
    "LP03 an exact role": ("LP03", identity(allow("iam:PassRole", f"{ROLES}other/role", Condition=TO_ECS))),
    "LP03 the project's path": ("LP03", identity(allow("iam:PassRole", f"{ROLES}mlplatform/*", Condition=TO_ECS))),
    "LP04 an allowed service": ("LP04", identity(allow("iam:PassRole", f"{ROLES}a", Condition=TO_ECS))),
    "LP05 a Deny with NotAction": (
        "LP05",
        identity({"Effect": "Deny", "NotAction": "sts:AssumeRole", "Resource": "*"}),
    ),
    "LP07 a bucket's objects": ("LP07", identity(allow("s3:GetObject"))),
    "LP07 a secret with its suffix": ("LP07", identity(allow("secretsmanager:GetSecretValue", f"{SECRET}name-??????"))),
    "LP07 a key by alias": (
        "LP07",
        identity(
            allow("kms:Decrypt", KEYS, Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/ours"}})
        ),
    ),
    "LP07 RDS's secret by tag": (
        "LP07",
        identity(
            allow(
                "secretsmanager:GetSecretValue",
                f"{SECRET}rds!cluster-*",
                Condition={
                    "StringEquals": {"aws:ResourceTag/aws:rds:primaryDBClusterArn": "arn:aws:rds:r:1:cluster:c"}
                },
            )
        ),
    ),
    "LP08 a role that is named": ("LP08", identity(allow("iam:PutRolePolicy", f"{ROLES}mlplatform/*"))),
    "LP08 reading": ("LP08", identity(allow(["iam:GetRole", "s3:GetBucketPolicy", "glue:ListEntities"], "*"))),
    "LP08 roles below a boundary": (
        "LP08",
        identity(
            allow(
                "iam:CreateRole",
                f"{ROLES}*",
                Condition={"StringEquals": {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/limit"}},
            )
        ),
    ),
    "LP08 grants for AWS's own use": (
        "LP08",
        identity(allow("kms:CreateGrant", KEYS, Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}})),
    ),
    "LP08 a service-linked role": (
        "LP08",
        identity(
            allow(
                "iam:CreateServiceLinkedRole",
                "*",
                Condition={"StringEquals": {"iam:AWSServiceName": "ecs.amazonaws.com"}},
            )
        ),
    ),
    "LP08 another service's resources": (
        "LP08",
        identity(allow(["kms:CreateGrant", "s3:GetObject"], [f"{KEYS[:-1]}1234", "arn:aws:s3:::*/*"])),
    ),
    "LP08 passing roles, which is for others to judge": ("LP08", identity(allow("iam:PassRole", "*"))),
    "LP09 a policy of our own": ("LP09", attachment(f"arn:aws:iam::{ACCOUNT}:policy/ours")),
    "LP09 the ARN of a policy in the program": ("LP09", attachment(UNKNOWN, deps={"policyArn": [urn(POLICY, "ours")]})),
    "LP09 a managed policy of the list": (
        "LP09",
        attachment("arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"),
    ),
    "LP11 a service": ("LP11", trust({"Service": "ecs-tasks.amazonaws.com"}, OURS)),
    "LP11 an identity provider": ("LP11", trust({"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/x"})),
    "LP12 a source account": ("LP12", trust({"Service": "ecs-tasks.amazonaws.com"}, OURS)),
    "LP12 a source ARN": (
        "LP12",
        trust({"Service": "states.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": f"arn:aws:states:r:{ACCOUNT}:*"}}),
    ),
    "LP12 a service that sends no source": ("LP12", trust({"Service": "ec2.amazonaws.com"})),
    "LP13 a Deny to everyone": ("LP13", public(Effect="Deny")),
    "LP13 everyone of an account": (
        "LP13",
        public(Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),
    ),
    "LP13 everyone of the caller's account": (
        "LP13",
        public(KEY, Action="kms:Decrypt", Resource="*", Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT}}),
    ),
    "LP13 a source ARN": (
        "LP13",
        public(Condition={"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/*"}}),
    ),
    "LP13 a service": ("LP13", public(Principal={"Service": "logging.s3.amazonaws.com"})),
    "LP13 everyone of some addresses": (
        "LP13",
        public(Condition={"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "2001:db8::/32"]}}),
    ),
    "LP13 everyone but whom a Deny shuts out": (
        "LP13",
        planned(
            "aws:apigateway/restApiPolicy:RestApiPolicy",
            policy=document(
                allow("execute-api:Invoke", "execute-api:/*", Principal="*"),
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "execute-api:*",
                    "Resource": "execute-api:/*",
                    "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}},
                },
            ),
        ),
    ),
    "LP13 an endpoint, which is another pack's": ("LP13", public("aws:ec2/vpcEndpoint:VpcEndpoint")),
    "LP14 a rule": ("LP14", invoke("events.amazonaws.com", sourceArn=f"arn:aws:events:us-east-1:{ACCOUNT}:rule/r")),
    "LP14 an API whose ARN comes later": ("LP14", invoke("apigateway.amazonaws.com", sourceArn=UNKNOWN)),
    "LP14 a bucket": ("LP14", invoke("s3.amazonaws.com", sourceArn="arn:aws:s3:::b", sourceAccount=UNKNOWN)),
    "LP14 a skill": ("LP14", invoke("alexa-appkit.amazon.com", eventSourceToken="amzn1.ask.skill.1")),
    "LP14 rotation, by account": ("LP14", invoke("secretsmanager.amazonaws.com", sourceAccount=ACCOUNT)),
    "LP14 an account": ("LP14", invoke(ACCOUNT)),
    "LP14 a role": ("LP14", invoke(f"{ROLES}caller")),
    "LP15 an endpoint for everything": (
        "LP15",
        planned("aws:ec2/vpcEndpoint:VpcEndpoint", policy=document(allow("*", "*", Principal="*"))),
    ),
    "LP15 a document that says what exists": (
        "LP15",
        identity(allow("s3:GetObject", Condition={"StringEquals": {"s3:ExistingObjectTag/team": "ml"}})),
    ),
    "LP15 a tag of a resource": (
        "LP15",
        identity(allow("s3:GetObject", Condition={"StringLike": {"aws:ResourceTag/a": "b"}})),
    ),
    "LP15 a document that is given as an object": (
        "LP15",
        planned(ROLE_POLICY, policy={"Version": "2012-10-17", "Statement": [allow("s3:GetObject")]}),
    ),
}

FAILING = {
    "LP01 star": ("LP01", identity(allow("*")), "'*' covers"),
    "LP01 a whole service": ("LP01", identity(allow("s3:*")), "'s3:*' covers"),
    "LP01 a question mark": ("LP01", identity(allow("s3:PutObjec?")), "s3:PutObject"),
    "LP01 another case": ("LP01", identity(allow("S3:put*")), "'S3:put*' covers"),
    "LP01 in a role's inline policy": ("LP01", inline(allow("iam:*")), "inlinePolicies[0].policy, statement 1"),
    "LP01 in the second statement": ("LP01", identity(allow("s3:GetObject"), allow("s3:Delete*")), "statement 2"),
    "LP01 in a user's policy": (
        "LP01",
        planned("aws:iam/userPolicy:UserPolicy", policy=document(allow("s3:*"))),
        "'s3:*'",
    ),
    "LP01 in a group's policy": (
        "LP01",
        planned("aws:iam/groupPolicy:GroupPolicy", policy=document(allow("s3:*"))),
        "'s3:*'",
    ),
    "LP01 in a managed policy": ("LP01", planned(POLICY, policy=document(allow("s3:*"))), "'s3:*'"),
    "LP01 everything but something": (
        "LP01",
        identity({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "NotAction covers",
    ),
    "LP01 a service without data": (
        "LP01",
        identity(allow("groundstation:Get*", "*")),
        "'groundstation:Get*' covers 1 actions that change something: groundstation:Get*",
    ),
    "LP01 what has no name yet": ("LP01", identity(allow("s3:Frobnicate*")), "'s3:Frobnicate*' covers"),
    "LP01 services by wildcard": ("LP01", identity(allow("*:Frobnicate*", "*")), "change something: other:*"),
    "LP02 a service without data": ("LP02", identity(allow("groundstation:GetConfig", "*")), "groundstation:GetConfig"),
    "LP02 what has no name yet": ("LP02", identity(allow("s3:Frobnicate", "*")), "s3:Frobnicate"),
    "LP02 everything but something": (
        "LP02",
        identity({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "on named ones",
    ),
    "LP02 every resource but one": (
        "LP02",
        identity({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b/*"}),
        "s3:GetObject",
    ),
    "LP02 star": ("LP02", identity(allow("s3:GetObject", "*")), "s3:GetObject"),
    "LP02 all of a service": ("LP02", identity(allow("s3:GetObject", "arn:aws:s3:::*")), "s3:GetObject"),
    "LP02 stars for every part": ("LP02", identity(allow("s3:GetObject", "arn:*:*:*:*:*")), "s3:GetObject"),
    "LP02 one of several actions": (
        "LP02",
        identity(allow(["ecr:GetAuthorizationToken", "ecr:BatchGetImage"], "*")),
        "ecr:BatchGetImage",
    ),
    "LP03 star": ("LP03", identity(allow("iam:PassRole", "*", Condition=TO_ECS)), "iam:PassRole on '*'"),
    "LP03 all roles": ("LP03", identity(allow("iam:PassRole", f"{ROLES}*", Condition=TO_ECS)), "outside the role path"),
    "LP03 through a wildcard": ("LP03", identity(allow("iam:Pass*", "*")), "iam:PassRole on '*'"),
    "LP03 another project's path": (
        "LP03",
        identity(allow("iam:PassRole", f"{ROLES}mlplatform-other/*", Condition=TO_ECS)),
        "outside",
    ),
    "LP03 every action but some": (
        "LP03",
        identity({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}),
        "iam:PassRole on '*'",
    ),
    "LP03 every resource but one": (
        "LP03",
        identity({"Effect": "Allow", "Action": "iam:PassRole", "NotResource": f"{ROLES}admin"}),
        "iam:PassRole on '*'",
    ),
    "LP04 every action but some": (
        "LP04",
        identity({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}),
        "without StringEquals",
    ),
    "LP04 no condition": ("LP04", identity(allow("iam:PassRole", f"{ROLES}a")), "without StringEquals"),
    "LP04 a condition that an absent key passes": (
        "LP04",
        identity(
            allow(
                "iam:PassRole",
                f"{ROLES}a",
                Condition={"StringEqualsIfExists": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
            )
        ),
        "without StringEquals",
    ),
    "LP04 a wildcard": (
        "LP04",
        identity(allow("iam:PassRole", f"{ROLES}a", Condition={"StringLike": {"iam:PassedToService": "*"}})),
        "without StringEquals",
    ),
    "LP04 a service outside the list": (
        "LP04",
        identity(
            allow("iam:PassRole", f"{ROLES}a", Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}})
        ),
        "'ec2.amazonaws.com', which is not in the allowlist",
    ),
    "LP05 NotAction": ("LP05", identity({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}), "NotAction"),
    "LP05 NotResource": (
        "LP05",
        identity({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::b/*"}),
        "NotResource",
    ),
    "LP07 every object": ("LP07", identity(allow("s3:GetObject", "arn:aws:s3:::*/*")), "s3:GetObject on"),
    "LP07 every key": ("LP07", identity(allow("kms:Decrypt", KEYS)), "kms:Decrypt on"),
    "LP07 every key through a service": (
        "LP07",
        identity(
            allow("kms:Decrypt", KEYS, Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}})
        ),
        "kms:Decrypt on",
    ),
    "LP07 every secret of RDS": (
        "LP07",
        identity(allow("secretsmanager:GetSecretValue", f"{SECRET}rds!cluster-*")),
        "secretsmanager:GetSecretValue",
    ),
    "LP07 a condition that an absent key passes": (
        "LP07",
        identity(
            allow("kms:Decrypt", KEYS, Condition={"ForAllValues:StringEquals": {"kms:ResourceAliases": "alias/ours"}})
        ),
        "kms:Decrypt on",
    ),
    "LP07 a condition that anything fits": (
        "LP07",
        identity(allow("kms:Decrypt", KEYS, Condition={"StringLike": {"kms:ResourceAliases": "*"}})),
        "kms:Decrypt on",
    ),
    "LP07 every table": (
        "LP07",
        identity(allow("dynamodb:Scan", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/*")),
        "dynamodb:Scan",
    ),
    "LP07 a service without data": (
        "LP07",
        identity(allow("groundstation:GetConfig", "arn:aws:groundstation:*:*:*")),
        "groundstation:GetConfig on",
    ),
    "LP07 every action but some": (
        "LP07",
        identity({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        "s3:GetObject",
    ),
    "LP08 star": ("LP08", identity(allow("s3:PutBucketPolicy", "*")), "s3:PutBucketPolicy on '*'"),
    "LP08 all roles": (
        "LP08",
        identity(allow("iam:putrolepolicy", f"{ROLES}*")),
        "iam:PutRolePolicy on 'arn:aws:iam::123456789012:role/*'",
    ),
    "LP08 through a wildcard": ("LP08", identity(allow("sqs:*", "*")), "sqs:AddPermission"),
    "LP08 grants through a service": (
        "LP08",
        identity(
            allow(
                "kms:CreateGrant", KEYS, Condition={"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}}
            )
        ),
        "kms:CreateGrant",
    ),
    "LP08 a boundary that an absent key passes": (
        "LP08",
        identity(
            allow(
                "iam:CreateRole", "*", Condition={"StringEqualsIfExists": {"iam:PermissionsBoundary": "arn:a:b:c:d:e"}}
            )
        ),
        "iam:CreateRole",
    ),
    "LP08 any boundary": (
        "LP08",
        identity(allow("iam:CreateRole", "*", Condition={"StringLike": {"iam:PermissionsBoundary": "*"}})),
        "iam:CreateRole",
    ),
    "LP08 an action without resource type": ("LP08", identity(allow("logs:PutResourcePolicy", "*")), "on '*'"),
    "LP08 a service without data": ("LP08", identity(allow("groundstation:PutConfig", "*")), "groundstation:PutConfig"),
    "LP08 every resource but one": (
        "LP08",
        identity({"Effect": "Allow", "Action": "s3:PutBucketPolicy", "NotResource": "arn:aws:s3:::b"}),
        "s3:PutBucketPolicy on '*'",
    ),
    "LP08 in a permission set": (
        "LP08",
        planned(
            "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
            inlinePolicy=document(allow("s3:PutBucketPolicy", "*")),
        ),
        "inlinePolicy, statement 1",
    ),
    "LP10 a user": ("LP10", planned("aws:iam/user:User", name="u"), "a user"),
    "LP10 an access key": ("LP10", planned("aws:iam/accessKey:AccessKey", user=UNKNOWN), "an access key"),
    "LP10 a password": ("LP10", planned("aws:iam/userLoginProfile:UserLoginProfile", user="u"), "a password"),
    "LP09 administrator": ("LP09", attachment("arn:aws:iam::aws:policy/AdministratorAccess"), "AdministratorAccess"),
    "LP09 on the role": (
        "LP09",
        planned(ROLE, managedPolicyArns=["arn:aws:iam::aws:policy/PowerUserAccess"]),
        "PowerUserAccess",
    ),
    "LP09 unknown": ("LP09", attachment(UNKNOWN), "'policyArn' is unknown"),
    "LP11 everyone": ("LP11", trust("*"), "trusts more than one named principal"),
    "LP11 every account": ("LP11", trust({"AWS": "*"}, OURS), "trusts more than one"),
    "LP11 everyone but one": (
        "LP11",
        planned(
            ROLE,
            assumeRolePolicy=document(
                {"Effect": "Allow", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
            ),
        ),
        "NotPrincipal",
    ),
    "LP11 a foreign account": ("LP11", trust({"AWS": "arn:aws:iam::999999999999:root"}), "account 999999999999"),
    "LP12 no source": ("LP12", trust({"Service": "ecs-tasks.amazonaws.com"}), "no aws:SourceAccount"),
    "LP12 any source": (
        "LP12",
        trust({"Service": "ecs-tasks.amazonaws.com"}, {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:*:*"}}),
        "no aws:SourceAccount",
    ),
    "LP12 a source that an absent key passes": (
        "LP12",
        trust({"Service": "ecs-tasks.amazonaws.com"}, {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}),
        "no aws:SourceAccount",
    ),
    "LP13 everyone": ("LP13", public(), "allows AWS '*'"),
    "LP13 every account": ("LP13", public(Principal={"AWS": "*"}), "allows AWS '*'"),
    "LP13 any source": (
        "LP13",
        public(Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
        "allows AWS '*'",
    ),
    "LP13 everyone over TLS": ("LP13", public(Condition={"Bool": {"aws:SecureTransport": "true"}}), "allows AWS '*'"),
    "LP13 a key": ("LP13", public(KEY, Action="kms:*", Resource="*"), "allows AWS '*'"),
    "LP13 a repository": (
        "LP13",
        public("aws:ecr/repositoryPolicy:RepositoryPolicy", Action="ecr:BatchGetImage"),
        "allows AWS '*'",
    ),
    "LP13 a queue": ("LP13", public("aws:sqs/queuePolicy:QueuePolicy", Action="sqs:SendMessage"), "allows AWS '*'"),
    "LP13 a topic": ("LP13", public("aws:sns/topicPolicy:TopicPolicy", Action="sns:Publish"), "allows AWS '*'"),
    "LP13 a secret": (
        "LP13",
        public("aws:secretsmanager/secretPolicy:SecretPolicy", Action="secretsmanager:GetSecretValue"),
        "allows AWS '*'",
    ),
    "LP13 a bucket's own policy": ("LP13", public(BUCKET), "allows AWS '*'"),
    "LP13 everyone of wide ranges": (
        "LP13",
        public(Condition={"IpAddress": {"aws:SourceIp": ["198.51.100.0/24", "0.0.0.0/1"]}}),
        "allows AWS '*'",
    ),
    "LP13 everyone, and a Deny of something else": (
        "LP13",
        planned(
            "aws:s3/bucketPolicy:BucketPolicy",
            policy=document(
                allow(["s3:GetObject", "s3:PutObject"], Principal="*"),
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": "*",
                    "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}},
                },
            ),
        ),
        "allows AWS '*'",
    ),
    "LP13 everyone, and a Deny that also asks for more": (
        "LP13",
        planned(
            "aws:s3/bucketPolicy:BucketPolicy",
            policy=document(
                allow("s3:GetObject", Principal="*"),
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": "*",
                    "Condition": {
                        "StringNotEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"},
                        "Bool": {"aws:SecureTransport": "false"},
                    },
                },
            ),
        ),
        "allows AWS '*'",
    ),
    "LP13 a search domain": (
        "LP13",
        planned(
            "aws:opensearch/domain:Domain", accessPolicies=document(allow("es:ESHttpGet", "*", Principal={"AWS": "*"}))
        ),
        "accessPolicies, statement 1",
    ),
    "LP13 a registry": ("LP13", public("aws:ecr/registryPolicy:RegistryPolicy", Action="ecr:ReplicateImage"), "'*'"),
    "LP14 everyone": ("LP14", invoke("*", sourceArn=f"arn:aws:s3:::{ACCOUNT}"), "everyone may invoke"),
    "LP14 a service for anyone": ("LP14", invoke("events.amazonaws.com"), "no sourceArn"),
    "LP14 a service for any account": ("LP14", invoke("sns.amazonaws.com", sourceAccount=ACCOUNT), "no sourceArn"),
    "LP14 any source": (
        "LP14",
        invoke("events.amazonaws.com", sourceArn="arn:aws:events:*:*:rule/*"),
        "anyone's will do",
    ),
    "LP14 a bucket of whoever has its name": (
        "LP14",
        invoke("s3.amazonaws.com", sourceArn="arn:aws:s3:::b"),
        "no sourceAccount",
    ),
    "LP14 any skill": ("LP14", invoke("alexa-appkit.amazon.com"), "no eventSourceToken"),
    "LP14 nobody knows who": ("LP14", invoke(UNKNOWN), "'principal' is unknown"),
    "LP15 unknown": ("LP15", planned(ROLE_POLICY, policy=UNKNOWN), "'policy' is unknown at preview"),
    "LP15 unknown in part": (
        "LP15",
        planned(ROLE_POLICY, policy={"Version": "2012-10-17", "Statement": [allow("s3:GetObject", UNKNOWN)]}),
        "'policy.Statement[0].Resource' is unknown",
    ),
    "LP15 an inline policy is unknown": (
        "LP15",
        planned(ROLE, inlinePolicies=[{"policy": UNKNOWN}]),
        "'inlinePolicies[0].policy' is unknown",
    ),
    "LP15 a trust is unknown": ("LP15", planned(ROLE, assumeRolePolicy=UNKNOWN), "'assumeRolePolicy' is unknown"),
    "LP15 an endpoint's policy is unknown": (
        "LP15",
        planned("aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy", policy=UNKNOWN),
        "'policy' is unknown",
    ),
    "LP15 the policy of a catalogue is no policy": (
        "LP15",
        planned("aws:glue/resourcePolicy:ResourcePolicy", policy="{}"),
        'must have "Version"',
    ),
    "LP15 no JSON": ("LP15", planned(ROLE_POLICY, policy="{"), "is not JSON"),
    "LP15 a key twice": (
        "LP15",
        planned(ROLE_POLICY, policy=document(allow("s3:GetObject")).replace('"Action"', '"Action": "*", "Action"')),
        "the same key twice",
    ),
    "LP15 an element that does not exist": ("LP15", identity(allow("s3:GetObject", Actions="*")), "does not know"),
    "LP15 an action that does not exist": ("LP15", identity(allow("s3:GetObjct")), "did you mean 's3:GetObject'?"),
    "LP15 a service that does not exist": ("LP15", identity(allow("s4:GetObject")), "no action matches"),
    "LP15 a service without data": (
        "LP15",
        identity(allow("groundstation:GetConfig")),
        "no data on service 'groundstation'",
    ),
    "LP15 a condition key that does not exist": (
        "LP15",
        identity(allow("s3:GetObject", Condition={"StringEquals": {"s3:ExistingTag": "a"}})),
        "no condition key 's3:existingtag'",
    ),
    "LP15 a condition operator that does not exist": (
        "LP15",
        identity(allow("s3:GetObject", Condition={"StringEqual": {"aws:SourceVpc": "a"}})),
        "an operator that IAM does not know",
    ),
}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_passes(case: tuple[str, PlannedResource]) -> None:
    rule, resource = case
    assert messages(rule, resource, planned(POLICY, "ours", policy=document(allow("s3:GetObject")))) == ""


@pytest.mark.parametrize("case", FAILING.values(), ids=FAILING)
def test_fails(case: tuple[str, PlannedResource, str]) -> None:
    rule, resource, expected = case
    findings = judged(rule, resource)
    assert any(expected in finding.message for finding in findings), [finding.message for finding in findings]
    assert {(finding.level, finding.urn, finding.pack) for finding in findings} == {
        ("mandatory", resource.urn, "least_privilege")
    }


def test_settings_widen_what_is_allowed() -> None:
    foreign = trust({"AWS": "arn:aws:iam::999999999999:root"})
    passing = identity(
        allow(
            "iam:PassRole", f"{ROLES}team/*", Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
        )
    )
    managed = attachment("arn:aws:iam::aws:policy/ReadOnlyAccess")
    source = trust({"Service": "new.amazonaws.com"})
    assert not messages("LP11", foreign, config={"LP11": {"trustedAccounts": ["999999999999"]}})
    assert not messages("LP03", passing, config={"LP03": {"rolePaths": ["/team/"]}})
    assert not messages("LP04", passing, config={"LP04": {"passedToServices": ["ec2.amazonaws.com"]}})
    assert not messages("LP09", managed, config={"LP09": {"managedPolicies": ["ReadOnlyAccess"]}})
    assert not messages("LP12", source, config={"LP12": {"servicesWithoutSource": ["new.amazonaws.com"]}})


def test_an_action_without_resource_type_may_be_listed() -> None:
    logs = identity(allow(["logs:PutResourcePolicy", "events:PutPermission"], "*"))
    found = messages("LP08", logs, config={"LP08": {"accountActions": ["logs:PutResourcePolicy"]}})
    assert "events:PutPermission" in found
    assert "logs:PutResourcePolicy" not in found


HELD = [
    planned(ROLE, name="r"),
    planned(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        role="r",
        policyArn=UNKNOWN,
        deps={"policyArn": [urn(POLICY, "boundary")]},
    ),
]


@pytest.mark.parametrize(
    ("rule", "statement"),
    [
        ("LP01", allow("s3:*", "arn:aws:s3:::b")),
        ("LP02", allow("s3:GetObject", "*")),
        ("LP03", allow("iam:PassRole", "*", Condition=TO_ECS)),
        ("LP04", allow("iam:PassRole", f"{ROLES}mlplatform/*")),
        ("LP05", {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        ("LP06", allow("iam:CreateAccessKey", "*")),
        ("LP07", allow("s3:GetObject", "*")),
        ("LP08", allow("s3:PutBucketPolicy", "*")),
    ],
)
def test_a_boundary_is_judged_as_a_grant_only_where_somebody_holds_it(rule: str, statement: dict[str, Any]) -> None:
    boundary = planned(POLICY, "boundary", policy=document(statement))
    limited = planned(ROLE, "limited", permissionsBoundary=UNKNOWN, deps={"permissionsBoundary": [boundary.urn]})
    assert messages(rule, boundary) == ""
    assert messages(rule, boundary, limited) == ""
    found = judged(rule, boundary, *HELD)
    assert found
    assert {finding.level for finding in found} == {"mandatory"}


def test_only_what_nobody_can_read_cannot_be_exempted() -> None:
    """An exemption of an unknown document would let through whatever it turns out to say."""

    def exemptible(resource: PlannedResource) -> set[bool]:
        check = lp15_documents_known_and_valid.RULE.check
        assert check is not None
        return {violation.exemptible for violation in check(resource, Settings(options=()))}

    assert exemptible(planned(ROLE_POLICY, policy=UNKNOWN)) == {False}
    assert exemptible(planned(ROLE_POLICY, policy="{")) == {False}
    assert exemptible(identity(allow("s3:GetObjct"))) == {True}


@pytest.mark.parametrize("action", ["groundstation:GetConfig", "groundstation:*", "s3:Frobnicate", "s3:Frob*"])
def test_exempting_lp15_for_what_the_data_does_not_know_opens_no_hole(action: str) -> None:
    resource = identity(allow(action, "*"))
    assert messages("LP15", resource)
    for rule in ("LP02", "LP07", "LP08"):
        assert messages(rule, resource), rule


def test_what_has_not_the_shape_of_an_action_is_not_quoted() -> None:
    resource = identity(allow("hunter2 hunter2", "*"))
    for rule in ("LP01", "LP02", "LP07", "LP08", "LP15"):
        assert "hunter2" not in messages(rule, resource)
