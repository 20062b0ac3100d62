"""Text in JSON and XML, the values of two normative types. TOSCA 1.3 section 5.3."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final


def _json(text: str) -> str | None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return None


def _xml(text: str) -> str | None:
    from xml.parsers import expat

    parser = expat.ParserCreate()
    parser.DefaultHandler = lambda _: None  # so that entities are not expanded, which can take all of the memory
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        return str(error)
    return None


DOCUMENTS: Final[Mapping[str, tuple[str, Callable[[str], str | None]]]] = {
    "tosca.datatypes.json": ("JSON", _json),
    "tosca.datatypes.xml": ("XML", _xml),
}
"""Type -> its language, and what is wrong with a text, or None. What is wrong says nothing of what the text says."""
