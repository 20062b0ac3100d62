"""The files of a template: which file an import means, whether it may be read, and the graph of imports."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from yaml import MappingNode, Node, ScalarNode

from bbq import facts
from bbq.datafiles import data_dir
from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.tosca.grammar import KINDS, VERSIONS, Grammar, grammar_of
from bbq.tosca.model import TypeDef
from bbq.tosca.reading import Reader, nearest, one_of, quoted, shape
from bbq.yamlreader import DEFAULT_LIMITS, Duplicate, at, is_null, read_bytes, read_file

PROFILES: Final = {
    "bbq:1.0": "bbq.yaml",
    "tosca-simple:1.0": "tosca-simple-1.0.yaml",
    "tosca-simple:1.1": "tosca-simple-1.1.yaml",
    "tosca-simple:1.2": "tosca-simple-1.2.yaml",
    "tosca-simple:1.3": "tosca-simple-1.3.yaml",
    "tosca-simple-nfv:1.0": "tosca-simple-nfv-1.0.yaml",
    "tosca-simple-nfv:1.0.0": "tosca-simple-nfv-1.0.0.yaml",
    "org.oasis-open.simple:2.0": "org.oasis-open.simple-2.0/profile.yaml",
}
"""Bundled profiles: name -> file below `templates/types/`."""

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//.*)?", re.DOTALL)
_MAX_FILES: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """A type as a file declares it, not resolved yet."""

    kind: str
    name: str
    key: Node
    body: Node
    unit: Unit


@dataclass(slots=True, eq=False)
class Unit:
    """One file. `imports` are (namespace prefix or "", file). `home` is the folder its relative imports may not leave; `url`
    what stands for the file where an import map gave it."""

    path: Path
    file: str
    root: MappingNode
    grammar: Grammar
    home: Path
    digest: str
    bundled: bool = False
    url: str | None = None
    main: bool = False
    """The template itself, not one of its imports."""
    imports: list[tuple[str, Unit]] = field(default_factory=list)
    declared: dict[tuple[str, str], Declaration] = field(default_factory=dict)
    repositories: dict[str, str] = field(default_factory=dict)
    resolved: dict[tuple[str, str], TypeDef] = field(default_factory=dict)
    canonical: dict[tuple[str, str], str] = field(default_factory=dict)
    complete: bool = False
    """Of a bundled profile: all of its types are in `resolved`, for every later template of this process."""
    lookups: dict[tuple[str, str], Declaration | None] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()
    incomplete: bool = False
    """An import failed, here or further down: names may be missing."""
    duplicates: dict[int, list[Duplicate]] = field(default_factory=dict)
    """Keys that stand twice, by their map, until something has judged them (`Reader.entries`)."""
    list_keys: bool = False

    def lookup(self, kind: str, name: str) -> Declaration | None:
        """The declaration that `name` means in this file: its own, else what its imports bring."""
        key = kind, name
        if key not in self.lookups:
            self.lookups[key] = None  # an import cycle (reported elsewhere) ends here
            self.lookups[key] = self._find(kind, name)
        return self.lookups[key]

    def _find(self, kind: str, name: str) -> Declaration | None:
        own = self.declared.get((kind, name))
        if own is not None:
            return own
        for prefix, unit in self.imports:
            if not prefix:
                found = unit.lookup(kind, name)
            elif name.startswith(prefix + ":"):
                found = unit.lookup(kind, name[len(prefix) + 1 :])
            else:
                continue
            if found is not None:
                return found
        return None

    def names(self, kind: str, seen: frozenset[int] = frozenset()) -> set[str]:
        """Every name of that kind that this file can use, for hints."""
        found = {name for declared_kind, name in self.declared if declared_kind == kind}
        for prefix, unit in self.imports:
            if id(unit) not in seen:
                inner = unit.names(kind, seen | {id(self)})
                found |= {f"{prefix}:{name}" for name in inner} if prefix else inner
        return found


_bundled: dict[Path, Unit] = {}
"""Bundled profiles that this process has read, whole: they do not change while it runs."""


class Files:
    """Reads a template and everything it imports, each file once."""

    def __init__(
        self,
        bag: DiagnosticBag,
        import_map: Mapping[str, str | os.PathLike[str]] | None,
        overlay: Mapping[Path, bytes] | None = None,
    ) -> None:
        self.bag = bag
        self._overlay = {Path(os.path.realpath(path)): content for path, content in (overlay or {}).items()}
        self.units: dict[Path, Unit] = {}
        self._import_map = {prefix: Path(target) for prefix, target in (import_map or {}).items()}
        self._profiles = data_dir("templates") / "types"
        self._open: list[Path] = []

    def read_main(self, path: Path) -> Unit | None:
        real = Path(facts.realpath(path))
        bundled = real.is_relative_to(Path(facts.realpath(self._profiles)))
        if bundled:
            _bundled.pop(real, None)  # who checks a profile wants its problems told, not remembered
        unit = self._read(real, str(path), None, facts.project_folder(real.parent), bundled=bundled, url=None)
        if unit is not None:
            unit.main = True
        return unit

    def digest(self) -> str:
        """SHA-256 over all files in import order."""
        total = hashlib.sha256()
        for unit in self.units.values():
            total.update(bytes.fromhex(unit.digest))
        return total.hexdigest()

    def _read(self, real: Path, file: str, where: Node | None, home: Path, *, bundled: bool, url: str | None) -> Unit | None:
        if real in self.units:
            return self.units[real]
        if bundled and real in _bundled:
            return self._adopt(_bundled[real])
        start = at(where) if where is not None else None
        content = self._overlay.get(real)
        if where is not None and content is None and not facts.is_file(real):
            named = where.value if isinstance(where, ScalarNode) else file
            self.bag.error("BBQ-T020", f"imported file {quoted(named, 200)} does not exist or is not a file", at(where))
            return None
        if len(self.units) >= _MAX_FILES:
            self.bag.error("BBQ-T028", f"more than {_MAX_FILES} files are imported", start or SourceRange(file, 1, 1))
            return None
        if start is not None and self.bag.sources is not None:
            self.bag.sources.imported(file, start)
        if content is not None:
            document = read_bytes(content, file, self.bag, DEFAULT_LIMITS, judge=True)
        else:
            document = read_file(real, self.bag, DEFAULT_LIMITS, name=file, judge=True)
        if document is None:
            return None
        if not isinstance(document.root, MappingNode):
            hint = "it begins with a line like `tosca_definitions_version: tosca_2_0`"
            self.bag.error("BBQ-T002", f"a TOSCA file is a map, not {shape(document.root)}", at(document.root), hint)
            return None
        grammar = self._grammar(document.root)
        if grammar is None:
            return None
        unit = Unit(real, file, document.root, grammar, home, document.digest, bundled, url)
        unit.duplicates, unit.list_keys = document.duplicates, document.list_keys
        self.units[real] = unit
        self._open.append(real)
        self._declare(unit)
        self._imports(unit)
        self._open.pop()
        if bundled:
            _bundled[real] = unit
        return unit

    def _adopt(self, unit: Unit) -> Unit:
        if unit.path not in self.units:
            self.units[unit.path] = unit
            for _, imported in unit.imports:
                self._adopt(imported)
        return unit

    def _grammar(self, root: MappingNode) -> Grammar | None:
        versions = [(key, value) for key, value in root.value if key.value == "tosca_definitions_version"]
        if not versions:
            self.bag.error(
                "BBQ-T001",
                "`tosca_definitions_version` is missing",
                at(root),
                "start the file with `tosca_definitions_version: tosca_2_0`",
            )
            return None
        key, value = versions[0]
        if root.value[0][0] is not key:
            self.bag.error("BBQ-T003", "`tosca_definitions_version` must be the first line of the template", at(key))
        grammar = grammar_of(value.value) if isinstance(value, ScalarNode) else None
        if grammar is None:
            hint = nearest(str(value.value), VERSIONS) or one_of(VERSIONS)
            self.bag.error("BBQ-T001", f"unknown tosca_definitions_version {shape(value)}", at(value), hint)
        return grammar

    def _declare(self, unit: Unit) -> None:
        reader = Reader(unit, self.bag)
        keys = {key.value: value for key, value in unit.root.value}
        for kind in KINDS:
            for name, (key, body) in reader.entries(keys.get(f"{kind}_types"), f"`{kind}_types`", empty=False).items():
                unit.declared[kind, name] = Declaration(kind, name, key, body, unit)
        for name, (key, body) in reader.entries(keys.get("repositories"), "`repositories`").items():
            if isinstance(body, ScalarNode):
                unit.repositories[name] = reader.string(body, f"repository {quoted(name)}")
            else:
                found = reader.entity(body, "repository", name, key)
                unit.repositories[name] = reader.string(found.get("url"), f"url of repository {quoted(name)}")
        functions = reader.entries(keys.get("functions"), "`functions`", empty=False) if unit.grammar.two else {}
        unit.functions = frozenset(functions)

    def _imports(self, unit: Unit) -> None:
        reader = Reader(unit, self.bag)
        node = next((value for key, value in unit.root.value if key.value == "imports"), None)
        if node is not None and is_null(node):
            reader.error("BBQ-T012", "`imports` is empty", node, "remove the keyname or name a file")
        for item in reader.items(node, "`imports`"):
            before = len(unit.imports)
            self._import(unit, reader, item)
            unit.incomplete = unit.incomplete or len(unit.imports) == before
        implicit = unit.grammar.profile
        if implicit is None or unit.bundled:  # the profiles themselves name what they build upon
            return
        path = self._profiles / PROFILES[implicit]
        profile = self._read(Path(facts.realpath(path)), str(path), None, self._profiles, bundled=True, url=None)
        if profile is not None:
            unit.imports.append(("", profile))

    def _import(self, unit: Unit, reader: Reader, item: Node) -> None:
        keys: dict[str, Node] = {}
        where = owner = item
        if isinstance(item, ScalarNode):
            target = reader.string(item, "an import")
        else:
            entries = reader.entries(item, "an import")
            known = unit.grammar.keynames("import")
            # TOSCA 1.0 names its imports: `- some_name: file` or `- some_name: { file: ... }`.
            if not unit.grammar.two and len(entries) == 1 and not set(entries) & (known.allowed | known.elsewhere.keys()):
                owner, item = next(iter(entries.values()))
                if unit.grammar.number == 13:
                    text = f"import {quoted(owner.value)} has a name, which is from TOSCA 1.0 to 1.2"
                    reader.practice("BBQ-T013", text, owner, "give the `file` alone")
                if isinstance(item, ScalarNode):
                    keys, target, where = {}, reader.string(item, "an import"), item
                    self._follow(unit, reader, where, target, keys)
                    return
            keys = reader.entity(item, "import", owner.value if owner is not where else "", owner)
            place = next((keys[key] for key in ("url", "file", "profile") if key in keys), None)
            if place is None:
                if unit.grammar.two and isinstance(item, MappingNode):
                    reader.error("BBQ-T011", "an import needs a `url` or a `profile`", item)
                return
            where = place
            target = reader.string(place, "the imported file")
        self._follow(unit, reader, where, target, keys)

    def _follow(self, unit: Unit, reader: Reader, where: Node, target: str, keys: dict[str, Node]) -> None:
        if not target:
            return
        if "repository" in keys:
            name = reader.string(keys["repository"], "the repository of an import")
            if name not in unit.repositories:
                hint, related = nearest(name, unit.repositories), ((at(where), "the file that it is to have"),)
                reader.error("BBQ-T025", f"unknown repository {quoted(name)}", keys["repository"], hint, related)
                return
            target = unit.repositories[name].rstrip("/") + "/" + target.lstrip("/")
        prefix_node = keys.get("namespace") or keys.get("namespace_prefix")
        prefix = reader.string(prefix_node, "the namespace of an import") if prefix_node is not None else ""
        is_profile = "profile" in keys or target in PROFILES or target in self._import_map
        imported = self._profile(unit, where, target) if is_profile else self._file(unit, where, target)
        if imported is None:
            return
        unit.incomplete = unit.incomplete or imported.incomplete
        if imported.path in self._open:
            chain = " -> ".join(path.name for path in [*self._open[self._open.index(imported.path) :], imported.path])
            reader.error("BBQ-T023", f"import cycle: {chain}", where)
            return
        unit.imports.append((prefix, imported))

    def _profile(self, unit: Unit, where: Node, name: str) -> Unit | None:
        mapped = self._import_map.get(name)
        if mapped is not None:
            real = Path(facts.realpath(mapped))
            return self._read(real, str(mapped), where, real.parent, bundled=False, url=None)
        if name in PROFILES:
            path = self._profiles / PROFILES[name]
            return self._read(Path(facts.realpath(path)), str(path), where, path.parent, bundled=True, url=None)
        hint = nearest(name, PROFILES) or f"{one_of(PROFILES)}; others by --import-map {name}=FILE"
        self.bag.error("BBQ-T024", f"unknown profile {quoted(name)}", at(where), hint)
        return None

    def _file(self, unit: Unit, where: Node, target: str) -> Unit | None:
        match = _URL.match(target)
        scheme = match.group(1).lower() if match else ""
        if scheme == "file":
            target = re.sub(r"^file:(//(localhost)?(?=/))?", "", target, flags=re.IGNORECASE)
        elif scheme:
            return self._mapped(where, target, scheme)
        elif unit.url is not None and not target.startswith("/"):
            # Beside a file that an import map gave: the same place by URL, so that the map stays the one authority.
            return self._mapped(where, _joined(unit.url, target), "https")
        confined = unit.path.parent if scheme == "file" or target.startswith("/") else unit.home
        if "\0" in target:
            self.bag.error("BBQ-T020", "the name of an imported file holds a NUL character", at(where))
            return None
        real = Path(facts.realpath(unit.path.parent / target))
        if not real.is_relative_to(facts.realpath(confined)):
            self.bag.error(
                "BBQ-T022",
                f"import {quoted(target, 200)} is outside the template's folder",
                at(where),
                "move the file below the template, or map it with --import-map PREFIX=DIR",
            )
            return None
        shown = os.path.normpath(Path(unit.file).parent / target) if not target.startswith("/") else target
        return self._read(real, shown, where, unit.home, bundled=unit.bundled, url=None)

    def _mapped(self, where: Node, target: str, scheme: str) -> Unit | None:
        prefixes = [prefix for prefix in self._import_map if target.startswith(prefix)]
        if not prefixes:
            if scheme not in ("http", "https"):
                self.bag.error("BBQ-T026", f"imports over `{scheme}:` are not supported", at(where), "use a relative path")
                return None
            folder = target.rsplit("/", 1)[0] + "/"
            self.bag.error(
                "BBQ-T021",
                f"import {quoted(target, 200)} is remote, and nothing is read over the network",
                at(where),
                f"copy it and map it: --import-map {folder}=DIR",
            )
            return None
        prefix = max(prefixes, key=len)
        base = Path(facts.realpath(self._import_map[prefix]))
        real = Path(facts.realpath(base / target[len(prefix) :].lstrip("/")))
        if not real.is_relative_to(base):
            self.bag.error("BBQ-T022", f"import {quoted(target, 200)} leaves the folder that it is mapped to", at(where))
            return None
        return self._read(real, str(real), where, base, bundled=False, url=target)


def _joined(url: str, target: str) -> str:
    from urllib.parse import urljoin

    return urljoin(url, target)
