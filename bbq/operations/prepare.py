"""From what was asked for to a `Change`: nothing is written here."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbq import providers
from bbq.errors import BbqError, UsageError
from bbq.journal.model import DeploymentRow
from bbq.operations.change import Change
from bbq.operations.nowhere import no_directory
from bbq.operations.wanted import Imports, build_topology, check_name, default_name, load_deployable, with_lines
from bbq.plan.model import Plan
from bbq.topology.values import Secret, revealed

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.engine.clock import Clock
    from bbq.engine.contract import Provider
    from bbq.journal.model import Record
    from bbq.operations.wanted import Deployable
    from bbq.operations.workspace import Workspace
    from bbq.plan.model import Cost, Price
    from bbq.topology.model import Topology
    from bbq.tosca.model import NodeTemplate


def prepare_up(
    workspace: Workspace,
    path: str,
    *,
    provider: str | None = None,
    name: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    ttl: float | None = None,
    import_map: Mapping[str, str] | None = None,
    offline: bool = True,
    targets: Sequence[str] = (),
    only_new: bool = False,
    environments: Sequence[str] = (),
) -> Change:
    """What it takes to make the deployment `name` what the template asks for; a new one, or an update of the live one.

    The inputs and scales of a live deployment stay in force unless given again. `ttl` in seconds from now. Raises
    `TemplateError`, and `UsageError` where the name is taken by a deployment on another provider (with `only_new`: at all).
    `environments` are files for a Heat template, whose provider is `openstack` where none is named.
    """
    name = check_name(default_name(path) if name is None else name)
    row = workspace.journal.get(name)
    if row is not None:
        if only_new:
            raise UsageError(f"there is a deployment {name!r} already", hint="choose another name")
        if provider is not None and row.provider != provider:
            raise UsageError(
                f"{name} is on the provider {row.provider}, not {provider}", hint="destroy it first, or choose another --name"
            )
        if row.status == "destroying":
            raise UsageError(f"{name} is being destroyed", hint=f"finish that first: bbq-deploy destroy {name}")
    new = row is None
    imports = workspace.imports(import_map, offline=offline)
    identity = uuid.uuid4().hex[:16] if row is None else row.id
    service = load_deployable(path, imports, unpacked=workspace.files_directory(identity), environments=environments)
    if row is None:
        row = DeploymentRow(
            id=identity,
            name=name,
            provider=provider or str(getattr(service, "provider", "local")),
            template=str(Path(path).absolute()),
            created_at=time.time(),
            salt=secrets.token_hex(16),
        )
        if getattr(service, "provider", None) is None:  # a Heat template leaves nothing to choose
            row.options["lacking"] = sorted(providers.lacking(row.provider, workspace.config))
    options: dict[str, Any] = {"import_map": dict(imports.import_map), "allowed_hosts": list(imports.allowed_hosts)}
    options |= {"digest": service.digest, "environments": [str(Path(file).absolute()) for file in environments]}
    fields: dict[str, Any] = {"template": str(Path(path).absolute()), "options": {**row.options, **options}}
    if ttl is not None:
        fields["expires_at"] = row.expires_at = time.time() + ttl
    from bbq.yamlreader import Given

    given = Given(inputs)
    for name, value in stored_inputs(workspace, row, service, given).items():
        given.setdefault(name, value)
    return _prepare(workspace, row, service, given, fields, new, targets)


def prepare_resume(workspace: Workspace, name: str) -> Change:
    """Go on with a deployment from what the journal has, with the template, inputs and scales that it was given."""
    row = workspace.row(name)
    if row.status == "destroying":
        return prepare_destroy(workspace, name)
    service = template_of(workspace, row)
    return _prepare(workspace, row, service, stored_inputs(workspace, row, service), {}, False, ())


def prepare_scale(workspace: Workspace, name: str, counts: Mapping[str, int]) -> Change:
    """Set the number of instances of some nodes; remembered until the template or an input says otherwise."""
    row = workspace.row(name)
    if row.status == "destroying":
        raise UsageError(f"{name} is being destroyed", hint=f"finish that first: bbq-deploy destroy {name}")
    service = template_of(workspace, row)
    given = stored_inputs(workspace, row, service)
    base, _ = _built(workspace, row, service, given, {})
    scales = dict(row.options.get("scales", {}))
    for node, count in counts.items():
        now = _instances(base, service, node)
        if now is None:
            found = base.nodes.get(node)
            able = [*getattr(service, "groups", ())]
            able += [other.name for other in base.nodes.values() if other.scale_property]
            able += [other for other, template in service.node_templates.items() if _counted(template)]
            raise UsageError(
                f"{name} has no node {node!r}" if found is None else f"{node} ({found.type}) cannot be scaled",
                hint=f"these can: {', '.join(able)}" if able else "no node of it can",
            )
        if count < 0:
            raise UsageError(f"{node} cannot have {count} instances")
        scales[node] = now
    fields: dict[str, Any] = {"overrides": {**row.overrides, **counts}, "options": {**row.options, "scales": scales}}
    row = replace(row, **fields)
    return _prepare(workspace, row, service, given, fields, False, ())


def scaled_count(workspace: Workspace, name: str, node: str) -> int:
    """How many instances of a node are wanted at present. `UsageError` where it cannot be scaled."""
    row = workspace.row(name)
    service = template_of(workspace, row)
    topology, _ = _built(workspace, row, service, stored_inputs(workspace, row, service), row.overrides)
    now = _instances(topology, service, node)
    if now is None:
        raise UsageError(f"{name} has no node {node!r} that can be scaled")
    return now


def prepare_destroy(workspace: Workspace, name: str, *, targets: Sequence[str] = ()) -> Change:
    """Take everything away, or only `targets` and what depends on them. Needs no template: the journal has the order."""
    from bbq.plan import destroy

    row = workspace.row(name)

    def make_plan(provider: Provider, records: Mapping[str, Record], clock: Clock) -> Plan:
        return destroy(records, deployment=row.name, provider=row.provider, targets=targets)

    return _planned(Change(workspace, row, Plan(row.name, row.provider), False, make_plan))


def _prepare(
    workspace: Workspace,
    row: DeploymentRow,
    service: Deployable,
    given: Mapping[str, Any],
    fields: dict[str, Any],
    new: bool,
    targets: Sequence[str],
) -> Change:
    from bbq.operations.observe import states
    from bbq.plan import diff
    from bbq.topology.codes import SUBSTITUTION_MISSING

    notices: list[str] = []
    overrides = dict(row.overrides)
    if overrides and "overrides" not in fields:
        overrides = _still_scaled(workspace, row, service, given, notices)
        if overrides != row.overrides:
            fields["overrides"] = overrides
    topology, found = _built(workspace, row, service, given, overrides)

    def make_plan(provider: Provider, records: Mapping[str, Record], clock: Clock) -> Plan:
        change.topology = arranged = _arranged(provider, topology, service, clock)
        change.diagnostics, change.notices = [*found, *arranged.found], [*notices, *arranged.notices]
        if "expires_at" in fields and provider.expiry_notice:
            change.notices.append(provider.expiry_notice)
        observed = states(provider, records, clock)
        try:
            return diff(
                arranged,
                records,
                deployment=row.name,
                provider=row.provider,
                resource_of=provider.resource,
                salt=row.salt,
                observed=observed,
                targets=targets,
                secrets=workspace.secrets(row.id),
            )
        except UsageError as error:  # what cannot be made may be what no substitution template fitted
            reasons = [item.message for item in found if item.code == SUBSTITUTION_MISSING]
            raise UsageError("; ".join([str(error), *reasons]), hint=error.hint) from None

    stored = {key: Secret(value) if service.inputs[key].secret else value for key, value in given.items()}
    empty = Plan(row.name, row.provider)
    change = Change(workspace, row, empty, new, make_plan, topology, fields, stored, found, notices)
    change.archive = service.archive
    return _planned(change)


def _arranged(provider: Provider, topology: Topology, service: Deployable, clock: Clock) -> Topology:
    """As the provider makes it; its findings with the lines that they are about."""
    from bbq.operations.observe import asked

    sources = getattr(service, "sources", None)
    with with_lines(sources):
        arranged = asked(lambda: provider.arrange(topology), clock)
    if arranged.found and sources is not None:
        return replace(arranged, found=tuple(map(sources.complete, arranged.found)))
    return arranged


def _planned(change: Change) -> Change:
    """With the plan as of now, for showing; `Change.run` makes it again under the lease."""
    with no_directory() as nothing_yet:
        records = {} if change.new else change.workspace.journal.records(change.row.id)
        clock = change.workspace.clock(change.row, records)
        provider = change.workspace.open_provider(change.row, clock, state_dir=nothing_yet if change.new else None)
        try:
            change.plan = change.make_plan(provider, records, clock)
            _preview(change, provider, records)
            _reckon(change, provider, records, clock)
        finally:
            provider.close()
    return change


def _preview(change: Change, provider: Provider, records: Mapping[str, Record]) -> None:
    """Add to updates in the plan what the provider says that they would do; where it says nothing, the plan is as good."""
    from bbq.engine.contract import Handle, ProviderFault
    from bbq.plan.model import Action, FieldChange

    for step in change.plan.steps.values():
        node = change.topology.nodes.get(step.node) if change.topology is not None else None
        record = records.get(step.node)
        if step.action is not Action.UPDATE or node is None or record is None or record.handle is None:
            continue
        if not step.changes:  # it is to be brought back: the reason says all
            continue
        resource = provider.resource(node.ancestry)
        if resource is not None:
            handle = Handle(record.handle, record.attributes)
            with suppress(ProviderFault):
                found = resource.preview(handle, node.properties)
                step.changes += tuple(FieldChange(path, before, after) for path, before, after in found)


def _reckon(change: Change, provider: Provider, records: Mapping[str, Record], clock: Clock) -> None:
    """Add to the plan what it costs; where the provider says nothing, the plan is as good."""
    from bbq.engine.contract import UnreachableFault
    from bbq.engine.preflight import as_made
    from bbq.operations.observe import asked
    from bbq.plan.model import Action

    plan = change.plan
    if change.topology is None or not plan.has_changes:
        return
    nodes = change.topology.nodes
    # what is to be made, or is looked for after an unknown outcome, is not counted as there
    there = [name for name, step in plan.steps.items() if step.action not in (Action.CREATE, Action.READ)]
    before = [as_made(records[name]) for name in there if name in records and not records[name].members]
    after = [nodes[name] for name, step in plan.steps.items() if step.action is not Action.DELETE and nodes[name].primitive]

    def costs() -> tuple[Sequence[Cost], Price | None] | BbqError:
        try:
            return provider.costs(before, after)
        except BbqError as error:  # no fault of the provider's: the price file
            return error
        except UnreachableFault:  # nobody answers: a plan for a new deployment can be looked at all the same, and at once
            return (), None

    found: tuple[Sequence[Cost], Price | None] | BbqError = (), None
    with suppress(BbqError):
        found = asked(costs, clock)
    if isinstance(found, BbqError):
        raise found
    plan.costs, plan.price = tuple(found[0]), found[1]


def stored_inputs(workspace: Workspace, row: DeploymentRow, service: Deployable, given: Collection[str] = ()) -> dict[str, Any]:
    """The inputs that the deployment was given before, secrets opened, as far as the template still has them.

    `UsageError` for a secret one whose value was never stored (the process died first) and that is not among the `given`.
    """
    if not row.inputs:
        return {}
    from bbq.journal.secrets import decode

    found = {}
    for name, value in decode(row.inputs, workspace.secrets(row.id)).items():
        if name not in service.inputs or name in given:
            continue
        if isinstance(value, dict) and "$secret" in value:
            raise UsageError(
                f"the secret input {name!r} of {row.name} was lost in a crash",
                hint=f"give it again: bbq-deploy up {row.template} --name {row.name} --input {name}=...",
            )
        found[name] = revealed(value)
    return found


def topology_of(workspace: Workspace, row: DeploymentRow) -> Topology:
    """What the deployment is to become, by the template, inputs and scales that it was given. Raises as `template_of` does, and
    `TemplateError`."""
    service = template_of(workspace, row)
    return _built(workspace, row, service, stored_inputs(workspace, row, service), row.overrides)[0]


def _built(
    workspace: Workspace,
    row: DeploymentRow,
    service: Deployable,
    given: Mapping[str, Any],
    overrides: Mapping[str, int],
) -> tuple[Topology, list[Diagnostic]]:
    """As `build_topology`, without what the provider lacked when the deployment was new: what was made so stays as it is."""
    return build_topology(workspace, service, given, row.provider, overrides, row.options.get("lacking", ()))


def template_of(workspace: Workspace, row: DeploymentRow) -> Deployable:
    """The template that the deployment was made from; `UsageError` where it is gone or was changed since."""
    if not Path(row.template).exists():  # a Murano package may be a folder
        raise UsageError(
            f"the template of {row.name} is gone: {row.template}",
            hint="bbq-deploy up with its new place, or bbq-deploy destroy, which needs none",
        )
    imports = Imports(row.options.get("import_map", {}), tuple(row.options.get("allowed_hosts", ())))
    environments = row.options.get("environments", ())
    service = load_deployable(row.template, imports, unpacked=workspace.files_directory(row.id), environments=environments)
    if row.options.get("digest") not in (None, service.digest):
        raise UsageError(
            f"{row.template} was changed since the last run of {row.name}",
            hint=f"to apply it as it is now: bbq-deploy up {row.template} --name {row.name}",
        )
    return service


def _still_scaled(
    workspace: Workspace,
    row: DeploymentRow,
    service: Deployable,
    given: Mapping[str, Any],
    notices: list[str],
) -> dict[str, int]:
    """The row's overrides without those whose value the template or an input has changed since they were set."""
    base, _ = _built(workspace, row, service, given, {})
    scales, kept = row.options.get("scales", {}), {}
    for name, count in row.overrides.items():
        wanted = _instances(base, service, name)
        if wanted is None:
            continue
        if wanted == scales.get(name):
            kept[name] = count
            notices.append(f"{name} stays scaled to {count} (the template says {wanted})")
        elif wanted != count:
            notices.append(f"{name} was scaled to {count}; the template or an input says {wanted} now, which counts")
    return kept


def _instances(topology: Topology, service: Deployable, node: str) -> int | None:
    """How many instances of it the topology has: by the property that scales it, by its template's `count`, or as a group of a
    Heat template. None where it cannot be scaled."""
    if node in getattr(service, "groups", ()):
        number: int | None = topology.nodes["stack"].metadata["groups"].get(node)
        return number
    found = topology.nodes.get(node)
    if found is not None:
        return found.instances()
    template: NodeTemplate | None = service.node_templates.get(node)
    if template is None or not _counted(template):
        return None
    return sum(other.template == node and other.parent is None for other in topology.nodes.values())


def _counted(template: NodeTemplate) -> bool:
    """Does the template say how many there are? One named `a` is `a[0]`, `a[1]`, ..., then."""
    return bool(template.count != 1)
