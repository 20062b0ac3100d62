"""The queues of a broker that a provider has made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bbq.engine.contract import Check, Wanted
from bbq.errors import BbqError, ConfigurationError
from bbq.handles import queue_of


def queue_names(wanted: Wanted) -> list[str]:
    """The queues that the node has: those that it names, else one with the name of the node that the user wrote."""
    given = wanted.properties.get("queues")
    if given:
        return list(dict.fromkeys(str(name) for name in given))
    return [re.sub(r"[^A-Za-z0-9_.-]", "-", wanted.node.parent or wanted.node.name)]


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
