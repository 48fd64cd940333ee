"""A small HTTP server of this process that plays one which fails, or which is not the one that was meant."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Reply:
    """One answer; `promised` is the length that it announces, where that is not the one that it has."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    promised: int | None = None


@contextmanager
def answering(answer: Callable[[Asked], Reply]) -> Iterator[str]:
    """The address of a server that gives these answers, to every method."""

    class Handler(BaseHTTPRequestHandler):
        # boto3 waits a second for "100 Continue", which a server of HTTP/1.0 never says.
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            reply = answer(Asked(self.command, self.path, body, self.headers.get("content-type") or ""))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("connection", "close")
            if reply.status != 204:
                self.send_header("content-length", str(len(reply.body) if reply.promised is None else reply.promised))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_ignored: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
