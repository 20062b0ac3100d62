"""Cloud Service Archives: which file of an archive is the template.

CSAR 1.0 and 1.1: TOSCA Simple Profile in YAML 1.3, chapter 6; CSAR 2.0: TOSCA 2.0, section 17.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.origins.refused import Damaged
from bbq.wording import hint, nearest, one_of, quoted

if TYPE_CHECKING:
    from bbq.origins.archive import Archive
    from bbq.tosca.grammar import Grammar

META: Final = ("TOSCA-Metadata/TOSCA.meta", "TOSCA.meta")
MANIFEST: Final = "SHA256SUMS"
"""Digests of the other members, in the format of `sha256sum`."""

_KEYS: Final = ("TOSCA-Meta-File-Version", "CSAR-Version", "Created-By", "Entry-Definitions", "Other-Definitions")
_VERSIONS: Final = ("1.0", "1.1", "2.0")
_LARGEST: Final = 256 << 10
_LONGEST_MANIFEST: Final = 4 << 20
_SUM = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
Block = dict[str, tuple[str, SourceRange]]
"""Name -> (value, where the value stands)."""


@dataclass(frozen=True, slots=True)
class Csar:
    """An archive with the names of its templates. `others` may stand for nodes of the entry; `meta` is the name of its
    TOSCA.meta, None where it has none."""

    archive: Archive
    entry: str
    others: tuple[str, ...] = ()
    meta: str | None = None


def read_csar(archive: Archive, bag: DiagnosticBag) -> Csar | None:
    """What the archive says of itself, or None with the reasons in `bag`."""
    _check_manifest(archive, bag)
    present = [name for name in META if name in archive.members]
    if len(present) > 1:
        text = f"the archive has both {quoted(META[0])} and {quoted(META[1])}; there is one TOSCA.meta"
        bag.error("BBQ-T311", text, SourceRange(place(archive, META[1]), 1, 1))
        return None
    if not present:
        entry = _root_template(archive, bag, SourceRange(archive.file, 1, 1), _misplaced(archive))
        return Csar(archive, entry) if entry is not None else None
    return _by_meta(archive, present[0], bag)


def meta_text(grammar: Grammar, author: str, entry: str, others: Sequence[str]) -> tuple[str, str]:
    """The name and the text of the TOSCA.meta that fits the template's version: CSAR 2.0 at the root, older ones in the folder
    TOSCA-Metadata."""
    lines = ["CSAR-Version: 2.0"]
    if not grammar.two:
        lines = [f"TOSCA-Meta-File-Version: {'1.1' if grammar.version.endswith('1_3') else '1.0'}", "CSAR-Version: 1.1"]
    lines += [f"Created-By: {author}", f"Entry-Definitions: {entry}"]
    if others:
        lines.append("Other-Definitions: " + " ".join(f'"{name}"' if " " in name else name for name in others))
    return META[1] if grammar.two else META[0], "\n".join(lines) + "\n"


def place(archive: Archive, name: str) -> str:
    """How diagnostics call a file of an archive."""
    return f"{archive.file}!/{name}"


def _misplaced(archive: Archive) -> str | None:
    found = next((name for name in archive.members if name.rsplit("/", 1)[-1].lower() == "tosca.meta"), None)
    return f"{quoted(found)} is not where it is looked for: {META[0]}" if found else None


def _root_template(archive: Archive, bag: DiagnosticBag, where: SourceRange, hint: str | None = None) -> str | None:
    """The one YAML file at the root."""
    found = sorted(name for name in archive.templates if "/" not in name)
    if len(found) == 1:
        return found[0]
    text = f"{len(found)} YAML files at the root" if found else "no YAML file at the root"
    names = ": " + ", ".join(map(quoted, found[:5])) if found else ""
    bag.error(
        "BBQ-T310",
        f"the archive does not say which file is the template: it has {text}{names}",
        where,
        hint or f"name it with `Entry-Definitions` in {META[0]}",
    )
    return None


def _by_meta(archive: Archive, name: str, bag: DiagnosticBag) -> Csar | None:
    before = len(bag.items)
    start = SourceRange(place(archive, name), 1, 1)
    block = _block(archive, name, bag)
    if block is None:
        return None
    version, where = block.get("CSAR-Version", ("", start))
    if not version:
        bag.error("BBQ-T311", "TOSCA.meta lacks `CSAR-Version`", start, _misspelt(block, "CSAR-Version"))
    elif version not in _VERSIONS:
        bag.error("BBQ-T311", f"unknown CSAR-Version {quoted(version)}", where, f"known: {', '.join(_VERSIONS)}")
    two = version == "2.0"
    for key in () if version not in ("1.0", "1.1") else ("TOSCA-Meta-File-Version", "Created-By"):
        if key not in block:
            report = bag.warning if key == "Created-By" else bag.error
            report("BBQ-T311", f"TOSCA.meta lacks {quoted(key)}", start, _misspelt(block, key))
    entry = None
    if "Entry-Definitions" in block:
        entry = _member(archive, *block["Entry-Definitions"], "Entry-Definitions", bag)
    elif two:
        entry = _root_template(archive, bag, start)
    else:
        bag.error("BBQ-T311", "TOSCA.meta lacks `Entry-Definitions`", start, _misspelt(block, "Entry-Definitions"))
    others = _others(archive, block, bag)
    failed = any(item.severity == "error" for item in bag.items[before:])
    return None if failed or entry is None else Csar(archive, entry, others, name)


def _misspelt(block: Block, key: str) -> str | None:
    found = nearest(key, [name for name in block if name not in _KEYS])
    return found.replace("did you mean", "is that meant by") if found else None


def _others(archive: Archive, block: Block, bag: DiagnosticBag) -> tuple[str, ...]:
    if "Other-Definitions" not in block:
        return ()
    value, where = block["Other-Definitions"]
    try:
        names = shlex.split(value)
    except ValueError:
        bag.error("BBQ-T311", "Other-Definitions has an open quotation mark", where, 'file names with blanks stand in ""')
        return ()
    found = [_member(archive, name, where, "Other-Definitions", bag) for name in names]
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _member(archive: Archive, value: str, where: SourceRange, key: str, bag: DiagnosticBag) -> str | None:
    """The member that TOSCA.meta names, relative to the root."""
    name = value.removeprefix("./")
    if name in archive.members:
        return name
    if ".." in name.split("/") or name.startswith("/"):
        bag.error("BBQ-T314", f"{key} {quoted(value)} is outside the archive", where, "it is relative to the archive's root")
    else:
        bag.error("BBQ-T312", f"{key} {quoted(value)} is not in the archive", where, hint(bag, value, archive.templates))
    return None


def _block(archive: Archive, name: str, bag: DiagnosticBag) -> Block | None:
    """The first block of the file: `name: value` a line, until an empty one. A line that begins with a blank goes on with the
    value before it."""
    text = _text(archive, name, bag)
    if text is None:
        return None
    file, last, failed = place(archive, name), "", False
    found: dict[str, tuple[list[str], SourceRange]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            if found:
                break
            continue
        if line[0] == " " and last:
            found[last][0].append(line.strip())
            continue
        key, colon, value = line.partition(":")
        if not colon or key != key.strip() or not key:
            text = f"this is not `name: value`: {quoted(line.strip())}"
            bag.error("BBQ-T311", text, SourceRange(file, number, 1), one_of(_KEYS))
            failed = True
        elif key in found:
            bag.error("BBQ-T311", f"{quoted(key)} stands twice in TOSCA.meta", SourceRange(file, number, 1))
            failed = True
        else:
            column = len(key) + 2 + len(value) - len(value.lstrip())
            found[key], last = ([value.strip()], SourceRange(file, number, column)), key
    return None if failed else {key: (" ".join(parts).strip(), where) for key, (parts, where) in found.items()}


def _text(archive: Archive, name: str, bag: DiagnosticBag) -> str | None:
    where = SourceRange(place(archive, name), 1, 1)
    if archive.members[name].size > _LARGEST:
        bag.error("BBQ-T311", f"{quoted(name)} has more than {_LARGEST:,} bytes", where)
        return None
    try:
        content = archive.read(name)
        if bag.sources is not None:
            bag.sources.read(where.file, content)
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bag.error("BBQ-T311", f"{quoted(name)} is not UTF-8 (byte {error.start})", where)
    except Damaged as error:
        bag.error("BBQ-T306", str(error), where)
    return None


def _check_manifest(archive: Archive, bag: DiagnosticBag) -> None:
    """The digests that the archive names, where it does; lines that are none are left alone: it may be somebody else's file."""
    if MANIFEST not in archive.members or archive.members[MANIFEST].size > _LONGEST_MANIFEST:
        return
    for number, line in enumerate(_lines(archive, bag), 1):
        match = _SUM.fullmatch(line)
        if match is None:
            continue
        digest, name = match[1].lower(), match[2].removeprefix("./")
        where = SourceRange(place(archive, MANIFEST), number, 1)
        member = archive.members.get(name)
        if member is None:
            bag.error("BBQ-T307", f"member {quoted(name)}, which has a digest, is not in the archive", where)
        elif member.digest != digest:
            text = (
                f"member {quoted(name)} is not what was packed: its SHA-256 begins with {member.digest[:12]}, not {digest[:12]}"
            )
            bag.error("BBQ-T307", text, where, "the archive was changed after it was made")


def _lines(archive: Archive, bag: DiagnosticBag) -> Iterator[str]:
    try:
        content = archive.read(MANIFEST)
    except Damaged:
        return
    if bag.sources is not None:
        bag.sources.read(place(archive, MANIFEST), content)
    yield from content.decode("utf-8", errors="replace").splitlines()
