"""Text from templates, components and users, made safe for a terminal: it prints, it never acts."""

from __future__ import annotations

import re

# Whole escape sequences go, not only their first byte: OSC (title, clipboard, links), DCS/APC/PM/SOS, CSI, two-byte ones.
_SEQUENCE = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
# C0 but tab and newline, DEL, C1, bidirectional overrides (they reorder what is read), line separators, lone surrogates.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: object) -> str:
    """`text` without terminal escapes and control characters; tabs and newlines stay, CRLF counts as a newline."""
    found = str(text).replace("\r\n", "\n")
    return _CONTROL.sub(lambda match: "\n" if match[0] in "\u2028\u2029" else "", _SEQUENCE.sub("", found))


def one_line(text: object, width: int = 0) -> str:
    """`clean`, on one line with single spaces; cut to `width` characters (0: not cut) with an ellipsis at the end."""
    found = " ".join(clean(text).split())
    return found if not width or len(found) <= width else found[: max(width - 1, 0)] + "…"
