"""An account for data scientists: notebooks and Studio in a VPC, people and their groups, sign-in for a portal."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

config = pulumi.Config()
account, region = aws.get_caller_identity().account_id, aws.get_region().region
zones = aws.get_availability_zones(state="available").names[:2]
tags = {"Project": "lab", "Environment": pulumi.get_stack()}
boundary_arn = f"arn:aws:iam::{account}:policy/lab/lab-boundary"
protected = pulumi.ResourceOptions(protect=True)


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(actions: list[str], resources: list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def trust(principal: dict[str, str], condition: dict[str, Any]) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition})


own_account = {"StringEquals": {"aws:SourceAccount": account}}
key = aws.kms.Key(
    "lab",
    description="Notebooks, home directories and data",
    policy=document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ),
    opts=protected,
    tags=tags,
)

# Network

vpc = awsx.ec2.Vpc(
    "lab",
    cidr_block="10.30.0.0/16",
    availability_zone_names=zones,
    enable_dns_hostnames=True,
    nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=awsx.ec2.NatGatewayStrategy.SINGLE),
    subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
    subnet_specs=[
        awsx.ec2.SubnetSpecArgs(
            type=awsx.ec2.SubnetType.PUBLIC, name="public", cidr_blocks=["10.30.0.0/24", "10.30.1.0/24"]
        ),
        awsx.ec2.SubnetSpecArgs(
            type=awsx.ec2.SubnetType.PRIVATE, name="private", cidr_blocks=["10.30.16.0/20", "10.30.32.0/20"]
        ),
    ],
    tags=tags,
)
aws.ec2.DefaultSecurityGroup("closed", vpc_id=vpc.vpc_id, tags=tags)
notebooks = aws.ec2.SecurityGroup(
    "notebooks",
    description="Notebooks and Studio",
    vpc_id=vpc.vpc_id,
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

# Data

data_name, results_name = f"lab-data-{account}", f"lab-results-{account}"


def bucket(name: str, full: str, opts: pulumi.ResourceOptions | None, *statements: dict[str, Any]) -> aws.s3.Bucket:
    made = aws.s3.Bucket(name, bucket=full, opts=opts, tags=tags)
    aws.s3.BucketPublicAccessBlock(
        name,
        bucket=made.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
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
            },
            *statements,
        ),
    )
    return made


everyone_reads = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": f"arn:aws:s3:::{results_name}/*",
}
data = bucket("data", data_name, None)
results = bucket("results", results_name, protected, everyone_reads)
aws.s3.BucketLifecycleConfiguration(
    "data",
    bucket=data.bucket,
    rules=[{"id": "old", "status": "Enabled", "filter": {}, "noncurrent_version_expiration": {"noncurrent_days": 90}}],
)

# What notebooks may do

boundary = aws.iam.Policy(
    "boundary",
    name="lab-boundary",
    path="/lab/",
    policy=document(
        allow(["cloudwatch:*", "ecr:*", "iam:*", "logs:*", "s3:*", "sagemaker:*"], ["*"]),
        {
            "Effect": "Deny",
            "Action": ["iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"],
            "Resource": "*",
        },
        {
            "Effect": "Deny",
            "Action": [
                "iam:CreateRole",
                "iam:CreateUser",
                "iam:PutRolePermissionsBoundary",
                "iam:PutUserPermissionsBoundary",
            ],
            "Resource": "*",
            "Condition": {"StringNotEquals": {"iam:PermissionsBoundary": boundary_arn}},
        },
        {"Effect": "Deny", "Action": ["iam:*User*", "iam:*Group*", "iam:*AccessKey*"], "Resource": "*"},
    ),
    tags=tags,
)
bounded = pulumi.ResourceOptions(depends_on=[boundary])
work = aws.iam.Role(
    "work",
    name="lab-work",
    path="/lab/",
    assume_role_policy=trust({"Service": "sagemaker.amazonaws.com"}, own_account),
    permissions_boundary=boundary_arn,
    inline_policies=[
        {
            "name": "work",
            "policy": document(
                allow(["s3:GetObject", "s3:PutObject"], [f"arn:aws:s3:::{data_name}/*"]),
                allow(["s3:ListBucket"], [f"arn:aws:s3:::{data_name}"]),
                allow(["logs:CreateLogStream", "logs:PutLogEvents"], ["arn:aws:logs:*:*:log-group:/aws/sagemaker/*"]),
            ),
        }
    ],
    opts=bounded,
    tags=tags,
)
aws.iam.RolePolicyAttachment("work", role=work.name, policy_arn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
aws.iam.Role(
    "partner",
    name="lab-partner",
    path="/lab/",
    assume_role_policy=trust(
        {"AWS": f"arn:aws:iam::{config.require('partnerAccount')}:root"},
        {"StringEquals": {"sts:ExternalId": "lab-results"}},
    ),
    permissions_boundary=boundary_arn,
    inline_policies=[{"name": "read", "policy": document(allow(["s3:GetObject"], [f"arn:aws:s3:::{results_name}/*"]))}],
    opts=bounded,
    tags=tags,
)

# Notebooks and Studio

aws.sagemaker.NotebookInstance(
    "shared",
    name="lab-shared",
    role_arn=work.arn,
    instance_type="ml.t3.xlarge",
    kms_key_id=key.arn,
    subnet_id=vpc.private_subnet_ids[0],
    security_groups=[notebooks.id],
    direct_internet_access="Enabled",
    root_access="Disabled",
    instance_metadata_service_configuration={"minimum_instance_metadata_service_version": "2"},
    tags=tags,
)
domain = aws.sagemaker.Domain(
    "lab",
    domain_name="lab",
    auth_mode="IAM",
    vpc_id=vpc.vpc_id,
    subnet_ids=vpc.private_subnet_ids,
    app_network_access_type="VpcOnly",
    kms_key_id=key.arn,
    default_user_settings={"execution_role": work.arn, "security_groups": [notebooks.id]},
    opts=protected,
    tags=tags,
)
aws.sagemaker.UserProfile("ada", domain_id=domain.id, user_profile_name="ada", tags=tags)

# People

scientists = aws.iam.Group("scientists", name="lab-scientists", path="/lab/")
aws.iam.GroupPolicy(
    "scientists",
    group=scientists.name,
    policy=document(
        allow(["sagemaker:CreatePresignedDomainUrl"], [f"arn:aws:sagemaker:{region}:{account}:user-profile/*"]),
        allow(["s3:*"], ["*"]),
    ),
)
ada = aws.iam.User("ada", name="lab-ada", path="/lab/", permissions_boundary=boundary_arn, opts=bounded, tags=tags)
aws.iam.UserGroupMembership("ada", user=ada.name, groups=[scientists.name])
aws.iam.AccessKey("ada", user=ada.name)

# Sign-in for the portal

people = aws.cognito.UserPool(
    "people",
    name="lab-people",
    mfa_configuration="OFF",
    password_policy={
        "minimum_length": 14,
        "require_lowercase": True,
        "require_uppercase": True,
        "require_numbers": True,
        "require_symbols": True,
    },
    deletion_protection="ACTIVE",
    opts=protected,
    tags=tags,
)
portal = aws.cognito.UserPoolClient("portal", name="lab-portal", user_pool_id=people.id, generate_secret=True)
aws.cognito.IdentityPool(
    "portal",
    identity_pool_name="lab portal",
    allow_unauthenticated_identities=True,
    cognito_identity_providers=[{"client_id": portal.id, "provider_name": people.endpoint}],
    tags=tags,
)

pulumi.export("domain", domain.url)
