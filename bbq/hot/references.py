"""The functions that name something: parameters, resources, attributes, mappings, files, conditions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.hot.names import Implementation
from bbq.hot.values import scalar
from bbq.wording import quoted, shape

if TYPE_CHECKING:
    from bbq.hot.functions import Handler, Place, Scanner


def get_param(scan: Scanner, name: str, args: Node, place: Place) -> None:
    first, path = args, []
    if isinstance(args, SequenceNode):
        if not args.value:
            scan.wrong(name, "takes a parameter's name, or a list that begins with one", args)
            return
        first, *path = args.value
    elif isinstance(args, MappingNode) and not scan.is_call(args):
        scan.wrong(name, "takes a parameter's name, or a list that begins with one, not a map", args)
        return
    _path(scan, name, path, place)
    text = scan.literal(name, first, (str,), "a parameter's name is a string")
    if text is None:
        scan.scan(first, place)
    elif text not in scan.names.parameters and text not in scan.version.pseudo_parameters:
        known = scan.names.parameters
        hint = scan.reader.hint(text, known, "the template has no parameters")
        if text in scan.names.resources:
            hint = "it is a resource: use get_resource"
        scan.error("BBQ-H043", f"unknown parameter {quoted(text)}", first, hint)


def get_resource(scan: Scanner, name: str, args: Node, place: Place) -> None:
    text = scan.literal(name, args, (str,), "takes a resource's name")
    if text is None:
        scan.scan(args, place)
    else:
        resource(scan, text, args, place)


def resource(scan: Scanner, text: str, where: Node, place: Place, *, ordering: bool = False) -> Implementation | None:
    """The resource of that name, and a dependency on it; an error where there is none."""
    from bbq.hot.functions import Need

    found = scan.names.resources.get(text)
    if found is None:
        hint = scan.reader.hint(text, scan.names.resources, "the template has no resources")
        if text in scan.names.parameters:
            hint = f"it is a parameter: use {'Ref' if scan.version.cfn else 'get_param'}"
        scan.error("BBQ-H044", f"unknown resource {quoted(text)}", where, hint)
    elif not place.in_condition:
        scan.needs.append(Need(place.owner, text, place.conditional, where, ordering))
    return found


def get_attr(scan: Scanner, name: str, args: Node, place: Place) -> None:
    alone = scan.version.since("2015-10-15")
    form = "[ resource, attribute, path ... ]"
    items = scan.items(name, args, 1 if alone else 2, None, form)
    if items is not None:
        _attribute(scan, name, items, place)


def fn_get_att(scan: Scanner, name: str, args: Node, place: Place) -> None:
    if isinstance(args, ScalarNode) and "." in args.value:
        left, _, right = args.value.partition(".")
        scan.wrong(name, f"takes a list of two, not {shape(args)}", args, f"write [ {left}, {right} ]")
        return
    items = scan.items(name, args, 2, 2, "[ resource, attribute ]")
    if items is not None:
        _attribute(scan, name, items, place)


def _attribute(scan: Scanner, name: str, items: list[Node], place: Place) -> None:
    first, *rest = items
    text = scan.literal(name, first, (str,), "a resource's name is a string")
    found = resource(scan, text, first, place) if text is not None else None
    if text is None:
        scan.scan(first, place)
    _path(scan, name, rest[1:], place)
    if not rest:
        return
    attribute = scan.literal(name, rest[0], (str,), "an attribute's name is a string")
    if attribute is None:
        scan.scan(rest[0], place)
    elif found is not None and text is not None:
        known = _other_attributes(found, attribute)
        if known is not None:
            hint = scan.reader.hint(attribute, known, limit=20)
            owner = f"{quoted(text)} ({found.name})"
            scan.error("BBQ-H045", f"{owner} has no attribute {quoted(attribute)}", rest[0], hint)


def _other_attributes(found: Implementation, name: str) -> set[str] | None:
    """The attributes that a resource has, where it certainly has none of that name."""
    kind = found.type
    if kind is None or name in kind.attributes:
        return None
    known = set(kind.attributes)
    if found.template is not None:
        # `resource.NAME.ATTRIBUTE` reaches into any nested stack
        if name.startswith("resource.") or name == "OS::stack_id":
            return None
    elif found.member is not None:
        if found.member.type is None or found.member.type.any_attribute or name in found.member.type.attributes:
            return None
        if name.startswith(("resource.", "outputs.")):
            return None
        known |= set(found.member.type.attributes)
    elif kind.any_attribute:
        return None
    return known


def _path(scan: Scanner, name: str, path: list[Node], place: Place) -> None:
    for step in path:
        if scan.literal(name, step, (str, int), "a step of the path is a key or an index") is None:
            scan.scan(step, place)


def ref(scan: Scanner, name: str, args: Node, place: Place) -> None:
    text = scan.literal(name, args, (str,), "takes the name of a parameter or resource")
    if text is None:
        scan.scan(args, place)
        return
    if text in scan.names.parameters or text in scan.version.pseudo_parameters:
        return
    known = scan.names.parameters
    if place.in_condition:
        hint = "conditions know parameters only" if text in scan.names.resources else scan.reader.hint(text, known)
        scan.error("BBQ-H043", f"unknown parameter {quoted(text)}", args, hint)
    elif text in scan.names.resources:
        resource(scan, text, args, place)
    else:
        hint = scan.reader.hint(text, {**dict.fromkeys(known), **dict.fromkeys(scan.names.resources)})
        report = scan.reader.warning if scan.in_output else scan.reader.error
        report("BBQ-H044", f"no parameter and no resource is called {quoted(text)}", args, hint)


def find_in_map(scan: Scanner, name: str, args: Node, place: Place) -> None:
    items = scan.items(name, args, 3, 3, "[ mapping, key, key ]")
    if items is None:
        return
    table: Any = scan.names.mappings
    for item, what in zip(items, ("mapping", "key", "key"), strict=True):
        text = scan.literal(name, item, (str, int), f"a {what} is a string")
        if text is None:
            scan.scan(item, place)
            table = None
        if table is None:
            continue
        if not isinstance(table, dict) or str(text) not in table:
            known = table if isinstance(table, dict) else {}
            hint = scan.reader.hint(str(text), known, "the template has no such mapping")
            scan.error("BBQ-H049", f"unknown {what} {quoted(text)}", item, hint)
            table = None
        else:
            table = table[str(text)]


def get_file(scan: Scanner, name: str, args: Node, place: Place) -> None:
    text = scan.literal(name, args, (str,), "takes a file's name")
    if text is None:
        scan.scan(args, place)
        return
    found = scan.files.refer(scan.reader.source, args, text, "content")
    report = scan.reader.warning
    if found.status == "missing":
        report("BBQ-H051", f"file {quoted(text)} does not exist", args, "it has to be there when the stack is created")
    elif found.status == "outside":
        hint = "it is not sent to Heat: move it below the template's project"
        report("BBQ-H052", f"file {quoted(text)} is outside the template's project", args, hint)
    elif found.status == "remote":
        hint = f"copy it and map it: --import-map {text.rsplit('/', 1)[0]}/=DIRECTORY"
        report("BBQ-H053", f"file {quoted(text)} is remote, and nothing is read over the network", args, hint)


def if_(scan: Scanner, name: str, args: Node, place: Place) -> None:
    nullable = scan.version.since("2021-04-16")
    form = "[ condition, value if true, value if false ]"
    items = scan.items(name, args, 2 if nullable else 3, 3, form)
    if items is None:
        return
    scan.condition(items[0], place, f"the first argument of {name}")
    for item in items[1:]:
        scan.scan(item, replace(place, conditional=True))


def equals(scan: Scanner, name: str, args: Node, place: Place) -> None:
    for item in scan.items(name, args, 2, 2, "[ value, value ]") or []:
        scan.scan(item, place)


def not_(scan: Scanner, name: str, args: Node, place: Place) -> None:
    if name == "not" and not isinstance(args, SequenceNode):
        scan.condition(args, place, "the argument of not")
        return
    if name == "not":
        scan.wrong(name, "takes one condition, not a list", args)
        return
    for item in scan.items(name, args, 1, 1, "[ condition ]") or []:
        scan.condition(item, place, f"the argument of {name}")


def and_or(scan: Scanner, name: str, args: Node, place: Place) -> None:
    for item in scan.items(name, args, 2, None, "of at least two conditions") or []:
        scan.condition(item, place, f"an argument of {name}")


def resource_facade(scan: Scanner, name: str, args: Node, place: Place) -> None:
    known = ("metadata", "deletion_policy", "update_policy")
    if name != "resource_facade":
        known = ("Metadata", "DeletionPolicy", "UpdatePolicy")
    if not isinstance(args, ScalarNode) or scalar(args) not in known:
        scan.wrong(
            name,
            f"takes one of {', '.join(map(quoted, known))}, not {shape(args)}",
            args,
            scan.reader.hint(str(args.value), known),
        )


HANDLERS: Final[dict[str, Handler]] = {
    "get_param": get_param,
    "get_resource": get_resource,
    "get_attr": get_attr,
    "get_file": get_file,
    "if": if_,
    "equals": equals,
    "not": not_,
    "and": and_or,
    "or": and_or,
    "resource_facade": resource_facade,
    "Ref": ref,
    "Fn::GetAtt": fn_get_att,
    "Fn::FindInMap": find_in_map,
    "Fn::If": if_,
    "Fn::Equals": equals,
    "Fn::Not": not_,
    "Fn::And": and_or,
    "Fn::Or": and_or,
    "Fn::ResourceFacade": resource_facade,
}
