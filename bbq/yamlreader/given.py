"""Values for a template's inputs that know where they stand, as far as they stand in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yaml import MappingNode, Node

from bbq.diagnostics import SourceRange
from bbq.yamlreader.reader import Document
from bbq.yamlreader.values import at, data

NOWHERE: Final = SourceRange("<input>", 1, 1)
"""The place of what came from the command line, or from Python."""


class Given(dict[str, Any]):
    """Input -> value. `nodes` has key and value as they are written, for inputs from files, `files` (name, digest)
    of those."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        super().__init__(values or {})
        self.nodes: dict[str, tuple[Node, Node]] = dict(values.nodes) if isinstance(values, Given) else {}
        self.files: list[tuple[str, str]] = list(values.files) if isinstance(values, Given) else []

    def read(self, document: Document) -> None:
        """Take what a file gives, which is a mapping; it wins over what there is."""
        assert isinstance(document.root, MappingNode)
        self.files.append((document.file, document.digest))
        for key, value in document.root.value:
            self[key.value] = data(value)
            self.nodes[key.value] = key, value

    def say(self, name: str, value: Any) -> None:
        """Take what no file gives."""
        self[name] = value
        self.nodes.pop(name, None)


def node_of(given: Mapping[str, Any], name: str) -> Node | None:
    """The value as it is written."""
    return given.nodes[name][1] if isinstance(given, Given) and name in given.nodes else None


def name_place(given: Mapping[str, Any], name: str) -> SourceRange:
    return at(given.nodes[name][0]) if isinstance(given, Given) and name in given.nodes else NOWHERE


def value_place(given: Mapping[str, Any], name: str) -> SourceRange:
    node = node_of(given, name)
    return NOWHERE if node is None else at(node)
