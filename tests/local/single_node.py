"""One node of the local provider, without a template or an engine around it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from bbq.engine.contract import Check, DeploymentContext, Handle, Provider, Resource, State, Tag, Wanted
from bbq.providers import open_provider
from bbq.providers.local.supervise import NodeDir
from bbq.providers.supervisor import proc
from bbq.topology.model import Node

DEADLINE = 60.0


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@dataclass
class SingleNode:
    provider: Provider
    resource: Resource
    wanted: Wanted
    state_dir: Path
    handle: Handle | None = None

    def create(self) -> Handle:
        self.handle = self.resource.create(self.wanted)
        return self.handle

    def state(self) -> State | None:
        assert self.handle
        return self.provider.list_states(self.resource.poll_group, [self.handle.id]).get(self.handle.id)

    def check(self) -> Check:
        """What the engine does until the node is ready, or has failed."""
        assert self.handle
        end = time.monotonic() + DEADLINE
        while True:
            state = self.state()
            check = Check(False, str(state), failed=state is None or state.failed)
            if state and state.ready:
                check = self.resource.probe(self.handle, self.wanted)
            if check.ok or check.failed or time.monotonic() > end:
                return check
            time.sleep(0.05)

    def up(self) -> Mapping[str, Any]:
        handle = self.create()
        check = self.check()
        assert check.ok, (check.detail, self.resource.explain(handle, self.state() or State("gone")))
        return {**handle.attributes, **(self.state() or State("")).attributes, **check.attributes}

    def with_properties(self, **properties: Any) -> Wanted:
        self.wanted = wanted(
            self.wanted.tag, self.wanted.node.type, {**self.wanted.properties, **properties}, self.wanted.template_dir
        )
        return self.wanted

    def delete(self) -> None:
        assert self.handle
        self.resource.delete(self.handle, self.wanted.tag)

    def kill(self) -> None:
        """SIGKILL to everything, the supervisor included. The kernel closes sockets a little after the process is gone."""
        for process in self.processes():
            proc.send(process, signal.SIGKILL)
        assert proc.gone(self.processes(), DEADLINE) == []
        assert self.handle
        ports = NodeDir(self.state_dir, "test", self.wanted.tag.deployment_id, self.handle.id).ports()
        until(lambda: all(proc.port_is_free(port) for port in ports.values()))

    def processes(self) -> list[proc.Process]:
        return proc.tagged({"BBQ_DEPLOYMENT_ID": self.wanted.tag.deployment_id})

    def told(self, file: str) -> dict[proc.Process, str]:
        """`/proc/<pid>/<file>` of its processes; without those that have ended meanwhile."""
        found = {}
        for process in self.processes():
            with suppress(OSError):
                found[process] = Path(f"/proc/{process.pid}/{file}").read_text()
        return found


def wanted(tag: Tag, type_name: str, properties: Mapping[str, Any], template_dir: str) -> Wanted:
    node = Node(tag.node, type_name, (type_name, "bbq.nodes.Root"), dict(properties))
    return Wanted(node, properties, {}, (), tag, template_dir)


@contextmanager
def single_node(directory: Path, type_name: str, properties: Mapping[str, Any]) -> Iterator[SingleNode]:
    """A node that is deleted in the end; then nothing may be left of it."""
    identity = uuid4().hex[:12]
    state_dir = directory / "state"
    state_dir.mkdir(mode=0o700)
    provider = open_provider("local", DeploymentContext("test", identity, str(state_dir), None))
    resource = provider.resource([type_name])
    assert resource is not None
    tag = Tag("test", identity, "db", 1)
    one = SingleNode(provider, resource, wanted(tag, type_name, properties, str(directory)), state_dir)
    try:
        yield one
    finally:
        handle = one.handle or resource.find(tag)
        if handle:
            resource.delete(handle, tag)
        left = list(provider.list_tagged(identity))
        provider.finish_destroy(identity)
        provider.close()
    assert left == []
    assert one.processes() == []
    assert not state_dir.exists()
    assert not list(Path("/tmp").glob(f"bbq-{identity}*"))
