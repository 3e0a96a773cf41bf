"""Amazon Route 53."""

from collections.abc import Callable
from typing import Any

from moto.route53.models import HostedZoneIdentifier
from moto.route53.responses import Route53

from emulator.registry import corrects


@corrects("route53", "CreateHostedZone", "a zone created with a VPC is not private", on=Route53)
def create_hosted_zone(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    if self._get_param("VPC.VPCId"):
        self.params.setdefault("HostedZoneConfig", {})["PrivateZone"] = True
    return original(self)


@corrects(
    "route53", "CreateHostedZone", "ids do not begin with Z, as AWS's do", on=HostedZoneIdentifier, attribute="generate"
)
def hosted_zone_id(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> str:  # noqa: D103
    return f"Z{original(self, *args, **kwargs)[1:]}"
