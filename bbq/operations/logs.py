"""A node's logs, as its provider keeps them: files that are read from the end, and followed over their rotation."""

from __future__ import annotations

import io
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bbq.errors import UsageError

if TYPE_CHECKING:
    from bbq.journal.model import DeploymentRow, Record
    from bbq.operations.workspace import Workspace

_BLOCK = 1 << 16
_LONGEST_LINE = 1 << 16
_PAUSE = 0.3  # seconds between two looks at files that are followed


def sources(workspace: Workspace, row: DeploymentRow, node: str) -> list[tuple[str, Path]]:
    """(node, log file) of a node, or of all the nodes that it stands for. `UsageError` where there is no such node."""
    from bbq.engine.contract import Handle
    from bbq.journal.secrets import decode

    records = workspace.journal.records(row.id)
    if node not in records:
        import difflib

        near = difflib.get_close_matches(node, records, n=1)
        known = ", ".join(name for name, record in records.items() if record.parent is None)
        raise UsageError(
            f"{row.name} has no node {node!r}",
            hint=f"did you mean {near[0]}?" if near else f"nodes: {known}" if known else None,
        )
    provider, store = workspace.open_provider(row), workspace.secrets(row.id)
    try:
        found = []
        for name in _leaves(records, node):
            record = records[name]
            if record.handle is not None:
                handle = Handle(record.handle, decode(record.attributes, store))
                found += [(name, Path(file)) for file in provider.logs(handle) if "://" not in str(file)]
        return found
    finally:
        provider.close()


def read(workspace: Workspace, row: DeploymentRow, node: str, tail: int | None) -> Iterator[tuple[str, str]]:
    """(node, line) of the last `tail` lines (None: all) of each log."""
    for name, file in sources(workspace, row, node):
        for line in _tail(file, tail)[0]:
            yield name, line


def follow(
    workspace: Workspace, row: DeploymentRow, node: str, tail: int | None, stop: Callable[[], bool]
) -> Iterator[tuple[str, str]]:
    """As `read`, and then each line as it is written, until `stop` says so or the deployment is gone."""
    places: dict[Path, int] = {}
    first = True
    while not stop():
        live = workspace.journal.get(row.name)
        if live is None or live.id != row.id:
            return
        for name, file in sources(workspace, row, node):
            if file not in places:
                lines, places[file] = _tail(file, tail if first else None)
            else:
                lines, places[file] = _new_lines(file, places[file])
            for line in lines:
                yield name, line
        first = False
        time.sleep(_PAUSE)


def _leaves(records: Mapping[str, Record], node: str) -> Iterator[str]:
    record = records.get(node)
    if record is None:
        return
    yield node
    for member in record.members:
        yield from _leaves(records, member)


def _tail(file: Path, count: int | None) -> tuple[list[str], int]:
    """The last lines of a file, and its length; nothing where the file is not there (yet)."""
    try:
        with file.open("rb") as stream:
            end = stream.seek(0, io.SEEK_END)
            start, lines = end, 0
            while start and (count is None or lines <= count):
                start = max(0, start - _BLOCK)
                stream.seek(start)
                lines += stream.read(min(_BLOCK, end - start)).count(b"\n")
            stream.seek(start)
            found = deque(_lines(stream.read(end - start)), maxlen=count)
            return list(found), end
    except OSError:
        return [], 0


def _new_lines(file: Path, place: int) -> tuple[list[str], int]:
    """Whole lines after `place`. A file that is shorter now was rotated, and is read from its start."""
    try:
        with file.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size < place:
                place = 0
            stream.seek(place)
            content = stream.read()
    except OSError:
        return [], place
    whole = content.rfind(b"\n") + 1
    if not whole and len(content) > _LONGEST_LINE:
        whole = len(content)
    return _lines(content[:whole]), place + whole


def _lines(content: bytes) -> list[str]:
    text = content.decode("utf-8", "replace")
    return text.removesuffix("\n").split("\n") if text else []
