"""What implements an operation or a notification. TOSCA 1.3 section 3.6.16; TOSCA 2.0 section 11.8."""

from __future__ import annotations

from pathlib import Path

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.tosca.artifacts import absolute, check_file, type_by_extension
from bbq.tosca.model import OperationDef
from bbq.tosca.reading import quoted
from bbq.tosca.schemas import Definitions
from bbq.tosca.units import TIME, scalar
from bbq.yamlreader import data, is_null


def read_implementation(reader: Definitions, node: Node, result: OperationDef, what: str, key: Node) -> None:
    """Into `result`: a file, an artifact's name, an artifact defined in place, or all of it in the long form."""
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
        result.implementation = absolute(reader.unit, file, key)
        result.implementation_type = result.implementation_type or type_by_extension(reader.unit, file) or None
    names = []
    dependencies = keys.get("dependencies")
    if isinstance(dependencies, ScalarNode) and not is_null(dependencies) and not reader.grammar.two:
        message = f"dependencies of {what} must be a list, not {quoted(dependencies.value)}"
        reader.practice("BBQ-T012", message, dependencies)
        dependencies = SequenceNode("", [dependencies])
    for item in reader.items(dependencies, f"dependencies of {what}"):
        inner = {k.value: v for k, v in item.value} if isinstance(item, MappingNode) else {"file": item}
        text = reader.string(inner.get("file"), f"a dependency of {what}")
        if text:
            if Path(text).suffix:
                check_file(reader, text, inner["file"], f"a dependency of {what}")
            names.append(absolute(reader.unit, text, item))
    result.dependencies = tuple(names) or result.dependencies
    if "operation_host" in keys:
        result.host = reader.string(keys["operation_host"], f"operation_host of {what}") or result.host
    if "timeout" in keys:
        result.timeout = _timeout(reader, keys["timeout"], what)


def _timeout(reader: Definitions, node: Node, what: str) -> float | None:
    """Seconds; 2.0 also takes a scalar such as `5 m`."""
    value = data(node, reader.grammar.dialect)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return float(value)
    found = scalar(value, TIME) if isinstance(value, str) else None
    if found is None:
        reader.error("BBQ-T040", f"timeout of {what} must be a number of seconds", node)
        return None
    return found[0]
