"""The resource of every node that operations make: software on a server, and the server itself where it is given."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import threading
from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from bbq.engine.contract import (
    AmbiguousFault,
    ConfigurationFault,
    DeploymentContext,
    Handle,
    PermanentFault,
    Resource,
    State,
    Tag,
    Target,
    UnreachableFault,
    Wanted,
)
from bbq.providers.ansible import roles, servers
from bbq.providers.ansible.checks import copy_files, digests_of, missing_programs, problems_of, roles_of
from bbq.providers.ansible.directory import POLL_GROUP, VARIABLE, NodeDirectory, known_hosts, root_of
from bbq.providers.ansible.lifecycle import MADE_ON, Step, is_compute, on, planned_names, steps, to_do, to_undo, works_here
from bbq.providers.ansible.packing import pack
from bbq.providers.ansible.servers import Server
from bbq.providers.ansible.standing import FORGET, at_length, attributes_of, cut_off, fault_of, state_of
from bbq.providers.supervisor.records import write_json
from bbq.topology.model import Node
from bbq.topology.operations import is_local, is_playbook, is_role

ALLOW: Final = "set [ansible] allow_localhost = true (or BBQ_ANSIBLE__ALLOW_LOCALHOST=true) if you trust the template"


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

    A provider says in `server_of` how a node of the type tosca.nodes.Compute is reached, and in `compute_attributes` which
    addresses one has that nothing is made for.
    """

    type = "tosca.nodes.Root"
    updatable = AllBut({"host"})
    follows = frozenset({"host"})
    ignored = frozenset({"timeouts"})
    repairable = True
    poll_group = POLL_GROUP
    timeouts: ClassVar[Mapping[str, float]] = {"create": 300.0, "ready": 86400.0, "delete": 86400.0}

    def __init__(self, context: DeploymentContext) -> None:
        self.context = context
        config = context.options.get("config")
        self.options: dict[str, Any] = dict(config.group("ansible")) if config is not None else {}
        self.root = root_of(context.state_dir)
        self._unmaking: set[str] = set()
        self._starting = threading.Lock()

    # -- what a provider says

    @abstractmethod
    def server_of(self, node: str, attributes: Mapping[str, Any]) -> Server:
        """How the server is reached that a node of the type tosca.nodes.Compute is."""

    def machine_of(self, host: Target) -> str:
        """Tells the server that a node of the type tosca.nodes.Compute is from one that is made in its place, on which nothing
        is; "" where the server is given, and stays."""
        return ""

    def compute_attributes(self, wanted: Wanted) -> Mapping[str, Any]:
        """What is known of a tosca.nodes.Compute that is given: its addresses."""
        return {}

    # -- the contract

    def find(self, tag: Tag) -> Handle | None:
        node = NodeDirectory.of(self.root, tag.node)
        return _handle(node) if node.exists else None

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
                raise fault_of(state["failure"])
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
                self._reach(server)
        state |= {"mode": "unmake", "interrupted": cut_off(state), "phase": "running", "current": None}
        self._start(node, "unmake", state)

    def _reach(self, server: Server) -> None:
        """Better said now than by Ansible, which does not tell one trouble from another."""
        try:
            self._log_in(server)
        except UnreachableFault:
            if not server.disposable:
                raise
        except ConfigurationFault as fault:
            raise ConfigurationFault(str(fault), hint=f"{fault.hint}; {FORGET}") from None

    def _log_in(self, server: Server) -> None:
        servers.log_in(server, known_hosts(self.root), int(self.options.get("connect_timeout") or 10))

    def notices(self, node: Node) -> Sequence[str]:
        if is_compute(node.ancestry) and not planned_names(node):
            try:
                local = self._is_this_machine(node)
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
        return at_length(failure) if failure else state.detail or state.name

    # -- for the provider's lists

    def states(self, ids: Iterable[str]) -> dict[str, State]:
        found = {}
        for identity in ids:
            node = NodeDirectory(self.root, identity)
            if (state := state_of(node)) is not None:
                found[identity] = state
        return found

    def tagged(self) -> Iterator[tuple[Tag, Handle, str]]:
        for node in NodeDirectory.all(self.root):
            tag, type_name = node.tag(self.context.name, self.context.id)
            yield tag, _handle(node), type_name

    def logs(self, handle: Handle) -> list[str]:
        log = NodeDirectory(self.root, handle.id).log
        return [str(path) for path in (log.with_name("log.1"), log) if path.exists()]

    def preflight(self, nodes: Collection[Node]) -> list[str]:
        """What can be known to go wrong before the first create."""
        problems: list[str] = []
        known = {node.name: node for node in nodes}
        here: list[str] = []
        operated = False
        alike: set[tuple[str | None, str]] = set()
        for node in nodes:
            planned = planned_names(node)
            if not planned:
                normative = node.type.startswith("tosca.nodes.") and node.type != "tosca.nodes.Root"
                if normative and not is_compute(node.ancestry):
                    problems.append(f"{node.name} ({node.type}) has no operation that is implemented: nothing would make it")
                continue
            operated = True
            template = (node.parent, node.template or node.name)
            if template not in alike:  # what many instances lack is said once
                alike.add(template)
                for _, operation, _ in planned:
                    problems += problems_of(node, operation, self.options)
            if any(works_here(node, op, relationship) for _, op, relationship in planned) or self._is_here(node, known):
                here.append(node.name)
        if here and not self.options.get("allow_localhost"):
            problems.append(f"operations of {', '.join(here)} would run on this machine as {getpass.getuser()}: {ALLOW}")
        if operated:
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
        return self._is_this_machine(current)

    def _is_this_machine(self, compute: Node) -> bool:
        """As far as the template tells."""
        static = {name: value for name, value in compute.attributes.items() if isinstance(value, str)}
        return self.server_of(compute.name, static).local

    # -- making

    def _make(self, wanted: Wanted) -> Handle:
        node = NodeDirectory.of(self.root, wanted.tag.node)
        planned = steps(wanted, self.server_of)
        host = wanted.hosts.get(wanted.node.name)
        machine = self.machine_of(host) if host is not None else ""
        attributes = dict(self.compute_attributes(wanted)) if is_compute(wanted.node.ancestry) else {}
        self._refuse(wanted, planned)
        places = {step.server for step in planned}
        if is_compute(wanted.node.ancestry) and attributes:
            places.add(self.server_of(wanted.node.name, {**wanted.attributes, **attributes}))
        for server in places:
            self._log_in(server)
        node.claim(wanted.tag, wanted.node.type)
        if node.busy():  # of an earlier run: what it does may be another thing than what is wanted now
            state = node.state()
            if state.get("mode") == "make" and on(state, machine) and not self._differs(node, planned, wanted):
                return _handle(node, attributes)
            node.end_processes((state.get("current") or {}).get("mark"))
        with node.new_plan() as folder:
            write_json(folder / "plan.json", self._plan(wanted, planned, folder))
        state = node.state()
        interrupted = cut_off(state)
        if not on(state, machine):  # with the server that it was on all of it has gone
            state = {}
        todo = to_do(planned, state)
        state = {
            "mode": "make",
            "machine": machine,
            "interrupted": interrupted,
            "phase": "running" if todo else "done",
            "done": state.get("done", []),
            "begun": state.get("begun", []),
            "attributes": state.get("attributes", {}),
            "progress": [],
        }
        if not todo:
            self._keep(node, state)
        else:
            write_json(node.path / "todo.json", {"keys": [step.key for step in todo]})
            self._start(node, "make", state)
        return _handle(node, attributes)

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


def _handle(node: NodeDirectory, more: Mapping[str, Any] | None = None) -> Handle:
    """`more` are attributes that no operation has stored."""
    state = node.state()
    made_on = {MADE_ON: state["machine"]} if state.get("machine") else {}
    return Handle(node.id, {**(more or {}), **made_on, **attributes_of(node, state)})
