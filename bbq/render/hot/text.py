"""A template as people write it: sections and resources apart by a blank line, calls on one line."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

from bbq.render.hot.model import Document, Fn

WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their keys; text of several lines is a literal block."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def _call(dumper: yaml.SafeDumper, value: Fn) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Fn, _call)


def written(document: Document, header: str = "") -> str:
    """The YAML text; `header` are lines of comment before it."""
    body = document.body()
    parts = ["".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())] if header else []
    for key, value in body.items():
        if key == "description":
            parts.append(_description(value))
        elif isinstance(value, dict):
            entries = [textwrap.indent(dumped({name: item}), "  ") for name, item in value.items()]
            parts.append(f"{key}:\n" + ("\n" if key == "resources" else "").join(entries) if entries else f"{key}: {{}}\n")
        else:
            parts.append(f"{key}: {value}\n")
    return "\n".join(parts)


def _description(text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), WIDTH)
    if len(lines) == 1:
        return dumped({"description": lines[0]})
    return "description: >\n" + "".join(f"  {line}\n" for line in lines)


def dumped(value: Any) -> str:
    """YAML as people write it."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
