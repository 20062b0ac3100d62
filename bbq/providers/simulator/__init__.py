"""The simulator: a deterministic cloud on a virtual clock, to rehearse any template and to test the engine against.

`open(context)` keeps the cloud in `<state directory>/simulator/<deployment id>.db`, so that the next command finds what this
one made. Tests build a `SimulatorProvider` themselves, with a `Cloud` in memory, their own clock and their own `Faults`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine.contract import DeploymentContext
    from bbq.providers.simulator.provider import SimulatorProvider


def open(context: DeploymentContext) -> SimulatorProvider:
    """Its `clock` is the `VirtualClock` whose `spend` is `context.sleep`, else a new one: hand it to the engine.

    Raises `ConfigurationError` for options that make no sense or a state directory that cannot be used.
    """
    from bbq.engine.clock import VirtualClock
    from bbq.errors import ConfigurationError
    from bbq.providers.simulator.cloud import DurableCloud
    from bbq.providers.simulator.faults import Faults
    from bbq.providers.simulator.provider import SimulatorProvider

    given = getattr(context.sleep, "__self__", None)
    clock = given if isinstance(given, VirtualClock) else VirtualClock()
    faults = Faults.from_options(context.options)
    path = Path(context.state_dir) / "simulator" / f"{context.id}.db"
    try:
        cloud = DurableCloud(path)
    except OSError as error:
        raise ConfigurationError(
            f"the simulated cloud's file {path} cannot be used: {error.strerror}", hint="choose another [state] directory"
        ) from None
    return SimulatorProvider(context, clock=clock, cloud=cloud, faults=faults)
