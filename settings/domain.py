"""`mlplatform:domain`: the names under which the platform answers, their certificates and their DNS."""

from collections import Counter
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from settings.base import Section

Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
DomainName = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=180)
]
CertificateArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+$")
]


class Source(StrEnum):
    """Who makes something: the platform, or people."""

    CREATE = "create"
    EXISTING = "existing"


class DnsEntries(StrEnum):
    """Who enters the names into DNS."""

    CREATE = "create"
    MANUAL = "manual"


class Hostnames(Section):
    """First labels of the names in the domain (InfinStor's `…DnsName` parameters)."""

    api: Label = "api"
    """The platform's REST API (`apiDnsName`)."""
    mlflow: Label = "mlflow"
    """MLflow for clients (`mlflowDnsName`)."""
    mlflowui: Label = "mlflowui"
    """MLflow's pages for people (`mlflowuiDnsName`)."""
    mlflowstatic: Label | None = None
    """Deprecated (`mlflowstaticDnsName`): leads to `mlflowui`; off by default, and setting it gives a warning."""
    service: Label = "service"
    """The platform's page (`serviceDnsName`)."""
    aigateway: Label = "aigateway"
    """The AI gateway (`aigatewayDnsName`)."""
    metaflow: Label = "metaflow"
    """Metaflow's metadata service for clients."""
    metaflowui: Label = "metaflowui"
    """Metaflow's UI."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        labels = {name: label for name, label in self.model_dump().items() if label is not None}
        for label, number in Counter(labels.values()).items():
            if number > 1:
                same = " and ".join(name for name, other in labels.items() if other == label)
                raise ValueError(f"{same} are all {label!r}; give each its own label")
        return self


class DomainSettings(Section):
    """A domain of one's own; without a name everything answers under AWS's names."""

    name: DomainName | None = None
    """The domain, such as `ml.example.com` (InfinStor Domain)."""
    hostnames: Hostnames = Hostnames()
    """Names in the domain."""
    certificates: Source = Source.CREATE
    """`create` certificates that DNS validates (`CreateCertificates`), or use `existing` wildcard certificates."""
    regional_certificate_arn: CertificateArn | None = None
    """Existing certificate in the stack's region, for the APIs."""
    us_east1_certificate_arn: CertificateArn | None = None
    """Existing certificate in us-east-1, for CloudFront; in that region the regional one serves."""
    dns: DnsEntries = DnsEntries.CREATE
    """`create` entries in Route 53 (`CreateDnsEntries`), or `manual`: outputs say what to enter."""
    hosted_zone_id: Annotated[str, StringConstraints(pattern=r"^Z[0-9A-Z]{1,31}$")] | None = None
    """Public hosted zone that covers the domain (`Route53HostedZoneId`)."""
    validation_timeout_minutes: Annotated[int, Field(ge=5, le=4320)] = 75
    """Minutes that `up` waits for a created certificate to be validated (the provider's default)."""

    @property
    def creates_certificates(self) -> bool:
        """Whether certificates are ours."""
        return self.name is not None and self.certificates is Source.CREATE

    @property
    def creates_dns(self) -> bool:
        """Whether entries in Route 53 are ours."""
        return self.name is not None and self.dns is DnsEntries.CREATE

    @model_validator(mode="after")
    def _combination(self) -> Self:
        if self.name is None:
            return self
        if self.creates_dns and self.hosted_zone_id is None:
            raise ValueError(
                "hostedZoneId is not given, and dns is create; give the zone, or set dns to manual and enter the names "
                "yourself"
            )
        if self.certificates is Source.EXISTING and self.regional_certificate_arn is None:
            raise ValueError(
                "regionalCertificateArn is not given, and certificates is existing; give the wildcard certificate's "
                "ARN, or set certificates to create"
            )
        return self
