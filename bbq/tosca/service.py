"""The service template: inputs, nodes, outputs, groups, policies, workflows.

TOSCA 1.3 section 3.9 (`topology_template`); TOSCA 2.0 section 6.9 (`service_template`).
"""

from __future__ import annotations

from typing import Any

from yaml import MappingNode, Node

from bbq.tosca.functions import Owner
from bbq.tosca.model import Group, ParameterDef, Policy, Schema, ServiceTemplate, TypeDef
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.requirements import Requirements
from bbq.tosca.substitution import read_substitution
from bbq.tosca.workflows import check_workflows
from bbq.yamlreader import at, data


def read_service(templates: Templates, service: ServiceTemplate, root: dict[str, Node], key: Node | None) -> None:
    """Everything below `topology_template` or `service_template`, into `service`."""
    reader = templates.reader
    two = reader.grammar.two
    block = root.get("service_template" if two else "topology_template")
    if block is None:
        return
    keys = reader.entity(block, "service template", "", key or block)
    service.description = reader.description(keys, "the service template") or service.description
    service.metadata |= reader.metadata(keys.get("metadata"), "the service template")
    service.inputs = reader.parameters(keys.get("inputs"), "parameter definition", "the service template")
    reader.finish(templates.types.found, inputs=True)
    for found in service.inputs.values():
        if found.has_default:
            found.required = False
    service.node_templates = templates.nodes(keys.get("node_templates"))
    relationships = templates.relationships(keys.get("relationship_templates"))
    Requirements(templates, service, relationships).read()
    _groups(templates, service, keys.get("groups"))
    _policies(templates, service, keys.get("policies"))
    service.outputs = _outputs(templates, keys.get("outputs"))
    workflows = reader.entries(keys.get("workflows"), "`workflows`", empty=False)
    service.workflows = {name: data(body, reader.grammar.dialect) for name, (_, body) in workflows.items()}
    check_workflows(templates, service, workflows)
    if "substitution_mappings" in keys:
        service.substitution = read_substitution(templates, service, keys["substitution_mappings"])


def _outputs(templates: Templates, node: Node | None) -> dict[str, ParameterDef]:
    reader = templates.reader
    found = {}
    for name, (key, body) in reader.entries(node, "`outputs`").items():
        what = f"output {quoted(name)}"
        keys = reader.entity(body, "parameter definition", name, key)
        schema = reader.schema_of(keys, what) if "type" in keys else Schema("any")
        if schema is None:
            continue
        output = ParameterDef(name, schema, at(key), description=reader.description(keys, what))
        output.metadata = reader.metadata(keys.get("metadata"), what)
        output.secret = str(output.metadata.get("secret")).lower() == "true" or templates.checker.is_secret(schema)
        if "value" in keys:
            output.value = reader.assigned(templates.checker, keys["value"], schema, f"value of {what}", Owner("output", name))
            templates.secrets.mark(keys["value"], output.value, output)
            output.has_value = True
        elif "mapping" in keys:
            output.value = data(keys["mapping"], reader.grammar.dialect)
            output.has_value = True
        elif not reader.grammar.two:
            reader.error("BBQ-T011", f"{what} lacks the required keyname `value`", key)
        found[name] = output
    return found


def _groups(templates: Templates, service: ServiceTemplate, node: Node | None) -> None:
    reader = templates.reader
    for name, (key, body) in reader.entries(node, "`groups`").items():
        what = f"group {quoted(name)}"
        keys = reader.entity(body, "group", name, key)
        type_def = templates.type_of(keys.get("type"), "group", what)
        if type_def is None:
            continue
        members = _names(templates, keys.get("members"), set(service.node_templates) | templates.broken, "members of " + what)
        group = Group(name, type_def.name, at(key), members)
        group.properties = templates.assign(
            keys.get("properties"), type_def.properties, "property", what, key, Owner("group", name)
        )
        group.metadata = reader.metadata(keys.get("metadata"), what)
        _check_targets(templates, service, type_def, members, keys.get("members"), what)
        service.groups[name] = group


def _policies(templates: Templates, service: ServiceTemplate, node: Node | None) -> None:
    """A list of single-entry maps."""
    reader = templates.reader
    names = set(service.node_templates) | set(service.groups) | templates.broken
    for item in reader.items(node, "`policies`"):
        for name, (key, body) in reader.entries(item, "a policy").items():
            what = f"policy {quoted(name)}"
            keys = reader.entity(body, "policy", name, key)
            type_def = templates.type_of(keys.get("type"), "policy", what)
            if type_def is None:
                continue
            targets = _names(templates, keys.get("targets"), names, "targets of " + what)
            policy = Policy(name, type_def.name, at(key), targets)
            policy.properties = templates.assign(
                keys.get("properties"), type_def.properties, "property", what, key, Owner("policy", name)
            )
            policy.metadata = reader.metadata(keys.get("metadata"), what)
            triggers = keys.get("triggers")
            if triggers is not None:
                reader.entries(triggers, f"triggers of {what}")
                policy.triggers = data(triggers, reader.grammar.dialect) if isinstance(triggers, MappingNode) else {}
            _check_targets(templates, service, type_def, targets, keys.get("targets"), what)
            service.policies[name] = policy


def _names(templates: Templates, node: Node | None, known: set[str], what: str) -> tuple[str, ...]:
    reader = templates.reader
    found = []
    for name, item in reader.strings(node, what):
        if name in known:
            found.append(name)
        else:
            reader.error("BBQ-T053", f"{what}: no {quoted(name)} in this template", item, nearest(name, known) or one_of(known))
    return tuple(found)


def _check_targets(
    templates: Templates, service: ServiceTemplate, type_def: TypeDef, names: tuple[str, ...], node: Node | None, what: str
) -> None:
    """Members and targets must be of the types that the group or policy type names."""
    valid = set(type_def.valid_targets)
    if not valid or node is None:
        return
    for name in names:
        template = service.node_templates.get(name)
        if template is not None:
            ancestry: Any = template.type.ancestry
        else:
            group = templates.types.found.get(("group", service.groups[name].type)) if name in service.groups else None
            ancestry = group.ancestry if group is not None else ()
        if ancestry and not valid & set(ancestry):
            templates.reader.error(
                "BBQ-T080", f"{what}: {quoted(name)} is none of {', '.join(map(quoted, sorted(valid)))}", node
            )
