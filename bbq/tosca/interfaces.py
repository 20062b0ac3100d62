"""Interfaces and operations: of types, of templates, of relationships.

TOSCA 1.3 sections 3.6.16 to 3.6.20 and 3.8.5; TOSCA 2.0 section 12. TOSCA 1.0 writes operations directly below the
interface, later versions below `operations`; both are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode

from bbq.tosca.artifacts import absolute, check_file, type_by_extension
from bbq.tosca.files import Declaration
from bbq.tosca.functions import Owner
from bbq.tosca.model import InterfaceDef, OperationDef, ParameterDef, TypeDef
from bbq.tosca.reading import Entries, nearest, one_of, quoted
from bbq.tosca.schemas import Definitions, find
from bbq.tosca.units import TIME as _TIME
from bbq.tosca.units import scalar
from bbq.yamlreader import at, data, is_null

_KEYNAMES = frozenset(("type", "description", "metadata", "inputs", "operations", "notifications"))
_TYPE_KEYNAMES = _KEYNAMES | {"derived_from", "version"}
_DEFAULT_TYPES = {
    "Standard": "tosca.interfaces.node.lifecycle.Standard",
    "Configure": "tosca.interfaces.relationship.Configure",
}


class Interfaces:
    """Reads the interfaces of one file. `resolve` gives a declaration's type."""

    def __init__(self, reader: Definitions, resolve: Callable[[Declaration], TypeDef]) -> None:
        self._reader = reader
        self._resolve = resolve

    def of_type(self, keys: dict[str, Node], body: Node, found: TypeDef, what: str) -> None:
        """The operations of an interface type, into `found`."""
        reader = self._reader
        found.properties = reader.parameters(keys.get("inputs"), "parameter definition", what, found.properties)
        for name, (key, operation) in self._operations(keys, body, _TYPE_KEYNAMES, what).items():
            title = f"operation {quoted(name)} of {what}"
            result = self._operation(name, key, operation, found.operations.get(name), title, None)
            if result.implementation is not None:
                place = (
                    next((v for k, v in operation.value if k.value == "implementation"), key)
                    if isinstance(operation, MappingNode)
                    else operation
                )
                reader.error("BBQ-T072", f"{title} cannot have an implementation in an interface type", place)
            found.operations[name] = result

    def definitions(self, node: Node, what: str, inherited: dict[str, InterfaceDef]) -> dict[str, InterfaceDef]:
        """The interfaces of a node, relationship or group type."""
        result = dict(inherited)
        for name, (key, body) in self._reader.entries(node, f"interfaces of {what}").items():
            title = f"interface {quoted(name)} of {what}"
            found = self._interface(name, key, body, result.get(name), title, None, strict=False)
            if found is not None:
                result[name] = found
        return result

    def assignments(
        self, node: Node | None, what: str, defined: dict[str, InterfaceDef], owner: Owner, *, strict: bool = True
    ) -> dict[str, InterfaceDef]:
        """The interfaces of a template over those of its type. With `strict`, an operation must be one of the type's."""
        result = dict(defined)
        for name, (key, body) in self._reader.entries(node, f"interfaces of {what}").items():
            title = f"interface {quoted(name)} of {what}"
            short = name if name in defined else self._short(name, defined)
            if short is None and name not in _DEFAULT_TYPES and not self._has_type(body, name):
                report = self._reader.warning if owner.kind == "relationship" else self._reader.error
                report("BBQ-T070", f"{what} has no interface {quoted(name)}", key, nearest(name, defined) or one_of(defined))
                continue
            found = self._interface(short or name, key, body, result.get(short or name), title, owner, strict=strict)
            if found is not None:
                result[short or name] = found
        return {name: _with_values(found) for name, found in result.items()}

    def _short(self, name: str, defined: dict[str, InterfaceDef]) -> str | None:
        """TOSCA 1.0 templates name an interface by its type, `tosca.interfaces.node.lifecycle.Standard`."""
        return next((short for short, found in defined.items() if found.type == name), None)

    def _has_type(self, body: Node, name: str) -> bool:
        named = isinstance(body, MappingNode) and any(key.value == "type" for key, _ in body.value)
        return named or find(self._reader.unit, "interface", name) is not None

    def _operations(self, keys: dict[str, Node], body: Node, keynames: frozenset[str], what: str) -> Entries:
        found = self._reader.entries(keys.get("operations"), f"operations of {what}")
        if isinstance(body, MappingNode):
            # A keyname that holds a map with an operation's name is one: `type` and the like never are.
            found |= {key.value: (key, value) for key, value in body.value if key.value not in keynames}
        return found

    def _interface(
        self, name: str, key: Node, body: Node, old: InterfaceDef | None, what: str, owner: Owner | None, *, strict: bool
    ) -> InterfaceDef | None:
        reader = self._reader
        keys = reader.entity(body, "interface definition", name, key)
        type_name = self._type(name, keys, old, what)
        if type_name is None:
            if old is None and "type" not in keys:
                reader.error("BBQ-T011", f"{what} lacks the required keyname `type`", key)
            return None
        declaration = find(reader.unit, "interface", type_name)
        base = self._resolve(declaration) if declaration is not None else None
        operations = dict(base.operations) if base is not None else {}
        if old is not None:
            operations |= old.operations
        inputs: dict[str, Any] = dict(base.properties) if base is not None else {}
        inputs |= old.inputs if old is not None else {}
        result = InterfaceDef(name, type_name, at(key), inputs, operations)
        result.notifications = dict(old.notifications) if old is not None else {}
        result.inputs |= self._inputs(keys.get("inputs"), what, owner, inputs)
        for operation, (operation_key, operation_body) in self._operations(keys, body, _KEYNAMES, what).items():
            title = f"operation {quoted(operation)} of {what}"
            if strict and operations and operation not in operations:
                hint = nearest(operation, operations) or one_of(operations)
                reader.error("BBQ-T071", f"{what} has no operation {quoted(operation)}", operation_key, hint)
                continue
            result.operations[operation] = self._operation(
                operation, operation_key, operation_body, operations.get(operation), title, owner
            )
        for operation, (operation_key, operation_body) in reader.entries(keys.get("notifications"), "notifications").items():
            title = f"notification {quoted(operation)} of {what}"
            result.notifications[operation] = self._operation(
                operation, operation_key, operation_body, result.notifications.get(operation), title, owner
            )
        return result

    def _type(self, name: str, keys: dict[str, Node], old: InterfaceDef | None, what: str) -> str | None:
        if "type" in keys:
            return self._reader.type_name(keys["type"], "interface", what)
        if old is not None:
            return old.type
        default = _DEFAULT_TYPES.get(name, name)
        return default if find(self._reader.unit, "interface", default) is not None else None

    def _inputs(self, node: Node | None, what: str, owner: Owner | None, defined: dict[str, Any]) -> dict[str, Any]:
        """Of a definition: parameter definitions; of an assignment: values."""
        reader = self._reader
        if owner is None:
            known = {name: value for name, value in defined.items() if isinstance(value, ParameterDef)}
            return dict(reader.parameters(node, "parameter definition", what, known, values=True))
        found = {}
        for name, (_, value) in reader.entries(node, f"inputs of {what}").items():
            if self._is_definition(value):
                found[name] = self._defined_value(value, owner)
            else:
                found[name] = reader.convert.value(value, owner)
                definition = defined.get(name)
                if isinstance(definition, ParameterDef) and definition.secret and reader.bag.sources is not None:
                    reader.bag.sources.secret(at(value))
        return found

    @staticmethod
    def _is_definition(node: Node) -> bool:
        """1.x templates may define an operation's input where they assign it: `{ type: string, default: x }`."""
        if not isinstance(node, MappingNode):
            return False
        names = {key.value for key, _ in node.value}
        return "type" in names and names <= {
            "type",
            "default",
            "value",
            "description",
            "required",
            "entry_schema",
            "constraints",
        }

    def _defined_value(self, node: Node, owner: Owner) -> Any:
        values = {key.value: value for key, value in node.value}
        chosen = values.get("value") or values.get("default")
        return self._reader.convert.value(chosen, owner) if chosen is not None else None

    def _operation(
        self, name: str, key: Node, body: Node, old: OperationDef | None, what: str, owner: Owner | None
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
            self._implementation(keys["implementation"], result, what, key)
        result.inputs |= self._inputs(keys.get("inputs"), what, owner, result.inputs)
        outputs = reader.entries(keys.get("outputs"), f"outputs of {what}")
        result.outputs = {**result.outputs, **{out: data(value, reader.grammar.dialect) for out, (_, value) in outputs.items()}}
        result.description = reader.description(keys, what) or result.description
        return result

    def _implementation(self, node: Node, result: OperationDef, what: str, key: Node) -> None:
        reader = self._reader
        if isinstance(node, ScalarNode):
            keys: dict[str, Node] = {"primary": node} if not is_null(node) else {}
        else:
            keys = reader.entity(node, "implementation", "", key)
        primary = keys.get("primary", node if "file" in keys else None)
        if isinstance(primary, MappingNode):  # an artifact definition in place
            inner = {name.value: value for name, value in primary.value}
            if "type" in inner:
                result.implementation_type = reader.type_name(inner["type"], "artifact", what)
            primary = inner.get("file")
        file = reader.string(primary, f"implementation of {what}")
        if file:
            if Path(file).suffix and primary is not None:  # else the name of an artifact, or a command
                check_file(reader, file, primary, what)
            result.implementation = absolute(reader.unit, file)
            result.implementation_type = result.implementation_type or type_by_extension(reader.unit, file) or None
        names = []
        for item in reader.items(keys.get("dependencies"), f"dependencies of {what}"):
            inner = {k.value: v for k, v in item.value} if isinstance(item, MappingNode) else {"file": item}
            text = reader.string(inner.get("file"), f"a dependency of {what}")
            if text:
                names.append(absolute(reader.unit, text))
        result.dependencies = tuple(names) or result.dependencies
        if "operation_host" in keys:
            result.host = reader.string(keys["operation_host"], f"operation_host of {what}") or result.host
        if "timeout" in keys:
            result.timeout = self._timeout(keys["timeout"], what)

    def _timeout(self, node: Node, what: str) -> float | None:
        """Seconds; 2.0 also takes a scalar such as `5 m`."""
        value = data(node, self._reader.grammar.dialect)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            return float(value)
        found = scalar(value, _TIME) if isinstance(value, str) else None
        if found is None:
            self._reader.error("BBQ-T040", f"timeout of {what} must be a number of seconds", node)
            return None
        return found[0]


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
