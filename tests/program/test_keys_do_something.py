"""A key may never do nothing: changing any one of them changes what is registered."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cli.plan.recorder import Recording
from settings.model import Settings
from tests.program.conftest import Plan
from tests.program.test_every_stack import CERTIFICATE, EXISTING_VPC, KEY_ARN

IMAGES = {"mlflow": "example.com/mlflow:1", "nginx": "example.com/nginx:1"}
"""The stack local gives images, and a section given here replaces its own."""

CHANGES: dict[str, Any] = {
    "tags": {"Team": "ml"},
    "network.existingVpc.vpcId": EXISTING_VPC["existingVpc"] | {"vpcId": "vpc-11111111"},
    "network.existingVpc.privateSubnetIds": EXISTING_VPC["existingVpc"],
    "network.existingVpc.isolatedSubnetIds": EXISTING_VPC["existingVpc"]
    | {"isolatedSubnetIds": ["subnet-11111111", "subnet-22222222"]},
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
    "mlflow.images.mlflow": IMAGES | {"mlflow": "example.com/mlflow:2"},
    "mlflow.images.nginx": IMAGES | {"nginx": "example.com/nginx:2"},
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
    "studio.enabled": False,
    "studio.domainId": "d-abc",
    "studio.domainName": "other",
    "studio.userProfiles": ["other"],
    "studio.servingRepositoryName": "other",
    "studio.trainingImageAccounts": ["111111111111"],
}
"""For each key a value other than the stack local's; for a key of a nested section, the whole of that section."""

BESIDE: dict[str, dict[str, Any]] = {
    "network.existingVpc.isolatedSubnetIds": {"network": EXISTING_VPC},
    "network.existingVpc.vpcId": {},
    "network.endpointZones": {"network": {"interfaceEndpoints": "always"}},
    "database.secondsUntilAutoPause": {"database": {"minAcu": 0}},
    "database.instanceClass": {"database": {"engine": "postgres"}},
    "database.allocatedStorage": {"database": {"engine": "postgres"}},
    "database.maxAllocatedStorage": {"database": {"engine": "postgres"}},
    "database.multiAz": {"database": {"engine": "postgres"}},
    # A generated password is unknown at preview, and the secret's value with it.
    "mlflow.username": {"mlflow": {"images": IMAGES, "password": {"secure": "v1:x"}}},
    "artifacts.accessLogRetentionDays": {"artifacts": {"accessLogs": True}},
    "api.loadBalancer.serverName": {
        "api": {"loadBalancer": {"certificateArn": CERTIFICATE, "serverName": "a.example.com"}}
    },
}
"""What a key needs beside it to have an effect; the comparison is with a stack that has this, but not the key."""


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
    return [(r.urn, r.props, r.protect, r.property_dependencies, r.ignore_changes) for r in recording.resources]


@pytest.mark.parametrize("key", CHANGES)
def test_a_key_changes_what_is_registered(plan: Plan, key: str) -> None:
    section, *rest = key.split(".")
    base = {"mlflow": {"images": IMAGES}, **BESIDE.get(key, {})}
    changed = dict(base)
    changed[section] = {**base.get(section, {}), rest[0]: CHANGES[key]} if rest else CHANGES[key]
    assert registered(plan("local", **changed)) != registered(plan("local", **base))
