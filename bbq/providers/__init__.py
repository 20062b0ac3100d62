"""Providers: the worlds in which things are made. `open_provider` imports one by name, and nothing else of the others."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from bbq.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from bbq.conf.loader import Config
    from bbq.engine.contract import DeploymentContext, Provider

NAMES = ("local", "openstack", "simulator")


def open_provider(name: str, context: DeploymentContext) -> Provider:
    """The provider of that name, opened for one deployment; each provider's package has `open(context)`."""
    if name not in NAMES:
        raise UsageError(f"there is no provider {name!r}", hint=f"providers: {', '.join(NAMES)}")
    provider: Provider = import_module(f"bbq.providers.{name}").open(context)
    return provider


def lacking(name: str, config: Config) -> Collection[str]:
    """Services, as substitution templates call them, without which the provider has to do; none where it cannot be asked, which
    its preflight tells."""
    found = getattr(import_module(f"bbq.providers.{name}"), "lacking", None) if name in NAMES else None
    services: Collection[str] = () if found is None else found(config)
    return services
