"""A proxy in front of one service's real API that loses, delays and refuses as it is told."""

from __future__ import annotations

import http.client
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

Action = Literal["refuse", "reset", "lose", "slow", "call", "call-after"]
_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length", "host", "accept-encoding"})


@dataclass
class Rule:
    """What happens to the next `times` requests that match `METHOD path?query` (a regular expression, search), after the first
    `skip` of them.

    refuse      answered with `status` and `headers`, never forwarded
    reset       the connection is reset, never forwarded
    lose        forwarded, and the answer is thrown away with the connection
    slow        forwarded after `seconds`
    call        `call()` first, then the connection is closed, never forwarded
    call-after  forwarded, then `call()`, then the connection is closed
    """

    matches: str
    action: Action
    times: int = 1
    skip: int = 0
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    call: Callable[[], None] = lambda: None
    used: int = 0


class Proxy:
    """`url` stands for `upstream`; `asked` is what was asked for, in order. Closed by the `with` block."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.rules: list[Rule] = []
        self.asked: list[str] = []
        self._lock = threading.Lock()
        self._open()

    def _open(self, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.upstream.path}"

    def add(self, matches: str, action: Action, **more: Any) -> Rule:
        rule = Rule(matches, action, **more)
        self.rules.append(rule)
        return rule

    def gone(self) -> None:
        """Nobody listens any more, until `back`."""
        self._server.shutdown()
        self._server.server_close()

    def back(self) -> None:
        self._open(self.port)

    def count(self, matches: str) -> int:
        return sum(bool(re.search(matches, one)) for one in self.asked)

    def rule_for(self, request: str) -> Rule | None:
        with self._lock:
            self.asked.append(request)
            for rule in self.rules:
                if re.search(rule.matches, request):
                    rule.used += 1
                    if rule.skip < rule.used <= rule.skip + rule.times:
                        return rule
            return None

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.gone()


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            rule = proxy.rule_for(f"{self.command} {self.path}")
            if rule is None:
                self._answer(*self._forwarded(body))
            elif rule.action == "refuse":
                text = json.dumps({"error": {"message": "injected", "code": rule.status}}).encode()
                self._answer(rule.status, [("Content-Type", "application/json"), *rule.headers.items()], text)
            elif rule.action == "slow":
                time.sleep(rule.seconds)
                self._answer(*self._forwarded(body))
            else:
                if rule.action in ("lose", "call-after"):
                    self._forwarded(body)
                rule.call()
                self._cut(reset=rule.action == "reset")

        def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            assert proxy.upstream.hostname is not None
            connection = http.client.HTTPConnection(proxy.upstream.hostname, proxy.upstream.port, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            text = response.read()
            connection.close()
            return response.status, [(k, v) for k, v in response.getheaders() if k.lower() not in _HOP], text

        def _answer(self, status: int, headers: list[tuple[str, str]], text: bytes) -> None:
            try:
                self.send_response_only(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)
            except OSError:  # who asked has gone
                self.close_connection = True

        def _cut(self, *, reset: bool) -> None:
            self.close_connection = True
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            else:
                self.connection.shutdown(socket.SHUT_RDWR)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any

    return Handler
