"""Entries of the platform's names in Route 53, or what people enter themselves."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from lib.hosts import Hosts, in_zone
from lib.zone_file import dotted
from settings.domain import DomainSettings

OUTPUTS = {
    "mlflow": "MlflowRestApiARecord",
    "mlflowui": "MlflowUIARecord",
    "mlflowstatic": "MlflowStaticARecord",
    "api": "APIARecord",
    "service": "ServiceARecord",
    "aigateway": "AIGatewayCNameRecord",
    "metaflow": "MetaflowARecord",
    "metaflowui": "MetaflowUIARecord",
}
"""Outputs (InfinStor's, and Metaflow's like them) by the name (a field of `Hosts`) whose entry they tell."""


@dataclass(frozen=True, kw_only=True)
class AliasTarget:
    """What a name must point to.

    Args:
        host: AWS's name.
        zone_id: Hosted zone of that name, for an alias in Route 53.
    """

    host: pulumi.Input[str]
    zone_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class DnsEntriesArgs:
    """The entries to make or to tell.

    Args:
        deployment: The stack.
        settings: Who makes them, and in which zone.
        hosts: Names in use.
        entries: Targets by full name.
    """

    deployment: Deployment
    settings: DomainSettings
    hosts: Hosts
    entries: Mapping[str, AliasTarget]


class DnsEntries(Component):
    """Alias entries (A and AAAA) in the hosted zone; nothing where people enter them."""

    records: Mapping[str, pulumi.Output[str]]
    """What to enter, or what is entered, by the stack output that tells it."""

    def __init__(self, name: str, args: DnsEntriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "domain", args.deployment, opts)
        hosts: dict[str, str | None] = {key: getattr(args.hosts, key) for key in OUTPUTS}
        if args.hosts.mlflowstatic is not None:
            pulumi.log.warn(
                f"mlplatform:domain.hostnames.mlflowstatic is deprecated: {args.hosts.mlflowstatic} leads to "
                f"{args.hosts.mlflowui}; use that, and remove the setting",
                resource=self,
            )
        if args.settings.creates_dns:
            zone_id = checked_zone(self, args.settings)
            for host, target in args.entries.items():
                self._alias(name, host, target, zone_id)
        self.records = {
            OUTPUTS[key]: _told(OUTPUTS[key], host, args.entries[host])
            for key, host in hosts.items()
            if host is not None and host in args.entries
        }
        # `make dns` reads the targets here, so that no kind of thing that serves a name is unknown to it.
        targets = {host: target.host for host, target in args.entries.items()}
        self.register_outputs({**self.records, "targets": targets})

    def _alias(self, name: str, host: str, target: AliasTarget, zone_id: pulumi.Input[str]) -> None:
        for kind in ("A", "AAAA"):
            aws.route53.Record(
                f"{name}-{host}-{kind.lower()}",
                zone_id=zone_id,
                name=host,
                type=kind,
                aliases=[{"name": target.host, "zone_id": target.zone_id, "evaluate_target_health": False}],
                opts=self._child,
            )


def _told(output: str, host: str, target: AliasTarget) -> pulumi.Output[str]:
    """The entry in words: an alias where the provider has such, otherwise a CNAME, which every one has."""
    kinds = ("CNAME", "or A ALIAS") if "CName" in output else ("A ALIAS", "or CNAME")
    return pulumi.Output.from_input(target.host).apply(
        lambda to: f"{dotted(host)} {kinds[0]} {dotted(to)} ({kinds[1]})"
    )


def checked_zone(owner: Component, settings: DomainSettings) -> pulumi.Output[str]:
    """Id of the hosted zone, once AWS has said that it is public and holds the domain.

    Args:
        owner: For whom it is looked up.
        settings: With a zone and a domain.
    """
    zone_id, domain = settings.hosted_zone_id, settings.name
    if zone_id is None or domain is None:
        raise ValueError("a zone is looked up without domain.hostedZoneId or domain.name; give both")

    def usable(zone: aws.route53.GetZoneResult) -> str:
        way_out = f"give a public hosted zone that holds {domain}, or set dns to manual"
        if zone.private_zone:
            raise pulumi.RunError(f"mlplatform:domain.hostedZoneId = {zone_id}: {zone.name} is private; {way_out}")
        if not in_zone(zone.name, domain):
            raise pulumi.RunError(
                f"mlplatform:domain.hostedZoneId = {zone_id}: {zone.name} does not hold {domain}; {way_out}"
            )
        return zone_id

    found = aws.route53.get_zone_output(zone_id=zone_id, opts=pulumi.InvokeOutputOptions(parent=owner))
    return found.apply(usable)
