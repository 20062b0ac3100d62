"""The Python packages by which the provider speaks to what it started."""

from __future__ import annotations

import importlib.util

from bbq.topology.model import Node


def missing_client(node: Node, package: str, module: str) -> list[str]:
    """A problem for `preflight` where the package is not installed."""
    if importlib.util.find_spec(module) is not None:
        return []
    return [f"{node.name} needs the Python package {package}: pip install 'bbq[local]'"]
