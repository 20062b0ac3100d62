"""Reading one file's nodes: shapes and keynames checked, problems reported at the very place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.hot.values import scalar
from bbq.wording import hint, quoted, shape
from bbq.yamlreader import at, is_null

if TYPE_CHECKING:
    from bbq.hot.files import Source

Entries = dict[str, tuple[Node, Node]]
"""Name -> (key node, value node), in the order of the file."""


class Reader:
    """Reads one template or environment into one bag."""

    def __init__(self, source: Source, bag: DiagnosticBag) -> None:
        self.source = source
        self.bag = bag
        self.version = source.version

    def error(self, code: str, message: str, where: Node | SourceRange, hint: str | None = None) -> None:
        self.bag.error(code, message, where if isinstance(where, SourceRange) else at(where), hint)

    def warning(self, code: str, message: str, where: Node | SourceRange, hint: str | None = None) -> None:
        self.bag.warning(code, message, where if isinstance(where, SourceRange) else at(where), hint)

    def hint(self, name: str, known: Collection[str], otherwise: str | None = None, *, limit: int = 12) -> str | None:
        """What to say of an unknown name."""
        return hint(self.bag, name, known, otherwise, limit=limit)

    def entries(self, node: Node | None, what: str) -> Entries:
        """The entries of a map; {} where `node` is missing, empty or (with an error) something else."""
        if isinstance(node, MappingNode):
            return {key.value: (key, value) for key, value in node.value}
        if node is not None and not is_null(node):
            self.error("BBQ-H012", f"{what} must be a map, not {shape(node)}", node)
        return {}

    def items(self, node: Node | None, what: str) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        if node is not None and not is_null(node):
            self.error("BBQ-H012", f"{what} must be a list, not {shape(node)}", node)
        return []

    def keyed(
        self, node: Node, what: str, allowed: Iterable[str], *, lenient: bool = False, later: Iterable[str] = ()
    ) -> dict[str, Node]:
        """Keyname -> value of a map with fixed keynames. Unknown ones are reported: with `lenient` as warnings, since Heat does
        not look at them. `later` are keynames that other versions have."""
        names, found = tuple(allowed), {}
        for key, (key_node, value) in self.entries(node, what).items():
            if key in names:
                found[key] = value
                continue
            text_hint = f"{self.version} does not have it" if key in later else self.hint(key, names)
            report = self.warning if lenient else self.error
            text = "is not read by Heat" if lenient else "is unknown"
            report("BBQ-H010", f"keyname {quoted(key)} of {what} {text}", key_node, text_hint)
        return found

    def string(self, node: Node | None, what: str) -> str:
        """The text of a scalar; "" (with an error for anything but a missing or empty node) otherwise."""
        if node is None or is_null(node):
            return ""
        if isinstance(node, ScalarNode):
            return str(node.value)
        self.error("BBQ-H012", f"{what} must be a string, not {shape(node)}", node)
        return ""

    def name(self, node: Node, what: str) -> str | None:
        """A string that is not empty, and no number or boolean in YAML's eyes."""
        if isinstance(node, ScalarNode) and isinstance(scalar(node), str) and node.value:
            return str(node.value)
        quotes = isinstance(node, ScalarNode) and not is_null(node) and node.value
        self.error("BBQ-H012", f"{what} must be a string, not {shape(node)}", node, "put it in quotes" if quotes else None)
        return None

    def boolean(self, node: Node | None, what: str) -> bool:
        if node is None or is_null(node):
            return False
        value: Any = scalar(node) if isinstance(node, ScalarNode) else None
        if isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        if not isinstance(value, bool):
            self.error("BBQ-H012", f"{what} must be true or false, not {shape(node)}", node)
            return False
        return value
