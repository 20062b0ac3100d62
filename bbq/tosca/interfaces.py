"""Interfaces, operations and notifications: of types, of templates, of relationships.

TOSCA 1.3 sections 3.6.16 to 3.6.20 and 3.8.5; TOSCA 2.0 chapter 11. TOSCA 1.0 writes operations directly below the
interface, later versions below `operations`; both are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.tosca.checker import Checker
from bbq.tosca.files import Declaration
from bbq.tosca.functions import Owner
from bbq.tosca.implementations import read_implementation
from bbq.tosca.model import InterfaceDef, OperationDef, ParameterDef, Schema, TypeDef
from bbq.tosca.reading import Entries, nearest, one_of, quoted
from bbq.tosca.schemas import Definitions, find
from bbq.yamlreader import at, data, is_null

_KEYNAMES = frozenset(("type", "description", "metadata", "inputs", "operations", "notifications"))
_TYPE_KEYNAMES = _KEYNAMES | {"derived_from", "version"}
_DEFAULT_TYPES: Final = {
    "Standard": "tosca.interfaces.node.lifecycle.Standard",
    "Configure": "tosca.interfaces.relationship.Configure",
}
_DEFINITION: Final = frozenset(("type", "default", "value", "description", "required", "entry_schema", "constraints"))
# Attributes that every node has in 1.x, whatever its type says.
_IMPLICIT: Final = frozenset(("tosca_id", "tosca_name", "state"))


class Interfaces:
    """Reads the interfaces of one file. `resolve` gives a declaration's type; `checker` is there once all types are known,
    for templates."""

    def __init__(self, reader: Definitions, resolve: Callable[[Declaration], TypeDef], checker: Checker | None = None) -> None:
        self._reader = reader
        self._resolve = resolve
        self._checker = checker

    def of_type(self, keys: dict[str, Node], body: Node, found: TypeDef, what: str) -> None:
        """The operations and notifications of an interface type, into `found`."""
        reader = self._reader
        found.properties = reader.parameters(keys.get("inputs"), "parameter definition", what, found.properties)
        notifications = reader.entries(keys.get("notifications"), f"notifications of {what}")
        for word, entries, known in (
            ("operation", self._operations(keys, body, _TYPE_KEYNAMES, what), found.operations),
            ("notification", notifications, found.notifications),
        ):
            for name, (key, operation) in entries.items():
                title = f"{word} {quoted(name)} of {what}"
                result = self._operation(name, key, operation, known.get(name), title, None, None)
                if result.implementation is not None:
                    place = next((v for k, v in operation.value if k.value == "implementation"), key) if isinstance(
                        operation, MappingNode
                    ) else operation  # fmt: skip
                    reader.error("BBQ-T072", f"{title} cannot have an implementation in an interface type", place)
                for output in result.outputs.values():
                    if output.mapping:
                        text = f"output {quoted(output.name)} of {title} cannot be mapped in an interface type"
                        reader.practice("BBQ-T072", text, output.at)
                known[name] = result

    def definitions(
        self, node: Node, what: str, inherited: dict[str, InterfaceDef], owner_type: TypeDef
    ) -> dict[str, InterfaceDef]:
        """The interfaces of a node, relationship or group type, of which properties and attributes are known."""
        result = dict(inherited)
        for name, (key, body) in self._reader.entries(node, f"interfaces of {what}").items():
            title = f"interface {quoted(name)} of {what}"
            found = self._interface(name, key, body, result.get(name), title, None, owner_type, strict=False)
            if found is not None:
                result[name] = found
        return result

    def assignments(
        self, node: Node | None, what: str, owner_type: TypeDef, owner: Owner, *, strict: bool = True
    ) -> dict[str, InterfaceDef]:
        """The interfaces of a template over those of its type. With `strict`, an operation must be one of the type's."""
        defined = owner_type.interfaces
        result = dict(defined)
        for name, (key, body) in self._reader.entries(node, f"interfaces of {what}").items():
            title = f"interface {quoted(name)} of {what}"
            short = name if name in defined else self._short(name, defined)
            if short is None and (self._reader.grammar.two or not (name in _DEFAULT_TYPES or self._has_type(body, name))):
                report = self._reader.warning if owner.kind == "relationship" else self._reader.error
                report("BBQ-T070", f"{what} has no interface {quoted(name)}", key, nearest(name, defined) or one_of(defined))
                continue
            found = self._interface(
                short or name, key, body, result.get(short or name), title, owner, owner_type, strict=strict
            )
            if found is not None:
                result[short or name] = found
        return {name: _with_values(found) for name, found in result.items()}

    def _short(self, name: str, defined: dict[str, InterfaceDef]) -> str | None:
        """TOSCA 1.0 templates name an interface by its type, `tosca.interfaces.node.lifecycle.Standard`."""
        if self._reader.grammar.two:
            return None
        return next((short for short, found in defined.items() if found.type == name), None)

    def _has_type(self, body: Node, name: str) -> bool:
        named = isinstance(body, MappingNode) and any(key.value == "type" for key, _ in body.value)
        return named or find(self._reader.unit, "interface", name) is not None

    def _operations(self, keys: dict[str, Node], body: Node, keynames: frozenset[str], what: str) -> Entries:
        found = self._reader.entries(keys.get("operations"), f"operations of {what}")
        if isinstance(body, MappingNode) and not self._reader.grammar.two:
            # A keyname that holds a map with an operation's name is one: `type` and the like never are.
            found |= {key.value: (key, value) for key, value in body.value if key.value not in keynames}
        return found

    def _interface(
        self,
        name: str,
        key: Node,
        body: Node,
        old: InterfaceDef | None,
        what: str,
        owner: Owner | None,
        owner_type: TypeDef,
        *,
        strict: bool,
    ) -> InterfaceDef | None:
        reader = self._reader
        keys = reader.entity(body, "interface definition" if owner is None else "interface assignment", name, key)
        type_name = self._type(name, keys, old, what)
        if type_name is None:
            if old is None and "type" not in keys:
                reader.lacks("type", body, what, key)
            return None
        declaration = find(reader.unit, "interface", type_name)
        base = self._resolve(declaration) if declaration is not None else None
        if old is not None and base is not None and "type" in keys and old.type not in base.ancestry:
            text = f"{what} is of type {quoted(old.type)}; {quoted(type_name)} does not derive from it"
            reader.practice("BBQ-T033", text, keys["type"])
        result = InterfaceDef(name, type_name, at(key))
        for before in (base, old):
            if before is not None:
                result.operations |= before.operations
                result.notifications |= before.notifications
                result.inputs |= before.properties if isinstance(before, TypeDef) else before.inputs
        result.inputs |= self._inputs(keys.get("inputs"), what, owner, result.inputs)
        notifications = reader.entries(keys.get("notifications"), f"notifications of {what}")
        for word, entries, known in (
            ("operation", self._operations(keys, body, _KEYNAMES, what), result.operations),
            ("notification", notifications, result.notifications),
        ):
            defined = dict(known)
            for inner, (inner_key, inner_body) in entries.items():
                if inner not in defined and not self._may_add(word, inner, inner_key, defined, what, owner, strict):
                    continue
                title = f"{word} {quoted(inner)} of {what}"
                known[inner] = self._operation(inner, inner_key, inner_body, defined.get(inner), title, owner, owner_type)
        return result

    def _may_add(
        self,
        word: str,
        name: str,
        key: Node,
        defined: Mapping[str, OperationDef],
        what: str,
        owner: Owner | None,
        strict: bool,
    ) -> bool:
        """Only interface types define operations; before 1.3, types could add some to an interface that they have."""
        if not defined and not self._reader.grammar.two and word == "operation":
            return True
        text, hint = f"{what} has no {word} {quoted(name)}", nearest(name, defined) or one_of(defined)
        if owner is not None and strict:
            self._reader.error("BBQ-T071", text, key, hint)
            return False
        if self._reader.grammar.number >= 13:
            self._reader.practice("BBQ-T071", text, key, hint)
        return not self._reader.grammar.two

    def _type(self, name: str, keys: dict[str, Node], old: InterfaceDef | None, what: str) -> str | None:
        if "type" in keys:
            return self._reader.type_name(keys["type"], "interface", what)
        if old is not None:
            return old.type
        if self._reader.grammar.two:
            return None
        default = _DEFAULT_TYPES.get(name, name)
        return default if find(self._reader.unit, "interface", default) is not None else None

    # Inputs

    def _inputs(self, node: Node | None, what: str, owner: Owner | None, defined: Mapping[str, Any]) -> dict[str, Any]:
        """Of a definition: parameter definitions; of an assignment: values, checked where they are defined. Further ones may
        be given (2.0 section 11.3)."""
        reader = self._reader
        if owner is None:
            known = {name: value for name, value in defined.items() if isinstance(value, ParameterDef)}
            return dict(reader.parameters(node, "parameter definition", what, known, values=True))
        found = {}
        for name, (key, value) in reader.entries(node, f"inputs of {what}", values=True).items():
            definition = defined.get(name)
            title = f"input {quoted(name)} of {what}"
            if not reader.grammar.two and self._is_definition(value):
                found[name] = self._defined_value(value, owner)
            elif isinstance(definition, ParameterDef) and definition.has_value:
                reader.practice("BBQ-T033", f"{title} has a fixed value", key)
            elif isinstance(definition, ParameterDef) and self._checker is not None:
                found[name] = reader.assigned(self._checker, value, definition.schema, title, owner)
            else:
                found[name] = reader.convert.value(value, owner)
            if isinstance(definition, ParameterDef) and definition.secret and reader.bag.sources is not None:
                reader.bag.sources.secret(at(value))
        return found

    @staticmethod
    def _is_definition(node: Node) -> bool:
        """1.x templates may define an operation's input where they assign it: `{ type: string, default: x }`."""
        names = {key.value for key, _ in node.value} if isinstance(node, MappingNode) else set()
        return "type" in names and names <= _DEFINITION

    def _defined_value(self, node: Node, owner: Owner) -> Any:
        values = {key.value: value for key, value in node.value}
        chosen = values.get("value") or values.get("default")
        return self._reader.convert.value(chosen, owner) if chosen is not None else None

    # Operations

    def _operation(
        self,
        name: str,
        key: Node,
        body: Node,
        old: OperationDef | None,
        what: str,
        owner: Owner | None,
        owner_type: TypeDef | None,
    ) -> OperationDef:
        reader = self._reader
        result = replace(old, at=at(key), inputs=dict(old.inputs)) if old is not None else OperationDef(name, at(key))
        if is_null(body):
            return result
        if isinstance(body, ScalarNode) or not isinstance(body, MappingNode):
            keys: dict[str, Node] = {"implementation": body}
        else:
            keys = reader.entity(body, "operation", name, key)
        if "implementation" in keys:
            read_implementation(reader, keys["implementation"], result, what, key)
        result.inputs |= self._inputs(keys.get("inputs"), what, owner, result.inputs)
        result.outputs = dict(result.outputs)
        for output, (output_key, value) in reader.entries(keys.get("outputs"), f"outputs of {what}").items():
            title = f"output {quoted(output)} of {what}"
            self._output(output, output_key, value, result.outputs, title, owner, owner_type)
        result.description = reader.description(keys, what) or result.description
        return result

    def _output(
        self,
        name: str,
        key: Node,
        value: Node,
        known: dict[str, ParameterDef],
        what: str,
        owner: Owner | None,
        owner_type: TypeDef | None,
    ) -> None:
        """A definition, with an attribute to store it in or not; or that attribute alone."""
        reader = self._reader
        old = known.get(name)
        place: Node | None = value
        if isinstance(value, SequenceNode):
            found = replace(old, at=at(key)) if old is not None else ParameterDef(name, Schema("any"), at(key))
        elif owner is not None and reader.grammar.two:
            reader.error("BBQ-T012", f"{what} is assigned an attribute: [ SELF, <attribute> ]", value)
            return
        elif not isinstance(value, MappingNode) and not reader.grammar.two:
            return  # practice of 1.x, of which nothing is known
        else:
            definition = reader.parameter(name, key, value, "parameter definition", what, old)
            if definition is None:
                return
            found = definition
            place = next((v for k, v in value.value if k.value == "mapping"), None) if isinstance(value, MappingNode) else None
        if place is not None:
            if old is not None and old.mapping:
                reader.practice("BBQ-T033", f"{what} is mapped to {_shown(old.mapping)} already", place)
                return
            found = replace(found, mapping=self._mapping(place, what, owner, owner_type))
        known[name] = found

    def _mapping(self, node: Node, what: str, owner: Owner | None, owner_type: TypeDef | None) -> tuple[Any, ...]:
        """The attribute that an output is stored in: `[ SELF, attribute, ... ]`, also of a capability of SELF."""
        reader = self._reader
        if not isinstance(node, SequenceNode) or len(node.value) < 2:
            reader.practice("BBQ-T012", f"mapping of {what} is an attribute: [ SELF, <attribute> ]", node)
            return ()
        path = tuple(data(item, reader.grammar.dialect) for item in node.value)
        if path[0] != "SELF":
            if owner is None and reader.grammar.two:
                text = f"mapping of {what} must be an attribute of the same node or relationship: [ SELF, <attribute> ]"
                reader.error("BBQ-T055", text, node.value[0])
            return path
        if owner_type is None or not all(isinstance(step, (str, int)) for step in path):
            return path
        fields: Mapping[str, ParameterDef] = {**owner_type.properties, **owner_type.attributes}
        step, title = 1, quoted(owner_type.name)
        if path[1] == "CAPABILITY" and len(path) > 3:
            step = 2
        capability = owner_type.capabilities.get(str(path[step])) if len(path) > step + 1 else None
        if capability is not None and (step == 2 or str(path[1]) not in fields):
            fields, step = {**capability.properties, **capability.attributes}, step + 1
            title = f"capability {quoted(capability.name)} of {title}"
        elif path[1] in ("CAPABILITY", "RELATIONSHIP", "SOURCE", "TARGET"):
            return path
        if path[step] not in fields and (reader.grammar.two or path[step] not in _IMPLICIT):
            text = f"{what}: {title} has no attribute {quoted(path[step])}"
            reader.practice("BBQ-T054", text, node.value[step], nearest(str(path[step]), fields) or one_of(fields))
        return path


def _shown(path: tuple[Any, ...]) -> str:
    return quoted(f"[ {', '.join(map(str, path))} ]")


def _with_values(found: InterfaceDef) -> InterfaceDef:
    """A template's interface: definitions of inputs give way to their values and defaults. Without any it is shared."""
    operations = (*found.operations.values(), *found.notifications.values())
    blocks = [found.inputs, *(item.inputs for item in operations)]
    if not any(isinstance(value, ParameterDef) for block in blocks for value in block.values()):
        return found

    def values(inputs: dict[str, Any]) -> dict[str, Any]:
        result = {}
        for name, value in inputs.items():
            if not isinstance(value, ParameterDef):
                result[name] = value
            elif value.has_value or value.has_default:
                result[name] = value.value if value.has_value else value.default
        return result

    return replace(
        found,
        inputs=values(found.inputs),
        operations={name: replace(item, inputs=values(item.inputs)) for name, item in found.operations.items()},
        notifications={name: replace(item, inputs=values(item.inputs)) for name, item in found.notifications.items()},
    )
