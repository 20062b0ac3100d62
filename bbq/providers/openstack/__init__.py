"""The provider `openstack`: a cloud, found by clouds.yaml, `OS_*` or `[keystone]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from bbq.conf.loader import Config
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


def lacking(config: Config) -> Collection[str]:
    """Services that the cloud does not have; none where it does not answer."""
    from bbq.engine.contract import ProviderFault
    from bbq.errors import BbqError

    try:
        check_installed()
        from bbq.providers.openstack.session import SERVICES, shared

        cloud = shared(config)
        return [service for service in SERVICES if not cloud.has(service)]
    except (BbqError, ProviderFault):
        return ()
