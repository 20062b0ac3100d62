"""The viewer's page in a real browser: it shows the counts, follows them, and takes service names as text."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
import uuid
from pathlib import Path

import pytest

import bbq

EXAMPLE = Path(__file__).parents[2] / "examples" / "packets"
TEMPLATE = f"""\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    db:
      type: bbq.nodes.Database
      properties: {{ schema_file: {EXAMPLE / "schema.sql"} }}
    viewer:
      type: bbq.nodes.Service
      properties:
        command: [ python, viewer.py ]
        directory: {EXAMPLE}
        health_path: /health
      requirements:
        - connection: db
  outputs:
    url: {{ value: {{ $get_attribute: [ viewer, url ] }} }}
"""
EVIL = "<img src=x onerror=document.title='pwned'>"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--window-size=900,490",
)


def browse(profile: Path, url: str, *options: str, milliseconds: int = 4000) -> str:
    command = [shutil.which("chromium"), f"--user-data-dir={profile}", *FLAGS, f"--timeout={milliseconds}", *options, url]
    return subprocess.run(command, check=True, capture_output=True, timeout=120, text=True).stdout


def page_with(text: str, profile: Path, url: str) -> str:
    """The page once it shows `text`; the counts come after the page, and on a busy machine Chromium gives up before them."""
    page = ""
    for milliseconds in (4000, 8000, 16000, 30000):
        page = browse(profile, url, "--dump-dom", milliseconds=milliseconds)
        if text in page:
            break
    return page


@pytest.mark.browser
@pytest.mark.local
def test_the_page_shows_the_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    template = tmp_path / "service.yaml"
    template.write_text(TEMPLATE)
    with bbq.ephemeral(str(template), provider="local", name="viewer-test", ttl="1h") as deployment:
        url = deployment.outputs["url"]
        assert "No records yet" in page_with("No records yet", tmp_path / "profile", f"{url}/")

        def put(packet: str, services: dict[str, int]) -> None:
            body = json.dumps({"services": services}).encode()
            urllib.request.urlopen(
                urllib.request.Request(f"{url}/packets/{packet}", data=body, method="PUT"), timeout=10
            ).close()

        packet = str(uuid.uuid4())
        put(packet, {"web": 1500, "auth": 300})
        put(packet, {"web": 1500, "auth": 300})
        put(str(uuid.uuid4()), {"web": 500, EVIL: 2})
        page = page_with("2,302", tmp_path / "profile", f"{url}/")
        assert '<dd id="total">2,302</dd>' in page and '<dd id="packets">2</dd>' in page
        assert '<td class="number">2,000</td>' in page and "width: 15%" in page
        assert "&lt;img src=x" in page and "<img" not in page and "pwned</title>" not in page
        browse(tmp_path / "profile", f"{url}/", f"--screenshot={tmp_path / 'page.png'}")
        assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG") and (tmp_path / "page.png").stat().st_size > 5000
