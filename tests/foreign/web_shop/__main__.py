"""A web shop: load balancer, Fargate service, PostgreSQL, in a VPC of its own."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
account, region = aws.get_caller_identity().account_id, aws.get_region().region
tags = {"Project": "web-shop", "Environment": pulumi.get_stack()}
image = f"{account}.dkr.ecr.{region}.amazonaws.com/web-shop/server:latest"
boundary_arn = f"arn:aws:iam::{account}:policy/web-shop/web-shop-boundary"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(actions: list[str], resources: list[str], **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def trust(service: str) -> str:
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
        }
    )


# Encryption

key = aws.kms.Key(
    "shop",
    description="Everything that the shop stores",
    enable_key_rotation=True,
    policy=document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Effect": "Allow",
            "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:Describe*"],
            "Resource": "*",
            "Condition": {
                "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:*"}
            },
        },
    ),
    tags=tags,
)

# Identities: what each may do at most, and what each may do

boundary = aws.iam.Policy(
    "boundary",
    name="web-shop-boundary",
    path="/web-shop/",
    policy=document(
        allow(["ecr:*", "logs:*", "secretsmanager:GetSecretValue", "ssmmessages:*"], ["*"]),
    ),
    tags=tags,
)
execution = aws.iam.Role(
    "execution",
    path="/web-shop/",
    assume_role_policy=trust("ecs-tasks"),
    permissions_boundary=boundary_arn,
    opts=pulumi.ResourceOptions(depends_on=[boundary]),
    tags=tags,
)
aws.iam.RolePolicy(
    "execution",
    role=execution.id,
    policy=document(
        allow(["ecr:GetAuthorizationToken"], ["*"]),
        allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [f"arn:aws:ecr:{region}:{account}:repository/web-shop/server"],
        ),
        allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [f"arn:aws:logs:{region}:{account}:log-group:/web-shop/server:*"],
        ),
        allow(["secretsmanager:GetSecretValue"], ["*"]),
    ),
)
task_role = aws.iam.Role("server", path="/web-shop/", assume_role_policy=trust("ecs-tasks"), tags=tags)
aws.iam.RolePolicy(
    "server",
    role=task_role.id,
    policy=document(allow(["ssmmessages:CreateDataChannel", "ssmmessages:OpenDataChannel"], ["*"])),
)
flow_role = aws.iam.Role(
    "flow-logs",
    path="/web-shop/",
    assume_role_policy=trust("vpc-flow-logs"),
    permissions_boundary=boundary_arn,
    opts=pulumi.ResourceOptions(depends_on=[boundary]),
    tags=tags,
)
aws.iam.RolePolicy(
    "flow-logs",
    role=flow_role.id,
    policy=document(
        allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [f"arn:aws:logs:{region}:{account}:log-group:/web-shop/flow:*"],
        )
    ),
)

# Network: a public subnet for the load balancer and the gateway, a private one for the rest, in each of two zones

vpc = aws.ec2.Vpc("shop", cidr_block="10.20.0.0/16", enable_dns_hostnames=True, tags=tags)
aws.ec2.DefaultSecurityGroup("closed", vpc_id=vpc.id, tags=tags)
flow_logs = aws.cloudwatch.LogGroup("flow", name="/web-shop/flow", kms_key_id=key.arn, retention_in_days=90, tags=tags)
aws.ec2.FlowLog(
    "shop",
    vpc_id=vpc.id,
    traffic_type="ALL",
    log_destination=flow_logs.arn,
    iam_role_arn=flow_role.arn,
    tags=tags,
)
gateway = aws.ec2.InternetGateway("shop", vpc_id=vpc.id, tags=tags)
public = [
    aws.ec2.Subnet(
        f"public-{zone}",
        vpc_id=vpc.id,
        availability_zone=f"{region}{zone}",
        cidr_block=f"10.20.{index}.0/24",
        tags={**tags, "Tier": "Public"},
    )
    for index, zone in enumerate("ab")
]
private = [
    aws.ec2.Subnet(
        f"private-{zone}",
        vpc_id=vpc.id,
        availability_zone=f"{region}{zone}",
        cidr_block=f"10.20.{index + 10}.0/24",
        tags={**tags, "Tier": "Private"},
    )
    for index, zone in enumerate("ab")
]
address = aws.ec2.Eip("nat", domain="vpc", tags=tags)
nat = aws.ec2.NatGateway("nat", subnet_id=public[0].id, allocation_id=address.id, tags=tags)
outwards: dict[str, aws.ec2.RouteTable] = {
    "public": aws.ec2.RouteTable(
        "public", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}], tags=tags
    ),
    "private": aws.ec2.RouteTable(
        "private", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "nat_gateway_id": nat.id}], tags=tags
    ),
}
for tier, subnets in (("public", public), ("private", private)):
    for zone, subnet in zip("ab", subnets, strict=True):
        aws.ec2.RouteTableAssociation(f"{tier}-{zone}", subnet_id=subnet.id, route_table_id=outwards[tier].id)

front = aws.ec2.SecurityGroup(
    "front",
    description="The world to the load balancer",
    vpc_id=vpc.id,
    ingress=[
        {
            "description": "HTTPS",
            "protocol": "tcp",
            "from_port": 443,
            "to_port": 443,
            "cidr_blocks": ["0.0.0.0/0"],
        }
    ],
    egress=[
        {
            "description": "To the servers",
            "protocol": "tcp",
            "from_port": 8080,
            "to_port": 8080,
            "cidr_blocks": [vpc.cidr_block],
        }
    ],
    tags={**tags, "PublicLoadBalancer": "true"},
)
servers = aws.ec2.SecurityGroup(
    "servers",
    description="The load balancer to the servers",
    vpc_id=vpc.id,
    ingress=[
        {
            "description": "From the load balancer",
            "protocol": "tcp",
            "from_port": 8080,
            "to_port": 8080,
            "security_groups": [front.id],
        },
        {
            "description": "For a look inside",
            "protocol": "tcp",
            "from_port": 22,
            "to_port": 22,
            "cidr_blocks": ["0.0.0.0/0"],
        },
    ],
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
store = aws.ec2.SecurityGroup("database", description="The servers to the database", vpc_id=vpc.id, tags=tags)
aws.vpc.SecurityGroupIngressRule(
    "database",
    description="PostgreSQL",
    security_group_id=store.id,
    referenced_security_group_id=servers.id,
    ip_protocol="tcp",
    from_port=5432,
    to_port=5432,
    tags=tags,
)

# Database

aws.rds.Instance(
    "orders",
    engine="postgres",
    engine_version="16",
    instance_class="db.t4g.small",
    allocated_storage=50,
    db_name="orders",
    username="shop",
    manage_master_user_password=True,
    master_user_secret_kms_key_id=key.arn,
    storage_encrypted=True,
    kms_key_id=key.arn,
    publicly_accessible=True,
    multi_az=True,
    db_subnet_group_name=aws.rds.SubnetGroup("orders", subnet_ids=[s.id for s in private], tags=tags).name,
    vpc_security_group_ids=[store.id],
    parameter_group_name=aws.rds.ParameterGroup(
        "orders", family="postgres16", parameters=[{"name": "rds.force_ssl", "value": "1"}], tags=tags
    ).name,
    backup_retention_period=1,
    deletion_protection=True,
    final_snapshot_identifier="web-shop-orders-final",
    copy_tags_to_snapshot=True,
    tags=tags,
)

# Load balancer

balancer = aws.lb.LoadBalancer(
    "shop",
    load_balancer_type="application",
    security_groups=[front.id],
    subnets=[subnet.id for subnet in public],
    drop_invalid_header_fields=True,
    enable_deletion_protection=True,
    tags=tags,
)
targets = aws.lb.TargetGroup(
    "server", vpc_id=vpc.id, target_type="ip", port=8080, protocol="HTTP", health_check={"path": "/health"}, tags=tags
)
listener = aws.lb.Listener(
    "https",
    load_balancer_arn=balancer.arn,
    port=443,
    protocol="HTTPS",
    certificate_arn=config.require("certificateArn"),
    ssl_policy="ELBSecurityPolicy-2016-08",
    default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
    tags=tags,
)
aws.lb.Listener(
    "http",
    load_balancer_arn=balancer.arn,
    port=80,
    protocol="HTTP",
    default_actions=[{"type": "redirect", "redirect": {"port": "443", "protocol": "HTTPS", "status_code": "HTTP_301"}}],
    tags=tags,
)

# Service

repository = aws.ecr.Repository(
    "server",
    name="web-shop/server",
    image_tag_mutability="MUTABLE",
    image_scanning_configuration={"scan_on_push": True},
    encryption_configurations=[{"encryption_type": "KMS", "kms_key": key.arn}],
    tags=tags,
)
aws.ecr.LifecyclePolicy(
    "server",
    repository=repository.name,
    policy=json.dumps(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
                    "action": {"type": "expire"},
                }
            ]
        }
    ),
)
session_key = aws.secretsmanager.Secret("session-key", name="web-shop/session-key", kms_key_id=key.arn, tags=tags)
aws.cloudwatch.LogGroup("server", name="/web-shop/server", kms_key_id=key.arn, tags=tags)
cluster = aws.ecs.Cluster(
    "shop", name="web-shop", settings=[{"name": "containerInsights", "value": "enabled"}], tags=tags
)
task = aws.ecs.TaskDefinition(
    "server",
    family="web-shop-server",
    cpu="512",
    memory="1024",
    network_mode="awsvpc",
    requires_compatibilities=["FARGATE"],
    execution_role_arn=execution.arn,
    task_role_arn=task_role.arn,
    container_definitions=json.dumps(
        [
            {
                "name": "server",
                "image": image,
                "user": "1000:1000",
                "readonlyRootFilesystem": True,
                "portMappings": [{"containerPort": 8080}],
                "environment": [{"name": "LISTEN", "value": "8080"}],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/web-shop/server",
                        "awslogs-region": region,
                        "awslogs-stream-prefix": "server",
                    },
                },
            }
        ]
    ),
    tags=tags,
)
aws.ecs.Service(
    "server",
    name="web-shop-server",
    cluster=cluster.arn,
    task_definition=task.arn,
    desired_count=2,
    launch_type="FARGATE",
    network_configuration={
        "subnets": [subnet.id for subnet in private],
        "security_groups": [servers.id],
        "assign_public_ip": False,
    },
    load_balancers=[{"target_group_arn": targets.arn, "container_name": "server", "container_port": 8080}],
    opts=pulumi.ResourceOptions(depends_on=[listener]),
    tags=tags,
)

aws.budgets.Budget(
    "shop",
    budget_type="COST",
    limit_amount="300",
    limit_unit="USD",
    time_unit="MONTHLY",
    notifications=[
        {
            "comparison_operator": "GREATER_THAN",
            "threshold": 80,
            "threshold_type": "PERCENTAGE",
            "notification_type": "FORECASTED",
            "subscriber_email_addresses": [config.require("budgetEmail")],
        }
    ],
    tags=tags,
)

pulumi.export("address", balancer.dns_name)
