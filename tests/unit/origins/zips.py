"""Archives for tests, good ones and ones that `zipfile` would not write."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

Members = Mapping[str, str | bytes] | Iterable[tuple[str | zipfile.ZipInfo, str | bytes]]
META = "TOSCA-Meta-File-Version: 1.1\nCSAR-Version: 1.1\nCreated-By: somebody\nEntry-Definitions: service.yaml\n"
SERVICE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    db: { type: bbq.nodes.Database }
"""
GOOD = {"TOSCA-Metadata/TOSCA.meta": META, "service.yaml": SERVICE}


def packed(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A ZIP file with these members in this order; a name may stand twice."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of a name that stands twice
        for name, content in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(name, content)
    return buffer.getvalue()


def write(path: Path, members: Members, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    path.write_bytes(packed(members, compression))
    return path


def info(name: str, mode: int = 0o100644, **fields: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.compress_type = zipfile.ZIP_DEFLATED
    made.external_attr = mode << 16
    made.create_system = 3
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def directory_entries(data: bytes) -> list[int]:
    """Where the entries of the central directory begin."""
    found, place = [], data.find(b"PK\x01\x02")
    while place >= 0:
        found.append(place)
        place = data.find(b"PK\x01\x02", place + 4)
    return found


def patched(data: bytes, place: int, format: str, value: int) -> bytes:
    """`data` with one number, little-endian, replaced."""
    raw = struct.pack("<" + format, value)
    return data[:place] + raw + data[place + len(raw) :]
