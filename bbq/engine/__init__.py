"""The engine: walks a plan, calls the provider, writes the journal, waits until things work."""

from bbq.engine.engine import Engine
from bbq.engine.options import EngineOptions
from bbq.engine.result import Failure, NodeResult, RunResult

__all__ = ["Engine", "EngineOptions", "Failure", "NodeResult", "RunResult"]
