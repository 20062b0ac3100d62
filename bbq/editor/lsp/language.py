"""What the server asks of a template language; TOSCA and Heat's are the ones that there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from yaml import Node

from bbq.diagnostics import Diagnostic
from bbq.editor.reading import ImportMap, Overlay
from bbq.editor.shapes import Entity
from bbq.languages import named

if TYPE_CHECKING:
    from bbq.editor.lsp.completion import Completer, Cursor
    from bbq.editor.lsp.documents import Document
    from bbq.editor.lsp.index import Index

_TOSCA: Final = re.compile(rb"^[ ]*[\"']?tosca_definitions_version[\"']?[ ]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Read:
    """A template as it was read. `names` is what the language knows of its names, None where it could not be read; `found` are
    the problems, by file; `files` those that it was read with."""

    names: Any
    found: Mapping[Path, list[Diagnostic]]
    files: frozenset[Path]


class Language(Protocol):
    file: Entity
    """What a whole file is."""

    def read(self, path: Path, overlay: Overlay, import_map: ImportMap) -> Read:
        """Reads a template with all that it imports, and checks it; may run in another thread. Nothing is fetched."""

    def index(self, document: Document, root: Node, import_map: ImportMap) -> Index:
        """The names in a document of these nodes, by what is known of it."""

    def completer(self, cursor: Cursor) -> Completer: ...


@cache
def tosca() -> Language:
    from bbq.editor.lsp.tosca.language import Tosca

    return Tosca()


@cache
def heat() -> Language:
    from bbq.editor.lsp.heat.language import Heat

    return Heat()


def language_in(content: bytes) -> Language | None:
    """The language of a text, by the key of its version."""
    content = content.removeprefix("\ufeff".encode())
    if _TOSCA.search(content):
        return tosca()
    found = named(content)
    return None if found is None else tosca() if found == "TOSCA" else heat()
