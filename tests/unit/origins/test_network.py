"""Fetching: from a real https server on this machine, which the fixture `loopback` lets in, and refusing everything else."""

from __future__ import annotations

import socket
import time

import pytest
import sites
import trustme

from bbq.errors import ConfigurationError
from bbq.origins import network
from bbq.origins.hosts import Host, Leave, fetcher, host_of, option, parse_host
from bbq.origins.refused import Refused

TYPES = b"tosca_definitions_version: tosca_2_0\n"


def leave(*hosts: str, seconds: float = 20.0, size: int = 10_000) -> Leave:
    return Leave(frozenset(map(parse_host, hosts)), seconds, size)


def refused(code: str, url: str, given: Leave) -> Refused:
    with pytest.raises(Refused) as caught:
        network.fetch(url, given)
    assert caught.value.code == code, caught.value
    assert caught.value.message.isprintable()
    return caught.value


def test_a_file_of_an_allowed_host(authority: trustme.CA, loopback: sites.Names) -> None:
    with sites.site("types.example", authority) as site:
        site.files["/a.yaml?ref=1"] = TYPES
        assert network.fetch(f"{site.url}/a.yaml?ref=1", leave(site.host)) == TYPES
        assert network.fetch(f"https://TYPES.example.:{site.port}/a.yaml?ref=1", leave(site.host)) == TYPES
        assert site.asked == ["/a.yaml?ref=1"] * 2
        refused("BBQ-T332", f"{site.url}/b.yaml", leave(site.host))


def test_other_hosts_ports_and_schemes_are_not_allowed(authority: trustme.CA, loopback: sites.Names) -> None:
    with sites.site("types.example", authority) as site, sites.site("types.example") as plain:
        plain.files["/a.yaml"] = TYPES
        for allowed in (
            "other.example",
            "types.example",
            f"types.example:{site.port + 1}",
            f"http://types.example:{site.port}",
        ):
            refused("BBQ-T330", f"{site.url}/a.yaml", leave(allowed))
        refused("BBQ-T330", f"{plain.url}/a.yaml", leave(f"types.example:{plain.port}"))
        for url in (
            f"https://somebody:secret@types.example:{site.port}/",
            "https:///a.yaml",
            "ftp://types.example/",
            "https://[::1/",
        ):
            refused("BBQ-T330", url, leave(site.host, "types.example"))
        assert site.asked == plain.asked == loopback.asked == []
        assert network.fetch(f"{plain.url}/a.yaml", leave(plain.host)) == TYPES  # said in so many words


def test_tls_is_verified_by_name(authority: trustme.CA, loopback: sites.Names, monkeypatch: pytest.MonkeyPatch) -> None:
    with sites.site("types.example", authority, certificate="other.example") as site:
        assert "certificate of types.example" in refused("BBQ-T332", f"{site.url}/a", leave(site.host)).message
        assert site.asked == []
    with sites.site("types.example", trustme.CA()) as site:
        assert "certificate of types.example" in refused("BBQ-T332", f"{site.url}/a", leave(site.host)).message
    monkeypatch.delenv("SSL_CERT_FILE")
    with sites.site("types.example", authority) as site:
        assert "certificate of types.example" in refused("BBQ-T332", f"{site.url}/a", leave(site.host)).message


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1"),
        *("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "::ffff:10.0.0.1"),
        *(
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ),
    ],
)
def test_addresses_that_nothing_is_fetched_from(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network.address_problem(address)
    connected: list[object] = []
    monkeypatch.setattr("socket.create_connection", lambda *args, **_: connected.append(args))
    for addresses in ([address], ["93.184.216.34", address], [address, "2606:2800:220:1::1"]):
        monkeypatch.setattr("socket.getaddrinfo", sites.Names(**{"types.example": [addresses]}))
        refused("BBQ-T331", "https://types.example/a.yaml", leave("types.example"))
    assert not connected


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert network.address_problem(address) is None


def test_a_name_is_asked_for_once(authority: trustme.CA, loopback: sites.Names) -> None:
    """A name server that answers with an inner address the second time gains nothing."""
    loopback.answers["types.example"] = [["127.0.0.1"], ["169.254.169.254"]]
    with sites.site("types.example", authority) as site:
        site.files["/a.yaml"] = TYPES
        assert network.fetch(f"{site.url}/a.yaml", leave(site.host)) == TYPES
        assert loopback.asked == ["types.example"]
        refused("BBQ-T331", f"{site.url}/a.yaml", leave(site.host))


def test_the_next_address_is_tried_where_one_does_not_answer(authority: trustme.CA, loopback: sites.Names, monkeypatch) -> None:
    monkeypatch.setattr(network, "address_problem", lambda _: None)
    loopback.answers["types.example"] = [["127.0.0.2", "127.0.0.1"]]
    with sites.site("types.example", authority) as site:
        site.files["/a.yaml"] = TYPES
        assert network.fetch(f"{site.url}/a.yaml", leave(site.host)) == TYPES
    assert "refused" in refused("BBQ-T332", f"{site.url}/a.yaml", leave(site.host)).message
    loopback.answers["types.example"] = [[]]
    assert "no host types.example" in refused("BBQ-T332", f"{site.url}/a.yaml", leave(site.host)).message


def test_redirects_are_asked_the_same_questions(authority: trustme.CA, loopback: sites.Names) -> None:
    with sites.site("types.example", authority) as site, sites.site("other.example", authority) as other:
        other.files["/b.yaml"] = TYPES
        site.files |= {
            "/relative": sites.redirect("b.yaml", 301),
            "/b.yaml": TYPES,
            "/other": sites.redirect(f"{other.url}/b.yaml?token=secret", 307),
            "/plain": sites.redirect(f"http://types.example:{site.port}/b.yaml"),
            "/metadata": sites.redirect("http://169.254.169.254/latest/meta-data/", 303),
            "/file": sites.redirect("file:///etc/passwd"),
            "/loop": sites.redirect("/loop", 308),
            "/nowhere": sites.raw(b"HTTP/1.1 302 Found\r\n\r\n"),
        }
        assert network.fetch(f"{site.url}/relative", leave(site.host)) == TYPES
        error = refused("BBQ-T330", f"{site.url}/other", leave(site.host))
        assert f"redirected to {other.host}" in error.message and error.hint == f"allow it, too: --allow-host {other.host}"
        assert "secret" not in error.message
        assert other.asked == []
        refused("BBQ-T332", f"{site.url}/other", leave(site.host, other.host))  # asked for with its query
        assert other.asked == ["/b.yaml?token=secret"]
        for path in ("/plain", "/metadata", "/file"):
            refused("BBQ-T330", f"{site.url}{path}", leave(site.host, "169.254.169.254"))
        refused("BBQ-T331", f"{site.url}/metadata", leave(site.host, "http://169.254.169.254"))
        assert "5 redirects" in refused("BBQ-T332", f"{site.url}/loop", leave(site.host)).message
        assert site.asked.count("/loop") == 6
        refused("BBQ-T332", f"{site.url}/nowhere", leave(site.host))


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((HEAD + b"Content-Length: 20000\r\n\r\n", b"x" * 20000), "more than 10,000 bytes"),
        ((HEAD + b"\r\n", b"x" * 20000), "more than 10,000 bytes"),
        (
            (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"4000\r\n" + b"x" * 0x4000 + b"\r\n0\r\n\r\n"),
            "more than 10,000 bytes",
        ),
        ((HEAD + b"Content-Length: 100\r\n\r\n", b"x" * 50), "cut off"),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"64\r\nxxx"), "cannot be fetched"),
        ((HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",), "content encoding"),
        ((b"HTTP/1.1 500 It \x1b[31mbroke\r\nContent-Length: 0\r\n\r\n",), "answers 500"),
        ((b"nonsense\r\n\r\n",), "cannot be fetched"),
        ((HEAD + b"X: " + b"x" * 70000 + b"\r\n\r\n",), "cannot be fetched"),
        ((HEAD + b"X: x\r\n" * 400 + b"\r\n",), "cannot be fetched"),
        ((b"",), "cannot be fetched"),
    ],
)
def test_answers_that_are_none(parts: tuple[bytes, ...], text: str, authority: trustme.CA, loopback: sites.Names) -> None:
    with sites.site("types.example", authority) as site:
        site.files["/a.yaml"] = sites.raw(*parts)
        assert text in refused("BBQ-T332", f"{site.url}/a.yaml", leave(site.host)).message


def test_a_body_without_end_is_left(authority: trustme.CA, loopback: sites.Names) -> None:
    with sites.site("types.example", authority) as site:
        site.files["/a.yaml"] = sites.raw(HEAD + b"\r\n", b"x" * 4000, stop=site.stop, forever=True)
        assert "more than 10,000 bytes" in refused("BBQ-T332", f"{site.url}/a.yaml", leave(site.host)).message


@pytest.mark.parametrize(
    "parts",
    [(b"H",), (HEAD, b"X: y\r\n"), (HEAD + b"\r\n", b"x"), (b"HTTP/1.1 100 Continue\r\n\r\n",)],
    ids=["nothing", "headers", "body", "promises"],
)
def test_slowness_has_an_end(parts: tuple[bytes, ...], authority: trustme.CA, loopback: sites.Names) -> None:
    """Each byte comes in time, and the whole does not."""
    with sites.site("types.example", authority) as site:
        site.files["/a.yaml"] = sites.raw(*parts, stop=site.stop, pause=0.05, forever=True)
        error = refused("BBQ-T332", f"{site.url}/a.yaml", leave(site.host, seconds=0.5, size=10**9))
        assert "no whole answer within 0.5 s" in error.message


def test_a_server_that_says_nothing(loopback: sites.Names) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        for host in (f"types.example:{port}", f"http://types.example:{port}"):
            url = host if "//" in host else f"https://{host}"
            assert "no whole answer" in refused("BBQ-T332", f"{url}/a.yaml", leave(host, seconds=0.3)).message


def test_time_is_counted_over_redirects(authority: trustme.CA, loopback: sites.Names, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(network.time, "monotonic", lambda: clock[0])
    with sites.site("types.example", authority) as site:

        def answer(handler: object) -> None:
            clock[0] += 8
            sites.redirect("/again")(handler)  # type: ignore[operator,arg-type]

        site.files["/again"] = answer
        assert "within 20 s" in refused("BBQ-T332", f"{site.url}/again", leave(site.host)).message
    assert len(site.asked) == 3 and time.monotonic() == clock[0]


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.org", Host("https", "example.org", 443)),
        (" Example.ORG:8443 ", Host("https", "example.org", 8443)),
        ("https://example.org/", Host("https", "example.org", 443)),
        ("http://example.org", Host("http", "example.org", 80)),
        ("[2606:2800::1]:8443", Host("https", "2606:2800::1", 8443)),
        ("bücher.example", Host("https", "xn--bcher-kva.example", 443)),
    ],
)
def test_hosts(text: str, host: Host) -> None:
    assert parse_host(text) == host
    assert parse_host(option(host)) == host


NO_HOSTS = [
    "",
    "*",
    "*.example.org",
    "https://example.org/types/",
    "ftp://example.org",
    "a b",
    "a:0",
    "a:99999",
    "me@a",
    "https://",
]


@pytest.mark.parametrize("text", NO_HOSTS)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|port"):
        parse_host(text)
    with pytest.raises(ConfigurationError, match="allowed_hosts"):
        fetcher([text])


def test_without_hosts_there_is_nothing_that_fetches() -> None:
    assert fetcher(()) is None
    assert host_of("https://example.org:444/a") == Host("https", "example.org", 444)
    assert host_of("bbq:1.0") is None and host_of("https://a:b@example.org/") is None and host_of("https://a:99999/") is None
