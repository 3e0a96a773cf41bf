"""Settings that would have no effect beside others. A key may never do nothing, so each of these is an error."""

from collections.abc import Callable
from dataclasses import dataclass

from settings.api import Integration
from settings.base import Environment
from settings.model import Settings
from settings.network import NatGateways


@dataclass(frozen=True, kw_only=True)
class Inert:
    """Keys that do nothing `when` something else holds, and why."""

    keys: tuple[str, ...]
    when: Callable[[Settings], bool]
    why: str


def _keys(section: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for name in names)


INERT: tuple[Inert, ...] = (
    Inert(
        keys=_keys("network", "cidrBlock", "availabilityZones", "publicMask", "privateMask", "isolatedMask"),
        when=lambda s: s.network.existing_vpc is not None,
        why="the subnets are those of network.existingVpc; remove one of the two",
    ),
    Inert(
        keys=_keys(
            "network", "natGateways", "ipv6Egress", "interfaceEndpoints", "extraInterfaceEndpoints", "endpointZones"
        )
        + _keys("network", "flowLogRetentionDays"),
        when=lambda s: s.network.existing_vpc is not None,
        why="nothing is created in an existing VPC that it may have; remove it, or remove network.existingVpc",
    ),
    Inert(
        keys=_keys("network", "endpointZones"),
        when=lambda s: (
            s.network.nat_gateways is not NatGateways.NONE
            and s.network.interface_endpoints == "auto"
            and not s.network.extra_interface_endpoints
        ),
        why="there are no interface endpoints; set network.interfaceEndpoints to always, or natGateways to none",
    ),
    Inert(
        keys=_keys("encryption", "rotationPeriodDays", "deletionWindowDays"),
        when=lambda s: s.encryption.key_arn is not None,
        why="the key is encryption.keyArn's; remove one of the two",
    ),
    Inert(
        keys=_keys("iam", "boundaryRegions", "boundaryExtraArns"),
        when=lambda s: not s.iam.creates_boundary,
        why="no boundary is created; set iam.permissionsBoundary to create",
    ),
    Inert(
        keys=_keys("database", "minAcu", "maxAcu", "secondsUntilAutoPause", "instances"),
        when=lambda s: not s.database.engine.is_aurora,
        why="the engine postgres is one instance: set instanceClass, multiAz, or an aurora engine",
    ),
    Inert(
        keys=_keys("database", "instanceClass", "allocatedStorage", "maxAllocatedStorage", "multiAz"),
        when=lambda s: s.database.engine.is_aurora,
        why="Aurora Serverless v2 has capacity units and instances: set minAcu, maxAcu, instances, or engine postgres",
    ),
    Inert(
        keys=_keys("database", "secondsUntilAutoPause"),
        when=lambda s: s.database.engine.is_aurora and s.database.min_acu > 0,
        why="a database with minAcu above 0 never pauses; set minAcu to 0",
    ),
    Inert(
        keys=_keys("mlflow", "poolSize", "poolMaxOverflow", "poolRecycleSeconds"),
        when=lambda s: s.database.auto_pauses,
        why="no connection is kept, so that the database can pause; set database.minAcu above 0",
    ),
    Inert(
        keys=_keys("artifacts", "accessLogRetentionDays"),
        when=lambda s: not s.artifacts.access_logs,
        why="there are no access logs; set artifacts.accessLogs to true",
    ),
    Inert(
        keys=_keys("api", "loadBalancer"),
        when=lambda s: s.api.integration is Integration.CLOUD_MAP,
        why="there is no load balancer; set api.integration to loadBalancer",
    ),
    Inert(
        keys=_keys(
            "studio", "domainId", "domainName", "userProfiles", "servingRepositoryName", "trainingImageAccounts"
        ),
        when=lambda s: not s.studio.enabled,
        why="there is no Studio; set studio.enabled to true",
    ),
    Inert(
        keys=_keys("studio", "domainName"),
        when=lambda s: s.studio.domain_id is not None,
        why="an existing domain keeps its name; remove it, or remove studio.domainId",
    ),
    Inert(
        keys=_keys("protection", "retainStudioHome"),
        when=lambda s: not s.studio.enabled or s.studio.domain_id is not None,
        why="no Studio domain is created; remove it",
    ),
)

FORBIDDEN: tuple[tuple[str, Callable[[Settings], bool], str], ...] = (
    (
        "database.performanceInsights",
        lambda s: s.database.performance_insights and s.database.auto_pauses,
        "Performance Insights needs a database that does not pause; set it to false, or database.minAcu to 0.5 or more",
    ),
    (
        "protection.secretRecoveryDays",
        lambda s: 0 < s.protection.secret_recovery_days < 7,
        "Secrets Manager offers none, or 7 to 30 days; set 0, or 7 or more",
    ),
    (
        "database.instances",
        lambda s: s.environment is Environment.PROD and s.database.engine.is_aurora and s.database.instances < 2,
        "prod survives the loss of a zone; set 2 or more, or start from environment dev",
    ),
    (
        "studio.enabled",
        lambda s: s.studio.enabled and s.network.existing_vpc is None and s.network.nat_gateways is NatGateways.NONE,
        "Studio's notebooks reach the HTTP API over the internet; set network.natGateways to single, or this to false",
    ),
    (
        "database.multiAz",
        lambda s: s.environment is Environment.PROD and not s.database.engine.is_aurora and not s.database.multi_az,
        "prod survives the loss of a zone; set true, or start from environment dev",
    ),
    (
        "network.natGateways",
        lambda s: (
            s.environment is Environment.PROD
            and s.network.existing_vpc is None
            and s.network.nat_gateways is NatGateways.SINGLE
        ),
        "prod survives the loss of a zone; set perZone, or none with endpoints in all zones",
    ),
    (
        "network.endpointZones",
        lambda s: s.environment is Environment.PROD and s.network.endpoint_zones == 1,
        "prod survives the loss of a zone; set 2 or more, or remove it",
    ),
    (
        "mlflow.desiredCount",
        lambda s: s.environment is Environment.PROD and s.mlflow.desired_count < 2,
        "prod survives the loss of a zone; set 2 or more, or start from environment dev",
    ),
)
"""Values that are refused beside others: key, condition, reason and way out."""
