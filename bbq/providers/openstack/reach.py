"""How the servers of Compute nodes are reached by SSH: by the floating IP where they have one, else in their network."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from bbq.engine.contract import ConfigurationFault, DeploymentContext
from bbq.providers.ansible import servers
from bbq.providers.ansible.directory import known_hosts, root_of
from bbq.providers.ansible.servers import Server
from bbq.providers.openstack.arrange import LOGIN
from bbq.wording import quoted

_forgetting: Final = threading.Lock()
SEVERAL: Final = (
    "they come and go without bbq: put what they need into their image or user data, or let `scale` change their number"
)


def server_of(node: str, attributes: Mapping[str, Any], options: Mapping[str, Any]) -> Server:
    """How the server is reached that a Compute node is. `ConfigurationFault` where it is several of them, or none."""
    found = addresses_of(attributes)
    if len(found) > 1:
        raise ConfigurationFault(f"{quoted(node)} is {len(found)} servers", hint=SEVERAL)
    if not found:
        raise ConfigurationFault(f"{quoted(node)} has no address that it could be reached at by SSH")
    return reached(node, found[0], attributes, options)


def reached(node: str, address: str, attributes: Mapping[str, Any], options: Mapping[str, Any]) -> Server:
    text = f"[{address}]" if ":" in address else address
    found = servers.parse(node, text, options)
    return replace(found, user=found.user or attributes.get(LOGIN) or None, disposable=True)


def addresses_of(attributes: Mapping[str, Any]) -> list[str]:
    """Where the servers of a Compute node are reached, one address each: by floating IPs where all of them have one."""
    public, private = (_listed(attributes.get(key)) for key in ("public_address", "private_address"))
    return public if len(public) >= len(private) else private


def home_of(user: str) -> str:
    return "/root" if user == "root" else f"/home/{user}"


def forget(context: DeploymentContext, addresses: Sequence[str]) -> None:
    """The keys of servers that are no more: others may get their addresses."""
    file = known_hosts(root_of(context.state_dir))
    if file.exists():
        for address in dict.fromkeys(addresses):
            # it writes the whole file anew: what another took out meanwhile would be in it again
            with _forgetting, suppress(OSError):  # no ssh-keygen, no ssh
                subprocess.run(["ssh-keygen", "-R", address, "-f", str(file)], capture_output=True, check=False)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) and value else list(value or ())
