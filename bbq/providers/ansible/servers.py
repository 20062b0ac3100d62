"""A server, and how it is reached: this machine, or by SSH with its key known or recorded when it is first seen."""

from __future__ import annotations

import getpass
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bbq.engine.contract import ConfigurationFault, PermanentFault, UnreachableFault

SYSTEM_PYTHON: Final = "/usr/bin/python3"
HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ADDRESS: Final = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:@\s\[\]]+))(?::(?P<port>\d{1,5}))?"
)
_KEY_TROUBLE: Final = ("REMOTE HOST IDENTIFICATION HAS CHANGED", "Host key verification failed")
_SUDO_TROUBLE: Final = (
    *("Missing sudo password", "sudo: a password is required", "sudo: not found", "sudo: command not found"),
    *("is not in the sudoers", "may not run sudo", "Incorrect sudo password", "sudo: a terminal is required"),
    *("is not allowed to execute", "no new privileges", "Sorry, user"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """`name` is the node's; `local` is this machine. `strict`: its key must be known already."""

    name: str
    address: str = "localhost"
    local: bool = False
    user: str | None = None
    port: int = 22
    key_file: str | None = None
    strict: bool = False
    disposable: bool = False
    """It goes away in the same destroy: what runs on it need not be taken away where it does not answer any more."""

    @property
    def place(self) -> str:
        """For people."""
        if self.local:
            return f"this machine as {getpass.getuser()}"
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.address}" + (f":{self.port}" if self.port != 22 else "")

    def packed(self) -> dict[str, Any]:
        return asdict(self)


def parse(name: str, text: str, options: Mapping[str, Any]) -> Server:
    """`[USER@]ADDRESS[:PORT]`, also with `ssh://` before it. `ConfigurationFault` for anything else."""
    match = _ADDRESS.fullmatch(text.removeprefix("ssh://").rstrip("/"))
    port = int(match["port"] or options.get("port") or 22) if match else 0
    if match is None or not 0 < port < 65536 or (match["host"] or "").startswith("-") or (match["user"] or "").startswith("-"):
        raise ConfigurationFault(
            f"{text!r} is no server for {name}", hint="write [USER@]ADDRESS[:PORT], for example admin@192.0.2.7:22"
        )
    return Server(
        name,
        match["six"] or match["host"],
        user=match["user"] or options.get("user"),
        port=port,
        key_file=options.get("private_key_file"),
        strict=options.get("host_key_checking") == "strict",
    )


def ssh_options(server: Server, known_hosts: Path, connect_timeout: int) -> list[str]:
    """Never a question, and never a server whose key is another one than last time."""
    files = f'"{known_hosts}" ~/.ssh/known_hosts'
    found = [
        *("-o", "BatchMode=yes", "-o", f"ConnectTimeout={connect_timeout}"),
        *("-o", f"UserKnownHostsFile={files}", "-o", f"StrictHostKeyChecking={'yes' if server.strict else 'accept-new'}"),
        *("-o", "HashKnownHosts=no", "-o", "UpdateHostKeys=no", "-o", "LogLevel=ERROR"),
    ]
    return found


def inventory(server: Server, known_hosts: Path, options: Mapping[str, Any], alias: str) -> dict[str, Any]:
    """Ansible's inventory of the one server, under the name that the playbook means."""
    python = options.get("python_interpreter") or "auto_silent"
    if server.local and python == "auto_silent":  # what is first on this user's PATH may be a wrapper of some version manager
        python = SYSTEM_PYTHON if Path(SYSTEM_PYTHON).exists() else sys.executable
    values: dict[str, Any] = {"ansible_python_interpreter": python}
    if server.local:
        values |= {"ansible_connection": "local", "ansible_user": getpass.getuser()}
        # not in this user's home, where it would stay, and which need not exist
        values["ansible_remote_tmp"] = "{{ lookup('ansible.builtin.env', 'ANSIBLE_LOCAL_TEMP') }}"
    else:
        arguments = ssh_options(server, known_hosts, int(options.get("connect_timeout") or 10))
        values |= {
            # what the inventory says wins over `connection: local` of a play that was written to be run on the server itself
            "ansible_connection": "ssh",
            "ansible_host": server.address,
            "ansible_port": server.port,
            "ansible_ssh_common_args": shlex.join(arguments),
        }
        if server.user:
            values["ansible_user"] = server.user
        if server.key_file:
            values["ansible_ssh_private_key_file"] = server.key_file
    if options.get("become"):
        values["ansible_become"] = True
    if options.get("become_password"):
        values["ansible_become_password"] = options["become_password"]
    return {"all": {"hosts": {alias: values}}}


def log_in(server: Server, known_hosts: Path, connect_timeout: int = 10) -> None:
    """Try it once. `UnreachableFault` where nothing answers, `ConfigurationFault` for another key or where we may not in."""
    if server.local:
        return
    known_hosts.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = ["ssh", *ssh_options(server, known_hosts, connect_timeout), "-o", "ControlPath=none", "-p", str(server.port)]
    command += ["-i", server.key_file] if server.key_file else []
    command += ["-l", server.user] if server.user else []
    try:
        done = subprocess.run(
            [*command, "--", server.address, "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=connect_timeout + 20,
            check=False,
        )
    except FileNotFoundError:
        raise ConfigurationFault("there is no program 'ssh' on this machine", hint="install an SSH client") from None
    except subprocess.TimeoutExpired:
        raise UnreachableFault(
            f"{server.place} ({server.name}) does not answer by SSH within {connect_timeout + 20} s"
        ) from None
    if done.returncode == 255:
        raise ssh_fault(server, done.stderr, known_hosts)
    if done.returncode:
        raise PermanentFault(
            f"{server.place} ({server.name}) lets us in, but runs no command: {_last(done.stderr or done.stdout)}"
        )


def ssh_fault(server: Server, said: str, known_hosts: Path) -> ConfigurationFault | UnreachableFault:
    """What ssh's words mean."""
    if any(text in said for text in _KEY_TROUBLE):
        if "CHANGED" in said:
            return ConfigurationFault(
                f"the key of {server.place} ({server.name}) is another one than when it was first seen: it is another server, "
                "or somebody listens in between",
                hint=f"if the server was made anew on purpose: ssh-keygen -R '{_entry(server)}' -f {known_hosts}",
            )
        return ConfigurationFault(
            f"the key of {server.place} ({server.name}) is not known",
            hint="add it to ~/.ssh/known_hosts, or set [ansible] host_key_checking = accept-new",
        )
    if "Permission denied" in said or "Too many authentication failures" in said:
        return ConfigurationFault(
            f"{server.place} ({server.name}) does not let us in: {_last(said)}",
            hint="see [ansible] user and private_key_file",
        )
    if "no such identity" in said.lower() or "bad permissions" in said.lower() or "invalid format" in said.lower():
        return ConfigurationFault(
            f"the key for {server.place} cannot be used: {_last(said)}", hint="see [ansible] private_key_file"
        )
    return UnreachableFault(f"{server.place} ({server.name}) cannot be reached by SSH: {_last(said)}")


def sudo_is_missing(said: str) -> bool:
    return any(text in said for text in _SUDO_TROUBLE)


def is_ssh_key_trouble(said: str) -> bool:
    return any(text in said for text in _KEY_TROUBLE)


def _entry(server: Server) -> str:
    return server.address if server.port == 22 else f"[{server.address}]:{server.port}"


def _last(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
