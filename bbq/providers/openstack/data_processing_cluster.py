"""A Sahara cluster. https://docs.openstack.org/api-ref/data-processing/v2/

Sahara has no tags: each thing has the tag in its description and a name that is the node's own, unique in the project.
What belongs to a node - two node group templates, a cluster template, the cluster - has the same name, which is the handle's
id: so a cluster whose making ended half-way is found, and goes, by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from bbq.engine.contract import (
    AmbiguousFault,
    Check,
    DeploymentContext,
    Handle,
    PermanentFault,
    State,
    Tag,
    Wanted,
)
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.lookup import Unknown, known, problems
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.sahara import SERVICE, Catalogue, name_of
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node
from bbq.topology.values import revealed
from bbq.tosca.units import gibibytes, timestamp

if TYPE_CHECKING:
    from bbq.providers.openstack.stack_needs import Needs

_GROUPS: Final = ("master", "worker")
_TEMPLATES: Final = {"cluster-templates": "cluster_templates", "node-group-templates": "node_group_templates"}
"""Path -> key of the list. In the order in which they can be deleted."""
_STUCK: Final = 300.0
"""Seconds after which a cluster that is being deleted is asked to go once more."""
_REPLICAS: Final = 3  # of a block of HDFS; Sahara wants as many data nodes


class DataProcessingCluster(CloudResource):
    type: ClassVar = "bbq.nodes.openstack.DataProcessingCluster"
    service: ClassVar = SERVICE
    instead: ClassVar = "use `implementation: heat`"
    updatable: ClassVar = frozenset({"workers"})
    poll_group: ClassVar = "data-processing-cluster"
    timeouts: ClassVar = {"create": 120.0, "ready": 3600.0, "delete": 1200.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._going: set[str] = set()  # names of clusters whose templates have to go after them

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.cloud)

    def find(self, tag: Tag) -> Handle | None:
        """The cluster. Templates without one are no cluster yet: `create` makes them anew, `tagged` tells of them."""
        name = name_of(tag)
        found = self._named("clusters", "clusters", name)
        return _handle(found[0]) if found else None

    def create(self, wanted: Wanted) -> Handle:
        """Four calls. What is there already of the templates is left over from an earlier try."""
        name, given = name_of(wanted.tag), wanted.properties
        plugin, version = self.catalogue.version(given)
        shared = {"plugin_name": plugin, "plugin_version": version}
        image, network = self.catalogue.image(given), self.cloud.lookup.network(given.get("network"))
        try:
            template = self._templates(wanted, name, shared)
        except Conflict:
            self._delete_templates(name)
            template = self._templates(wanted, name, shared)
        body: dict[str, Any] = {
            **shared,
            "name": name,
            "description": tags.text(wanted.tag, "made by bbq"),
            "cluster_template_id": template,
            "default_image_id": image,
            "neutron_management_network": network,
        }
        if given.get("keypair"):
            body["user_keypair_id"] = self.cloud.lookup.keypair(str(given["keypair"]))
        try:
            made = self.cloud.post(SERVICE, "/clusters", f"create the cluster {name}", body)
        except Conflict as fault:  # the name is this node's own: an earlier call went through after all
            raise AmbiguousFault(str(fault)) from None
        return _handle(made["cluster"])

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        """Sahara scales a cluster only while that is active: where it is not yet, `probe` asks for it."""
        self._scale(self._read(handle), wanted)
        return handle

    def delete(self, handle: Handle, tag: Tag) -> None:
        """The cluster first; once that is gone (the engine asks again as long as something is there) its templates."""
        name = name_of(tag)
        found = self._named("clusters", "clusters", name)
        self._going.add(name)
        if not found:
            self._delete_templates(name)
        elif found[0]["status"] != "Deleting" or _age(found[0]) > _STUCK:  # the service's engine may have died over it
            with suppress(NotFound):
                self.cloud.delete(SERVICE, f"/clusters/{found[0]['id']}", f"delete the cluster {name}")

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        found = {item["name"]: state_of(item) for item in self._list("clusters", "clusters") if item["name"] in ids}
        if self._going.intersection(ids) - set(found):
            left = {name for name, _ in self._templates_left()}
            found |= {name: State("templates left") for name in left & self._going if name not in found}
        return found

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        told = set()
        for item in self._list("clusters", "clusters"):
            tag = tags.of_text(item.get("description"))
            if tag is not None and deployment_id in (None, tag.deployment_id):
                told.add(item["name"])
                yield tag, _handle(item)
        for name, tag in self._templates_left():
            if tag is not None and deployment_id in (None, tag.deployment_id) and name not in told:
                told.add(name)
                yield tag, Handle(name)

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        item = self._read(handle)
        if pending := self._scale(item, wanted):
            return Check(False, pending)
        return Check(True, attributes=attributes_of(item))

    def explain(self, handle: Handle, state: State) -> str:
        """The step of its provisioning that failed, with its event's reason; Sahara's own word where that is another."""
        try:
            item = self._read(handle, show_progress="true")
        except NotFound:
            return state.detail or state.name
        steps, said = list(failed_steps(item)), _line(item.get("status_description"))
        if said and not any(reason and reason in said for _, reason in steps):
            return "\n".join([said, *(f"{step}: {reason}" for step, reason in steps)])
        return "\n".join(f"{step}: {reason}" for step, reason in steps) or state.name

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        found: list[str] = []
        for node in nodes:
            found += problems(node, self._checks(known(node.properties)))
        self.add_needs(nodes, needs)
        return found

    def add_needs(self, nodes: Sequence[Node], needs: Needs) -> None:
        for node in nodes:
            with suppress(Unknown):  # is told already
                self._needs(known(node.properties), needs)

    # -- pieces

    def _checks(self, given: Mapping[str, Any]) -> Iterator[Callable[[], object]]:
        """What may raise `Unknown`. What hangs on a plugin that is not there is not told, too."""
        try:
            self.catalogue.version(given)
        except Unknown:
            yield partial(self.catalogue.version, given)
        else:
            yield partial(self.catalogue.image, given)
            for group in _GROUPS:
                yield partial(self.catalogue.processes, given, group)
        for group in _GROUPS:
            own = given.get(group) or {}
            yield partial(self.cloud.lookup.flavor, own)
            if own.get("floating_network"):
                yield partial(self.cloud.lookup.external_network, own["floating_network"])
        yield partial(self.cloud.lookup.network, given.get("network"))
        if given.get("keypair"):
            yield partial(self.cloud.lookup.keypair, str(given["keypair"]))

    def _needs(self, given: Mapping[str, Any], needs: Needs) -> None:
        for group in _GROUPS:
            own, count = given.get(group) or {}, _count(given, group)
            needs.servers[self.cloud.lookup.flavor(own)] += count
            needs.things["floatingip"] += count if own.get("floating_network") else 0
            volumes = count * int(own.get("volumes") or 0)
            needs.things["volume"] += volumes
            needs.gigabytes += volumes * gibibytes(own.get("volume_size") or 0)

    def _list(self, kind: str, key: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cloud.get(SERVICE, f"/{kind}", f"list the {kind.replace('-', ' ')}", **query)[key]
        return found

    def _named(self, kind: str, key: str, name: str) -> list[dict[str, Any]]:
        """By the filter of the list, which is exact where a Sahara knows it, and by the name itself where it does not."""
        return [item for item in self._list(kind, key, name=name) if item["name"] == name]

    def _read(self, handle: Handle, **query: Any) -> dict[str, Any]:
        id = handle.attributes.get("id")
        if id is None:
            found = self._named("clusters", "clusters", handle.id)
            if not found:
                raise NotFound(f"the cluster {handle.id} is gone")
            id = found[0]["id"]
        item: dict[str, Any] = self.cloud.get(SERVICE, f"/clusters/{id}", f"look at the cluster {handle.id}", **query)[
            "cluster"
        ]
        return item

    def _scale(self, item: Mapping[str, Any], wanted: Wanted) -> str | None:
        """Ask for another number of workers where it is another; what is being waited for then, None where all is well."""
        count, group = int(wanted.properties["workers"]), worker_group(item)
        if int(group["count"]) == count:
            return None
        if item["status"] == "Active":
            what = f"scale the cluster {item['name']} to {count} workers"
            body = {"resize_node_groups": [{"name": "worker", "count": count}]}
            self.cloud.put(SERVICE, f"/clusters/{item['id']}", what, body)
        return f"{count} workers in place of {group['count']} ({item['status']})"

    def _templates(self, wanted: Wanted, name: str, shared: Mapping[str, Any]) -> str:
        """The cluster template's id."""
        given, described = wanted.properties, {"description": tags.text(wanted.tag, "made by bbq"), **shared}
        groups = []
        for group in _GROUPS:
            body = {**described, "name": f"{name}-{group}", **self._group_body(given, group)}
            made = self.cloud.post(SERVICE, "/node-group-templates", f"create the node group template {body['name']}", body)
            id = made["node_group_template"]["id"]
            groups.append({"name": group, "node_group_template_id": id, "count": _count(given, group)})
        body = {**described, "name": name, "node_groups": groups, "cluster_configs": _configs(given)}
        if given.get("anti_affinity"):
            body["anti_affinity"] = list(given["anti_affinity"])
        made = self.cloud.post(SERVICE, "/cluster-templates", f"create the cluster template {name}", body)
        return str(made["cluster_template"]["id"])

    def _group_body(self, given: Mapping[str, Any], group: str) -> dict[str, Any]:
        own = given.get(group) or {}
        body: dict[str, Any] = {
            "flavor_id": self.cloud.lookup.flavor(own),
            "node_processes": self.catalogue.processes(given, group),
            "auto_security_group": not own.get("security_groups"),
        }
        if own.get("floating_network"):
            body["floating_ip_pool"] = self.cloud.lookup.external_network(own["floating_network"])
        if own.get("volumes"):
            body |= {"volumes_per_node": int(own["volumes"]), "volumes_size": gibibytes(own.get("volume_size") or 0)}
        for name in ("volume_type", "security_groups", "availability_zone"):
            if own.get(name):
                body[name] = own[name]
        if own.get("configs"):
            body["node_configs"] = revealed(own["configs"])
        return body

    def _templates_left(self) -> Iterator[tuple[str, Tag | None]]:
        """(name of the cluster, tag) of every template that has a tag."""
        for kind, key in _TEMPLATES.items():
            for item in self._list(kind, key):
                tag = tags.of_text(item.get("description"))
                if tag is not None:
                    yield name_of(tag), tag

    def _delete_templates(self, name: str) -> None:
        names = {name, *(f"{name}-{group}" for group in _GROUPS)}
        for kind, key in _TEMPLATES.items():
            for item in self._list(kind, key):
                if item["name"] in names:
                    with suppress(NotFound):
                        self.cloud.delete(SERVICE, f"/{kind}/{item['id']}", f"delete the template {item['name']}")


def state_of(item: Mapping[str, Any]) -> State:
    """A cluster's state from its entry in a list. https://docs.openstack.org/sahara/latest/contributor/cluster-statuses.html"""
    status, said = str(item["status"]), _line(item.get("status_description"))
    if status == "Error":
        return State(status, failed=True, detail=said)
    return State(status, ready=status == "Active", detail=said or status)


def attributes_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What others may use of an active cluster. Addresses are those that Sahara itself manages the servers by."""
    instances = [
        {
            "name": one["instance_name"],
            "group": group["name"],
            "id": one["instance_id"],
            "management_ip": one["management_ip"],
            "internal_ip": one["internal_ip"],
        }
        for group in item.get("node_groups") or ()
        for one in group.get("instances") or ()
    ]
    info = item.get("info") or {}
    found = {
        "id": item["id"],
        "name": item["name"],
        "status": item["status"],
        "plugin_version": item.get("plugin_version"),
        "instances": instances,
        "info": info,
    }
    host = next((one["management_ip"] for one in instances if one["group"] == "master"), None)
    if host:
        found["host"] = host
    if item["plugin_name"] == "spark" and host:
        configs = (item.get("cluster_configs") or {}).get("Spark") or {}
        page = (info.get("Spark") or {}).get("Web UI")
        found["master_url"] = f"spark://{host}:{configs.get('Master port') or 7077}"
        found["webui_url"] = page or f"http://{host}:{configs.get('Master webui port') or 8080}"
    return found


def failed_steps(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(step, reason) of those that failed, one for each event that says so."""
    for step in item.get("provision_progress") or ():
        if step.get("successful") is False:
            events = [event for event in step.get("events") or () if event.get("successful") is False]
            for event in events or [{}]:
                where = f" on {event['instance_name']}" if event.get("instance_name") else ""
                yield f"{step['step_name']}{where}", _line(event.get("event_info"))


def _configs(given: Mapping[str, Any]) -> dict[str, Any]:
    """The template's, and as many copies of a block in HDFS as there are workers for them."""
    found: dict[str, Any] = {target: dict(values) for target, values in (revealed(given.get("configs")) or {}).items()}
    if given["plugin"] in ("spark", "vanilla") and int(given["workers"]) < _REPLICAS:
        found["HDFS"] = {"dfs.replication": max(1, int(given["workers"])), **found.get("HDFS", {})}
    return found


def worker_group(item: Mapping[str, Any]) -> Mapping[str, Any]:
    for group in item.get("node_groups") or ():
        if group["name"] == "worker":
            found: Mapping[str, Any] = group
            return found
    raise PermanentFault(f"the cluster {item['name']} has no node group worker", "something other than bbq has changed it")


def _count(given: Mapping[str, Any], group: str) -> int:
    return 1 if group == "master" else int(given.get("workers") or 0)


def _age(item: Mapping[str, Any]) -> float:
    """Seconds since the cluster's status changed; 0 where the service does not tell."""
    changed = timestamp(f"{item.get('updated_at') or ''}Z")
    return 0.0 if changed is None else (datetime.now(UTC) - changed).total_seconds()


def _line(text: Any) -> str:
    """On one line, without the id under which Sahara's own log has it."""
    return " ".join(str(text or "").split("Error ID:")[0].split())


def _handle(item: Mapping[str, Any]) -> Handle:
    return Handle(item["name"], {"id": item["id"], "name": item["name"]})
