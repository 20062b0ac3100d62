"""Archives as the pages of the codes write them down: `--- NAME` before each file, with what is special about it."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zipfile

_MEMBER = re.compile(r"^--- (\S+)(?: -> (\S+))?(?: \(([^)]*)\))?\n", re.MULTILINE)


def packed(text: str) -> bytes:
    """The archive of a listing; what is no listing is a file as it stands."""
    parts = _MEMBER.split(text)
    if parts[0]:
        return text.encode()
    buffer = io.BytesIO()
    kinds = []
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for name, target, kind, content in zip(*(parts[i::4] for i in range(1, 5)), strict=True):
            kind = kind or ""
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if target else 0o100644) << 16
            info.compress_type = zipfile.ZIP_STORED if kind.endswith("stored") else zipfile.ZIP_DEFLATED
            zeros = re.match(r"(\d+) MiB of zeros", kind)
            archive.writestr(info, bytes(int(zeros[1]) << 20) if zeros else target or content)
            kinds.append((kind, info))
        offsets = {id(info): info.header_offset for _, info in kinds}
    data = bytearray(buffer.getvalue())
    place = data.find(b"PK\x01\x02")
    for kind, info in kinds:
        if kind == "encrypted":
            data[place + 8] |= 1
        elif kind == "damaged":
            data[offsets[id(info)] + 30 + len(info.filename) + 1] ^= 0xFF
        size = sum(struct.unpack_from("<HHH", data, place + 28))
        place += 46 + size
    return bytes(data)
