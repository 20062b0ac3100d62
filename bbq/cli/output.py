"""Standard output whose reader may go away (`| head`): what follows is dropped, the work goes on."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO, cast


class Output(io.TextIOBase):
    """A text stream over another one. `closed_by_reader` turns true when nobody reads any more; then writes are dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.closed_by_reader = False

    def as_text(self) -> TextIO:
        """Itself: a `TextIO` to those who write, though not to the type checker."""
        return cast("TextIO", self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        if not self.closed_by_reader:
            try:
                return self._stream.write(text)
            except BrokenPipeError:
                self.give_up()
            except UnicodeEncodeError:  # a terminal that is not UTF-8
                safe = text.encode(self.encoding, "backslashreplace").decode(self.encoding)
                return self._stream.write(safe)
        return len(text)

    def flush(self) -> None:
        if not self.closed_by_reader:
            try:
                self._stream.flush()
            except BrokenPipeError:
                self.give_up()

    def give_up(self) -> None:
        """What is still buffered would raise again when the interpreter ends; let it go nowhere."""
        self.closed_by_reader = True
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def standard(stream: TextIO | None) -> Output:
    """A standard stream; one that the caller has closed (`>&-`) goes nowhere."""
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - lives as long as the process
    return Output(stream)


def ask(question: str) -> bool:
    """Only `yes` and `y` mean yes. The question goes to standard error, so that results stay alone on standard output."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
