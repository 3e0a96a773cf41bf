"""How rules read properties where a plain value is not what they ask for."""

from __future__ import annotations

import json
from typing import Any, cast

from policies.framework.resource import PlannedResource
from policies.framework.values import UNKNOWN, UnknownPropertyError, unknown_paths


def present(resource: PlannedResource, path: str) -> bool:
    """Whether a property is set, where only that matters.

    An unknown value counts: it is another resource's output. Should it turn out empty, the engine asks again, with the
    value, before it creates the resource.
    """
    value = resource.raw(path)
    return value is UNKNOWN or value not in (None, "", [], {})


def given(resource: PlannedResource, path: str) -> bool:
    """Whether the program gave a property, as stack rules must ask before they read one that may be left out.

    They see outputs, and at preview the provider marks as unknown whatever it computes where nothing is given.
    """
    root = path.split(".", 1)[0].split("[", 1)[0]
    value = resource.raw(root)
    return value is not None and (value is not UNKNOWN or root in resource.property_dependencies)


def flag(resource: PlannedResource, path: str) -> bool:
    """Whether a property is on; programs may give it as a text."""
    return str(resource.value(path)).lower() == "true"


def text(resource: PlannedResource, path: str) -> str:
    """Return a property that holds a text; empty when absent."""
    value = resource.value(path)
    return "" if value is None else str(value)


def whole(resource: PlannedResource, path: str) -> Any:
    """Return a value that is known throughout.

    Raises:
        UnknownPropertyError: If anything in it is unknown.
    """
    value = resource.value(path)
    for unknown in unknown_paths(value, path):
        raise UnknownPropertyError(path=unknown, urn=resource.urn)
    return value


def of_provider(resource: PlannedResource, key: str) -> Any:
    """Return what the resource's provider is configured with; its inputs are JSON texts on the engine."""
    given: object = resource.provider.get(key)
    return json.loads(given) if isinstance(given, str) else given


def own_accounts(resource: PlannedResource) -> tuple[str, ...]:
    """Return the accounts that the resource's provider may work in; none where nothing limits it."""
    given: object = of_provider(resource, "allowedAccountIds")
    return tuple(str(account) for account in cast("list[object]", given)) if isinstance(given, list) else ()
