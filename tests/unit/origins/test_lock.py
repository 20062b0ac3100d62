"""Imports by URL: mapped, locked and cached, fetched where that is allowed, and refused; through the real command line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sites
import trustme
import yaml

import bbq
import bbq.tosca
from bbq import validation
from bbq.cli.main import main
from bbq.diagnostics import DiagnosticBag
from bbq.origins import cache, lock
from bbq.origins.lock import Pin
from bbq.yamlreader import read_bytes

HEAD = "tosca_definitions_version: tosca_2_0\n"
TYPES = HEAD + "imports: [ more/b.yaml ]\nnode_types: { N: { derived_from: M } }\n"
MORE = HEAD + "node_types: { M: { properties: { p: { type: integer, default: 1 } } } }\n"
SERVICE = HEAD + "imports: [ '{}/types/a.yaml' ]\nservice_template:\n  node_templates:\n    n: {{ type: N }}\n"


@pytest.fixture
def site(authority: trustme.CA, loopback: sites.Names) -> Any:
    with sites.site("types.example", authority) as found:
        found.files |= {"/types/a.yaml": TYPES.encode(), "/types/more/b.yaml": MORE.encode()}
        yield found


@pytest.fixture
def project(site: sites.Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "service.yaml").write_text(SERVICE.format(site.url))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    def run(*arguments: str) -> tuple[int, Any]:
        code = main([*arguments, "--format", "json"])
        text = capsys.readouterr().out
        return code, json.loads(text) if text.strip() else None

    return run


def codes(answer: Any) -> list[str]:
    return [item["code"] for item in answer.get("diagnostics", [])]


Run = Callable[..., tuple[int, Any]]


def test_lock_then_work_without_the_network(project: Path, site: sites.Site, run: Run) -> None:
    code, answer = run("lock", "service.yaml", "--allow-host", site.host)
    assert code == 0
    assert [(row["import"], row["state"]) for row in answer["rows"]] == [
        (f"{site.url}/types/a.yaml", "new"),
        (f"{site.url}/types/more/b.yaml", "new"),
    ]
    written = yaml.safe_load((project / "bbq.lock").read_text())
    assert written["version"] == 1
    entry = written["imports"][f"{site.url}/types/a.yaml"]
    assert (entry["sha256"], entry["size"]) == (hashlib.sha256(TYPES.encode()).hexdigest(), len(TYPES))
    assert entry["fetched"].endswith("Z")
    assert sorted(site.asked) == ["/types/a.yaml", "/types/more/b.yaml"]
    for more in ((), ("--offline",), ("--allow-host", site.host)):
        code, answer = run("validate", "service.yaml", *more)
        assert code == 0 and codes(answer) == []
    assert len(site.asked) == 2, "everything else came from the cache"
    assert bbq.validate("service.yaml") == []


def test_nothing_is_fetched_without_leave(
    project: Path, site: sites.Site, loopback: sites.Names, run: Run, monkeypatch
) -> None:
    for more in ((), ("--offline", "--allow-host", site.host)):
        code, answer = run("validate", "service.yaml", *more)
        assert code == 4 and codes(answer) == ["BBQ-T021"]
        assert f"--allow-host {site.host}" in answer["diagnostics"][0]["hint"]
    code, answer = run("validate", "service.yaml", "--allow-host", "other.example")
    assert code == 4 and codes(answer) == ["BBQ-T330"]
    assert [item.code for item in bbq.validate("service.yaml", offline=False)] == ["BBQ-T021"]
    assert bbq.tosca.load("service.yaml")[1][0].code == "BBQ-T021"
    assert site.asked == loopback.asked == []
    code, answer = run("lock", "service.yaml")
    assert code == 4 and codes(answer) == ["BBQ-T021"] and not (project / "bbq.lock").exists()


def test_with_leave_it_is_fetched_and_the_user_is_told_that_it_is_not_pinned(
    project: Path, site: sites.Site, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, answer = run("validate", "service.yaml", "--allow-host", site.host)
    assert code == 0 and codes(answer) == ["BBQ-T321"] * 2
    shown = [(item["severity"], item["file"], item["line"]) for item in answer["diagnostics"]]
    assert ("warning", f"{site.url}/types/a.yaml", 2) in shown and ("warning", "service.yaml", 2) in shown
    assert not cache.directory().exists(), "nobody asked to keep anything"
    monkeypatch.setenv("BBQ_TOSCA__ALLOWED_HOSTS", f"other.example, {site.host}")
    assert [item.code for item in bbq.validate("service.yaml")] == ["BBQ-T321"] * 2
    assert [item.code for item in bbq.validate("service.yaml", offline=True)] == ["BBQ-T021"]
    monkeypatch.delenv("BBQ_TOSCA__ALLOWED_HOSTS")
    (tmp_path / "bbq.conf").write_text(f"[tosca]\nallowed_hosts = {site.host}\n")
    for command in (("validate",), ("plan", "--provider", "simulator")):
        code, answer = run(command[0], "service.yaml", *command[1:], "--config-file", str(tmp_path / "bbq.conf"))
        assert code == 0, answer
    monkeypatch.setenv("BBQ_TOSCA__ALLOWED_HOSTS", "*.example.org")
    code, answer = run("validate", "service.yaml")
    assert code == 5 and "allowed_hosts" in answer["message"]


def test_what_the_network_said_is_not_remembered(project: Path, site: sites.Site) -> None:
    def check() -> list[str]:
        return [item.code for item in validation.check(["service.yaml"], import_map={}, allowed_hosts=(site.host,)).found]

    assert check() == check() == ["BBQ-T321"] * 2 and len(site.asked) == 4
    site.files["/types/a.yaml"] = b"x: ["
    assert "BBQ-T321" in check() and check() != ["BBQ-T321"] * 2


def test_a_file_that_changed(project: Path, site: sites.Site, run: Run) -> None:
    assert run("lock", "service.yaml", "--allow-host", site.host)[0] == 0
    before = (project / "bbq.lock").read_text()
    site.files["/types/a.yaml"] = (TYPES + "# changed\n").encode()
    assert run("validate", "service.yaml", "--allow-host", site.host)[0] == 0, "what is pinned is used, not what is there now"
    for file in cache.directory().iterdir():
        file.unlink()
    code, answer = run("validate", "service.yaml", "--allow-host", site.host)
    assert code == 4 and codes(answer) == ["BBQ-T322"]
    assert "bbq.lock:" in answer["diagnostics"][0]["message"]
    code, answer = run("lock", "service.yaml", "--allow-host", site.host)
    assert code == 4 and codes(answer) == ["BBQ-T322"] and (project / "bbq.lock").read_text() == before
    code, answer = run("lock", "service.yaml", "--allow-host", site.host, "--update")
    assert code == 0 and [row["state"] for row in answer["rows"]] == ["changed", "kept"]
    assert run("validate", "service.yaml", "--offline")[0] == 0


def test_a_cache_that_is_lost_or_spoilt(project: Path, site: sites.Site, run: Run) -> None:
    assert run("lock", "service.yaml", "--allow-host", site.host)[0] == 0
    first = (project / "bbq.lock").read_text()
    files = sorted(cache.directory().iterdir())
    files[0].write_bytes(b"spoilt")
    files[1].write_bytes(b"")
    code, answer = run("validate", "service.yaml")
    assert code == 4 and codes(answer) == ["BBQ-T323"]
    assert f"--allow-host {site.host}" in answer["diagnostics"][0]["hint"]
    assert run("validate", "service.yaml", "--allow-host", site.host)[0] == 0, "fetched again, and verified"
    assert run("validate", "service.yaml", "--offline")[0] == 0, "and kept"
    files[0].unlink()
    assert run("lock", "service.yaml", "--allow-host", site.host)[0] == 0
    assert (project / "bbq.lock").read_text() == first, "what is pinned stays as it is"
    assert run("validate", "service.yaml", "--offline")[0] == 0


def test_a_cache_that_cannot_be_written(project: Path, site: sites.Site, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "file"))
    code, answer = run("lock", "service.yaml", "--allow-host", site.host)
    assert code == 5 and "cache" in answer["message"] and not (project / "bbq.lock").exists()


def test_the_lock_file_has_what_the_templates_need_and_no_more(project: Path, site: sites.Site, run: Run) -> None:
    other = SERVICE.format(site.url).replace("types/a.yaml", "types/more/b.yaml").replace("N }", "M }")
    (project / "other.yaml").write_text(other)
    assert run("lock", "other.yaml", "service.yaml", "--allow-host", site.host)[0] == 0
    code, answer = run("lock", "other.yaml")
    assert code == 0 and [row["state"] for row in answer["rows"]] == ["dropped", "kept"]
    code, answer = run("validate", "service.yaml")
    assert code == 4 and codes(answer) == ["BBQ-T021"]
    (project / "other.yaml").write_text(HEAD)
    assert run("lock", "other.yaml")[0] == 0
    assert yaml.safe_load((project / "bbq.lock").read_text()) == {"version": 1, "imports": {}}
    (project / "sub").mkdir()
    (project / "sub/third.yaml").write_text(HEAD)
    assert run("lock", "other.yaml", "sub/third.yaml")[0] == 2
    assert run("lock", "sub/third.yaml")[0] == 0 and not (project / "sub/bbq.lock").exists()


def test_an_import_map_comes_first(project: Path, site: sites.Site, run: Run, tmp_path: Path) -> None:
    (tmp_path / "local/more").mkdir(parents=True)
    (tmp_path / "local/a.yaml").write_text(TYPES)
    (tmp_path / "local/more/b.yaml").write_text(MORE)
    mapped = ("--import-map", f"{site.url}/types/={tmp_path / 'local'}")
    assert run("lock", "service.yaml", *mapped)[0] == 0
    assert not (project / "bbq.lock").exists() and site.asked == []
    (project / "bbq.lock").write_text(lock.text({f"{site.url}/types/a.yaml": Pin("0" * 64, 1)}))
    assert run("validate", "service.yaml", *mapped)[0] == 0


def test_a_template_that_is_not_right_yet_can_be_locked(project: Path, site: sites.Site, run: Run) -> None:
    (project / "service.yaml").write_text(SERVICE.format(site.url).replace("type: N", "type: Nn"))
    assert run("lock", "service.yaml", "--allow-host", site.host)[0] == 0
    code, answer = run("validate", "service.yaml")
    assert code == 4 and codes(answer) == ["BBQ-T030"]
    site.files["/types/more/b.yaml"] = b"<html>Log in first</html>"
    code, answer = run("lock", "service.yaml", "--allow-host", site.host, "--update")
    assert code == 4 and codes(answer) == ["BBQ-T002"], "what is no TOSCA file is not pinned"


def test_a_deployment_goes_on_with_what_it_was_made_from(project: Path, site: sites.Site, run: Run) -> None:
    code, _ = run("up", "service.yaml", "--provider", "simulator", "--name", "demo", "--allow-host", site.host, "-q")
    assert code == 0
    assert run("resume", "demo", "-q")[0] == 0, "the leave was given to the deployment"
    site.files["/types/a.yaml"] = (TYPES + "# changed\n").encode()
    code, answer = run("resume", "demo", "-q")
    assert code == 2 and "was changed" in answer["message"]
    assert run("destroy", "demo", "-q")[0] == 0


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("imports: {}\n", 1, 1),
        ("version: 2\nimports: {}\n", 1, 10),
        ("version: 1\nimports: []\n", 2, 10),
        ("version: 1\nimports:\n  https://a/: x\n", 3, 15),
        ("version: 1\nimports:\n  https://a/: { sha256: ABC, size: 1 }\n", 3, 25),
        (f"version: 1\nimports:\n  https://a/: {{ sha256: '{'0' * 64}', size: -1 }}\n", 3, 99),
        (f"version: 1\nimports:\n  https://a/: {{ sha256: '{'0' * 64}', size: 1, when: now }}\n", 3, 108),
    ],
)
def test_a_lock_file_that_is_none(project: Path, run: Run, text: str, line: int, column: int) -> None:
    (project / "bbq.lock").write_text(text)
    code, answer = run("validate", "service.yaml")
    assert code == 4
    found = [item for item in answer["diagnostics"] if item["code"] == "BBQ-T320"]
    assert [(item["file"], item["line"], item["column"]) for item in found] == [("bbq.lock", line, column)]
    code, answer = run("lock", "service.yaml")
    assert code == 4 and "BBQ-T320" in codes(answer)


def test_a_broken_lock_file_is_replaced_by_update(project: Path, site: sites.Site, run: Run) -> None:
    (project / "bbq.lock").write_text("version: [\n")
    assert run("lock", "service.yaml", "--update", "--allow-host", site.host)[0] == 0
    assert run("validate", "service.yaml", "--offline")[0] == 0


def test_what_is_written_is_read_the_same() -> None:
    pins = {
        "https://example.org/a: b#c.yaml": Pin("0" * 64, 12, "2026-01-01T00:00:00Z"),
        'org."mine":1.0': Pin("f" * 64, 0, path="bbq-imports/x"),
    }
    bag = DiagnosticBag()
    document = read_bytes(lock.text(pins).encode(), "bbq.lock", bag)
    assert document is not None
    found = lock.parse(document, bag)
    assert not bag.items
    assert {name: (pin.sha256, pin.size, pin.fetched, pin.path) for name, pin in found.items()} == {
        name: (pin.sha256, pin.size, pin.fetched, pin.path) for name, pin in pins.items()
    }
    assert lock.text(dict(reversed(pins.items()))) == lock.text(pins)


def test_a_pinned_path_stays_in_the_project(project: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root:x")
    url = yaml.safe_load((project / "service.yaml").read_text())["imports"][0]
    for path, code in (("../../../../../etc/passwd", "BBQ-T022"), ("/etc/passwd", "BBQ-T022"), ("missing", "BBQ-T020")):
        (project / "bbq.lock").write_text(lock.text({url: Pin("0" * 64, 1, path=path)}))
        _, answer = run("validate", "service.yaml")
        assert codes(answer) == [code]


def test_the_cache_is_private_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cache.put(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    assert cache.get(digest, 7) == b"content"
    assert cache.directory().stat().st_mode & 0o777 == 0o700
    assert [file.name for file in cache.directory().iterdir()] == [digest]
    (cache.directory() / digest).write_bytes(b"content" * 1000)
    assert cache.get(digest, 7) is None
    monkeypatch.setattr(Path, "replace", _fail)
    with pytest.raises(OSError, match="no room"):
        cache.put(b"more")
    assert [file.name for file in cache.directory().iterdir()] == [digest], "nothing half-written is left"


def _fail(*_: object) -> None:
    raise OSError("no room")
