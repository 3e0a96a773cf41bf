"""Security groups whose rules name other groups, never address ranges of the VPC."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from components.base import Component


def security_group(
    owner: Component,
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    description: str,
    tags: Mapping[str, str] | None = None,
) -> aws.ec2.SecurityGroup:
    """A security group without rules; `connect` and `egress_https` add them."""
    return aws.ec2.SecurityGroup(
        name,
        vpc_id=vpc_id,
        description=description,
        # Rules are resources of their own; without this a group that others refer to cannot be deleted.
        revoke_rules_on_delete=True,
        tags=owner.merged_tags(name, **(tags or {})),
        opts=pulumi.ResourceOptions(parent=owner),
    )


def connect(
    owner: Component,
    name: str,
    *,
    source: pulumi.Input[str],
    destination: pulumi.Input[str],
    port: int | None,
    purpose: str,
) -> list[pulumi.Resource]:
    """Lets members of the group `source` reach members of `destination` on one TCP port, and nothing else.

    Args:
        owner: Component that both rules belong to.
        name: Name of the pair; the rules are `<name>-egress` and `<name>-ingress`.
        source: Id of the group that calls.
        destination: Id of the group that answers.
        port: TCP port; if None, every port of every protocol.
        purpose: Description of both rules.

    Returns:
        The rules, for what acts once and so must wait for them.
    """
    options = pulumi.ResourceOptions(parent=owner)
    protocol = "-1" if port is None else "tcp"
    egress = aws.vpc.SecurityGroupEgressRule(
        f"{name}-egress",
        security_group_id=source,
        referenced_security_group_id=destination,
        ip_protocol=protocol,
        from_port=port,
        to_port=port,
        description=purpose,
        tags=owner.merged_tags(f"{name}-egress"),
        opts=options,
    )
    ingress = aws.vpc.SecurityGroupIngressRule(
        f"{name}-ingress",
        security_group_id=destination,
        referenced_security_group_id=source,
        ip_protocol=protocol,
        from_port=port,
        to_port=port,
        description=purpose,
        tags=owner.merged_tags(f"{name}-ingress"),
        opts=options,
    )
    return [egress, ingress]


def egress_https(owner: Component, name: str, *, source: pulumi.Input[str], ipv6: bool) -> list[pulumi.Resource]:
    """Lets members of the group `source` call HTTPS anywhere, where routes and endpoints lead; gives the rules."""
    ranges = {"ipv4": {"cidr_ipv4": "0.0.0.0/0"}} | ({"ipv6": {"cidr_ipv6": "::/0"}} if ipv6 else {})
    return [
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-https-{family}",
            security_group_id=source,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="AWS APIs, over endpoints where there are any",
            tags=owner.merged_tags(f"{name}-https-{family}"),
            opts=pulumi.ResourceOptions(parent=owner),
            **range_,
        )
        for family, range_ in ranges.items()
    ]
