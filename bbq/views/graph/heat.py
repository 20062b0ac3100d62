"""A Heat template as a picture: a box for each resource, those of nested templates inside the resource that nests them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from bbq.hot.model import HotTemplate, Resource
from bbq.views.clean import one_line
from bbq.views.graph.model import Arrow, Box, Picture, finished

MOST: Final = 2000
"""No more boxes than this are drawn: templates that nest others twice, level by level, double at each."""

_KINDS: Final = (
    ("host", ("OS::Nova::Server", "AWS::EC2::Instance", "OS::Heat::DeployedServer", "OS::Zun::Container")),
    ("database", ("OS::Trove::", "AWS::RDS::")),
    ("queue", ("OS::Zaqar::Queue",)),
    ("store", ("OS::Cinder::Volume", "OS::Swift::", "OS::Manila::Share", "AWS::S3::", "AWS::EC2::Volume")),
    ("cluster", ("OS::Magnum::Cluster", "OS::Sahara::Cluster", "OS::Senlin::Cluster")),
)
_COUNTS: Final = ("count", "desired_capacity", "DesiredCapacity")
"""Properties of groups that say how many members there are."""


def from_heat(template: HotTemplate, title: str = "") -> Picture:
    boxes: dict[str, Box] = {}
    arrows: list[Arrow] = []
    inside: dict[str, str | None] = {}
    for path, parent, resource in islice(_resources(template, "", None), MOST):
        inside[path] = parent
        count = _count(resource)
        label, kind = one_line(resource.name), one_line(resource.type)
        boxes[path] = Box(path, label, kind, _kind(resource), "planned", count=count, detail="planned" if count > 1 else "")
        prefix = f"{parent}." if parent else ""
        arrows += [Arrow(path, prefix + other) for other in resource.needs]
    return finished(title or template.description, boxes, inside, arrows)


def _resources(template: HotTemplate, prefix: str, parent: str | None) -> Iterator[tuple[str, str | None, Resource]]:
    for name, resource in template.resources.items():
        yield prefix + name, parent, resource
        if resource.template is not None:
            yield from _resources(resource.template, f"{prefix}{name}.", prefix + name)


def _kind(resource: Resource) -> str:
    name = resource.implementation or resource.type
    return next((kind for kind, starts in _KINDS if name.startswith(starts)), "node")


def _count(resource: Resource) -> int:
    properties: Any = resource.properties
    for name in _COUNTS if isinstance(properties, dict) else ():
        found = properties.get(name)
        if type(found) is int and found > 1:
            return found
    return 1
