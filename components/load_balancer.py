"""The internal load balancer in front of MLflow, and what it has in common with others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.network import Network
from components.security_group import security_group
from lib.documents.bucket import LOAD_BALANCER_PREFIX
from settings.api import LoadBalancerSettings

HEALTH_PATH = "/elb-status"
"""Answers without authentication; the sample's path, which `services/nginx` serves."""
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def target_group(
    owner: Component,
    name: str,
    network: Network,
    *,
    port: int,
    health_path: str,
    protocol: Literal["HTTP", "TCP"] = "HTTP",
    healthy_codes: str = "200",
    interval_seconds: int = 10,
) -> aws.lb.TargetGroup:
    """A target group of tasks on Fargate, which are asked by HTTP how they are.

    Args:
        owner: Component that it belongs to.
        name: Name of the resource.
        network: Where the tasks run.
        port: Port of the tasks.
        health_path: What they are asked.
        protocol: `TCP` behind a Network Load Balancer, whose address the tasks then see.
        healthy_codes: What a healthy task answers, as `200` or `200,202`.
        interval_seconds: Seconds between two questions.
    """
    return aws.lb.TargetGroup(
        name,
        vpc_id=network.vpc_id,
        target_type="ip",
        port=port,
        protocol=protocol,
        preserve_client_ip="false" if protocol == "TCP" else None,
        deregistration_delay=30,
        health_check={
            "protocol": "HTTP",
            "path": health_path,
            "matcher": healthy_codes,
            "interval": interval_seconds,
            "timeout": 5,
            "healthy_threshold": 2,
            "unhealthy_threshold": 3,
        },
        tags=owner.merged_tags(name),
        opts=pulumi.ResourceOptions(parent=owner),
    )


def access_logs(bucket: pulumi.Input[str] | None) -> aws.lb.LoadBalancerAccessLogsArgsDict | None:
    """Access logs of an Application Load Balancer in a bucket, if there is one."""
    return None if bucket is None else {"bucket": bucket, "prefix": LOAD_BALANCER_PREFIX, "enabled": True}


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """A certificate and the name in it that callers verify."""

    arn: pulumi.Input[str]
    server_name: str


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """The load balancer to make.

    Args:
        deployment: The stack.
        settings: Timeout.
        network: Where it stands: in the private subnets.
        target_port: Port of the tasks.
        certificate: With it the listener speaks TLS, without it HTTP.
        log_bucket: Where it writes access logs; nowhere if absent.
    """

    deployment: Deployment
    settings: LoadBalancerSettings
    network: Network
    target_port: int
    certificate: ServerCertificate | None = None
    log_bucket: pulumi.Input[str] | None = None


class LoadBalancer(Component):
    """An internal Application Load Balancer with one listener: HTTP on 80, or TLS on 443 with a certificate."""

    listener_arn: pulumi.Output[str]
    """ARN of the listener."""
    listener: aws.lb.Listener
    """The listener, which a service must wait for before it registers tasks."""
    target_group_arn: pulumi.Output[str]
    """ARN of the target group that tasks register with."""
    security_group_id: pulumi.Output[str]
    """Group of the load balancer."""
    port: int
    """Port of the listener."""
    server_name: str | None
    """Name that callers verify in the certificate."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "network", args.deployment, opts)
        settings = args.settings
        self.port = 443 if args.certificate else 80
        self.server_name = args.certificate.server_name if args.certificate else None
        group = security_group(
            self, name, vpc_id=args.network.vpc_id, description="Internal load balancer in front of MLflow"
        )
        balancer = aws.lb.LoadBalancer(
            name,
            internal=True,
            load_balancer_type="application",
            subnets=args.network.private_subnet_ids,
            security_groups=[group.id],
            idle_timeout=settings.idle_timeout_seconds,
            drop_invalid_header_fields=True,
            access_logs=access_logs(args.log_bucket),
            enable_deletion_protection=args.deployment.protection.deletion_protection,
            tags=self.merged_tags(name),
            opts=self._child,
        )
        targets = target_group(
            self, name, args.network, port=args.target_port, health_path=HEALTH_PATH, interval_seconds=30
        )
        self.listener = self._listener(name, args.certificate, balancer.arn, targets.arn)
        self.listener_arn = self.listener.arn
        self.target_group_arn = targets.arn
        self.security_group_id = group.id
        self.register_outputs({"listener_arn": self.listener_arn, "target_group_arn": self.target_group_arn})

    def _listener(
        self,
        name: str,
        certificate: ServerCertificate | None,
        balancer: pulumi.Input[str],
        targets: pulumi.Input[str],
    ) -> aws.lb.Listener:
        actions: Sequence[aws.lb.ListenerDefaultActionArgsDict] = [{"type": "forward", "target_group_arn": targets}]
        tags = self.merged_tags(name)
        if certificate is None:
            return aws.lb.Listener(
                name,
                load_balancer_arn=balancer,
                port=self.port,
                protocol="HTTP",
                default_actions=actions,
                tags=tags,
                opts=self._child,
            )
        return aws.lb.Listener(
            name,
            load_balancer_arn=balancer,
            port=self.port,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=certificate.arn,
            default_actions=actions,
            tags=tags,
            opts=self._child,
        )
