"""What a stack's creation sends to Heat: the template, the contents of all files that it names, the merged environment.

Names of files are relative to the file that has them; what is sent has one flat map. So every name is written as the file's
path from the template's folder. (python-heatclient writes absolute URLs: the same template is another one on each machine.)
https://docs.openstack.org/api-ref/orchestration/v1/#create-stack
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq import facts
from bbq.diagnostics import SourceRange
from bbq.hot.environment import lay_over
from bbq.hot.model import FileReference, HotTemplate
from bbq.hot.values import scalar
from bbq.yamlreader import at


@dataclass(frozen=True, slots=True)
class Bundle:
    """`environment` is without its `parameters`; `secret_files` names those whose text has a hidden parameter's default."""

    template: dict[str, Any]
    files: dict[str, str]
    environment: dict[str, Any]
    secret_files: frozenset[str] = frozenset()


def bundle(template: HotTemplate) -> Bundle:
    """Of a template without errors. Raises OSError where a file cannot be read any more."""
    names = {
        where: key
        for key, reference in template.files.items()
        if reference.kind != "environment"
        for written, where in reference.written
        if written != key
    }
    files = {key: _content(template, reference, names) for key, reference in template.files.items() if _is_sent(reference)}
    environment = {key: value for key, value in template.environment.items() if key not in ("parameters", "resource_registry")}
    if template.registries:
        registry: dict[str, Any] = {}
        for node in template.registries:
            lay_over(registry, _plain(node, names))
        environment["resource_registry"] = registry
    main = _plain(template.roots[Path(facts.realpath(template.path))], names)
    return Bundle(main, files, environment, frozenset(_with_secrets(template)))


def nested_templates(template: HotTemplate) -> list[HotTemplate]:
    """The template and all that are nested in it, each once."""
    found, seen = [template], {id(template)}
    for one in found:
        for resource in one.resources.values():
            if resource.template is not None and id(resource.template) not in seen:
                seen.add(id(resource.template))
                found.append(resource.template)
    return found


def _is_sent(reference: FileReference) -> bool:
    return reference.kind != "environment" and reference.status == "there" and reference.path is not None


def _content(template: HotTemplate, reference: FileReference, names: Mapping[SourceRange, str]) -> str:
    assert reference.path is not None
    raw = reference.path.read_bytes()
    try:
        text = raw.decode()
    except UnicodeDecodeError:  # as python-heatclient sends it
        return base64.b64encode(raw).decode()
    root = template.roots.get(reference.path)
    if root is None or reference.kind != "template":
        return text
    return _renamed(text.removeprefix("\ufeff"), root, names)


def _renamed(text: str, root: Node, names: Mapping[SourceRange, str]) -> str:
    """A nested template as its author wrote it, but for the names of files."""
    renamed = {node.start_mark.index: node for node in _scalars(root) if at(node) in names}
    for start, node in sorted(renamed.items(), reverse=True):
        end = node.end_mark.index
        if node.value not in text[start:end]:  # written in another way (with escapes): the same as data
            return json.dumps(_plain(root, names), indent=1)
        text = f"{text[:start]}{json.dumps(names[at(node)])}{text[end:]}"
    return text


def _plain(node: Node, names: Mapping[SourceRange, str]) -> Any:
    """As Heat reads it (`bbq.hot.values.data`), with the names of files replaced."""
    if isinstance(node, ScalarNode):
        return names.get(at(node), scalar(node)) if names else scalar(node)
    if isinstance(node, SequenceNode):
        return [_plain(item, names) for item in node.value]
    assert isinstance(node, MappingNode)
    return {key.value: _plain(value, names) for key, value in node.value}


def _scalars(node: Node) -> list[Node]:
    found: list[Node] = []
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, ScalarNode):
            found.append(one)
        elif isinstance(one, SequenceNode):
            waiting += one.value
        elif isinstance(one, MappingNode):
            waiting += [value for _, value in one.value]
    return found


def _with_secrets(template: HotTemplate) -> list[str]:
    secret = {
        Path(facts.realpath(one.path))
        for one in nested_templates(template)[1:]
        if any(parameter.hidden and parameter.default for parameter in one.parameters.values())
    }
    return [key for key, reference in template.files.items() if reference.path in secret]
