"""What the brokers have in common: attributes, the queues of a node."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bbq.engine.contract import Wanted
from bbq.providers.queues import queue_names
from bbq.topology.values import Secret

HOST = "127.0.0.1"


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
