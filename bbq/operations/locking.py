"""`bbq-deploy lock`: pins what the remote imports of templates are, in `bbq.lock` beside them, and caches the files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bbq.datafiles import data_dir
from bbq.errors import ConfigurationError, TemplateError, UsageError
from bbq.origins import cache, is_archive, lock
from bbq.origins.hosts import fetcher
from bbq.origins.lock import Pin
from bbq.origins.whole import whole
from bbq.tosca.load import examine
from bbq.tosca.places import Fetched, LocalFile, Member, Remote, Resolver

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic, DiagnosticBag
    from bbq.operations.wanted import Imports

_IMPORTS = ("BBQ-T001", "BBQ-T002", "BBQ-T02", "BBQ-T3", "BBQ-Y")
"""What begins like that is about the files themselves: what they say need not be right yet to be pinned."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock file as it was written. `pins` maps a URL to what it is; `states` to new, changed, kept or dropped."""

    path: Path
    pins: Mapping[str, Pin]
    states: Mapping[str, str]


class Locking(Resolver):
    """Takes what the network gives where nothing is pinned, and keeps it."""

    def __init__(self, imports: Imports, *, update: bool) -> None:
        super().__init__(data_dir("templates") / "types", imports.import_map, fetcher(imports.allowed_hosts))
        self.locked: dict[str, Pin] = {}
        self.before: Mapping[str, Pin] = {}
        self._update = update

    def start(self, root: LocalFile | Member, bag: DiagnosticBag) -> None:
        from bbq.diagnostics import DiagnosticBag

        super().start(root, DiagnosticBag() if self._update else bag)
        self.before = self.pins
        if self._update:
            self.pins = {}

    def _find(self, url: str) -> Remote:
        place = super()._find(url)
        if isinstance(place.inner, Fetched):
            content, known = place.inner.content, self.before.get(url)
            pin = Pin.of(content, fetched=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
            self.locked[url] = known if known is not None and known.sha256 == pin.sha256 else pin
            try:
                cache.put(content)  # before the lock file names it
            except OSError as error:
                raise ConfigurationError(f"the cache {cache.directory()} cannot be written: {error.strerror}") from None
        elif url in self.pins:
            self.locked[url] = self.pins[url]
        return Remote(place.url, place.inner, self)


def lock_templates(paths: Sequence[str | os.PathLike[str]], imports: Imports, *, update: bool = False) -> Locked:
    """Write the lock file of these templates, which lie in one folder: what they import, and nothing else. What is pinned stays
    as it is, unless `update` asks for what is there now.

    Raises `TemplateError` where an import cannot be had, `UsageError` for archives and for templates of several folders.
    """
    folders = {Path(path).absolute().parent for path in paths}
    if len(folders) != 1:
        raise UsageError("templates of several folders have a lock file each", hint="lock them one folder at a time")
    before: dict[str, Pin] = {}
    locked: dict[str, Pin] = {}
    found: list[Diagnostic] = []
    for path in paths:
        if is_archive(path):
            raise UsageError(f"{os.fspath(path)} is an archive", hint="lock the template before it is packaged")
        resolver = Locking(imports, update=update)
        examined = examine(path, resolver=resolver)
        found += [item for item in examined.found if item.severity == "error" and item.code.startswith(_IMPORTS)]
        before |= resolver.before
        locked |= resolver.locked
    if found:
        raise TemplateError(f"the imports of {', '.join(map(str, paths))} cannot be locked", found)
    target = folders.pop() / lock.NAME
    text = lock.text(locked).encode()
    try:
        if locked or target.exists():
            with whole(target) as stream:
                stream.write(text)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}") from None
    return Locked(target, dict(sorted(locked.items())), _states(before, locked))


def _states(before: Mapping[str, Pin], after: Mapping[str, Pin]) -> dict[str, str]:
    states = {}
    for url in sorted({*before, *after}):
        if url not in after:
            states[url] = "dropped"
        elif url not in before:
            states[url] = "new"
        else:
            states[url] = "kept" if before[url].sha256 == after[url].sha256 else "changed"
    return states
