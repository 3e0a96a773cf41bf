"""A health check over HTTP, with nothing but the standard library: it runs every few seconds."""

from __future__ import annotations

import http.client
import sys

TIMEOUT_SECONDS = 4.0


def answers(name: str, port: str, path: str) -> int:
    """Asks a server of this task for its health.

    Args:
        name: The server, for the reason.
        port: Its port on 127.0.0.1.
        path: Path that answers 200 when it is well.

    Returns:
        0 when the server answers 200, else 1; the reason goes to stderr.
    """
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=TIMEOUT_SECONDS)
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(f"{name} on 127.0.0.1:{port} does not answer: {error}", file=sys.stderr)
        return 1
    if status != http.HTTPStatus.OK:
        print(f"{name} on 127.0.0.1:{port}{path} answers {status}", file=sys.stderr)
        return 1
    return 0
