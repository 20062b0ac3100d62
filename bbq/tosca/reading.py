"""Reading nodes of one file: shapes checked, problems reported at the very place, with the nearest name as a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.diagnostics import DiagnosticBag, SourceRange
from bbq.tosca.grammar import COUNTERPARTS, Grammar, Keynames
from bbq.tosca.units import version_key
from bbq.wording import article, nearest, one_of, quoted, shape
from bbq.yamlreader import ListKey, at, data, is_null

if TYPE_CHECKING:
    from bbq.tosca.files import Unit

__all__ = ["Entries", "Reader", "article", "nearest", "one_of", "quoted", "shape"]

_NORMATIVE_METADATA = ("template_name", "template_author", "template_version")
Related = tuple[tuple[SourceRange, str], ...]
Entries = dict[str, tuple[Node, Node]]
"""Name -> (key node, value node), in the order of the file."""


class Reader:
    """Reads one file's nodes by its grammar into one bag."""

    def __init__(self, unit: Unit, bag: DiagnosticBag) -> None:
        self.unit = unit
        self.bag = bag
        self.grammar: Grammar = unit.grammar

    def error(self, code: str, message: str, where: Node | SourceRange, hint: str | None = None, related: Related = ()) -> None:
        """An error; in a foreign file, which came through an import map and is not the user's to correct, a warning."""
        report = self.bag.warning if self.unit.foreign else self.bag.error
        report(code, message, where if isinstance(where, SourceRange) else at(where), hint, related)

    def warning(
        self, code: str, message: str, where: Node | SourceRange, hint: str | None = None, related: Related = ()
    ) -> None:
        self.bag.warning(code, message, where if isinstance(where, SourceRange) else at(where), hint, related)

    def practice(
        self, code: str, message: str, where: Node | SourceRange, hint: str | None = None, related: Related = ()
    ) -> None:
        """What the specification forbids and TOSCA 1.x templates in the wild do all the same: a warning there, an error in
        2.0. The codes are in `codes.STRICT_CODES`."""
        (self.error if self.grammar.two else self.warning)(code, message, where, hint, related)

    def entries(
        self, node: Node | None, what: str, *, empty: bool = True, lists: bool = False, values: bool = False
    ) -> Entries:
        """The entries of a map; {} where `node` is missing, empty or (with an error) something else. With `lists`, keys may be
        lists of scalars (`yamlreader.ListKey`); with `values`, the map's keys name values that are assigned."""
        if isinstance(node, MappingNode):
            if self.unit.duplicates:
                self.judge_duplicates(id(node), values=values)
            if self.unit.list_keys and not lists:
                self.list_keys(node)
            return {key.value: (key, value) for key, value in node.value}
        if node is None:
            return {}
        if is_null(node):
            if not empty:
                self.error("BBQ-T012", f"{what} is empty", node, "remove the keyname or give it a value")
            return {}
        self.error("BBQ-T012", f"{what} must be a map, not {shape(node)}", node)
        return {}

    def judge_duplicates(self, identity: int, *, values: bool) -> None:
        """Reports the keys that stand twice in a map. Names and keynames stand once (TOSCA 1.0 section 3.1.3; TOSCA 2.0
        sections 6.8.4 and 6.9.1). In 1.x, where YAML readers that say nothing about it have made it a practice, a value that
        is assigned twice is a warning, and so is the same value twice."""
        for found in self.unit.duplicates.pop(identity, ()):
            same = data(found.value) == data(found.lost)
            report = self.practice if same or values else self.error
            text = "the same value twice" if same else f"the value on line {at(found.first).line} is lost"
            report(
                "BBQ-Y009",
                f"duplicate key {quoted(found.key.value)}: {text}",
                found.key,
                "rename or remove one",
                ((at(found.first), "first definition"),),
            )

    def list_keys(self, node: MappingNode) -> None:
        """Reports the keys that are lists, where there may be none."""
        for key, _ in node.value:
            if isinstance(key, ListKey):
                self.error("BBQ-Y018", f"key {quoted(key.value)} is a list", key, "keys are plain text")

    def items(self, node: Node | None, what: str) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        if node is not None and not is_null(node):
            self.error("BBQ-T012", f"{what} must be a list, not {shape(node)}", node)
        return []

    def listed(self, node: Node | None, what: str, each: str) -> list[tuple[str, Node, Node]]:
        """Name, key and value of the maps of one entry in a list. Further entries are read; they are practice of 1.x."""
        found = []
        for item in self.items(node, what):
            for number, (name, (key, value)) in enumerate(self.entries(item, each).items()):
                if number:
                    text = f"{each} is a map of one entry, and {quoted(name)} is one more"
                    self.practice("BBQ-T012", text, key, f"begin it with `- `: an item of its own in {what}")
                found.append((name, key, value))
        return found

    def entity(self, node: Node, entity: str, name: str, owner: Node) -> dict[str, Node]:
        """Keyname -> value node of an entity of the grammar; unknown and missing keynames are reported. `owner` is where
        a missing one is reported."""
        keynames = self.grammar.keynames(entity)
        title = f"{entity} {quoted(name)}" if name else f"the {entity}"
        found: dict[str, Node] = {}
        for key, (key_node, value) in self.entries(node, title).items():
            if key in keynames.foreign and not (self.unit.bundled or self.unit.foreign):
                text = f"keyname {quoted(key)} of {title} is from {keynames.elsewhere[key]}, not from the file's version"
                self.warning("BBQ-T013", text, key_node)
            if key not in keynames.allowed and not keynames.open:
                self._unknown(key, key_node, entity, title, keynames)
                continue
            found[key] = value
        for key in keynames.required:
            if key not in found:
                self.lacks(key, node, title, owner)
        return found

    def lacks(self, keyname: str, body: Node, what: str, owner: Node) -> None:
        """Reports a missing keyname, unless `body` is no map at all, which is reported where it is read."""
        if isinstance(body, MappingNode) or is_null(body):
            self.error("BBQ-T011", f"{what} lacks the required keyname {quoted(keyname)}", owner)

    def _unknown(self, key: str, node: Node, entity: str, title: str, keynames: Keynames) -> None:
        """A misspelt keyname is an error. One that resembles none is somebody's extension where it stands in a type of 1.x."""
        known = keynames.allowed
        if key in keynames.elsewhere:
            text = f"{title} has no keyname {quoted(key)}: it is from {keynames.elsewhere[key]}, not from the file's version"
            other = COUNTERPARTS.get(key)
            hint = f"this version calls it `{other}`" if other in known else one_of(known)
            self.error("BBQ-T010", text, node, hint)
            return
        near = nearest(key, known)
        if nearest(key, known, 0.75) is None and entity.endswith((" type", "trigger")) and not self.grammar.two:
            self.practice("BBQ-T207", f"{title}: {quoted(key)} is no keyname of TOSCA's, and is ignored", node, one_of(known))
            return
        self.error("BBQ-T010", f"{title} has no keyname {quoted(key)}", node, near or one_of(known))

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
        if isinstance(values, list) and len(values) == 2 and all(type(item) is int and item >= 0 for item in values):
            text = f"{what} must have the lower bound first, not [ {values[0]}, {values[1]} ]"
            self.error("BBQ-T014", text, node, f"write [ {values[1]}, {values[0]} ]")
            return default
        self.error("BBQ-T014", f"{what} must be a range such as [ 0, UNBOUNDED ], of integers", node)
        return default

    def metadata(self, node: Node | None, what: str) -> dict[str, Any]:
        """Any values; 1.x has strings only, but templates in the wild do not keep to it."""
        found = {}
        for name, (_, value) in self.entries(node, f"metadata of {what}", empty=False, values=True).items():
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
