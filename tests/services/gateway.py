"""API Gateway and Lambda on this machine: HTTPS to events of payload format 2.0, results to HTTPS, logs to stdout.

A program of its own, so that a function runs as it is deployed: from its archive, and with the standard library alone
(`python -I -S`). Arguments: the port, the folder with the function, its routes (JSON, true for those with an
authorizer), certificate and key. Tokens are believed as they are; that API Gateway checks them is its own matter.
"""

import base64
import importlib
import json
import logging
import ssl
import sys
import traceback
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote


class JsonLines(logging.Formatter):
    """Lambda's JSON format of Python's logs (AWS Lambda developer guide, "Log and monitor Python Lambda functions")."""

    USUAL = frozenset(vars(logging.makeLogRecord({})))

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"level": record.levelname, "message": record.getMessage(), "logger": record.name}
        if record.exc_info and record.exc_info[0]:
            line["errorType"], line["errorMessage"] = record.exc_info[0].__name__, str(record.exc_info[1])
            line["stackTrace"] = traceback.format_tb(record.exc_info[2])
        return json.dumps({**line, **{key: value for key, value in vars(record).items() if key not in self.USUAL}})


def claims_of(authorization: str) -> dict[str, str] | None:
    """Claims as API Gateway hands them on: all are texts, and lists stand in brackets without commas."""
    kind, _, token = authorization.partition(" ")
    parts = token.split(".")
    if kind != "Bearer" or len(parts) != 3:
        return None
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return {k: f"[{' '.join(v)}]" if isinstance(v, list) else str(v) for k, v in claims.items()}


class Gateway(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    function: Any
    routes: dict[str, bool]

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        key = f"{self.command} {path}"
        if key not in self.routes:
            self.answer(404, {"content-type": "application/json"}, [], b'{"message":"Not Found"}')
            return
        context: dict[str, Any] = {"requestId": uuid.uuid4().hex, "stage": "$default"}
        if self.routes[key]:
            claims = claims_of(self.headers.get("Authorization", ""))
            if claims is None:
                self.answer(401, {"www-authenticate": "Bearer"}, [], b'{"message":"Unauthorized"}')
                return
            context["authorizer"] = {"jwt": {"claims": claims, "scopes": None}}
        cookies = [each.strip() for each in self.headers.get("Cookie", "").split(";") if each.strip()]
        parameters: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
        event = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": unquote(path),
            "rawQueryString": query,
            "headers": {name.lower(): value for name, value in self.headers.items() if name.lower() != "cookie"},
            "queryStringParameters": parameters,
            "requestContext": context,
            "isBase64Encoded": False,
            **({"cookies": cookies} if cookies else {}),
        }
        result = json.loads(json.dumps(self.function(json.loads(json.dumps(event)), None)))
        self.answer(result["statusCode"], result["headers"], result["cookies"], result["body"].encode())

    def answer(self, status: int, headers: dict[str, str], cookies: list[str], body: bytes) -> None:
        """Sends an answer."""
        self.send_response(status)
        for name, value in [*headers.items(), *(("set-cookie", cookie) for cookie in cookies)]:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


def main(port: str, folder: str, routes: str, certificate: str, key: str) -> None:
    """Serves until it is stopped."""
    stream = logging.StreamHandler(sys.stdout)
    stream.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[stream])
    sys.path.insert(0, str(Path(folder)))
    Gateway.function = staticmethod(importlib.import_module("platform_api.main").handler)
    Gateway.routes = json.loads(routes)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Gateway)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
