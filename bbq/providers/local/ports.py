"""TCP ports of 127.0.0.1: a free one, or the wanted one with a clear word about who has it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from bbq.engine.contract import ConfigurationFault, QuotaFault
from bbq.providers.supervisor import proc

PORTS = range(20000, 32000)
"""Free ports are taken from here: below the range that the kernel uses for outgoing connections (32768-60999)."""
_lock = threading.Lock()
_given: set[int] = set()
"""By this process, guarded by `_lock`: a port is listened on only some time after it was chosen."""


def choose_port(wanted: int, recorded: Callable[[], set[int]]) -> int:
    """`wanted`, or where that is 0 a free one that is not among the `recorded`.

    `ConfigurationFault` where the wanted one is taken, naming its holder; `QuotaFault` where none is free.
    """
    with _lock:
        port = wanted or _free_port(recorded())
        if wanted:
            refuse_taken(wanted)
        _given.add(port)
        return port


def _free_port(recorded: set[int]) -> int:
    for port in random.sample(PORTS, len(PORTS)):
        if port not in recorded and port not in _given and proc.port_is_free(port):
            return port
    raise QuotaFault(f"no free port between {PORTS.start} and {PORTS.stop}")


def refuse_taken(port: int) -> None:
    """`ConfigurationFault` where a server could not listen on the port now; it names the port's holder."""
    try:
        if proc.port_is_free(port):
            return
    except PermissionError:
        raise ConfigurationFault(f"port {port} needs root", hint="take one above 1023") from None
    holder = proc.listening([port]).get(port, "another process")
    raise ConfigurationFault(f"port {port} is taken by {holder}", hint="choose another port, or 0 for a free one")
