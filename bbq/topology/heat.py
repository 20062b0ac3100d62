"""A Heat template as a topology: one node, the stack, whose outputs are the deployment's outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bbq.hot.bundle import Bundle, bundle, nested_templates
from bbq.hot.model import Call, HotTemplate, Resource
from bbq.topology.model import Node, Output, Topology
from bbq.topology.values import Attribute, Secret

STACK: Final = "stack"
"""The node's name."""
TYPE: Final = "bbq.nodes.openstack.Stack"
_COUNTS: Final = {
    "AWS::AutoScaling::AutoScalingGroup": "DesiredCapacity",
    "OS::Heat::AutoScalingGroup": "desired_capacity",
    "OS::Heat::InstanceGroup": "Size",
    "OS::Heat::ResourceGroup": "count",
}
"""Groups of a number of members, with the property that says how many."""


def topology_of(template: HotTemplate, given: Mapping[str, Any], counts: Mapping[str, int]) -> Topology:
    """Of a template that was loaded with the parameters `given`, without errors. `counts` are numbers of members by the group's
    name, for groups whose number no parameter gives; the node's metadata have all numbers, as `groups`. Raises OSError where a
    file cannot be read any more."""
    made = bundle(template)
    hidden = {name for one in nested_templates(template) for name, parameter in one.parameters.items() if parameter.hidden}
    sent = dict.fromkeys([*(template.environment.get("parameters") or {}), *given])
    parameters = {name: _masked(name, template.values[name], hidden) for name in sent if name in template.values}
    environment = dict(made.environment)
    if "parameter_defaults" in environment:
        defaults = environment["parameter_defaults"]
        environment["parameter_defaults"] = {name: _masked(name, value, hidden) for name, value in defaults.items()}
    properties: dict[str, Any] = {"template": _template(template, made, counts)}
    files = {key: Secret(text) if key in made.secret_files else text for key, text in made.files.items()}
    properties |= {
        name: value for name, value in (("files", files), ("environment", environment), ("parameters", parameters)) if value
    }
    node = Node(
        STACK,
        TYPE,
        (TYPE, "bbq.nodes.Root", "tosca.nodes.Root"),
        properties=properties,
        declared={"id": "string", "name": "string", "status": "string", "outputs": "map"},
        metadata={"groups": {**{name: number for name, (_, number) in counted(template).items()}, **counts}},
        template=STACK,
        source=template.at,
    )
    return Topology(
        nodes={STACK: node},
        outputs={name: Output(Attribute(STACK, ("outputs", name)), out.description) for name, out in template.outputs.items()},
        inputs={name: _masked(name, value, hidden) for name, value in template.values.items()},
        template=template.path,
        directory=str(Path(template.path).absolute().parent),
        digest=digest_of(template),
        description=template.description,
    )


def digest_of(template: HotTemplate) -> str:
    """SHA-256 over all that a stack's creation sends but the parameters. Raises OSError."""
    total = hashlib.sha256(template.digest.encode())
    for key, reference in sorted(template.files.items()):
        if reference.kind == "content" and reference.status == "there":
            total.update(f"{key}\0{reference.digest()}".encode())
    return total.hexdigest()


def counted(template: HotTemplate) -> dict[str, tuple[str | None, int | None]]:
    """The groups that can be scaled: name -> (the parameter that gives the number, if one does; the number, if it is known)."""
    found: dict[str, tuple[str | None, int | None]] = {}
    for name, resource in template.resources.items():
        key = _count_key(resource)
        if key is None:
            continue
        value = resource.properties.get(key, 1 if key == "count" else None)
        if isinstance(value, Call) and value.name in ("get_param", "Ref") and value.args in template.parameters:
            number = template.values.get(value.args)
            found[name] = (value.args, int(number) if isinstance(number, (int, float, str)) and str(number).isdigit() else None)
        elif isinstance(value, (int, str)) and str(value).isdigit():  # CFN's numbers may be texts
            found[name] = (None, int(value))
    return found


def _count_key(resource: Resource) -> str | None:
    return _COUNTS.get(resource.implementation or resource.type) if isinstance(resource.properties, dict) else None


def _template(template: HotTemplate, made: Bundle, counts: Mapping[str, int]) -> dict[str, Any]:
    found, spelled = made.template, template.version.spelled
    for name, number in counts.items():
        key = _count_key(template.resources[name])
        found[spelled("resources")][name].setdefault(spelled("properties"), {})[key] = number
    section = found.get(spelled("parameters")) or {}
    for name, parameter in template.parameters.items():
        if parameter.hidden and parameter.has_default:
            section[name][spelled("default")] = Secret(section[name][spelled("default")])
    return found


def _masked(name: str, value: Any, hidden: set[str]) -> Any:
    return Secret(value) if name in hidden and value is not None else value
