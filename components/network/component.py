"""The VPC that everything private runs in."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.base import Component, Deployment
from components.encryption import Encryption
from components.logs import log_group
from components.network.existing import ExistingNetwork
from components.roles import Role, RoleArgs
from components.security_group import connect, egress_https, security_group
from lib.documents.endpoints import gateway_endpoint_policy, interface_endpoint_policy
from lib.documents.logs import flow_log_delivery
from lib.iam import service_trust
from lib.layout import Tier, plan_subnets
from settings.iam import IamSettings
from settings.network import NatGateways, NetworkSettings

NAT_STRATEGY = {
    NatGateways.SINGLE: awsx.ec2.NatGatewayStrategy.SINGLE,
    NatGateways.PER_ZONE: awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
    NatGateways.NONE: awsx.ec2.NatGatewayStrategy.NONE,
}
SUBNET_TYPE = {
    Tier.PUBLIC: awsx.ec2.SubnetType.PUBLIC,
    Tier.PRIVATE: awsx.ec2.SubnetType.PRIVATE,
    Tier.ISOLATED: awsx.ec2.SubnetType.ISOLATED,
}


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """The network to make or to use.

    Args:
        deployment: The stack.
        settings: Layout and ways out.
        iam: How the role of the flow log is named.
        encryption: Key of the flow log.
        interface_endpoints: Services that get an interface endpoint (`lib.endpoints`).
    """

    deployment: Deployment
    settings: NetworkSettings
    iam: IamSettings
    encryption: Encryption
    interface_endpoints: Sequence[str] = ()


class Network(Component):
    """A VPC of public, private and isolated subnets, its ways out, endpoints and flow log; or an existing VPC.

    Raises:
        pulumi.RunError: A subnet of the existing VPC is not in it, or the subnets are all in one zone.
    """

    vpc_id: pulumi.Output[str]
    """Id of the VPC."""
    private_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets of tasks, load balancer, VPC link and Studio."""
    isolated_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets of the databases."""
    public_subnet_ids: pulumi.Output[Sequence[str]] | None
    """Subnets of public load balancers; None where an existing VPC's are not named."""
    ipv6: bool
    """Whether private subnets reach the internet over IPv6."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "network", args.deployment, opts)
        self._endpoints_group: aws.ec2.SecurityGroup | None = None
        self.ipv6 = args.settings.existing_vpc is None and args.settings.ipv6_egress
        if args.settings.existing_vpc is not None:
            existing = ExistingNetwork(args.settings.existing_vpc, parent=self)
            self.vpc_id = existing.vpc_id
            self.private_subnet_ids = existing.private_subnet_ids
            self.isolated_subnet_ids = existing.isolated_subnet_ids
            self.public_subnet_ids = existing.public_subnet_ids
        else:
            self._create(name, args)
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "private_subnet_ids": self.private_subnet_ids,
                "isolated_subnet_ids": self.isolated_subnet_ids,
            }
        )

    def allow_aws_apis(self, owner: Component, name: str, source: pulumi.Input[str]) -> list[pulumi.Resource]:
        """Lets members of the security group `source` call AWS APIs, by whichever way this network has.

        Args:
            owner: Component that the rules belong to.
            name: What the rules' names begin with.
            source: Id of the security group.

        Returns:
            The rules.
        """
        rules = egress_https(owner, name, source=source, ipv6=self.ipv6)
        if self._endpoints_group is not None:
            rules += connect(
                owner,
                f"{name}-endpoints",
                source=source,
                destination=self._endpoints_group.id,
                port=443,
                purpose="AWS APIs over interface endpoints",
            )
        return rules

    def _create(self, name: str, args: NetworkArgs) -> None:
        settings = args.settings
        zones = args.deployment.target.zones
        if len(zones) < settings.availability_zones:
            raise pulumi.RunError(
                f"mlplatform:network.availabilityZones = {settings.availability_zones}: "
                f"{args.deployment.target.region} has {len(zones)} ({', '.join(zones)}); lower it"
            )
        subnets = plan_subnets(settings.cidr_block, settings.availability_zones, settings.masks)
        vpc = awsx.ec2.Vpc(
            name,
            cidr_block=str(settings.cidr_block),
            availability_zone_names=list(zones[: settings.availability_zones]),
            assign_generated_ipv6_cidr_block=settings.ipv6_egress or None,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=NAT_STRATEGY[settings.nat_gateways]),
            # The ranges are ours (lib/layout.py): AUTO takes them as they are, with the gaps kept for a third zone.
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            subnet_specs=[
                awsx.ec2.SubnetSpecArgs(
                    type=SUBNET_TYPE[tier],
                    name=tier.value,
                    cidr_blocks=[str(subnet.cidr) for subnet in subnets if subnet.tier is tier],
                    assign_ipv6_address_on_creation=(settings.ipv6_egress and tier is Tier.PRIVATE) or None,
                )
                for tier in Tier
            ],
            tags=self.merged_tags(args.deployment.names.prefix),
            opts=pulumi.ResourceOptions(parent=self, transforms=[_no_public_addresses]),
        )
        self.vpc_id = vpc.vpc_id
        self.private_subnet_ids = vpc.private_subnet_ids
        self.isolated_subnet_ids = vpc.isolated_subnet_ids
        self.public_subnet_ids = vpc.public_subnet_ids
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default",
            vpc_id=vpc.vpc_id,
            ingress=[],
            egress=[],
            tags=self.merged_tags(f"{name}-default-closed"),
            opts=self._child,
        )
        if settings.ipv6_egress:
            self._ipv6_egress(name, vpc, settings.availability_zones)
        self._gateway_endpoints(name, vpc, settings.availability_zones)
        if args.interface_endpoints:
            self._interface_endpoints(name, args)
        self._flow_log(name, args)

    def _ipv6_egress(self, name: str, vpc: awsx.ec2.Vpc, zones: int) -> None:
        gateway = aws.ec2.EgressOnlyInternetGateway(
            f"{name}-ipv6", vpc_id=vpc.vpc_id, tags=self.merged_tags(f"{name}-ipv6"), opts=self._child
        )
        for zone in range(zones):
            aws.ec2.Route(
                f"{name}-ipv6-{zone + 1}",
                route_table_id=_route_table_id(vpc, zone, Tier.PRIVATE),
                destination_ipv6_cidr_block="::/0",
                egress_only_gateway_id=gateway.id,
                opts=self._child,
            )

    def _gateway_endpoints(self, name: str, vpc: awsx.ec2.Vpc, zones: int) -> None:
        target = self._deployment.target
        tables = [_route_table_id(vpc, zone, tier) for zone in range(zones) for tier in (Tier.PRIVATE, Tier.ISOLATED)]
        for service in ("s3", "dynamodb"):
            aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=vpc.vpc_id,
                service_name=f"com.amazonaws.{target.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=tables,
                policy=gateway_endpoint_policy(target, service),
                tags=self.merged_tags(f"{name}-{service}"),
                opts=self._child,
            )

    def _interface_endpoints(self, name: str, args: NetworkArgs) -> None:
        target = self._deployment.target
        group = security_group(
            self, f"{name}-endpoints", vpc_id=self.vpc_id, description="Interface endpoints of AWS services"
        )
        self._endpoints_group = group
        zones = args.settings.endpoint_zones or args.settings.availability_zones
        for service in args.interface_endpoints:
            aws.ec2.VpcEndpoint(
                f"{name}-{service.replace('.', '-')}",
                vpc_id=self.vpc_id,
                service_name=f"com.amazonaws.{target.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=[self.private_subnet_ids[zone] for zone in range(zones)],
                security_group_ids=[group.id],
                policy=interface_endpoint_policy(target),
                tags=self.merged_tags(f"{name}-{service}"),
                opts=self._child,
            )

    def _flow_log(self, name: str, args: NetworkArgs) -> None:
        deployment = args.deployment
        group_name = deployment.names.path("flow-logs")
        group = log_group(
            self,
            f"{name}-flow-logs",
            group_name,
            retention_days=args.settings.flow_log_retention_days,
            key_arn=args.encryption.key_arn,
        )
        role = Role(
            f"{name}-flow-logs",
            RoleArgs(
                deployment=deployment,
                iam=args.iam,
                suffix="flow-logs",
                description="VPC flow logs write to their log group",
                trust=service_trust(deployment.target, "vpc-flow-logs"),
                policies={"deliver": flow_log_delivery(deployment.target, group_name)},
            ),
            opts=self._child,
        )
        aws.ec2.FlowLog(
            f"{name}-flow-log",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=600,
            tags=self.merged_tags(f"{name}-flow-log"),
            opts=self._child,
        )


def _no_public_addresses(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
    """Public subnets hold NAT gateways, which have addresses of their own; awsx has no argument for this."""
    if args.type_ != "aws:ec2/subnet:Subnet":
        return None
    return pulumi.ResourceTransformResult(props={**args.props, "mapPublicIpOnLaunch": False}, opts=args.opts)


def _route_table_id(vpc: awsx.ec2.Vpc, zone: int, tier: Tier) -> pulumi.Output[str]:
    """awsx returns one route table a subnet, zone by zone in the order of the subnet specs."""
    index = zone * len(Tier) + list(Tier).index(tier)
    return vpc.route_tables.apply(lambda tables: tables[index].id)
