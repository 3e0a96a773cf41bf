"""The metadata service's process: what Netflix's service does, and 503 instead of 500 while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import psycopg2
from aiohttp import web

from .server import module, run

RETRY_AFTER_SECONDS = 2
ENDED = "57P"
"""PostgreSQL's codes of sessions that it ends or does not begin: shutdown, start, idle for too long."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_lost: ContextVar[list[Exception]] = ContextVar("lost")
"""What the database's absence did to the request at hand."""


def main() -> None:
    """Runs the service until it is asked to end."""
    database = module("services.data.postgres_async_db")
    database.aiopg_exception_handling = _noting(database.aiopg_exception_handling)
    run(_application, host="MF_METADATA_HOST", port="MF_METADATA_PORT")


def _application(loop: asyncio.AbstractEventLoop, configuration: Any) -> web.Application:
    server = module("services.metadata_service.server")
    application: web.Application = server.app(loop, configuration, middlewares=[_retry_later])

    async def close(_: web.Application) -> None:
        pool = server.AsyncPostgresDB.get_instance().pool
        pool.terminate()
        await pool.wait_closed()

    application.on_cleanup.append(close)
    return application


@web.middleware
async def _retry_later(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers 503 when a request failed because the database could not be reached.

    It may be resuming, restarting or failing over, or its password was rotated a moment ago. Metaflow's client tries
    again after 503, for half a minute; 500 ends the flow at once.
    """
    lost: list[Exception] = []
    _lost.set(lost)
    try:
        response = await handler(request)
    except Exception as error:
        if not _is_loss(error):
            raise
        response = web.json_response({"err_msg": "the database cannot be reached"}, status=500)
        lost.append(error)
    if lost and response.status == web.HTTPInternalServerError.status_code:
        response.set_status(web.HTTPServiceUnavailable.status_code)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _noting(handle: Callable[[Exception], Any]) -> Callable[[Exception], Any]:
    """Remembers with the request what the service makes a 500 of; its answers do not always tell."""

    def handling(error: Exception) -> Any:
        if _is_loss(error):
            _lost.get([]).append(error)
        return handle(error)

    return handling


def _is_loss(error: Exception) -> bool:
    """Whether the connection failed, not the statement, which then has not been executed."""
    if not isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)):
        return False
    code: str | None = error.pgcode
    return code is None or code.startswith(ENDED)


if __name__ == "__main__":
    main()
