"""The packets example's viewer by itself: repeated and broken requests."""

from __future__ import annotations

import http.client
import importlib.util
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "packets" / "viewer.py"
_spec = importlib.util.spec_from_file_location("packets_viewer", EXAMPLE)
viewer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(viewer)

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """`ask(method, path, body, headers)` gives the status and the JSON body."""
    handler = type("TestHandler", (viewer.Handler,), {"counts": viewer.Counts()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def call(method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if answer.headers["Content-Type"] == "application/json" else text

    yield call
    server.shutdown()
    server.server_close()
    thread.join()


def body(**services: int) -> bytes:
    return json.dumps({"services": services}).encode()


def test_a_repeated_packet_counts_once(ask: Ask) -> None:
    packet = str(uuid.uuid4())
    for count in (3, 3, 5):
        assert ask("PUT", f"/packets/{packet}", body(web=count, auth=1))[0] == 200
    ask("PUT", f"/packets/{packet.upper()}", body(web=5, auth=1))
    assert ask("GET", "/counts") == (200, {"total": 6, "packets": 1, "services": {"web": 5, "auth": 1}})


def test_the_page_and_what_is_not_there(ask: Ask) -> None:
    assert ask("GET", "/health") == (200, {"status": "ok"})
    status, page = ask("GET", "/")
    assert status == 200 and b"Packets by service" in page
    assert ask("GET", "/../viewer.py")[0] == 404


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"services": 3}', b'{"services": {"web": "many"}}', b"\xff"])
def test_broken_bodies_are_refused_and_change_nothing(ask: Ask, content: bytes) -> None:
    assert ask("PUT", f"/packets/{uuid.uuid4()}", content)[0] == 400
    assert ask("GET", "/counts")[1]["total"] == 0


@pytest.mark.parametrize("length", ["", "x", "-1", "0", "99999999999"])
def test_broken_lengths_are_refused(ask: Ask, length: str) -> None:
    assert ask("PUT", f"/packets/{uuid.uuid4()}", b"", {"Content-Length": length})[0] == 400


def test_a_path_that_is_no_packet(ask: Ask) -> None:
    assert ask("PUT", "/packets/../../etc/passwd", body(web=1))[0] == 404
