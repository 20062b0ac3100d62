"""From a path to a checked Heat template, with all that it nests."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode

from bbq import facts
from bbq.collection import paused
from bbq.diagnostics import Diagnostic, DiagnosticBag, SourceRange
from bbq.hot.computing import UNKNOWN as UNKNOWN_VALUE
from bbq.hot.computing import Fault, TooLarge
from bbq.hot.cycles import components, loop, order
from bbq.hot.environment import Environment
from bbq.hot.evaluate import Evaluator
from bbq.hot.files import MAX_DEPTH, TEMPLATE_SUFFIXES, Files, Source, shown
from bbq.hot.functions import Need, Place, Scanner
from bbq.hot.given import values_in_force
from bbq.hot.model import HotTemplate, Output
from bbq.hot.names import UNKNOWN, Implementation, Names, type_of_template
from bbq.hot.parameters import read_groups, read_parameters
from bbq.hot.reading import Reader
from bbq.hot.resources import Definition, Resources, plain_mappings, read_definitions
from bbq.hot.types import alias, index, resource_type
from bbq.hot.values import call_of, modelled, scalar
from bbq.hot.versions import VERSION_KEYS
from bbq.patterns import few_timeouts
from bbq.sources import Sources
from bbq.wording import nearest, one_of, quoted, shape, told
from bbq.yamlreader import at, is_null

_TOO_MANY: Final = "BBQ-H004"
_MOST_HINTS: Final = 200
_NESTED_DEFAULT: Final = 5
"""How deep stacks may nest in a Heat that is not configured otherwise (max_nested_stack_depth)."""


@paused()
def load(
    path: str | os.PathLike[str],
    *,
    environments: Sequence[str | os.PathLike[str]] = (),
    parameters: Mapping[str, Any] | None = None,
    import_map: Mapping[str, str | os.PathLike[str]] | None = None,
    overlay: Mapping[Path, bytes] | None = None,
) -> tuple[HotTemplate | None, list[Diagnostic]]:
    """The HOT or CFN template at `path`, and every problem found, sorted by place.

    `environments` are files, later ones laid over earlier ones. `parameters` are values by name (text is converted), which win
    over the environments'; with them (None: none are known yet), or with an environment's parameters, missing ones are
    reported. `import_map` is {URL prefix: local directory}; nothing is read over the network. `overlay` is {path: content},
    of files as they are in an editor.

    The template is None where the file itself could not be read; otherwise it is as complete as the problems allow, and only
    fit for use without errors. Never raises for a bad template.
    """
    bag = DiagnosticBag(sources=Sources())
    with few_timeouts():
        files = Files(Path(path), bag, import_map, overlay)
        template = _load(files, Path(path), str(path), bag, environments, parameters)
    return template, told(bag, _TOO_MANY)


def _load(
    files: Files,
    path: Path,
    name: str,
    bag: DiagnosticBag,
    environments: Sequence[str | os.PathLike[str]],
    parameters: Mapping[str, Any] | None,
) -> HotTemplate | None:
    source = files.template(path, name)
    if source is None:
        return None
    reader = Reader(source, bag)
    keys = reader.entries(source.root, "the template")
    section = source.version.spelled("parameters")
    declared = read_parameters(reader, keys[section][1] if section in keys else None)
    environment = Environment()
    for item in environments:
        found = files.environment(Path(item), str(item))
        if found is not None:
            environment.add(Reader(found, bag), declared)
    return _Loading(files, environment, bag).main(source, reader, declared, parameters)


class _Loading:
    """One run: the templates that were read, and those being read, from the outside in."""

    def __init__(self, files: Files, environment: Environment, bag: DiagnosticBag) -> None:
        self.files = files
        self.environment = environment
        self.bag = bag
        self._nested: dict[Path, HotTemplate | None] = {}
        self._open: list[Path] = []

    def main(self, source: Source, reader: Reader, declared: dict[str, Any], given: Mapping[str, Any] | None) -> HotTemplate:
        self._open.append(Path(facts.realpath(source.path)))
        values = values_in_force(declared, given, self.environment, self.bag)
        template = self._template(reader, declared, values)
        template.values = values
        for mapped in self.environment.targets():
            if mapped.target.endswith(TEMPLATE_SUFFIXES):
                self._file(mapped.target, mapped.node, mapped.reader, member=False)
        template.files = self.files.references
        template.environment = self.environment.merged
        template.registries = tuple(self.environment.registries)
        template.roots = self.files.roots
        template.digest = self.files.digest()
        return template

    def _template(self, reader: Reader, parameters: dict[str, Any], values: Mapping[str, Any]) -> HotTemplate:
        source = reader.source
        version, root = source.version, source.root
        template = HotTemplate(source.file, version, at(root), parameters=parameters)
        keys = reader.keyed(root, "the template", (*VERSION_KEYS, *version.sections), later=("conditions", "Conditions"))
        template.description = reader.string(keys.get(version.spelled("description")), "the description")
        template.parameter_groups = read_groups(reader, keys.get("parameter_groups"), parameters)
        template.mappings = plain_mappings(reader, keys.get("Mappings"))
        names = Names(parameters, mappings=template.mappings)
        section = keys.get(version.spelled("conditions"))
        names.conditions = {name: node for name, (_, node) in reader.entries(section, "the conditions").items()}

        def resolve(name: str, where: Node, resource: str, member: bool) -> Implementation:
            return self._resolve(reader, name, where, resource, member)

        definitions = read_definitions(reader, keys.get(version.spelled("resources")), resolve)
        names.resources = {name: definition.made_by for name, definition in definitions.items()}
        self._check_names(reader, parameters, definitions)
        scanner = Scanner(reader, names, self.files)
        evaluator = Evaluator(version, values, names.conditions, template.mappings)
        self._conditions(reader, names, scanner, evaluator, template)
        resources = Resources(reader, names, scanner, evaluator)
        for name, definition in definitions.items():
            template.resources[name] = resources.read(definition)
        self._outputs(reader, keys.get(version.spelled("outputs")), scanner, template)
        there = _there(definitions, evaluator, version.spelled("condition"))
        _dependencies(reader, scanner.needs, template, there)
        _absent(reader, scanner.needs, there)
        return template

    def _check_names(self, reader: Reader, parameters: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
        for name, definition in definitions.items():
            if name in parameters:
                text = f"{quoted(name)} is a parameter and a resource"
                reader.error("BBQ-H026", text, definition.key, "rename one of them")

    def _conditions(self, reader: Reader, names: Names, scanner: Scanner, evaluator: Evaluator, template: HotTemplate) -> None:
        graph: dict[str, list[str]] = {name: [] for name in names.conditions}
        for name, node in names.conditions.items():
            scanner.defining = name
            template.conditions[name] = modelled(node, reader.version, condition=True)
            what = f"condition {quoted(name)}"
            call = call_of(node, reader.version, condition=True)
            if call is not None or (isinstance(node, ScalarNode) and isinstance(scalar(node), bool)):
                scanner.condition(node, Place(in_condition=True), what)
            else:
                known = one_of(reader.version.conditions, 20)
                text = f"{what} must be a function, true or false, not {shape(node)}"
                reader.error("BBQ-H046", text, node, known)
        scanner.defining = ""
        for source, target in scanner.condition_uses:
            graph[source].append(target)
        for component in components(graph):
            cycle = " -> ".join(quoted(name) for name in loop(graph, component)[:12])
            reader.error("BBQ-H047", f"conditions are defined by each other: {cycle}", names.conditions[component[0]])
        for name in order(graph):
            node = names.conditions[name]
            call = call_of(node, reader.version, condition=True)
            try:
                evaluator.settle(name)
            except Fault as error:
                if call is not None and call[0] in reader.version.conditions:  # else it is told already
                    code = "BBQ-H080" if isinstance(error, TooLarge) else "BBQ-H046"
                    reader.error(code, f"condition {quoted(name)}: {error}", node)

    def _outputs(self, reader: Reader, section: Node | None, scanner: Scanner, template: HotTemplate) -> None:
        spelled = reader.version.spelled
        for name, (key, body) in reader.entries(section, quoted(spelled("outputs"))).items():
            what = f"output {quoted(name)}"
            if not isinstance(body, MappingNode):
                where = key if is_null(body) else body
                reader.error("BBQ-H012", f"{what} must be a map with a value, not {shape(body)}", where)
                continue
            keys = reader.keyed(body, what, reader.version.output_keys, lenient=reader.version.cfn, later=("condition",))
            value = keys.get(spelled("value"))
            output = Output(name, None, at(key), reader.string(keys.get(spelled("description")), f"the description of {what}"))
            condition = keys.get(spelled("condition"))
            if condition is not None and not is_null(condition):
                scanner.condition(condition, Place(), f"the condition of {what}")
                output.condition = modelled(condition, reader.version, condition=True)
            if value is None:
                reader.error("BBQ-H011", f"{what} lacks its {quoted(spelled('value'))}", key)
            else:
                scanner.in_output = True
                scanner.scan(value, Place(conditional=condition is not None))
                scanner.in_output = False
                output.value = modelled(value, reader.version)
            template.outputs[name] = output

    def _resolve(self, reader: Reader, name: str, where: Node, resource: str, member: bool) -> Implementation:
        """What makes a resource of the named type: a template, a type of Heat's, or something unknown."""
        asked, at_node, by = name, where, reader
        for _ in range(10):
            mapped = self.environment.lookup(name, resource)
            if mapped is None or mapped.target == name:
                break
            name, at_node, by = mapped.target, mapped.node, mapped.reader
        else:
            text = f"the environment maps the type {quoted(asked)} round in a circle"
            reader.error("BBQ-H061", text, where)
            return UNKNOWN
        if name.endswith(TEMPLATE_SUFFIXES):
            return self._file(name, at_node, by, member=member)
        kind = resource_type(name)
        if kind is None and (other := alias(name)) is not None:
            kind = resource_type(other)
            if kind is not None:
                reader.warning("BBQ-H031", f"type {quoted(name)} is an old name", at_node, f"use {other}")
                return Implementation(other, kind)
        if kind is None:
            self._unknown(by, name, at_node)
            return UNKNOWN
        if kind.status:
            note = kind.note.rstrip(".") or None
            by.warning("BBQ-H031", f"type {quoted(name)} is {kind.status}", at_node, note)
        return Implementation(name, kind)

    def _unknown(self, reader: Reader, name: str, where: Node) -> None:
        hint = nearest(name, index().types) if len(self.bag.items) < _MOST_HINTS else None
        if name.startswith(("OS::", "AWS::")) or "::" not in name:
            more = "a type is like OS::Nova::Server, or a file that ends with .yaml or .template"
            reader.error("BBQ-H030", f"unknown resource type {quoted(name)}", where, hint or more)
        else:
            more = "a plugin of that Heat, or an environment's resource_registry, has to bring it"
            reader.warning("BBQ-H030", f"resource type {quoted(name)} is not one of Heat's", where, hint or more)

    def _file(self, name: str, where: Node, reader: Reader, *, member: bool) -> Implementation:
        """A nested template. A group's member that is missing is a warning: the group may have no members yet."""
        found = self.files.refer(reader.source, where, name, "template")
        if found.status != "there" or found.path is None:
            report = reader.warning if member else reader.error
            if found.status == "outside":
                report("BBQ-H052", f"template {quoted(name)} is outside the project of the template", where)
            elif found.status == "remote":
                hint = f"copy it and map it: --import-map {name.rsplit('/', 1)[0]}/=DIRECTORY"
                report("BBQ-H053", f"template {quoted(name)} is remote, and nothing is read over the network", where, hint)
            else:
                report("BBQ-H050", f"template {quoted(name)} does not exist", where, "its path is relative to this file")
            return Implementation(name)
        if found.path in self._open:
            chain = " -> ".join(path.name for path in [*self._open[self._open.index(found.path) :], found.path])
            reader.error("BBQ-H054", f"templates nest each other: {chain}", where)
            return Implementation(name)
        if len(self._open) > _NESTED_DEFAULT:
            text = f"stacks nest deeper than {_NESTED_DEFAULT}, which Heat allows only where it is configured so"
            report = reader.error if len(self._open) > MAX_DEPTH else reader.warning
            report("BBQ-H055", text, where)
        if len(self._open) > MAX_DEPTH:
            return Implementation(name)
        template = self._nested_template(found.path, name, where, reader)
        if template is None:
            return Implementation(name)
        defaults = {key: given.value for key, given in self.environment.defaults.items()}
        return Implementation(name, type_of_template(template, defaults), template)

    def _nested_template(self, path: Path, name: str, where: Node, reader: Reader) -> HotTemplate | None:
        if path in self._nested:
            return self._nested[path]
        url = None if reader.source.url is None and "://" not in name else name
        file = shown(reader.source, name, path)
        if self.bag.sources is not None:
            self.bag.sources.imported(file, at(where))
        source = self.files.template(path, file, reader.source.home, url)
        if source is None:
            self._nested[path] = None
            return None
        self._open.append(path)
        inner = Reader(source, self.bag)
        section = source.version.spelled("parameters")
        node = next((value for key, value in source.root.value if key.value == section), None)
        # its parameters' values are the outer template's properties: nothing is known of them here
        template = self._template(inner, read_parameters(inner, node), {})
        self._open.pop()
        self._nested[path] = template
        return template


def _there(definitions: Mapping[str, Definition], evaluator: Evaluator, spelled: str) -> dict[str, Any]:
    """Whether each resource that has a condition is there: True, False or UNKNOWN."""
    answers: dict[str, Any] = {}
    for name, definition in definitions.items():
        if spelled in definition.keys:
            try:
                answers[name] = evaluator.condition(definition.keys[spelled])
            except Fault:  # told where it is defined
                answers[name] = UNKNOWN_VALUE
    return answers


def _dependencies(reader: Reader, needs: list[Need], template: HotTemplate, there: Mapping[str, Any]) -> None:
    """Who needs whom, into the model; cycles are reported: those that certainly are there as errors."""
    certain: dict[str, list[str]] = {name: [] for name in template.resources}
    possible: dict[str, list[str]] = {name: [] for name in template.resources}
    places: dict[tuple[str, str], SourceRange] = {}
    for need in (need for need in needs if need.owner):
        places.setdefault((need.owner, need.target), at(need.where))
        possible[need.owner].append(need.target)
        if not need.conditional and there.get(need.owner, True) is True and there.get(need.target, True) is True:
            certain[need.owner].append(need.target)
    for name, resource in template.resources.items():
        resource.needs = tuple(dict.fromkeys(possible[name]))
    told_of: set[str] = set()
    for graph, report in ((certain, reader.error), (possible, reader.warning)):
        unique = {name: list(dict.fromkeys(targets)) for name, targets in graph.items()}
        for component in components(unique):
            if told_of.intersection(component):
                continue
            told_of.update(component)
            cycle = loop(unique, component)
            text = " -> ".join(map(quoted, cycle[:12])) + (" -> ..." if len(cycle) > 12 else "")
            condition = " under some conditions" if graph is possible else ""
            report("BBQ-H048", f"resources depend on each other{condition}: {text}", places[cycle[0], cycle[1]])


def _absent(reader: Reader, needs: list[Need], there: Mapping[str, Any]) -> None:
    """Values of resources that a condition leaves out, used where no condition guards it. Only an order may name them."""
    guard = "Fn::If" if reader.version.cfn else "if"
    for need in needs:
        owner, target = there.get(need.owner, True), there.get(need.target, True)
        if need.ordering or need.conditional or target is True or owner is not True:
            continue
        if target is not False and need.owner in there:
            continue  # conditions that may well agree
        report = reader.error if target is False else reader.warning
        text = "is not there: its condition is false" if target is False else "is not there under every condition"
        report("BBQ-H027", f"resource {quoted(need.target)} {text}", need.where, f"use {guard} with its condition")
