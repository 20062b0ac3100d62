from __future__ import annotations

import logging
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbq.errors import JournalError
from bbq.journal import open_journal, open_secrets
from bbq.journal.model import DeploymentRow, Event
from bbq.journal.secrets import decode, digest, encode
from bbq.topology.values import Secret


@pytest.fixture
def store(tmp_path):
    return open_secrets(tmp_path / "secrets", "dep-1")


def path_of(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "dep-1.json"


def test_put_get_forget(store, tmp_path):
    assert store.get("db.password") is None
    assert not path_of(tmp_path).exists(), "looking makes nothing"
    store.put("db.password", "hunter2")
    store.put_all({"q.password": "\u00fc \n", "db.password": "hunter3"})
    again = open_secrets(tmp_path / "secrets", "dep-1")
    assert (again.get("db.password"), again.get("q.password")) == ("hunter3", "\u00fc \n")
    assert open_secrets(tmp_path / "secrets", "dep-2").get("db.password") is None
    again.forget()
    again.forget()
    assert again.get("db.password") is None
    assert list((tmp_path / "secrets").iterdir()) == []


def test_two_that_have_it_open_lose_nothing_of_each_other(store, tmp_path):
    other = open_secrets(tmp_path / "secrets", "dep-1")
    store.put("a", "1")
    other.put("b", "2")
    store.put("c", "3")
    assert [other.get(name) for name in "abc"] == [store.get(name) for name in "abc"] == ["1", "2", "3"]
    other.forget()
    assert store.get("a") is None


def test_only_the_user_can_read_it_from_the_first_moment(store, tmp_path, monkeypatch):
    modes = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (modes.append(stat.S_IMODE(os.fstat(fd).st_mode)), real(fd))[1])
    old = os.umask(0)
    try:
        store.put("a", "b")
    finally:
        os.umask(old)
    assert modes == [0o600, 0o700], "the file, then its directory, both made durable"
    assert stat.S_IMODE(path_of(tmp_path).stat().st_mode) == 0o600


def test_a_crash_leaves_the_old_content(store, tmp_path, monkeypatch):
    store.put("a", "1")

    def fail(self, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(KeyboardInterrupt):
            store.put("a", "2")
    assert open_secrets(tmp_path / "secrets", "dep-1").get("a") == "1"
    assert store.get("a") == "1"
    assert [p.name for p in (tmp_path / "secrets").iterdir()] == ["dep-1.json"]


def test_what_a_killed_process_left_goes_with_the_rest(store, tmp_path):
    script = f"""
import os, signal
from pathlib import Path
from bbq.journal import open_secrets
Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
open_secrets({str(tmp_path / "secrets")!r}, "dep-1").put("a", "hunter2-hunter2")
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == -signal.SIGKILL
    assert len(list((tmp_path / "secrets").iterdir())) == 1
    assert store.get("a") is None
    store.put("a", "1")
    store.forget()
    assert list((tmp_path / "secrets").iterdir()) == []


def test_a_damaged_file_names_itself_and_not_its_content(store, tmp_path):
    store.put("a", "hunter2-hunter2")
    path_of(tmp_path).write_text('{"a": "hunter2-hunter2')
    with pytest.raises(JournalError, match="damaged") as caught:
        open_secrets(tmp_path / "secrets", "dep-1").get("a")
    assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
    assert str(path_of(tmp_path)) in str(caught.value)


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "secrets").write_text("in the way")
    with pytest.raises(JournalError, match="cannot be used"):
        open_secrets(tmp_path / "secrets", "dep-1").put("a", "b")


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "/etc/passwd"])
def test_an_id_that_leads_elsewhere(tmp_path, name):
    with pytest.raises(ValueError, match="file name"):
        open_secrets(tmp_path, name)


def test_what_it_shows_of_itself_is_no_secret(store):
    store.put("a", "hunter2-hunter2")
    assert "hunter2" not in repr(store)


def test_digests_tell_a_change_and_need_the_salt():
    assert digest("a", "s") == digest("a", "s")
    assert len({digest("a", "s"), digest("b", "s"), digest("a", "t"), digest(["a"], "s")}) == 4


def test_plans_compare_with_the_same_digest():
    from bbq.plan import fields

    for value in ("hunter2", "\u00fc\ud800", 7, None, ["a", {"b": 1}]):
        assert digest(value, "salt") == fields.digest(value, "salt")


def test_references_are_named_by_their_path(store):
    encoded = encode({"url": Secret("u"), "users": [{"password": Secret("p")}], "port": 1}, store, "s", "db.attributes")
    assert encoded == {
        "url": {"$secret": "db.attributes.url", "digest": digest("u", "s")},
        "users": [{"password": {"$secret": "db.attributes.users[0].password", "digest": digest("p", "s")}}],
        "port": 1,
    }
    assert store.get("db.attributes.users[0].password") == "p"


def test_a_reference_without_its_value_stays_a_reference(store):
    encoded = encode({"a": Secret("x")}, store, "s", "p")
    store.forget()
    assert decode(encoded, store) == encoded


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab\u00fc\n", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=6,
)
hidden = st.text("0123456789abcdef", min_size=16, max_size=16).map(lambda text: f"TOP-{text}-SECRET")
secrets = st.builds(
    Secret, hidden | st.lists(hidden, min_size=1, max_size=2) | st.dictionaries(st.just("k"), hidden, min_size=1)
)
mixed = st.recursive(
    plain | secrets,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(value=st.dictionaries(st.text("xyz", min_size=1, max_size=2), mixed, max_size=4))
def test_there_and_back_and_never_in_the_journal(value, tmp_path_factory):
    """What goes in comes out, and no byte of any journal file holds it."""
    base = tmp_path_factory.mktemp("secrets")
    store = open_secrets(base / "secrets", "d")
    encoded = encode(value, store, "salt", "n.wanted")
    assert decode(encoded, open_secrets(base / "secrets", "d")) == value

    journal = open_journal(str(base / "journal" / "journal.db"))
    journal.create(DeploymentRow("d", "demo", "local", "t", 1.0, salt="salt", inputs=encoded))
    lease = journal.acquire("d")
    data = {"type": "t", "wanted": {"properties": encoded}}
    journal.append(
        lease,
        [
            Event("step.intent", 1.0, "n", "create", data=data),
            Event("step.outcome", 2.0, "n", "create", data={"result": "ok", "id": "i", "attributes": encoded}),
        ],
    )
    journal.update(lease, outputs=encoded)
    written = b"".join(path.read_bytes() for path in sorted((base / "journal").iterdir()))
    assert decode(journal.records("d")["n"].attributes, store) == value
    journal.close()
    written += b"".join(path.read_bytes() for path in sorted((base / "journal").iterdir()))
    assert b"n.wanted" in written or "$secret" not in str(encoded)
    assert b"TOP-" not in written


def test_nothing_is_logged(store, caplog):
    with caplog.at_level(logging.DEBUG):
        store.put("a", "hunter2-hunter2")
        store.get("a")
    assert "hunter2" not in caplog.text
