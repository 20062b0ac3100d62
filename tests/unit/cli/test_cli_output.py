"""Streams that break, errors that nobody foresaw."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

import pytest

from bbq.cli import output, parsing
from bbq.cli.main import main
from bbq.cli.unexpected import redacted, report


def test_a_reader_that_goes_away() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        out = output.standard(stream)
        out.write("first\n")
        out.flush()
        assert not out.lost
        os.close(reading)
        out.write("second\n")
        out.flush()
        assert out.lost and out.fault is None
        out.write("third\n")  # dropped, no error
        out.flush()


def test_a_disk_that_is_full() -> None:
    with Path("/dev/full").open("w") as stream:
        out = output.standard(stream)
        out.write("first\n")
        out.flush()
        assert out.lost and out.fault is not None and out.fault.errno == errno.ENOSPC
        out.write("second\n")  # dropped, no error
        out.flush()


def test_a_terminal_that_is_not_utf8() -> None:
    raw = io.BytesIO()
    out = output.standard(io.TextIOWrapper(raw, encoding="ascii"))
    out.write("naïve\n")
    out.flush()
    assert raw.getvalue() == b"na\\xefve\n"


def test_a_closed_standard_stream() -> None:
    output.standard(None).write("nowhere\n")


def test_an_unexpected_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def fail(session: object) -> int:
        raise RuntimeError("postgresql://bbq:hunter2@h/x password=hunter3")

    monkeypatch.setattr(parsing.load("list"), "run", fail)
    assert main(["list"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "RuntimeError" in err
    assert "hunter" not in err
    assert "Traceback" not in err
    (file,) = (tmp_path / "bbq" / "log").iterdir()
    assert str(file) in err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    details = file.read_text()
    assert "Traceback" in details
    assert "hunter" not in details

    assert main(["list", "--debug"]) == 1
    assert "Traceback" in capfd.readouterr().err


def test_an_unexpected_error_without_a_place_for_its_details(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    error = report(ValueError("x"), debug=False, stderr=io.StringIO())
    assert error.hint is not None
    assert "--debug" in error.hint


@pytest.mark.parametrize(
    "text", ["amqp://u:hunter2@h:1/", "password=hunter2", "'password': 'hunter2'", "TOKEN = hunter2", 'secret: "hunter2"']
)
def test_likely_places_of_secrets_are_masked(text: str) -> None:
    assert "hunter2" not in redacted(f"before {text} after")
    assert redacted(f"before {text} after").endswith("after")
