"""The metadata service as far as a run needs it: its own source is on no package index."""

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class StandIn(ThreadingHTTPServer):
    """The server: it makes what is posted, and knows it when it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        """With a slash at its end, as the stack's outputs have it."""
        self.lock = threading.Lock()
        self.objects: dict[str, Any] = {}

    @contextmanager
    def serving(self) -> Generator[None]:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield
        finally:
            self.shutdown()
            self.server_close()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Status and content."""
        del headers, body
        if method == "POST":
            return 200, self._made(path)
        found = {"/ping": "pong", "/version": "2.5.1"}.get(path, self.objects.get(path))
        return (404, {}) if found is None else (200, found)

    def _made(self, path: str) -> Any:
        parts = path.strip("/").split("/")
        if parts[-1] == "heartbeat":
            return json.dumps({"wait_time_in_seconds": 1})
        with self.lock:
            number = len(self.objects) + 1
            made: dict[str, Any] = {"flow_id": parts[1], "run_number": number, "task_id": number}
            if parts[-1] in ("run", "task"):
                path = f"/{'/'.join(parts[:-1])}/{parts[-1]}s/{number}"
            self.objects[path.removesuffix("/step")] = made
        return made


class _Handler(BaseHTTPRequestHandler):
    def _any(self) -> None:
        service = cast("StandIn", self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, content = service.answer(self.command, self.path, dict(self.headers), body)
        answer = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("METADATA_SERVICE_VERSION", "2.5.1")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _any  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""
