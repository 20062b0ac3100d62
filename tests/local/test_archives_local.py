"""A deployment from an archive: its files are there for the programs, for as long as the deployment is, and go with it."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import bbq

pytestmark = pytest.mark.local

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    page:
      type: bbq.nodes.Service
      properties: { command: [ python, page.py ], directory: web, sources: [ "*.html" ], health_path: /index.html }
    other:
      type: bbq.nodes.Service
      properties: { command: [ python, page.py ], directory: other, health_path: /index.html }
    job:
      type: bbq.nodes.Job
      properties: { command: [ ./run.sh ] }
      requirements: [ { dependency: page } ]
  outputs:
    url: { value: { $get_attribute: [ page, url ] } }
    other: { value: { $get_attribute: [ other, url ] } }
"""
PAGE = """\
import os
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), SimpleHTTPRequestHandler).serve_forever()
"""
FILES = {
    "defs/service.yaml": TEMPLATE,
    "defs/web/page.py": PAGE,
    "defs/web/index.html": "first",
    "defs/other/page.py": PAGE,
    "defs/other/index.html": "other",
    "defs/run.sh": "#!/bin/sh\ncat web/index.html\n",
    "TOSCA.meta": "CSAR-Version: 2.0\nCreated-By: me\nEntry-Definitions: defs/service.yaml\n",
}


def pack(path: Path, **pages: str) -> None:
    changed = {f"defs/{name}/index.html": text for name, text in pages.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (FILES | changed).items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            archive.writestr(info, text)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "demo.csar"
    pack(path)
    yield path
    for deployment in bbq.deployments():
        deployment.destroy()


def get(url: str) -> str:
    with urllib.request.urlopen(f"{url}/index.html", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def files(d: bbq.Deployment) -> Path:
    return d._workspace.files_directory(d.id)


def test_a_life_from_an_archive(archive: Path) -> None:
    d = bbq.deploy(archive, provider="local")
    assert d.name == "demo" and get(d.outputs["url"]) == "first"
    assert d.nodes["job"].logs() == "first\n"
    (first,) = files(d).iterdir()
    before = d.nodes["other"].attributes["url"]
    pack(archive, web="second")
    d.update()
    assert get(d.outputs["url"]) == "second"
    assert d.nodes["other"].attributes["url"] == before and get(d.outputs["other"]) == "other"
    assert {path.name for path in files(d).iterdir()} > {first.name}, "who was not changed still runs in the first one"
    assert d.drift() == []
    d.destroy()
    assert not files(d).parent.exists()


KILLED = """
import os, signal, sys
from bbq.cli.main import main
real, calls = os.fsync, 0
def fsync(descriptor):
    global calls
    calls += "/files/" in os.readlink(f"/proc/self/fd/{descriptor}")
    if calls == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    real(descriptor)
os.fsync = fsync
sys.exit(main(["up", sys.argv[2], "--provider", "local", "--yes", "-q"]))
"""


@pytest.mark.parametrize("at", [1, 4, 10])
@pytest.mark.parametrize("then", ["resume", "destroy"])
def test_killed_while_its_files_are_written(archive: Path, at: int, then: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(at), str(archive)], capture_output=True, timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    d = bbq.open("demo")
    assert files(d).exists() and d.nodes == {}
    if then == "resume":
        d.resume()
        assert get(d.outputs["url"]) == "first"
        assert len(list(files(d).iterdir())) == 1
    d.destroy()
    assert not files(d).parent.exists()


def test_no_room_for_the_files(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:  # to undo all would bring the user's own home back
        patch.setattr("bbq.origins.archive._sync", full)
        with pytest.raises(bbq.QuotaError, match=r"demo\.csar"):
            bbq.deploy(archive, provider="local")
    assert bbq.deployments() == [], "a name that stands for nothing is not kept"
    (state,) = Path.home().glob(".local/state/bbq")
    assert not [path for path in (state / "deployments").rglob("*") if path.is_file()]


def test_the_archive_is_another_one_when_the_plan_is_carried_out(archive: Path) -> None:
    code = (
        "import sys, zipfile, bbq.operations.change\nfrom bbq.cli.main import main\n"
        "real = bbq.operations.change.Change.run\n"
        "def run(self, **options):\n"
        "    zipfile.ZipFile(sys.argv[1], 'a').writestr('more', '')\n"
        "    return real(self, **options)\n"
        "bbq.operations.change.Change.run = run\n"
        "sys.exit(main(['up', sys.argv[1], '--provider', 'local', '--format', 'json', '-q']))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(archive)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert "was changed just now" in json.loads(done.stdout.splitlines()[-1])["message"]
    assert bbq.deployments() == []
