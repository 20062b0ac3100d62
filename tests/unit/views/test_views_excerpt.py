"""The marks below a line stand under the cells of what is meant, whatever stands before it."""

from __future__ import annotations

import io
import os
import pty
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbq.diagnostics import Diagnostic, Excerpt
from bbq.views.excerpt import marked
from bbq.views.human import HumanView


def cells(text: str) -> int:
    """How many cells of a terminal `text` takes; written without the code under test."""
    width = {"W": 2, "F": 2}
    return sum(
        0 if unicodedata.category(c) in ("Mn", "Me", "Cf") else width.get(unicodedata.east_asian_width(c), 1) for c in text
    )


def above_the_marks(line: str, marks: str) -> str:
    """The characters of `line` that stand above the marks, by cell."""
    left, right = marks.index("^"), marks.rindex("^") + 1
    found, at = "", 0
    for char in line:
        if left <= at < right:
            found += char
        at += cells(char)
    return found


@pytest.mark.parametrize(
    ("before", "meant"),
    [
        ("", "key"),
        ("\t", "key"),
        ("a\t\tb\t", "key"),
        ("漢字: ", "key"),
        ("e\u0301e\u0301: ", "key"),
        ("🙂 ", "key"),
        ("\x1b[31m", "key"),
        ("\u202e", "key"),
        ("a\x00\x9b", "key"),
        ("a: ", "漢字"),
        ("a: ", "e\u0301a\u0301"),
    ],
)
def test_marks_stand_under_what_is_meant(before: str, meant: str) -> None:
    line, marks = marked(Excerpt(f"{before}{meant} rest", len(before), len(before) + len(meant)), 100)
    assert above_the_marks(line, marks).strip("\u0301") == meant.strip("\u0301")
    assert marks.count("^") == cells(meant)


def test_tabs_go_to_stops_and_marked_tabs_are_marked() -> None:
    assert marked(Excerpt("a\tb", 1, 2), 100) == ("a   b", " ^^^")


def test_control_characters_are_escaped() -> None:
    line, _ = marked(Excerpt("a\x1b[31m\x9b\u202e\u2066\x00\x7f\xad", 0, 1), 100)
    assert line == "a\\x1b[31m\\x9b\\u202e\\u2066\\x00\\x7f\xad"


@pytest.mark.parametrize(("start", "end"), [(0, 4), (100, 104), (290, 294), (296, 300), (300, 300), (10, 250)])
@pytest.mark.parametrize("unit", ["x", "漢", "e\u0301"])
def test_a_wide_line_is_cut_around_the_range(start: int, end: int, unit: str) -> None:
    text = (unit * 300)[:300]
    text = text[:start] + "HERE"[: end - start] + text[start + len("HERE"[: end - start]) :]
    line, marks = marked(Excerpt(text, start, end), 80)
    assert cells(line) <= 80 and len(marks) <= 80
    if end - start == 4:
        assert above_the_marks(line, marks).strip("\u0301") == "HERE"
    else:
        assert "^" in marks


@given(st.text(max_size=300), st.integers(0, 300), st.integers(0, 300), st.integers(20, 120))
def test_any_line_fits_and_is_marked(text: str, start: int, end: int, width: int) -> None:
    text = "".join(text.splitlines())
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    line, marks = marked(Excerpt(text, start, end), width)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", line + marks)
    assert cells(line) <= width and len(marks) <= width
    assert set(marks.lstrip(" ")) == {"^"}


def test_the_line_is_as_wide_as_the_terminal() -> None:
    """Else it wraps, and the marks stand under something else."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
        with os.fdopen(os.dup(slave), "w") as stream:
            HumanView(stream).diagnostics([Diagnostic("error", "C", "m", "f", 1, 1, excerpt=Excerpt("x" * 500, 200, 204))])
        shown = os.read(master, 65536).decode().split("\r\n")
    finally:
        os.close(master)
        os.close(slave)
    assert shown[1].startswith("    1 | …xxx") and len(shown[1]) == 60


def test_a_finding_without_a_line_has_none() -> None:
    stream = io.StringIO()
    HumanView(stream).diagnostics([Diagnostic("error", "C", "m", "f", 9, 1)])
    assert stream.getvalue() == "f:9:1: error C: m\n\n1 error\n"
