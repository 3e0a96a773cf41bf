"""The platform's names in its domain: a pure function of what is in use."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Full names of what is in use; None where it is not, or where there is no domain.

    Args:
        api: The REST API.
        mlflow: MLflow for clients.
        mlflowui: MLflow's pages.
        mlflowstatic: Their deprecated second name.
        service: The platform's page.
        aigateway: The AI gateway.
        metaflow: Metaflow's metadata service for clients.
        metaflowui: Metaflow's UI.
    """

    api: str | None = None
    mlflow: str | None = None
    mlflowui: str | None = None
    mlflowstatic: str | None = None
    service: str | None = None
    aigateway: str | None = None
    metaflow: str | None = None
    metaflowui: str | None = None

    @property
    def regional(self) -> tuple[str, ...]:
        """Names that APIs and load balancers serve, in the stack's region."""
        return tuple(name for name in (self.mlflow, self.api, self.aigateway, self.metaflow, self.metaflowui) if name)

    @property
    def edge(self) -> tuple[str, ...]:
        """Names that CloudFront serves, whose certificate is in us-east-1."""
        return tuple(name for name in (self.service, self.mlflowui, self.mlflowstatic) if name)


def covers(pattern: str, name: str) -> bool:
    """Whether a certificate's name covers a host: the same, or a wildcard in place of its first label (RFC 6125)."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if not pattern.startswith("*."):
        return pattern == name
    first, _, rest = name.partition(".")
    return bool(first) and rest == pattern[2:]


def uncovered(patterns: list[str], names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that no pattern covers."""
    return tuple(name for name in names if not any(covers(pattern, name) for pattern in patterns))


def in_zone(zone: str, name: str) -> bool:
    """Whether a DNS zone holds a name: the zone's own, or one below it."""
    zone, name = zone.lower().rstrip("."), name.lower().rstrip(".")
    return name == zone or name.endswith(f".{zone}")
