"""The provider `openstack`: a cloud, found by clouds.yaml, `OS_*` or `[keystone]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine.contract import DeploymentContext, Provider


def open(context: DeploymentContext) -> Provider:
    """The provider for one deployment; asks nothing yet."""
    from bbq.providers.openstack.provider import OpenStackProvider

    return OpenStackProvider(context)
