"""Settings that would have no effect beside others. A key may never do nothing, so each of these is an error."""

from collections.abc import Callable
from dataclasses import dataclass

from settings.api import Integration
from settings.base import Environment
from settings.database import DatabaseSettings
from settings.domain import DnsEntries, Source
from settings.identity import IdentityMode
from settings.metadata_tables import BillingMode, MetadataTablesSettings
from settings.metaflow import MetaflowSettings
from settings.model import Settings
from settings.network import NatGateways

CERTIFICATE_NAME_CHARACTERS = 64
"""Longest first name of a certificate (ACM API reference, `RequestCertificate`, `DomainName`)."""


@dataclass(frozen=True, kw_only=True)
class Inert:
    """Keys that do nothing `when` something else holds, and why."""

    keys: tuple[str, ...]
    when: Callable[[Settings], bool]
    why: str


def _keys(section: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{section}.{name}" for name in names)


def _database(section: str, of: Callable[[Settings], DatabaseSettings]) -> tuple[Inert, ...]:
    """What has no effect beside other keys of a database's section."""
    return (
        Inert(
            keys=_keys(section, "minAcu", "maxAcu", "secondsUntilAutoPause", "instances"),
            when=lambda s: not of(s).engine.is_aurora,
            why="the engine postgres is one instance: set instanceClass, multiAz, or an aurora engine",
        ),
        Inert(
            keys=_keys(section, "instanceClass", "allocatedStorage", "maxAllocatedStorage", "multiAz"),
            when=lambda s: of(s).engine.is_aurora,
            why="Aurora Serverless v2 has capacity units and instances: set minAcu, maxAcu, instances, or engine "
            "postgres",
        ),
        Inert(
            keys=_keys(section, "secondsUntilAutoPause"),
            when=lambda s: of(s).engine.is_aurora and of(s).min_acu > 0,
            why="a database with minAcu above 0 never pauses; set minAcu to 0",
        ),
    )


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
    *_database("database", lambda s: s.database),
    *_database("metaflow.database", lambda s: s.metaflow.database),
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
    Inert(
        keys=_keys("mlflow", "username", "password"),
        when=lambda s: s.bearer_tokens,
        why="callers have tokens of their own; remove it, or set mlflow.auth to basic",
    ),
    Inert(
        keys=_keys("identity", "existing"),
        when=lambda s: s.identity.mode is not IdentityMode.EXISTING,
        why="the user pool is not an existing one; set identity.mode to existing, or remove it",
    ),
    Inert(
        keys=_keys(
            *("identity", "mfa", "selfSignUp", "passwordMinimumLength", "userPoolTier", "domainPrefix"),
            *("accessTokenMinutes", "refreshTokenDays", "cliCallbackPorts", "jupyterhubUrl"),
        ),
        when=lambda s: s.identity.mode is not IdentityMode.CREATE,
        why="no user pool is created; remove it, or set identity.mode to create",
    ),
    Inert(
        keys=_keys("identity", "isExternalAuth", "saml", "oidc", "google", "isDirectAzureActiveDirectory")
        + _keys("identity", "aadDirectoryId", "aadClientId", "aadClientSecret", "attributeMapping"),
        when=lambda s: not s.identity.exists,
        why="there is no user pool that could federate; set identity.mode to create or existing",
    ),
    Inert(
        keys=("restApi",),
        when=lambda s: not s.identity.exists,
        why="without users there is no REST API; set identity.mode to create or existing",
    ),
    Inert(
        keys=_keys("domain", "hostnames", "certificates", "regionalCertificateArn", "usEast1CertificateArn", "dns")
        + _keys("domain", "hostedZoneId", "validationTimeoutMinutes"),
        when=lambda s: s.domain.name is None,
        why="there is no domain; set domain.name",
    ),
    Inert(
        keys=_keys("domain", "regionalCertificateArn", "usEast1CertificateArn"),
        when=lambda s: s.domain.certificates is Source.CREATE,
        why="certificates are created; set domain.certificates to existing, or remove it",
    ),
    Inert(
        keys=_keys("domain", "validationTimeoutMinutes"),
        when=lambda s: s.domain.certificates is Source.EXISTING,
        why="no certificate is created; set domain.certificates to create, or remove it",
    ),
    Inert(
        keys=_keys("domain", "usEast1CertificateArn"),
        when=lambda s: not s.has_web,
        why="nothing is served through CloudFront; remove it, or set web.enabled to true",
    ),
    Inert(
        keys=_keys("domain", "hostedZoneId"),
        when=lambda s: s.domain.dns is DnsEntries.MANUAL,
        why="nothing is entered into Route 53; set domain.dns to create, or remove it",
    ),
    Inert(
        keys=_keys("domain", "hostnames.mlflowui", "hostnames.mlflowstatic"),
        when=lambda s: not s.has_mlflow_ui,
        why="MLflow's pages are not offered apart; set mlflow.auth to cognito and web.mlflowUi to true",
    ),
    Inert(
        keys=_keys("domain", "hostnames.service"),
        when=lambda s: not s.web.enabled,
        why="there is no page; set web.enabled to true",
    ),
    Inert(
        keys=_keys("domain", "hostnames.aigateway"),
        when=lambda s: not s.ai_gateway.enabled,
        why="there is no AI gateway; set aiGateway.enabled to true",
    ),
    Inert(
        keys=_keys("domain", "hostnames.api"),
        when=lambda s: not s.identity.exists,
        why="without users there is no REST API; set identity.mode to create or existing",
    ),
    Inert(
        keys=_keys("web", "mlflowUi"),
        when=lambda s: not s.bearer_tokens,
        why="MLflow's pages ask for its password themselves; set mlflow.auth to cognito",
    ),
    Inert(
        keys=_keys("web", "banner"),
        when=lambda s: not s.web.enabled,
        why="there is no page; set web.enabled to true",
    ),
    Inert(
        keys=_keys("web", "priceClass", "logRetentionDays"),
        when=lambda s: not s.has_web,
        why="nothing is served through CloudFront; set web.enabled to true",
    ),
    Inert(
        keys=_keys("waf", "managedRuleGroups", "rateLimit", "logRetentionDays"),
        when=lambda s: not s.waf.enabled,
        why="there is no firewall; set waf.enabled to true",
    ),
    Inert(
        keys=_keys("aiGateway", "endpoints", "cpu", "memory", "desiredCount", "maxCount", "targetCpuPercent")
        + _keys("aiGateway", "workers", "throttlingRateLimit", "throttlingBurstLimit", "logRetentionDays"),
        when=lambda s: not s.ai_gateway.enabled,
        why="there is no AI gateway; set aiGateway.enabled to true",
    ),
    Inert(
        keys=_keys(
            "metadataTables",
            *(str(f.alias) for n, f in MetadataTablesSettings.model_fields.items() if n != "enabled"),
        ),
        when=lambda s: not s.metadata_tables.enabled,
        why="there are no tables; set metadataTables.enabled to true",
    ),
    Inert(
        keys=_keys("metadataTables", "readCapacity", "writeCapacity", "targetUtilizationPercent"),
        when=lambda s: s.metadata_tables.billing_mode is BillingMode.PAY_PER_REQUEST,
        why="capacity is on demand; set metadataTables.billingMode to PROVISIONED",
    ),
    Inert(
        keys=_keys("metadataTables", "recoveryPeriodDays"),
        when=lambda s: not s.metadata_tables.point_in_time_recovery,
        why="the tables cannot be restored; set metadataTables.enableDDBPointInTimeRecov to true",
    ),
    Inert(
        keys=_keys("metaflow", *(str(f.alias) for n, f in MetaflowSettings.model_fields.items() if n != "enabled")),
        when=lambda s: not s.metaflow.enabled,
        why="there is no Metaflow; set metaflow.enabled to true",
    ),
    Inert(
        keys=_keys("metaflow", "publicDomainName", "certificateArn", "ui"),
        when=lambda s: not s.has_metaflow_ui,
        why="there is no UI; set metaflow.enableUI to true",
    ),
    Inert(
        keys=_keys("metaflow", "notebook"),
        when=lambda s: not s.metaflow.enable_sagemaker,
        why="there is no notebook instance; set metaflow.enableSagemaker to true",
    ),
    Inert(
        keys=_keys("metaflow", "userRole"),
        when=lambda s: not s.metaflow.custom_role,
        why="there is no role for users; set metaflow.customRole to true",
    ),
    Inert(
        keys=_keys("metaflow.gateway", "quotaLimit", "quotaPeriod", "allowedCidrs", "cloudwatchRole"),
        when=lambda s: not s.metaflow.api_basic_auth,
        why="an HTTP API has no keys, quotas and address ranges; set metaflow.apiBasicAuth to true",
    ),
    Inert(
        keys=_keys("metaflow.gateway", "quotaPeriod"),
        when=lambda s: s.metaflow.gateway.quota_limit is None,
        why="there is no quota; set metaflow.gateway.quotaLimit",
    ),
    Inert(
        keys=_keys("domain", "hostnames.metaflow"),
        when=lambda s: not s.metaflow.enabled,
        why="there is no Metaflow; set metaflow.enabled to true",
    ),
    Inert(
        keys=_keys("domain", "hostnames.metaflowui"),
        when=lambda s: not s.has_metaflow_ui or s.metaflow.public_domain_name is not None,
        why="Metaflow's UI is not under this domain; set metaflow.enableUI, and no metaflow.publicDomainName",
    ),
    Inert(
        keys=_keys("network", "existingVpc.publicSubnetIds"),
        when=lambda s: not s.has_metaflow_ui,
        why="nothing stands in public subnets; set metaflow.enableUI to true",
    ),
    Inert(
        keys=_keys("backup", "schedule", "retentionDays", "coldStorageAfterDays"),
        when=lambda s: not s.backup.enabled,
        why="there is no backup plan; set backup.enabled to true",
    ),
)


def _no_way_out(s: Settings) -> bool:
    """Whether private subnets of a created VPC have no way to the internet over IPv4.

    Nor to a user pool: one with a domain, as ours has, answers nothing that comes through an interface endpoint of
    `cognito-idp` (Amazon Cognito developer guide, "Access Amazon Cognito user pools using an interface endpoint",
    note 2).
    """
    return s.network.existing_vpc is None and s.network.nat_gateways is NatGateways.NONE


def _no_first_name(settings: Settings) -> bool:
    hosts = settings.hosts
    return settings.domain.creates_certificates and any(
        min(map(len, names), default=0) > CERTIFICATE_NAME_CHARACTERS for names in (hosts.regional, hosts.edge)
    )


def _in_prod(s: Settings) -> bool:
    """Whether the stack is to survive the loss of a zone."""
    return s.environment is Environment.PROD


Refused = tuple[str, Callable[[Settings], bool], str]


def _database_refused(
    section: str, of: Callable[[Settings], DatabaseSettings], exists: Callable[[Settings], bool]
) -> tuple[Refused, ...]:
    """What is refused beside other keys of a database's section."""
    return (
        (
            f"{section}.performanceInsights",
            lambda s: of(s).performance_insights and of(s).auto_pauses,
            f"Performance Insights needs a database that does not pause; set it to false, or {section}.minAcu to 0.5 "
            "or more",
        ),
        (
            f"{section}.multiAz",
            lambda s: exists(s) and _in_prod(s) and not of(s).engine.is_aurora and not of(s).multi_az,
            "prod survives the loss of a zone; set true, or start from environment dev",
        ),
        (
            f"{section}.instances",
            lambda s: exists(s) and _in_prod(s) and of(s).engine.is_aurora and of(s).instances < 2,
            "prod survives the loss of a zone; set 2 or more, or start from environment dev",
        ),
    )


FORBIDDEN: tuple[Refused, ...] = (
    (
        "mlflow.auth",
        lambda s: s.bearer_tokens and not s.identity.exists,
        "there are no users whose tokens it could take; set basic, or identity.mode to create or existing",
    ),
    (
        "mlflow.auth",
        lambda s: s.bearer_tokens and _no_way_out(s),
        "tasks check tokens with the user pool's keys, which no interface endpoint gives them; "
        "set basic, or network.natGateways to single",
    ),
    (
        "aiGateway.enabled",
        lambda s: s.ai_gateway.enabled and _no_way_out(s),
        "tasks check tokens with the user pool's keys, which no interface endpoint gives them; "
        "set false, or network.natGateways to single",
    ),
    (
        "network.extraInterfaceEndpoints",
        lambda s: "cognito-idp" in s.network.extra_interface_endpoints and (s.bearer_tokens or s.ai_gateway.enabled),
        "through an endpoint of cognito-idp tasks would not reach a user pool that has a domain; remove it",
    ),
    (
        "web.enabled",
        lambda s: s.web.enabled and not s.identity.exists,
        "the page has no users to log in; set false, or identity.mode to create or existing",
    ),
    (
        "aiGateway.enabled",
        lambda s: s.ai_gateway.enabled and not s.identity.exists,
        "there are no users whose tokens it could take; set false, or identity.mode to create or existing",
    ),
    (
        "domain.name",
        _no_first_name,
        f"ACM takes no more than {CERTIFICATE_NAME_CHARACTERS} characters for a certificate's first name; choose a "
        "shorter domain or shorter hostnames, or set domain.certificates to existing",
    ),
    (
        "waf.enabled",
        lambda s: s.waf.enabled and not s.has_regional_firewall and not s.has_web,
        "nothing that could have a firewall is public; set false, or identity.mode and web.enabled",
    ),
    (
        "backup.coldStorageAfterDays",
        lambda s: (
            s.backup.cold_storage_after_days is not None
            and s.backup.retention_days < s.backup.cold_storage_after_days + 90
        ),
        "backups stay in cold storage for 90 days at least; raise backup.retentionDays, or remove it",
    ),
    *_database_refused("database", lambda s: s.database, lambda _: True),
    *_database_refused("metaflow.database", lambda s: s.metaflow.database, lambda s: s.metaflow.enabled),
    (
        "metaflow.apiBasicAuth",
        lambda s: s.metaflow.enabled and not s.metaflow.api_basic_auth and not s.identity.exists,
        "there are no users whose tokens the API could take; set true, or identity.mode to create or existing",
    ),
    (
        "metaflow.enableUI",
        lambda s: s.has_metaflow_ui and not s.identity.exists,
        "there are no users to log in, and the UI is never without login; set false, or identity.mode to create or "
        "existing",
    ),
    (
        "metaflow.enableUI",
        lambda s: s.has_metaflow_ui and s.metaflow.certificate_arn is None and s.domain.name is None,
        "the login needs TLS and so a name; set metaflow.publicDomainName and metaflow.certificateArn, or domain.name",
    ),
    (
        "metaflow.enableUI",
        lambda s: (
            s.has_metaflow_ui
            and s.network.existing_vpc is not None
            and s.network.existing_vpc.public_subnet_ids is None
        ),
        "its load balancer stands in public subnets; name them in network.existingVpc.publicSubnetIds, or set false",
    ),
    (
        "metaflow.enableSagemaker",
        lambda s: s.metaflow.enabled and s.metaflow.enable_sagemaker and _no_way_out(s),
        "the notebook installs Metaflow from PyPI; set false, or network.natGateways to single",
    ),
    (
        "metaflow.service.desiredCount",
        lambda s: _in_prod(s) and s.metaflow.enabled and s.metaflow.service.desired_count < 2,
        "prod survives the loss of a zone; set 2 or more, or start from environment dev",
    ),
    (
        "protection.secretRecoveryDays",
        lambda s: 0 < s.protection.secret_recovery_days < 7,
        "Secrets Manager offers none, or 7 to 30 days; set 0, or 7 or more",
    ),
    (
        "studio.enabled",
        lambda s: s.studio.enabled and _no_way_out(s),
        "Studio's notebooks reach the HTTP API over the internet; set network.natGateways to single, or this to false",
    ),
    (
        "network.natGateways",
        lambda s: _in_prod(s) and s.network.existing_vpc is None and s.network.nat_gateways is NatGateways.SINGLE,
        "prod survives the loss of a zone; set perZone, or none with endpoints in all zones",
    ),
    (
        "network.endpointZones",
        lambda s: _in_prod(s) and s.network.endpoint_zones == 1,
        "prod survives the loss of a zone; set 2 or more, or remove it",
    ),
    (
        "mlflow.desiredCount",
        lambda s: _in_prod(s) and s.mlflow.desired_count < 2,
        "prod survives the loss of a zone; set 2 or more, or start from environment dev",
    ),
)
"""Values that are refused beside others: key, condition, reason and way out."""
