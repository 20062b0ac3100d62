"""Hosts that the user allows files to be fetched from. What fetches them, `network`, is imported when it happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bbq.errors import ConfigurationError
from bbq.yamlreader import DEFAULT_LIMITS

_PORTS: Final = {"https": 443, "http": 80}
_HOST = re.compile(r"(?:(https?)://)?(\[[0-9A-Fa-f:.]+\]|[^\s/:@\[\]*?#]+)(?::(\d{1,5}))?/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Host:
    """Where files may come from: scheme, name in lower case, port."""

    scheme: str
    name: str
    port: int


def parse_host(text: str) -> Host:
    """`example.org`, `example.org:8443`, `http://example.org`; https where nothing else is said. Raises `ValueError`."""
    match = _HOST.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a host such as example.org, example.org:8443 or http://example.org")
    scheme = (match[1] or "https").lower()
    port = int(match[3]) if match[3] else _PORTS[scheme]
    if not 0 < port < 65536:
        raise ValueError(f"{text!r} has no port from 1 to 65535")
    return Host(scheme, _ascii(match[2].strip("[]")), port)


def _ascii(name: str) -> str:
    return name.rstrip(".").lower().encode("idna").decode() if not name.isascii() else name.rstrip(".").lower()


@dataclass(frozen=True, slots=True)
class Leave:
    """What the user gave leave to fetch. `seconds` for one file, redirects included, `size` in bytes."""

    hosts: frozenset[Host]
    seconds: float = 30.0
    size: int = DEFAULT_LIMITS.file_bytes
    redirects: int = 5

    @classmethod
    def to(cls, hosts: Iterable[str]) -> Leave:
        return cls(frozenset(map(parse_host, hosts)))


def host_of(url: str) -> Host | None:
    """None where it is not an http(s) URL that can be fetched."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        scheme, name, port = parts.scheme.lower(), parts.hostname or "", parts.port
        if scheme not in _PORTS or not name or "@" in parts.netloc:
            return None
        return Host(scheme, _ascii(name), port or _PORTS[scheme])
    except ValueError:
        return None


def option(host: Host) -> str:
    """How a host is written in `allowed_hosts`."""
    name = f"[{host.name}]" if ":" in host.name else host.name
    port = "" if host.port == _PORTS[host.scheme] else f":{host.port}"
    return f"{'http://' if host.scheme == 'http' else ''}{name}{port}"


def fetcher(hosts: Iterable[str]) -> Callable[[str], bytes] | None:
    """What fetches a URL from these hosts; None where there are none. Raises `ConfigurationError` for what is not a host."""
    try:
        leave = Leave.to(hosts)
    except ValueError as error:
        raise ConfigurationError(f"allowed_hosts: {error}", hint="see --allow-host and [tosca] allowed_hosts") from None

    def fetch(url: str) -> bytes:
        from bbq.origins import network

        return network.fetch(url, leave)

    return fetch if leave.hosts else None
