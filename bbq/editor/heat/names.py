"""What the names of types mean in a Heat template: Heat's own types, and the templates that it nests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from yaml import MappingNode, Node, ScalarNode

from bbq import facts, hot
from bbq.diagnostics import SourceRange
from bbq.hot.files import TEMPLATE_SUFFIXES
from bbq.hot.model import HotTemplate, Output, Parameter
from bbq.hot.names import type_of_template
from bbq.hot.types import Attribute, ResourceType, Schema, alias, index, resource_type, texts
from bbq.hot.versions import HOT, VERSION_KEYS, Version, known_versions, version_of


def version_in(root: Node) -> Version | None:
    """The version that a template names; the newest one of its key where the name is not (yet) one."""
    for key, value in root.value if isinstance(root, MappingNode) else ():
        if key.value in VERSION_KEYS:
            named = version_of(key.value, value.value) if isinstance(value, ScalarNode) else None
            return named or default_version(key.value)
    return None


def default_version(key: str = HOT) -> Version:
    names = [name for name in known_versions(key) if name[:1].isdigit()]
    found = version_of(key, names[-1])
    assert found is not None
    return found


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource type by the name that the template has for it; `template` is the nested one that makes it."""

    name: str
    type: ResourceType
    template: HotTemplate | None = None

    @property
    def text(self) -> str:
        return self.template.description if self.template is not None else texts(self.name).text


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a type, or what is within one. `path` leads to it from the type: `networks.port`. `parameter` is the nested
    template's."""

    name: str
    schema: Schema
    owner: str
    path: str
    parameter: Parameter | None = None

    @property
    def at(self) -> SourceRange | None:
        return self.parameter.at if self.parameter is not None else None

    @property
    def text(self) -> str:
        if self.parameter is not None:
            return self.parameter.description
        known = texts(self.owner)
        return known.properties.get(self.path) or known.update_policy.get(self.path, "")

    def entry(self) -> Property | None:
        """An entry of a list, or of a map without names."""
        return replace(self, schema=self.schema.entry) if self.schema.entry is not None else None

    def fields(self) -> dict[str, Property]:
        return members(self.schema.properties or {}, self.owner, prefix=f"{self.path}.")


@dataclass(frozen=True, slots=True)
class ResourceAttribute:
    """An attribute of a type. `output` is the nested template's."""

    name: str
    attribute: Attribute
    owner: str
    output: Output | None = None

    @property
    def at(self) -> SourceRange | None:
        return self.output.at if self.output is not None else None

    @property
    def text(self) -> str:
        return self.output.description if self.output is not None else texts(self.owner).attributes.get(self.name, "")


class Names:
    """Of one template at `path`. `template` is what became of it when it could be read last."""

    def __init__(
        self,
        path: Path,
        template: HotTemplate | None = None,
        overlay: Mapping[Path, bytes] | None = None,
        import_map: Mapping[str, str | os.PathLike[str]] | None = None,
    ) -> None:
        self.path = path
        self.template = template
        self._overlay = overlay
        self._import_map = import_map
        self._kinds: dict[str, Kind | None] = {}
        for resource in template.resources.values() if template is not None else ():
            if resource.template is not None:
                self._kinds[resource.type] = _nested(resource.type, resource.template)

    def kind(self, name: str) -> Kind | None:
        """The type of that name; None where Heat has none and no file is there."""
        if name not in self._kinds:
            self._kinds[name] = self._find(name)
        return self._kinds[name]

    def _find(self, name: str) -> Kind | None:
        if name.endswith(TEMPLATE_SUFFIXES):
            path = self.file(name)
            found = hot.load(path, overlay=self._overlay, import_map=self._import_map)[0] if path is not None else None
            return _nested(name, found) if found is not None else None
        own = resource_type(name) or resource_type(alias(name) or "")
        return Kind(name, own) if own is not None else None

    def file(self, name: str) -> Path | None:
        """The file that a name means, if it is there and may be read."""
        for found in self.template.files.values() if self.template is not None else ():
            if found.path is not None and found.status == "there" and any(name == text for text, _ in found.written):
                return found.path
        if "\0" in name or "://" in name or not name:
            return None
        path = Path(os.path.realpath(self.path.parent / name))
        home = self.path.parent if name.startswith("/") else facts.project_folder(self.path.parent)
        return path if path.is_relative_to(home) and path.is_file() else None


def _nested(name: str, template: HotTemplate) -> Kind:
    return Kind(name, type_of_template(template, {}), template)


def properties_of(kind: Kind) -> dict[str, Property]:
    return members(kind.type.properties, kind.name, kind.template.parameters if kind.template is not None else {})


def members(
    schemas: Mapping[str, Schema], owner: str, parameters: Mapping[str, Parameter] | None = None, *, prefix: str = ""
) -> dict[str, Property]:
    return {
        name: Property(name, schema, owner, prefix + name, (parameters or {}).get(name)) for name, schema in schemas.items()
    }


def attributes_of(kind: Kind) -> Iterator[ResourceAttribute]:
    outputs = kind.template.outputs if kind.template is not None else {}
    for name, attribute in kind.type.attributes.items():
        yield ResourceAttribute(name, attribute, kind.name, outputs.get(name))


def type_names() -> list[str]:
    """Heat's own types, without what is hidden or not supported any more."""
    return [name for name in sorted(index().types) if (kind := resource_type(name)) and kind.status in ("", "deprecated")]
