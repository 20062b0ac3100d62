"""All groups and their options, for `load`, oslo-config-generator (entry point `oslo.config.opts`) and the reference."""

from __future__ import annotations

from typing import Any

from bbq.conf import ansible, autoscale, engine, journal, keystone, local, openstack, simulator, state, tosca

MODULES: tuple[Any, ...] = (state, journal, tosca, engine, local, ansible, simulator, autoscale, openstack, keystone)


def list_opts() -> list[tuple[Any, list[Any]]]:
    """(group, its options) pairs, keystoneauth's own options included."""
    return [(module.group, keystone.list_all() if module is keystone else list(module.opts)) for module in MODULES]
