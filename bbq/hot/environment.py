"""Environments: values of parameters, and which type makes a resource.

Source: `heat/common/environment_format.py`, `environment_util.py`, `heat/engine/environment.py`.
https://docs.openstack.org/heat/latest/template_guide/environment.html
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.hot.files import TEMPLATE_SUFFIXES, Source
from bbq.hot.model import Parameter
from bbq.hot.reading import Reader
from bbq.hot.values import data, entries, scalar
from bbq.wording import one_of, quoted, shape
from bbq.yamlreader import is_null

SECTIONS: Final = (
    "parameters",
    "parameter_defaults",
    "resource_registry",
    "event_sinks",
    "parameter_merge_strategies",
    "encrypted_param_names",
)
HOOKS: Final = ("pre-create", "pre-update", "pre-delete", "post-create", "post-update", "post-delete")
ACTIONS: Final = ("update", "replace")
STRATEGIES: Final = ("overwrite", "merge", "deep_merge")
SINKS: Final = ("zaqar-queue",)


@dataclass(frozen=True, slots=True)
class Given:
    """A value that an environment gives, and where."""

    value: Any
    reader: Reader
    node: Node


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the registry puts in the place of a type: another type's name, or a template's file relative to `reader`'s."""

    target: str
    reader: Reader
    node: Node


@dataclass(slots=True)
class Environment:
    """All environments of one run, later ones laid over earlier ones."""

    parameters: dict[str, Given] = field(default_factory=dict)
    defaults: dict[str, Given] = field(default_factory=dict)
    types: dict[str, Mapped] = field(default_factory=dict)
    resources: dict[str, dict[str, Mapped]] = field(default_factory=dict)
    """Name or pattern of a resource -> type -> what makes it."""
    merged: dict[str, Any] = field(default_factory=dict)
    """Everything as plain data, as it is sent to Heat."""
    registries: list[Node] = field(default_factory=list)
    gives_parameters: bool = False
    _strategies: dict[str, str] = field(default_factory=dict)

    def lookup(self, type_name: str, resource: str) -> Mapped | None:
        """What makes a resource of that type: by the resource's name, by the type's, by a pattern for it (the longest)."""
        for pattern, found in self.resources.items():
            if type_name in found and fnmatch.fnmatchcase(resource, pattern):
                return found[type_name]
        if type_name in self.types:
            return self.types[type_name]
        globs = [name for name in self.types if name.endswith("*") and type_name.startswith(name[:-1])]
        if not globs:
            return None
        glob = max(globs, key=len)
        mapped = self.types[glob]
        if mapped.target.endswith("*"):
            return Mapped(mapped.target[:-1] + type_name[len(glob) - 1 :], mapped.reader, mapped.node)
        return mapped if mapped.target != type_name else None

    def add(self, reader: Reader, parameters: Mapping[str, Parameter]) -> None:
        """Lay one environment file over what there is."""
        source: Source = reader.source
        keys: dict[str, Node] = {}
        for key, (key_node, value) in entries(source.root).items():
            if key not in SECTIONS:
                hint = reader.hint(key, SECTIONS)
                reader.error("BBQ-H060", f"an environment has no section {quoted(key)}", key_node, hint)
            elif is_null(value):
                reader.error("BBQ-H060", f"section {quoted(key)} of the environment is empty", key_node, "remove it")
            else:
                keys[key] = value
        strategies = self._merge_strategies(reader, keys.get("parameter_merge_strategies"), parameters)
        self.gives_parameters = self.gives_parameters or "parameters" in keys
        for section, into in (("parameters", self.parameters), ("parameter_defaults", self.defaults)):
            for name, (_, value) in reader.entries(keys.get(section), f"`{section}`").items():
                self._give(into, name, Given(data(value), reader, value), parameters.get(name), strategies)
        self._registry(reader, keys.get("resource_registry"))
        for section in ("event_sinks", "encrypted_param_names"):
            reader.items(keys.get(section), f"`{section}`")
        _check_sinks(reader, keys.get("event_sinks"))
        self._merge(keys)

    def _merge(self, keys: Mapping[str, Node]) -> None:
        if "resource_registry" in keys:
            lay_over(self.merged.setdefault("resource_registry", {}), data(keys["resource_registry"]))
            self.registries.append(keys["resource_registry"])
        if "event_sinks" in keys:
            found = data(keys["event_sinks"])
            self.merged.setdefault("event_sinks", []).extend(found if isinstance(found, list) else [])
        for section, given in (("parameters", self.parameters), ("parameter_defaults", self.defaults)):
            if given:
                self.merged[section] = {name: item.value for name, item in given.items()}

    def _merge_strategies(self, reader: Reader, node: Node | None, parameters: Mapping[str, Parameter]) -> dict[str, str]:
        found = {}
        for name, (key, value) in reader.entries(node, "`parameter_merge_strategies`").items():
            text = reader.string(value, "a merge strategy")
            if text not in STRATEGIES:
                hint = reader.hint(text, STRATEGIES)
                reader.error("BBQ-H063", f"unknown merge strategy {shape(value)}", value, hint)
                continue
            if name != "default" and name not in parameters:
                text_ = f"merge strategy for {quoted(name)}, which is no parameter of the template"
                reader.warning("BBQ-H063", text_, key, reader.hint(name, parameters))
            if name != "default" and self._strategies.setdefault(name, text) != text:
                text_ = f"parameter {quoted(name)} has another merge strategy in an earlier environment"
                reader.error("BBQ-H063", text_, value, f"use {self._strategies[name]}")
            found[name] = text
        return found

    def _give(
        self, into: dict[str, Given], name: str, given: Given, parameter: Parameter | None, strategies: Mapping[str, str]
    ) -> None:
        before = into.get(name)
        strategy = strategies.get(name) or self._strategies.get(name) or strategies.get("default", "overwrite")
        if before is None or parameter is None or strategy == "overwrite" or given.value is None:
            into[name] = given
            return
        try:
            value = _merged(before.value, given.value, parameter.type, deep=strategy == "deep_merge")
        except (TypeError, ValueError):
            text = f"parameter {quoted(name)} cannot be merged with its value of an earlier environment"
            given.reader.error("BBQ-H063", text, given.node, "use the strategy overwrite")
            return
        into[name] = Given(value, given.reader, given.node)

    def _registry(self, reader: Reader, node: Node | None) -> None:
        for name, (key, value) in reader.entries(node, "`resource_registry`").items():
            if name == "resources":
                for resource, (_, body) in reader.entries(value, "`resources` of the registry").items():
                    self._of_resource(reader, resource, body)
            elif name != "base_url":
                self._map(reader, self.types, name, key, value)

    def _of_resource(self, reader: Reader, resource: str, node: Node) -> None:
        """Hooks and types for resources of a name; those of a nested stack's resources are maps in it again."""
        for name, (key, value) in reader.entries(node, f"`resources` entry {quoted(resource)}").items():
            if name in ("hooks", "restricted_actions"):
                known = HOOKS if name == "hooks" else ACTIONS
                for item in value.value if isinstance(value, SequenceNode) else [value]:
                    if not isinstance(item, ScalarNode) or item.value not in known:
                        hint = reader.hint(str(item.value), known)
                        reader.error("BBQ-H062", f"{quoted(name)} has no {shape(item)}", item, hint)
            elif isinstance(value, MappingNode):
                self._of_resource(reader, name, value)
            elif name != "base_url":
                self._map(reader, self.resources.setdefault(resource, {}), name, key, value)

    def _map(self, reader: Reader, into: dict[str, Mapped], name: str, key: Node, node: Node) -> None:
        if is_null(node):  # takes an earlier entry back
            for known in [known for known in into if fnmatch.fnmatchcase(known, name)]:
                del into[known]
            return
        target = scalar(node) if isinstance(node, ScalarNode) else None
        if not isinstance(target, str) or not target:
            text = f"type {quoted(name)} is mapped to {shape(node)}"
            reader.error("BBQ-H061", text, node, "map it to a type, or to a file that ends with .yaml or .template")
        elif "::" not in target and not target.endswith(TEMPLATE_SUFFIXES):
            text = f"type {quoted(name)} is mapped to {quoted(target)}, which is no type and no template"
            reader.error("BBQ-H061", text, node, "a template's file ends with .yaml or .template")
        elif name.endswith(TEMPLATE_SUFFIXES) and "::" in target:
            reader.error("BBQ-H061", f"the template {quoted(name)} cannot be mapped", key, "map a type's name")
        else:
            into[name] = Mapped(target, reader, node)

    def targets(self) -> Iterator[Mapped]:
        yield from self.types.values()
        for found in self.resources.values():
            yield from found.values()


def _check_sinks(reader: Reader, node: Node | None) -> None:
    for item in node.value if isinstance(node, SequenceNode) else ():
        found = reader.entries(item, "an event sink")
        if "type" not in found:
            if isinstance(item, MappingNode):
                reader.error("BBQ-H064", "an event sink lacks its `type`", item, one_of(SINKS))
            continue
        kind = reader.string(found["type"][1], "the type of an event sink")
        if kind not in SINKS:
            hint = reader.hint(kind, SINKS)
            reader.warning("BBQ-H064", f"event sink {quoted(kind)} is not one of Heat's", found["type"][1], hint)
        elif "target" not in found:
            reader.error("BBQ-H064", "an event sink of Zaqar lacks its `target`", item, "name a queue")


def lay_over(old: dict[str, Any], new: Any) -> None:
    """One registry over another, in place."""
    for key, value in new.items() if isinstance(new, dict) else ():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            lay_over(old[key], value)
        else:
            old[key] = value


def _merged(old: Any, new: Any, type_name: str, *, deep: bool) -> Any:
    """Raises TypeError or ValueError where the values cannot be merged."""
    if type_name == "json":
        import json

        old, new = (json.loads(value) if isinstance(value, str) else value for value in (old, new))
        return _merged_map(old, new, deep=deep)
    if type_name == "comma_delimited_list":
        return old + new if isinstance(new, list) else f"{old},{new}" if old else new
    if type_name in ("string", "number"):
        if isinstance(old, bool) or isinstance(new, bool):
            raise TypeError(new)
        return old + new
    raise TypeError(type_name)


def _merged_map(old: dict[str, Any], new: dict[str, Any], *, deep: bool) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if not deep or before in (None, "", [], {}):
            result[key] = value
        elif isinstance(value, dict):
            result[key] = _merged_map(before, value, deep=True)
        elif isinstance(value, (list, str)):
            result[key] = before + value
        else:
            result[key] = value
    return result
