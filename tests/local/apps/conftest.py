"""Each test must leave nothing: no process with its tag, no file, no listener on a port that a node had."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_site import Site

from bbq.providers.supervisor import proc


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def make(**options: Any) -> Site:
        sites.append(Site(tmp_path / f"s{len(sites)}", **options))
        return sites[-1]

    yield make
    for site in sites:
        site.destroy()
        assert site.processes() == []
        assert proc.tagged({"BBQ_REAPER": site.id}) == []
        assert not Path(site.context.state_dir).exists()
        assert not Path(tempfile.gettempdir(), f"bbq-{site.id}").exists()
        assert proc.listening(site.ports) == {}


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()
