"""Files that commands change: read with the reader's caps, written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from bbq.diagnostics import DiagnosticBag
from bbq.errors import TemplateError, UsageError
from bbq.yamlreader import read_bytes, read_content


def read(path: Path) -> str:
    """The text of a file that is YAML. Raises `TemplateError` with what is wrong with it."""
    bag = DiagnosticBag()
    content = read_content(path, bag)
    return checked(content, str(path), bag)


def checked(content: bytes | None, name: str, bag: DiagnosticBag | None = None) -> str:
    """`content` as text, if it is YAML."""
    bag = bag if bag is not None else DiagnosticBag()
    if content is None or read_bytes(content, name, bag) is None:
        raise TemplateError(f"{name} cannot be read", bag.sorted())
    return content.decode()


def diff(before: str, after: str, name: str) -> str:
    """A unified diff, "" where nothing changes."""
    import difflib

    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def write(path: Path, content: bytes) -> None:
    """Puts `content` into `path`. A link stays a link: the file that it leads to is replaced. Raises `UsageError`."""
    target = Path(os.path.realpath(path))
    try:
        status = target.stat()
    except FileNotFoundError:
        status = None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise UsageError(f"cannot write {path}: it is not a regular file")
    temporary = None
    try:
        # In the same directory, so that the move is one step: whoever reads sees the old file or the new one. A process that
        # dies before it leaves a file whose name begins with a dot.
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(descriptor, stat.S_IMODE(status.st_mode) if status is not None else 0o666 & ~_umask())
            if status is not None and os.geteuid() == 0:
                os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fsync(descriptor)
        os.replace(temporary, target)  # noqa: PTH105
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _umask() -> int:
    """Only setting it tells what it is."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
