"""A server on this machine that answers as told, well or badly, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler, threading.Event], None]
"""Writes a reply; the event is set when the test is over, for replies that would go on for ever."""


@dataclass
class LocalServer:
    """Sends the queued replies, or what `answer` makes of each request. Headers are kept in small letters."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    answer: Callable[[Any], object] | None = None
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, headers: dict[str, str], body: Any) -> Reply:
        """The reply to a request."""
        with self._lock:
            self.asked.append((path, headers, body))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            return self.replies.pop(0) if self.answer is None else json_reply(self.answer(body))

    def done(self) -> None:
        """A request has been answered."""
        with self._lock:
            self._at_once -= 1


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    """A whole reply; `content_type` is a header, too."""

    def write(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        handler.send_response(status)
        for name, value in {**headers, "content_length": str(len(body))}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return write


def json_reply(value: object, status: int = 200, **headers: str) -> Reply:
    """A reply of JSON."""
    return reply(status, json.dumps(value).encode(), content_type="application/json", **headers)


def dripping(start: bytes, drop: bytes, wait_s: float = 0.02) -> Reply:
    """`start`, and then `drop` again and again until the client is gone."""

    def write(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        handler.close_connection = True
        handler.wfile.write(start)
        while not over.wait(wait_s):
            handler.wfile.write(drop)

    return write


def broken_off(body: bytes, promised: int) -> Reply:
    """Less than the length that it promises."""

    def write(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % promised + body)

    return write


def silence(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """No reply at all."""
    handler.close_connection = True
    over.wait(30)


@contextmanager
def local_server() -> Iterator[LocalServer]:
    """A running server; it is gone at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body go out by themselves: without this each reply waits 40 ms for the client's late acknowledgement.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            write = state.take(self.path, headers, json.loads(content))
            try:
                write(self, state.over)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                state.done()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that hangs up is what some of the tests are about

    server = Server(("127.0.0.1", 0), Handler)
    state = LocalServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
