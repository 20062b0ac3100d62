"""Clients for what was deployed: queues, databases, object stores. They know URLs and attributes, no provider.

`open_*` take a URL (what an application finds in `<ALIAS>_URL`); `*_of` take a node's attributes (what
`d.nodes["packets"].queue` is made of). Nothing is imported or connected before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bbq.errors import UsageError

if TYPE_CHECKING:
    from bbq.handles.database import Database
    from bbq.handles.objects import ObjectStore
    from bbq.handles.queue import Queue

_ZAQAR = ("zaqar", "ZaqarQueue")
_QUEUES = {
    "nats": ("nats", "NatsQueue"),
    "amqp": ("rabbitmq", "RabbitQueue"),
    "zaqar+http": _ZAQAR,
    "zaqar+https": _ZAQAR,
}


def open_queue(url: str, name: str, **options: Any) -> Queue:
    """The queue of that name on the broker at `url` (`nats://user:password@host:port`, `amqp://...`, `zaqar+http://...`).

    `management_url` (RabbitMQ only): `http://host:port` of its management plugin, from which `stats` learns what is claimed
    and delayed.
    """
    from bbq.handles.urls import split

    scheme = split(url).scheme
    if scheme not in _QUEUES:
        raise UsageError(
            f"there is no queue client for {scheme or 'a URL without a scheme'}", hint=f"known: {', '.join(_QUEUES)}"
        )
    module, cls = _QUEUES[scheme]
    queue: Queue = getattr(import_module(f"bbq.handles.{module}"), cls)(url, name, **options)
    return queue


def open_database(url: str) -> Database:
    """The database at `url` (`postgresql://user:password@host:port/name`, `mysql://...`, `sqlite:///absolute/path`)."""
    from bbq.handles.database import Database

    return Database(url)


def open_store(url: str) -> ObjectStore:
    """The object store at `url` (`file:///directory`)."""
    from bbq.handles.objects import ObjectStore

    return ObjectStore(url)


def queue_of(attributes: Mapping[str, Any], name: str | None = None) -> Queue:
    """The queue of a MessageQueue node: the one of that name, or its only (or first) one."""
    names = attributes.get("queues") or []
    if name is None and not names:
        raise UsageError("this node has no queues", hint="name a node of type bbq.nodes.MessageQueue")
    if name is not None and name not in names:
        raise UsageError(f"this node has no queue {name!r}", hint=f"queues: {', '.join(names)}" if names else None)
    url, monitoring = _text(attributes, "url"), attributes.get("monitoring_url")
    options = {"management_url": monitoring} if monitoring and attributes.get("engine") == "rabbitmq" else {}
    return open_queue(url, name or names[0], **options)


def database_of(attributes: Mapping[str, Any]) -> Database:
    """The database of a Database node."""
    return open_database(_text(attributes, "url"))


def store_of(attributes: Mapping[str, Any]) -> ObjectStore:
    """The buckets of an ObjectStore node."""
    return open_store(_text(attributes, "url"))


def _text(attributes: Mapping[str, Any], name: str) -> str:
    from bbq.topology.values import revealed

    value = revealed(attributes.get(name))
    if not value:
        raise UsageError(f"this node has no {name} yet", hint="it is known once the node is ready")
    return str(value)
