"""Resource types as Heat has them: properties, attributes, update policies. The data is in `templates/hot/`, one file a
service, read when a template names a type of that service; `tools/hot_resource_types.py` makes it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from bbq.datafiles import data_dir
from bbq.hot.limits import KINDS, Limit, limit_of

BASE_ATTRIBUTES: Final = ("show",)


class Attribute(msgspec.Struct, frozen=True):
    """`type`: string, map, list, integer, boolean, or "" where Heat does not say."""

    type: str = ""
    status: str = ""
    note: str = ""


class Schema(msgspec.Struct, frozen=True):
    """A property, a member of a map or an entry of a list.

    `update`: may be changed without a replacement. `conversion`: a parameter of a nested template, which takes text for lists
    and maps. `status` is "deprecated", "hidden" or "unsupported", and `note` says what to use.
    """

    type: str
    required: bool = False
    default: Any = None
    update: bool = False
    immutable: bool = False
    implemented: bool = True
    conversion: bool = False
    status: str = ""
    note: str = ""
    constraints: tuple[dict[str, Any], ...] = ()
    properties: dict[str, Schema] | None = None
    entry: Schema | None = None

    @property
    def limits(self) -> list[Limit]:
        return [limit_of(kind, item[kind]) for item in self.constraints for kind in KINDS if kind in item]


class ResourceType(msgspec.Struct, frozen=True):
    """`replaces`: pairs of paths (property, the older one that may stand in its place). `nested`: a template, not a class of
    Heat's. `any_property` and `any_attribute`: Heat does not check names (placeholders, groups whose attributes are their
    members')."""

    properties: dict[str, Schema]
    attributes: dict[str, Attribute]
    update_policy: dict[str, Schema] = {}
    replaces: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    nested: bool = False
    any_property: bool = False
    any_attribute: bool = False
    snapshot: bool = False
    status: str = ""
    note: str = ""


class _Index(msgspec.Struct, frozen=True):
    sources: tuple[str, ...]
    aliases: dict[str, str]
    constraints: frozenset[str]
    types: frozenset[str]


class Texts(msgspec.Struct, frozen=True):
    """What Heat says of a type, of its properties (`networks.port` is within another one) and attributes."""

    text: str = ""
    properties: dict[str, str] = {}
    attributes: dict[str, str] = {}
    update_policy: dict[str, str] = {}


@cache
def index() -> _Index:
    """The names of all types, and what is in no type: aliases and custom constraints of Heat's own."""
    return msgspec.json.decode((data_dir("templates") / "hot" / "heat.json").read_bytes(), type=_Index)


@cache
def _service(name: str) -> dict[str, ResourceType]:
    path = data_dir("templates") / "hot" / "types" / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, ResourceType])


@cache
def _texts(service: str) -> dict[str, Texts]:
    path = data_dir("templates") / "hot" / "texts" / f"{service}.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Texts])


def alias(name: str) -> str | None:
    """The type that Heat's global environment puts in the place of `name`: `OS::Quantum*` is `OS::Neutron*`."""
    aliases = index().aliases
    if name in aliases:
        return aliases[name]
    for pattern, target in aliases.items():
        if pattern.endswith("*") and name.startswith(pattern[:-1]):
            return target[:-1] + name[len(pattern) - 1 :] if target.endswith("*") else target
    return None


def resource_type(name: str) -> ResourceType | None:
    """The type of that name; None where Heat has none."""
    if name not in index().types:
        return None
    return _service(_service_of(name))[name]


def texts(name: str) -> Texts:
    """What there is to read about the type of that name, or of an old one."""
    name = name if name in index().types else alias(name) or ""
    return _texts(_service_of(name))[name] if name in index().types else Texts()


def _service_of(name: str) -> str:
    return "-".join(name.lower().split("::")[:2])
