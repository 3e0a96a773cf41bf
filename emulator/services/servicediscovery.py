"""AWS Cloud Map."""

from collections.abc import Callable
from typing import Any

from moto.route53.models import route53_backends
from moto.servicediscovery.models import ServiceDiscoveryBackend
from moto.utilities.utils import get_partition

from emulator.registry import corrects


@corrects(
    "servicediscovery",
    "DeleteNamespace",
    "leaves the namespace's hosted zone behind",
    on=ServiceDiscoveryBackend,
    attribute="delete_namespace",
)
def delete_namespace(original: Callable[..., Any], self: Any, namespace_id: str) -> str:  # noqa: D103
    namespace = self.namespaces.get(namespace_id)
    operation = original(self, namespace_id)
    properties: dict[str, str] = namespace.dns_properties or {}
    if zone := properties.get("HostedZoneId"):
        zones = route53_backends[self.account_id][get_partition(self.region_name)].zones
        zones.pop(zone.removeprefix("/hostedzone/"), None)
    return operation
