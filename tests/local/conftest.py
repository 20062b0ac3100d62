"""For all tests with real components."""

from __future__ import annotations

import pytest

from bbq.pytest_plugin import import_for_threads


@pytest.fixture(scope="session", autouse=True)
def _modules() -> None:
    import_for_threads()
