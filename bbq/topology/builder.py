"""`build`: a service template, inputs and a provider make a topology. See docs/explanation/architecture.md."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bbq.collection import paused
from bbq.datafiles import data_dir
from bbq.diagnostics import Diagnostic, DiagnosticBag, SourceRange
from bbq.sources import Sources
from bbq.topology import codes
from bbq.topology.assemble import Assembler
from bbq.topology.cycles import find_cycles
from bbq.topology.evaluate import Evaluator
from bbq.topology.instances import BASE_TYPE, MAX_NODES, Broken, Failed, Instance, Stack, Where, members
from bbq.topology.model import Node, Output, Topology
from bbq.topology.operations import PROPERTY, place_relationships, recorded
from bbq.topology.phrases import suggestion
from bbq.topology.policies import policies
from bbq.topology.requirements import Matcher
from bbq.topology.secrecy import Secrecy
from bbq.topology.secret_places import SecretPlaces
from bbq.topology.sources import Tree
from bbq.topology.substitution import Library
from bbq.topology.values import references
from bbq.tosca.model import Function, NodeTemplate, ParameterDef, ServiceTemplate
from bbq.yamlreader import NOWHERE, node_of

if TYPE_CHECKING:
    import yaml

_REHEARSAL: Final = "simulator"
"""The provider that makes abstract nodes as they are; only a user's folder of this name changes that."""


@paused()
def build(
    service: ServiceTemplate,
    *,
    inputs: Mapping[str, Any],
    provider: str,
    overrides: Mapping[str, int] | None = None,
    template_dirs: Sequence[str | Path] = (),
    digests: bool = True,
    lacking: Collection[str] = (),
    elsewhere: bool = False,
) -> tuple[Topology | None, list[Diagnostic]]:
    """The graph that `service` wants, for `provider`, and every problem found; the graph is None where one is an error.

    `inputs` were checked by `bbq.tosca.check_inputs`. `overrides` maps nodes to the count that they are scaled to.
    `template_dirs` hold the user's substitution templates, in a folder named like the provider or for all of them; they win,
    type by type, over `templates/<provider>/`. For the provider `simulator` abstract nodes stay as they are. Without `digests`
    the files that nodes name are not read (see `sources.py`): no problem that is found depends on them. `lacking` are services
    that the provider does not have: of substitution templates that fit, another one is taken.
    `elsewhere`: a requirement that no node of the template meets may be met by another service, and is a warning (2.0 section
    4.2.1).
    """
    builder = _Builder(service, dict(overrides or {}), provider, template_dirs, lacking, elsewhere)
    return builder.build(inputs, digests=digests)


class _Builder:
    def __init__(
        self,
        service: ServiceTemplate,
        overrides: dict[str, int],
        provider: str,
        template_dirs: Sequence[str | Path],
        lacking: Collection[str],
        elsewhere: bool,
    ) -> None:
        self._sources = Sources()
        self._bag = DiagnosticBag(sources=self._sources)
        self._read: set[str] = set()
        self._know(service)
        self._rehearsal = provider == _REHEARSAL
        self._overrides = overrides
        self._evaluator = Evaluator(self._bag, Secrecy(), overrides, self._rehearsal)
        self._matcher = self._evaluator.matcher = Matcher(self._evaluator, elsewhere)
        sources = _sources(provider, template_dirs, service.others)
        self._library = Library(
            self._evaluator, sources, import_map=service.import_map, rehearsal=self._rehearsal, lacking=lacking
        )
        self._root = Stack(service)
        self._instances: dict[str, Instance] = {}
        self._evaluator.conformity.instances = self._instances
        self._used_overrides: set[str] = set()
        self._size = len(service.node_templates)

    def build(self, inputs: Mapping[str, Any], *, digests: bool) -> tuple[Topology | None, list[Diagnostic]]:
        self._set_inputs(self._root, inputs)
        self._expand()
        tree = Tree.of(self._root.service)
        assembler = Assembler(self._evaluator, self._matcher, tree if digests else None)
        nodes = {address: assembler.node(instance) for address, instance in self._instances.items()}
        self._check_overrides()
        places = SecretPlaces(self._evaluator, self._instances, nodes)
        outputs = self._outputs(places)
        self._finish_operations(nodes, tree if digests else None)
        found = policies(self._evaluator, self._root)
        self._evaluator.conformity.finish()
        topology = Topology(
            nodes=nodes,
            outputs=outputs,
            inputs={name: None if value is Failed else value for name, value in self._root.inputs.items()},
            template=self._root.service.path,
            directory=str(tree.directory),
            digest=self._root.service.digest,
            description=self._root.service.description,
            policies=found,
        )
        self._check_attributes(nodes)
        places.check()
        if not self._bag.has_errors and "cycles" not in self._root.service.flaws.parts:
            self._check_cycles(nodes)
        return (None if self._bag.has_errors else topology), self._root.service.copies.once(self._bag.sorted())

    def _know(self, service: ServiceTemplate) -> None:
        """Findings may speak of its files."""
        if service.path not in self._read and service.sources is not None:
            self._read.add(service.path)
            self._sources.join(service.sources)

    def _set_inputs(self, stack: Stack, given: Mapping[str, Any]) -> None:
        """Given values, else defaults; secret ones wrapped. A default may be a function of other inputs."""
        for name, definition in stack.service.inputs.items():
            if "inputs" in stack.service.flaws.parts:
                stack.inputs[name] = Failed
                continue
            value = given.get(name)
            if value is None:
                value = definition.value if definition.has_value else definition.default
            raw = value
            try:
                found = self._evaluator.evaluate(raw, Where(stack))
                value = self._input(stack, name, definition, raw, found, node_of(given, name))
            except Broken:
                stack.inputs[name] = Failed
                continue
            if value is None and definition.required and stack.owner is not None:
                owner = stack.owner
                text = (
                    f"{Path(stack.service.path).name} needs the input {name!r} to stand for {owner.address!r}, which gives none"
                )
                self._bag.error(codes.SUBSTITUTION_BROKEN, text, owner.template.at)
            stack.inputs[name] = self._evaluator.secrecy.protect(value, definition, stack.service)

    def _input(self, stack: Stack, name: str, definition: ParameterDef, raw: Any, value: Any, node: yaml.Node | None) -> Any:
        """An input's value, checked. What comes from a node that the template stands for was checked as that node's."""
        conformity, owner = self._evaluator.conformity, stack.owner
        if owner is None or stack.service.substitution is None:
            place = definition.at if raw is definition.value or raw is definition.default else NOWHERE
            return conformity.checked(value, raw, definition, Where(stack), ("input", name), place, node)
        words = ("input", name, "of", Path(stack.service.path).name, "for", owner.address)
        path = next((path for path, target in stack.service.substitution.properties.items() if target == name), None)
        if path is None:
            return conformity.checked(value, raw, definition, Where(stack), words, definition.at)
        at, call = conformity.mapped(owner, path)
        return conformity.checked(value, call or raw, definition, Where(stack), words, at)

    # Instances

    def _expand(self) -> None:
        """Instances of all templates, composites before their members. No recursion: nesting may be deep."""
        waiting = [self._instantiate(self._root)]
        while waiting:
            instance = next(waiting[-1], None)
            if instance is None:
                waiting.pop()
                continue
            self._instances[instance.address] = instance
            try:
                child = instance.child = self._substitute(instance)
            except Broken:
                continue
            if child is not None:
                waiting.append(self._instantiate(child))

    def _instantiate(self, stack: Stack) -> Iterator[Instance]:
        """All instances of one stack, in declaration order. Counts come last: they may look at properties of others."""
        templates = stack.service.node_templates
        stack.groups = {name: [] for name in templates}
        selected = self._matcher.selected(stack)
        counted = {name: template for name, template in templates.items() if _has_count(template) and name not in selected}
        stack.counted = set(counted)
        for name, template in templates.items():
            if name in selected:
                stack.groups[name] = selected[name]
            elif name not in counted:
                stack.groups[name].append(Instance(template, stack, stack.prefix + name))
        for name, template in counted.items():
            for index in range(self._count(stack, template)):
                stack.groups[name].append(Instance(template, stack, f"{stack.prefix}{name}[{index}]", index))
        return iter(members(stack))

    def _count(self, stack: Stack, template: NodeTemplate) -> int:
        address = stack.prefix + template.name
        at = template.count.at if isinstance(template.count, Function) else template.at
        if address in self._overrides:
            self._used_overrides.add(address)
            count: Any = self._overrides[address]
        else:
            try:
                count = self._evaluator.evaluate(template.count, Where(stack))
            except Broken:
                stack.uncertain = True
                return 0
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            text = f"the count of {address!r} must be a whole number that is known before anything is made"
            self._bag.error(codes.BAD_COUNT, text, at)
            return 0
        self._size += count
        if self._size > MAX_NODES:
            self._bag.error(codes.TOO_LARGE, f"{address!r} takes the deployment beyond {MAX_NODES} nodes", at)
            return 0
        return count

    def _substitute(self, instance: Instance) -> Stack | None:
        """The stack that stands for the node, its inputs fed by the property mappings."""
        self._check_directives(instance)
        service = self._library.choose(instance)
        if service is None or service.substitution is None:
            return None
        self._know(service)
        if service.path in instance.stack.files():
            text = f"{Path(service.path).name} stands for {instance.address!r} and leads to itself"
            hint = "a member of the template has a type that the template stands for"
            raise self._evaluator.fail(codes.SUBSTITUTION_RECURSIVE, text, instance.template.at, hint)
        if not service.node_templates:
            text = f"{Path(service.path).name} has no node templates to stand for {instance.address!r}"
            raise self._evaluator.fail(codes.SUBSTITUTION_BROKEN, text, service.at)
        self._size += len(service.node_templates)
        if self._size > MAX_NODES:
            text = f"{instance.address!r} takes the deployment beyond {MAX_NODES} nodes"
            raise self._evaluator.fail(codes.TOO_LARGE, text, instance.template.at)
        child = Stack(service, f"{instance.address}.", instance)
        given = {}
        for path, target in service.substitution.properties.items():
            value = self._at_path(instance, path)
            if value is not None:
                given[target] = value
        self._set_inputs(child, given)
        return child

    def _at_path(self, instance: Instance, path: tuple[str | int, ...]) -> Any:
        """A property of a node, of one of its capabilities or of the relationships of a requirement; None where it is unset."""
        if path[0] == "CAPABILITY" and len(path) == 3:
            return self._evaluator.capability_property(instance, str(path[1]), str(path[2]))
        if path[0] == "RELATIONSHIP" and len(path) == 4:
            links = [link for link in self._matcher.links(instance) if link.assignment.name == path[1]]
            values = [self._evaluator.link_properties(link).get(str(path[3])) for link in links]
            if path[2] == "ALL":
                return values
            index = int(path[2])
            return values[index] if index < len(values) else None
        return self._evaluator.property(instance, str(path[0]))

    def _check_directives(self, instance: Instance) -> None:
        """`[ select, create ]` means to make the node where there is none to select, so that it is made."""
        directives = set(instance.template.directives)
        if directives & {"select", "selectable"} and not directives & {"create", "substitute"}:
            text = f"{instance.address!r}: nodes that exist already cannot be selected yet"
            if self._rehearsal:
                self._bag.warning(codes.UNSUPPORTED_DIRECTIVE, f"{text}; the rehearsal makes one", instance.template.at)
            else:
                self._bag.error(codes.UNSUPPORTED_DIRECTIVE, text, instance.template.at)

    # What is known at the end

    def _finish_operations(self, nodes: Mapping[str, Node], tree: Tree | None) -> None:
        for address, name, output in self._evaluator.outputs_asked:
            operation = nodes[address].operations.get(name) if address in nodes else None
            if operation is not None:
                operation.outputs.setdefault(output, ())
        place_relationships(nodes)
        files: dict[Any, dict[str, str]] = {}
        for node in nodes.values():
            # what our own types are made by is the provider's affair
            if (
                tree is not None
                and (node.operations or node.relationships)
                and not node.composite
                and BASE_TYPE not in node.ancestry
            ):
                node.properties[PROPERTY] = recorded(node, tree, files)

    def _outputs(self, places: SecretPlaces) -> dict[str, Output]:
        found, where = {}, Where(self._root)
        service = self._root.service
        for name, definition in service.outputs.items() if "outputs" not in service.flaws.parts else ():
            value = definition.value if definition.has_value else definition.default
            answer = self._evaluator.conforming(value, definition, where, ("output", name), definition.at)
            secret = self._evaluator.secrecy.is_secret(definition, service) or places.held_by(answer)
            found[name] = Output(answer, definition.description, secret, definition.at)
        return found

    # Checks

    def _check_overrides(self) -> None:
        at = SourceRange("<override>", 1, 1)
        for address in self._overrides:
            instance = self._instances.get(address)
            if address in self._used_overrides or (instance and self._evaluator.scale_property(instance)):
                continue
            scalable = [each.address for each in self._instances.values() if self._evaluator.scale_property(each)]
            scalable += [f"{s.prefix}{name}" for s in self._stacks() for name in sorted(s.counted)]
            hint = f"these scale: {', '.join(scalable[:10])}" if scalable else "no node of this template scales"
            if instance is None:
                near = suggestion(address, scalable) if scalable else None
                self._bag.error(codes.BAD_OVERRIDE, f"there is no node {address!r} to scale", at, near or hint)
            else:
                text = f"{address!r} cannot be scaled: {instance.template.type.name} has no property for that"
                self._bag.error(codes.BAD_OVERRIDE, text, at, hint)

    def _stacks(self) -> list[Stack]:
        return [self._root, *(each.child for each in self._instances.values() if each.child is not None)]

    def _check_attributes(self, nodes: Mapping[str, Node]) -> None:
        """A composite answers only for the attributes that its template maps."""
        for instance, name, at in self._evaluator.asked:
            child = instance.child
            if child is not None and name not in nodes[instance.address].attributes:
                text = f"{Path(child.service.path).name}, which stands for {instance.address!r}, does not provide {name!r}"
                self._bag.error(codes.SUBSTITUTION_UNMAPPED, text, at, "map it in its substitution_mappings: attributes")

    def _check_cycles(self, nodes: Mapping[str, Node]) -> None:
        graph = {name: node.dependencies() for name, node in nodes.items()}
        for cycle in find_cycles(graph):
            hops = [(name, *self._hop(nodes, name, cycle[(at + 1) % len(cycle)])) for at, name in enumerate(cycle)]
            related = tuple((place, f"{name!r} {text}") for name, text, place in hops)
            path = " -> ".join([*cycle, cycle[0]])
            self._bag.error(codes.CYCLE, f"these nodes wait for each other: {path}", related[0][0], related=related)

    def _hop(self, nodes: Mapping[str, Node], name: str, target: str) -> tuple[str, SourceRange]:
        """Why `name` waits for `target`, and where that is said."""
        instance = self._instances[name]
        template = instance.template
        for link in self._matcher.links(instance):
            if link.target.address == target:
                return f"requires {target!r} ({link.assignment.name})", link.assignment.at
        node = nodes[name]
        for key, value in node.properties.items():
            if target in references(value):
                return f"needs an attribute of {target!r} for its property {key!r}", template.property_at.get(key, template.at)
        if target in node.members:
            return f"is made of {target!r}", template.at
        if any(edge.target == target for edge in node.edges):
            return f"requires {target!r}, as {node.parent!r} does", template.at
        return f"needs an attribute of {target!r}", template.at


def substitution_directories(provider: str, template_dirs: Sequence[str | Path]) -> list[Path]:
    """Where a provider's substitution templates are, in the order of their precedence."""
    own = [Path(each) for each in template_dirs]
    if provider == _REHEARSAL:
        return [each / provider for each in own]
    return [*(directory for each in own for directory in (each / provider, each)), data_dir("templates") / provider]


def _sources(
    provider: str, template_dirs: Sequence[str | Path], others: Sequence[ServiceTemplate]
) -> list[Path | Sequence[ServiceTemplate]]:
    """The user's own come first, then what came with the service, then the bundled ones."""
    directories = substitution_directories(provider, template_dirs)
    own = len(directories) - (provider != _REHEARSAL)
    return [*directories[:own], others, *directories[own:]]


def _has_count(template: NodeTemplate) -> bool:
    """`count: 1` is what a template without the key says, too: one node, without an index."""
    return isinstance(template.count, bool) or template.count != 1
