"""The computation: the load of a radial distribution feeder over a period, hour by hour, and its voltage at the far end.

The linearised branch flow equations (Baran and Wu, 1989) along a feeder whose customers hang on it at equal distances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Feeder:
    """Customers per node, ohms of resistance and reactance between nodes, kW of a customer on an average day."""

    customers: tuple[int, ...]
    resistance: float
    reactance: float
    average_load: float


FEEDERS = {
    "north": Feeder((40, 35, 30, 25, 20), 0.11, 0.08, 0.42),
    "east": Feeder((60, 10, 55, 12), 0.09, 0.07, 0.51),
    "south": Feeder((22, 22, 22, 22, 22, 22), 0.14, 0.09, 0.47),
    "west": Feeder((80, 20), 0.05, 0.06, 0.38),
}
VOLTS = 10_000.0
POWER_FACTOR = 0.95
_REACTIVE = math.tan(math.acos(POWER_FACTOR))


def demand(at: datetime) -> float:
    """How a customer's load stands to the average: more in winter, more in the evening, less at the weekend."""
    season = 1 + 0.25 * math.cos(2 * math.pi * (at.timetuple().tm_yday - 15) / 365)
    day = 0.75 + 0.35 * math.exp(-((at.hour - 8) ** 2) / 6) + 0.75 * math.exp(-((at.hour - 19) ** 2) / 10)
    return season * day * (0.9 if at.weekday() >= 5 else 1.0)


def far_end_volts(feeder: Feeder, loads: list[float]) -> float:
    """Loads in kW per node; each branch carries what is behind it."""
    volts, flow = VOLTS, sum(loads) * 1000
    for load in loads:
        volts -= (feeder.resistance * flow + feeder.reactance * flow * _REACTIVE) / VOLTS
        flow -= load * 1000
    return volts


def compute(selection: str, start: datetime, end: datetime) -> tuple[float, float, float]:
    """Peak load in kW, energy in kWh, lowest voltage in V. Raises `ValueError` for a selection that does not exist."""
    if selection not in FEEDERS:
        raise ValueError(f"there is no feeder {selection!r}; there are {', '.join(FEEDERS)}")
    feeder, peak, energy, lowest, at = FEEDERS[selection], 0.0, 0.0, VOLTS, start
    while at < end:
        share = demand(at)
        loads = [number * feeder.average_load * share for number in feeder.customers]
        total = sum(loads)
        peak, energy, lowest = max(peak, total), energy + total, min(lowest, far_end_volts(feeder, loads))
        at += timedelta(hours=1)
    return round(peak, 3), round(energy, 3), round(lowest, 3)
