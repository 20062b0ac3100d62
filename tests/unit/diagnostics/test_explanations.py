"""Every code has a page, and its examples are what they say: the wrong one gives exactly that code, the right one nothing."""

from __future__ import annotations

import io
import ipaddress
import re
import shlex
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import pytest

from bbq import topology, tosca, validation
from bbq.catalogue import Block, Page, codes, page, strict
from bbq.cli import options
from bbq.cli.parsing import command_parser
from bbq.conf import ini
from bbq.diagnostics import Diagnostic
from bbq.errors import TemplateError
from bbq.origins import network
from bbq.render.hot import read_catalogue, translate
from bbq.views.explanation import text

HEAD = b"tosca_definitions_version: tosca_2_0\n"
HOT = b"heat_template_version: 2018-08-31\n"
TAIL = b"service_template:\n  node_templates: {}\n"
MANIFEST = b"""Format: 1.3
Type: Application
FullName: org.example.Hello
Classes: { org.example.Hello: Hello.yaml }
"""
SHORTENED: dict[str, Callable[[Path], bytes]] = {
    "BBQ-Y002": lambda _: HEAD + b"metadata: { picture: " + b"A" * (10 * 1024 * 1024) + b" }\n" + TAIL,
    "BBQ-Y003": lambda _: HEAD + b"description: caf\xe9\n" + TAIL,
    "BBQ-Y004": lambda _: HEAD + b"description: red \x1b[31m\n" + TAIL,
    "BBQ-Y011": lambda _: HEAD + b"metadata:\n  deep: " + b"[" * 101 + b"]" * 101 + b"\n" + TAIL,
    "BBQ-Y012": lambda _: HEAD + b"metadata:\n  samples: [ " + b"1, " * 1_000_000 + b"1 ]\n" + TAIL,
    "BBQ-Y013": lambda _: HEAD + b"metadata:\n  one: &one [ 1 ]\n  all: [ " + b"*one, " * 10_001 + b"1 ]\n" + TAIL,
    "BBQ-Y016": lambda _: HEAD + b"description: " + b"text " * 200_001 + b"\n" + TAIL,
    "BBQ-Y017": lambda _: HEAD + b"metadata:\n  key: " + b"3" * 301 + b"\n" + TAIL,
    "BBQ-T004": lambda _: HEAD + TAIL.replace(b"{}", b"\n" + b"".join(b"    n%d: { typ: X }\n" % n for n in range(1200))),
    "BBQ-H004": lambda _: HOT + b"resources:\n" + b"".join(b"  r%d: { typ: X }\n" % n for n in range(1200)),
    "BBQ-M002": lambda _: MANIFEST + b"".join(b"key%d: 1\n" % n for n in range(1200)),
    "BBQ-T028": lambda folder: HEAD + b"imports: [ " + b", ".join(_types(folder, n) for n in range(501)) + b" ]\n" + TAIL,
    "BBQ-T302": lambda _: _packed(mode=0o120777),
    "BBQ-T304": lambda _: _packed(change=(8, 0x1)),
    "BBQ-T305": lambda _: b"\0" * (4 << 20),
    "BBQ-T306": lambda _: _packed(change=(16, 0xFF)),
}
"""What a shortened example is short for."""
FETCHED = {"BBQ-T321"}
"""Codes of what a host has answered. Fetching itself is tested with a real one, in `tests/unit/origins/test_network.py`."""
GETADDRINFO = socket.getaddrinfo
COMPANIONS = {
    "BBQ-H004": {"BBQ-H010", "BBQ-H011"},
    "BBQ-M002": {"BBQ-M003"},
    "BBQ-T004": {"BBQ-T010", "BBQ-T011"},
    "BBQ-T029": {"BBQ-T053"},
}
"""Codes that are told together with others by their nature."""
TOLD_ELSEWHERE = {"BBQ-G012": "BBQ-T215", "BBQ-G013": "BBQ-T063", "BBQ-G015": "BBQ-T064"}
"""Codes of a check that an earlier one makes unreachable for a template that was read: that one tells it."""


def _types(folder: Path, number: int) -> bytes:
    (folder / f"t{number}.yaml").write_bytes(HEAD)
    return b"t%d.yaml" % number


def _packed(mode: int = 0o100644, change: tuple[int, int] = (0, 0)) -> bytes:
    """An archive whose template has a file mode, and a byte of its entry in the directory (place, bits) changed."""
    member = ZipInfo("service.yaml")
    member.create_system, member.external_attr = 3, mode << 16
    stream = io.BytesIO()
    with ZipFile(stream, "w") as archive:
        archive.writestr(member, HEAD + TAIL)
    data = bytearray(stream.getvalue())
    place, bits = change
    data[data.index(b"PK\1\2") + place] ^= bits
    return bytes(data)


def _no_name(host: str, *args: Any, **keywords: Any) -> Any:
    """A name server that knows no name: nothing here leaves the machine."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
    return GETADDRINFO(host, *args, **keywords)


def found_in(example: Page, variant: str, folder: Path) -> list[Diagnostic]:
    shortened = variant == "wrong" and example.code in SHORTENED
    example.write(variant, folder, SHORTENED[example.code](folder) if shortened else b"")
    program, name, *words = shlex.split(example.command(variant))
    assert program == "bbq-deploy"
    args = command_parser(name).parse_args(words)
    if name == "validate":
        report = validation.check(
            args.template,
            inputs=options.given(args),
            import_map=ini.import_map(args.import_map or (), ()),
            allowed_hosts=args.allow_host or (),
            cached=False,
            environments=args.environment,
        )
        return list(report.found)
    service, found = tosca.load("service.yaml")
    assert service is not None and not found
    values, wrong = tosca.check_inputs(service, {})
    if name == "render":
        built, more = topology.build(service, inputs=values, provider="simulator")
        assert built is not None and not more
        try:
            catalogue = None if args.catalogue is None else read_catalogue(args.catalogue)
        except TemplateError as error:
            return list(error.diagnostics)
        return translate(built, catalogue).found
    counts = options.counts(args.counts) if name == "scale" else {}
    _, more = topology.build(service, inputs=values, provider="local", overrides=counts, template_dirs=("substitutions",))
    return [*wrong, *more]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Deep enough for an import that leaves what it may read. No import is in the cache, and no host has an address."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(socket, "getaddrinfo", _no_name)
    deep = tmp_path / "a/b"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    return deep


WITH_EXAMPLES = [code for code in codes() if code not in TOLD_ELSEWHERE]


@pytest.mark.parametrize("code", WITH_EXAMPLES)
def test_the_wrong_example_gives_exactly_that_code(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if code in FETCHED:
        monkeypatch.setattr(network, "fetch", lambda url, _: (folder / url.removeprefix("https://example.org/")).read_bytes())
    found = found_in(page(code), "wrong", folder)
    assert {item.code for item in found} == {code} | COMPANIONS.get(code, set()), "\n".join(map(str, found))


@pytest.mark.parametrize("code", WITH_EXAMPLES)
def test_the_right_example_is_clean(code: str, folder: Path) -> None:
    found = found_in(page(code), "right", folder)
    assert not found, "\n".join(map(str, found))


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    files = {path.stem for path in (Path(validation.__file__).parents[1] / "explanations").iterdir()}
    assert files == set(codes())
    for code in codes():
        example = page(code)
        assert example.title and example.explanation.endswith(".")
        assert "```" not in example.text, f"{code}: a block without a title, or one that does not end"
        if code in TOLD_ELSEWHERE:
            assert TOLD_ELSEWHERE[code] in example.text and not example.blocks
        else:
            assert example.example("wrong") and example.example("right")


def test_what_is_shortened_is_tested_whole() -> None:
    assert {code for code in codes() if any(block.shortened for block in page(code).blocks)} == set(SHORTENED)


def test_the_files_of_an_archive_are_packed(tmp_path: Path) -> None:
    blocks = [
        Block("yaml", "service.csar!/service.yaml", "", False, "imports: [ types/a.yaml ]\n"),
        Block("yaml", "service.csar!/types/a.yaml", "right", False, "types\n"),
        Block("yaml", "lib/beside.yaml", "", False, "beside\n"),
        Block("text", "service.csar", "wrong", True, "damaged"),
    ]
    example = Page("BBQ-X001", "", "", "", tuple(blocks))
    example.write("right", tmp_path)
    assert example.command("right") == "bbq-deploy validate service.csar"
    assert (tmp_path / "lib/beside.yaml").read_text() == "beside\n"
    with ZipFile(tmp_path / "service.csar") as archive:
        assert archive.namelist() == ["service.yaml", "types/a.yaml"]
        assert archive.read("types/a.yaml") == b"types\n"
    alone = Page("BBQ-X001", "", "", "", tuple(blocks[3:]))
    alone.write("wrong", tmp_path, b"PK")
    assert alone.command("wrong") == "bbq-deploy validate service.csar"
    assert (tmp_path / "service.csar").read_bytes() == b"PK"


def test_codes_that_are_named_exist() -> None:
    for code in codes():
        named = re.findall(r"BBQ-[A-Z]\d+", page(code).explanation + page(code).text)
        assert set(named) <= set(codes())
    assert strict() <= set(codes())


def test_the_text_marks_the_lines_that_differ() -> None:
    shown = text(page("BBQ-T024"))
    assert shown.startswith("BBQ-T024: unknown profile\n\nNo bundled or mapped profile has this name.\n\n")
    assert "\nwrong: service.yaml\n    tosca_definitions_version: tosca_2_0\n    imports:\n  >   - profile: bbq:2.0\n" in shown
    assert "\nright: service.yaml\n    tosca_definitions_version: tosca_2_0\n    imports:\n  >   - profile: bbq:1.0\n" in shown
    assert max(map(len, shown.splitlines())) <= 110
