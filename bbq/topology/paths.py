"""Paths of `get_property` and `get_attribute`, in the forms of TOSCA 1.3 (section 4.4) and 2.0 (`TOSCA_PATH`).

1.3: `[node | SELF | SOURCE | TARGET | HOST, optional requirement or capability, name, nested...]`
2.0: `[node | SELF, index, (RELATIONSHIP requirement index | CAPABILITY name | SOURCE | TARGET)..., name, nested...]`

A template with a count gives a list, one entry an instance; an index behind its name, or behind the property's, picks one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from bbq.diagnostics import SourceRange
from bbq.topology import codes
from bbq.topology.conformity import Declared
from bbq.topology.instances import Broken, CapabilitySite, Instance, Link, Site, Where
from bbq.topology.phrases import suggestion
from bbq.topology.values import Attribute
from bbq.tosca.model import Function

if TYPE_CHECKING:
    from bbq.topology.evaluate import Evaluator

_STEPS: Final = frozenset({"RELATIONSHIP", "CAPABILITY", "SOURCE", "TARGET"})
_NOTHING: Final = object()

_KNOWN: Final[dict[str, Callable[[Instance], str]]] = {
    "tosca_id": lambda instance: instance.address,
    "tosca_name": lambda instance: instance.template.name,
}

_Lookup = Callable[[Site, str, SourceRange], Any]


class Paths:
    """Follows paths through one evaluator's instances."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def get_property(self, function: Function, args: list[Any], where: Where) -> Any:
        return self._get(function, args, where, self._property, codes.UNKNOWN_PROPERTY, "property")

    def get_attribute(self, function: Function, args: list[Any], where: Where) -> Any:
        return self._get(function, args, where, self._attribute, codes.UNKNOWN_ATTRIBUTE, "attribute")

    def single_node(self, function: Function, args: list[Any], where: Where) -> tuple[Instance, list[Any]]:
        """The one node that a path starts with, and the rest of the path."""
        sites, plural, rest = self._start(function, args, where)
        if plural or len(sites) != 1 or not isinstance(sites[0], Instance):
            raise self._bad(function, "one node is needed here")
        return sites[0], rest

    def _get(self, function: Function, args: list[Any], where: Where, lookup: _Lookup, code: str, kind: str) -> Any:
        sites, plural, rest = self._start(function, args, where)
        if not rest:
            raise self._bad(function, f"the path ends before the name of the {kind}")
        if plural and len(rest) > 1 and _is_index(rest[1]):
            sites, plural, rest = [self._pick(function, sites, rest[1])], False, [rest[0], *rest[2:]]
        found = [self._at(function, site, rest, lookup, code, kind) for site in sites]
        return found if plural else found[0]

    def _bad(self, function: Function, text: str) -> Broken:
        return self._evaluator.fail(codes.BAD_FUNCTION, f"{function.name}: {text}", function.at)

    # The sites

    def _start(self, function: Function, args: list[Any], where: Where) -> tuple[list[Site], bool, list[Any]]:
        """(sites, whether they make a list, the rest of the path)."""
        if args and isinstance(args[0], list):  # [ [ node, index ], ... ] is [ node, index, ... ]
            args = [*args[0], *args[1:]]
        if not args or not isinstance(args[0], str):
            raise self._bad(function, "a node's name or SELF is needed first")
        head, rest = args[0], args[1:]
        sites: list[Site]
        plural = False
        groups = where.stack.groups
        if head in ("SELF", "SOURCE", "TARGET", "HOST") and head not in groups:
            sites = [self._keyword(function, head, rest, where)]
        elif head in groups:
            if not groups[head] and where.stack.uncertain:
                raise Broken
            sites = list(groups[head])
            plural = head in where.stack.counted
            if rest and rest[0] == "ALL":
                plural, rest = True, rest[1:]
            elif rest and _is_index(rest[0]):
                sites, plural, rest = [self._pick(function, sites, rest[0])], False, rest[1:]
        elif head in where.stack.service.relationships:
            links = [link for each in groups.values() for node in each for link in self._evaluator.matcher.links(node)]
            sites = [link for link in links if link.assignment.relationship_template == head]
            if len(sites) != 1:
                raise self._bad(function, f"the relationship template {head!r} makes {len(sites)} relationships, not one")
        elif head in where.stack.service.flaws.missing:
            raise Broken
        else:
            hint = suggestion(head, groups)
            raise self._evaluator.fail(codes.UNKNOWN_NODE, f"there is no node template {head!r}", function.at, hint)
        while rest and isinstance(rest[0], str) and rest[0] in _STEPS:
            sites, more, rest = self._step(function, sites, rest)
            plural = plural or more
        return sites, plural, rest

    def _keyword(self, function: Function, head: str, rest: list[Any], where: Where) -> Site:
        instance = where.instance or (where.link.source if where.link else None)
        if instance is None or (head in ("SOURCE", "TARGET") and where.link is None):
            raise self._bad(function, f"{head} has no meaning here")
        if where.link is not None:
            if head == "HOST":
                return self._host(function, instance, rest)
            if head == "SELF" and where.filtering and self._means_target(where.link, rest):
                return where.link.target
            ends: dict[str, Site] = {"SELF": where.link, "SOURCE": where.link.source, "TARGET": where.link.target}
            return ends[head]
        return self._host(function, instance, rest) if head == "HOST" else instance

    def _means_target(self, link: Link, rest: list[Any]) -> bool:
        """In a filter, what the relationship does not have is its target's: `[ SELF, port ]` or `[ SELF, CAPABILITY, name ]`.
        By the specification the first is the relationship's own, and CAPABILITY the one that it leads to."""
        if not rest or not isinstance(rest[0], str):
            return False
        if rest[0] == "CAPABILITY":
            capabilities = link.target.template.type.capabilities
            matched = capabilities.get(link.capability or "")
            own = matched is not None and len(rest) > 1 and rest[1] in matched.properties
            return not own and len(rest) > 2 and rest[1] in capabilities
        return rest[0] not in _STEPS and rest[0] not in link.assignment.properties

    def capability(self, function: Function, args: list[Any], where: Where) -> tuple[CapabilitySite, str]:
        """The one capability that a path leads to, and the name behind it."""
        sites, plural, rest = self._start(function, args, where)
        if plural or len(sites) != 1 or not isinstance(sites[0], CapabilitySite) or len(rest) != 1:
            raise self._bad(function, "a path to one property of a capability is needed here")
        return sites[0], str(rest[0])

    def _host(self, function: Function, instance: Instance, rest: list[Any]) -> Instance:
        """The nearest node that hosts `instance`, directly or not, and has what the path asks for."""
        matcher = self._evaluator.matcher
        seen = {instance.address}
        current: Instance | None = instance
        while current is not None:
            hosts = (link.target for link in matcher.links(current) if matcher.is_hosting(link))
            below, current = current, next(hosts, None)
            if current is None and below.unknown:
                raise Broken
            if current is None or current.address in seen:
                break
            seen.add(current.address)
            type_ = current.template.type
            known = (type_.properties, type_.attributes, type_.capabilities, type_.requirements)
            if rest and any(rest[0] in names for names in known):
                return current
        raise self._bad(function, f"no host of {instance.address!r} has {rest[0] if rest else 'a name'!r}")

    def _is_unknown(self, node: Instance, requirement: str) -> bool:
        self._evaluator.matcher.links(node)
        return requirement in node.unknown

    def _pick(self, function: Function, sites: list[Any], index: int) -> Any:
        if not 0 <= index < len(sites):
            raise self._bad(function, f"there is no number {index}: there are {len(sites)}, counted from 0")
        return sites[index]

    def _step(self, function: Function, sites: list[Site], rest: list[Any]) -> tuple[list[Site], bool, list[Any]]:
        """One step of a 2.0 path, taken from every site."""
        step, rest = rest[0], rest[1:]
        if step in ("SOURCE", "TARGET"):
            if not all(isinstance(site, Link) for site in sites):
                raise self._bad(function, f"{step} follows a relationship")
            return [getattr(site, step.lower()) for site in sites], False, rest
        if step == "CAPABILITY" and sites and all(isinstance(site, Link) for site in sites):
            return [CapabilitySite(s.target, s.capability or "") for s in sites if isinstance(s, Link)], False, rest
        if not rest or not isinstance(rest[0], str):
            raise self._bad(function, f"{step} is followed by a name")
        name, rest = rest[0], rest[1:]
        nodes = [site for site in sites if isinstance(site, Instance)]
        if len(nodes) < len(sites):
            raise self._bad(function, f"{step} follows a node")
        if step == "CAPABILITY" and not (rest and rest[0] == "RELATIONSHIP"):
            for node in nodes:
                if name not in node.template.type.capabilities:
                    raise self._bad(function, f"{node.address!r} has no capability {name!r}")
            return [CapabilitySite(node, name) for node in nodes], False, rest
        matcher = self._evaluator.matcher
        if step != "CAPABILITY" and any(self._is_unknown(node, name) for node in nodes):
            raise Broken
        if step == "CAPABILITY":
            rest = rest[1:]
            links = [link for node in nodes for link in matcher.incoming(node) if link.capability == name]
        else:
            links = [link for node in nodes for link in matcher.links(node) if link.assignment.name == name]
        if rest and rest[0] == "ALL":
            return list(links), True, rest[1:]
        index = 0
        if rest and _is_index(rest[0]):
            index, rest = rest[0], rest[1:]
        return [self._pick(function, links, index)], False, rest

    # What stands there

    def _at(self, function: Function, site: Site, rest: list[Any], lookup: _Lookup, code: str, kind: str) -> Any:
        name = rest[0]
        if not isinstance(name, str):
            raise self._bad(function, f"the name of the {kind} is needed, not {name!r}")
        if len(rest) > 1 and isinstance(site, Instance) and name not in _names(site, kind):
            found, path, declared = self._through(function, site, rest, lookup)
            if found is not _NOTHING:
                what = f"{'.'.join(map(str, rest[: len(rest) - len(path)]))} of {_address(site)}"
                return self._evaluator.select(found, path, function.at, what, declared)
        found = lookup(site, name, function.at)
        if found is _NOTHING:
            address = _address(site)
            hint = suggestion(name, _names(site, kind))
            raise self._evaluator.fail(code, f"{address} has no {kind} {name!r}", function.at, hint)
        if isinstance(found, Attribute):
            return Attribute(found.node, (*found.path, *rest[1:]))
        return self._evaluator.select(
            found, rest[1:], function.at, f"{kind} {name!r} of {_address(site)}", _declared(site, name)
        )

    def _through(
        self, function: Function, site: Instance, rest: list[Any], lookup: _Lookup
    ) -> tuple[Any, list[Any], Declared | None]:
        """1.3's form: a capability's or requirement's name stands between the node and the name. What is found there, the
        rest of the path, and what is declared of it."""
        name, after = rest[0], rest[1:]
        type_ = site.template.type
        if name in type_.capabilities and isinstance(after[0], str):
            capability = CapabilitySite(site, name)
            found = lookup(capability, after[0], function.at)
            if found is not _NOTHING:
                return *_deeper(found, after[1:]), _declared(capability, after[0])
        if name in type_.requirements:
            index = 0
            if _is_index(after[0]) and len(after) > 1:
                index, after = after[0], after[1:]
            links = [link for link in self._evaluator.matcher.links(site) if link.assignment.name == name]
            if name in site.unknown:
                raise Broken
            if index < len(links) and isinstance(after[0], str):
                link = links[index]
                places: list[Site] = [CapabilitySite(link.target, link.capability)] if link.capability else []
                for place in (*places, link.target):
                    found = lookup(place, after[0], function.at)
                    if found is not _NOTHING:
                        return *_deeper(found, after[1:]), _declared(place, after[0])
        return _NOTHING, [], None

    def _property(self, site: Site, name: str, at: SourceRange) -> Any:
        if isinstance(site, Link):
            properties = self._evaluator.link_properties(site)
            return properties.get(name, _NOTHING)
        if isinstance(site, CapabilitySite):
            template = site.instance.template
            declared, assigned = template.type.capabilities.get(site.name), template.capabilities.get(site.name)
            if (declared and name in declared.properties) or (assigned and name in assigned.properties):
                return self._evaluator.capability_property(site.instance, site.name, name)
            return _NOTHING
        if name in site.template.type.properties or name in site.template.properties:
            return self._evaluator.property(site, name)
        return _NOTHING

    def _attribute(self, site: Site, name: str, at: SourceRange) -> Any:
        """A property is an attribute, too (1.3 section 3.6.10), known from the start; so are a node's name and id."""
        if isinstance(site, Instance) and name in _KNOWN:
            return _KNOWN[name](site)
        if isinstance(site, CapabilitySite):
            template = site.instance.template
            declared, assigned = template.type.capabilities.get(site.name), template.capabilities.get(site.name)
            if (declared and name in declared.attributes) or (assigned and name in assigned.attributes):
                return Attribute(site.instance.address, (site.name, name))
        elif isinstance(site, Instance) and (name in site.template.type.attributes or name in site.template.attributes):
            self._evaluator.asked.append((site, name, at))
            return Attribute(site.address, (name,))
        return self._property(site, name, at)


def _deeper(found: Any, path: list[Any]) -> tuple[Any, list[Any]]:
    """An attribute takes the rest of the path into itself."""
    return (Attribute(found.node, (*found.path, *path)), []) if isinstance(found, Attribute) else (found, path)


def _declared(site: Site, name: str) -> Declared | None:
    """What a property's definition says."""
    if isinstance(site, Link):
        return None
    instance = site if isinstance(site, Instance) else site.instance
    type_ = instance.template.type
    definitions = type_.properties
    if isinstance(site, CapabilitySite):
        definitions = type_.capabilities[site.name].properties if site.name in type_.capabilities else {}
    return Declared(definitions[name].schema, instance.stack.service) if name in definitions else None


def _is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _address(site: Site) -> str:
    if isinstance(site, Instance):
        return repr(site.address)
    if isinstance(site, Link):
        return f"the relationship {site.assignment.name!r} of {site.source.address!r}"
    return f"the capability {site.name!r} of {site.instance.address!r}"


def _names(site: Site, kind: str) -> list[str]:
    if isinstance(site, Link):
        return list(site.assignment.properties)
    if isinstance(site, CapabilitySite):
        declared = site.instance.template.type.capabilities.get(site.name)
        return [*declared.properties, *(declared.attributes if kind == "attribute" else ())] if declared else []
    type_ = site.template.type
    return [*type_.properties, *(type_.attributes if kind == "attribute" else ())]
