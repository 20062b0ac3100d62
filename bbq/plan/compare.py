"""`diff`: wanted against recorded against observed makes a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from bbq.diagnostics import listed
from bbq.errors import UsageError
from bbq.plan.connections import given
from bbq.plan.fields import Answers, shown
from bbq.plan.model import Action, FieldChange, Plan, Step
from bbq.plan.order import topological
from bbq.plan.removal import deletions, dependents, existing
from bbq.plan.renewal import Renewal, follows
from bbq.plan.selection import closure, named
from bbq.plan.snapshot import hands_over, requirements
from bbq.topology.model import Node, Topology

if TYPE_CHECKING:
    from bbq.engine.contract import Resource, State
    from bbq.journal.model import Record, SecretStore

_KEEPERS: Final = frozenset({"bbq.nodes.Database", "bbq.nodes.MessageQueue", "bbq.nodes.ObjectStore"})
"""Types whose things hold data."""


def diff(
    topology: Topology,
    records: Mapping[str, Record],
    *,
    deployment: str,
    provider: str,
    resource_of: Callable[[Sequence[str]], Resource | None],
    salt: str,
    observed: Mapping[str, State | None] | None = None,
    targets: Iterable[str] = (),
    secrets: SecretStore | None = None,
) -> Plan:
    """The steps from what is recorded to what is wanted.

    `resource_of(ancestry)` says what can be changed in place (`updatable` names properties and requirements). `salt` is the
    deployment's, for secrets' digests; with `secrets` values that are made of secrets can be compared, too. `observed` maps
    nodes that were looked at to what was seen, None where it is gone. `targets` restricts the plan to these nodes and what
    they depend on.
    Raises `UsageError` for an unknown target, and, naming all of them, for types that the provider cannot make.
    """
    return _Diff(topology, records, provider, resource_of, salt, observed or {}, secrets).plan(deployment, list(targets))


class _Diff:
    def __init__(
        self,
        topology: Topology,
        records: Mapping[str, Record],
        provider: str,
        resource_of: Callable[[Sequence[str]], Resource | None],
        salt: str,
        observed: Mapping[str, State | None],
        secrets: SecretStore | None,
    ) -> None:
        self._nodes = topology.nodes
        self._depends = topology.dependencies()
        self._records = existing(records)
        self._provider = provider
        self._resource_of = resource_of
        self._resources: dict[tuple[str, ...], Resource | None] = {}
        self._observed = observed
        self._renewal = Renewal(self._records, lambda node: self._resource(node) if node.primitive else None)
        self._answers = Answers(self._nodes, self._records, salt, secrets, self._renewal.anew)
        self._steps: dict[str, Step] = {}

    def plan(self, deployment: str, targets: list[str]) -> Plan:
        wanted, doomed = self._selected(targets)
        self._check_makeable(wanted)
        self._renewal.observe((self._nodes[name] for name in self._nodes if name in wanted), self._observed)
        for name in topological(self._depends):
            if name in wanted:
                step = self._step(self._nodes[name])
                step.after = set(self._depends[name])
                self._steps[name] = step
                self._answers.actions[name] = step.action
                self._renewal.step(self._nodes[name], step)
                if step.action is Action.UPDATE:
                    self._answers.changed[name] = frozenset(change.path.partition(".")[0] for change in step.changes)
        self._add_deletions(doomed)
        order = topological({name: step.after for name, step in self._steps.items()})
        return Plan(deployment, self._provider, {name: self._steps[name] for name in order}, self._warnings())

    # What the plan is about

    def _selected(self, targets: list[str]) -> tuple[set[str], set[str]]:
        """(wanted nodes, nodes to delete)."""
        leftover = set(self._records) - set(self._nodes)
        if not targets:
            return set(self._nodes), leftover
        aimed = named(targets, [*self._nodes, *self._records])
        wanted = closure(aimed & set(self._nodes), self._depends)
        doomed = {name for name in leftover if name in aimed or self._inside(name, wanted | aimed)}
        waits = dependents(self._records)
        drawn = closure(doomed, {name: [other for other in found if other in leftover] for name, found in waits.items()})
        return wanted, drawn

    def _inside(self, name: str, composites: set[str]) -> bool:
        parent = self._records[name].parent
        while parent is not None:
            if parent in composites:
                return True
            record = self._records.get(parent)
            parent = record.parent if record else None
        return False

    def _check_makeable(self, wanted: set[str]) -> None:
        missing: dict[str, list[str]] = {}
        for name in self._nodes:
            node = self._nodes[name]
            if name in wanted and node.primitive and self._resource(node) is None:
                missing.setdefault(node.type, []).append(name)
        if missing:
            types = "; ".join(f"{type_} ({listed(names)})" for type_, names in missing.items())
            raise UsageError(
                f"the provider {self._provider} cannot make: {types}",
                hint="use another provider, or give a substitution template for the type in a directory of your own",
            )

    def _resource(self, node: Node) -> Resource | None:
        if node.ancestry not in self._resources:
            self._resources[node.ancestry] = self._resource_of(node.ancestry)
        return self._resources[node.ancestry]

    # One node

    def _step(self, node: Node) -> Step:
        record = self._records.get(node.name)
        if record is None:
            return Step(node.name, node.type, Action.CREATE)
        if not node.primitive:
            return self._composite_step(node, record)
        resource = self._resource(node)
        assert resource is not None  # checked before
        if node.name in self._observed and self._observed[node.name] is None:
            return Step(node.name, node.type, Action.CREATE, reason="it is gone, and not by bbq")
        if record.type != node.type:
            change = FieldChange("type", record.type, node.type, forces_replacement=True)
            return Step(node.name, node.type, Action.REPLACE, changes=(change,), reason="its type changed")
        changes = tuple(self._changes(node, record, resource))
        return Step(node.name, node.type, *self._verdict(node, record, resource, changes))

    def _verdict(
        self, node: Node, record: Record, resource: Resource, changes: tuple[FieldChange, ...]
    ) -> tuple[Action, set[str], tuple[FieldChange, ...], str]:
        nothing: set[str] = set()
        seen = self._observed.get(node.name)
        forcing = list(dict.fromkeys(_top(change.path) for change in changes if change.forces_replacement))
        # what it holds is worth more than a fresh start, as long as there is something to bring back
        repairable = resource.repairable and record.handle is not None and not forcing
        if record.status == "failed":
            why = f"it failed: {_first_line(record.error)}" if record.error else "it failed"
            return Action.UPDATE if repairable else Action.REPLACE, nothing, changes, why
        if record.status == "deleting":
            return Action.REPLACE, nothing, changes, "its deletion was begun and not finished"
        mending, host = self._renewal.mending(node), self._renewal.host(node)
        if mending and record.handle is not None:
            own = f"; {_first_line(seen.detail)}" if seen is not None and seen.failed and seen.detail else ""
            return Action.UPDATE if repairable else Action.REPLACE, nothing, changes, mending + own
        if record.status == "intended":
            return Action.READ, nothing, changes, "whether it was made is not known"
        if seen is not None and seen.failed:
            why = f"it is broken: {_first_line(seen.detail) or seen.name}"
            return Action.UPDATE if repairable else Action.REPLACE, nothing, changes, why
        if forcing:
            return Action.REPLACE, nothing, changes, f"{', '.join(forcing)} cannot be changed in place"
        if host and any(edge.target == host and follows(resource, edge) for edge in node.edges):
            return Action.UPDATE, nothing, changes, f"it is made again: {host}, which it is on, is made anew"
        if changes:
            return Action.UPDATE, nothing, changes, ""
        if record.status != "ready":
            return Action.READ, nothing, (), "it was made, and not seen to be ready"
        if seen is not None and not seen.ready:
            return Action.READ, nothing, (), f"it is not ready any more: {_first_line(seen.detail) or seen.name}"
        return Action.NOTHING, nothing, (), ""

    def _composite_step(self, node: Node, record: Record) -> Step:
        """It has no thing of its own: what differs is recorded, and never a reason to replace."""
        if record.handle is not None:
            raise UsageError(
                f"{node.name} was made as one thing and is now to be made of several",
                hint=f"give it another name, or destroy it first: bbq-deploy destroy --target {node.name}",
            )
        changes = tuple(self._changes(node, record, None))
        moved = record.type != node.type or set(record.members) != set(node.members)
        if changes or moved:
            return Step(node.name, node.type, Action.UPDATE, changes=changes, reason="" if changes else "its members changed")
        if record.status != "ready":
            return Step(node.name, node.type, Action.READ, reason="it was not seen to be ready")
        missing = next((member for member in node.members if self._answers.actions.get(member) is Action.CREATE), None)
        if missing is not None:
            return Step(node.name, node.type, Action.READ, reason=f"{missing}, a part of it, is not there")
        return Step(node.name, node.type, Action.NOTHING)

    def _changes(self, node: Node, record: Record, resource: Resource | None) -> Iterable[FieldChange]:
        answers, wanted = self._answers, record.wanted
        free = resource.updatable | resource.ignored if resource is not None else None
        before = wanted.get("properties") or {}
        after = answers.answer(node.properties)
        for name in dict.fromkeys([*before, *after]):
            forces = free is not None and name not in free
            for path, old, new in answers.changes(before.get(name), after.get(name), name):
                yield FieldChange(path, shown(old), shown(new), forces)
        forces = resource is not None and not resource.updatable
        recorded, asked = wanted.get("capabilities") or {}, answers.answer(node.capabilities)
        for path, old, new in answers.changes(recorded, asked, "capabilities"):
            yield FieldChange(path, shown(old), shown(new), forces)
        if resource is not None:
            yield from self._connections(node, record, resource)
            yield from given(node, record, resource, self._answers)

    def _connections(self, node: Node, record: Record, resource: Resource) -> Iterable[FieldChange]:
        """Another target, or another property of a relationship. A record without them tells the names of targets only."""
        answers = self._answers
        wanted = requirements(node.edges, (answers.answer(edge.properties) for edge in node.edges))
        recorded = record.wanted.get("requirements")
        if not isinstance(recorded, dict):  # none were recorded, or an update was cut off before they were
            recorded = None
        for name in dict.fromkeys([*(recorded or {}), *wanted]):
            forces, after = name not in resource.updatable, wanted.get(name, {})
            if recorded is None:
                for target in after.keys() - set(record.depends_on):
                    yield FieldChange(f"requirements.{name}", None, target, forces)
                continue
            for path, old, new in answers.changes(recorded.get(name, {}), after, f"requirements.{name}"):
                yield FieldChange(path, shown(old), shown(new), forces)

    # Order

    def _add_deletions(self, doomed: set[str]) -> None:
        """Deletes go against the recorded edges. What a kept node was made after goes only when that node has been changed
        to do without, unless that node itself has to wait for the delete: through something that is replaced, or whose update
        takes away what the deleted thing is on."""
        waits = dependents(self._records)
        steps = deletions(self._records, doomed, "it is no longer wanted")
        waiting = []
        for name, step in self._steps.items():
            if step.action is Action.REPLACE or (step.action is Action.UPDATE and self._takes_away(name)):
                before = {other for other in waits.get(name, ()) if other in steps}
                if before:
                    step.after |= before
                    waiting.append(name)
        users: dict[str, list[str]] = {}
        for name in self._steps:
            for target in self._depends[name]:
                users.setdefault(target, []).append(name)
        behind = closure(waiting, users)
        for name, step in steps.items():
            step.after |= {other for other in waits.get(name, ()) if other in self._steps and other not in behind}
        self._steps |= steps

    def _takes_away(self, name: str) -> bool:
        node = self._nodes[name]
        resource = self._resource(node) if node.primitive else None
        return resource is not None and resource.takes_away

    # What a user should know before

    def _warnings(self) -> tuple[str, ...]:
        """What a change costs: data, work that is under way, and connection details that running things were started with."""
        found: list[str] = []
        replaced: set[str] = set()
        for name, step in self._steps.items():
            node = self._nodes.get(name)
            if step.action in (Action.CREATE, Action.REPLACE, Action.UPDATE) and node is not None and node.primitive:
                resource = self._resource(node)
                found += resource.notices(node) if resource is not None else ()
                cost = resource.interruption(node) if resource is not None and _interrupts(step, resource) else ""
                found += [f"{name} is {'replaced' if step.action is Action.REPLACE else 'updated'}: {cost}"] if cost else []
            if step.action is Action.REPLACE:
                lineage = self._lineage(name)
                keeper = next((each for each in lineage if _KEEPERS & set(self._nodes[each].ancestry)), None)
                if keeper is not None:
                    found.append(f"{name} is replaced: what {keeper} holds may be lost")
                replaced.update(lineage)
        return tuple(dict.fromkeys([*found, *self._outdated(replaced)]))

    def _outdated(self, replaced: set[str]) -> Iterable[str]:
        """Things that stay as they are, with what they were told of what is replaced: their types cannot take over anything
        else, or they are not among the targets."""
        for name, node in self._nodes.items() if replaced or len(self._steps) < len(self._nodes) else ():
            step, record = self._steps.get(name), self._records.get(name)
            resource = self._resource(node) if node.primitive else None
            if resource is None or record is None or not (step is None or step.action is Action.NOTHING):
                continue
            found = {edge.target for edge in node.edges if edge.target in replaced and hands_over(edge)}
            if step is None:
                found |= {change.path.partition(" ")[2] for change in given(node, record, resource, self._answers)}
            else:
                found -= {edge.target for edge in node.edges if edge.requirement in resource.updatable}
            for target in sorted(found):
                text = f"{target} {'is replaced' if target in replaced else 'changes'}; {name} keeps the details of it"
                yield f"{text} that it was started with" + (", as it is not among the targets" if step is None else "")

    def _lineage(self, name: str) -> list[str]:
        """The node and the composites around it, inside out."""
        found = [name]
        while (parent := self._nodes[found[-1]].parent) is not None and parent in self._nodes:
            found.append(parent)
        return found


def _interrupts(step: Step, resource: Resource) -> bool:
    """What is only recorded disturbs nothing."""
    if step.action is Action.UPDATE:
        return bool(step.reason) or any(change.path.partition(".")[0] not in resource.ignored for change in step.changes)
    return step.action is Action.REPLACE


def _top(path: str) -> str:
    parts = path.split(".")
    return ".".join(parts[:2]) if parts[0] == "requirements" else parts[0]


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
