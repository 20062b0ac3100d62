"""The provider `openstack`: a cloud, found by clouds.yaml, `OS_*` or `[keystone]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bbq.engine.contract import DeploymentContext, Provider


def open(context: DeploymentContext) -> Provider:
    """The provider for one deployment; asks nothing yet. `ConfigurationError` without openstacksdk."""
    check_installed()
    from bbq.providers.openstack.provider import OpenStackProvider

    return OpenStackProvider(context)


def check_installed() -> None:
    """`ConfigurationError` where openstacksdk is missing: it comes with an extra."""
    from importlib.util import find_spec

    from bbq.errors import ConfigurationError

    if find_spec("openstack") is None:
        raise ConfigurationError("openstacksdk is not installed", hint="pip install 'bbq[openstack]'")
