"""The local provider: real components as processes of this machine, bound to 127.0.0.1, each in a directory of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bbq.engine.contract import Changed, DeploymentContext, Handle, Provider, Resource, State, Tag
from bbq.providers.ansible.directory import POLL_GROUP, PREFIX, NodeDirectory, root_of
from bbq.providers.local.files import faults
from bbq.providers.local.process import ProcessResource
from bbq.providers.local.reaper import DIRECTORY, end_reaper, ensure_reaper
from bbq.providers.local.supervise import NodeDir, node_id
from bbq.providers.supervisor import proc
from bbq.topology.model import Node

if TYPE_CHECKING:
    from bbq.providers.local.software import LocalSoftware

RESOURCES: dict[str, str] = {
    "bbq.nodes.Job": "job:Job",
    "bbq.nodes.ScheduledJob": "scheduled_job:ScheduledJob",
    "bbq.nodes.Service": "service:Service",
    "bbq.nodes.SparkApplication": "spark_application:SparkApplication",
    "bbq.nodes.local.MariaDB": "mariadb:MariaDB",
    "bbq.nodes.local.NatsServer": "nats:NatsServer",
    "bbq.nodes.local.ObjectStore": "object_store:ObjectStore",
    "bbq.nodes.local.PostgreSQL": "postgresql:PostgreSQL",
    "bbq.nodes.local.RabbitMQ": "rabbitmq:RabbitMQ",
    "bbq.nodes.local.SQLite": "sqlite:SQLite",
    "bbq.nodes.local.SparkMaster": "spark_master:SparkMaster",
    "bbq.nodes.local.SparkWorker": "spark_worker:SparkWorker",
    "bbq.nodes.local.WorkerInstance": "worker:WorkerInstance",
}
"""Node type -> module and class; a module is imported when a node of its type occurs. Keep in order of names."""

OURS = "bbq.nodes.Root"
INFRASTRUCTURE = frozenset(
    {"tosca.nodes.BlockStorage", "tosca.nodes.Storage.BlockStorage", "tosca.nodes.ObjectStorage", "tosca.nodes.LoadBalancer"}
    | {"tosca.nodes.Storage.ObjectStorage", "tosca.nodes.network.Network", "tosca.nodes.network.Port"}
    | {"tosca.nodes.network.FloatingIP"}
)
"""What only a cloud has; everything else that is not of our own types is made by its operations."""


class LocalProvider(Provider):
    name = "local"
    list_grace = 0.0  # directories and /proc are exact

    def __init__(self, context: DeploymentContext) -> None:
        self.context = context
        self._resources: dict[str, ProcessResource] = {}

    @cached_property
    def _software(self) -> LocalSoftware:
        from bbq.providers.local.software import LocalSoftware

        return LocalSoftware(self.context)

    def resource(self, ancestry: Sequence[str]) -> Resource | None:
        found = self._resource(ancestry)
        return self._software if found is None and _made_by_operations(ancestry) else found

    def _resource(self, ancestry: Sequence[str]) -> ProcessResource | None:
        for name in ancestry:
            if name in self._resources:
                return self._resources[name]
            if name in RESOURCES:
                module, _, cls = RESOURCES[name].partition(":")
                made: ProcessResource = getattr(import_module(f"bbq.providers.local.{module}"), cls)(self.context)
                self._resources[name] = made
                return made
        return None

    def _node(self, identity: str) -> NodeDir:
        return NodeDir(Path(self.context.state_dir), self.context.name, self.context.id, identity)

    def list_states(self, group: str, ids: Sequence[str]) -> Mapping[str, State]:
        if group == POLL_GROUP:
            return self._software.states(ids)
        found = {}
        for identity in ids:
            node = self._node(identity)
            if not node.exists:
                continue
            if node.deleting:
                found[identity] = State("deleting", detail="its delete was begun")
                continue
            missing = node.missing_units()
            resource = self._resource([node.tag()[1]])
            if missing or resource is None:
                found[identity] = State("incomplete", failed=True, detail="its start was interrupted")
            else:
                found[identity] = resource.state(node, node.units())
        return found

    def list_tagged(self, deployment_id: str) -> Iterator[tuple[Tag, Handle, str]]:
        """Directories first, then processes whose directory is lost: by the tag in their environment."""
        seen: set[str] = set()
        for path in sorted((Path(self.context.state_dir) / "nodes").glob("[!.]*")):
            node = self._node(path.name)
            tag, type_name = node.tag()
            seen.add(path.name)
            yield tag, Handle(path.name, node.attributes()), type_name
        if any(NodeDirectory.all(root_of(self.context.state_dir))):  # else none of what carries them out is imported
            yield from self._software.tagged()
        above = proc.ancestors()
        for one in proc.tagged({"BBQ_DEPLOYMENT_ID": deployment_id}):
            env = proc.environment(one.pid)
            identity = node_id(env.get("BBQ_NODE", ""))
            if identity in seen or one.pid in above or not env:
                continue
            seen.add(identity)
            attempt = env.get("BBQ_ATTEMPT", "")
            tag = Tag(self.context.name, deployment_id, env.get("BBQ_NODE", ""), int(attempt) if attempt.isdigit() else 0)
            yield tag, Handle(identity), env.get("BBQ_NODE_TYPE", "")

    def preflight(self, nodes: Iterable[Node], changed: Sequence[Changed] = ()) -> list[str]:
        problems: list[str] = []
        wanted: dict[int, str] = {}
        operated: list[Node] = []
        for node in nodes:
            resource = self._resource(node.ancestry)
            if resource is None:
                operated.append(node)
                continue
            problems += resource.preflight(node)
            port = node.properties.get("port")
            if isinstance(port, int) and port and port not in self._node(node_id(node.name)).ports().values():
                if port in wanted:
                    problems.append(f"{node.name} and {wanted[port]} both want port {port}")
                wanted[port] = node.name
        for change in changed:  # nothing is stopped for a program that is not there
            found = self._resource(change.node.ancestry)
            problems += found.preflight(change.node) if found is not None else []
        if operated:
            problems += self._software.preflight(operated)
        problems += [
            f"port {port}, which {wanted[port]} wants, is taken by {holder}" for port, holder in proc.listening(wanted).items()
        ]
        return list(dict.fromkeys(problems))

    def logs(self, handle: Handle) -> Sequence[str]:
        """Paths, older ones first; a node with several units has several."""
        if handle.id.startswith(PREFIX):
            return self._software.logs(handle)
        node = self._node(handle.id)
        found: list[Path] = []
        for name in node.unit_names():
            path = node.unit_path(name)
            older = sorted(path.glob("log.*"), key=lambda file: int(file.suffix[1:]), reverse=True)
            found += [file for file in [*older, path / "log"] if file.exists()]
        return [str(file) for file in found]

    def expire_at(self, at: float, *, move: bool) -> None:
        with faults("the deployment's reaper"):
            ensure_reaper(self.context, at, move=move)

    def finish_destroy(self, deployment_id: str) -> None:
        state_dir = Path(self.context.state_dir)
        if end_reaper(self.context):
            shutil.rmtree(state_dir, ignore_errors=True)
        else:  # the reaper's own directory goes when it knows that all is done
            for path in state_dir.glob("*"):
                if path.name != DIRECTORY:
                    shutil.rmtree(path, ignore_errors=True)
        outside = Path(tempfile.gettempdir()) / f"bbq-{deployment_id}"
        if outside.is_dir() and not outside.is_symlink():
            shutil.rmtree(outside, ignore_errors=True)


def _made_by_operations(ancestry: Sequence[str]) -> bool:
    return OURS not in ancestry and not INFRASTRUCTURE & set(ancestry) and bool(ancestry)
