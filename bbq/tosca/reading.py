"""Reading nodes of one file: shapes checked, problems reported at the very place, with the nearest name as a hint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.tosca.grammar import Grammar
from bbq.tosca.units import version_key
from bbq.yamlreader import at, data, is_null, printable

if TYPE_CHECKING:
    from bbq.tosca.files import Unit

_NORMATIVE_METADATA = ("template_name", "template_author", "template_version")
Entries = dict[str, tuple[Node, Node]]
"""Name -> (key node, value node), in the order of the file."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """A "did you mean" for a misspelt name. The last part of a dotted name counts too: `Compute` for `tosca.nodes.Compute`."""
    import difflib

    names = [str(item) for item in known if item != name]
    lowered = {item.lower(): item for item in reversed(names)}
    found = difflib.get_close_matches(name.lower(), lowered, 1, 0.6)
    if not found:
        tails = {item.lower().rsplit(".", 1)[-1]: item for item in reversed(names)}
        found = difflib.get_close_matches(name.lower().rsplit(".", 1)[-1], tails, 1, 0.75)
        lowered = tails
    return f"did you mean `{printable(lowered[found[0]])}`?" if found else None


def one_of(known: Iterable[str], limit: int = 12) -> str | None:
    names = sorted(str(item) for item in known)
    if not names:
        return None
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return "known: " + ", ".join(printable(name) for name in names[:limit]) + more


def quoted(value: Any) -> str:
    """A value for a message: short, without control characters."""
    return f"`{printable(str(value), 60)}`"


def shape(node: Node) -> str:
    """What stands there, in a user's words."""
    if isinstance(node, MappingNode):
        return "a map"
    if isinstance(node, SequenceNode):
        return "a list"
    if is_null(node):
        return "nothing"
    return quoted(node.value)


class Reader:
    """Reads one file's nodes by its grammar into one bag."""

    def __init__(self, unit: Unit, bag: DiagnosticBag) -> None:
        self.unit = unit
        self.bag = bag
        self.grammar: Grammar = unit.grammar

    def error(self, code: str, message: str, where: Node | SourceRange, hint: str | None = None) -> None:
        """An error; in a foreign file, which came through an import map and is not the user's to correct, a warning."""
        report = self.bag.error if self.unit.url is None else self.bag.warning
        report(code, message, where if isinstance(where, SourceRange) else at(where), hint)

    def warning(self, code: str, message: str, where: Node | SourceRange, hint: str | None = None) -> None:
        self.bag.warning(code, message, where if isinstance(where, SourceRange) else at(where), hint)

    def entries(self, node: Node | None, what: str, *, empty: bool = True) -> Entries:
        """The entries of a map; {} where `node` is missing, empty or (with an error) something else."""
        if isinstance(node, MappingNode):
            return {key.value: (key, value) for key, value in node.value}
        if node is None:
            return {}
        if is_null(node):
            if not empty:
                self.error("BBQ-T012", f"{what} is empty", node, "remove the keyname or give it a value")
            return {}
        self.error("BBQ-T012", f"{what} must be a map, not {shape(node)}", node)
        return {}

    def items(self, node: Node | None, what: str) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        if node is not None and not is_null(node):
            self.error("BBQ-T012", f"{what} must be a list, not {shape(node)}", node)
        return []

    def entity(self, node: Node, entity: str, name: str, owner: Node) -> dict[str, Node]:
        """Keyname -> value node of an entity of the grammar; unknown and missing keynames are reported. `owner` is where
        a missing one is reported."""
        keynames = self.grammar.keynames(entity)
        title = f"{entity} {quoted(name)}" if name else f"the {entity}"
        found: dict[str, Node] = {}
        for key, (key_node, value) in self.entries(node, title).items():
            if key in keynames.foreign and not self.unit.bundled:
                self.warning(
                    "BBQ-T013", f"keyname {quoted(key)} of {title} is from another TOSCA version than the file's", key_node
                )
            if key not in keynames.allowed and not keynames.open:
                hint = nearest(key, keynames.allowed) or one_of(keynames.allowed)
                self.error("BBQ-T010", f"{title} has no keyname {quoted(key)}", key_node, hint)
                continue
            found[key] = value
        if isinstance(node, MappingNode) or is_null(node):
            for key in keynames.required:
                if key not in found:
                    self.error("BBQ-T011", f"{title} lacks the required keyname {quoted(key)}", owner)
        return found

    def string(self, node: Node | None, what: str) -> str:
        """The text of a scalar; "" (with an error for anything but a missing node) otherwise."""
        if node is None:
            return ""
        if not isinstance(node, ScalarNode) or is_null(node):
            self.error("BBQ-T012", f"{what} must be a string, not {shape(node)}", node)
            return ""
        return str(node.value)

    def boolean(self, node: Node | None, what: str, default: bool) -> bool:
        if node is None:
            return default
        value = data(node, self.grammar.dialect) if isinstance(node, ScalarNode) else None
        if not isinstance(value, bool):
            self.error("BBQ-T012", f"{what} must be true or false, not {shape(node)}", node)
            return default
        return value

    def strings(self, node: Node | None, what: str, *, single: bool = False) -> list[tuple[str, Node]]:
        """A list of strings with their nodes; one string alone where `single` allows it."""
        if single and isinstance(node, ScalarNode) and not is_null(node):
            return [(node.value, node)]
        found = []
        for item in self.items(node, what):
            text = self.string(item, f"an entry of {what}")
            if text:
                found.append((text, item))
        return found

    def bounds(self, node: Node | None, what: str, default: tuple[int, int | None]) -> tuple[int, int | None]:
        """A range of occurrences, `[ 0, UNBOUNDED ]`."""
        if node is None:
            return default
        values = data(node, self.grammar.dialect)
        if (
            isinstance(values, list)
            and len(values) == 2
            and type(values[0]) is int
            and values[0] >= 0
            and (values[1] == "UNBOUNDED" or (type(values[1]) is int and values[1] >= values[0]))
        ):
            return values[0], None if values[1] == "UNBOUNDED" else values[1]
        self.error("BBQ-T014", f"{what} must be a range such as [ 0, UNBOUNDED ], of integers", node)
        return default

    def metadata(self, node: Node | None, what: str) -> dict[str, Any]:
        """Any values; 1.x has strings only, but templates in the wild do not keep to it."""
        found = {}
        for name, (_, value) in self.entries(node, f"metadata of {what}", empty=False).items():
            if not self.grammar.two and not isinstance(value, ScalarNode):
                report = self.error if name in _NORMATIVE_METADATA else self.warning
                report("BBQ-T012", f"metadata {quoted(name)} of {what} must be a string, not {shape(value)}", value)
            elif self.grammar.two and is_null(value):
                self.error("BBQ-T012", f"metadata {quoted(name)} of {what} has no value", value)
            elif name == "template_version" and version_key(value.value if isinstance(value, ScalarNode) else "") is None:
                self.error("BBQ-T040", f"template_version of {what} must be a version such as 1.0, not {shape(value)}", value)
            found[name] = data(value, self.grammar.dialect)
        return found

    def description(self, keys: dict[str, Node], what: str) -> str:
        node = keys.get("description")
        if node is None or is_null(node):
            return ""
        return self.string(node, f"description of {what}")
