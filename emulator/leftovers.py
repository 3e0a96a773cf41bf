"""What a destroyed stack left behind: everything in the emulator that is neither AWS's own nor on its way out."""

from collections.abc import Callable, Iterable
from typing import Any

import boto3  # pyright: ignore[reportMissingTypeStubs]
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs]

REGION = "us-east-1"

Clients = Callable[[str], Any]
Finder = Callable[[Clients], Iterable[str]]


def find(url: str, *regions: str) -> dict[str, list[str]]:
    """List all that is left in the regions, by kind; kinds with nothing left are absent."""
    found: dict[str, set[str]] = {}
    for region in regions or (REGION,):
        for kind, names in _find(url, region).items():
            found.setdefault(kind, set()).update(names)
    return {kind: sorted(names) for kind, names in found.items()}


def _find(url: str, region: str) -> dict[str, list[str]]:
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownMemberType]
                service,  # pyright: ignore[reportArgumentType]
                endpoint_url=url,
                region_name=region,
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"max_attempts": 1}),
            )
        return made[service]

    found = {kind: sorted(finder(client)) for kind, finder in _finders().items()}
    return {kind: names for kind, names in found.items() if names}


def _pages(clients: Clients, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
    client = clients(service)
    if client.can_paginate(operation):
        found: list[Any] = []
        for page in client.get_paginator(operation).paginate(**arguments):
            found += page.get(key) or []
        return found
    return list(getattr(client, operation)(**arguments).get(key) or [])


def _all(_item: Any) -> bool:
    return True


def _listing(
    service: str, operation: str, key: str, name: str | None, keep: Callable[[Any], bool] = _all, **arguments: Any
) -> Finder:
    """A finder over one list operation; `name` is the member that names a thing (none for lists of strings)."""

    def finder(clients: Clients) -> list[str]:
        items = _pages(clients, service, operation, key, **arguments)
        return [str(item[name]) if name else str(item) for item in items if keep(item)]

    return finder


def _in_own_vpc(operation: str, key: str, name: str, keep: Callable[[Any], bool] = _all) -> Finder:
    """EC2 things, without those of the default VPC that every account has."""

    def finder(clients: Clients) -> list[str]:
        vpcs = _pages(clients, "ec2", "describe_vpcs", "Vpcs")
        default = {vpc["VpcId"] for vpc in vpcs if vpc["IsDefault"]}
        items = _pages(clients, "ec2", operation, key)
        return [str(item[name]) for item in items if item.get("VpcId") not in default and keep(item)]

    return finder


def _internet_gateways(clients: Clients) -> list[str]:
    vpcs = _pages(clients, "ec2", "describe_vpcs", "Vpcs")
    default = {vpc["VpcId"] for vpc in vpcs if vpc["IsDefault"]}
    gateways = _pages(clients, "ec2", "describe_internet_gateways", "InternetGateways")
    return [
        gateway["InternetGatewayId"]
        for gateway in gateways
        if not default & {attachment["VpcId"] for attachment in gateway["Attachments"]}
    ]


def _keys(clients: Clients) -> list[str]:
    kms = clients("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in _pages(clients, "kms", "list_keys", "Keys")]
    return [key["KeyId"] for key in keys if key["KeyState"] != "PendingDeletion" and key.get("KeyManager") != "AWS"]


def _services(clients: Clients) -> list[str]:
    ecs = clients("ecs")
    found: list[str] = []
    for cluster in _pages(clients, "ecs", "list_clusters", "clusterArns"):
        arns = _pages(clients, "ecs", "list_services", "serviceArns", cluster=cluster)
        for arn in arns:
            service = ecs.describe_services(cluster=cluster, services=[arn])["services"][0]
            if service["status"] != "INACTIVE":
                found.append(arn)
    return found


def _clusters(clients: Clients) -> list[str]:
    arns = _pages(clients, "ecs", "list_clusters", "clusterArns")
    described: list[Any] = clients("ecs").describe_clusters(clusters=arns)["clusters"] if arns else []
    return [cluster["clusterArn"] for cluster in described if cluster["status"] != "INACTIVE"]


def _scaling_targets(clients: Clients) -> list[str]:
    return [
        target["ResourceId"]
        for namespace in ("ecs", "rds", "sagemaker", "lambda", "dynamodb")
        for target in _pages(
            clients,
            "application-autoscaling",
            "describe_scalable_targets",
            "ScalableTargets",
            ServiceNamespace=namespace,
        )
    ]


def _alarms(clients: Clients) -> list[str]:
    answer = clients("cloudwatch").describe_alarms()
    return [alarm["AlarmName"] for alarm in answer["MetricAlarms"] + answer.get("CompositeAlarms", [])]


def _alive(item: Any) -> bool:
    return str(item.get("State", "")).lower() not in {"deleted", "deleting"}


def _not_default_group(name: str) -> Callable[[Any], bool]:
    return lambda item: not str(item[name]).startswith("default")


def _of_account(item: Any) -> bool:
    return not item["Path"].startswith("/aws-service-role/")


def _cloudfront(operation: str, listing: str, name: Callable[[Any], str]) -> Finder:
    """CloudFront's lists, which lie one level deeper than others."""

    def finder(clients: Clients) -> list[str]:
        return [name(item) for item in getattr(clients("cloudfront"), operation)()[listing].get("Items", [])]

    return finder


def _web_acls(clients: Clients) -> list[str]:
    scopes = ("CLOUDFRONT", "REGIONAL")
    return [acl["ARN"] for scope in scopes for acl in _pages(clients, "wafv2", "list_web_acls", "WebACLs", Scope=scope)]


def _finders() -> dict[str, Finder]:
    return {
        **_edge_finders(),
        **_network_finders(),
        **_data_finders(),
        **_service_finders(),
    }


def _edge_finders() -> dict[str, Finder]:
    policy = "ResponseHeadersPolicy"
    return {
        "cloudfront:distribution": _cloudfront("list_distributions", "DistributionList", lambda item: item["Id"]),
        "cloudfront:function": _cloudfront("list_functions", "FunctionList", lambda item: item["Name"]),
        "cloudfront:origin-access-control": _cloudfront(
            "list_origin_access_controls", "OriginAccessControlList", lambda item: item["Name"]
        ),
        "cloudfront:response-headers-policy": _cloudfront(
            "list_response_headers_policies", f"{policy}List", lambda item: item[policy][f"{policy}Config"]["Name"]
        ),
        "wafv2:web-acl": _web_acls,
        "logs:delivery": _listing("logs", "describe_deliveries", "deliveries", "id"),
        "logs:delivery-source": _listing("logs", "describe_delivery_sources", "deliverySources", "name"),
        "logs:delivery-destination": _listing("logs", "describe_delivery_destinations", "deliveryDestinations", "name"),
        "logs:resource-policy": _listing("logs", "describe_resource_policies", "resourcePolicies", "policyName"),
    }


def _network_finders() -> dict[str, Finder]:
    return {
        "ec2:vpc": _in_own_vpc("describe_vpcs", "Vpcs", "VpcId"),
        "ec2:subnet": _in_own_vpc("describe_subnets", "Subnets", "SubnetId"),
        "ec2:security-group": _in_own_vpc("describe_security_groups", "SecurityGroups", "GroupId"),
        "ec2:route-table": _in_own_vpc("describe_route_tables", "RouteTables", "RouteTableId"),
        "ec2:network-acl": _in_own_vpc("describe_network_acls", "NetworkAcls", "NetworkAclId"),
        "ec2:vpc-endpoint": _in_own_vpc("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", _alive),
        "ec2:network-interface": _in_own_vpc("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
        "ec2:internet-gateway": _internet_gateways,
        "ec2:egress-only-gateway": _listing(
            "ec2", "describe_egress_only_internet_gateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId"
        ),
        "ec2:nat-gateway": _in_own_vpc("describe_nat_gateways", "NatGateways", "NatGatewayId", _alive),
        "ec2:address": _listing("ec2", "describe_addresses", "Addresses", "PublicIp"),
        "ec2:flow-log": _listing("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
        "ec2:launch-template": _listing("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateName"),
        "elbv2:load-balancer": _listing("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
        "elbv2:target-group": _listing("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
        "apigatewayv2:api": _listing("apigatewayv2", "get_apis", "Items", "ApiId"),
        "apigatewayv2:vpc-link": _listing("apigatewayv2", "get_vpc_links", "Items", "VpcLinkId"),
        "apigateway:rest-api": _listing("apigateway", "get_rest_apis", "items", "id"),
        "servicediscovery:namespace": _listing("servicediscovery", "list_namespaces", "Namespaces", "Id"),
        "servicediscovery:service": _listing("servicediscovery", "list_services", "Services", "Id"),
        "route53:zone": _listing("route53", "list_hosted_zones", "HostedZones", "Name"),
        "acm:certificate": _listing("acm", "list_certificates", "CertificateSummaryList", "CertificateArn"),
    }


def _data_finders() -> dict[str, Finder]:
    group = "DBParameterGroupName"
    cluster_group = "DBClusterParameterGroupName"
    return {
        "rds:cluster": _listing("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
        "rds:instance": _listing("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
        "rds:cluster-snapshot": _listing(
            "rds", "describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotIdentifier"
        ),
        "rds:snapshot": _listing("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
        "rds:subnet-group": _listing("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
        "rds:parameter-group": _listing(
            "rds", "describe_db_parameter_groups", "DBParameterGroups", group, _not_default_group(group)
        ),
        "rds:cluster-parameter-group": _listing(
            "rds",
            "describe_db_cluster_parameter_groups",
            "DBClusterParameterGroups",
            cluster_group,
            _not_default_group(cluster_group),
        ),
        "s3:bucket": _listing("s3", "list_buckets", "Buckets", "Name"),
        "efs:file-system": _listing("efs", "describe_file_systems", "FileSystems", "FileSystemId"),
        "kms:key": _keys,
        "kms:alias": _listing(
            "kms", "list_aliases", "Aliases", "AliasName", lambda alias: not alias["AliasName"].startswith("alias/aws/")
        ),
        "secretsmanager:secret": _listing("secretsmanager", "list_secrets", "SecretList", "Name"),
        "ssm:parameter": _listing(
            "ssm",
            "describe_parameters",
            "Parameters",
            "Name",
            lambda parameter: not parameter["Name"].startswith("/aws/"),
        ),
        "dynamodb:table": _listing("dynamodb", "list_tables", "TableNames", None),
        "backup:vault": _listing("backup", "list_backup_vaults", "BackupVaultList", "BackupVaultName"),
        "backup:plan": _listing("backup", "list_backup_plans", "BackupPlansList", "BackupPlanName"),
    }


def _service_finders() -> dict[str, Finder]:
    return {
        "ecs:cluster": _clusters,
        "ecs:service": _services,
        "ecs:task-definition": _listing("ecs", "list_task_definitions", "taskDefinitionArns", None, status="ACTIVE"),
        "ecr:repository": _listing("ecr", "describe_repositories", "repositories", "repositoryName"),
        "application-autoscaling:target": _scaling_targets,
        "logs:group": _listing("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "cloudwatch:alarm": _alarms,
        "cloudwatch:dashboard": _listing("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        "events:rule": _listing("events", "list_rules", "Rules", "Name"),
        "sns:topic": _listing("sns", "list_topics", "Topics", "TopicArn"),
        "sqs:queue": _listing("sqs", "list_queues", "QueueUrls", None),
        "lambda:function": _listing("lambda", "list_functions", "Functions", "FunctionName"),
        "iam:role": _listing("iam", "list_roles", "Roles", "RoleName", _of_account),
        "iam:policy": _listing("iam", "list_policies", "Policies", "PolicyName", Scope="Local"),
        "iam:instance-profile": _listing("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
        "iam:user": _listing("iam", "list_users", "Users", "UserName"),
        "sagemaker:domain": _listing("sagemaker", "list_domains", "Domains", "DomainId"),
        "sagemaker:user-profile": _listing("sagemaker", "list_user_profiles", "UserProfiles", "UserProfileName"),
        "sagemaker:space": _listing("sagemaker", "list_spaces", "Spaces", "SpaceName"),
        "sagemaker:notebook": _listing(
            "sagemaker", "list_notebook_instances", "NotebookInstances", "NotebookInstanceName"
        ),
        "batch:queue": _listing("batch", "describe_job_queues", "jobQueues", "jobQueueName"),
        "batch:compute-environment": _listing(
            "batch", "describe_compute_environments", "computeEnvironments", "computeEnvironmentName"
        ),
        "stepfunctions:machine": _listing("stepfunctions", "list_state_machines", "stateMachines", "name"),
        "cognito-idp:user-pool": _listing("cognito-idp", "list_user_pools", "UserPools", "Id", MaxResults=60),
    }
