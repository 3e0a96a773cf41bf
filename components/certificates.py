"""Certificates of the platform's names: in the stack's region for APIs, in us-east-1 for CloudFront."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.dns import checked_zone
from components.edge import EDGE_REGION, Edge
from lib.hosts import Hosts, uncovered
from lib.zone_file import Entry
from settings.domain import DomainSettings, Source

VALIDATION_TTL_SECONDS = 300
"""How long resolvers keep the entries that ACM asks for; they change only when a name does."""


@dataclass(frozen=True, kw_only=True)
class CertificatesArgs:
    """The certificates to make or to check.

    Args:
        deployment: The stack.
        settings: Who makes them, and how they are validated.
        hosts: Names in use.
        edge: Where CloudFront looks for its own.
    """

    deployment: Deployment
    settings: DomainSettings
    hosts: Hosts
    edge: Edge


class Certificates(Component):
    """Two certificates, or one in us-east-1; both resolved when they are valid.

    Created ones hold the names in use and no other. Existing ones must be in the right region, issued, and cover these
    names; otherwise nothing is deployed.
    """

    regional_arn: pulumi.Output[str] | None
    """ARN of the APIs' certificate; None where no name needs it."""
    edge_arn: pulumi.Output[str] | None
    """ARN of CloudFront's certificate; None where no name needs it."""
    validation_records: pulumi.Output[list[dict[str, str]]]
    """Entries (`name`, `type`, `value`) that prove the domain is ours; empty for existing certificates."""

    def __init__(self, name: str, args: CertificatesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "domain", args.deployment, opts)
        self._settings = args.settings
        regional, edge = args.hosts.regional, args.hosts.edge
        one = args.edge.provider is None
        if args.settings.certificates is Source.EXISTING:
            self.regional_arn, self.edge_arn = self._existing(name, args)
            self.validation_records = pulumi.Output.from_input(list[dict[str, str]]())
        else:
            self._zone_id = checked_zone(self, args.settings) if args.settings.creates_dns else None
            requested: list[aws.acm.Certificate] = []
            if one:
                shared = self._created(f"{name}-regional", regional + edge, None, requested)
                self.regional_arn, self.edge_arn = shared if regional else None, shared if edge else None
            else:
                self.regional_arn = self._created(f"{name}-regional", regional, None, requested)
                self.edge_arn = self._created(f"{name}-edge", edge, args.edge.provider, requested)
            each = [certificate.domain_validation_options.apply(_records) for certificate in requested]
            self.validation_records = pulumi.Output.all(*each).apply(lambda lists: sum(lists, list[dict[str, str]]()))
            if not args.settings.creates_dns:
                self.validation_records.apply(self._tell)
        self.register_outputs({"validation_records": self.validation_records})

    # ---- ours

    def _created(
        self,
        name: str,
        hosts: tuple[str, ...],
        provider: aws.Provider | None,
        requested: list[aws.acm.Certificate],
    ) -> pulumi.Output[str] | None:
        """ARN of a new certificate of these names, once it is valid; None without names."""
        if not hosts:
            return None
        first, *others = sorted(hosts, key=lambda host: (len(host), host))  # ACM takes 64 characters for the first only
        certificate = aws.acm.Certificate(
            name,
            domain_name=first,
            subject_alternative_names=sorted(others),
            validation_method="DNS",
            tags=self.merged_tags(name),
            opts=self._options(provider=provider),
        )
        requested.append(certificate)
        entries = self._validation_entries(name, hosts, certificate) if self._zone_id is not None else None
        timeout = pulumi.CustomTimeouts(create=f"{self._settings.validation_timeout_minutes}m")
        return aws.acm.CertificateValidation(
            name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=entries,
            opts=pulumi.ResourceOptions.merge(
                self._options(provider=provider), pulumi.ResourceOptions(custom_timeouts=timeout)
            ),
        ).certificate_arn

    def _validation_entries(
        self, name: str, hosts: tuple[str, ...], certificate: aws.acm.Certificate
    ) -> list[pulumi.Output[str]]:
        """One entry in Route 53 for each name, by the names asked for: what ACM wants is unknown at preview."""
        found = certificate.domain_validation_options.apply(_by_host)
        return [
            aws.route53.Record(
                f"{name}-{host}",
                zone_id=self._zone_id or "",
                name=found.apply(lambda entries, host=host: entries[host].name),
                type="CNAME",
                ttl=VALIDATION_TTL_SECONDS,
                records=[found.apply(lambda entries, host=host: entries[host].value)],
                # ACM asks for the same entry for the same name again, so one may be left from a former certificate.
                allow_overwrite=True,
                opts=self._child,
            ).fqdn
            for host in hosts
        ]

    def _tell(self, records: list[dict[str, str]]) -> None:
        if pulumi.runtime.is_dry_run():
            return
        minutes = self._settings.validation_timeout_minutes
        pulumi.log.info(
            f"ACM looks for these DNS entries, now and at each renewal; up waits {minutes} minutes at most for them "
            f"(make dns STACK={pulumi.get_stack()} prints them too)",
            resource=self,
        )
        # While it runs the engine shows no more than the first line of a message.
        for record in records:
            pulumi.log.info(f"{record['name']} {record['type']} {record['value']}", resource=self)

    # ---- people's

    def _existing(
        self, name: str, args: CertificatesArgs
    ) -> tuple[pulumi.Output[str] | None, pulumi.Output[str] | None]:
        settings, hosts = args.settings, args.hosts
        regional, edge = settings.regional_certificate_arn, settings.us_east1_certificate_arn
        if regional is None:
            raise ValueError(f"{name}: certificates is existing without regional_certificate_arn; give it")
        shared = edge is None
        first = self._checked(
            f"{name}-regional",
            "regionalCertificateArn",
            regional,
            hosts.regional + (hosts.edge if shared else ()),
            None,
        )
        if not hosts.edge:
            return first, None
        if edge is None:
            return first, first
        return first, self._checked(f"{name}-edge", "usEast1CertificateArn", edge, hosts.edge, args.edge.provider)

    def _checked(
        self, name: str, key: str, arn: str, hosts: tuple[str, ...], provider: aws.Provider | None
    ) -> pulumi.Output[str]:
        """The ARN, once AWS has said that the certificate is issued and covers the names."""
        # The lookup aws.acm.get_certificate takes no ARN and gives no names.
        found = aws.acm.Certificate.get(name, arn, opts=self._options(provider=provider))

        def usable(values: list[object]) -> str:
            status, domain, others = cast("tuple[str, str, Sequence[str] | None]", values)
            if status != "ISSUED":
                raise pulumi.RunError(
                    f"mlplatform:domain.{key} = {arn}: is {status}; give a certificate that is ISSUED, or set "
                    "certificates to create"
                )
            names = sorted({domain, *(others or ())})
            if missing := uncovered(names, hosts):
                raise pulumi.RunError(
                    f"mlplatform:domain.{key} = {arn}: covers {', '.join(names)} and not {', '.join(missing)}; give a "
                    "wildcard certificate of the domain, or set certificates to create"
                )
            return arn

        return pulumi.Output.all(found.status, found.domain_name, found.subject_alternative_names).apply(usable)


def _by_host(options: Sequence[aws.acm.outputs.CertificateDomainValidationOption]) -> dict[str, Entry]:
    return {
        str(option.domain_name): Entry(
            name=str(option.resource_record_name),
            type=str(option.resource_record_type),
            value=str(option.resource_record_value),
        )
        for option in options
    }


def _records(options: Sequence[aws.acm.outputs.CertificateDomainValidationOption]) -> list[dict[str, str]]:
    return [
        {"name": entry.name, "type": entry.type, "value": entry.value} for _, entry in sorted(_by_host(options).items())
    ]


def check_regions(settings: DomainSettings, hosts: Hosts, region: str) -> None:
    """Checks that existing certificates are where they are looked for; to be called before anything is made.

    Args:
        settings: With the certificates' ARNs.
        hosts: Names in use.
        region: The stack's.

    Raises:
        pulumi.RunError: One is in another region, or one is missing.
    """
    if settings.name is None:
        return
    regional, edge = settings.regional_certificate_arn, settings.us_east1_certificate_arn
    needed = (("regionalCertificateArn", regional, region), ("usEast1CertificateArn", edge, EDGE_REGION))
    for key, arn, right in needed:
        if arn is not None and (actual := arn.split(":")[3]) != right:
            raise pulumi.RunError(
                f"mlplatform:domain.{key} = {arn}: is in {actual}, and must be in {right}; request or import the "
                "certificate there and give that one's ARN"
            )
    if settings.certificates is Source.EXISTING and edge is None and hosts.edge and region != EDGE_REGION:
        raise pulumi.RunError(
            f"mlplatform:domain.usEast1CertificateArn: is not given, and the stack is in {region}; CloudFront takes "
            f"certificates of {EDGE_REGION} only, so give one there that covers {', '.join(hosts.edge)}"
        )
