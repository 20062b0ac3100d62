"""From a path to a checked package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from yaml import MappingNode, Node

from bbq.collection import paused
from bbq.diagnostics import Diagnostic, DiagnosticBag, SourceRange
from bbq.murano import codes
from bbq.murano.classes import APPLICATION, inherited, read_classes, resources_named
from bbq.murano.files import read_files
from bbq.murano.form import passwords
from bbq.murano.inputs import check
from bbq.murano.model import ClassDef, Package, Property, digest_of
from bbq.murano.reading import Reader, documents
from bbq.murano.recognized import MANIFEST
from bbq.sources import Sources
from bbq.wording import nearest, one_of, quoted, shape, told
from bbq.yamlreader import at

_KEYNAMES: Final = (
    "Format",
    "Type",
    "FullName",
    "Name",
    "Version",
    "Description",
    "Author",
    "Supplier",
    "Logo",
    "Tags",
    "Classes",
    "UI",
    "Require",
    "Meta",
)
FORMATS: Final = (*(f"MuranoPL/1.{minor}" for minor in range(5)), "Heat.HOT/1.0")
_TYPES: Final = ("Application", "Library")
_NAME: Final = re.compile(r"[\w]+(?:\.[\w]+)*")
_VERSION: Final = re.compile(r"\d+(?:\.\d+)*(?:[-+.].*)?")
_LONGEST_NAME: Final = 80
_LARGEST_LOGO: Final = 500 * 1024
_PICTURES: Final = (b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"\xff\xd8\xff")


@paused()
def load(path: str, *, inputs: Mapping[str, Any] | None = None) -> tuple[Package | None, list[Diagnostic]]:
    """The package in a folder, its manifest or an archive, and every problem found, sorted by place. With `inputs`, values of
    the application's properties, those are checked, too.

    The package is None where its manifest could not be read; otherwise it is only fit for use without errors.
    """
    bag = DiagnosticBag(sources=Sources())
    found = read_files(path, bag)
    package = None if found is None else _Loading(path, *found, bag).package()
    if package is not None and inputs is not None:
        check(package, inputs, bag)
    return package, told(bag, codes.TOO_MANY)


class _Loading:
    def __init__(self, path: str, where: str, files: dict[str, bytes], bag: DiagnosticBag) -> None:
        self.path = path
        self.where = where
        self.files = files
        self.bag = bag
        self.reader = Reader(bag)

    def package(self) -> Package | None:
        roots = self._roots(MANIFEST) if MANIFEST in self.files else []
        if MANIFEST not in self.files:
            self.bag.error(codes.NO_PACKAGE, "there is no `manifest.yaml` at the top", SourceRange(self.path, 1, 1))
        if len(roots) > 1:
            self.reader.error(codes.NO_PACKAGE, "the manifest has several documents", roots[1])
        if len(roots) != 1:
            return None
        (root,) = roots
        if not isinstance(root, MappingNode):
            self.reader.error(codes.NO_PACKAGE, f"the manifest must be a map, not {shape(root)}", root)
            return None
        keys = self.reader.entries(root, "the manifest")
        self.reader.unknown(keys, _KEYNAMES, "the manifest")
        nodes = {name: value for name, (_, value) in keys.items()}
        texts = {name: self.reader.text(nodes.get(name), quoted(name)) for name in ("Type", "FullName", "Description", "UI")}
        texts |= {name: self.reader.text(nodes.get(name), quoted(name)) for name in ("Format", "Name", "Version", "Logo")}
        kind = self._checked_values(root, nodes, texts)
        self._pictures(nodes, texts)
        secret = self._form(nodes, texts["UI"])
        classes = self._heat(texts["FullName"], root) if kind == "Heat.HOT/1.0" else self._classes(nodes.get("Classes"), root)
        classes = {
            name: replace(one, properties={key: replace(item, secret=key in secret) for key, item in one.properties.items()})
            for name, one in classes.items()
        }
        application = self._application(classes, texts) if texts["Type"] == "Application" else None
        requires = tuple(self.reader.entries(nodes.get("Require"), "`Require`"))
        return Package(
            self.path,
            texts["FullName"],
            kind,
            texts["Type"],
            texts["Version"] or "0.0.0",
            texts["Name"] or texts["FullName"],
            texts["Description"],
            requires,
            classes,
            self.files,
            digest_of(self.files),
            at(root),
            application,
        )

    def _roots(self, name: str) -> list[Node]:
        return documents(self.files[name], self.where + name, self.bag)

    def _checked_values(self, root: Node, nodes: Mapping[str, Node], texts: Mapping[str, str]) -> str:
        """The format. What Murano refuses of the manifest's values is reported."""
        for needed in ("FullName", "Type"):
            if not texts[needed]:
                self.reader.error(codes.MISSING, f"the manifest lacks its {quoted(needed)}", nodes.get(needed, root))
        written = texts["Format"] or "MuranoPL/1.0"
        kind = f"MuranoPL/{written}" if written[0].isdigit() else written
        if kind not in FORMATS:
            more = nearest(kind, FORMATS) or one_of(FORMATS)
            self.reader.error(codes.VALUE, f"there is no format {quoted(written)}", nodes["Format"], more)
        if texts["Type"] and texts["Type"] not in _TYPES:
            more = nearest(texts["Type"], _TYPES) or one_of(_TYPES)
            self.reader.error(codes.VALUE, f"there are no packages of type {quoted(texts['Type'])}", nodes["Type"], more)
        if texts["FullName"] and not _NAME.fullmatch(texts["FullName"]):
            text = f"{quoted(texts['FullName'])} cannot be a package's full name"
            self.reader.error(codes.VALUE, text, nodes["FullName"], "letters, digits and _, in parts with dots between them")
        if texts["Version"] and not _VERSION.fullmatch(texts["Version"]):
            text = f"{quoted(texts['Version'])} is no version"
            self.reader.error(codes.VALUE, text, nodes["Version"], "as in 1.2.3")
        if len(texts["Name"] or texts["FullName"]) > _LONGEST_NAME:
            text = f"the name has {len(texts['Name'] or texts['FullName'])} characters; Murano takes {_LONGEST_NAME}"
            self.reader.error(codes.VALUE, text, nodes.get("Name", nodes.get("FullName", root)))
        for item in self.reader.items(nodes.get("Tags"), "`Tags`"):
            self.reader.text(item, "a tag")
        return kind

    def _pictures(self, nodes: Mapping[str, Node], texts: Mapping[str, str]) -> None:
        supplier = self.reader.entries(nodes.get("Supplier"), "`Supplier`")
        theirs = supplier.get("Logo", (None, None))[1]
        for node, name, default in (
            (nodes.get("Logo"), texts["Logo"], "logo.png"),
            (theirs, self.reader.text(theirs, "the supplier's logo"), "supplier_logo.png"),
        ):
            where = node if node is not None and name else SourceRange(self.where + default, 1, 1)
            content = self._file(name, where, "picture") if name else self.files.get(default)
            if content is None:
                continue
            if not content.startswith(_PICTURES):
                self.reader.error(codes.IMAGE, f"{quoted(name or default)} is no PNG, JPEG or GIF picture", where)
            elif len(content) > _LARGEST_LOGO:
                text = f"{quoted(name or default)} has {len(content):,} bytes; Murano takes {_LARGEST_LOGO:,}"
                self.reader.error(codes.IMAGE, text, where)

    def _file(self, name: str, where: Node | SourceRange, what: str, folder: str = "") -> bytes | None:
        """The content of a file that something names; None, with an error, where the package does not have it."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts:
            self.reader.error(codes.OUTSIDE, f"the {what} {quoted(name)} is not in the package", where)
            return None
        full = folder + "/".join(parts)
        if full in self.files:
            return self.files[full]
        near = nearest(full, self.files)
        self.reader.error(codes.NO_FILE, f"the {what} {quoted(full)} is not in the package", where, near)
        return None

    def _form(self, nodes: Mapping[str, Node], name: str) -> frozenset[str]:
        """Properties that a field for passwords fills. Without a form, only the API can deploy the package."""
        if name:
            content = self._file(name, nodes["UI"], "form", "UI/")
        else:
            name, content = "ui.yaml", self.files.get("UI/ui.yaml")
        if content is None:
            return frozenset()
        found: frozenset[str] = frozenset()
        for root in documents(content, f"{self.where}UI/{name}", self.bag):
            found |= passwords(root, self.reader)
        return found

    def _classes(self, node: Node | None, root: Node) -> dict[str, ClassDef]:
        entries = self.reader.entries(node, "`Classes`")
        if node is None:
            self.reader.error(codes.MISSING, "the manifest lacks its `Classes`", root)
        read: dict[str, dict[str, ClassDef]] = {}
        found: dict[str, ClassDef] = {}
        for name, (key, value) in entries.items():
            file = self.reader.text(value, f"the file of {quoted(name)}")
            if not file:
                continue
            if file not in read:
                content = self._file(file, value, "class file", "Classes/")
                read[file] = {} if content is None else self._class_file(file, content)
                if content is None:
                    continue
            if name in read[file]:
                found[name] = read[file][name]
            elif read[file]:
                there = one_of(read[file])
                self.reader.error(codes.CLASS, f"the file {quoted(file)} defines no class {quoted(name)}", key, there)
        return inherited(found)

    def _class_file(self, file: str, content: bytes) -> dict[str, ClassDef]:
        roots = documents(content, f"{self.where}Classes/{file}", self.bag)
        for root in roots:
            for name, node in resources_named(root):
                if f"Resources/{name}" not in self.files:
                    near = nearest(f"Resources/{name}", [known for known in self.files if known.startswith("Resources/")])
                    self.bag.warning(codes.RESOURCE, f"the package has no {quoted(f'Resources/{name}')}", at(node), near)
        return read_classes(roots, self.reader)

    def _heat(self, full_name: str, root: Node) -> dict[str, ClassDef]:
        """Murano makes the class of a Heat template itself."""
        if self._file("template.yaml", root, "Heat template") is None or not full_name:
            return {}
        where = at(root)
        properties = {
            name: Property(name, kind, where, usage=usage)
            for name, kind, usage in (
                ("name", "string", "In"),
                ("templateParameters", "map", "In"),
                ("hotEnvironment", "string", "In"),
                ("templateOutputs", "map", "Out"),
            )
        }
        return {full_name: ClassDef(full_name, where, (APPLICATION,), properties)}

    def _application(self, classes: Mapping[str, ClassDef], texts: Mapping[str, str]) -> ClassDef | None:
        """The class of the package's own name, else the only one that is an application."""
        if texts["FullName"] in classes:
            return classes[texts["FullName"]]
        able = [one for one in classes.values() if APPLICATION in one.extends or one.open]
        return able[0] if len(able) == 1 else None
