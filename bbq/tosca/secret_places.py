"""Where secrets stand in a file, by the types of what they are given to: findings mask them in the lines that they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yaml import MappingNode, Node, SequenceNode

from bbq.sources import Sources
from bbq.tosca.checker import SECRET
from bbq.tosca.model import Function, ParameterDef, Schema, TypeDef
from bbq.yamlreader import at


class SecretPlaces:
    """Tells `sources` of secrets in values; remembers which data types hold any, since nearly none does."""

    def __init__(self, types: Mapping[tuple[str, str], TypeDef], sources: Sources | None) -> None:
        self._types = types
        self._sources = sources
        self._holding: dict[str, bool] = {}

    def mark(self, node: Node, value: Any, definition: ParameterDef) -> None:
        """`value` stands at `node` and is given to `definition`. A function call gives a secret away to nobody."""
        if self._sources is None or value is None or isinstance(value, Function):
            return
        if definition.secret:
            self._sources.secret(at(node))
        else:
            self._mark(self._sources, node, value, definition.schema)

    def _mark(self, sources: Sources, node: Node, value: Any, schema: Schema) -> None:
        if not self._holds(schema) or value is None or isinstance(value, Function):
            return
        found = self._types.get(("data", schema.type))
        if found is not None and SECRET in found.ancestry:
            sources.secret(at(node))
        elif isinstance(node, MappingNode) and isinstance(value, dict):
            fields = found.properties if found is not None else {}
            for key, item in node.value:
                if key.value in fields:
                    self.mark(item, value.get(key.value), fields[key.value])
                elif schema.entry is not None:
                    self._mark(sources, item, value.get(key.value), schema.entry)
        elif isinstance(node, SequenceNode) and isinstance(value, list) and schema.entry is not None:
            for item, inner in zip(node.value, value, strict=False):
                self._mark(sources, item, inner, schema.entry)

    def _holds(self, schema: Schema) -> bool:
        return self._type_holds(schema.type) or (schema.entry is not None and self._holds(schema.entry))

    def _type_holds(self, name: str) -> bool:
        if name not in self._holding:
            self._holding[name] = False  # a data type that contains itself adds nothing new
            found = self._types.get(("data", name))
            self._holding[name] = found is not None and (
                SECRET in found.ancestry or any(item.secret or self._holds(item.schema) for item in found.properties.values())
            )
        return self._holding[name]
