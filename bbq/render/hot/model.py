"""A Heat template as data, in the order in which people write it: https://docs.openstack.org/heat/latest/template_guide/hot_spec.html"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

VERSION: Final = "2018-08-31"
NO_DEFAULT: Final = object()


class Fn(dict[str, Any]):
    """A call of a HOT function: a map of one key, which is written on one line."""


def get_param(name: str) -> Fn:
    return Fn(get_param=name)


def get_resource(name: str) -> Fn:
    return Fn(get_resource=name)


def get_attr(name: str, *path: str | int) -> Fn:
    return Fn(get_attr=[name, *path])


def joined(delimiter: str, *parts: Any) -> Any:
    """The parts as one text; a plain one where all of them are."""
    if all(isinstance(part, str) for part in parts):
        return delimiter.join(parts)
    return Fn(list_join=[delimiter, list(parts)])


@dataclass(slots=True)
class Parameter:
    """`constraint` is a custom constraint's name (`nova.flavor`)."""

    name: str
    description: str
    label: str = ""
    type: str = "string"
    default: Any = NO_DEFAULT
    constraint: str | None = None
    node: str = ""
    """The topology's node that it was made for first."""
    of: str = ""
    """The resource and attribute of an earlier document that it stands for; "" for the user's own parameters."""

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": self.type}
        if self.label:
            found["label"] = self.label
        found["description"] = self.description
        if self.default is not NO_DEFAULT:
            found["default"] = self.default
        if self.constraint:
            found["constraints"] = [{"custom_constraint": self.constraint}]
        return found


@dataclass(slots=True)
class Resource:
    """`unit` names what it belongs to and is never parted from: a server's ports and volumes to the server; "" for what
    several servers share."""

    name: str
    type: str
    properties: dict[str, Any] = field(default_factory=dict)
    depends_on: list[str] = field(default_factory=list)
    unit: str = ""
    node: str = ""
    row: int = 0
    """Of a server: its number among the node's."""

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": self.type}
        if self.depends_on:
            found["depends_on"] = self.depends_on if len(self.depends_on) > 1 else self.depends_on[0]
        if self.properties:
            found["properties"] = self.properties
        return found


@dataclass(slots=True)
class Document:
    """One template. `outputs` is name -> (value, description)."""

    description: str = ""
    parameters: dict[str, Parameter] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As it is written, without what is empty."""
        found: dict[str, Any] = {"heat_template_version": VERSION}
        if self.description:
            found["description"] = self.description
        if self.parameters:
            found["parameters"] = {name: item.body() for name, item in self.parameters.items()}
        found["resources"] = {name: item.body() for name, item in self.resources.items()}
        if self.outputs:
            found["outputs"] = {
                name: {"description": description, "value": value} if description else {"value": value}
                for name, (value, description) in self.outputs.items()
            }
        return found


def calls(value: Any) -> Iterator[Fn]:
    """The function calls in a value, outer ones first."""
    if isinstance(value, Fn):
        yield value
    if isinstance(value, dict):
        for item in value.values():
            yield from calls(item)
    elif isinstance(value, list):
        for item in value:
            yield from calls(item)


def used_resources(value: Any) -> Iterator[str]:
    """Names of the resources that a value refers to."""
    for call in calls(value):
        if "get_resource" in call:
            yield call["get_resource"]
        elif "get_attr" in call:
            yield call["get_attr"][0]
