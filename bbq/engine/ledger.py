"""What a step writes into the journal, and what a user is told of a step that failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bbq.engine.clock import Completion
from bbq.engine.contract import Handle, PermanentFault, ProviderFault, Resource, Target, UnreachableFault, Wanted
from bbq.engine.retry import error_of
from bbq.engine.run import NodeRun, Shared
from bbq.errors import BbqError, ResourceFailed
from bbq.journal.model import Record
from bbq.plan.snapshot import fingerprint, given, requirements, unheard


class Gone(Exception):
    """What should be there is not."""


class Broken(Exception):
    """It reached a terminal state; `error` is what a user is told."""

    def __init__(self, error: BbqError, cause: str) -> None:
        super().__init__(str(error))
        self.error = error
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Difference:
    """What an existing thing is wanted to be, against what it was made with.

    fields      names of properties that differ
    called      names that `Resource.update` is to be told: properties that it does not ignore, requirements
    ports       capabilities differ
    in_place    the resource can change all of it
    """

    fields: frozenset[str]
    called: frozenset[str]
    ports: bool
    in_place: bool


class Ledger:
    """Turns what happened to a node into events. What may hold a secret is encoded here."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._told: dict[tuple[str, frozenset[str]], tuple[str | None, Mapping[str, Any], str]] = {}

    def snapshot(self, name: str, wanted: Wanted) -> dict[str, Any]:
        node = wanted.node
        encoded: dict[str, Any] = self._shared.recorder.encoded(
            {
                "properties": wanted.properties,
                "capabilities": wanted.capabilities,
                "requirements": requirements(node.edges, [target.relationship_properties for target in wanted.targets]),
            },
            f"{name}.wanted",
        )
        if node.edges and node.primitive:
            targets = {target.node: target for target in wanted.targets}
            resource = self._shared.provider.resource(node.ancestry)
            but = unheard(resource, node)
            encoded["given"] = given(node.edges, lambda edge: self._fingerprint(targets[edge.target], but))
        return encoded

    def difference(self, run: NodeRun, resource: Resource, record: Record, wanted: Wanted) -> Difference:
        snapshot, recorded = self.snapshot(run.name, wanted), record.wanted
        fields = _differing(recorded.get("properties") or {}, snapshot["properties"])
        ports = (recorded.get("capabilities") or {}) != snapshot["capabilities"]
        connected = recorded.get("requirements")
        if isinstance(connected, dict):
            rewired = _differing(connected, snapshot["requirements"])
        else:
            paths = (change.path.split(".") for change in run.step.changes)
            rewired = frozenset(path[1] for path in paths if path[0] == "requirements")
        told, tells = recorded.get("given"), snapshot.get("given") or {}
        # what it was told is not known of a record of an earlier version, or of an update that was cut off
        news = _differing(told, tells) if isinstance(told, dict) else frozenset(tells)
        heard = {key.partition(" ")[0] for key in news}
        changed = (fields - resource.ignored) | rewired
        taken = frozenset(name for name in heard if name in resource.updatable or name in resource.follows)
        in_place = changed <= resource.updatable and not (ports and not resource.updatable)
        return Difference(fields, changed | taken, ports, in_place)

    def _fingerprint(self, target: Target, but: frozenset[str]) -> str:
        """Of what the target hands over; many may be handed the same."""
        known = self._told.get((target.node, but))
        if known is None or known[0] != target.handle or known[1] is not target.attributes:
            made = fingerprint(target.handle, target.attributes, self._shared.row.salt, but)
            known = self._told[target.node, but] = (target.handle, target.attributes, made)
        return known[2]

    def intent(self, run: NodeRun, action: str, attempt: int, wanted: Wanted) -> None:
        node = wanted.node
        data = {
            "type": node.type,
            "ancestry": list(node.ancestry),
            "wanted": self.snapshot(run.name, wanted),
            "edges": sorted(node.dependencies()),
            "members": list(node.members),
            "parent": node.parent,
        }
        run.recorded, run.attempt = True, attempt
        self._shared.recorder.write("step.intent", run.name, action=action, attempt=attempt, data=data)

    def exists(self, run: NodeRun, handle: Handle, action: str) -> None:
        shared = self._shared
        run.handle, run.doubtful, run.awaited = handle, False, ""
        shared.scope.handles[run.name] = handle
        shared.scope.know(run.name, handle.attributes)
        attributes = shared.recorder.encoded(dict(handle.attributes), f"{run.name}.attributes")
        shared.recorder.write(
            "step.outcome",
            run.name,
            action=action,
            attempt=run.attempt,
            data={"result": "ok", "id": handle.id, "attributes": attributes},
        )

    def ready(self, run: NodeRun, news: Mapping[str, Any] | None) -> None:
        """`news` are attributes that became known since the thing was made."""
        run.stage = "ready"
        data = {"attributes": self._shared.recorder.encoded(news, f"{run.name}.attributes")} if news else {}
        self._shared.recorder.write("step.stage", run.name, stage="ready", attempt=run.attempt, data=data)

    def withdraw(self, run: NodeRun) -> None:
        """Its intent is durable and its call was never made: say so, or the next run would look for a thing in vain."""
        if run.recorded and not run.doubtful and not run.made and (run.record is None or run.handle is None):
            self._shared.recorder.write("record.removed", run.name, action=run.step.action.value, attempt=run.attempt)
            run.recorded = False

    def came_late(self, run: NodeRun, completion: Completion) -> None:
        """The answer to a create whose deadline had passed: at least its handle is known now."""
        if isinstance(completion.value, Handle):
            run.handle, run.made = completion.value, True
            self._shared.recorder.write(
                "step.outcome",
                run.name,
                action="create",
                attempt=run.attempt,
                data={"result": "failed", "id": run.handle.id, "error": str(run.error or "it came too late")},
            )

    def late(self, run: NodeRun, stage: str, seconds: float, origin: str) -> str:
        what = {"create": "was not made", "ready": "was not ready", "delete": "was not gone"}[stage]
        awaited = f"; last seen: {run.awaited}" if run.awaited else ""
        return f"{run.name} {what} within {seconds:g} s{awaited} (the limit is {origin})"

    def failed(self, run: NodeRun, fault: Exception) -> None:
        scope, stage = self._shared.scope, run.stage
        doing = f"{stage if stage in ('create', 'update', 'delete') else 'readiness check'} of {run.name}"
        cause = fault.cause if isinstance(fault, Broken) else scope.scrub(str(fault))
        if isinstance(fault, Broken):
            error: BbqError = fault.error
        elif isinstance(fault, Gone):
            error = ResourceFailed(
                str(fault), hint="something other than bbq has taken it away; `bbq-deploy up` makes it again"
            )
        elif isinstance(fault, BbqError):
            error = fault
        elif isinstance(fault, ProviderFault):
            what = "unreachable provider" if isinstance(fault, UnreachableFault) else "fault"
            tries = "" if isinstance(fault, PermanentFault) else f" after {self._shared.options.retries + 1} tries"
            text = cause if isinstance(fault, PermanentFault) else f"{what}{tries}: {cause}"
            error = error_of(fault, f"{doing} failed: {text}")
        else:
            error = BbqError(
                f"{doing} failed by a defect in the provider: {type(fault).__name__}: {cause}",
                hint="please report it; `bbq-deploy resume` goes on from here",
            )
        run.status, run.error, run.cause = "failed", error, cause
        in_doubt = stage == "delete" or (run.doubtful and not isinstance(fault, PermanentFault))
        data: dict[str, Any] = {
            "result": "unknown" if in_doubt else "failed",
            "error": scope.scrub(str(error)),
            "cause": cause,
            "hint": error.hint,
            "exit_code": int(error.exit_code),
        }
        if run.handle is not None and stage != "delete":
            data["id"] = run.handle.id
        action = {"delete": "delete", "update": "update"}.get(stage, "create")
        if run.recorded:
            self._shared.recorder.write("step.outcome", run.name, action=action, stage=stage, attempt=run.attempt, data=data)
        else:
            self._shared.recorder.tell("step.outcome", run.name, stage=stage, data=data)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in {*before, *after} if before.get(name) != after.get(name))
