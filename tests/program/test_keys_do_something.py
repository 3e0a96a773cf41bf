"""A key may never do nothing: changing any one of them changes what is registered."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cli.plan.recorder import Recording
from settings.model import Settings
from tests.images import MLFLOW_IMAGES
from tests.program.conftest import Plan
from tests.program.test_every_stack import CERTIFICATE, EXISTING_VPC, KEY_ARN

TABLES = (
    *("mlflow", "datasets", "projects", "projectUsers", "projectGroups", "groups", "groupUsers"),
    *("groupsMembershipHistory", "groupDatasets", "users", "appConfiguration"),
)
"""The stack local gives images, and a section given here replaces its own."""

ZONE = "Z0123456789ABCDEFGHIJ"
DOMAIN = {"name": "ml.example.com", "dns": "manual"}
EXISTING_CERTIFICATES = {**DOMAIN, "certificates": "existing", "regionalCertificateArn": CERTIFICATE}
OTHER_CERTIFICATE = CERTIFICATE.replace("1234-", "4321-")
CLAUDE = {"name": "chat", "endpointType": "llm/v1/chat", "provider": "bedrock", "model": "anthropic.claude"}
GPT = CLAUDE | {"provider": "openai"}

POOL = {
    "cognitoUserPoolId": "us-east-1_abc",
    "cliClientId": "cli",
    "jupyterhubClientId": "hub",
    "mlflowuiClientId": "ui",
    "webClientId": "web",
}
GUID, OTHER_GUID = ("1" * 8 + "-1111-1111-1111-" + "1" * 12, "2" * 8 + "-2222-2222-2222-" + "2" * 12)
SAML: dict[str, Any] = {"metadataUrl": "https://idp.example.com/metadata"}
OIDC: dict[str, Any] = {"oidcIssuer": "https://idp.example.com", "clientId": "a", "clientSecret": {"secure": "v1:x"}}
GOOGLE: dict[str, Any] = {"clientId": "1.apps.googleusercontent.com", "clientSecret": {"secure": "v1:x"}}
AZURE: dict[str, Any] = {
    "isExternalAuth": True,
    "isDirectAzureActiveDirectory": True,
    "aadDirectoryId": GUID,
    "aadClientId": GUID,
    "aadClientSecret": {"secure": "v1:x"},
}

METAFLOW_CERTIFICATE = {"publicDomainName": "flows.example.com", "certificateArn": CERTIFICATE}
WITH_UI: dict[str, Any] = {"enableUI": True, **METAFLOW_CERTIFICATE}
TRUSTED: dict[str, Any] = {"trustedPrincipals": ["arn:aws:iam::123456789012:role/people"]}
QUEUE: dict[str, Any] = {"name": "default", "computeEnvironments": ["cpu"]}
SPOT: dict[str, Any] = {"name": "cpu", "type": "SPOT", "instanceTypes": ["m7i"]}
FAIR: dict[str, Any] = {"name": "fair", "computeEnvironments": ["cpu"]}
SHARE: dict[str, Any] = {"shareIdentifier": "research"}


def _environment(**more: Any) -> dict[str, Any]:
    """A section `metaflow.batch` with one environment."""
    return {"computeEnvironments": [{"name": "cpu", "instanceTypes": ["m7i"], **more}]}


def _spot(**more: Any) -> dict[str, Any]:
    return {"computeEnvironments": [SPOT | more]}


def _queue(**more: Any) -> dict[str, Any]:
    """A section `metaflow.batch` with one queue."""
    return {"jobQueues": [QUEUE | more]}


def _fair(**more: Any) -> dict[str, Any]:
    """A section `metaflow.batch` with a second queue that shares fairly."""
    return {"jobQueues": [QUEUE, FAIR | {"fairShare": more}]}


CHANGES: dict[str, Any] = {
    "tags": {"Team": "ml"},
    "network.existingVpc.vpcId": EXISTING_VPC["existingVpc"] | {"vpcId": "vpc-11111111"},
    "network.existingVpc.privateSubnetIds": EXISTING_VPC["existingVpc"],
    "network.existingVpc.isolatedSubnetIds": EXISTING_VPC["existingVpc"]
    | {"isolatedSubnetIds": ["subnet-11111111", "subnet-22222222"]},
    "network.existingVpc.publicSubnetIds": EXISTING_VPC["existingVpc"]
    | {"publicSubnetIds": ["subnet-33333333", "subnet-44444444"]},
    "network.cidrBlock": "10.9.0.0/16",
    "network.availabilityZones": 3,
    "network.publicMask": 25,
    "network.privateMask": 25,
    "network.isolatedMask": 27,
    "network.natGateways": "perZone",
    "network.ipv6Egress": True,
    "network.interfaceEndpoints": "always",
    "network.extraInterfaceEndpoints": ["athena"],
    "network.endpointZones": 1,
    "network.flowLogRetentionDays": 365,
    "encryption.keyArn": KEY_ARN,
    "encryption.rotationPeriodDays": 100,
    "encryption.deletionWindowDays": 9,
    "iam.rolePath": "/other/",
    "iam.rolePrefix": "ML-",
    "iam.permissionsBoundary": "arn:aws:iam::123456789012:policy/boundary",
    "iam.boundaryRegions": ["eu-west-1"],
    "iam.boundaryExtraArns": ["arn:aws:s3:::of-another-account/*"],
    "protection.protectResources": True,
    "protection.deletionProtection": True,
    "protection.finalSnapshot": True,
    "protection.forceDestroy": False,
    "protection.retainStudioHome": True,
    "protection.backupRetentionDays": 20,
    "protection.secretRecoveryDays": 20,
    "database.engine": "aurora-postgresql",
    "database.engineVersion": "8.0.mysql_aurora.3.08.2",
    "database.databaseName": "other",
    "database.masterUsername": "other",
    "database.port": 3307,
    "database.minAcu": 1,
    "database.maxAcu": 9,
    "database.secondsUntilAutoPause": 600,
    "database.instances": 2,
    "database.instanceClass": "db.t4g.small",
    "database.allocatedStorage": 30,
    "database.maxAllocatedStorage": 200,
    "database.multiAz": True,
    "database.performanceInsights": True,
    "database.monitoringIntervalSeconds": 60,
    "database.logRetentionDays": 365,
    "artifacts.bucketName": "another-bucket",
    "artifacts.prefix": "other",
    "artifacts.noncurrentVersionExpirationDays": 9,
    "artifacts.intelligentTieringDays": None,
    "artifacts.accessLogs": True,
    "artifacts.accessLogRetentionDays": 9,
    "mlflow.images.mlflow": MLFLOW_IMAGES | {"mlflow": "example.com/mlflow:2"},
    "mlflow.images.nginx": MLFLOW_IMAGES | {"nginx": "example.com/nginx:2"},
    "mlflow.auth": "basic",
    "mlflow.cpu": 256,
    "mlflow.memory": 2048,
    "mlflow.cpuArchitecture": "ARM64",
    "mlflow.spot": True,
    "mlflow.desiredCount": 3,
    "mlflow.maxCount": 9,
    "mlflow.targetCpuPercent": 50,
    "mlflow.scaleInCooldownSeconds": 9,
    "mlflow.scaleOutCooldownSeconds": 9,
    "mlflow.containerPort": 5001,
    "mlflow.proxyPort": 8080,
    "mlflow.workers": 4,
    "mlflow.jobExecution": True,
    "mlflow.maxBodySizeMib": 5,
    "mlflow.readTimeoutSeconds": 9,
    "mlflow.username": "other",
    "mlflow.password": {"secure": "v1:x"},
    "mlflow.allowedHosts": ["mlflow.example.com"],
    "mlflow.corsAllowedOrigins": ["https://example.com"],
    "mlflow.poolSize": 9,
    "mlflow.poolMaxOverflow": 9,
    "mlflow.poolRecycleSeconds": 90,
    "mlflow.namespace": "other.local",
    "mlflow.serviceName": "other",
    "mlflow.containerInsights": "disabled",
    "mlflow.logRetentionDays": 365,
    "api.integration": "cloudMap",
    "api.loadBalancer.certificateArn": {"certificateArn": CERTIFICATE, "serverName": "a.example.com"},
    "api.loadBalancer.serverName": {"certificateArn": CERTIFICATE, "serverName": "b.example.com"},
    "api.loadBalancer.idleTimeoutSeconds": {"idleTimeoutSeconds": 9},
    "api.throttlingRateLimit": 9,
    "api.throttlingBurstLimit": 9,
    "api.logRetentionDays": 365,
    "restApi.memoryMib": 512,
    "restApi.timeoutSeconds": 9,
    "restApi.architecture": "X86_64",
    "restApi.reservedConcurrency": 9,
    "restApi.throttlingRateLimit": 9,
    "restApi.throttlingBurstLimit": 9,
    "restApi.logRetentionDays": 365,
    "aiGateway.enabled": True,
    "aiGateway.endpoints.name": [CLAUDE | {"name": "other"}],
    "aiGateway.endpoints.endpointType": [CLAUDE | {"endpointType": "llm/v1/completions"}],
    "aiGateway.endpoints.provider": [CLAUDE | {"provider": "litellm"}],
    "aiGateway.endpoints.model": [CLAUDE | {"model": "other"}],
    "aiGateway.endpoints.config": [CLAUDE | {"config": {"aws_config": {"aws_region": "us-east-1"}}}],
    "aiGateway.endpoints.secrets": [
        GPT | {"secrets": {"openai_api_key": "arn:aws:secretsmanager:us-east-1:123456789012:secret:another-a1B2c3"}}
    ],
    "aiGateway.endpoints.limit.calls": [CLAUDE | {"limit": {"calls": 9, "renewalPeriod": "minute"}}],
    "aiGateway.endpoints.limit.renewalPeriod": [CLAUDE | {"limit": {"calls": 9, "renewalPeriod": "hour"}}],
    "aiGateway.cpu": 256,
    "aiGateway.memory": 2048,
    "aiGateway.desiredCount": 2,
    "aiGateway.maxCount": 9,
    "aiGateway.targetCpuPercent": 50,
    "aiGateway.workers": 4,
    "aiGateway.throttlingRateLimit": 9,
    "aiGateway.throttlingBurstLimit": 9,
    "aiGateway.logRetentionDays": 365,
    "studio.enabled": False,
    "studio.domainId": "d-abc",
    "studio.domainName": "other",
    "studio.userProfiles": ["other"],
    "studio.servingRepositoryName": "other",
    "studio.trainingImageAccounts": ["111111111111"],
    "identity.mode": "existing",
    **{f"identity.existing.{key}": POOL | {key: f"{value}2"} for key, value in POOL.items()},
    "identity.existing.stackReference": {"stackReference": "organization/users/prod"},
    "identity.existing.cloudFormationExports": {"cloudFormationExports": True},
    "identity.existing.cloudFormationExportPrefix": {
        "cloudFormationExports": True,
        "cloudFormationExportPrefix": "corporate-",
    },
    "identity.existing.domain": POOL | {"domain": "login.example.com"},
    "identity.isExternalAuth": True,
    "identity.saml.providerName": SAML | {"providerName": "Okta"},
    "identity.saml.metadataUrl": {"metadataUrl": "https://other.example.com/metadata"},
    "identity.saml.metadata": {"metadata": "<EntityDescriptor/>"},
    "identity.saml.idpIdentifiers": SAML | {"idpIdentifiers": ["example.com"]},
    "identity.saml.idpSignout": SAML | {"idpSignout": True},
    "identity.oidc.providerName": OIDC | {"providerName": "Okta"},
    "identity.oidc.oidcIssuer": OIDC | {"oidcIssuer": "https://other.example.com"},
    "identity.oidc.clientId": OIDC | {"clientId": "b"},
    "identity.oidc.clientSecret": OIDC | {"clientSecret": {"secure": "v1:y"}},
    "identity.oidc.authorizeScopes": OIDC | {"authorizeScopes": "openid email"},
    "identity.oidc.idpIdentifiers": OIDC | {"idpIdentifiers": ["example.com"]},
    "identity.google.clientId": GOOGLE | {"clientId": "2.apps.googleusercontent.com"},
    "identity.google.clientSecret": GOOGLE | {"clientSecret": {"secure": "v1:y"}},
    "identity.google.authorizeScopes": GOOGLE | {"authorizeScopes": "openid email"},
    "identity.isDirectAzureActiveDirectory": True,
    "identity.aadDirectoryId": OTHER_GUID,
    "identity.aadClientId": OTHER_GUID,
    "identity.aadClientSecret": {"secure": "v1:y"},
    "identity.attributeMapping": {"email": "mail"},
    "identity.mfa": "OPTIONAL",
    "identity.selfSignUp": True,
    "identity.passwordMinimumLength": 20,
    "identity.userPoolTier": "PLUS",
    "identity.domainPrefix": "corporate",
    "identity.accessTokenMinutes": 30,
    "identity.refreshTokenDays": 3,
    "identity.cliCallbackPorts": [9000],
    "identity.jupyterhubUrl": "https://hub.example.com",
    "domain.name": "other.example.com",
    "domain.hostnames.api": {"api": "other"},
    "domain.hostnames.mlflow": {"mlflow": "other"},
    "domain.hostnames.mlflowui": {"mlflowui": "other"},
    "domain.hostnames.mlflowstatic": {"mlflowstatic": "other"},
    "domain.hostnames.service": {"service": "other"},
    "domain.hostnames.aigateway": {"aigateway": "other"},
    "domain.hostnames.metaflow": {"metaflow": "other"},
    "domain.hostnames.metaflowui": {"metaflowui": "other"},
    "domain.certificates": "existing",
    "domain.regionalCertificateArn": OTHER_CERTIFICATE,
    "domain.usEast1CertificateArn": OTHER_CERTIFICATE,
    "domain.dns": "create",
    "domain.hostedZoneId": f"{ZONE}0",
    "domain.validationTimeoutMinutes": 30,
    "web.enabled": False,
    "web.mlflowUi": False,
    "web.banner.text": {"text": "Maintenance at noon"},
    "web.banner.backgroundColor": {"backgroundColor": "#aa0000"},
    "web.banner.textColor": {"textColor": "black"},
    "web.priceClass": "PriceClass_All",
    "web.logRetentionDays": 365,
    "waf.enabled": True,
    "waf.managedRuleGroups": ["AWSManagedRulesSQLiRuleSet"],
    "waf.rateLimit": 100,
    "waf.logRetentionDays": 365,
    "metaflow.enabled": False,
    "metaflow.apiBasicAuth": False,
    "metaflow.enableUI": True,
    "metaflow.publicDomainName": "other.example.com",
    "metaflow.certificateArn": OTHER_CERTIFICATE,
    "metaflow.enableSagemaker": False,
    "metaflow.customRole": True,
    "metaflow.alarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms",
    "metaflow.images.service": {"service": "example.com/metaflow:2"},
    "metaflow.images.job": {"job": "example.com/job:2"},
    "metaflow.datastore.bucketName": {"bucketName": "another-bucket"},
    "metaflow.datastore.datastorePrefix": {"datastorePrefix": "other"},
    "metaflow.datastore.datatoolsPrefix": {"datatoolsPrefix": "other"},
    "metaflow.datastore.noncurrentVersionExpirationDays": {"noncurrentVersionExpirationDays": 9},
    "metaflow.datastore.intelligentTieringDays": {"intelligentTieringDays": None},
    "metaflow.batch.computeEnvironments.name": {
        "computeEnvironments": [{"name": "other", "instanceTypes": ["m7i"]}],
        "jobQueues": [{"name": "default", "computeEnvironments": ["other"]}],
    },
    "metaflow.batch.computeEnvironments.type": _spot(),
    "metaflow.batch.computeEnvironments.imageType": _environment(imageType="ECS_AL2023_NVIDIA", instanceTypes=["g6"]),
    "metaflow.batch.computeEnvironments.instanceTypes": _environment(instanceTypes=["c7i"]),
    "metaflow.batch.computeEnvironments.minvCpus": _environment(minvCpus=2, desiredvCpus=2),
    "metaflow.batch.computeEnvironments.desiredvCpus": _environment(desiredvCpus=2),
    "metaflow.batch.computeEnvironments.maxvCpus": _environment(maxvCpus=9),
    "metaflow.batch.computeEnvironments.diskGib": _environment(diskGib=200),
    "metaflow.batch.computeEnvironments.allocationStrategy": _spot(allocationStrategy="SPOT_CAPACITY_OPTIMIZED"),
    "metaflow.batch.computeEnvironments.bidPercentage": _spot(bidPercentage=50),
    "metaflow.batch.computeEnvironments.placement": _environment(placement="cluster"),
    "metaflow.batch.jobQueues.name": _queue(name="other"),
    "metaflow.batch.jobQueues.computeEnvironments": {
        "computeEnvironments": [{"name": "cpu", "instanceTypes": ["m7i"]}, SPOT | {"name": "spot"}],
        "jobQueues": [QUEUE | {"computeEnvironments": ["spot", "cpu"]}],
    },
    "metaflow.batch.jobQueues.priority": _queue(priority=9),
    "metaflow.batch.jobQueues.fairShare.shareDecaySeconds": _fair(shareDecaySeconds=9),
    "metaflow.batch.jobQueues.fairShare.computeReservation": _fair(computeReservation=9),
    "metaflow.batch.jobQueues.fairShare.shareDistribution.shareIdentifier": _fair(shareDistribution=[SHARE]),
    "metaflow.batch.jobQueues.fairShare.shareDistribution.weightFactor": _fair(
        shareDistribution=[SHARE | {"weightFactor": 0.5}]
    ),
    "metaflow.batch.jobQueues.cancelHopelessAfterMinutes": _queue(cancelHopelessAfterMinutes=None),
    "metaflow.batch.jobQueues.cancelWaitingAfterMinutes": _queue(cancelWaitingAfterMinutes=60),
    "metaflow.batch.additionalWorkerPolicyArn": {
        "additionalWorkerPolicyArn": "arn:aws:iam::123456789012:policy/workers"
    },
    "metaflow.batch.imageRepositories": {"imageRepositories": ["team/*"]},
    "metaflow.batch.createJobLogGroup": {"createJobLogGroup": False},
    "metaflow.batch.logRetentionDays": {"logRetentionDays": 365},
    "metaflow.database.engine": {"engine": "aurora-postgresql"},
    "metaflow.database.engineVersion": {"engineVersion": "17"},
    "metaflow.database.databaseName": {"databaseName": "other"},
    "metaflow.database.masterUsername": {"masterUsername": "other"},
    "metaflow.database.port": {"port": 5433},
    "metaflow.database.minAcu": {"engine": "aurora-postgresql", "minAcu": 1},
    "metaflow.database.maxAcu": {"engine": "aurora-postgresql", "maxAcu": 9},
    "metaflow.database.secondsUntilAutoPause": {
        "engine": "aurora-postgresql",
        "minAcu": 0,
        "secondsUntilAutoPause": 600,
    },
    "metaflow.database.instances": {"engine": "aurora-postgresql", "instances": 2},
    "metaflow.database.instanceClass": {"instanceClass": "db.t4g.small"},
    "metaflow.database.allocatedStorage": {"allocatedStorage": 30},
    "metaflow.database.maxAllocatedStorage": {"maxAllocatedStorage": 200},
    "metaflow.database.multiAz": {"multiAz": True},
    "metaflow.database.performanceInsights": {"performanceInsights": True},
    "metaflow.database.monitoringIntervalSeconds": {"monitoringIntervalSeconds": 60},
    "metaflow.database.logRetentionDays": {"logRetentionDays": 365},
    "metaflow.service.integration": {"integration": "cloudMap"},
    "metaflow.service.cpu": {"cpu": 1024, "memory": 2048},
    "metaflow.service.memory": {"memory": 2048},
    "metaflow.service.cpuArchitecture": {"cpuArchitecture": "ARM64"},
    "metaflow.service.spot": {"spot": True},
    "metaflow.service.desiredCount": {"desiredCount": 2},
    "metaflow.service.maxCount": {"maxCount": 9},
    "metaflow.service.targetCpuPercent": {"targetCpuPercent": 50},
    "metaflow.service.poolMax": {"poolMax": 5},
    "metaflow.service.logRetentionDays": {"logRetentionDays": 365},
    "metaflow.gateway.throttlingRateLimit": {"throttlingRateLimit": 9},
    "metaflow.gateway.throttlingBurstLimit": {"throttlingBurstLimit": 9},
    "metaflow.gateway.quotaLimit": {"quotaLimit": 9},
    "metaflow.gateway.quotaPeriod": {"quotaLimit": 9, "quotaPeriod": "MONTH"},
    "metaflow.gateway.allowedCidrs": {"allowedCidrs": ["10.0.0.0/8"]},
    "metaflow.gateway.cloudwatchRole": {"cloudwatchRole": "account"},
    "metaflow.gateway.logRetentionDays": {"logRetentionDays": 365},
    "metaflow.ui.cpu": {"cpu": 2048},
    "metaflow.ui.memory": {"memory": 8192},
    "metaflow.ui.ephemeralStorageGib": {"ephemeralStorageGib": 50},
    "metaflow.ui.desiredCount": {"desiredCount": 2},
    "metaflow.ui.allowedCidrs": {"allowedCidrs": ["10.0.0.0/8"]},
    "metaflow.ui.sessionHours": {"sessionHours": 1},
    "metaflow.notebook.sagemakerInstance": {"sagemakerInstance": "ml.t3.medium"},
    "metaflow.notebook.platformIdentifier": {"platformIdentifier": "notebook-al2-v3"},
    "metaflow.notebook.volumeGib": {"volumeGib": 50},
    "metaflow.notebook.idleMinutes": {"idleMinutes": 30},
    "metaflow.notebook.metaflowVersion": {"metaflowVersion": "2.19.38"},
    "metaflow.userRole.trustedPrincipals": {"trustedPrincipals": ["arn:aws:iam::123456789012:root"]},
    "metaflow.userRole.externalId": TRUSTED | {"externalId": "flows"},
    "metaflow.userRole.requireMfa": TRUSTED | {"requireMfa": True},
    "metaflow.userRole.maxSessionHours": TRUSTED | {"maxSessionHours": 1},
    "metadataTables.enabled": False,
    "metadataTables.namePrefix": "mlplatform.",
    **{f"metadataTables.{name}TableName": f"other-{name}" for name in TABLES},
    "metadataTables.billingMode": "PROVISIONED",
    "metadataTables.readCapacity.minimum": {"minimum": 2},
    "metadataTables.readCapacity.maximum": {"maximum": 20},
    "metadataTables.writeCapacity.minimum": {"minimum": 2},
    "metadataTables.writeCapacity.maximum": {"maximum": 20},
    "metadataTables.targetUtilizationPercent": 50,
    "metadataTables.enableDDBPointInTimeRecov": False,
    "metadataTables.recoveryPeriodDays": 7,
    "backup.enabled": True,
    "backup.schedule": "cron(0 3 ? * * *)",
    "backup.retentionDays": 9,
    "backup.coldStorageAfterDays": 9,
}
"""For each key a value other than the stack local's; for a key of a nested section, the whole of that section."""

_UI_KEYS = ("cpu", "memory", "ephemeralStorageGib", "desiredCount", "allowedCidrs", "sessionHours")
_ENVIRONMENT = {"metaflow": {"batch": _environment()}}
_AURORA = {"metaflow": {"database": {"engine": "aurora-postgresql"}}}

BESIDE: dict[str, dict[str, Any]] = {
    "network.existingVpc.publicSubnetIds": {
        "metaflow": WITH_UI,
        "network": {
            "existingVpc": EXISTING_VPC["existingVpc"] | {"publicSubnetIds": ["subnet-55555555", "subnet-66666666"]}
        },
    },
    **{f"metaflow.ui.{key}": {"metaflow": WITH_UI} for key in _UI_KEYS},
    "metaflow.publicDomainName": {"metaflow": WITH_UI},
    "metaflow.certificateArn": {"metaflow": WITH_UI},
    **{
        f"metaflow.userRole.{key}": {"metaflow": {"customRole": True, "userRole": TRUSTED}}
        for key in ("trustedPrincipals", "externalId", "requireMfa", "maxSessionHours")
    },
    **{key: _ENVIRONMENT for key in CHANGES if key.startswith("metaflow.batch.computeEnvironments.")},
    **{
        f"metaflow.batch.computeEnvironments.{key}": {"metaflow": {"batch": _spot()}}
        for key in ("allocationStrategy", "bidPercentage")
    },
    **{
        key: {"metaflow": {"batch": _fair()}}
        for key in CHANGES
        if key.startswith("metaflow.batch.jobQueues.fairShare.") and not key.endswith("weightFactor")
    },
    "metaflow.batch.jobQueues.fairShare.shareDistribution.weightFactor": {
        "metaflow": {"batch": _fair(shareDistribution=[SHARE])}
    },
    **{f"metaflow.database.{key}": _AURORA for key in ("minAcu", "maxAcu", "instances")},
    "metaflow.database.secondsUntilAutoPause": {"metaflow": {"database": {"engine": "aurora-postgresql", "minAcu": 0}}},
    "metaflow.service.integration": {"metaflow": {"apiBasicAuth": False}},
    "metaflow.gateway.quotaPeriod": {"metaflow": {"gateway": {"quotaLimit": 9}}},
    "domain.hostnames.metaflow": {"domain": DOMAIN},
    "domain.hostnames.metaflowui": {"domain": DOMAIN, "metaflow": {"enableUI": True}},
    "network.existingVpc.isolatedSubnetIds": {"network": EXISTING_VPC},
    "network.existingVpc.vpcId": {},
    "network.endpointZones": {"network": {"interfaceEndpoints": "always"}},
    "database.secondsUntilAutoPause": {"database": {"minAcu": 0}},
    "database.instanceClass": {"database": {"engine": "postgres"}},
    "database.allocatedStorage": {"database": {"engine": "postgres"}},
    "database.maxAllocatedStorage": {"database": {"engine": "postgres"}},
    "database.multiAz": {"database": {"engine": "postgres"}},
    # A generated password is unknown at preview, and the secret's value with it.
    "mlflow.username": {"mlflow": {"images": MLFLOW_IMAGES, "auth": "basic", "password": {"secure": "v1:x"}}},
    "mlflow.password": {"mlflow": {"images": MLFLOW_IMAGES, "auth": "basic"}},
    "artifacts.accessLogRetentionDays": {"artifacts": {"accessLogs": True}},
    "api.loadBalancer.serverName": {
        "api": {"loadBalancer": {"certificateArn": CERTIFICATE, "serverName": "a.example.com"}}
    },
    **{f"waf.{name}": {"waf": {"enabled": True}} for name in ("managedRuleGroups", "rateLimit", "logRetentionDays")},
    **{
        f"metadataTables.{name}": {"metadataTables": {"billingMode": "PROVISIONED"}}
        for name in (
            *("readCapacity.minimum", "readCapacity.maximum", "writeCapacity.minimum", "writeCapacity.maximum"),
            "targetUtilizationPercent",
        )
    },
    **{f"backup.{name}": {"backup": {"enabled": True}} for name in ("schedule", "retentionDays")},
    "backup.coldStorageAfterDays": {"backup": {"enabled": True, "retentionDays": 200}},
    # The notebooks' client is unknown at preview, and with it all that is beside its id.
    **{
        f"identity.existing.{key}": {
            "identity": {"mode": "existing", "existing": POOL},
            "studio": {"enabled": False},
        }
        for key in (*POOL, "stackReference", "cloudFormationExports", "domain")
    },
    "identity.existing.cloudFormationExportPrefix": {
        "identity": {"mode": "existing", "existing": {"cloudFormationExports": True}}
    },
    **{
        f"identity.saml.{key}": {"identity": {"isExternalAuth": True, "saml": SAML}}
        for key in ("providerName", "metadataUrl", "metadata", "idpIdentifiers", "idpSignout")
    },
    **{
        f"identity.oidc.{key}": {"identity": {"isExternalAuth": True, "oidc": OIDC}}
        for key in ("providerName", "oidcIssuer", "clientId", "clientSecret", "authorizeScopes", "idpIdentifiers")
    },
    **{
        f"identity.google.{key}": {"identity": {"isExternalAuth": True, "google": GOOGLE}}
        for key in ("clientId", "clientSecret", "authorizeScopes")
    },
    **{
        f"identity.{key}": {"identity": AZURE}
        for key in ("aadDirectoryId", "aadClientId", "aadClientSecret", "attributeMapping")
    },
    "domain.name": {"domain": DOMAIN},
    **{
        key: {"aiGateway": {"enabled": True, "endpoints": [CLAUDE]}}
        for key in CHANGES
        if key.startswith("aiGateway.")
        and key not in ("aiGateway.enabled", "aiGateway.endpoints.secrets", "aiGateway.endpoints.limit.renewalPeriod")
    },
    "aiGateway.endpoints.secrets": {"aiGateway": {"enabled": True, "endpoints": [GPT]}},
    "aiGateway.endpoints.limit.renewalPeriod": {
        "aiGateway": {
            "enabled": True,
            "endpoints": [CLAUDE | {"limit": {"calls": 9, "renewalPeriod": "minute"}}],
        }
    },
    **{f"domain.hostnames.{name}": {"domain": DOMAIN} for name in ("mlflow", "api", "service", "mlflowui")},
    "domain.hostnames.mlflowstatic": {"domain": DOMAIN},
    "domain.hostnames.aigateway": {"domain": DOMAIN, "aiGateway": {"enabled": True, "endpoints": [CLAUDE]}},
    "domain.certificates": {"domain": DOMAIN},
    "domain.regionalCertificateArn": {"domain": EXISTING_CERTIFICATES},
    "domain.usEast1CertificateArn": {"domain": EXISTING_CERTIFICATES},
    "domain.dns": {"domain": DOMAIN},
    "domain.hostedZoneId": {"domain": {"name": "ml.example.com", "hostedZoneId": ZONE}},
    "domain.validationTimeoutMinutes": {"domain": DOMAIN},
}
"""What a key needs beside it to have an effect; the comparison is with a stack that has this, but not the key."""

ALONG: dict[str, dict[str, Any]] = {
    "metaflow.enableUI": METAFLOW_CERTIFICATE,
    "metaflow.customRole": {"userRole": TRUSTED},
    "aiGateway.enabled": {"endpoints": [CLAUDE]},
    "identity.mode": {"existing": POOL},
    "identity.isExternalAuth": {"saml": SAML},
    "identity.isDirectAzureActiveDirectory": AZURE,
    "domain.certificates": {"regionalCertificateArn": CERTIFICATE},
    "domain.dns": {"hostedZoneId": ZONE},
}
"""What must be set in the section together with a key, and would be refused without it."""


def keys(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    for field in model.model_fields.values():
        candidates = [field.annotation, *get_args(field.annotation)]
        section = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        below = (*path, str(field.alias))
        if section is None:
            yield ".".join(below)
        else:
            yield from keys(section, below)


def test_every_key_of_the_model_has_its_change() -> None:
    assert sorted(CHANGES) == sorted(set(keys(Settings)) - {"environment"})


def registered(recording: Recording) -> list[Any]:
    return [
        (r.urn, r.props, r.protect, r.property_dependencies, r.ignore_changes, r.create_timeout)
        for r in recording.resources
    ]


@pytest.mark.parametrize("key", CHANGES)
def test_a_key_changes_what_is_registered(plan: Plan, key: str) -> None:
    section, *rest = key.split(".")
    # Metaflow is a third of the stack, so other keys are looked at without it.
    flows: dict[str, Any] = {} if "metaflow" in key or "publicSubnet" in key else {"enabled": False}
    base = {"mlflow": {"images": MLFLOW_IMAGES}, "metaflow": flows, **BESIDE.get(key, {})}
    changed = dict(base)
    changed[section] = {**base.get(section, {}), rest[0]: CHANGES[key], **ALONG.get(key, {})} if rest else CHANGES[key]
    assert registered(plan("local", **changed)) != registered(plan("local", **base))
