"""A session with a language server in a child process, over its standard streams, as an editor has it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

T = TypeVar("T")
DEADLINE = 60.0


class Session:
    """Everything waits for an answer, at most `DEADLINE` seconds. The loop runs in a thread of its own."""

    def __init__(self, *command: str, root: Path, configuration: dict[str, Any] | None = None, **environment: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._diagnostics: dict[str, lsp.PublishDiagnosticsParams] = {}
        self._changed: asyncio.Condition | None = None
        self.messages: list[str] = []
        self.registered: list[str] = []
        self.versions: dict[str, int] = {}
        self.root = root
        self._configuration = configuration or {}
        self.capabilities = self.call(self._start(command, environment)).capabilities

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, DEADLINE), self._loop).result()

    async def _start(self, command: tuple[str, ...], environment: dict[str, str]) -> lsp.InitializeResult:
        import os

        self._changed = asyncio.Condition()
        self.client = client = LanguageClient("test", "1")

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        async def published(params: lsp.PublishDiagnosticsParams) -> None:
            assert self._changed is not None
            async with self._changed:
                self._diagnostics[params.uri] = params
                self._changed.notify_all()

        @client.feature(lsp.WINDOW_LOG_MESSAGE)
        def logged(params: lsp.LogMessageParams) -> None:
            self.messages.append(params.message)

        @client.feature(lsp.WINDOW_SHOW_MESSAGE)
        def shown(params: lsp.ShowMessageParams) -> None:
            self.messages.append(params.message)

        @client.feature(lsp.WORKSPACE_CONFIGURATION)
        def asked(params: lsp.ConfigurationParams) -> list[Any]:
            return [self._configuration.get(item.section or "") for item in params.items]

        @client.feature(lsp.CLIENT_REGISTER_CAPABILITY)
        async def registered(params: lsp.RegistrationParams) -> None:
            assert self._changed is not None
            async with self._changed:
                self.registered += [item.method for item in params.registrations]
                self._changed.notify_all()

        await client.start_io(*command, cwd=self.root, env={**os.environ, **environment})
        result = await client.initialize_async(
            lsp.InitializeParams(
                process_id=None,
                root_uri=self.root.as_uri(),
                capabilities=lsp.ClientCapabilities(
                    workspace=lsp.WorkspaceClientCapabilities(
                        configuration=True,
                        workspace_folders=True,
                        did_change_watched_files=lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True),
                    ),
                    text_document=lsp.TextDocumentClientCapabilities(
                        completion=lsp.CompletionClientCapabilities(
                            completion_item=lsp.ClientCompletionItemOptions(documentation_format=[lsp.MarkupKind.Markdown])
                        ),
                        hover=lsp.HoverClientCapabilities(content_format=[lsp.MarkupKind.Markdown]),
                    ),
                ),
                workspace_folders=[lsp.WorkspaceFolder(self.root.as_uri(), "root")],
            )
        )
        client.initialized(lsp.InitializedParams())
        return result

    # --- documents

    def uri(self, name: str) -> str:
        return (self.root / name).as_uri()

    def open(self, name: str, text: str) -> list[lsp.Diagnostic]:
        """Opens the document with this text, whatever the disk holds, and waits for its diagnostics."""
        uri = self.uri(name)
        self.versions[uri] = 1
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(uri, "yaml", self.versions[uri], text))
        )
        return self.diagnostics(name)

    def change(self, name: str, *changes: tuple[lsp.Range | None, str]) -> None:
        """One notification with these changes: (range, text), with None for the whole text."""
        uri = self.uri(name)
        self.versions[uri] += 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.versions[uri], uri),
                [
                    lsp.TextDocumentContentChangePartial(range_, text)
                    if range_ is not None
                    else lsp.TextDocumentContentChangeWholeDocument(text)
                    for range_, text in changes
                ],
            )
        )

    def diagnostics(self, name: str) -> list[lsp.Diagnostic]:
        """Those of the version that was sent last."""
        return self.until(name, lambda found: True)

    def until(self, name: str, holds: Any) -> list[lsp.Diagnostic]:
        """The diagnostics as soon as they are of the last version and `holds(them)`."""
        uri = self.uri(name)

        async def wait() -> list[lsp.Diagnostic]:
            assert self._changed is not None
            async with self._changed:
                await self._changed.wait_for(
                    lambda: (
                        uri in self._diagnostics
                        and self._diagnostics[uri].version in (None, self.versions.get(uri))
                        and holds(self._diagnostics[uri].diagnostics)
                    )
                )
            return list(self._diagnostics[uri].diagnostics)

        return self.call(wait())

    def until_registered(self, method: str) -> None:
        async def wait() -> None:
            assert self._changed is not None
            async with self._changed:
                await self._changed.wait_for(lambda: method in self.registered)

        self.call(wait())

    def at(self, name: str, line: int, character: int) -> dict[str, Any]:
        return {
            "text_document": lsp.TextDocumentIdentifier(self.uri(name)),
            "position": lsp.Position(line, character),
        }

    def completions(self, name: str, line: int, character: int) -> dict[str, lsp.CompletionItem]:
        """Label -> item."""
        found = self.call(self.client.text_document_completion_async(lsp.CompletionParams(**self.at(name, line, character))))
        items = found.items if isinstance(found, lsp.CompletionList) else found or []
        return {item.label: item for item in items}

    def hover(self, name: str, line: int, character: int) -> str:
        found = self.call(self.client.text_document_hover_async(lsp.HoverParams(**self.at(name, line, character))))
        if found is None:
            return ""
        return found.contents.value if isinstance(found.contents, lsp.MarkupContent) else str(found.contents)

    # --- end

    def close(self) -> int | None:
        """Shuts the server down; its exit status."""
        process = self.client._server

        async def end() -> int | None:
            await self.client.shutdown_async(None)
            self.client.exit(None)
            return await process.wait() if process is not None else None

        try:
            return self.call(end())
        finally:
            if process is not None and process.returncode is None:
                self._loop.call_soon_threadsafe(process.kill)
            self.call(self.client.stop())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
