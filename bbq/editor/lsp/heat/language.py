"""Heat's templates as a language of the server: HOT and CFN."""

from __future__ import annotations

import os
from pathlib import Path

from yaml import Node

from bbq import hot
from bbq.collection import paused
from bbq.diagnostics import Diagnostic
from bbq.editor.heat.names import Names, default_version, version_in
from bbq.editor.lsp.completion import Completer, Cursor
from bbq.editor.lsp.documents import Document
from bbq.editor.lsp.heat.completion import HeatCompleter
from bbq.editor.lsp.heat.index import HeatIndex
from bbq.editor.lsp.language import Read
from bbq.editor.reading import ImportMap, Overlay
from bbq.editor.shapes import Entity


class Heat:
    file = Entity("template")

    @paused()
    def read(self, path: Path, overlay: Overlay, import_map: ImportMap) -> Read:
        """Without values of parameters, and without an environment: which one is meant is not in the template."""
        template, found = hot.load(path, overlay=overlay, import_map=import_map)
        by_file: dict[Path, list[Diagnostic]] = {path: []}
        for item in found:
            by_file.setdefault(Path(os.path.realpath(item.file)), []).append(item)
        names = Names(path, template, overlay, import_map) if template is not None else None
        files = {item.path for item in template.files.values() if item.kind == "template"} if template is not None else set()
        return Read(names, by_file, frozenset({path, *(file for file in files if file is not None)}))

    def index(self, document: Document, root: Node, import_map: ImportMap) -> HeatIndex:
        if not isinstance(document.names, Names):
            document.names = Names(document.path, None, None, import_map)
        known = document.names.template
        version = version_in(document.version.outline) or (known.version if known is not None else default_version())
        return HeatIndex(root, version, document.names)

    def completer(self, cursor: Cursor) -> Completer:
        assert isinstance(cursor.index, HeatIndex)
        return HeatCompleter(cursor, cursor.index)
