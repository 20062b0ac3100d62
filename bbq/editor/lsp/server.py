"""The server: LSP's requests and notifications, and when documents are read again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from bbq.editor.format import FormatError, formatted
from bbq.editor.lsp import completion, findings, navigation, rename
from bbq.editor.lsp.documents import Analysis, Document, Documents, analyse
from bbq.editor.lsp.language import Read, tosca
from bbq.editor.lsp.text import Text
from bbq.editor.reading import ImportMap

DEBOUNCE: Final = 0.25
"""Seconds without a change after which a document is read again."""
T = TypeVar("T")


class RequestFailed(JsonRpcException):
    """LSP's code for a request that was right and could not be done."""

    CODE = lsp.LSPErrorCodes.RequestFailed.value


class Server(LanguageServer):
    """One editor's session. Everything but `analyse` runs in the event loop's thread, one thing at a time."""

    def __init__(self, version: str, import_map: ImportMap | None = None) -> None:
        # Whole texts: pygls applies partial changes by Python's idea of a line end, which is not LSP's.
        super().__init__("bbq", version, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.documents = Documents(import_map)
        self.snippets = False
        self._reader = ThreadPoolExecutor(1, "bbq-analysis")
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._published: dict[str, dict[str, list[lsp.Diagnostic]]] = {}
        """URI -> the document that was read -> what was found in that URI's text."""

    # --- documents

    def took(self, uri: str) -> Document:
        """The document as the client has it now."""
        source = self.workspace.get_text_document(uri)
        text = Text(source.source, self.documents.encoding)
        return self.documents.put(uri, source.path, source.language_id or "", source.version, text)

    def document(self, uri: str) -> Document | None:
        return self.documents.open.get(uri)

    def closed(self, uri: str) -> None:
        if (task := self._waiting.pop(uri, None)) is not None:
            task.cancel()
        document = self.documents.open.pop(uri, None)
        self._publish({other for other, parts in self._published.items() if parts.pop(uri, None) is not None})
        if document is not None:  # those that import it now see what the disk holds
            self.check(other for other in self.documents.open.values() if document.path in other.imports)

    def check(self, documents: Iterable[Document], delay: float = 0.0) -> None:
        """Reads documents again after `delay` seconds without another call for them."""
        for document in list(documents):
            if (task := self._waiting.pop(document.uri, None)) is not None:
                task.cancel()
            self._waiting[document.uri] = asyncio.get_running_loop().create_task(self._check(document, delay))

    async def _check(self, document: Document, delay: float) -> None:
        await asyncio.sleep(delay)
        if self.documents.open.get(document.uri) is not document:
            return
        if not self.documents.is_template(document):
            self._found(document, Analysis(document, document.version, Read(None, {}, frozenset())))
            return
        version, overlay = document.version, self.documents.overlay()
        work = asyncio.get_running_loop().run_in_executor(
            self._reader, analyse, document, version, overlay, self.documents.import_map
        )
        # A newer text cancels this task; the thread goes on with the old one, and nobody hears of it.
        analysis = await work
        if self.documents.open.get(document.uri) is document and document.version is version:
            self._found(document, analysis)

    def _found(self, document: Document, analysis: Analysis) -> None:
        read = analysis.read
        if read.names is not None:
            document.names = read.names
        if read.names is not None or not document.imports:
            document.imports = read.files
        touched = {uri for uri, parts in self._published.items() if parts.pop(document.uri, None) is not None}
        for path, items in read.found.items():
            other = self.documents.at(path)
            if other is not None and other is not document and self.documents.is_template(other):
                continue  # it is open, and tells its own
            uri, text = self.documents.text_of(path) if path != document.path else (document.uri, analysis.version.text)
            shown = findings.shown(items, text, self.documents)
            self._published.setdefault(uri, {})[document.uri] = shown
            touched.add(uri)
        touched.add(document.uri)
        self._publish(touched)

    def _publish(self, uris: Iterable[str]) -> None:
        for uri in uris:
            document = self.documents.open.get(uri)
            number = document.version.number if document is not None else None
            diagnostics = findings.merged(self._published.get(uri, {}))
            self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, diagnostics, number))

    def configure(self, options: Any, root: str | None) -> None:
        """`initializationOptions`: `importMap`, {URL prefix or profile: directory or file below the workspace's root}."""
        pairs = options.get("importMap") if isinstance(options, dict) else None
        if isinstance(pairs, dict):
            base = Path(root) if root else Path.cwd()
            more = {str(prefix): str(base / str(target)) for prefix, target in pairs.items()}
            self.documents.import_map = {**self.documents.import_map, **more}

    def end(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)


def make(version: str, import_map: ImportMap | None = None) -> Server:
    """A server with its features, not started yet."""
    server = Server(version, import_map)

    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        server.documents.encoding = str(
            getattr(server.workspace.position_encoding, "value", server.workspace.position_encoding)
        )
        server.configure(params.initialization_options, server.workspace.root_path)
        folders = [to_fs_path(folder.uri) for folder in server.workspace.folders.values()] or [server.workspace.root_path]
        server.documents.roots = tuple(Path(os.path.realpath(folder)) for folder in folders if folder)
        text = params.capabilities.text_document
        item = text.completion.completion_item if text is not None and text.completion is not None else None
        server.snippets = bool(item is not None and item.snippet_support)

    _synchronise(server)
    _answer(server)
    _edit(server)
    return server


def _synchronise(server: Server) -> None:
    @server.feature(lsp.INITIALIZED)
    async def initialized(params: lsp.InitializedParams) -> None:
        """Asks to be told of changes on the disk: an imported file need not be open."""
        workspace = server.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is not None and watching.dynamic_registration:
            options = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher("**/*.{yaml,yml,tosca,template}")])
            wanted = lsp.Registration("bbq-files", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            await server.client_register_capability_async(lsp.RegistrationParams([wanted]))

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        server.check(server.documents.affected(server.took(params.text_document.uri)))

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        server.check(server.documents.affected(server.took(params.text_document.uri)), DEBOUNCE)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        document = server.document(params.text_document.uri)
        if document is not None:
            server.check(server.documents.affected(document))

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def watched(params: lsp.DidChangeWatchedFilesParams) -> None:
        server.check(server.documents.open.values(), DEBOUNCE)


def _answer(server: Server) -> None:
    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=["$", ":", " ", ".", "[", "{", "/", "-"])
    )
    def complete(params: lsp.CompletionParams) -> list[lsp.CompletionItem]:
        document = server.document(params.text_document.uri)
        if document is None or not (server.documents.is_template(document) or document.version.is_new):
            return []
        return completion.complete(document, params.position, server.documents.import_map, snippets=server.snippets)

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        return _of_template(server, params, lambda found: navigation.hover(found, params.position, server.documents))

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def definition(params: lsp.DefinitionParams) -> list[lsp.Location] | None:
        return _of_template(server, params, lambda found: navigation.definition(found, params.position, server.documents))

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def references(params: lsp.ReferenceParams) -> list[lsp.Location] | None:
        declaration = params.context.include_declaration
        return _of_template(
            server,
            params,
            lambda found: navigation.references(found, params.position, server.documents, declaration=declaration),
        )

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def symbols(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol] | None:
        return _of_template(server, params, lambda found: navigation.symbols(found, server.documents))


def _edit(server: Server) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def renaming(params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        def work(document: Document) -> lsp.WorkspaceEdit | None:
            return rename.rename(document, params.position, params.new_name, server.documents)

        return _refusing(lambda: _of_template(server, params, work))

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare(params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        def work(document: Document) -> lsp.PrepareRenamePlaceholder | None:
            found = rename.renamed_at(document, params.position, server.documents)
            return lsp.PrepareRenamePlaceholder(found[1], found[2]) if found is not None else None

        return _refusing(lambda: _of_template(server, params, work))

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def format(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        document = server.document(params.text_document.uri)
        if document is None or document.version.root is None or document.version.language is not tosca():
            return None  # Heat's have no order of their own
        text = document.version.text
        try:
            result = formatted(text.source, document.path)
        except FormatError as error:
            raise RequestFailed(str(error)) from None
        return _edits(text, result)

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix]))
    def actions(params: lsp.CodeActionParams) -> list[lsp.CodeAction] | None:
        return _of_template(server, params, lambda found: list(findings.fixes(found, params.context.diagnostics)))


def _of_template(server: Server, params: Any, work: Callable[[Document], T]) -> T | None:
    """The answer for one of our documents, None for any other."""
    document = server.document(params.text_document.uri)
    return work(document) if document is not None and server.documents.is_template(document) else None


def _refusing(work: Callable[[], T]) -> T:
    try:
        return work()
    except rename.Refused as error:
        raise RequestFailed(str(error)) from None


def _edits(text: Text, result: str) -> list[lsp.TextEdit]:
    """One edit from the first line that differs to the last one, so that the editor keeps its place in the others."""
    before, after = text.source.splitlines(keepends=True), result.splitlines(keepends=True)
    most = min(len(before), len(after))
    head = next((number for number in range(most) if before[number] != after[number]), most)
    tail = next((number for number in range(most - head) if before[-1 - number] != after[-1 - number]), most - head)
    if head == len(before) == len(after):
        return []
    start = sum(map(len, before[:head]))
    end = len(text.source) - sum(map(len, before[len(before) - tail :]))
    return [lsp.TextEdit(text.range(start, end), "".join(after[head : len(after) - tail]))]


def serve(version: str, import_map: ImportMap | None = None) -> None:
    """Runs a session over standard streams until the client ends it. `version` is bbq's."""
    server = make(version, import_map)
    # A refusal is an answer, and no exception to write down.
    logging.getLogger("pygls.protocol.json_rpc").addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], RequestFailed))
    )
    # The protocol has the stream for itself: what else is printed, by whatever library, goes to standard error.
    protocol = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with contextlib.suppress(KeyboardInterrupt):
        server.start_io(sys.stdin.buffer, protocol)
    server.end()
