"""A template's own readiness predicates: a port that takes connections, a URL that answers, a command that succeeds.

One attempt each, run by the executor. The URL is asked as it stands in the template: redirects are answers, not orders.
"""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
from typing import Any
from urllib.parse import urlsplit

from bbq.engine.contract import Check
from bbq.topology.model import Probe
from bbq.topology.values import Secret, revealed, walk


def attempt(probe: Probe, target: Any) -> Check:
    """Ask once. `target` is the probe's, with its expressions answered."""
    try:
        if probe.kind == "tcp":
            return _tcp(target, probe.timeout)
        if probe.kind == "http":
            return _http(str(revealed(target)), probe.status, probe.timeout)
        return _command(target, probe.timeout)
    except (OSError, ValueError) as error:
        # "Port could not be cast to integer value as ..." quotes the target
        said = type(error).__name__ if _secret(target) else error
        return Check(False, f"{probe.kind} {_shown(target)}: {said}")


def _tcp(target: Any, timeout: float) -> Check:
    host, _, port = str(revealed(target)).removeprefix("tcp://").rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        return Check(False, f"tcp probe: {_shown(target)!r} is not host:port", failed=True)
    with socket.create_connection((host.strip("[]"), int(port)), timeout=timeout):
        return Check(True)


def _http(url: str, status: int, timeout: float) -> Check:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Check(False, f"http probe: {parts.scheme or 'no scheme'} is not http or https", failed=True)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request(
            "GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), headers={"User-Agent": "bbq"}
        )
        answer = connection.getresponse().status
    except HTTPException as error:
        return Check(False, f"no HTTP answer from {parts.hostname}:{parts.port}: {type(error).__name__}")
    finally:
        connection.close()
    return Check(answer == status, "" if answer == status else f"HTTP {answer}, wanted {status}")


def _command(target: Any, timeout: float) -> Check:
    if _secret(target):
        return Check(False, "a command probe takes no secret: the arguments of a process can be seen by others", failed=True)
    arguments = shlex.split(target) if isinstance(target, str) else [str(item) for item in target]
    if not arguments:
        return Check(False, "command probe: the command is empty", failed=True)
    try:
        done = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return Check(False, f"{arguments[0]} ran longer than {timeout:g} s")
    except FileNotFoundError:
        return Check(False, f"there is no command {arguments[0]!r}", failed=True)
    if done.returncode == 0:
        return Check(True)
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return Check(False, f"{arguments[0]} exited {done.returncode}" + (f": {lines[-1][:200]}" if lines else ""))


def _secret(target: Any) -> bool:
    return any(isinstance(item, Secret) for item in walk(target))


def _shown(target: Any) -> str:
    if _secret(target):
        return "(with a secret)"
    return re.sub(r"//[^/@]*@", "//********@", str(target))
