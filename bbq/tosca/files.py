"""The files of a template: what each declares, and the graph of imports."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from yaml import MappingNode, Node, ScalarNode

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.origins.refused import Refused
from bbq.tosca.grammar import KINDS, VERSIONS, Grammar, grammar_of, meant
from bbq.tosca.model import TypeDef
from bbq.tosca.nearby import from_root, profile_beside
from bbq.tosca.places import LocalFile, Place, Remote, Resolver
from bbq.tosca.reading import Reader, nearest, one_of, quoted, shape
from bbq.wording import hint
from bbq.yamlreader import Duplicate, at, data, is_null

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//.*)?", re.DOTALL)
_MAX_FILES: Final = 500
_PINS: Final = "bbq-deploy lock pins it"


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
    """One file, at its `place`. `imports` are (namespace prefix or "", file); `named` the files that it names as artifacts:
    path, where it stands, and whose it is."""

    place: Place
    root: MappingNode
    grammar: Grammar
    digest: str
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
    functions: dict[str, Declaration] = field(default_factory=dict)
    """Functions of its own (2.0), also those of its service template that are not declared outside of it."""
    refined: dict[str, Declaration] = field(default_factory=dict)
    """Functions of its service template that are."""
    incomplete: bool = False
    """An import failed, here or further down: names may be missing."""
    duplicates: dict[int, list[Duplicate]] = field(default_factory=dict)
    """Keys that stand twice, by their map, until something has judged them (`Reader.entries`)."""
    list_keys: bool = False
    named: list[tuple[str, Node, str]] = field(default_factory=list)
    outer: Unit | None = None
    """Of an imported 1.x file: the template that everything is imported for."""
    borrowed: dict[tuple[str, str], Declaration] = field(default_factory=dict)
    """Types that this file uses and does not import, found by way of `outer`."""
    tree: Place | None = None
    """A place at the top of the directory tree without imports that the file is in (`trees`)."""
    overlaid: dict[str, Place] = field(default_factory=dict)
    """Files that the template is laid over (`overlays`), by what diagnostics call them."""

    @property
    def file(self) -> str:
        """What diagnostics call it."""
        return self.place.shown

    @property
    def path(self) -> Path:
        """Where it is on the disk; of an archive's member, and of what was fetched, a path that nothing has."""
        return Path(self.place.key)

    @property
    def url(self) -> str | None:
        """What it was imported by, where that was a URL."""
        return self.place.url if isinstance(self.place, Remote) else None

    @property
    def bundled(self) -> bool:
        return self.place.bundled

    @property
    def foreign(self) -> bool:
        """It came by a URL and is not the user's to correct."""
        return self.place.foreign

    def place_at(self, node: Node) -> Place:
        """Of the file that the node is from: names of files in it are relative to that."""
        return self.overlaid.get(at(node).file, self.place) if self.overlaid else self.place

    def lookup(self, kind: str, name: str) -> Declaration | None:
        """The declaration that `name` means in this file: its own, else what its imports bring."""
        key = kind, name
        if key not in self.lookups:
            self.lookups[key] = None  # an import cycle (reported elsewhere) ends here
            self.lookups[key] = self._find(kind, name)
        return self.lookups[key]

    def _find(self, kind: str, name: str) -> Declaration | None:
        own = self.functions.get(name) if kind == "function" else self.declared.get((kind, name))
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

    def repository(self, name: str) -> str | None:
        """The URL of a repository of this file's, or of its imports (2.0 section 6.8)."""
        found = self.repositories.get(name)
        for prefix, unit in self.imports if found is None else ():
            if not prefix or name.startswith(prefix + ":"):
                found = unit.repository(name[len(prefix) + 1 :] if prefix else name)
            if found is not None:
                break
        return found

    def names(self, kind: str, seen: frozenset[int] = frozenset()) -> set[str]:
        """Every name of that kind that this file can use, for hints."""
        found = {name for declared_kind, name in self.declared if declared_kind == kind}
        found |= set(self.functions) if kind == "function" else set()
        for prefix, unit in self.imports:
            if id(unit) not in seen:
                inner = unit.names(kind, seen | {id(self)})
                found |= {f"{prefix}:{name}" for name in inner} if prefix else inner
        return found


_bundled: dict[str, Unit] = {}
"""Bundled profiles that this process has read, whole: they do not change while it runs."""


class Files:
    """Reads a template and everything it imports, each file once. `followed` are its imports: who, by what text, to where."""

    def __init__(self, bag: DiagnosticBag, resolver: Resolver) -> None:
        self.bag = bag
        self.units: dict[str, Unit] = {}
        self.followed: list[tuple[Unit, Node, str, Place]] = []
        self.resolver = resolver
        self._open: list[str] = []

    @property
    def main(self) -> Unit:
        """The template itself; there is one when `read_main` gave it."""
        return next(iter(self.units.values()))

    def read_main(self, place: Place) -> Unit | None:
        if place.bundled:
            _bundled.pop(place.key, None)  # who checks a profile wants its problems told, not remembered
        unit = self._read(place, None)
        if unit is not None:
            unit.main = True
            if unit.grammar.two:
                self._refine(unit)
        return unit

    def beside(self, place: Place, where: Node) -> Unit | None:
        """A file that belongs to the template without being imported."""
        return self._read(place, where)

    def digest(self) -> str:
        """SHA-256 over all files in import order."""
        total = hashlib.sha256()
        for unit in self.units.values():
            total.update(bytes.fromhex(unit.digest))
        return total.hexdigest()

    def release(self) -> None:
        """Lets go of the YAML nodes, most of what a file takes in memory, when all of it is in the model. Files and what reads
        them refer to each other: without this they would last until the collector comes round. Bundled profiles are kept."""
        for unit in self.units.values():
            if not unit.bundled:
                unit.root.value.clear()
                for names in (unit.declared, unit.functions, unit.refined, unit.lookups, unit.borrowed, unit.duplicates):
                    names.clear()
                unit.named.clear()

    def _read(self, place: Place, where: Node | None) -> Unit | None:
        key = place.key
        if key in self.units:
            return self.units[key]
        if place.bundled and key in _bundled:
            return self._adopt(_bundled[key])
        start = at(where) if where is not None else None
        if len(self.units) >= _MAX_FILES:
            self.bag.error("BBQ-T028", f"more than {_MAX_FILES} files are imported", start or SourceRange(place.shown, 1, 1))
            return None
        if start is not None and self.bag.sources is not None:
            self.bag.sources.imported(place.shown, start)
        document = place.read(self.bag)
        if document is None:
            return None
        if not isinstance(document.root, MappingNode):
            line = "it begins with a line like `tosca_definitions_version: tosca_2_0`"
            self.bag.error("BBQ-T002", f"a TOSCA file is a map, not {shape(document.root)}", at(document.root), line)
            return None
        grammar = self._grammar(document.root)
        if grammar is None:
            return None
        unit = Unit(place, document.root, grammar, document.digest)
        if self._open and not place.bundled and not grammar.two:
            unit.outer = self.units[self._open[0]]
        unit.duplicates, unit.list_keys = document.duplicates, document.list_keys
        self.units[key] = unit
        self._open.append(key)
        self._declare(unit)
        self._imports(unit)
        self._open.pop()
        if place.bundled:
            _bundled[key] = unit
        return unit

    def _adopt(self, unit: Unit) -> Unit:
        if unit.place.key not in self.units:
            self.units[unit.place.key] = unit
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
            text = value.value if isinstance(value, ScalarNode) else ""
            likely = meant(text)
            known = f"did you mean `{likely}`?" if likely is not None else nearest(text, VERSIONS) or one_of(VERSIONS)
            wrong = "unknown tosca_definitions_version" if text else "tosca_definitions_version is"
            self.bag.error("BBQ-T001", f"{wrong} {shape(value)}", at(value), known)
        return grammar

    def _declare(self, unit: Unit) -> None:
        reader = Reader(unit, self.bag)
        keys = {key.value: value for key, value in unit.root.value}
        for kind in KINDS:
            for name, (key, body) in reader.entries(keys.get(f"{kind}_types"), f"`{kind}_types`", empty=False).items():
                unit.declared[kind, name] = Declaration(kind, name, key, body, unit)
                if not isinstance(data(key, unit.grammar.dialect), str):
                    text = f"the name of a type is a string, which {quoted(name)} without quotes is not"
                    reader.practice("BBQ-T012", text, key, "put it in quotes")
        for name, (key, body) in reader.entries(keys.get("repositories"), "`repositories`").items():
            if isinstance(body, ScalarNode):
                unit.repositories[name] = reader.string(body, f"repository {quoted(name)}")
            else:
                found = reader.entity(body, "repository", name, key)
                unit.repositories[name] = reader.string(found.get("url"), f"url of repository {quoted(name)}")
        if unit.grammar.two:
            for name, (key, body) in reader.entries(keys.get("functions"), "`functions`", empty=False).items():
                unit.functions[name] = Declaration("function", name, key, body, unit)

    def _refine(self, unit: Unit) -> None:
        """A function of the service template is another one, or refines one from outside of it (2.0 section 10.4)."""
        block = next((value for key, value in unit.root.value if key.value == "service_template"), None)
        keys = {key.value: value for key, value in block.value} if isinstance(block, MappingNode) else {}
        for name, (key, body) in Reader(unit, self.bag).entries(keys.get("functions"), "`functions`", empty=False).items():
            known = unit.functions if unit.lookup("function", name) is None else unit.refined
            known[name] = Declaration("function", name, key, body, unit)
        unit.lookups.clear()

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
        profile = self._read(self.resolver.bundled(implicit), None)
        if profile is not None:
            unit.imports.append(("", profile))

    def _import(self, unit: Unit, reader: Reader, item: Node) -> None:
        keys: dict[str, Node] = {}
        where = owner = item
        if isinstance(item, ScalarNode):
            target = reader.string(item, "an import")
        else:
            entries = reader.entries(item, "an import")
            if not isinstance(item, MappingNode):
                return
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
                if unit.grammar.two:
                    reader.error("BBQ-T011", "an import needs a `url` or a `profile`", item)
                return
            if unit.grammar.two and "profile" in keys and {"url", "repository"} & keys.keys():
                reader.error("BBQ-T211", "an import has a `url` or a `profile`, not both", place)
            where = place
            target = reader.string(place, "the imported file")
        self._follow(unit, reader, where, target, keys)

    def _follow(self, unit: Unit, reader: Reader, where: Node, target: str, keys: dict[str, Node]) -> None:
        if not target:
            return
        if "repository" in keys:
            name = reader.string(keys["repository"], "the repository of an import")
            repository = unit.repository(name)
            if repository is None:
                near, related = nearest(name, unit.repositories), ((at(where), "the file that it is to have"),)
                reader.error("BBQ-T025", f"unknown repository {quoted(name)}", keys["repository"], near, related)
                return
            if unit.grammar.two and _URL.match(target):
                text = f"import {quoted(target, 200)} is an address of its own, and not a path in repository {quoted(name)}"
                reader.error("BBQ-T211", text, keys["repository"])
                return
            target = repository.rstrip("/") + "/" + target.lstrip("/")
        prefix_node = keys.get("namespace") or keys.get("namespace_prefix")
        prefix = reader.string(prefix_node, "the namespace of an import") if prefix_node is not None else ""
        try:
            place = self._place(unit, target, named="profile" in keys)
        except Refused as error:
            reader.bag.error(error.code, error.message, at(where), error.hint or hint(reader.bag, error.name, error.known))
            return
        if isinstance(place, Remote) and not place.pinned:
            reader.warning("BBQ-T321", f"import {quoted(target)} is not pinned: it may be another file tomorrow", where, _PINS)
        self.followed.append((unit, where, target, place))
        imported = self._read(place, where)
        if imported is None:
            return
        unit.incomplete = unit.incomplete or imported.incomplete
        if place.key in self._open:
            keys_open = [*self._open[self._open.index(place.key) :], place.key]
            chain = " -> ".join(self.units[key].file.rpartition("/")[2] for key in keys_open)
            reader.error("BBQ-T023", f"import cycle: {chain}", where)
            return
        unit.imports.append((prefix, imported))

    def _place(self, unit: Unit, target: str, *, named: bool) -> Place:
        """Where the imported file is; `named` says that it is a profile's name for certain. Raises `Refused`."""
        if named or self.resolver.is_profile(target):
            try:
                return self.resolver.profile(target)
            except Refused:
                beside = profile_beside(unit.place, target) if target not in self.resolver.import_map else None
                if beside is None:
                    raise
                return beside
        match = _URL.match(target)
        scheme = match[1].lower() if match else ""
        if scheme == "file":
            return unit.place.local(re.sub(r"^file:(//(localhost)?(?=/))?", "", target, flags=re.IGNORECASE))
        if scheme:
            return self.resolver.url(target)
        place = unit.place
        if unit.grammar.two and target.startswith("/") and isinstance(place, LocalFile) and "\0" not in target:
            return from_root(place, target) or place.beside(target)
        return place.beside(target)
