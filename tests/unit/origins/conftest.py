from __future__ import annotations

from pathlib import Path

import pytest
import sites
import trustme

from bbq.origins import network


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def loopback(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sites.Names:
    """The seam: 127.0.0.1, and nothing else that is not public, counts as public; names are what the test says; the tests' own
    authority is trusted."""
    real = network.address_problem
    monkeypatch.setattr(network, "address_problem", lambda address: None if address == "127.0.0.1" else real(address))
    monkeypatch.setenv("SSL_CERT_FILE", sites.trust(authority, tmp_path))
    names = sites.Names(**{name: [["127.0.0.1"]] for name in ("types.example", "other.example")})
    monkeypatch.setattr("socket.getaddrinfo", names)
    return names
