"""The one YAML reader for all input: nodes that know their place, caps on everything, nothing executed.

`read_file` and `read_bytes` give a `Document` (PyYAML nodes, checked: no duplicate keys, merge keys applied, no custom
tags, bounded size, depth and expansion) or None with the reasons in the bag. `data` turns a node into plain Python values,
`at` gives its place; `Given` are values of inputs with theirs.
"""

from __future__ import annotations

from bbq.yamlreader.given import NOWHERE, Given, name_place, node_of, value_place
from bbq.yamlreader.limits import DEFAULT_LIMITS, Limits
from bbq.yamlreader.reader import Document, Duplicate, ListKey, printable, read_bytes, read_content, read_file
from bbq.yamlreader.values import Dialect, at, data, is_null, number_text

__all__ = [
    "DEFAULT_LIMITS",
    "NOWHERE",
    "Dialect",
    "Document",
    "Duplicate",
    "Given",
    "Limits",
    "ListKey",
    "at",
    "data",
    "is_null",
    "name_place",
    "node_of",
    "number_text",
    "printable",
    "read_bytes",
    "read_content",
    "read_file",
    "value_place",
]
