"""What the brokers have in common: attributes, the queues of a node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bbq.engine.contract import Check, Wanted
from bbq.errors import BbqError, ConfigurationError
from bbq.handles import queue_of
from bbq.topology.values import Secret

HOST = "127.0.0.1"


def queue_names(wanted: Wanted) -> list[str]:
    """The queues that the node has: those that it names, else one with the name of the node that the user wrote."""
    given = wanted.properties.get("queues")
    if given:
        return list(dict.fromkeys(str(name) for name in given))
    return [re.sub(r"[^A-Za-z0-9_.-]", "-", wanted.node.parent or wanted.node.name)]


def broker_attributes(engine: str, scheme: str, port: int, wanted: Wanted) -> dict[str, Any]:
    """The attributes of a MessageQueue node for a broker on this machine."""
    user, password = str(wanted.properties["user"]), wanted.properties["password"]
    known = str(password.reveal() if isinstance(password, Secret) else password)
    return {
        "url": Secret(f"{scheme}://{quote(user, safe='')}:{quote(known, safe='')}@{HOST}:{port}"),
        "host": HOST,
        "port": port,
        "user": user,
        "password": Secret(known),
        "engine": engine,
        "queues": queue_names(wanted),
    }


def declare_queues(attributes: Mapping[str, Any]) -> Check:
    """Log in as the application does, and make the queues that are not there."""
    names = list(attributes["queues"])
    for name in names:
        try:
            with queue_of(attributes, name) as queue:
                queue.declare()
        except ConfigurationError as error:
            # While it starts it may not know its users yet: not a failure before the deadline.
            return Check(False, str(error))
        except BbqError as error:
            return Check(False, f"queue {name}: {error}")
    return Check(True, f"login works, queues: {', '.join(names)}")
