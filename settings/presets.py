"""What each environment changes in the model's defaults. Stack configuration changes it further, key by key."""

from typing import Any

from settings.base import Environment

_DISPOSABLE: dict[str, Any] = {
    "protectResources": False,
    "deletionProtection": False,
    "finalSnapshot": False,
    "forceDestroy": True,
    "retainStudioHome": False,
    "secretRecoveryDays": 0,
}

PRESETS: dict[Environment, dict[str, Any]] = {
    # The sample's own figures, disposable: what a real deployment has, nothing that would outlive the emulator.
    Environment.LOCAL: {
        "encryption": {"deletionWindowDays": 7},
        "protection": _DISPOSABLE | {"backupRetentionDays": 1},
        "network": {"flowLogRetentionDays": 7},
        "database": {"logRetentionDays": 7},
        "mlflow": {"logRetentionDays": 7},
        "api": {"logRetentionDays": 7},
        "restApi": {"logRetentionDays": 7},
        "web": {"logRetentionDays": 7},
        "metaflow": {
            "batch": {"logRetentionDays": 7},
            "database": {"logRetentionDays": 7},
            "service": {"logRetentionDays": 7},
            "gateway": {"logRetentionDays": 7},
        },
    },
    # Cheapest honest environment; docs/costs.md has the sum. One endpoint address and one Spot task, no load balancer,
    # no NAT gateway, a database that pauses. docs/adr/0003-egress-without-nat.md says why IPv6 alone is not enough.
    Environment.DEV: {
        "encryption": {"deletionWindowDays": 7},
        "protection": _DISPOSABLE,
        "network": {"natGateways": "none", "ipv6Egress": True, "endpointZones": 1, "flowLogRetentionDays": 7},
        "database": {"minAcu": 0, "maxAcu": 1, "secondsUntilAutoPause": 300, "logRetentionDays": 7},
        # Tokens are checked in the task too, which needs the pool's keys and so NAT (settings/inert.py).
        "mlflow": {
            "auth": "basic",
            "cpu": 256,
            "spot": True,
            "desiredCount": 1,
            "maxCount": 2,
            "workers": 1,
            "containerInsights": "disabled",
            "logRetentionDays": 7,
        },
        "api": {"integration": "cloudMap", "logRetentionDays": 7},
        "studio": {"enabled": False},
        "restApi": {"logRetentionDays": 7},
        "web": {"logRetentionDays": 7},
        # A REST API would need a load balancer, a notebook NAT, and instances three more interface endpoints.
        "metaflow": {
            "apiBasicAuth": False,
            "enableSagemaker": False,
            "batch": {
                "computeEnvironments": [{"name": "fargate", "type": "FARGATE_SPOT"}],
                "jobQueues": [{"name": "default", "computeEnvironments": ["fargate"]}],
                "logRetentionDays": 7,
            },
            "database": {
                "engine": "aurora-postgresql",
                "minAcu": 0,
                "maxAcu": 1,
                "secondsUntilAutoPause": 300,
                "logRetentionDays": 7,
            },
            "service": {
                "integration": "cloudMap",
                "cpu": 256,
                "memory": 512,
                "spot": True,
                "maxCount": 2,
                "logRetentionDays": 7,
            },
            "gateway": {"logRetentionDays": 7},
        },
    },
    # Survives the loss of a zone: NAT, database instance and task in each of two zones, and room to scale.
    Environment.PROD: {
        "network": {"natGateways": "perZone", "flowLogRetentionDays": 365},
        "protection": {"backupRetentionDays": 35},
        "database": {
            "maxAcu": 8,
            "instances": 2,
            "multiAz": True,
            "performanceInsights": True,
            "monitoringIntervalSeconds": 60,
            "logRetentionDays": 365,
        },
        "artifacts": {"accessLogs": True},
        "mlflow": {"cpu": 1024, "memory": 2048, "containerInsights": "enhanced", "logRetentionDays": 365},
        "api": {"logRetentionDays": 365},
        "restApi": {"logRetentionDays": 365},
        "web": {"logRetentionDays": 365},
        "waf": {"enabled": True, "logRetentionDays": 365},
        "aiGateway": {"desiredCount": 2, "logRetentionDays": 365},
        "metaflow": {
            "batch": {"logRetentionDays": 365},
            "database": {
                "instanceClass": "db.t4g.medium",
                "multiAz": True,
                "instances": 2,
                "maxAcu": 8,
                "performanceInsights": True,
                "monitoringIntervalSeconds": 60,
                "logRetentionDays": 365,
            },
            "service": {"desiredCount": 2, "logRetentionDays": 365},
            "gateway": {"logRetentionDays": 365},
            "ui": {"desiredCount": 2},
        },
        "backup": {"enabled": True},
    },
}
