"""Resources of the local provider driven through the contract alone, in a state directory of their own."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bbq.engine.contract import Check, DeploymentContext, Handle, Resource, State, Tag, Target, Wanted
from bbq.providers.local.provider import LocalProvider
from bbq.providers.local.supervise import NodeDir, node_id
from bbq.providers.supervisor import proc
from bbq.topology.model import Node

PATIENCE = 60.0
"""A limit for hangs, not a measure of speed."""


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"still waiting for: {what}"
        time.sleep(0.02)
    return found


class Site:
    """One deployment of the local provider."""

    def __init__(self, state_dir: Path, options: Mapping[str, Any] | None = None, expires_at: float | None = None) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.context = DeploymentContext("test", self.id, str(state_dir), expires_at, options=options or {})
        self.provider = LocalProvider(self.context)
        self.ports: set[int] = set()
        self._attempts = itertools.count(1)

    def wanted(
        self,
        type_name: str,
        name: str,
        properties: Mapping[str, Any],
        targets: Sequence[Target] = (),
        template_dir: Path | str = "/tmp",
        index: int | None = None,
    ) -> Wanted:
        node = Node(name, type_name, (type_name,), properties=dict(properties), index=index)
        tag = Tag("test", self.id, name, next(self._attempts))
        return Wanted(node, properties, {}, targets, tag, str(template_dir))

    def resource(self, wanted: Wanted) -> Resource:
        found = self.provider.resource(wanted.node.ancestry)
        assert found is not None
        return found

    def node(self, name: str) -> NodeDir:
        return NodeDir(Path(self.context.state_dir), "test", self.id, node_id(name))

    def create(self, wanted: Wanted) -> Handle:
        handle = self.resource(wanted).create(wanted)
        self.ports |= set(self.node(wanted.tag.node).ports().values())
        return handle

    def state(self, handle: Handle) -> State | None:
        return self.provider.list_states("processes", [handle.id]).get(handle.id)

    def settled(self, wanted: Wanted, handle: Handle, seconds: float = PATIENCE) -> State:
        """Ready (its probe, too) or failed."""

        def look() -> State | None:
            state = self.state(handle)
            assert state is not None, "it is gone"
            if state.failed:
                return state
            if not state.ready:
                return None
            check: Check = self.resource(wanted).probe(handle, wanted)
            return state if check.ok else None

        found: State = until(look, f"{wanted.tag.node} to settle", seconds)
        return found

    def up(self, wanted: Wanted, seconds: float = PATIENCE) -> Handle:
        handle = self.create(wanted)
        state = self.settled(wanted, handle, seconds)
        assert state.ready, self.resource(wanted).explain(handle, state)
        return handle

    def delete(self, wanted: Wanted, handle: Handle) -> None:
        self.resource(wanted).delete(handle, wanted.tag)
        assert self.state(handle) is None

    def log(self, handle: Handle) -> str:
        return "".join(Path(path).read_text() for path in self.provider.logs(handle))

    def processes(self) -> list[proc.Process]:
        return proc.tagged({"BBQ_DEPLOYMENT_ID": self.id})

    def destroy(self) -> None:
        for tag, handle, type_name in list(self.provider.list_tagged(self.id)):
            resource = self.provider.resource([type_name])
            assert resource is not None, type_name
            resource.delete(handle, tag)
        assert list(self.provider.list_tagged(self.id)) == []
        self.provider.finish_destroy(self.id)
