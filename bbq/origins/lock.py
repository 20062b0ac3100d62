"""`bbq.lock`: what each remote import is, by digest. Reference: docs/reference/lock-file.md."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from yaml import MappingNode, Node, ScalarNode

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.origins.refused import Refused
from bbq.yamlreader import Document, at, printable

NAME: Final = "bbq.lock"
VERSION: Final = "1"
_HEADER: Final = (
    "# What the remote imports of the templates here are; `bbq-deploy lock` writes it. Keep it under version control.\n"
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FIELDS: Final = ("sha256", "size", "fetched", "path")


@dataclass(frozen=True, slots=True)
class Pin:
    """What an import is: `sha256` in hexadecimal, `size` in bytes. `fetched` is when it was (RFC 3339, UTC); `path` is a file
    beside the lock file that holds it, where one does (in archives)."""

    sha256: str
    size: int
    fetched: str = ""
    path: str = ""
    where: SourceRange | None = None

    @classmethod
    def of(cls, content: bytes, *, fetched: str = "", path: str = "") -> Pin:
        return cls(hashlib.sha256(content).hexdigest(), len(content), fetched, path)

    def verify(self, content: bytes, what: str) -> None:
        """Raises `Refused` where it is something else."""
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            place = f" ({self.where})" if self.where else ""
            raise Refused(
                "BBQ-T322",
                f"import `{printable(what, 200)}` is not what {NAME} has: its SHA-256 begins with {found[:12]}, "
                f"not {self.sha256[:12]}{place}",
                "look at what changed; to take it as it is now: bbq-deploy lock --update",
            )


def parse(document: Document, bag: DiagnosticBag) -> dict[str, Pin]:
    """URL or profile name -> pin; what is wrong with the file is reported at its lines."""
    keys = _entries(document.root)
    version = keys.get("version")
    if not isinstance(version, ScalarNode) or version.value != VERSION:
        where, hint = (
            at(version if version is not None else document.root),
            "written by a newer bbq? `bbq-deploy lock` writes it",
        )
        bag.error("BBQ-T320", f"a lock file has `version: {VERSION}`", where, hint)
        return {}
    imports = keys.get("imports")
    if imports is not None and not isinstance(imports, MappingNode):
        bag.error("BBQ-T320", "`imports` of a lock file must be a map of URLs", at(imports))
        return {}
    found = {}
    for name, node in _entries(imports).items():
        pin = _pin(name, node, bag)
        if pin is not None:
            found[name] = pin
    return found


def _pin(name: str, node: Node, bag: DiagnosticBag) -> Pin | None:
    what = f"the entry of `{printable(name)}`"
    fields = _entries(node)
    values = {key: value.value for key, value in fields.items() if isinstance(value, ScalarNode)}
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown:
        bag.error("BBQ-T320", f"{what} has no field `{printable(unknown[0])}`", at(fields[unknown[0]]), ", ".join(_FIELDS))
    digest, size = values.get("sha256", ""), values.get("size", "")
    if not _DIGEST.fullmatch(digest):
        bag.error("BBQ-T320", f"{what} needs `sha256`, 64 hexadecimal digits", at(fields.get("sha256", node)))
        return None
    if not size.isascii() or not size.isdigit() or len(size) > 12:
        bag.error("BBQ-T320", f"{what} needs `size`, a number of bytes", at(fields.get("size", node)))
        return None
    return Pin(digest, int(size), values.get("fetched", ""), values.get("path", ""), at(fields["sha256"]))


def _entries(node: Node | None) -> dict[str, Node]:
    return {key.value: value for key, value in node.value} if isinstance(node, MappingNode) else {}


def text(pins: Mapping[str, Pin]) -> str:
    """The lock file, the same for the same pins. Strings are JSON's, which YAML reads."""
    lines = [f"version: {VERSION}", "imports:" if pins else "imports: {}"]
    for name, pin in sorted(pins.items()):
        lines += [f"  {json.dumps(name)}:", f"    sha256: {json.dumps(pin.sha256)}", f"    size: {pin.size}"]
        lines += [f"    {field}: {json.dumps(value)}" for field in ("fetched", "path") if (value := getattr(pin, field))]
    return _HEADER + "\n".join(lines) + "\n"
