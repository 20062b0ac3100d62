"""What a name means: a type, a node of a template, a property - with where each value comes from and who makes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bbq.editor import describe
from bbq.editor.constraints import flow
from bbq.editor.describe import Data
from bbq.editor.paths import short
from bbq.editor.reading import Names, importable, profile
from bbq.topology.values import MASK
from bbq.tosca.grammar import KINDS, VERSIONS, grammar_of
from bbq.tosca.model import Function, NodeTemplate, ParameterDef, RequirementAssignment, ServiceTemplate, TypeDef
from bbq.tosca.reading import nearest

_KINDS = ("node", *(kind for kind in KINDS if kind != "node"))


@dataclass(slots=True)
class Context:
    """What names are looked up in. `topology` is the graph of the template where it could be built, for values that functions
    give; `given` are the names of inputs that the user gave."""

    names: Sequence[Names]
    service: ServiceTemplate | None = None
    topology: Any = None
    given: frozenset[str] = frozenset()
    template_dirs: Sequence[str | Path] = ()
    two: bool = True

    def nearest(self, name: str) -> str | None:
        """A hint for a name that means nothing."""
        known = set(self.service.node_templates) if self.service is not None else set()
        for names in self.names:
            known |= {known_name for kind in _KINDS for known_name, _ in names.types(kind)}
        return nearest(name, known)


def bundled() -> list[Names]:
    """Every bundled profile, TOSCA 2.0's first."""
    found = []
    for version in VERSIONS:
        grammar = grammar_of(version)
        assert grammar is not None
        found += [profile(grammar, name) for name in importable(grammar)]
        if grammar.profile is not None and all(
            names.unit.grammar.profile != grammar.profile for names in found
        ):  # one version stands for all with the same normative types
            found.append(profile(grammar, None))
    return found


def explain(name: str, context: Context) -> list[Data]:
    """What `name` means: a node template, else types, else a property (`node.property`, `type.property`); [] for nothing."""
    service = context.service
    if service is not None and name in service.node_templates:
        return [_node(service.node_templates[name], context)]
    if service is not None and name in service.inputs:
        return [{"what": "input", **describe.parameter(service.inputs[name])}]
    found = [_type(item, context) for item in _types(name, context)]
    return found or _member(name, context)


def _types(name: str, context: Context) -> Iterator[TypeDef]:
    """Types of that name: exactly so written, else by a short form of TOSCA 1.x; each kind once."""
    for exact in (True, False):
        seen: set[str] = set()
        for names in context.names:
            for kind in _KINDS:
                found = names.type_named(kind, name)
                if found is not None and kind not in seen and (found.name == name) == exact:
                    seen.add(kind)
                    yield found
        if seen:
            return


def _member(name: str, context: Context) -> list[Data]:
    """A property, attribute, capability or requirement of a node or a type; the owner's name may hold dots itself."""
    owner, dot, member = name.rpartition(".")
    if not dot:
        return []
    service = context.service
    template = service.node_templates.get(owner) if service is not None else None
    if template is not None:
        return [{"owner": owner, **item} for item in _members(template.type, member, template, context)]
    return [{"owner": type_def.name, **item} for type_def in _types(owner, context) for item in _members(type_def, member)]


def _members(
    type_def: TypeDef, name: str, template: NodeTemplate | None = None, context: Context | None = None
) -> Iterator[Data]:
    if name in type_def.properties:
        data = {"what": "property", **describe.parameter(type_def.properties[name])}
        if template is not None and context is not None and name in template.properties:
            data |= {"value": None} | _value(template, name, type_def.properties[name], context)
        yield data
    if name in type_def.attributes:
        yield {"what": "attribute", **describe.parameter(type_def.attributes[name], asked=False)}
    if name in type_def.capabilities:
        yield {"what": "capability", **describe.capability(type_def.capabilities[name])}
    if name in type_def.requirements:
        yield {"what": "requirement", **describe.requirement(type_def.requirements[name])}


# --- types


def _type(found: TypeDef, context: Context) -> Data:
    data = describe.type_data(found)
    if found.kind == "node":
        data["made_by"] = list(_makers(found, context))
    return data


def _makers(found: TypeDef, context: Context) -> Iterator[Data]:
    """Which provider makes a node of the type, and how: itself, or from others by a substitution template. The nearest of the
    type's ancestors decides."""
    from bbq.providers import NAMES
    from bbq.topology.builder import substitution_directories
    from bbq.topology.substitution import substitutes

    for provider in NAMES:
        made = _resources(provider)
        directories = substitution_directories(provider, context.template_dirs)
        for ancestor in found.ancestry:
            templates = substitutes(ancestor, directories)
            if templates:
                for service, wanted in templates:
                    parts = [f"{name} ({node.type.name})" for name, node in service.node_templates.items()]
                    yield {
                        "provider": provider,
                        "how": f"from {', '.join(parts)}, by {short(service.path)}",
                        **({"where": wanted} if wanted else {}),
                    }
                break
            if ancestor in made:
                yield {"provider": provider, "how": made[ancestor]}
                break
        else:
            if provider == "simulator":
                yield {"provider": provider, "how": "simulated, as any type is"}


def _resources(provider: str) -> Mapping[str, str]:
    """Node type -> how the provider makes it, for the types that it makes itself."""
    try:
        table = getattr(import_module(f"bbq.providers.{provider}.provider"), "RESOURCES", {})
    except ImportError:
        return {}
    found = {}
    for name, place in table.items():
        module, _, _ = place.partition(":")
        found[name] = f"itself (bbq/providers/{provider}/{module}.py)"
    return found


# --- node templates


def _node(template: NodeTemplate, context: Context) -> Data:
    """What a node template resolves to."""
    type_def = template.type
    data: Data = {
        "what": "node template",
        "name": template.name,
        "type": type_def.name,
        "description": " ".join((template.description or type_def.description).split()),
        "defined": describe.place(template.at),
    }
    if template.count != 1:
        data["count"] = flow(template.count, two=context.two)
    properties = [
        {"name": name, **_value(template, name, definition, context)} for name, definition in type_def.properties.items()
    ]
    capabilities = []
    for name, assigned in template.capabilities.items():
        definitions = type_def.capabilities[name].properties
        values = [
            {"name": key, "value": _shown(value, definitions.get(key), context)} for key, value in assigned.properties.items()
        ]
        capabilities.append({"name": name, "type": assigned.type, **({"properties": values} if values else {})})
    lists: dict[str, list[Data]] = {
        "properties": properties,
        "capabilities": capabilities,
        "requirements": [_requirement(item) for item in template.requirements],
        "interfaces": [
            data
            for data in map(describe.interface, template.interfaces.values())
            if any("implementation" in item for item in data["operations"])
        ],
    }
    data |= {key: items for key, items in lists.items() if items}
    node = context.topology.nodes.get(template.name) if context.topology is not None else None
    if node is not None and node.members:
        data["made_of"] = list(node.members)
    data["made_by"] = list(_makers(type_def, context))
    return data


def _value(template: NodeTemplate, name: str, definition: ParameterDef, context: Context) -> Data:
    """The value of a property, what it becomes, and where it comes from."""
    if name not in template.properties:
        origin = "generated" if definition.metadata.get("generate") is True else "not set"
        return {"value": None, "from": origin}
    value = template.properties[name]
    data: Data = {"value": _shown(value, definition, context)}
    resolved = _resolved(template.name, name, context)
    if resolved is not None and resolved != data["value"]:
        data["resolved"] = resolved
    at = template.property_at.get(name, definition.at)
    if at == definition.at:
        kind = "fixed by" if definition.has_value else "default of"
        data["from"] = f"{kind} {template.type.name}, {describe.place(at)}"
    else:
        data["from"] = f"the template, {describe.place(at)}"
    inputs = [item for call in _calls(value) if (item := _input(call, context)) is not None]
    if inputs:
        data["inputs"] = inputs
    return data


def _shown(value: Any, definition: ParameterDef | None, context: Context) -> str:
    if definition is not None and definition.secret and not isinstance(value, Function):
        return MASK
    return flow(value, two=context.two)


def _resolved(node: str, name: str, context: Context) -> str | None:
    """The property in the graph, where functions were answered as far as a template alone can."""
    found = context.topology.nodes.get(node) if context.topology is not None else None
    if found is None or name not in found.properties:
        return None
    return flow(found.properties[name], two=context.two)


def _input(call: Function, context: Context) -> str | None:
    """What stands behind a `get_input`."""
    service = context.service
    name = call.args[0] if call.name == "get_input" and call.args else None
    if service is None or not isinstance(name, str) or name not in service.inputs:
        return None
    definition = service.inputs[name]
    if name in context.given:
        return f"input {name}, as given"
    if definition.has_default:
        return f"input {name}, default at {describe.place(definition.at)}"
    return f"input {name}, not given, {describe.place(definition.at)}"


def _calls(value: Any) -> Iterator[Function]:
    from bbq.tosca.functions import calls

    yield from calls(value)


def _requirement(found: RequirementAssignment) -> Data:
    data: Data = {"name": found.name}
    if found.node is not None:
        data["target"] = found.node
    else:
        wanted = found.node_type or found.capability or "any node"
        data["target"] = f"to be found: {wanted}"
    data |= {key: value for key in ("relationship", "capability") if (value := getattr(found, key))}
    return {**data, "defined": describe.place(found.at)}
