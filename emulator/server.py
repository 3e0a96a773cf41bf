"""The server itself: moto's, with our additions, settings and two paths of our own."""

import json
import logging
import os
import socket
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "1")
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")

from moto.core.config import default_user_config
from moto.core.responses import ActionResult, BaseResponse
from moto.moto_server.werkzeug_app import (  # pyright: ignore[reportMissingTypeStubs]
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.exceptions import HTTPException
from werkzeug.serving import BaseWSGIServer, make_server

from emulator import registry
from emulator import services as services  # noqa: PLC0414
from emulator.process import HOST, INSTANCE_PATH

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Any]


class OnePacketHandler(MotoRequestHandler):
    """Sends headers and body in one packet.

    Werkzeug sends two. The Go SDK that sees the first alone drops, once in a thousand calls under load, the connection
    and repeats the call, so that a create answers "already exists".
    """

    wbufsize = -1

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log one line for each call only when it failed."""
        if str(code) >= "500":
            super().log_request(code, size)


def configure() -> None:
    """Prepare this process: our additions, no Docker, and failures that callers do not retry."""
    registry.install()
    # Moto warns that no service model knows our own error codes, which is what they are for.
    warnings.filterwarnings("ignore", message=r"Exception\(Refusal\)")
    default_user_config.update({"lambda": {"use_docker": False}, "batch": {"use_docker": False}})
    setattr(BaseResponse, "call_action", _fail_at_once(BaseResponse.call_action))  # noqa: B010 - it is typed as a method


def create(port: int, instance: str, listener: socket.socket | None = None) -> BaseWSGIServer:
    """A threaded server bound to loopback, on a listening socket or on a port; port 0 takes a free one."""
    logging.getLogger("werkzeug").setLevel(logging.INFO)
    app = _answering(DomainDispatcherApplication(create_backend_app), instance)
    fd = listener.fileno() if listener else None
    return make_server(HOST, port, app, threaded=True, request_handler=OnePacketHandler, fd=fd)


def serve_in_thread(port: int = 0, instance: str = "in-process") -> tuple[BaseWSGIServer, str]:
    """Serve within this process, for tests; returns the server (to shut down) and its URL."""
    configure()
    server = create(port, instance)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://{HOST}:{server.port}"


def _answering(app: Wsgi, instance: str) -> Wsgi:
    """Moto's application with our own path, and with failures outside of `call_action` (S3's) that are not retried."""

    def send(start_response: Callable[..., Any], status: str, kind: str, text: str) -> list[bytes]:
        body = text.encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("PATH_INFO") == INSTANCE_PATH:
            body = json.dumps({"instance": instance, "pid": os.getpid()})
            return send(start_response, "200 OK", "application/json", body)
        try:
            return app(environ, start_response)
        except Exception as error:
            traceback.print_exc()
            message = escape(f"the emulator failed: {error!r}")
            body = f"<Error><Code>EmulatorFailure</Code><Message>{message}</Message></Error>"
            return send(start_response, "400 Bad Request", "application/xml", body)

    return answer


def _fail_at_once(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Turn an operation that moto lacks, or breaks on, into a refusal.

    As an internal error the Go SDK would repeat it 25 times, for half an hour, before it says what is missing.
    """
    if getattr(original, "fails_at_once", False):
        return original

    def call_action(self: Any) -> Any:
        try:
            return original(self)
        except HTTPException:
            raise
        except NotImplementedError as error:
            message = f"the emulator has no {self.service_name} {self._get_action()}: {error}"
            return _refusal(self, "EmulatorNotImplemented", message)
        except Exception as error:
            traceback.print_exc()
            message = f"the emulator failed in {self.service_name} {self._get_action()}: {error!r}"
            return _refusal(self, "EmulatorFailure", message)

    call_action.fails_at_once = True  # type: ignore[attr-defined]
    return call_action


def _refusal(response: Any, code: str, message: str) -> Any:
    return response.serialized(ActionResult(registry.Refusal(code, message)))
