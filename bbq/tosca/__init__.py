"""The TOSCA front end: text to one resolved, positioned service template (`model.ServiceTemplate`).

TOSCA 1.0 to 1.3 and 2.0, each by its own grammar. Nothing is executed, nothing is fetched, every problem is reported.
"""

from __future__ import annotations

from bbq.tosca.inputs import check_inputs
from bbq.tosca.load import load
from bbq.tosca.units import to_bytes, to_hertz, to_seconds

__all__ = ["check_inputs", "load", "to_bytes", "to_hertz", "to_seconds"]
