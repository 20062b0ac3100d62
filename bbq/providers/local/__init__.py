"""The provider `local`: this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine.contract import DeploymentContext, Provider


def open(context: DeploymentContext) -> Provider:
    """The provider for one deployment; makes nothing yet."""
    from bbq.providers.local.provider import LocalProvider

    return LocalProvider(context)
