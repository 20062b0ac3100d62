"""The files of a template: which file a name means, whether it may be read, and what a stack's creation will have to send.

Nothing is fetched. Names are relative to the file that has them, as for Heat's own client; they stay in the template's project,
absolute ones below the template's folder. What an import map maps may be read from there.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from yaml import MappingNode, Node, ScalarNode

from bbq import facts
from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.hot.model import FileReference
from bbq.hot.versions import HOT, VERSION_KEYS, Version, known_versions, version_of
from bbq.wording import nearest, one_of, quoted, shape
from bbq.yamlreader import DEFAULT_LIMITS, Document, at, read_bytes, read_file

Kind = Literal["template", "content", "environment"]
TEMPLATE_SUFFIXES: Final = (".yaml", ".template")
"""What makes a resource's type a file, for Heat."""
MAX_FILES: Final = 500
MAX_DEPTH: Final = 30
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://", re.DOTALL)
_NEWEST: Final = version_of(HOT, "2021-04-16")


@dataclass(frozen=True, slots=True)
class Source:
    """One file that is read: a template, or an environment (whose `version` means nothing). `home` is the folder that the names
    in it may not leave; `url` is what stands for it where an import map gave it."""

    path: Path
    file: str
    root: MappingNode
    version: Version
    home: Path
    url: str | None = None


class Files:
    """Reads templates and environments, and remembers every file that is named."""

    def __init__(
        self,
        main: Path,
        bag: DiagnosticBag,
        import_map: Mapping[str, str | os.PathLike[str]] | None,
        overlay: Mapping[Path, bytes] | None = None,
    ) -> None:
        self.bag = bag
        self._overlay = {Path(facts.realpath(path)): content for path, content in (overlay or {}).items()}
        self.references: dict[str, FileReference] = {}
        self.digests: dict[Path, str] = {}
        self.roots: dict[Path, MappingNode] = {}
        """Of the templates that were read, by real path."""
        self._folder = Path(facts.realpath(main)).parent
        self._import_map = {prefix: Path(facts.realpath(target)) for prefix, target in (import_map or {}).items()}

    def digest(self) -> str:
        """SHA-256 over all that was read, in the order of the paths."""
        total = hashlib.sha256()
        for path in sorted(self.digests):
            total.update(bytes.fromhex(self.digests[path]))
        return total.hexdigest()

    def document(self, path: Path, file: str) -> Document | None:
        if path not in self.digests and len(self.digests) >= MAX_FILES:
            self.bag.error("BBQ-H055", f"more than {MAX_FILES} files are read", SourceRange(file, 1, 1))
            return None
        document = self._read(path, file, judge=True)
        if document is not None and document.list_keys:  # which no Heat takes: the reader says so
            document = self._read(path, file, judge=False)
        if document is None:
            return None
        for found in (item for items in document.duplicates.values() for item in items):
            # Heat takes the last one, and templates in the wild have some
            text = f"duplicate key {quoted(found.key.value)}: Heat takes this one, not that on line {at(found.first).line}"
            first = (at(found.first), "first definition")
            self.bag.warning("BBQ-Y009", text, at(found.key), "rename or remove one", (first,))
        self.digests[Path(facts.realpath(path))] = document.digest
        return document

    def _read(self, path: Path, file: str, *, judge: bool) -> Document | None:
        content = self._overlay.get(Path(facts.realpath(path))) if self._overlay else None
        if content is not None:
            return read_bytes(content, file, self.bag, DEFAULT_LIMITS, judge=judge)
        return read_file(path, self.bag, DEFAULT_LIMITS, name=file, judge=judge)

    def _is_file(self, path: Path) -> bool:
        return path in self._overlay or facts.is_file(path)

    def template(
        self,
        path: Path,
        file: str,
        home: Path | None = None,
        url: str | None = None,
    ) -> Source | None:
        """The template in a file, with its version; None with the reason in the bag."""
        home = home or facts.project_folder(self._folder)
        document = self.document(path, file)
        if document is None:
            return None
        root = document.root
        if not isinstance(root, MappingNode):
            hint = "it begins with a line like `heat_template_version: 2018-08-31`"
            self.bag.error("BBQ-H002", f"a Heat template is a map, not {shape(root)}", at(root), hint)
            return None
        self.roots[Path(facts.realpath(path))] = root
        found = self._version(root)
        return None if found is None else Source(path, file, root, found, home, url)

    def environment(self, path: Path, file: str) -> Source | None:
        document = self.document(path, file)
        if document is None:
            return None
        if not isinstance(document.root, MappingNode):
            text = f"an environment is a map, not {shape(document.root)}"
            self.bag.error("BBQ-H060", text, at(document.root), "it begins with a line like `parameters:`")
            return None
        assert _NEWEST is not None
        real = Path(facts.realpath(path))
        key = os.path.relpath(real, self._folder)
        self.references[key] = FileReference("environment", "there", real, ((file, at(document.root)),))
        return Source(path, file, document.root, _NEWEST, facts.project_folder(real.parent))

    def _version(self, root: MappingNode) -> Version | None:
        keys = [(key, value) for key, value in root.value if key.value in VERSION_KEYS]
        if not keys:
            near = next((hint for key, _ in root.value if (hint := nearest(key.value, VERSION_KEYS))), None)
            hint = near or "start the file with `heat_template_version: 2018-08-31`"
            self.bag.error("BBQ-H001", "the template has no `heat_template_version`", at(root), hint)
            return None
        if len(keys) > 1:
            names = " and ".join(quoted(key.value) for key, _ in keys)
            self.bag.error("BBQ-H001", f"the template names {names}: one of them", at(keys[1][0]))
            return None
        key, value = keys[0]
        found = version_of(key.value, value.value) if isinstance(value, ScalarNode) else None
        if found is None:
            known = known_versions(key.value)
            hint = nearest(str(value.value), known) or one_of(known, 20)
            self.bag.error("BBQ-H001", f"unknown {key.value} {shape(value)}", at(value), hint)
            return None
        return found

    def refer(self, source: Source, where: Node, name: str, kind: Kind) -> FileReference:
        """The file that `name` means in `source`, remembered; whether it is there is for the caller to say."""
        status, path, url = self._find(source, name)
        key = os.path.relpath(path, self._folder) if path is not None and url is None else url or name
        before = self.references.get(key)
        written = (name, at(where))
        uses = (written,) if before is None else tuple(dict.fromkeys((*before.written, written)))
        found = FileReference(before.kind if before else kind, status, path, uses)
        if len(self.references) < MAX_FILES or before is not None:
            self.references[key] = found
        return found

    def _find(
        self, source: Source, name: str
    ) -> tuple[Literal["there", "missing", "outside", "remote"], Path | None, str | None]:
        if "\0" in name:
            return "missing", None, None
        match = _URL.match(name)
        if match and match[1].lower() == "file":
            name = re.sub(r"^file://(localhost)?(?=/)", "", name, flags=re.IGNORECASE)
        elif match:
            return self._mapped(name)
        elif source.url is not None and not name.startswith("/"):
            from urllib.parse import urljoin

            return self._mapped(urljoin(source.url, name))
        try:
            folder = Path(facts.realpath(source.path.parent))
            path = Path(facts.realpath(folder / name))
            if not path.is_relative_to(folder if name.startswith("/") else source.home):
                return "outside", path, None
            return ("there" if self._is_file(path) else "missing"), path, None
        except (OSError, ValueError):  # too long, a loop of links
            return "missing", None, None

    def _mapped(self, url: str) -> tuple[Literal["there", "missing", "outside", "remote"], Path | None, str | None]:
        prefixes = [prefix for prefix in self._import_map if url.startswith(prefix)]
        if not prefixes:
            return "remote", None, url
        prefix = max(prefixes, key=len)
        base = self._import_map[prefix]
        path = Path(facts.realpath(base / url[len(prefix) :].lstrip("/")))
        if not path.is_relative_to(base):
            return "outside", path, url
        return ("there" if self._is_file(path) else "missing"), path, url


def shown(source: Source, name: str, path: Path) -> str:
    """How messages call a file that `source` names."""
    if name.startswith("/") or _URL.match(name) or source.url is not None:
        return str(path)
    return os.path.normpath(Path(source.file).parent / name)
