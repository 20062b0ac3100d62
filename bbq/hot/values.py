"""Nodes as Heat reads them.

Heat loads templates with PyYAML's C loader (YAML 1.1), timestamps kept as text, and takes a map with one key that is a
function's name for a call. `data` and `scalar` give the same values; `call_of` finds the calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from bbq.diagnostics import SourceRange
from bbq.hot.versions import Version
from bbq.yamlreader import at

_TAG: Final = "tag:yaml.org,2002:"
_RESOLVERS: Final = {
    first: [
        (tag.removeprefix(_TAG), regexp) for tag, regexp in found if tag.removeprefix(_TAG) in ("null", "bool", "int", "float")
    ]
    for first, found in Resolver.yaml_implicit_resolvers.items()
}
_CONSTRUCTOR: Final = SafeConstructor()
_LONGEST_NUMBER: Final = 300  # digits; converting is quadratic in them


@dataclass(frozen=True, slots=True)
class Call:
    """A function in a model's values; `args` are plain values with calls in them."""

    name: str
    args: Any
    at: SourceRange


def _implicit(text: str) -> str:
    for tag, regexp in _RESOLVERS.get(text[:1], ()):
        if regexp.match(text):
            return str(tag)
    return "str"


def scalar(node: ScalarNode) -> Any:
    """None, bool, int, float or str."""
    text: str = node.value
    tag = node.tag.removeprefix(_TAG) if node.tag else "str" if node.style else _implicit(text)
    if tag == "null":
        return None
    if tag not in ("bool", "int", "float") or len(text) > _LONGEST_NUMBER:
        return text
    try:
        return getattr(_CONSTRUCTOR, f"construct_yaml_{tag}")(node)
    except (ValueError, KeyError, IndexError, OverflowError):  # `0x_`, or a tag that does not fit: text
        return text


def is_base_60(node: Node) -> bool:
    """A plain scalar such as `22:22`, which YAML 1.1 reads as a number to base 60."""
    return isinstance(node, ScalarNode) and ":" in node.value and not isinstance(scalar(node), str)


def data(node: Node) -> Any:
    """Plain values; calls stay maps, keys are text."""
    if isinstance(node, ScalarNode):
        return scalar(node)
    if isinstance(node, SequenceNode):
        return [data(item) for item in node.value]
    assert isinstance(node, MappingNode)
    return {key.value: data(value) for key, value in node.value}


def call_of(node: Node, version: Version, *, condition: bool = False) -> tuple[str, Node, Node] | None:
    """(function, its key, its arguments) where the node is a call in that version; with `condition`, those that are functions
    in conditions only count, too."""
    if isinstance(node, MappingNode) and len(node.value) == 1:
        key, args = node.value[0]
        if key.value in version.functions or (condition and key.value in version.conditions):
            return key.value, key, args
    return None


def modelled(node: Node, version: Version, *, condition: bool = False) -> Any:
    """Plain values with a `Call` for each function."""
    if isinstance(node, ScalarNode):
        return scalar(node)
    if isinstance(node, SequenceNode):
        return [modelled(item, version, condition=condition) for item in node.value]
    assert isinstance(node, MappingNode)
    found = call_of(node, version, condition=condition)
    if found is None:
        return {key.value: modelled(value, version, condition=condition) for key, value in node.value}
    name, _, args = found
    if name in ("if", "Fn::If") and isinstance(args, SequenceNode) and args.value:
        first, *rest = args.value
        parts = [modelled(first, version, condition=True), *(modelled(item, version) for item in rest)]
        return Call(name, parts, at(node))
    return Call(name, modelled(args, version, condition=condition), at(node))


def entries(node: Node) -> dict[str, tuple[Node, Node]]:
    """Name -> (key, value) of a map, in the order of the file; {} for anything else."""
    return {key.value: (key, value) for key, value in node.value} if isinstance(node, MappingNode) else {}
