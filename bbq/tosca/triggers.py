"""Triggers of policies, as far as they need no service template: an event, a condition, activities.

TOSCA 1.3 sections 3.6.22 and 3.6.23; TOSCA 2.0 sections 13.2.3 and 16.5.
"""

from __future__ import annotations

from typing import Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.tosca.conditions import check_clauses, read_condition
from bbq.tosca.constraints import OPERATORS
from bbq.tosca.functions import Owner
from bbq.tosca.model import Activity, Condition, Trigger
from bbq.tosca.reading import nearest, one_of, quoted
from bbq.tosca.schemas import Definitions
from bbq.tosca.validations import Stated
from bbq.yamlreader import at, data, is_null

_KINDS: Final = ("delegate", "set_state", "call_operation", "inline")


def read_triggers(reader: Definitions, node: Node | None, known: dict[str, Trigger], what: str) -> dict[str, Trigger]:
    """The triggers of a policy type over those of its parent, which cannot be changed (2.0 section 16.3)."""
    result = dict(known)
    for name, (key, body) in reader.entries(node, f"triggers of {what}").items():
        title = f"trigger {quoted(name)} of {what}"
        if name in known:
            reader.practice("BBQ-T033", f"{title} is one of the parent type's, which cannot be changed", key)
        found, keys = read_trigger(reader, name, key, body, title)
        found.condition = condition_of(reader, keys.get("condition"), title)
        if "target_filter" in keys:  # what it names is known in a service template only
            reader.entity(keys["target_filter"], "event filter", "", keys["target_filter"])
        found.actions = tuple(activity for activity, _, _ in read_activities(reader, keys.get("action"), title))
        result[name] = found
    return result


def read_trigger(reader: Definitions, name: str, key: Node, body: Node, what: str) -> tuple[Trigger, dict[str, Node]]:
    """What needs no service template."""
    keys = reader.entity(body, "trigger", name, key)
    event = keys.get("event", keys.get("event_type"))
    raw = data(body, reader.grammar.dialect)
    found = Trigger(name, at(key), description=reader.description(keys, what), data=raw if isinstance(raw, dict) else {})
    if isinstance(event, ScalarNode) or (event is not None and reader.grammar.number >= 13):
        found.event = reader.string(event, f"event of {what}")
    if "schedule" in keys:
        reader.expect(keys["schedule"], "tosca.datatypes.TimeInterval", f"schedule of {what}")
    _measured(reader, keys, what)  # where 1.1 and 1.2 have them
    action = keys.get("action")
    if action is not None and not isinstance(action, SequenceNode) and reader.grammar.number >= 13:
        reader.error("BBQ-T012", f"action of {what} must be a list of activities", action)
        keys.pop("action")
    return found, keys


def condition_of(reader: Definitions, node: Node | None, what: str) -> Condition | None:
    """The long form of 1.x has a `constraint` and how often it is looked at."""
    if node is None:
        return None
    title = f"the condition of {what}"
    if reader.grammar.number < 13:  # drafts and practice of 1.x: keynames of monitoring systems, constraints in their languages
        if isinstance(node, MappingNode):
            _measured(reader, {key.value: value for key, value in node.value}, title)
        return Condition(data(node, reader.grammar.dialect), at(node))
    inner = node
    if not reader.grammar.two and isinstance(node, MappingNode) and any(key.value == "constraint" for key, _ in node.value):
        keys = reader.entity(node, "condition of a trigger", "", node)
        inner = keys["constraint"]
        if _names_nothing(inner):
            _measured(reader, keys, title)
            text = f"the constraint of {title} names no attribute to compare"
            reader.practice("BBQ-T012", text, inner, "write it like constraint: [ utilization: [ greater_than: 50 ] ]")
            return Condition(data(inner, reader.grammar.dialect), at(inner))
        _measured(reader, {name: value for name, value in keys.items() if name != "constraint"}, title)
    return read_condition(reader, inner, title, None, Owner("policy"))


def read_activities(reader: Definitions, node: Node | None, what: str) -> list[tuple[Activity, Node, Node | None]]:
    """The activities in a list; each with the node of its name, and that of its inputs."""
    found: list[tuple[Activity, Node, Node | None]] = []
    if node is not None and isinstance(node, MappingNode) and reader.grammar.number < 13:
        return []  # drafts and practice of 1.x: a map of operations
    for item in reader.items(node, f"activities of {what}"):
        if isinstance(item, ScalarNode) and not reader.grammar.two:
            reader.practice("BBQ-T012", f"an activity of {what} is a map such as `call_operation: ...`, not a name", item)
            continue
        entries = reader.entries(item, f"an activity of {what}")
        if len(entries) != 1 and isinstance(item, MappingNode):
            reader.error("BBQ-T012", f"an activity of {what} has one entry, such as `call_operation`, not {len(entries)}", item)
        for kind, (key, body) in entries.items():
            activity = _activity(reader, kind, key, body, what)
            if activity is not None:
                found.append(activity)
    return found


def _activity(reader: Definitions, kind: str, key: Node, body: Node, what: str) -> tuple[Activity, Node, Node | None] | None:
    if kind not in _KINDS:
        reader.error("BBQ-T010", f"{what} has no activity {quoted(kind)}", key, nearest(kind, _KINDS) or one_of(_KINDS))
        return None
    title, inputs = f"{quoted(kind)} of {what}", None
    if isinstance(body, MappingNode) and kind != "set_state":
        entity = "operation call" if kind == "call_operation" else "workflow call"
        keys = reader.entity(body, entity, "", key)
        inputs = keys.get("inputs")
        named = keys.get("operation" if kind == "call_operation" else "workflow")
        if named is None:
            return None
        body = named
    name = reader.string(body, title)
    return (Activity(kind, name, at(key)), body, inputs) if name else None


def _names_nothing(node: Node) -> bool:
    """As 1.0 to 1.2 had constraints of conditions: a text of a monitoring system, or constraint clauses alone."""
    if isinstance(node, SequenceNode):
        return any(map(_names_nothing, node.value))
    return any(key.value in OPERATORS for key, _ in node.value) if isinstance(node, MappingNode) else not is_null(node)


def _measured(reader: Definitions, keys: dict[str, Node], what: str) -> None:
    """What is looked at, and how often."""
    constraint, period = keys.get("constraint"), keys.get("period")
    if isinstance(constraint, MappingNode):
        check_clauses(reader, constraint, Stated("any", f"the constraint of {what}"))
    if "evaluations" in keys:
        reader.expect(keys["evaluations"], "integer", f"evaluations of {what}", least=1)
    number = str(period.value).removesuffix("sec").strip() if isinstance(period, ScalarNode) else ""
    if number.isdecimal() and period is not None:  # `60` and `60 sec`, as in examples of the specification
        reader.practice("BBQ-T040", f"period of {what} is a number with a unit of time", period, f"write `{number} s`")
    elif period is not None:
        reader.expect(period, "scalar-unit.time", f"period of {what}")
