"""From event to answer: finds the route, demands the token, answers errors, logs one line."""

import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from .messages import Event, Problem, Request, Response, problem_response
from .routes import Route, routes
from .settings import Settings

LOG = logging.getLogger(__package__)

Handler = Callable[[Event, object], dict[str, Any]]


def application(settings: Settings) -> Handler:
    """The function for Lambda."""
    table = {route.key: route for route in routes(settings)}

    def handler(event: Event, _context: object) -> dict[str, Any]:
        started = time.perf_counter()
        request = Request.of(event)
        response, error = _answer(table, request)
        # Lambda's JSON format makes members of `extra`. Neither queries nor cookies nor headers: they hold tokens.
        line = {
            "apiRequestId": request.id,
            "route": request.route,
            "status": int(response.status),
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "subject": request.claims.get("sub"),
            "note": response.note,
        }
        LOG.log(
            logging.ERROR if error else logging.INFO,
            "request",
            exc_info=error,
            extra={key: value for key, value in line.items() if value is not None},
        )
        return response.to_result()

    return handler


def _answer(table: Mapping[str, Route], request: Request) -> tuple[Response, Exception | None]:
    try:
        route = table.get(request.route)
        if route is None:
            raise Problem(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if route.needs_token:
            _ = request.caller
        return route.answer(request), None
    except Problem as problem:
        return problem_response(problem, request.id), None
    except Exception as error:  # whatever it is: the caller gets an id, the log the reason
        failed = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something failed here. The logs have it by the request id.")
        return problem_response(failed, request.id), error
