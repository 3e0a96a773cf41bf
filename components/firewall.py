"""AWS WAF on what is public and can have it: CloudFront, login pages, REST APIs, public load balancers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.edge import EDGE_REGION, Edge
from components.encryption import Encryption
from components.logs import log_group
from lib.documents.logs import vended_log_delivery
from settings.waf import WafSettings

LONG_BODIES = ("SizeRestrictions_BODY",)
"""A body may have 8 KB under this rule, less than the text that people write into MLflow; what is too large for MLflow
it refuses itself (`mlflow.maxBodySizeMib`)."""

MLFLOW_PAGES = (
    "SizeRestrictions_QUERYSTRING",  # 2,048 bytes; a chart asks for 100 runs at once, of 41 bytes each
    "RestrictedExtensions_QUERYARGUMENTS",  # an artifact is asked for by its path, such as train.log
    # Notes, prompts and traces hold HTML, paths with ../ and links to addresses.
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
)
"""Rules that take for an attack what MLflow's own pages send. Nothing else behind CloudFront reads a body, not even
`/auth/`; passwords are typed at the user pool, whose ACL blocks by these rules."""

COUNTED: dict[str, dict[str, tuple[str, ...]]] = {
    "CLOUDFRONT": {"AWSManagedRulesCommonRuleSet": (*LONG_BODIES, *MLFLOW_PAGES)},
    "REGIONAL": {"AWSManagedRulesCommonRuleSet": LONG_BODIES},
}
"""Rules of managed groups that only count, by the scope of the ACL."""

EVALUATION_SECONDS = 300
"""Time over which `waf.rateLimit` counts."""

Rule = aws.wafv2.WebAclRuleArgsDict


@dataclass(frozen=True, kw_only=True)
class FirewallArgs:
    """The firewall to make.

    Args:
        deployment: The stack.
        settings: Rules and logs.
        encryption: Key of the logs.
        edge: Where CloudFront's part goes.
        cloudfront: Whether CloudFront needs one.
        regional: Whether anything in the stack's region needs one.
    """

    deployment: Deployment
    settings: WafSettings
    encryption: Encryption
    edge: Edge
    cloudfront: bool
    regional: bool


class Firewall(Component):
    """Web ACLs with AWS's managed rules and a rate limit, and their logs."""

    cloudfront_arn: pulumi.Output[str] | None
    """ARN of the ACL for distributions."""
    regional_arn: pulumi.Output[str] | None
    """ARN of the ACL for login pages, REST APIs and public load balancers."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "web", args.deployment, opts)
        self._args = args
        provider = args.edge.provider
        self.cloudfront_arn = self._acl(f"{name}-cloudfront", "CLOUDFRONT", provider) if args.cloudfront else None
        self.regional_arn = self._acl(f"{name}-login", "REGIONAL", None) if args.regional else None
        self.register_outputs({"cloudfront_arn": self.cloudfront_arn, "regional_arn": self.regional_arn})

    def _acl(self, name: str, scope: str, provider: pulumi.ProviderResource | None) -> pulumi.Output[str]:
        physical, here = self._deployment.names.of(name), self._options(provider=provider)
        acl = aws.wafv2.WebAcl(
            name,
            name=physical,
            scope=scope,
            description="Managed rules and a limit by address",
            default_action={"allow": {}},
            rules=_rules(self._args.settings, COUNTED[scope]),
            visibility_config=_seen(physical),
            tags=self.merged_tags(physical),
            opts=here,
        )
        # AWS prescribes how the name begins (AWS WAF developer guide, "Sending web ACL traffic logs to a CloudWatch
        # Logs log group").
        log_name = f"aws-waf-logs-{physical}"
        logs = log_group(
            self,
            name,
            log_name,
            retention_days=self._args.settings.log_retention_days,
            key_arn=None if provider else self._args.encryption.key_arn,
            opts=here,
        )
        target = self._deployment.target
        permission = aws.cloudwatch.LogResourcePolicy(
            name,
            policy_name=physical,
            policy_document=vended_log_delivery(replace(target, region=EDGE_REGION) if provider else target, log_name),
            opts=here,
        )
        aws.wafv2.WebAclLoggingConfiguration(
            name,
            resource_arn=acl.arn,
            log_destination_configs=[logs.arn],
            redacted_fields=[{"single_header": {"name": header}} for header in ("authorization", "cookie")],
            # Whoever is let through is in CloudFront's access log.
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [{"action_condition": {"action": action}} for action in ("BLOCK", "COUNT")],
                    }
                ],
            },
            opts=self._options(provider=provider, depends_on=[permission]),
        )
        return acl.arn


def _rules(settings: WafSettings, counted: Mapping[str, tuple[str, ...]]) -> list[Rule]:
    limit: Rule = {
        "name": "rate-limit",
        "priority": 0,
        "action": {"block": {}},
        "statement": {
            "rate_based_statement": {
                "limit": settings.rate_limit,
                "aggregate_key_type": "IP",
                "evaluation_window_sec": EVALUATION_SECONDS,
            }
        },
        "visibility_config": _seen("rate-limit"),
    }
    groups = enumerate(settings.managed_rule_groups, start=1)
    return [limit, *(_managed(group, at, counted.get(group, ())) for at, group in groups)]


def _managed(group: str, priority: int, counted: tuple[str, ...]) -> Rule:
    return {
        "name": group,
        "priority": priority,
        "override_action": {"none": {}},
        "statement": {
            "managed_rule_group_statement": {
                "vendor_name": "AWS",
                "name": group,
                "rule_action_overrides": [{"name": rule, "action_to_use": {"count": {}}} for rule in counted],
            }
        },
        "visibility_config": _seen(group),
    }


def _seen(metric: str) -> aws.wafv2.WebAclVisibilityConfigArgsDict:
    return {"cloudwatch_metrics_enabled": True, "sampled_requests_enabled": True, "metric_name": metric}
