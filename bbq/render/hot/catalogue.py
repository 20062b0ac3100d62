"""What a cloud has to choose from, as a file or a provider tells it.

The YAML form is in docs/how-to/render-heat.md; `Catalogue` is the same as data. A list that is None is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from yaml import MappingNode, Node, SequenceNode

from bbq.diagnostics import DiagnosticBag
from bbq.errors import TemplateError
from bbq.render.hot import codes
from bbq.sources import Sources
from bbq.wording import nearest, one_of, quoted, shape
from bbq.yamlreader import at, data, read_file

MAX_RESOURCES: Final = 1000
"""Of one stack, in a Heat that is not configured otherwise (max_resources_per_stack)."""


@dataclass(frozen=True, slots=True)
class Flavor:
    """`ram` in MiB, `disk` in GiB (0: as large as the image), as Nova counts."""

    name: str
    id: str = ""
    vcpus: int = 0
    ram: int = 0
    disk: int = 0
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """Properties as https://docs.openstack.org/glance/latest/admin/useful-image-properties.html has them. `min_ram` in MiB,
    `min_disk` in GiB; `created_at` sorts as text."""

    name: str
    id: str = ""
    os_type: str = ""
    os_distro: str = ""
    os_version: str = ""
    os_admin_user: str = ""
    architecture: str = ""
    min_ram: int = 0
    min_disk: int = 0
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class CloudNetwork:
    """`external` networks are where floating IPs come from; one that a deployment has made is `owned` by that, and taken only
    where it is named."""

    name: str
    id: str = ""
    external: bool = False
    owned: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    flavors: tuple[Flavor, ...] | None = None
    images: tuple[Image, ...] | None = None
    networks: tuple[CloudNetwork, ...] | None = None
    keypairs: tuple[str, ...] | None = None
    availability_zones: tuple[str, ...] | None = None
    hosts: tuple[str, ...] | None = None
    """Names of the cloud in image references such as `ost://host/id`."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Values of the template's parameters, by name: what to take where several would do."""
    max_resources_per_stack: int = MAX_RESOURCES
    """-1: as many as there are."""
    usual_image: str = ""
    """Of servers of which the template says nothing about theirs."""
    floating_ips: bool = False
    """Servers have one where the template does not say how they are reached."""
    source: str = field(default="", compare=False)


_ENTRIES: Final[Mapping[str, type]] = {"flavors": Flavor, "images": Image, "networks": CloudNetwork}
_NAMES: Final = ("keypairs", "availability_zones", "hosts")


def read_catalogue(path: str) -> Catalogue:
    """The catalogue in a YAML file. Raises `TemplateError` with every problem in it."""
    bag = DiagnosticBag(sources=Sources())
    document = read_file(Path(path), bag)
    found: dict[str, Any] = {"source": path}
    if document is not None:
        if isinstance(document.root, MappingNode):
            for key, node in document.root.value:
                _read(key.value, key, node, found, bag)
        else:
            bag.error(codes.CATALOGUE, f"a catalogue is a map, not {shape(document.root)}", at(document.root))
    if bag.has_errors:
        raise TemplateError(f"the catalogue {path} cannot be used", bag.sorted())
    return Catalogue(**found)


def _read(name: str, key: Node, node: Node, found: dict[str, Any], bag: DiagnosticBag) -> None:
    if name == "max_resources_per_stack":
        value = data(node)
        if isinstance(value, int) and not isinstance(value, bool) and (value > 0 or value == -1):
            found[name] = value
        else:
            bag.error(codes.CATALOGUE, f"{quoted(name)} is a number of resources, or -1", at(node))
        return
    if name == "defaults":
        if isinstance(node, MappingNode):
            found[name] = {inner.value: str(data(value)) for inner, value in node.value}
        else:
            bag.error(codes.CATALOGUE, f"{quoted(name)} is a map of parameters' names to values, not {shape(node)}", at(node))
        return
    if name not in _ENTRIES and name not in _NAMES:
        known = [*_ENTRIES, *_NAMES, "defaults", "max_resources_per_stack"]
        bag.error(codes.CATALOGUE, f"a catalogue has no {quoted(name)}", at(key), nearest(name, known) or one_of(known))
        return
    if not isinstance(node, SequenceNode):
        bag.error(codes.CATALOGUE, f"{quoted(name)} is a list, not {shape(node)}", at(node))
        return
    if name in _NAMES:
        found[name] = tuple(str(data(item)) for item in node.value)
    else:
        entries = (_entry(name, item, bag) for item in node.value)
        found[name] = tuple(item for item in entries if item is not None)


def _entry(name: str, node: Node, bag: DiagnosticBag) -> Any:
    what, kind = name.removesuffix("s"), _ENTRIES[name]
    if not isinstance(node, MappingNode):
        bag.error(codes.CATALOGUE, f"a {what} is a map with a name, not {shape(node)}", at(node))
        return None
    types = {item.name: item.type for item in fields(kind)}
    values: dict[str, Any] = {}
    for key, inner in node.value:
        field_name, value = key.value, data(inner)
        if field_name not in types:
            hint = nearest(field_name, types) or one_of(types)
            bag.error(codes.CATALOGUE, f"a {what} has no {quoted(field_name)}", at(key), hint)
        elif types[field_name] == "int":
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                values[field_name] = value
            else:
                bag.error(codes.CATALOGUE, f"{quoted(field_name)} of a {what} is a whole number, 0 or more", at(inner))
        elif types[field_name] == "bool":
            if isinstance(value, bool):
                values[field_name] = value
            else:
                bag.error(codes.CATALOGUE, f"{quoted(field_name)} of a {what} is true or false", at(inner))
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            values[field_name] = inner.value
        else:
            bag.error(codes.CATALOGUE, f"{quoted(field_name)} of a {what} is text, not {shape(inner)}", at(inner))
    if not values.get("name"):
        if not values.get("id"):
            bag.error(codes.CATALOGUE, f"a {what} needs a name", at(node))
            return None
        values["name"] = values["id"]
    return kind(**values)
