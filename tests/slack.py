"""Stands in for Slack's address, and is a real one: an HTTP server that keeps what it is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Answers 200 as Slack does, another status, or (0) nothing until it is released."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = 200
        self.retry_after = ""
        self.texts: list[str] = []
        self.released = threading.Event()

    @property
    def address(self) -> str:
        """What a person would paste into the connection."""
        return f"http://127.0.0.1:{self.server_address[1]}/services/T0/B0/secret"

    @property
    def connection(self) -> str:
        """The connection as the environment names it."""
        return json.dumps({"conn_type": "slackwebhook", "password": self.address})


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.texts.append(json.loads(body)["text"])
        if not self.server.answer:
            self.server.released.wait(120)
            return
        self.send_response(self.server.answer)
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(b"ok" if self.server.answer == 200 else b"no_service")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def listening() -> Iterator[Receiver]:
    """One that answers until the end of this, and then releases the requests that still wait."""
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
