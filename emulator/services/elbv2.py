"""Elastic Load Balancing v2."""

from collections.abc import Callable
from typing import Any

from moto.elbv2.responses import ELBV2Response

from emulator.registry import corrects

FLAG = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
DROPPED = f"drops {FLAG}"


def _keep_flag(self: Any, arn: str) -> None:
    if value := self._get_param(FLAG):
        balancer = self.elbv2_backend.load_balancers[arn]
        balancer.enforce_security_group_inbound_rules_on_private_link_traffic = value


@corrects("elbv2", "CreateLoadBalancer", f"{DROPPED}, answers no scheme where none was asked for", on=ELBV2Response)
def create_load_balancer(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    balancer = answer.result["LoadBalancers"][0]
    balancer.scheme = balancer.scheme or "internet-facing"
    _keep_flag(self, balancer.arn)
    return answer


@corrects("elbv2", "SetSecurityGroups", DROPPED, on=ELBV2Response)
def set_security_groups(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    _keep_flag(self, self._get_param("LoadBalancerArn"))
    return answer
