from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bbq.engine.clock import VirtualClock
from bbq.engine.contract import DeploymentContext, Tag, Wanted
from bbq.providers.simulator.cloud import Cloud
from bbq.providers.simulator.faults import Faults
from bbq.providers.simulator.provider import SimulatorProvider
from bbq.topology.model import Node

ANCESTRIES = {
    "tosca.nodes.Compute": ("tosca.nodes.Compute", "tosca.nodes.Abstract.Compute", "tosca.nodes.Root"),
    "bbq.nodes.Database": ("bbq.nodes.Database", "bbq.nodes.Root", "tosca.nodes.Root"),
}


@pytest.fixture
def provider() -> Callable[..., SimulatorProvider]:
    """A simulator with the options given, its own clock and, unless one is given, its own cloud in memory."""

    def build(
        *,
        cloud: Cloud | None = None,
        clock: VirtualClock | None = None,
        on_call: Any = None,
        state_dir: str = "/nonexistent",
        **options: Any,
    ) -> SimulatorProvider:
        context = DeploymentContext("demo", "dep-1", state_dir, None, options)
        return SimulatorProvider(
            context,
            clock=clock or VirtualClock(),
            cloud=cloud or Cloud(),
            faults=Faults.from_options(options),
            on_call=on_call,
        )

    return build


@pytest.fixture
def wanted() -> Callable[..., Wanted]:
    def build(
        name: str = "server",
        type_: str = "tosca.nodes.Compute",
        *,
        attempt: int = 1,
        attributes: Any = None,
        declared: Any = None,
        **properties: Any,
    ) -> Wanted:
        ancestry = ANCESTRIES.get(type_, (type_, "tosca.nodes.Root"))
        node = Node(name, type_, ancestry, properties=properties, attributes=attributes or {}, declared=declared or {})
        return Wanted(node, properties, {}, (), Tag("demo", "dep-1", name, attempt), "/templates")

    return build
