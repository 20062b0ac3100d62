"""Groups, policies and triggers. TOSCA 1.3 sections 3.6.22, 3.8.5 and 3.8.6; TOSCA 2.0 chapter 16."""

from __future__ import annotations

from yaml import Node

from bbq.tosca.activities import Activities, Target
from bbq.tosca.functions import Owner
from bbq.tosca.model import Group, Policy, ServiceTemplate, Trigger, TypeDef
from bbq.tosca.nodes import Templates
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.references import cycle_in
from bbq.tosca.schemas import find
from bbq.tosca.triggers import condition_of, read_trigger
from bbq.yamlreader import at


class Policies:
    """Reads the groups and policies of one service template, once its nodes and workflows are known."""

    def __init__(self, templates: Templates, service: ServiceTemplate) -> None:
        self._templates = templates
        self._reader = templates.reader
        self._service = service

    # Groups

    def groups(self, node: Node | None) -> None:
        templates, reader = self._templates, self._reader
        entries = reader.entries(node, "`groups`", empty=False)
        for name, (key, body) in entries.items():
            what = f"group {quoted(name)}"
            keys = reader.entity(body, "group", name, key)
            type_def = templates.type_of(keys.get("type"), "group", what)
            if type_def is None:
                templates.broken.add(name)
                continue
            known = set(self._service.node_templates) | templates.broken | set(entries)
            members = self._names(keys.get("members"), known, f"members of {what}")
            for place in [item for item in members if item in entries and not reader.grammar.two]:
                text = f"members of {what}: {quoted(place)} is a group, and members are node templates in TOSCA 1.x"
                reader.practice("BBQ-T080", text, keys["members"])
            owner = Owner("group", name)
            group = Group(name, type_def.name, at(key), members)
            group.properties = templates.assign(keys.get("properties"), type_def.properties, "property", what, key, owner)
            group.attributes = templates.assign(keys.get("attributes"), type_def.attributes, "attribute", what, key, owner)
            group.interfaces = templates.interfaces.assignments(keys.get("interfaces"), what, type_def, owner)
            group.metadata = reader.metadata(keys.get("metadata"), what)
            self._service.groups[name] = group
            self._check_types(type_def, self._nodes(members), keys.get("members"), what)
        found = cycle_in({name: list(group.members) for name, group in self._service.groups.items()})
        if found:
            names = " -> ".join(map(quoted, [*found, found[0]]))
            reader.error("BBQ-T065", f"groups are members of each other: {names}", self._service.groups[found[0]].at)

    def _nodes(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The members of groups are those of the groups in them, too; what those may be is for their own types to say."""
        return tuple(name for name in names if name in self._service.node_templates)

    def _names(self, node: Node | None, known: set[str], what: str) -> tuple[str, ...]:
        found = []
        for name, item in self._reader.strings(node, what):
            if name in known:
                found.append(name)
            else:
                hint = nearest(name, known) or one_of(known)
                self._reader.error("BBQ-T053", f"{what}: no {quoted(name)} in this template", item, hint)
        return tuple(found)

    def _check_types(self, type_def: TypeDef, names: tuple[str, ...], node: Node | None, what: str) -> None:
        """Members and targets must be of the types that the group or policy type names."""
        valid = set(type_def.valid_targets)
        if not valid or node is None:
            return
        places = dict(self._reader.strings(node, what))
        for name in names:
            template, group = self._service.node_templates.get(name), self._service.groups.get(name)
            found = template.type if template is not None else None
            if group is not None:
                found = self._templates.types.found.get(("group", group.type))
            if found is not None and not valid & set(found.ancestry):
                text = f"{what}: {quoted(name)} is none of {', '.join(map(quoted, sorted(valid)))}"
                self._reader.error("BBQ-T080", text, places.get(name, node))

    # Policies

    def policies(self, node: Node | None) -> None:
        """A list of single-entry maps."""
        reader, templates, service = self._reader, self._templates, self._service
        names = set(service.node_templates) | set(service.groups) | templates.broken
        for name, key, body in reader.listed(node, "`policies`", "a policy"):
            what = f"policy {quoted(name)}"
            keys = reader.entity(body, "policy", name, key)
            type_def = templates.type_of(keys.get("type"), "policy", what)
            if type_def is None:
                continue
            policy = Policy(name, type_def.name, at(key), self._names(keys.get("targets"), names, f"targets of {what}"))
            policy.properties = templates.assign(
                keys.get("properties"), type_def.properties, "property", what, key, Owner("policy", name)
            )
            policy.metadata = reader.metadata(keys.get("metadata"), what)
            self._check_types(type_def, policy.targets, keys.get("targets"), what)
            policy.triggers = dict(type_def.triggers)
            for trigger, (trigger_key, trigger_body) in reader.entries(keys.get("triggers"), f"triggers of {what}").items():
                title = f"trigger {quoted(trigger)} of {what}"
                if trigger in type_def.triggers:
                    reader.practice("BBQ-T033", f"{title} is one of its type's, which cannot be changed", trigger_key)
                policy.triggers[trigger] = self._trigger(trigger, trigger_key, trigger_body, policy, title)
            service.policies[name] = policy

    def _trigger(self, name: str, key: Node, body: Node, policy: Policy, what: str) -> Trigger:
        reader = self._reader
        found, keys = read_trigger(reader, name, key, body, what)
        found.condition = condition_of(reader, keys.get("condition"), what)
        targets = self._targets(policy)
        if "target_filter" in keys:
            targets = self._filtered(keys["target_filter"], what)
        workflows = {each: workflow.inputs for each, workflow in self._service.workflows.items()}
        activities = Activities(self._templates, self._service, workflows)
        found.actions = activities.read(keys.get("action"), what, targets, {}, Owner("policy", policy.name))
        return found

    def _targets(self, policy: Policy) -> list[Target] | None:
        """What an operation can be called on: the targets, the members of those that are groups, and the groups."""
        found: list[Target] = []
        names, seen = list(policy.targets), set(policy.targets)
        while names:
            name = names.pop(0)
            node, group = self._service.node_templates.get(name), self._service.groups.get(name)
            if node is not None:
                found.append(Target(name, node.interfaces, node.type))
            elif group is not None:
                type_def = self._templates.types.found.get(("group", group.type))
                if type_def is not None and group.interfaces:
                    found.append(Target(name, group.interfaces, type_def))
                names += [each for each in group.members if each not in seen]
                seen |= set(group.members)
            else:
                return None
        return found or None

    def _filtered(self, node: Node, what: str) -> list[Target] | None:
        """1.3's event filter: a node template or type, one of its requirements or capabilities."""
        reader = self._reader
        title = f"target_filter of {what}"
        keys = reader.entity(node, "event filter", "", node)
        name = reader.string(keys.get("node"), f"node of {title}")
        template = self._service.node_templates.get(name)
        declaration = find(reader.unit, "node", name) if name else None
        type_def = template.type if template is not None else None
        if declaration is not None and template is None:
            type_def = self._templates.types.of(declaration)
        if name and type_def is None and name not in self._templates.broken:
            known = self._service.node_templates
            text = f"{title}: no node template or node type {quoted(name)}"
            reader.error("BBQ-T053", text, keys["node"], nearest(name, known) or one_of(known))
        if type_def is None:
            return None
        for word, block in (("requirement", type_def.requirements), ("capability", type_def.capabilities)):
            inner = reader.string(keys.get(word), f"{word} of {title}")
            if inner and inner not in block:
                code = "BBQ-T061" if word == "requirement" else "BBQ-T060"
                text = f"{title}: {quoted(name)} has no {word} {quoted(inner)}"
                reader.error(code, text, keys[word], nearest(inner, block) or one_of(block))
        if "requirement" in keys or "capability" in keys:
            return None
        return [Target(name, template.interfaces if template is not None else type_def.interfaces, type_def)]
