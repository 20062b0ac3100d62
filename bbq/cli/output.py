"""Standard output whose reader may go away (`| head`), or whose disk is full: what follows is dropped, the work goes on."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO, cast


class Output(io.TextIOBase):
    """A text stream over another one. `lost` turns true when nobody reads any more, or when it cannot be written (`fault`
    says why); then writes are dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = False
        self.fault: OSError | None = None

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
        if not self.lost:
            try:
                return self._stream.write(text)
            except UnicodeEncodeError:  # a terminal that is not UTF-8
                return self.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if not self.lost:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """What is still buffered would raise again when the interpreter ends; let it go nowhere."""
        self.lost = True
        if not isinstance(error, BrokenPipeError):
            self.fault = error
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
