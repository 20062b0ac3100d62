"""The service template: inputs, nodes, outputs, groups, policies, workflows.

TOSCA 1.3 section 3.9 (`topology_template`); TOSCA 2.0 section 6.9 (`service_template`).
"""

from __future__ import annotations

from yaml import Node

from bbq.diagnostics import SourceRange
from bbq.tosca.functions import Owner, calls
from bbq.tosca.model import ParameterDef, Schema, ServiceTemplate
from bbq.tosca.nodes import Templates
from bbq.tosca.policies import Policies
from bbq.tosca.reading import quoted
from bbq.tosca.requirements import Requirements
from bbq.tosca.substitution import read_substitution
from bbq.tosca.workflows import read_workflows
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
    flaws = templates.flaws
    with flaws.part("inputs"):
        service.inputs = reader.parameters(keys.get("inputs"), "parameter definition", "the service template")
        reader.finish(templates.types.found, inputs=True)
    for found in service.inputs.values():
        if found.has_default:
            found.required = False
    service.node_templates = templates.nodes(keys.get("node_templates"))
    relationships = templates.relationships(keys.get("relationship_templates"))
    service.copies = templates.copies
    service.relationships = {name: found.type for name, found in relationships.items()}
    requirements = Requirements(templates, service, relationships)
    requirements.read()
    if two:
        _filters(templates, service)
    policies = Policies(templates, service)
    with flaws.part("groups"):
        policies.groups(keys.get("groups"))
    with flaws.part("workflows"):
        read_workflows(templates, service, keys.get("workflows"))
    with flaws.part("policies"):
        policies.policies(keys.get("policies"))
    with flaws.part("outputs"):
        service.outputs = _outputs(templates, keys.get("outputs"))
    with flaws.part("substitution"):
        if "substitution_mappings" in keys:
            service.substitution = read_substitution(templates, service, keys["substitution_mappings"])
        requirements.report_open(service.substitution)


def _filters(templates: Templates, service: ServiceTemplate) -> None:
    """What the filters of this file's requirement definitions name is checked as if it stood in the service template."""
    seen: set[SourceRange] = set()
    for (kind, _), found in templates.types.found.items():
        for item in found.requirements.values() if kind == "node" and found.at.file == service.at.file else ():
            owner = Owner("filter", "", None, item.relationship, item.node, item.capability)
            for call in calls(item.node_filter):
                if call.at.file == service.at.file and call.at not in seen:
                    seen.add(call.at)
                    templates.uses.calls.append((call, owner, None))


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
            reader.lacks("value", body, what, key)
        found[name] = output
    reader.finish(templates.types.found)
    return found
