"""Fixtures for all tests: the real pieces in ../shared, and a file server on 127.0.0.1."""

import re
import socket
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """Serves `files`; remembers each request as (path, Range header, bytes of the answer)."""

    def __init__(self, ranges: bool):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges = ranges
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}  # path -> bytes after which the connection breaks
        self.promised: dict[str, int] = {}  # path -> Content-Length other than the true one
        self.requests: list[tuple[str, str | None, int]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def add(self, path: str, content: bytes) -> str:
        self.files[path] = content
        return self.url(path)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        content = self.server.files.get(self.path)
        asked = self.headers.get("Range")
        if content is None:
            self.server.requests.append((self.path, asked, 0))
            self.send_error(404)
            return
        body = content
        if asked and self.server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(content):
                self.server.requests.append((self.path, asked, 0))
                self.send_error(416)
                return
            body = content[start:]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.server.requests.append((self.path, asked, len(body)))
        self.send_header("Content-Length", str(self.server.promised.get(self.path, len(body))))
        self.end_headers()
        self.wfile.write(body[: self.server.cut.get(self.path)])

    def log_message(self, *args):
        """Keep the test output clean."""


def _serve(ranges):
    server = Server(ranges)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server():
    yield from _serve(ranges=True)


@pytest.fixture
def plain_server():
    """A server that ignores Range."""
    yield from _serve(ranges=False)


@pytest.fixture
def closed_port(monkeypatch):
    """A port that refuses connections, and stands as the proxy to all but 127.0.0.1."""
    with socket.socket() as bound_but_deaf:
        bound_but_deaf.bind(("127.0.0.1", 0))
        port = bound_but_deaf.getsockname()[1]
        for scheme in ("http", "https"):
            monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies it first saw
        yield port
