"""Whatever bytes an archive is made of, it is answered with diagnostics: no exception, no hang, nothing written.

`make soak` runs the same for longer.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import zips
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import bbq.tosca
from bbq.diagnostics import DiagnosticBag
from bbq.origins.archive import open_archive
from bbq.tosca.codes import CODES

SHORT = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=60_000, deadline=None, suppress_health_check=list(HealthCheck))

OTHER = "tosca_definitions_version: tosca_2_0\nservice_template:\n  substitution_mappings: { node_type: bbq.nodes.Database }\n"
WHOLE = {
    **zips.GOOD,
    "TOSCA-Metadata/TOSCA.meta": zips.META + 'Other-Definitions: "other.yaml"\n',
    "other.yaml": OTHER,
    "SHA256SUMS": "0" * 64 + "  nothing\n",
    "lib/a.py": "print(1)\n" * 50,
    "bbq.lock": "version: 1\nimports: {}\n",
}


def _zip64() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in zips.GOOD.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(text.encode())
    return buffer.getvalue()


SEEDS = [
    zips.packed(WHOLE),
    zips.packed(WHOLE, zipfile.ZIP_STORED),
    zips.packed([*zips.GOOD.items(), ("a/", ""), (zips.info("run.sh", 0o100755), "x")]),
    b"#!/bin/sh\n" + zips.packed(zips.GOOD),
    _zip64(),
]
SIGNATURES = [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"]
NUMBERS = [0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good archive with some bytes changed, numbers made extreme, pieces taken out, doubled or cut off."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.integers(0, 6))
        if kind == 0:
            data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == 1:  # a number near one of the signatures, where the fields are
            found = [at for each in SIGNATURES if (at := data.find(each, place)) >= 0]
            at = (min(found) if found else place) + draw(st.integers(4, 46))
            data[at : at + 4] = draw(st.sampled_from(NUMBERS)).to_bytes(4, "little")
        elif kind == 2:
            del data[place : place + draw(st.integers(1, 64))]
        elif kind == 3:
            data[place:place] = data[place : place + draw(st.integers(1, 200))]
        elif kind == 4:
            del data[place:]
        elif kind == 5:
            data[place:place] = draw(st.binary(max_size=64))
        else:
            data[place:place] = draw(st.sampled_from(SIGNATURES))
    return bytes(data)


names = st.one_of(
    st.sampled_from(
        ["TOSCA.meta", "TOSCA-Metadata/TOSCA.meta", "service.yaml", "SHA256SUMS", "bbq.lock", "a/b.yaml", "../x", "/x"]
    ),
    # what `zipfile` would cut off to nothing cannot be written by it
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda name: name[0] != "\0"),
)
lines = st.one_of(
    st.sampled_from(
        [*zips.META.splitlines(), "CSAR-Version: 2.0", "Entry-Definitions: a/b.yaml", 'Other-Definitions: "a b" c', " x", ""]
    ),
    st.text(max_size=40),
)
texts = st.one_of(
    st.sampled_from([zips.SERVICE, OTHER, "tosca_definitions_version: tosca_simple_yaml_1_3\n"]),
    st.lists(lines, max_size=8).map("\n".join),
    st.builds(
        lambda target, file: (
            f"tosca_definitions_version: tosca_2_0\nimports: [ {target!r} ]\nartifact_types: {{ F: {{}} }}\n"
            f"node_types: {{ N: {{ artifacts: {{ a: {{ type: F, file: {file!r} }} }} }} }}\n"
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
    ),
)
structured = st.lists(st.tuples(names, texts), max_size=8).map(zips.packed)


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csar")
        path.write_bytes(data)
        service, found = bbq.tosca.load(path, unpacked=f"{folder}/files")
        assert all(str(item).isprintable() and item.file.startswith(str(path)) for item in found)
        assert all(item.code in CODES or item.code.startswith("BBQ-Y") for item in found)
        assert service is not None or any(item.severity == "error" for item in found)
        assert [each.name for each in Path(folder).iterdir()] == ["a.csar"]
        archive = open_archive(path, DiagnosticBag())
        if archive is not None:  # what is taken can be unpacked, and everything is below its own folder
            with archive, patch("os.fsync"):  # which would take all of the time
                target = archive.unpack(Path(folder, "files"))
            written = {str(each.relative_to(target)) for each in target.rglob("*") if each.is_file()}
            assert written == set(archive.members)
            assert sorted(each.name for each in Path(folder).iterdir()) == ["a.csar", "files"]


KINDS: dict[str, Any] = {"bytes": st.binary(max_size=2000), "mutated": mutated(), "structured": structured}


def fuzz(kind: str, how: settings) -> Callable[[], None]:
    @how
    @given(KINDS[kind])
    @example(zips.packed({}))
    def run(data: bytes) -> None:
        check(data)

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_any_archive_is_answered_with_diagnostics(kind: str) -> None:
    fuzz(kind, SHORT)()


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS)
def test_any_archive_for_longer(kind: str) -> None:
    fuzz(kind, LONG)()
