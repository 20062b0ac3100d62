"""Node templates and relationship templates. TOSCA 1.3 sections 3.8.3 and 3.8.4; TOSCA 2.0 sections 7.3 and 8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from yaml import MappingNode, Node

from bbq.diagnostics import SourceRange
from bbq.tosca.artifacts import read_artifact
from bbq.tosca.checker import BROKEN, Checker
from bbq.tosca.copies import Copies
from bbq.tosca.files import Unit
from bbq.tosca.filters import read_filter
from bbq.tosca.flaws import FlawFinder
from bbq.tosca.functions import Owner, Uses
from bbq.tosca.interfaces import Interfaces
from bbq.tosca.model import ArtifactDef, CapabilityAssignment, Function, InterfaceDef, NodeTemplate, ParameterDef, TypeDef
from bbq.tosca.reading import Entries, nearest, one_of, quoted, shape
from bbq.tosca.schemas import Definitions
from bbq.tosca.secret_places import SecretPlaces
from bbq.tosca.types import Types
from bbq.yamlreader import at

_SCALABLE: Final = "tosca.capabilities.Scalable"
_INSTANCES: Final = ("min_instances", "max_instances", "default_instances")
_DIRECTIVES: Final = ("create", "select", "substitute", "selectable", "substitutable")


@dataclass(slots=True)
class RelationshipTemplate:
    name: str
    type: str
    at: SourceRange
    properties: dict[str, Any] = field(default_factory=dict)
    interfaces: dict[str, InterfaceDef] = field(default_factory=dict)


class Templates:
    """Reads the templates of the main file. Requirements are read afterwards, when every node is known."""

    def __init__(self, reader: Definitions, types: Types, uses: Uses) -> None:
        self.reader = reader
        self.types = types
        self.uses = uses
        self.checker = Checker(types.found)
        self.secrets = SecretPlaces(types.found, reader.bag.sources)
        self.interfaces = Interfaces(reader, types.of, self.checker)
        self.bodies: dict[str, dict[str, Node]] = {}
        """Keynames of each node template, copies merged."""
        self.copies = Copies()
        self.flaws = FlawFinder(reader.bag)
        self.broken = self.flaws.flaws.missing
        """Names of node templates that could not be read."""

    def type_of(self, node: Node | None, kind: str, what: str) -> TypeDef | None:
        name = self.reader.type_name(node, kind, what) if node is not None else None
        return self.types.found.get((kind, name)) if name is not None else None

    def _artifact_type(self, name: str) -> TypeDef | None:
        return self.types.found.get(("artifact", name))

    def nodes(self, node: Node | None) -> dict[str, NodeTemplate]:
        found = {}
        entries = self.reader.entries(node, "`node_templates`", empty=False)
        for name, (key, body) in entries.items():
            start = self.flaws.now
            template = self._node(name, key, self._copied(name, key, body, entries, "node template"))
            self.flaws.node(template, start)
            if template is not None:
                found[name] = template
            else:
                self.broken.add(name)
        return found

    def relationships(self, node: Node | None) -> dict[str, RelationshipTemplate]:
        found = {}
        entries = self.reader.entries(node, "`relationship_templates`", empty=False)
        for name, (key, body) in entries.items():
            what = f"relationship template {quoted(name)}"
            keys = self._copied(name, key, body, entries, "relationship template")
            type_def = self.type_of(keys.get("type"), "relationship", what)
            if type_def is None:
                continue
            owner = Owner("relationship", type=type_def.name)
            found[name] = RelationshipTemplate(
                name,
                type_def.name,
                at(key),
                self.assign(keys.get("properties"), type_def.properties, "property", what, key, owner),
                self.interfaces.assignments(keys.get("interfaces"), what, type_def, owner),
            )
            self.assign(keys.get("attributes"), type_def.attributes, "attribute", what, key, owner)
        return found

    def _copied(self, name: str, key: Node, body: Node, entries: Entries, entity: str) -> dict[str, Node]:
        """Keynames of a template, over those of the template that it copies (TOSCA 1.3 section 3.8.3, 2.0 section 7.2)."""
        copies: list[tuple[str, Node]] = []
        current = body
        while isinstance(current, MappingNode) and "copy" in (own := self.reader.entries(current, entity)):
            _, place = own["copy"]
            source = self.reader.string(place, f"`copy` of {entity} {quoted(name)}")
            again = source == name or any(source == earlier for earlier, _ in copies)
            if source not in entries or again:
                problem = "copies itself" if again else f"copies {quoted(source)}, which does not exist"
                self.reader.error("BBQ-T053", f"{entity} {quoted(name)} {problem}", place, nearest(source, entries))
                return {}
            copies.append((source, place))
            if len(copies) == 2:
                first, where = copies[0]
                self.reader.warning("BBQ-T212", f"{entity} {quoted(name)} copies {quoted(first)}, a copy itself", where)
            current = entries[source][1]
            body = _merged(current, body)
        if copies:
            last = copies[-1][0]
            self.copies.add(name, at(key), last, at(entries[last][0]), len(copies))
        keys = self.reader.entity(body, entity, name, key)
        keys.pop("copy", None)
        return keys

    def _node(self, name: str, key: Node, keys: dict[str, Node]) -> NodeTemplate | None:
        reader = self.reader
        what = f"node template {quoted(name)}"
        type_def = self.type_of(keys.get("type"), "node", what)
        owner = Owner("node", name)
        if type_def is None:
            self._artifacts(keys, what, owner)  # they need no type of a node to be wrong, or to be missing
            return None
        self.bodies[name] = keys
        template = NodeTemplate(name, type_def, at(key))
        template.description = reader.description(keys, what)
        template.metadata = reader.metadata(keys.get("metadata"), what)
        template.directives = self.directives(keys.get("directives"), what, _DIRECTIVES)
        selected = bool({"select", "selectable"} & set(template.directives))
        template.properties = self.assign(
            keys.get("properties"),
            type_def.properties,
            "property",
            what,
            key,
            owner,
            places=template.property_at,
            complete=not selected,
        )
        known = self._reflected(keys.get("attributes"), type_def.properties, type_def.attributes)
        template.attributes = self.assign(keys.get("attributes"), known, "attribute", what, key, owner)
        template.capabilities = self._capabilities(keys.get("capabilities"), type_def, what, key, owner, complete=not selected)
        template.interfaces = self.interfaces.assignments(keys.get("interfaces"), what, type_def, owner)
        template.artifacts = type_def.artifacts | self._artifacts(keys, what, owner)
        _implement(template, reader.unit)
        if "count" in keys:
            template.count = self._count(keys["count"], what, owner)
        if "node_filter" in keys:
            owner = Owner("filter", name)
            template.node_filter = read_filter(reader, keys["node_filter"], what, owner, type_def, self.checker)
            if not selected:
                reader.warning("BBQ-T216", f"{what} has a node_filter and no directive `select`", keys["node_filter"])
        return template

    def _artifacts(self, keys: dict[str, Node], what: str, owner: Owner) -> dict[str, ArtifactDef]:
        found = {}
        for name, (key, body) in self.reader.entries(keys.get("artifacts"), f"artifacts of {what}").items():
            artifact = read_artifact(self.reader, name, key, body, what, self._artifact_type, owner, self.checker)
            if artifact is not None:
                found[name] = artifact
        return found

    def directives(self, node: Node | None, what: str, known: tuple[str, ...]) -> tuple[str, ...]:
        """Instructions to whoever processes the template; unknown ones are kept, with a warning."""
        found = self.reader.strings(node, f"directives of {what}")
        for text, place in found:
            if text not in known:
                hint = nearest(text, known) or one_of(known)
                self.reader.warning("BBQ-T015", f"unknown directive {quoted(text)} of {what}", place, hint)
        return tuple(text for text, _ in found)

    def _count(self, node: Node, what: str, owner: Owner) -> Any:
        value = self.reader.convert.value(node, owner)
        if isinstance(value, Function) or (type(value) is int and value >= 0):
            return value
        text = f"count of {what} must be an integer that is not negative, not {shape(node)}"
        self.reader.error("BBQ-T040", text, node, self.reader.convert.other_spelling(node))
        return 1

    def assign(
        self,
        node: Node | None,
        definitions: Mapping[str, ParameterDef],
        word: str,
        what: str,
        owner_node: Node,
        owner: Owner,
        *,
        places: dict[str, SourceRange] | None = None,
        complete: bool = True,
        mentioned: bool = True,
    ) -> dict[str, Any]:
        """Values for definitions: given ones checked, defaults filled in, unknown and missing ones reported.

        `word` is "property", "attribute" ...; missing ones are an error of properties and inputs only. What 1.x templates in
        the wild do not even mention, they leave without its values.
        """
        found: dict[str, Any] = {}
        plural = {"property": "properties", "attribute": "attributes"}.get(word, word + "s")
        for name, (key, value) in self.reader.entries(node, f"{plural} of {what}", values=True).items():
            definition = definitions.get(name)
            if definition is None:
                hint = nearest(name, definitions) or one_of(definitions)
                self.reader.error("BBQ-T041", f"{what} has no {word} {quoted(name)}", key, hint)
                self.reader.convert.value(value, owner)
                continue
            if definition.has_value:
                self.reader.error("BBQ-T033", f"{word} {quoted(name)} of {what} is fixed by its type", key, "leave it out")
                continue
            found[name] = self.reader.assigned(
                self.checker, value, definition.schema, f"{word} {quoted(name)} of {what}", owner
            )
            self.secrets.mark(value, found[name], definition)
            if places is not None:
                places[name] = at(value)
        for name, definition in definitions.items():
            if name in found:
                continue
            if definition.has_value or definition.has_default:
                found[name] = definition.value if definition.has_value else definition.default
                if places is not None:
                    places[name] = definition.at
            elif definition.required and complete and word != "attribute" and name not in self._names(node):
                hint = f"{name}: {definition.description.strip()}" if definition.description else None
                # A required property of a normative type that templates in the wild leave out.
                left_out = definition.metadata.get("practice") == "optional" or not mentioned
                report = self.reader.practice if left_out else self.reader.error
                report("BBQ-T042", f"{what} lacks the required {word} {quoted(name)}", owner_node, hint)
        return found

    def _reflected(
        self, node: Node | None, properties: Mapping[str, ParameterDef], attributes: Mapping[str, ParameterDef]
    ) -> dict[str, ParameterDef]:
        """The attributes, and the properties that are assigned as such: each is an attribute, too, whose first value is the
        property's (1.3 section 3.6.12, 2.0 section 9.5)."""
        names = self._names(node) - set(attributes)
        return {**{name: properties[name] for name in properties if name in names}, **attributes}

    @staticmethod
    def _names(node: Node | None) -> set[str]:
        return {key.value for key, _ in node.value} if isinstance(node, MappingNode) else set()

    def _capabilities(
        self, node: Node | None, type_def: TypeDef, what: str, owner_node: Node, owner: Owner, *, complete: bool
    ) -> dict[str, CapabilityAssignment]:
        given = self.reader.entries(node, f"capabilities of {what}")
        for name, (key, _) in given.items():
            if name not in type_def.capabilities:
                hint = nearest(name, type_def.capabilities) or one_of(type_def.capabilities)
                self.reader.error("BBQ-T060", f"{what} has no capability {quoted(name)}", key, hint)
        found = {}
        for name, definition in type_def.capabilities.items():
            title = f"capability {quoted(name)} of {what}"
            key, body = given.get(name, (owner_node, None))
            keys = self.reader.entity(body, "capability assignment", name, key) if body is not None else {}
            places: dict[str, SourceRange] = {}
            found[name] = CapabilityAssignment(
                name,
                definition.type,
                at(key),
                self.assign(
                    keys.get("properties"),
                    definition.properties,
                    "property",
                    title,
                    key,
                    owner,
                    complete=complete,
                    mentioned=body is not None,
                    places=places,
                ),
                self.assign(
                    keys.get("attributes"),
                    self._reflected(keys.get("attributes"), definition.properties, definition.attributes),
                    "attribute",
                    title,
                    key,
                    owner,
                ),
                self.directives(keys.get("directives"), title, ("internal", "external")),
                places,
            )
            if "occurrences" in keys:
                self._occurrences(keys["occurrences"], definition.occurrences, title)
            if not self.reader.grammar.two and self._is_scalable(definition.type):
                self._scaled(found[name].properties, keys.get("properties"), title)
        return found

    def _occurrences(self, node: Node, within: tuple[int, int | None], what: str) -> None:
        """1.3 section 3.8.1: how many relationships lead here, a narrower range than that of the definition."""
        low, high = self.reader.bounds(node, f"occurrences of {what}", within)
        least, most = within
        if low < least or (most is not None and (high is None or high > most)):
            text = f"the range of {what} is not within [ {least}, {'UNBOUNDED' if most is None else most} ], that of its type"
            self.reader.practice("BBQ-T064", text, node)

    def _is_scalable(self, name: str) -> bool:
        found = self.types.found.get(("capability", name))
        return found is not None and _SCALABLE in found.ancestry

    def _scaled(self, values: Mapping[str, Any], node: Node | None, what: str) -> None:
        """1.x: the default number of instances MUST be in the range between the least and the most. Of what the template
        says: the normative types have 1 for what it leaves out, which templates in use do not count with."""
        places = {key.value: value for key, value in node.value} if isinstance(node, MappingNode) else {}
        least, most, default = (values.get(name) if name in places else None for name in _INSTANCES)
        wrong = ""
        if type(least) is int and type(most) is int and least > most:
            wrong, text = "max_instances", f"must be {least} or more, which is `min_instances`, not {most}"
        elif type(default) is int:
            if type(least) is int and default < least:
                wrong, text = "default_instances", f"must be {least} or more, which is `min_instances`, not {default}"
            elif type(most) is int and default > most:
                wrong, text = "default_instances", f"must be {most} or less, which is `max_instances`, not {default}"
        if wrong:
            self.reader.error(BROKEN, f"property {quoted(wrong)} of {what} {text}", places[wrong])


def _merged(base: Node, over: Node) -> Node:
    """`over` laid on `base`: maps entry by entry, anything else as a whole. Each entry keeps its own place."""
    if not isinstance(base, MappingNode) or not isinstance(over, MappingNode):
        return over
    pairs = {key.value: (key, value) for key, value in base.value}
    for key, value in over.value:
        pairs[key.value] = (key, _merged(pairs[key.value][1], value) if key.value in pairs else value)
    return MappingNode(over.tag, list(pairs.values()), over.start_mark, over.end_mark)


def _implement(template: NodeTemplate, unit: Unit) -> None:
    """An implementation may be the name of one of the node's artifacts (TOSCA 2.0 section 12.2); then it is no file's."""
    for name, interface in template.interfaces.items():
        operations = {}
        for operation in interface.operations.values():
            artifact = template.artifacts.get(Path(operation.implementation or "").name)
            if artifact is not None and artifact.file:
                if "." in artifact.name:
                    unit.named = [entry for entry in unit.named if entry[0] != artifact.name]
                operations[operation.name] = replace(operation, implementation=artifact.file, implementation_type=artifact.type)
        if operations:
            template.interfaces[name] = replace(interface, operations=interface.operations | operations)
