"""What the platform is, and who asks."""

from collections.abc import Mapping
from typing import Any

from . import VERSION
from .messages import Request, Response, json_response


def health(_request: Request) -> Response:
    """Says that the function runs, and which version of it."""
    return json_response({"status": "ok", "version": VERSION})


def me(request: Request) -> Response:
    """Says who calls."""
    caller = request.caller
    return json_response(
        {
            "subject": caller.subject,
            "username": caller.username,
            "email": caller.email,
            "groups": list(caller.groups),
            "clientId": caller.client_id,
            "expiresAt": caller.expires_at,
        }
    )


def config(content: Mapping[str, Any], _request: Request) -> Response:
    """Says what clients of the platform need to know: addresses and ids, no secrets."""
    return json_response(content)
