"""Policies of a graph."""

from __future__ import annotations

from typing import Any

from bbq.topology.evaluate import Evaluator
from bbq.topology.instances import Stack, Where
from bbq.tosca.model import ServiceTemplate


def policies(evaluator: Evaluator, root: Stack) -> list[dict[str, Any]]:
    """Targets are node names: groups and counted templates are expanded. `triggers` are data as they were written."""
    found = []
    service, where = root.service, Where(root)
    for policy in service.policies.values() if "policies" not in service.flaws.parts else ():
        type_ = service.types.get(("policy", policy.type))
        properties = {}
        for name, raw in policy.properties.items():
            if type_ is not None and name in type_.properties:
                words = ("property", name, "of policy", policy.name)
                properties[name] = evaluator.conforming(raw, type_.properties[name], where, words, policy.at)
            else:
                properties[name] = evaluator.attempt(raw, where)
        targets = policy.targets or properties.get("targets") or ()  # before TOSCA 1.0 they were a property
        templates = [name for each in targets for name in _group_members(service, str(each))]
        found.append(
            {
                "name": policy.name,
                "type": policy.type,
                "ancestry": type_.ancestry if type_ else (policy.type,),
                "source": policy.at,
                "targets": [instance.address for name in templates for instance in root.groups.get(name, ())],
                "properties": properties,
                "metadata": dict(policy.metadata),
                "triggers": {name: evaluator.attempt(trigger.data, where) or {} for name, trigger in policy.triggers.items()},
            }
        )
    return found


def _group_members(service: ServiceTemplate, name: str, seen: frozenset[str] = frozenset()) -> list[str]:
    """The node templates of a group, nested groups opened; of a node template, itself."""
    group = service.groups.get(name)
    if group is None or name in seen:
        return [name]
    return [template for member in group.members for template in _group_members(service, member, seen | {name})]
