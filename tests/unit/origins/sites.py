"""A real https server on this machine, with a certificate authority of its own, and answers that a bad one would give."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

Answer = bytes | Callable[[BaseHTTPRequestHandler], None]


class Site:
    """`files` maps a path to its content, or to what answers; `asked` are the paths that were asked for."""

    def __init__(self, server: ThreadingHTTPServer, name: str, scheme: str) -> None:
        self.files: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.port = server.server_address[1]
        self.host = f"{name}:{self.port}" if scheme == "https" else f"http://{name}:{self.port}"
        self.url = f"{scheme}://{name}:{self.port}"
        self.stop = threading.Event()


@contextlib.contextmanager
def site(name: str, authority: trustme.CA | None = None, certificate: str | None = None) -> Iterator[Site]:
    """Serves on 127.0.0.1 under the host name `name`; over https where there is an `authority`. `certificate` is the name in
    the certificate, `name` by default."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append(self.path)
            answer = found.files.get(self.path)
            if callable(answer):
                answer(self)
                return
            self.send_response(200 if answer is not None else 404)
            self.send_header("Content-Length", str(len(answer or b"")))
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # clients that refuse to go on are what is tested

    server = Server(("127.0.0.1", 0), Handler)
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(certificate or name).configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found = Site(server, name, "https" if authority is not None else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stop.set()
        server.shutdown()
        server.server_close()


def redirect(location: str, status: int = 302) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def raw(*parts: bytes, stop: threading.Event | None = None, pause: float = 0.0, forever: bool = False) -> Answer:
    """These bytes, with a pause after each; the last one again and again where it is to go on `forever`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        with contextlib.suppress(OSError):
            for part in parts:
                handler.wfile.write(part)
                time.sleep(pause)
            while forever and not (stop and stop.wait(pause)):
                handler.wfile.write(parts[-1])

    return answer


class Names:
    """What a resolver answers for the names of these tests: addresses in turn, the last one for ever. Real for all others."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self._real = socket.getaddrinfo

    def __call__(self, host: Any, port: Any, *args: Any, **keywords: Any) -> Any:
        if host not in self.answers:
            return self._real(host, port, *args, **keywords)
        self.asked.append(host)
        turns = self.answers[host]
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses
        ]


def trust(authority: trustme.CA, directory: Path) -> str:
    """A file for SSL_CERT_FILE."""
    path = directory / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
