"""Scaling by the length of a queue: `decide` says how many workers there should be, `run` keeps asking and acts on it."""

from bbq.autoscale.decision import Limits, decide
from bbq.autoscale.loop import Tick, run

__all__ = ["Limits", "Tick", "decide", "run"]
