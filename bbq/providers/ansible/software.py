"""The resource of every node that operations make: software on a server, and the server itself where it is given."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from bbq.engine.contract import (
    AmbiguousFault,
    ConfigurationFault,
    DeploymentContext,
    Handle,
    PermanentFault,
    ProviderFault,
    Resource,
    State,
    Tag,
    UnreachableFault,
    Wanted,
)
from bbq.errors import BbqError, ConfigurationError, DeadlineExceeded, ResourceFailed, UnreachableError
from bbq.providers.ansible import roles, servers
from bbq.providers.ansible.checks import copy_files, digests_of, missing_programs, problems_of, roles_of
from bbq.providers.ansible.directory import PREFIX, VARIABLE, NodeDirectory
from bbq.providers.ansible.lifecycle import Step, is_compute, planned_names, steps, to_do, to_undo, works_here
from bbq.providers.ansible.packing import pack, unpack
from bbq.providers.ansible.servers import Server
from bbq.providers.supervisor.records import write_json
from bbq.topology.model import Node
from bbq.topology.operations import is_local, is_playbook, is_role

ALLOW: Final = "set [ansible] allow_localhost = true (or BBQ_ANSIBLE__ALLOW_LOCALHOST=true) if you trust the template"
FORGET: Final = "to go on without what fails: BBQ_ANSIBLE__SKIP_FAILED_DELETES=true bbq-deploy destroy"
ERRORS: Final[Mapping[str, type[BbqError]]] = {
    "key": ConfigurationError,
    "sudo": ConfigurationError,
    "timeout": DeadlineExceeded,
    "unreachable": UnreachableError,
}
"""What a failure of each kind ends in; all others are `ResourceFailed`."""
_DOING: Final = {
    "create": "creating",
    "pre_configure": "configuring",
    "configure": "configuring",
    "post_configure": "configuring",
    "start": "starting",
    "add": "starting",
    "remove": "stopping",
    "stop": "stopping",
    "delete": "deleting",
}


class AllBut(frozenset[str]):
    """Every name but those that it is made of."""

    def __contains__(self, name: object) -> bool:
        return not super().__contains__(name)

    def __or__(self, other: Any) -> AllBut:
        return self

    def __ge__(self, other: Any) -> bool:
        return all(name in self for name in other)


class Software(Resource):
    """Made by its operations, in TOSCA's order; see `lifecycle`. A change runs what differs, and what comes after it, again.

    A provider says in `server_of` how a node of the type tosca.nodes.Compute is reached, and in `address_of` which address one
    has that nothing has been made for yet.
    """

    type = "tosca.nodes.Root"
    updatable = AllBut({"host"})
    ignored = frozenset({"timeouts"})
    repairable = True
    poll_group = "operations"
    timeouts: ClassVar[Mapping[str, float]] = {"create": 300.0, "ready": 86400.0, "delete": 86400.0}

    def __init__(self, context: DeploymentContext) -> None:
        self.context = context
        config = context.options.get("config")
        self.options: dict[str, Any] = dict(config.group("ansible")) if config is not None else {}
        self.root = Path(context.state_dir) / "ansible"
        self._unmaking: set[str] = set()
        self._starting = threading.Lock()

    # -- what a provider says

    def server_of(self, node: str, attributes: Mapping[str, Any]) -> Server:
        """How the server is reached that a node of the type tosca.nodes.Compute is."""
        raise NotImplementedError

    def compute_attributes(self, wanted: Wanted) -> Mapping[str, Any]:
        """What is known of a tosca.nodes.Compute that is given."""
        return {}

    # -- the contract

    def find(self, tag: Tag) -> Handle | None:
        node = NodeDirectory.of(self.root, tag.node)
        return Handle(node.id, self._attributes(node)) if node.exists else None

    def create(self, wanted: Wanted) -> Handle:
        return self._make(wanted)

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        return self._make(wanted)

    def delete(self, handle: Handle, tag: Tag) -> None:
        node = NodeDirectory(self.root, handle.id)
        if not node.exists:
            return
        state = node.state()
        if state.get("mode") == "unmake" and node.id in self._unmaking:
            if node.busy():
                return
            if state.get("phase") == "failed":
                raise self._fault(state["failure"])
        if node.busy():  # it was still being made
            node.end_processes((state.get("current") or {}).get("mark"))
            state = node.state()
        self._unmaking.add(node.id)
        found = node.plan()
        if found is None or not found[1]["steps"] or not (state.get("begun") or state.get("done")):
            node.remove()
            return
        if not self.options.get("skip_failed_deletes"):
            for server in {Server(**step["server"]) for step in to_undo(found[1]["steps"], state)}:
                self._reach(server, node.known_hosts)
        state = {**state, "interrupted": _cut_off(state)}
        self._start(node, "unmake", {**state, "mode": "unmake", "phase": "running", "current": None})

    def _reach(self, server: Server, known_hosts: Path) -> None:
        """Better said now than by Ansible, which does not tell one trouble from another."""
        try:
            servers.log_in(server, known_hosts, int(self.options.get("connect_timeout") or 10))
        except UnreachableFault:
            if not server.disposable:
                raise
        except ConfigurationFault as fault:
            raise ConfigurationFault(str(fault), hint=f"{fault.hint}; {FORGET}") from None

    def notices(self, node: Node) -> Sequence[str]:
        if is_compute(node.ancestry) and not planned_names(node):
            static = {name: value for name, value in node.attributes.items() if isinstance(value, str)}
            try:
                local = self.server_of(node.name, static).local
            except ConfigurationFault as fault:
                return [f"{fault}: {fault.hint}"]
            if not local:
                return ()
            return [f"{node.name} is this machine: operations of what it hosts run here as {getpass.getuser()}"]
        here = [op for _, op, relationship in planned_names(node) if works_here(node, op, relationship)]
        if not here:
            return ()
        told = ", ".join(f"{op.name} ({Path(str(op.script)).name})" for op in here)
        return [f"{node.name}: operations of the template run on this machine as {getpass.getuser()}: {told}"]

    def explain(self, handle: Handle, state: State) -> str:
        failure = NodeDirectory(self.root, handle.id).state().get("failure")
        if not failure:
            return state.detail or state.name
        return "\n".join([_told(failure), *failure["lines"]])

    # -- for the provider's lists

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        found = {}
        for identity in ids:
            node = NodeDirectory(self.root, identity)
            if node.exists:
                found[identity] = self._state(node)
        return found

    def tagged(self) -> Iterator[tuple[Tag, Handle, str]]:
        for node in NodeDirectory.all(self.root):
            tag, type_name = node.tag(self.context.name, self.context.id)
            yield tag, Handle(node.id, self._attributes(node)), type_name

    def logs(self, handle: Handle) -> list[str]:
        log = NodeDirectory(self.root, handle.id).log
        return [str(path) for path in (log.with_name("log.1"), log) if path.exists()]

    def preflight(self, nodes: Collection[Node]) -> list[str]:
        """What can be known to go wrong before the first create."""
        problems: list[str] = []
        known = {node.name: node for node in nodes}
        here: list[str] = []
        for node in nodes:
            planned = planned_names(node)
            if not planned:
                normative = node.type.startswith("tosca.nodes.") and node.type != "tosca.nodes.Root"
                if normative and not is_compute(node.ancestry):
                    problems.append(f"{node.name} ({node.type}) has no operation that is implemented: nothing would make it")
                continue
            for _, operation, relationship in planned:
                problems += problems_of(node, operation, self.options)
                if works_here(node, operation, relationship) or self._is_here(node, known):
                    here.append(node.name)
        if here and not self.options.get("allow_localhost"):
            names = ", ".join(dict.fromkeys(here))
            problems.append(f"operations of {names} would run on this machine as {getpass.getuser()}: {ALLOW}")
        if any(planned_names(node) for node in nodes):
            problems += missing_programs()
        return list(dict.fromkeys(problems))

    def _is_here(self, node: Node, known: Mapping[str, Node]) -> bool:
        """Is the node hosted on what is this machine? False where that is not known yet."""
        current, seen = node, {node.name}
        while (edge := next((e for e in current.edges if e.hosted and e.target not in seen), None)) is not None:
            seen.add(edge.target)
            if edge.target not in known:
                return False
            current = known[edge.target]
        if current is node or not is_compute(current.ancestry):
            return False
        static = {name: value for name, value in current.attributes.items() if isinstance(value, str)}
        return self.server_of(current.name, static).local

    # -- making

    def _make(self, wanted: Wanted) -> Handle:
        node = NodeDirectory.of(self.root, wanted.tag.node)
        planned = steps(wanted, self.server_of)
        attributes = dict(self.compute_attributes(wanted)) if is_compute(wanted.node.ancestry) else {}
        self._refuse(wanted, planned)
        known = NodeDirectory.of(self.root, wanted.tag.node).known_hosts
        places = {step.server for step in planned}
        if is_compute(wanted.node.ancestry) and attributes:
            places.add(self.server_of(wanted.node.name, {**wanted.attributes, **attributes}))
        for server in places:
            servers.log_in(server, known, int(self.options.get("connect_timeout") or 10))
        node.claim(wanted.tag, wanted.node.type)
        if node.busy():  # of an earlier run: what it does may be another thing than what is wanted now
            if node.state().get("mode") != "make" or self._differs(node, planned, wanted):
                node.end_processes((node.state().get("current") or {}).get("mark"))
            else:
                return Handle(node.id, {**attributes, **self._attributes(node)})
        with node.new_plan() as folder:
            write_json(folder / "plan.json", self._plan(wanted, planned, folder))
        state = node.state()
        todo = to_do(planned, state)
        state = {
            "mode": "make",
            "interrupted": _cut_off(state),
            "phase": "running" if todo else "done",
            "done": state.get("done", []),
            "begun": state.get("begun", []),
            "attributes": state.get("attributes", {}),
            "progress": [],
        }
        if not todo:
            self._keep(node, state)
            return Handle(node.id, {**attributes, **self._attributes(node)})
        write_json(node.path / "todo.json", {"keys": [step.key for step in todo]})
        self._start(node, "make", state)
        return Handle(node.id, {**attributes, **self._attributes(node)})

    def _refuse(self, wanted: Wanted, planned: Sequence[Step]) -> None:
        """The same as `preflight`, of what is known now."""
        if not planned:
            return
        if missing := missing_programs():
            raise ConfigurationFault(missing[0])
        here = [step.key for step in planned if step.server.local]
        if here and not self.options.get("allow_localhost"):
            text = f"{', '.join(here)} of {wanted.node.name} would run on this machine as {getpass.getuser()}"
            raise ConfigurationFault(text, hint=ALLOW)
        for step in planned:
            if problems := problems_of(wanted.node, step.operation, self.options):
                raise ConfigurationFault(problems[0])

    def _plan(self, wanted: Wanted, planned: Sequence[Step], folder: Path) -> dict[str, Any]:
        """The plan as JSON; the files of its operations are copied into `folder`."""
        packed = []
        links = folder / "roles"
        links.mkdir(mode=0o700)
        for number, step in enumerate(planned):
            operation, place = step.operation, folder / str(number)
            place.mkdir(mode=0o700)
            digests = copy_files(operation, place, Path(wanted.template_dir))
            found, _ = roles_of(wanted.node, operation, self.options)
            for name, directory in found.items():
                if not (links / name).exists():
                    (links / name).symlink_to(directory)
            step.seal(digests)
            role = is_role(operation)
            script = str(operation.script)
            packed.append(
                {
                    "key": step.key,
                    "phase": step.phase,
                    "server": step.server.packed(),
                    "kind": "role" if role else "playbook" if is_playbook(operation) else "script",
                    "program": roles.plain_name(script) if role and not is_local(script) else Path(script).name,
                    "artifact": operation.kind,
                    "files": str(number),
                    "inputs": pack(operation.inputs),
                    "stores": pack(step.stores),
                    "variables": step.variables,
                    "timeout": operation.timeout or float(self.options.get("operation_timeout") or 3600.0),
                    "digest": step.digest,
                }
            )
        return {
            "node": wanted.node.name,
            "mark": f"{self.context.id}/{wanted.node.name}",
            "declared": dict(wanted.node.declared),
            "attributes": pack(wanted.attributes),
            "properties": pack({k: v for k, v in wanted.properties.items() if k != "operations"}),
            "steps": packed,
        }

    def _differs(self, node: NodeDirectory, planned: Sequence[Step], wanted: Wanted) -> bool:
        found = node.plan()
        if found is None:
            return True
        for step in planned:
            step.seal(digests_of(step.operation, Path(wanted.template_dir)))
        return [(s["key"], s["digest"]) for s in found[1]["steps"]] != [(s.key, s.digest) for s in planned]

    def _keep(self, node: NodeDirectory, state: dict[str, Any]) -> None:
        descriptor = node.take()
        if descriptor is None:
            raise AmbiguousFault(f"{node.node}: another process carries its operations out")
        try:
            node.keep(state)
        finally:
            os.close(descriptor)

    def _start(self, node: NodeDirectory, mode: str, state: dict[str, Any]) -> None:
        """Hand the lock and the work over to a process of its own, which outlives this one."""
        descriptor = node.take()
        if descriptor is None:
            if not node.exists:
                return
            raise AmbiguousFault(f"{node.node}: another process carries its operations out")
        try:
            node.keep(state)
            write_json(node.path / "options.json", self.options)
            environment = {
                **os.environ,
                VARIABLE: str(node.path),
                "BBQ_LOCK": str(descriptor),
                "PYTHONUNBUFFERED": "1",
                "BBQ_PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "PYTHONPATH": ":".join(path for path in sys.path if path),
            }
            with (node.path / "runner.log").open("wb") as log, self._starting:
                subprocess.Popen(
                    [sys.executable, "-m", "bbq.providers.ansible.runner", str(node.path), mode],
                    env=environment,
                    cwd=node.path,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[descriptor],
                )
        except OSError as error:
            raise PermanentFault(f"{node.node}: its operations cannot be started: {error}") from None
        finally:
            os.close(descriptor)

    # -- looking

    def _state(self, node: NodeDirectory) -> State:
        state = node.state()
        busy = node.busy()
        if not busy:
            state = node.state()  # it may have ended between the two looks
        current = state.get("current") or {}
        common: dict[str, Any] = {"attributes": self._attributes(node), "progress": tuple(state.get("progress", ()))}
        stages = {item.get("phase") for item in state.get("done", ())}
        common["stage"] = "configured" if "configure" in stages else None
        if busy or (state.get("phase") == "running" and state.get("mode") == "unmake" and not node.exists):
            name = _DOING.get(current.get("phase", ""), "preparing")
            task = f": {current['task']}" if current.get("task") else ""
            place = f" on {current['place']}" if current.get("place") else ""
            return State(name, detail=f"{current.get('key') or 'its operations'}{place}{task}", **common)
        if state.get("mode") == "make" and state.get("phase") == "done":
            return State("started", ready=True, **{**common, "stage": "configured"})
        failure = state.get("failure")
        if state.get("phase") == "failed" and failure:
            error = ERRORS.get(failure["kind"], ResourceFailed)
            stuck = state.get("mode") == "unmake"
            return State("error", failed=True, detail=_told(failure), error=error, stuck=stuck, **common)
        return State("interrupted", failed=True, detail="its operations were interrupted", **common)

    def _attributes(self, node: NodeDirectory) -> dict[str, Any]:
        found: dict[str, Any] = unpack(node.state().get("attributes", {}), node.node)
        return found

    def _fault(self, failure: Mapping[str, Any]) -> ProviderFault:
        text, hint = "\n".join([_told(failure), *failure["lines"]]), FORGET
        if failure["kind"] in ("key", "sudo"):
            return ConfigurationFault(text, hint=hint)
        return UnreachableFault(text) if failure["kind"] == "unreachable" else PermanentFault(text, hint=hint)


def _cut_off(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The operation that was under way when its process was killed, with the mark of that run."""
    if state.get("phase") != "running":
        return None
    found: Mapping[str, Any] | None = state.get("current") or state.get("interrupted")
    return found


def _told(failure: Mapping[str, Any]) -> str:
    text = str(failure["text"])
    if failure["kind"] == "sudo":
        return f"{text} - sudo is missing on {failure['place']}, or asks for a password: see [ansible] become_password and user"
    if failure["kind"] == "key":
        return f"{text} - the key of {failure['place']} is not the one that is known"
    return text


__all__ = ["PREFIX", "Software"]
