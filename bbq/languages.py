"""Which language a template is written in, by the key of its version, or by what a package holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

Language = Literal["TOSCA", "HOT", "CFN", "Murano"]

_KEYS: Final[dict[bytes, Language]] = {
    b"tosca_definitions_version": "TOSCA",
    b"heat_template_version": "HOT",
    b"HeatTemplateFormatVersion": "CFN",
    b"AWSTemplateFormatVersion": "CFN",
}
_KEY: Final = b"(" + b"|".join(_KEYS) + b")"
# A key of a block map stands in the first column, one of a flow map (JSON) after a brace or comma.
_BLOCK: Final = re.compile(rb"^[\"']?" + _KEY + rb"[\"']?[ \t]*:", re.MULTILINE)
_FLOW: Final = re.compile(rb"[{,][ \t\r\n]*[\"']?" + _KEY + rb"[\"']?[ \t\r\n]*:")
# Without a version: what only a Heat template has at its top, or what is nearly its version's key.
_LIKELY_HOT: Final = re.compile(rb"^[\"']?(?:resources|heat_template\w*)[\"']?[ \t]*:", re.MULTILINE)
_LIKELY_CFN: Final = re.compile(rb"^[ \t{]*[\"']?(?:Resources|(?:AWS|Heat)Template\w*)[\"']?[ \t]*:", re.MULTILINE)


def language_of(path: str) -> Language:
    """The language of the file; TOSCA where it cannot be read or told, whose front end says what is wrong. Never raises."""
    from bbq.diagnostics import DiagnosticBag
    from bbq.murano.recognized import is_package
    from bbq.origins import is_archive
    from bbq.yamlreader import read_content

    if is_package(path):
        return "Murano"
    if is_archive(path):
        return "TOSCA"
    content = read_content(Path(path), DiagnosticBag())
    if content is None:
        return "TOSCA"
    return named(content) or _likely(content)


def named(content: bytes) -> Language | None:
    """The language whose version's key stands in the text; None without one."""
    found = _BLOCK.search(content) or (_FLOW.search(content) if content.lstrip()[:1] == b"{" else None)
    return _KEYS[found[1]] if found else None


def _likely(content: bytes) -> Language:
    return "HOT" if _LIKELY_HOT.search(content) else "CFN" if _LIKELY_CFN.search(content) else "TOSCA"
