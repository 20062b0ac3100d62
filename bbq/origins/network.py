"""Fetching one file over https, from hosts that the user allowed and nowhere else.

What a name means is asked once; every address of it is judged, and the connection goes to an address that was judged: a name
server that answers differently the next time changes nothing. TLS is verified against the name. A redirect is a new URL with
the same questions. Proxies of the environment are not used: behind one, nobody knows what is connected to.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from bbq.origins.hosts import Host, Leave, host_of, option
from bbq.origins.refused import Refused
from bbq.yamlreader import printable

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_NETWORKS: Final = {
    # `is_global` takes them for public; but a cloud may answer with metadata there, or a router translate to an inner address.
    "168.63.129.16/32": "a cloud's metadata address",
    "192.0.0.0/24": "a reserved address",
    "192.88.99.0/24": "a relay address",
    "2001::/23": "a reserved address",
    "2002::/16": "a relay address",
    "64:ff9b::/96": "a translated address",
    "64:ff9b:1::/48": "a translated address",
    "fec0::/10": "a private address",
}


def address_problem(address: str) -> str | None:
    """Why nothing is fetched from an IP address; None for a public one. One that stands for another is judged by that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return address_problem(str(ip.ipv4_mapped))
    for network, what in _NETWORKS.items():
        if ip in ipaddress.ip_network(network):
            return what
    for what in ("loopback", "link_local", "multicast", "unspecified", "reserved", "private"):
        if getattr(ip, f"is_{what}"):
            return f"a {what.replace('_', '-')} address"
    return None if ip.is_global else "not a public address"


def fetch(url: str, leave: Leave) -> bytes:
    """The file's content. Raises `Refused`."""
    deadline = time.monotonic() + leave.seconds
    origin = url
    for _ in range(leave.redirects + 1):
        parts, host = _allowed(url, origin, leave)
        try:
            answer = _ask(parts, host, leave, deadline)
        except TimeoutError:
            raise _failed(origin, f"no whole answer within {leave.seconds:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise _failed(origin, f"the certificate of {host.name} cannot be trusted: {error.verify_message}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _failed(origin, str(error) or type(error).__name__) from None
        if isinstance(answer, bytes):
            return answer
        url = urljoin(url, answer.location)
    raise _failed(origin, f"more than {leave.redirects} redirects")


@dataclass(frozen=True, slots=True)
class _Redirect:
    location: str


def _failed(url: str, reason: str) -> Refused:
    hint = "try again later, or copy it and map it with --import-map"
    return Refused("BBQ-T332", f"import `{printable(url, 200)}` cannot be fetched: {printable(reason, 300)}", hint)


def _allowed(url: str, origin: str, leave: Leave) -> tuple[SplitResult, Host]:
    host = host_of(url)
    if host is not None and host in leave.hosts:
        return urlsplit(url), host
    if url == origin:
        raise Refused("BBQ-T330", f"import `{printable(url, 200)}` is on a host that is not allowed")
    # Not the whole URL: where a redirect leads may carry somebody's token.
    where = option(host) if host is not None else printable(url.partition("?")[0], 100)
    hint = f"allow it, too: --allow-host {where}" if host is not None and host.scheme == "https" else None
    raise Refused("BBQ-T330", f"import `{printable(origin, 200)}` is redirected to {where}, which is not allowed", hint)


def _ask(parts: SplitResult, host: Host, leave: Leave, deadline: float) -> bytes | _Redirect:
    stream = _connect(host, deadline)
    try:
        connection = http.client.HTTPConnection(host.name, host.port)
        connection.sock = _Timed(stream, deadline)  # all that http.client uses of a socket
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {
            "Host": option(host).removeprefix("http://"),
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": "bbq",
        }
        connection.request("GET", target, headers=headers)
        response = connection.getresponse()
        location = response.getheader("Location")
        if response.status in _REDIRECTS and location:
            return _Redirect(location)
        if response.status != 200:
            raise ValueError(f"{host.name} answers {response.status} {response.reason}")
        if response.getheader("Content-Encoding", "identity") != "identity":
            raise ValueError(f"{host.name} answers with a content encoding that was not asked for")
        return _body(response, leave.size)
    finally:
        stream.close()


def _body(response: http.client.HTTPResponse, cap: int) -> bytes:
    """All of it, unless it is larger than the cap: then it ends there, however much is still to come."""
    found = bytearray()
    while chunk := response.read(min(1 << 16, cap + 1 - len(found))):
        found += chunk
        if len(found) > cap:
            raise ValueError(f"it has more than {cap:,} bytes")
    if response.length:
        raise ValueError("the answer is cut off")
    return bytes(found)


def _connect(host: Host, deadline: float) -> socket.socket:
    """A connection to the first address that answers, after all of them were judged."""
    try:
        found = socket.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"there is no host {host.name}: {error.strerror}") from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        problem = address_problem(address)
        if problem is not None:
            raise Refused(
                "BBQ-T331",
                f"{host.name} has the address {address}, {problem}; nothing is fetched from there",
                "copy the file and map it with --import-map",
            )
    last: OSError = OSError(f"{host.name} has no address")
    for address in addresses[:4]:
        try:
            plain = socket.create_connection((address, host.port), timeout=_left(deadline))
        except TimeoutError:
            raise
        except OSError as error:
            last = error
            continue
        if host.scheme == "http":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host.name)
        except BaseException:
            plain.close()
            raise
    raise last


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Timed:
    """A socket whose every wait ends at one deadline: a peer that sends a byte now and then gains nothing by it."""

    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        self._stream.settimeout(_left(self._deadline))
        self._stream.sendall(data)

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._stream, self._deadline))

    def close(self) -> None:
        """The answer is still to be read; who made the socket closes it."""


class _Incoming(io.RawIOBase):
    def __init__(self, stream: socket.socket, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._stream.settimeout(_left(self._deadline))
        return self._stream.recv_into(buffer)
