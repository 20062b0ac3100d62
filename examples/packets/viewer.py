"""The viewer: packets' counts come in by REST, a page shows them and updates itself.

    PUT /packets/<packet id>   {"services": {"web": 12, ...}}   replaces the packet's counts, so it may be repeated
    GET /counts                {"total", "packets", "services": {...}}
    GET /events                the same as server-sent events, whenever it changes
    GET /health                200 as soon as the counts so far were read from the database
    GET /                      the page

Environment: PORT, DB_URL.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections import Counter
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).with_name("viewer.html")
PACKET = re.compile(r"/packets/([0-9a-fA-F-]{36})")
LONGEST = 1 << 20
"""Bytes of a request's body."""


class Counts:
    """Counts by packet and service. `changed` is notified at every change; `version` counts them."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.version = 0
        self._packets: dict[str, dict[str, int]] = {}

    def put(self, packet: str, services: dict[str, int]) -> None:
        with self.changed:
            self._packets[packet] = services
            self.version += 1
            self.changed.notify_all()

    def summary(self) -> dict:
        with self.changed:
            services: Counter[str] = Counter()
            for counts in self._packets.values():
                services.update(counts)
            return {"total": services.total(), "packets": len(self._packets), "services": dict(services.most_common())}


def load(counts: Counts, db_url: str) -> None:
    """What was counted before this process started."""
    import psycopg

    packets: dict[str, dict[str, int]] = {}
    with psycopg.connect(db_url) as connection:
        for packet, service, number in connection.execute("SELECT packet_id, service, count(*) FROM record GROUP BY 1, 2"):
            packets.setdefault(str(packet), {})[service] = number
    for packet, services in packets.items():
        counts.put(packet, services)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    counts: Counts

    def do_PUT(self) -> None:
        match = PACKET.fullmatch(self.path)
        length = self.headers.get("Content-Length", "")
        if match is None or not length.isdecimal() or not 0 < int(length) <= LONGEST:
            self.close_connection = True  # the body is not read
            status = HTTPStatus.NOT_FOUND if match is None else HTTPStatus.BAD_REQUEST
            self._send(status, {"error": "wanted: PUT /packets/<uuid> with a body of at most 1 MiB and its length"})
            return
        try:
            services = {str(name): int(number) for name, number in json.loads(self.rfile.read(int(length)))["services"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            self._send(HTTPStatus.BAD_REQUEST, {"error": 'wanted: {"services": {name: count}}'})
            return
        self.counts.put(match[1].lower(), services)
        self._send(HTTPStatus.OK, {"packet": match[1].lower()})

    def do_GET(self) -> None:
        if self.path == "/":
            self._reply(HTTPStatus.OK, PAGE.read_bytes(), "text/html; charset=utf-8")
        elif self.path == "/counts":
            self._send(HTTPStatus.OK, self.counts.summary())
        elif self.path == "/health":
            self._send(HTTPStatus.OK, {"status": "ok"})
        elif self.path == "/events":
            self._events()
        else:
            self._send(HTTPStatus.NOT_FOUND, {"error": "not found"})

    def _events(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        shown = -1
        while True:
            with self.counts.changed:
                self.counts.changed.wait_for(lambda seen=shown: self.counts.version != seen, timeout=15)
                shown = self.counts.version
            try:
                self.wfile.write(f"data: {json.dumps(self.counts.summary())}\n\n".encode())
                self.wfile.flush()
            except OSError:
                return

    def _send(self, status: HTTPStatus, body: dict) -> None:
        self._reply(status, json.dumps(body).encode(), "application/json")

    def _reply(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Only errors are worth a line."""


def main() -> None:
    handler = type("CountsHandler", (Handler,), {"counts": Counts()})
    # The port is taken first and the database read then: a count that is told in between waits in the backlog, none is lost.
    server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), handler)
    server.daemon_threads = True
    load(handler.counts, os.environ["DB_URL"])
    print(f"listening on {server.server_address[0]}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
