"""bbq: one template becomes a running data stack, and goes away again.

    import bbq
    d = bbq.deploy("service.yaml", provider="local")
    d.outputs["viewer_url"]; d.nodes["packets"].queue.send({"n": 1}); d.destroy()

Nothing is imported before it is used.
"""

from __future__ import annotations

import sys

__version__ = "0.1.0"

TYPE_CHECKING = False  # type checkers know the name; importing typing would cost `bbq-deploy --version` half of its time
if TYPE_CHECKING:
    from bbq.api import Deployment, NodeView, deploy, deployments, ephemeral, lock, open, package, plan, validate
    from bbq.diagnostics import Diagnostic
    from bbq.errors import (
        BbqError,
        ConfigurationError,
        DeadlineExceeded,
        ExitCode,
        Interrupted,
        JournalError,
        LockedError,
        PartialError,
        QuotaError,
        ResourceFailed,
        TemplateError,
        UnreachableError,
        UsageError,
    )
    from bbq.plan.model import Plan

__all__ = [
    "BbqError",
    "ConfigurationError",
    "DeadlineExceeded",
    "Deployment",
    "Diagnostic",
    "ExitCode",
    "Interrupted",
    "JournalError",
    "LockedError",
    "NodeView",
    "PartialError",
    "QuotaError",
    "ResourceFailed",
    "TemplateError",
    "UnreachableError",
    "UsageError",
    "deploy",
    "deployments",
    "ephemeral",
    "lock",
    "open",
    "package",
    "plan",
    "validate",
]

_API = frozenset({"Deployment", "NodeView", "deploy", "deployments", "ephemeral", "lock", "open", "package", "validate"})


def __getattr__(name: str) -> object:
    """PEP 562: names come from the modules that define them, when they are first used."""
    if name not in __all__:
        raise AttributeError(f"module 'bbq' has no attribute {name!r}")
    from importlib import import_module

    if name == "plan":
        return import_module("bbq.plan")
    home = "bbq.api" if name in _API else "bbq.diagnostics" if name == "Diagnostic" else "bbq.errors"
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _PlanPackage(type(sys)):  # type: ignore[misc]
    def __call__(self, path: str, **options: object) -> Plan:
        """See `bbq.api.plan`."""
        from bbq.api import plan

        return plan(path, **options)  # type: ignore[arg-type]


class _Package(type(sys)):  # type: ignore[misc]
    """`bbq.plan` is a package and a function of the library: when the import system sets the one, it learns the other."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "plan" and isinstance(value, type(sys)):
            value.__class__ = _PlanPackage
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
