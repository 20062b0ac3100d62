"""Bytes to checked nodes. libyaml composes (fast, with marks); one pass afterwards checks and applies merge keys."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml import MappingNode, Node, ScalarNode, SequenceNode
from yaml._yaml import CParser

from bbq import facts
from bbq.collection import paused
from bbq.diagnostics import DiagnosticBag, SourceRange, visible
from bbq.yamlreader.limits import DEFAULT_LIMITS, Limits
from bbq.yamlreader.values import TAG_PREFIX, at, number_text

_BOM = b"\xef\xbb\xbf"
# What YAML 1.2 calls non-printable (section 5.1); tab, line feed, carriage return and next line are allowed.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")
_ANCHOR = re.compile(r"[^\s,\[\]{}]*")
_KNOWN_TAGS = frozenset(
    TAG_PREFIX + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge", "timestamp", "binary")
)


def printable(text: str, limit: int = 120) -> str:
    """`text` for a message: control characters escaped, long text cut."""
    return visible(text[:limit] + "..." if len(text) > limit else text)


class ListKey(ScalarNode):
    """A key that is a list of scalars, kept as one scalar: `value` is its text, `[service, UNBOUNDED]`."""

    items: tuple[ScalarNode, ...] = ()


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that stands twice in one map: the later one, whose value the map has, and the first with its value."""

    key: Node
    value: Node
    first: Node
    lost: Node


@dataclass(frozen=True, slots=True)
class Document:
    """One file's checked root node; `digest` is the SHA-256 of its bytes in hexadecimal. `duplicates` (by the `id` of the map
    node) and `list_keys` are what a reading with `judge` leaves to the front end."""

    root: Node
    file: str
    digest: str
    duplicates: dict[int, list[Duplicate]] = field(default_factory=dict)
    list_keys: bool = False


_MOST_SCANNED: Final = 100_000
"""Characters: in a longer text the exact place is not looked for again."""
_STARTS: Final = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_ENDS: Final = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


class _TooMuch(Exception):
    """A cap was met while composing: there is nothing sensible to go on with."""

    def __init__(self, code: str, message: str, node: Node | None, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        self.node = node


class _Source(io.BytesIO):
    """libyaml takes the marks' file name from the stream."""

    name: str = ""


class _Parser(CParser):
    """libyaml's composer. It calls these hooks for every node, which is where depth and number can be bounded while
    composing: a hostile document is left at the cap, not after it filled the memory."""

    def __init__(self, stream: _Source, limits: Limits) -> None:
        super().__init__(stream)
        self._limits = limits
        self._depth = 0
        self._nodes = 0

    def descend_resolver(self, parent: Node | None, index: Any) -> None:
        self._depth += 1
        self._nodes += 1
        if self._depth > self._limits.depth:
            raise _TooMuch("BBQ-Y011", f"nested deeper than {self._limits.depth} levels", parent)
        if self._nodes > self._limits.nodes:
            hint = "put data into a file of its own; what is alike is said once, with a count"
            raise _TooMuch("BBQ-Y012", f"more than {self._limits.nodes:,} values in one file", parent, hint)

    def ascend_resolver(self) -> None:
        self._depth -= 1

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
        """No tag: what a plain scalar means depends on who reads it (see `values`), so it is decided there, lazily."""
        return ""


def read_file(
    path: Path, bag: DiagnosticBag, limits: Limits = DEFAULT_LIMITS, *, name: str | None = None, judge: bool = False
) -> Document | None:
    """The document in `path`, or None with the reason in `bag`. `name` is what diagnostics call the file. With `judge`,
    duplicate keys (of which the last one wins) and keys that are lists of scalars are the front end's to judge."""
    name = name or str(path)
    content = read_content(path, bag, limits, name=name)
    return None if content is None else read_bytes(content, name, bag, limits, judge=judge)


def read_content(path: Path, bag: DiagnosticBag, limits: Limits = DEFAULT_LIMITS, *, name: str | None = None) -> bytes | None:
    """The bytes in `path`, which is a regular file within the cap; or None with the reason in `bag`."""
    start = SourceRange(name or str(path), 1, 1)
    shown = printable(str(path))
    try:
        return facts.read(path, limits.file_bytes)
    except facts.TooLarge as error:
        _too_large(error.size, start, bag, limits)
        return None
    except facts.NotRegular as error:
        hint = "name a file in it" if error.directory else None
        bag.error("BBQ-Y001", f"cannot read {shown}: {error}", start, hint)
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        bag.error("BBQ-Y001", f"cannot read {shown}: {reason}", start, _near_file(path))
        return None


@paused()
def read_bytes(
    content: bytes, name: str, bag: DiagnosticBag, limits: Limits = DEFAULT_LIMITS, *, judge: bool = False
) -> Document | None:
    """The document in `content`, or None with the reason in `bag`; errors found after composing leave None, too."""
    start = SourceRange(name, 1, 1)
    if len(content) > limits.file_bytes:
        _too_large(len(content), start, bag, limits)
        return None
    if bag.sources is not None:
        bag.sources.read(name, content)
    digest = hashlib.sha256(content).hexdigest()
    text = _decoded(content.removeprefix(_BOM), name, bag)
    if text is None:
        return None
    source = _Source(content.removeprefix(_BOM))
    source.name = name
    try:
        root = _Parser(source, limits).get_single_node()
        if root is None:
            what = "the file holds nothing but comments" if text.strip() else "the file is empty"
            bag.error("BBQ-Y008", what, start)
            return None
        checker = _Checker(bag, limits, judge)
        checker.visit(root)
    except _TooMuch as error:
        bag.error(error.code, str(error), at(error.node) if error.node is not None else start, error.hint)
        return None
    except yaml.YAMLError as error:
        _syntax_error(error, text, name, bag, limits)
        return None
    return None if checker.failed else Document(root, name, digest, checker.duplicates, checker.list_keys)


def _too_large(size: int, start: SourceRange, bag: DiagnosticBag, limits: Limits) -> None:
    text = f"the file has {size:,} bytes; at most {limits.file_bytes:,} are read"
    bag.error("BBQ-Y002", text, start, "a template has no data in it: put that into a file of its own")


def _near_file(path: Path) -> str | None:
    """A name in the same directory that may be meant."""
    stems = {Path(name).stem: name for name in facts.names(path.parent) if name != path.name}
    near = difflib.get_close_matches(path.stem, stems, 1)  # a suffix in common is no likeness
    return f"did you mean {printable(stems[near[0]])}?" if near else None


def _place(text: str, index: int, name: str) -> SourceRange:
    before = text[:index].replace("\r\n", "\n").replace("\r", "\n")
    line_start = before.rfind("\n") + 1
    return SourceRange(name, before.count("\n") + 1, len(before) - line_start + 1)


def _decoded(content: bytes, name: str, bag: DiagnosticBag) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        where = _place(before, len(before), name)
        bag.error("BBQ-Y003", f"byte 0x{content[error.start]:02x} is not UTF-8", where, "save the file as UTF-8")
        return None
    found = _FORBIDDEN.search(text)
    if found:
        where = _place(text, found.start(), name)
        bag.error("BBQ-Y004", f"control character U+{ord(found.group()):04X} is not allowed", where, "is this a text file?")
        return None
    return text


def _syntax_error(error: yaml.YAMLError, text: str, name: str, bag: DiagnosticBag, limits: Limits) -> None:
    mark = getattr(error, "problem_mark", None)
    where = SourceRange(name, mark.line + 1, mark.column + 1) if mark is not None else SourceRange(name, 1, 1)
    problem = str(getattr(error, "problem", None) or error)
    context = getattr(error, "context", None)
    if "nesting depth" in problem:  # libyaml's own limit, which it finds while it looks ahead of what is composed
        place = _depth_at(text, where, limits.depth) if mark is not None and mark.index < _MOST_SCANNED else where
        bag.error("BBQ-Y011", f"nested deeper than {limits.depth} levels", place)
    elif "undefined alias" in problem:
        name, hint = _alias_at(text, where)
        bag.error("BBQ-Y020", f"alias `{name}` names no anchor that is defined before it", where, hint)
    elif context and "single document" in context:
        bag.error("BBQ-Y007", "a second document starts here", where, "keep one document in a file")
    elif _tab_at(text, where):
        bag.error("BBQ-Y006", "a tab is used for indentation", where, "indent with spaces")
    else:
        bag.error("BBQ-Y005", f"{context}: {problem}" if context else problem, where)


def _depth_at(text: str, where: SourceRange, limit: int) -> SourceRange:
    """Where the collection begins that is as deep as anything may be."""
    depth = 0
    with contextlib.suppress(yaml.YAMLError):
        for token in yaml.scan(text, yaml.SafeLoader):
            depth += isinstance(token, _STARTS) - isinstance(token, _ENDS)
            if depth == limit:
                return SourceRange(where.file, token.start_mark.line + 1, token.start_mark.column + 1)
    return where


def _alias_at(text: str, where: SourceRange) -> tuple[str, str | None]:
    """The alias that stands there, and an anchor that may be meant."""
    lines = text.splitlines()
    line = lines[where.line - 1][where.column - 1 :] if where.line <= len(lines) else ""
    found = _ANCHOR.match(line.removeprefix("*"))
    name = found[0] if found else ""
    near = difflib.get_close_matches(name, [item[1] for item in re.finditer(r"&([^\s,\[\]{}]+)", text)], 1)
    return printable(name, 60), f"did you mean {printable(near[0], 60)}?" if near else None


def _tab_at(text: str, where: SourceRange) -> bool:
    lines = text.splitlines()
    if where.line > len(lines):
        return False
    line = lines[where.line - 1]
    return "\t" in line[: len(line) - len(line.lstrip())]


class _Checker:
    """One walk over the composed nodes. Refuses what must not reach a front end and applies merge keys in place.

    Anchors stand before their aliases, so the walk's own recursion is as deep as the text is nested, never as deep as the
    aliases make it; sizes and heights of what was walked are remembered, which keeps an alias bomb linear.
    """

    def __init__(self, bag: DiagnosticBag, limits: Limits, judge: bool) -> None:
        self.failed = False
        self.duplicates: dict[int, list[Duplicate]] = {}
        self.list_keys = False
        self._judge = judge
        self._bag = bag
        self._limits = limits
        self._seen: dict[int, tuple[int, int] | None] = {}  # None while inside
        self._aliases = 0

    def visit(self, node: Node) -> tuple[int, int]:
        """(values, levels) below and including `node`, aliases followed."""
        if node.tag and node.tag not in _KNOWN_TAGS:
            self._error("BBQ-Y010", f"tag {printable(node.tag)} is not supported", node, "remove the tag")
        if isinstance(node, ScalarNode):
            self._scalar(node)
            return 1, 1
        if id(node) in self._seen:
            return self._alias(node)
        self._seen[id(node)] = None
        size, height = 1, 0
        if isinstance(node, MappingNode):
            self._mapping(node)
            children = [value for _, value in node.value]
            size += len(children)
        else:
            assert isinstance(node, SequenceNode)
            children = node.value
        for child in children:
            inner_size, inner_height = self.visit(child)
            size += inner_size
            height = max(height, inner_height)
        height += 1
        self._seen[id(node)] = size, height
        if height > self._limits.depth:
            raise _TooMuch("BBQ-Y011", f"nested deeper than {self._limits.depth} levels", node)
        if size > self._limits.expanded:
            text = f"aliases expand to more than {self._limits.expanded:,} values"
            raise _TooMuch("BBQ-Y014", text, node, "an alias stands for a whole copy of its value: use fewer")
        return size, height

    def _alias(self, node: Node) -> tuple[int, int]:
        self._aliases += 1
        if self._aliases > self._limits.aliases:
            raise _TooMuch("BBQ-Y013", f"more than {self._limits.aliases:,} aliases in one file", node)
        known = self._seen[id(node)]
        if known is None:
            raise _TooMuch("BBQ-Y015", "a value contains itself through an alias", node)
        return known

    def _scalar(self, node: ScalarNode) -> None:
        length = len(node.value)
        if length <= self._limits.integer_digits:
            return
        if length > self._limits.scalar_chars:
            self._error("BBQ-Y016", f"a scalar of {length:,} characters; at most {self._limits.scalar_chars:,}", node)
        elif not node.style and number_text(node.value):
            self._error(
                "BBQ-Y017", f"a number of {length:,} characters; at most {self._limits.integer_digits}", node, "quote text"
            )

    def _mapping(self, node: MappingNode) -> None:
        pairs: dict[str, tuple[Node, Node]] = {}
        merges: list[Node] = []
        for key, value in node.value:
            if self._judge and isinstance(key, SequenceNode):
                key = self._list_key(key) or key
            if not isinstance(key, ScalarNode):
                self._error("BBQ-Y018", "a key is a list or a map", key, "keys are plain text")
                continue
            self._scalar(key)
            if key.tag and key.tag not in _KNOWN_TAGS:
                self._error("BBQ-Y010", f"tag {printable(key.tag)} is not supported", key, "remove the tag")
            text = key.value
            if text == "<<" and not key.style:
                merges.append(value)
            elif not text and not key.style:
                self._error("BBQ-Y018", "a key is empty", key)
            elif text in pairs:
                self._duplicate(text, node, Duplicate(key, value, *pairs[text]))
                pairs[text] = key, value
            else:
                pairs[text] = key, value
        for merge in merges:
            self._merge(merge, pairs)
        if len(pairs) != len(node.value) or merges or self.list_keys:
            node.value = list(pairs.values())

    def _list_key(self, node: SequenceNode) -> ListKey | None:
        items = tuple(item for item in node.value if isinstance(item, ScalarNode))
        if not items or len(items) != len(node.value):
            return None
        for item in items:
            self.visit(item)
        text = "[" + ", ".join(item.value for item in items) + "]"
        key = ListKey("", text, node.start_mark, node.end_mark, style='"')
        key.items = items
        self.list_keys = True
        return key

    def _merge(self, merge: Node, pairs: dict[str, tuple[Node, Node]]) -> None:
        """https://yaml.org/type/merge.html: own keys win, then earlier maps."""
        sources = merge.value if isinstance(merge, SequenceNode) else [merge]
        for source in sources:
            if not isinstance(source, MappingNode):
                self._error("BBQ-Y019", "`<<` takes a map or a list of maps", source)
                continue
            self.visit(source)
            for key, value in source.value:
                pairs.setdefault(key.value, (key, value))

    def _duplicate(self, text: str, node: Node, found: Duplicate) -> None:
        if self._judge:
            self.duplicates.setdefault(id(node), []).append(found)
            self.visit(found.lost)  # it is not in the map any more, and still has to be bounded
            return
        place = at(found.first)
        self._error(
            "BBQ-Y009", f"duplicate key `{printable(text)}`", found.key, "rename or remove one", ((place, "first definition"),)
        )

    def _error(
        self,
        code: str,
        message: str,
        node: Node,
        hint: str | None = None,
        related: tuple[tuple[SourceRange, str], ...] = (),
    ) -> None:
        self.failed = True
        self._bag.error(code, message, at(node), hint, related)
