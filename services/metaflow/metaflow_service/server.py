"""What both servers' processes do: they run the service's own applications, and end them in an orderly way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from aiohttp import web

# A load balancer keeps idle connections for 60 s: ours must outlast them, or it now and then writes to a dead one.
KEEP_ALIVE_SECONDS = 75
DRAIN_SECONDS = 20


def module(name: str) -> Any:
    """A module of the service, whose source is in the image alone.

    Args:
        name: Its full name.
    """
    return import_module(name)


def run(make: Callable[[asyncio.AbstractEventLoop, Any], web.Application], *, host: str, port: str) -> None:
    """Runs an application until it is asked to end, then lets it finish its requests.

    The service's own `main` does not: it is cut off in the middle of a request, or does not end at all.

    Args:
        make: Makes the application, given the loop and the database's configuration.
        host: Variable of the address to listen on.
        port: Variable of the port.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    configuration = module("services.utils").DBConfiguration()
    web.run_app(
        make(loop, configuration),
        host=os.environ.get(host) or "0.0.0.0",
        port=int(os.environ[port]),
        loop=loop,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=DRAIN_SECONDS,
        print=None,
    )
