"""The resources of a template: their definitions, what makes them, what their types ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.hot.computing import UNKNOWN as NOT_KNOWN
from bbq.hot.computing import Fault
from bbq.hot.evaluate import Evaluator
from bbq.hot.functions import Place, Scanner
from bbq.hot.model import Resource
from bbq.hot.names import Implementation, Names
from bbq.hot.properties import Properties
from bbq.hot.reading import Reader
from bbq.hot.types import ResourceType
from bbq.hot.values import call_of, data, entries, modelled, scalar
from bbq.hot.versions import Version
from bbq.wording import quoted, shape
from bbq.yamlreader import at, is_null

Resolve = Callable[[str, Node, str, bool], Implementation]
"""(type, where it stands, name of the resource, whether it is a group's member) -> what makes it; problems are reported."""

MEMBERS: Final = {"OS::Heat::AutoScalingGroup": "resource", "OS::Heat::ResourceGroup": "resource_def"}
"""Types of groups -> the property that defines their members."""
_MEMBER_KEYS: Final = ("type", "properties", "metadata", "depends_on", "deletion_policy", "update_policy", "description")
_NAME_LENGTH: Final = 255
_NO_PLACE: Final = Place()


@dataclass(slots=True)
class Definition:
    """A resource as it stands in the file."""

    name: str
    key: Node
    keys: dict[str, Node]
    made_by: Implementation
    members: list[Member] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Member:
    """What a group is made of. `variables` stand for a member's number."""

    keys: dict[str, Node]
    node: Node
    made_by: Implementation
    variables: tuple[str, ...] = ()


def read_definitions(reader: Reader, node: Node | None, resolve: Resolve) -> dict[str, Definition]:
    """The section `resources`: keynames and types."""
    section = reader.version.spelled("resources")
    found = {}
    for name, (key, body) in reader.entries(node, quoted(section)).items():
        what = f"resource {quoted(name)}"
        if "/" in name or len(name) > _NAME_LENGTH:
            text = f"the name of {what} " + ("holds a `/`" if "/" in name else f"is longer than {_NAME_LENGTH} characters")
            reader.error("BBQ-H014", text, key)
        keys: dict[str, Node] = {}
        if not isinstance(body, MappingNode):
            reader.error("BBQ-H012", f"{what} must be a map with a type, not {shape(body)}", key if is_null(body) else body)
        else:
            later = ("condition", "external_id")
            keys = reader.keyed(body, what, reader.version.resource_keys, lenient=reader.version.cfn, later=later)
            for keyname in [keyname for keyname, value in keys.items() if is_null(value)]:
                empty = keys.pop(keyname) if keyname != reader.version.spelled("type") else None
                if empty is not None:  # Heat takes nothing for a value of a wrong type
                    reader.error("BBQ-H012", f"{keyname} of {what} has no value", empty, "remove the keyname")
            if reader.version.spelled("type") not in keys:
                reader.error("BBQ-H011", f"{what} lacks its {quoted(reader.version.spelled('type'))}", key)
        made_by = _made_by(reader, keys.get(reader.version.spelled("type")), name, what, resolve)
        definition = Definition(name, key, keys, made_by)
        if made_by.name in MEMBERS or made_by.name == "OS::Heat::ResourceChain":
            _members(reader, definition, resolve)
        found[name] = definition
    return found


def _made_by(reader: Reader, node: Node | None, name: str, what: str, resolve: Resolve) -> Implementation:
    found = None if node is None else reader.name(node, f"the type of {what}")
    return Implementation("") if node is None or found is None else resolve(found, node, name, False)


def _members(reader: Reader, group: Definition, resolve: Resolve) -> None:
    """The members of a group, which its properties define."""
    properties = entries(group.keys.get(reader.version.spelled("properties"), group.key))
    if group.made_by.name == "OS::Heat::ResourceChain":
        own = properties.get("resource_properties")
        keys = {"properties": own[1]} if own else {}
        listed = properties["resources"][1] if "resources" in properties else None
        for item in listed.value if isinstance(listed, SequenceNode) else ():
            if isinstance(item, ScalarNode) and item.value:
                group.members.append(Member(keys, item, resolve(item.value, item, group.name, True)))
        return
    pair = properties.get(MEMBERS[group.made_by.name])
    if pair is None or not isinstance(pair[1], MappingNode) or call_of(pair[1], reader.version) is not None:
        return
    what = f"the member of group {quoted(group.name)}"
    keys = reader.keyed(pair[1], what, _MEMBER_KEYS, lenient=True)
    if "type" not in keys:
        if group.made_by.name == "OS::Heat::AutoScalingGroup":  # the other's schema says it
            reader.error("BBQ-H011", f"{what} lacks its `type`", pair[0])
        return
    if call_of(keys["type"], reader.version) is not None:
        return
    name = reader.name(keys["type"], f"the type of {what}")
    if name is None:
        return
    variables: tuple[str, ...] = ()
    if group.made_by.name == "OS::Heat::ResourceGroup":
        given = properties.get("index_var")
        variables = (str(given[1].value),) if given and isinstance(given[1], ScalarNode) else ("%index%",)
    made_by = resolve(name, keys["type"], group.name, True)
    group.members.append(Member(keys, keys["type"], made_by, variables))
    group.made_by = Implementation(group.made_by.name, group.made_by.type, None, made_by)


class Resources:
    """Checks the definitions of one template and makes the model's resources of them."""

    def __init__(self, reader: Reader, names: Names, scanner: Scanner, evaluator: Evaluator) -> None:
        self.reader = reader
        self.version: Version = reader.version
        self.scanner = scanner
        self.evaluator = evaluator
        self.properties = Properties(reader, names, evaluator)

    def read(self, definition: Definition) -> Resource:
        keys, spelled = definition.keys, self.version.spelled
        what = f"resource {quoted(definition.name)}"
        condition = keys.get(spelled("condition"))
        place = Place(definition.name)
        kind = definition.made_by.type
        resource = Resource(definition.name, self._type(keys), at(definition.key), implementation=definition.made_by.name)
        resource.template = definition.made_by.template
        resource.description = self.reader.string(keys.get(spelled("description")), f"the description of {what}")
        if condition is not None:
            self.scanner.condition(condition, Place(), f"the condition of {what}")
            resource.condition = modelled(condition, self.version, condition=True)
        for name in ("properties", "metadata", "update_policy"):
            node = keys.get(spelled(name))
            if node is None:
                continue
            if not isinstance(node, MappingNode):
                if name != "properties" or kind is None:
                    self.reader.error("BBQ-H012", f"{spelled(name)} of {what} must be a map, not {shape(node)}", node)
                    continue
            else:
                # what an update policy names is not waited for
                self.scanner.scan(node, place if name != "update_policy" else _NO_PLACE)
            setattr(resource, name, modelled(node, self.version))
        self._depends_on(definition, resource, place, what)
        self._deletion_policy(keys.get(spelled("deletion_policy")), kind, resource, what)
        self._external_id(keys.get("external_id"), definition, resource, what)
        if kind is not None and resource.external_id is None:
            self.properties.check(keys.get(spelled("properties")), kind, self._title(what, definition), definition.key)
        self._update_policy(keys.get(spelled("update_policy")), kind, what)
        for member in definition.members:
            self._member(definition, member)
        return resource

    def _title(self, what: str, definition: Definition) -> str:
        return f"{what} ({definition.made_by.name})"

    def _type(self, keys: dict[str, Node]) -> str:
        node = keys.get(self.version.spelled("type"))
        return str(node.value) if isinstance(node, ScalarNode) else ""

    def _depends_on(self, definition: Definition, resource: Resource, place: Place, what: str) -> None:
        from bbq.hot.references import resource as look_up

        node = definition.keys.get(self.version.spelled("depends_on"))
        if node is None:
            return
        found = []
        for item in node.value if isinstance(node, SequenceNode) else [node]:
            name = self.reader.name(item, f"{self.version.spelled('depends_on')} of {what}")
            if name is not None:
                look_up(self.scanner, name, item, place, ordering=True)
                found.append(name)
        resource.depends_on = tuple(found)

    def _deletion_policy(self, node: Node | None, kind: ResourceType | None, resource: Resource, what: str) -> None:
        if node is None:
            return
        resource.deletion_policy = modelled(node, self.version)
        self.scanner.scan(node, _NO_PLACE)
        value: Any = NOT_KNOWN
        try:
            value = self.evaluator.value(node)
        except Fault as error:
            self.reader.error("BBQ-H042", str(error), node)
        if value is NOT_KNOWN:
            return
        known = self.version.deletion_policies
        title = f"{self.version.spelled('deletion_policy')} of {what}"
        if value not in known:
            text = shape(node) if call_of(node, self.version) is None else quoted(value)
            self.reader.error("BBQ-H038", f"{title} cannot be {text}", node, self.reader.hint(str(value), known))
        elif value.lower() == "snapshot" and kind is not None and not kind.snapshot and resource.template is None:
            text = f"{title}: {resource.implementation} has no snapshots"
            self.reader.error("BBQ-H038", text, node, "servers and volumes have")

    def _external_id(self, node: Node | None, definition: Definition, resource: Resource, what: str) -> None:
        if node is None:
            return
        self.scanner.scan(node, Place(definition.name))
        resource.external_id = modelled(node, self.version)
        if call_of(node, self.version) is None and not (isinstance(node, ScalarNode) and isinstance(scalar(node), str)):
            self.reader.error("BBQ-H012", f"external_id of {what} must be a string, not {shape(node)}", node)
        if resource.depends_on:
            where = definition.keys["depends_on"]
            self.reader.error("BBQ-H048", f"{what} is there already (external_id): it cannot depend on others", where)

    def _update_policy(self, node: Node | None, kind: ResourceType | None, what: str) -> None:
        if kind is None or not isinstance(node, MappingNode) or call_of(node, self.version) is not None:
            return
        if not kind.update_policy and node.value and not kind.any_property:
            key = node.value[0][0]
            self.reader.error("BBQ-H039", f"{what} takes no {self.version.spelled('update_policy')}", key)
            return
        policy = ResourceType(kind.update_policy, {})
        self.properties.check(node, policy, f"{self.version.spelled('update_policy')} of {what}", node)

    def _member(self, group: Definition, member: Member) -> None:
        kind = member.made_by.type
        if kind is None:
            return
        self.properties.index_variables = member.variables
        what = f"the member of group {quoted(group.name)} ({member.made_by.name})"
        self.properties.check(member.keys.get("properties"), kind, what, member.node)
        self.properties.index_variables = ()


def plain_mappings(reader: Reader, node: Node | None) -> dict[str, Any]:
    """CFN's section `Mappings`: two levels of names."""
    found = {}
    for name, (_, body) in reader.entries(node, "`Mappings`").items():
        inner = reader.entries(body, f"mapping {quoted(name)}")
        found[name] = {key: data(value) for key, (_, value) in inner.items()}
    return found
