"""Nodes of a package's YAML files: shapes are checked where the values stand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.murano import codes
from bbq.wording import hint, quoted, shape
from bbq.yamlreader import at, is_null, read_bytes

_YAQL: Final = re.compile(rb"!yaql(?=[ \t])")
_SEPARATOR: Final = re.compile(rb"^---(?=[ \t\r\n]|$)[^\n]*", re.MULTILINE)


def documents(content: bytes, file: str, bag: DiagnosticBag) -> list[Node]:
    """The roots of a file with one document or more, those that could be read. Murano's own tag says what is so anyway."""
    content = _YAQL.sub(b"     ", content)
    cuts = [0, *(match.start() for match in _SEPARATOR.finditer(content) if match.start()), len(content)]
    found = []
    for first, last in itertools.pairwise(cuts):
        piece = content[first:last]
        if len(cuts) > 2 and not _SEPARATOR.sub(b"", re.sub(rb"(?m)#.*$", b"", piece)).strip():
            continue  # a licence before the first separator
        document = read_bytes(b"\n" * content.count(b"\n", 0, first) + piece, file, bag)
        if document is not None:
            found.append(document.root)
    if bag.sources is not None:
        bag.sources.read(file, content)
    return found


class Reader:
    """Reads one file's nodes into one bag."""

    def __init__(self, bag: DiagnosticBag) -> None:
        self.bag = bag

    def error(self, code: str, message: str, where: Node | SourceRange, hint: str | None = None) -> None:
        self.bag.error(code, message, where if isinstance(where, SourceRange) else at(where), hint)

    def entries(self, node: Node | None, what: str) -> dict[str, tuple[Node, Node]]:
        """{} where there is none, or (with an error) something else."""
        if isinstance(node, MappingNode):
            return {key.value: (key, value) for key, value in node.value}
        if node is not None and not is_null(node):
            self.error(codes.SHAPE, f"{what} must be a map, not {shape(node)}", node)
        return {}

    def items(self, node: Node | None, what: str, *, single: bool = False) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        if single and isinstance(node, ScalarNode) and not is_null(node):
            return [node]
        if node is not None and not is_null(node):
            self.error(codes.SHAPE, f"{what} must be a list, not {shape(node)}", node)
        return []

    def text(self, node: Node | None, what: str) -> str:
        if node is None or is_null(node):
            return ""
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.error(codes.SHAPE, f"{what} must be text, not {shape(node)}", node)
        return ""

    def unknown(self, keys: dict[str, tuple[Node, Node]], known: Iterable[str], what: str) -> None:
        """Keynames that nobody reads: warnings."""
        names = tuple(known)
        for name, (key, _) in keys.items():
            if name not in names:
                text = f"keyname {quoted(name)} of {what} is not read by Murano"
                self.bag.warning(codes.KEYNAME, text, at(key), hint(self.bag, name, names))
