from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from operated import Operated
from sshd import Sshd, missing


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    if reason := missing():
        pytest.skip(reason)
    server = Sshd(tmp_path / "sshd")
    server.start()
    try:
        if server.user != "root" and server.locked():
            pytest.skip("sshd lets nobody into this user's account, whose password is locked")
        yield server
    finally:
        server.stop()


@pytest.fixture
def operated(tmp_path: Path, sshd: Sshd) -> Iterator[Operated]:
    """On a server that is reached by SSH."""
    made = Operated(tmp_path, sshd)
    yield made
    made.options["BBQ_ANSIBLE__SKIP_FAILED_DELETES"] = "true"
    made.run("destroy", "op", "--yes")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Operated]:
    """On this machine, allowed."""
    made = Operated(tmp_path)
    made.options["BBQ_ANSIBLE__ALLOW_LOCALHOST"] = "true"
    yield made
    made.options["BBQ_ANSIBLE__SKIP_FAILED_DELETES"] = "true"
    made.run("destroy", "op", "--yes")
