"""What a pack's configuration declares by name."""

from __future__ import annotations

from policies.framework.globs import matches
from policies.framework.resource import PlannedResource
from policies.framework.rule import Settings


def listed(resource: PlannedResource, settings: Settings, option: str) -> bool:
    """Whether an option lists a resource, by a pattern of its logical name."""
    return any(matches(pattern, resource.name) for pattern in settings.strings(option, resource.stack))
