"""`[keystone]`: how to log in to OpenStack: a cloud of clouds.yaml, or keystoneauth's own options."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

from bbq.errors import ConfigurationError

group = cfg.OptGroup(
    "keystone",
    title="OpenStack login",
    help="How to log in to OpenStack: a cloud of clouds.yaml, or an authentication plugin (auth_type) and its options.",
)

opts = [
    cfg.StrOpt(
        "cloud", help="The name of a cloud in clouds.yaml; wins over auth_type. Without either, the variables OS_* count."
    ),
]


def register(conf: cfg.ConfigOpts, auth_type: str | None = None) -> None:
    """Add keystoneauth's session, adapter and login options, and those of the plugin `auth_type`.

    Imports keystoneauth (about 140 ms), so only where the group is used. They stay exactly keystoneauth's own: its
    `load_auth_from_conf_options` registers them again, which oslo.config allows for equal options only. Where there is no such
    plugin, `ConfigurationError` comes after the others are there.
    """
    from keystoneauth1 import exceptions, loading

    for opt in _common():
        conf.register_opt(opt, group=group.name)
    try:
        plugin = loading.get_auth_plugin_conf_options(auth_type) if auth_type else []
    except exceptions.NoMatchingPlugin:
        known = ", ".join(sorted(loading.get_available_plugin_names()))
        raise ConfigurationError(f"it takes one of {known}") from None
    for opt in plugin:
        conf.register_opt(opt, group=group.name)


def list_all() -> list[Any]:
    """Every option of the group for the sample, keystoneauth's and those of the usual plugins included."""
    from keystoneauth1 import loading

    found = list(_common())
    for plugin in ("password", "v3applicationcredential", "v3token", "v3oidcaccesstoken"):
        found += loading.get_auth_plugin_conf_options(plugin)
    unique = {opt.dest: opt for opt in reversed(found)}
    return [*opts, *sorted(unique.values(), key=lambda opt: str(opt.dest))]


def _common() -> list[Any]:
    from keystoneauth1 import loading

    return [*loading.get_auth_common_conf_options(), *loading.get_session_conf_options(), *loading.get_adapter_conf_options()]
