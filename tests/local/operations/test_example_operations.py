"""`examples/operations` on a server and on this machine; what it started is let alone until `stop`."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from brokers import free_port
from operated import Operated

pytestmark = pytest.mark.local
EXAMPLE = Path(__file__).parents[3] / "examples" / "operations"


def _page(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def test_the_example_in_an_archive(here: Operated, tmp_path: Path) -> None:
    """What operations run and what comes along is in the archive; the destroy needs it no more."""
    shutil.copytree(EXAMPLE, here.directory, dirs_exist_ok=True)
    here.ok("package", "service.yaml", "--output", "page.csar")
    for path in here.directory.iterdir():
        if path.name != "page.csar":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    port, place = free_port(), tmp_path / "page"
    inputs = ("--input", f"port={port}", "--input", f"place={place}")
    here.ok("up", "page.csar", "--name", "op", "--yes", *inputs)
    assert _page(port) == "<h1>Hello</h1>\n"
    assert "nothing to do" in here.ok("up", "page.csar", "--name", "op", "--yes")
    (here.directory / "page.csar").unlink()
    here.ok("destroy", "op", "--yes")
    assert not place.exists()
    here.nothing_left()


@pytest.mark.parametrize("where", ["operated", "here"])
def test_the_example(where: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    example: Operated = request.getfixturevalue(where)
    shutil.copytree(EXAMPLE, example.directory, dirs_exist_ok=True)
    port, place = free_port(), tmp_path / "page"
    example.up("--input", f"port={port}", "--input", f"place={place}")
    assert example.outputs() == {"url": f"http://127.0.0.1:{port}/", "python": "/usr/bin/python3"}
    assert _page(port) == "<h1>Hello</h1>\n"
    assert (place / "words.txt").read_text() == "Words that come with the script.\n"
    example.up("--input", "title=Good-bye")
    assert _page(port) == "<h1>Good-bye</h1>\n"
    example.ok("destroy", "op", "--yes")
    with pytest.raises(urllib.error.URLError):
        _page(port)
    assert not place.exists()
    example.nothing_left()
