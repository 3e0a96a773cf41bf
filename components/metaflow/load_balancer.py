"""The internal load balancer in front of the metadata service."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.load_balancer import target_group
from components.network import Network
from components.security_group import security_group

HEALTH_PATH = "/ping"
"""Answers without the database: tasks are not replaced because the database is away, or woken because it is paused."""

PORT = 80


@dataclass(frozen=True, kw_only=True)
class InternalLoadBalancerArgs:
    """The load balancer to make.

    Args:
        deployment: The stack.
        network: Where it stands: in the private subnets.
        target_port: Port of the tasks.
    """

    deployment: Deployment
    network: Network
    target_port: int


class InternalLoadBalancer(Component):
    """A Network Load Balancer, the one kind that a REST API reaches, with one TCP listener."""

    arn: pulumi.Output[str]
    """ARN, to which a VPC link leads."""
    dns_name: pulumi.Output[str]
    """AWS's name of it."""
    listener: aws.lb.Listener
    """The listener, which a service must wait for before it registers tasks."""
    target_group_arn: pulumi.Output[str]
    """ARN of the target group that tasks register with."""
    security_group_id: pulumi.Output[str]
    """Group of the load balancer."""

    def __init__(self, name: str, args: InternalLoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        group = security_group(
            self, name, vpc_id=args.network.vpc_id, description="Internal load balancer of the metadata service"
        )
        balancer = aws.lb.LoadBalancer(
            name,
            internal=True,
            load_balancer_type="network",
            subnets=args.network.private_subnet_ids,
            security_groups=[group.id],
            # What comes over the REST API's VPC link has no address that a rule could name; the API lets nobody
            # through without a key (Network Load Balancers user guide, "Security groups").
            enforce_security_group_inbound_rules_on_private_link_traffic="off",
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=args.deployment.protection.deletion_protection,
            tags=self.merged_tags(name),
            opts=self._child,
        )
        targets = target_group(self, name, args.network, port=args.target_port, health_path=HEALTH_PATH, protocol="TCP")
        self.listener = aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=PORT,
            protocol="TCP",
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            tags=self.merged_tags(name),
            opts=self._child,
        )
        self.arn, self.dns_name = balancer.arn, balancer.dns_name
        self.target_group_arn = targets.arn
        self.security_group_id = group.id
        self.register_outputs({"arn": self.arn, "dns_name": self.dns_name})
