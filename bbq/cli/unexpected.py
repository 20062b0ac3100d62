"""An error that nobody foresaw: one line for the user, the details in a file that only the user can read."""

from __future__ import annotations

import os
import re
import time
import traceback
from typing import TextIO

from bbq.conf import ini
from bbq.errors import BbqError
from bbq.redaction import MASK, masked_urls

_ASSIGNED = re.compile(r"(?i)\b(pass(?:word|wd)?|secret|token|api_?key)(['\"]?\s*[=:]\s*['\"]?)[^\s'\",)&]+")


def report(error: Exception, *, debug: bool, stderr: TextIO) -> BbqError:
    """The `BbqError` to show. Writes the traceback to `<state>/log/`, with `debug` to standard error as well.

    The message of an unknown error may quote anything, a password too, so only the file has it, the likely places masked.
    """
    details = redacted("".join(traceback.format_exception(error)))
    if debug:
        stderr.write(details)
    frame = traceback.extract_tb(error.__traceback__)[-1] if error.__traceback__ else None
    place = f" at {os.path.basename(frame.filename)}:{frame.lineno}" if frame else ""  # noqa: PTH119
    path = _write(details)
    hint = f"details: {path}" if path else "run it again with --debug for the details"
    return BbqError(f"unexpected error: {type(error).__name__}{place}; this is a fault of bbq", hint=hint)


def redacted(text: str) -> str:
    return _ASSIGNED.sub(rf"\1\2{MASK}", masked_urls(text))


def _write(details: str) -> str | None:
    directory = ini.state_directory() / "log"
    path = directory / f"error-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.log"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(details)
    except OSError:
        return None
    return str(path)
