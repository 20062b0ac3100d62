"""Zaqar queues: those of one node, with their metadata, webhooks and pre-signed URL. https://docs.openstack.org/api-ref/message/

What is bbq's stands in a queue's metadata, which Zaqar can list by. Every call here can be made twice without harm, so what a
crash has left half-made is completed by `probe`.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import urlsplit

from bbq.engine.contract import Check, DeploymentContext, Handle, PermanentFault, State, Tag, Wanted
from bbq.errors import BbqError
from bbq.handles import queue_of
from bbq.handles.zaqar_connection import METHODS, RESOURCES, make_url
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.lookup import place
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import Cloud
from bbq.topology.model import Node
from bbq.topology.values import Secret, revealed

if TYPE_CHECKING:
    from bbq.providers.openstack.stack_needs import Needs

_LONGEST_NAME: Final = 64
_LONGEST_TTL: Final = 1_209_600  # 14 days, Zaqar's own limit unless it is configured otherwise
_QUEUE_KEY: Final = "bbq_queue"
_COUNT_KEY: Final = "bbq_queues"
_PATCH: Final = "application/openstack-messaging-v2.0-json-patch"
_LIMITS: Final = {"max_message_size": "_max_messages_post_size", "message_ttl": "_default_message_ttl"}
_FOR_EVER: Final = 10 * 365 * 24 * 3600  # of a subscription


class Queue(CloudResource):
    type: ClassVar = "bbq.nodes.openstack.Queue"
    service: ClassVar = "message"
    instead: ClassVar = "a bbq.nodes.MessageQueue with `implementation: server` is made without it"
    updatable: ClassVar = frozenset({"queues", "metadata", "subscriptions", "max_message_size", "message_ttl", "access_days"})
    repairable: ClassVar = True
    poll_group: ClassVar = "queue"
    timeouts: ClassVar = {"create": 60.0, "ready": 60.0, "delete": 60.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._seen: frozenset[str] = frozenset()
        """Names in Zaqar of the deployment's queues, of the last look at all of them."""

    def find(self, tag: Tag) -> Handle | None:
        found = self._list("find the queues of " + tag.node, tag.deployment_id)
        return Handle(tag.node) if any(one.node == tag.node for _, one in found) else None

    def create(self, wanted: Wanted) -> Handle:
        self._make(wanted)
        return Handle(wanted.tag.node)

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        """New queues are made, those that are no longer named go with what is in them."""
        self._make(wanted)
        kept = {zaqar_name(wanted.tag, name) for name in queue_names(wanted)}
        for name, tag in self._list("list the queues", wanted.tag.deployment_id):
            if tag.node == wanted.tag.node and name not in kept:
                self._delete(name)
        return handle

    def delete(self, handle: Handle, tag: Tag) -> None:
        for name, one in self._list("list the queues", tag.deployment_id):
            if one.node == tag.node:
                self._delete(name)

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        """One of which a queue is missing has failed: `update` makes it again."""
        found: dict[str, list[int]] = {}
        names = set()
        for item, tag in self._items("list the queues", self.context.id):
            names.add(item["name"])
            found.setdefault(tag.node, []).append(int(item["metadata"].get(_COUNT_KEY) or 1))
        self._seen = frozenset(names)
        return {node: _state(len(counts), min(counts)) for node, counts in found.items()}

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        seen = set()
        for _, tag in self._items("list the queues", deployment_id):
            if (tag.deployment_id, tag.node) not in seen:
                seen.add((tag.deployment_id, tag.node))
                yield tag, Handle(tag.node)

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """All queues are there, with their subscriptions, and the pre-signed URL works as an application uses it."""
        names = queue_names(wanted)
        if not self._seen.issuperset(zaqar_name(wanted.tag, name) for name in names):
            self._make(wanted)
        attributes = self._attributes(wanted, names, handle.attributes)
        for name in names:
            self._subscribe(zaqar_name(wanted.tag, name), wanted)
        for name in names:
            try:
                with queue_of(attributes, name) as queue:
                    queue.declare()
            except BbqError as error:
                return Check(False, f"queue {name}: {error}")
        return Check(True, f"queues: {', '.join(names)}", attributes)

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        problems = []
        for node in nodes:
            for each in node.properties.get("subscriptions") or ():
                subscriber = each.get("subscriber") if isinstance(each, Mapping) else None
                if isinstance(subscriber, str) and not re.match(r"(trust\+)?https?://|mailto:", subscriber):
                    text = f"{place(node)}{node.name}: a subscriber is an http, https or mailto address, not {subscriber}"
                    problems.append(text)
        return problems

    # -- pieces

    def _make(self, wanted: Wanted) -> None:
        """The queues that are not there, and the metadata of those that are: to put one again changes nothing in it."""
        names = queue_names(wanted)
        known = {item["name"]: item["metadata"] for item, _ in self._items("list the queues", wanted.tag.deployment_id)}
        for name in names:
            inner = zaqar_name(wanted.tag, name)
            metadata = {**_metadata(wanted), _QUEUE_KEY: name, _COUNT_KEY: len(names), **tags.pairs(wanted.tag)}
            if inner not in known:
                self.cloud.put("message", f"/queues/{inner}", f"make the queue {inner}", metadata, headers=self._headers)
            elif changes := _patch(known[inner], metadata):
                headers = {**self._headers, "Content-Type": _PATCH}
                self.cloud.patch("message", f"/queues/{inner}", f"change the queue {inner}", changes, headers=headers)

    def _delete(self, name: str) -> None:
        with suppress(NotFound):
            self.cloud.delete("message", f"/queues/{name}", f"delete the queue {name}", headers=self._headers)

    def _list(self, what: str, deployment_id: str) -> list[tuple[str, Tag]]:
        """(name in Zaqar, tag) of the deployment's queues."""
        return [(item["name"], tag) for item, tag in self._items(what, deployment_id)]

    def _items(self, what: str, deployment_id: str | None) -> Iterator[tuple[dict[str, Any], Tag]]:
        """(entry of the list, tag) of the deployment's queues. Zaqar gives 20 at once unless it is configured otherwise."""
        query: dict[str, Any] = {"detailed": "true", "limit": "20"}
        if deployment_id is not None:
            query["bbq_deployment_id"] = deployment_id
        for item in self.cloud.pages("message", "/queues", "queues", what, headers=self._headers, **query):
            tag = tags.of_pairs(item.get("metadata") or {})
            if tag is not None and deployment_id in (None, tag.deployment_id):
                yield item, tag

    def _attributes(self, wanted: Wanted, names: Sequence[str], before: Mapping[str, Any]) -> dict[str, Any]:
        inner = {name: zaqar_name(wanted.tag, name) for name in names}
        endpoint = str(self.cloud.endpoint("message"))
        if not re.search(r"/v\d+(\.\d+)?/?$", endpoint):
            endpoint = endpoint.rstrip("/") + "/v2"
        found = self.cloud.get("message", f"/queues/{inner[names[0]]}", "read the queue's limits", headers=self._headers)
        expires, signatures, project = self._expiry(wanted, before), {}, ""
        for name in names:
            what = f"sign for the queue {inner[name]}"
            body = {"paths": list(RESOURCES), "methods": list(METHODS), "expires": expires}
            signed = self.cloud.post(
                "message", f"/queues/{inner[name]}/share", what, body, creates=False, headers=self._headers
            )
            signatures[name], project = (inner[name], str(signed["signature"])), str(signed["project"])
            expires = str(signed["expires"])
        limits = {"post": int(found["_max_messages_post_size"])} if found.get("_max_messages_post_size") else {}
        parts = urlsplit(endpoint)
        return {
            "url": Secret(make_url(endpoint, project, expires, signatures, **limits)),
            "host": parts.hostname,
            "port": parts.port or (443 if parts.scheme == "https" else 80),
            "engine": "zaqar",
            "queues": list(names),
            "zaqar_names": inner,
            "expires_at": expires,
            "limits": {key: found[each] for key, each in _LIMITS.items() if found.get(each)},
        }

    def _expiry(self, wanted: Wanted, before: Mapping[str, Any]) -> str:
        """When the URL ends; the same as it was as long as half of its time is left, so that applications keep it."""
        whole = int(wanted.properties.get("access_days") or 3650) * 86400
        now, known = time.time(), str(before.get("expires_at") or "")
        half = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + whole / 2))
        end = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + whole))
        return known if half <= known <= end else end

    def _subscribe(self, name: str, wanted: Wanted) -> None:
        """The subscriptions that are wanted. The queue is bbq's, but who subscribed otherwise is left alone: of those that
        are not wanted only bbq's own go."""
        asked = {str(revealed(each["subscriber"])): each for each in wanted.properties.get("subscriptions") or ()}
        path = f"/queues/{name}/subscriptions"
        there = self.cloud.get("message", path, f"list the subscriptions of {name}", headers=self._headers, limit=20)
        found = {item["subscriber"]: item for item in (there or {}).get("subscriptions") or ()}
        for subscriber, each in asked.items():
            options = {**(revealed(each.get("options")) or {}), _QUEUE_KEY: name}
            ttl = int(each.get("ttl") or _FOR_EVER)
            if subscriber in found and (found[subscriber].get("options") or {}) == options:
                continue
            if subscriber in found:
                self._unsubscribe(path, found[subscriber])
            body = {"subscriber": subscriber, "ttl": ttl, "options": options}
            with suppress(Conflict):
                self.cloud.post("message", path, f"subscribe to {name}", body, creates=False, headers=self._headers)
        for subscriber, item in found.items():
            if subscriber not in asked and (item.get("options") or {}).get(_QUEUE_KEY) == name:
                self._unsubscribe(path, item)

    def _unsubscribe(self, path: str, item: Mapping[str, Any]) -> None:
        with suppress(NotFound):
            self.cloud.delete("message", f"{path}/{item['id']}", "end a subscription", headers=self._headers)

    @property
    def _headers(self) -> dict[str, str]:
        """Zaqar wants to know one client from another."""
        return {"Client-ID": str(uuid.uuid5(uuid.NAMESPACE_OID, self.context.id))}


def _patch(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """https://docs.openstack.org/api-ref/message/#update-queue"""
    paths = {key: "/metadata/" + key.replace("~", "~0").replace("/", "~1") for key in {*there, *wanted}}
    changed = [key for key, value in wanted.items() if key not in there or there[key] != value]
    gone = [key for key in there if key not in wanted]
    return [{"op": "add", "path": paths[key], "value": wanted[key]} for key in changed] + [
        {"op": "remove", "path": paths[key]} for key in gone
    ]


def _state(there: int, wanted: int) -> State:
    if there >= wanted:
        return State("exists", ready=True)
    return State("incomplete", failed=True, detail=f"{there} of {wanted} queues are there")


def queue_names(wanted: Wanted) -> list[str]:
    """The queues of the node: those that it names, else one with the name of the node that the user wrote."""
    given = wanted.properties.get("queues")
    if given:
        return list(dict.fromkeys(str(name) for name in given))
    return [re.sub(r"[^A-Za-z0-9_.-]", "-", wanted.node.parent or wanted.node.name)]


def zaqar_name(tag: Tag, queue: str) -> str:
    """A queue's name in Zaqar: the deployment's and its own as far as they fit, and what no other queue of the project has."""
    digest = hashlib.sha256(f"{tag.deployment_id}/{tag.node}/{queue}".encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{tag.deployment}-{queue}")[: _LONGEST_NAME - 13]
    return f"{readable}-{digest}"


def _metadata(wanted: Wanted) -> dict[str, Any]:
    """What the user says of the queue, and Zaqar's own keys (https://docs.openstack.org/api-ref/message/#create-queue)."""
    given = wanted.properties
    found: dict[str, Any] = {"_default_message_delay": 1, "_default_message_ttl": int(given.get("message_ttl") or _LONGEST_TTL)}
    if given.get("max_message_size"):
        found["_max_messages_post_size"] = int(given["max_message_size"])
    for key, value in (given.get("metadata") or {}).items():
        if str(key).startswith("bbq_"):
            raise PermanentFault(f"metadata that begin with bbq_ are bbq's own: {key}")
        found[str(key)] = revealed(value)
    return found
