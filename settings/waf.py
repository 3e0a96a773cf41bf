"""`mlplatform:waf`: a web application firewall on what is public and can have one."""

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import RetentionDays, Section

MANAGED_RULE_GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)


class WafSettings(Section):
    """AWS WAF in front of CloudFront and the login pages; AWS offers none for HTTP APIs."""

    enabled: bool = False
    """Whether there is a firewall."""
    managed_rule_groups: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^AWSManagedRules\w+$")]], Field(min_length=1)
    ] = [*MANAGED_RULE_GROUPS]
    """AWS's managed rule groups, in the order in which they judge."""
    rate_limit: Annotated[int, Field(ge=10, le=2_000_000_000)] = 2000
    """Requests that one address may make in five minutes (AWS WAF: 10 to 2,000,000,000)."""
    log_retention_days: RetentionDays = 30
    """Days that the firewall's logs are kept."""
