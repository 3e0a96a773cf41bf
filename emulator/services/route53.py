"""Amazon Route 53."""

from collections.abc import Callable
from typing import Any

from moto.route53.responses import Route53

from emulator.registry import corrects


@corrects("route53", "CreateHostedZone", "a zone created with a VPC is not private", on=Route53)
def create_hosted_zone(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    if self._get_param("VPC.VPCId"):
        self.params.setdefault("HostedZoneConfig", {})["PrivateZone"] = True
    return original(self)
