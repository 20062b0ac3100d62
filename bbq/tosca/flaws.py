"""What of a service template cannot be relied on, since something in it is wrong and was reported: so that what comes after,
which has its own findings, neither repeats them nor tells their consequences.

An error belongs to what was read when it was reported, else to the type or the property in whose text it stands. One that
belongs to nothing so small may matter anywhere.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bbq.diagnostics import Diagnostic, DiagnosticBag, SourceRange
from bbq.tosca.model import Flaws
from bbq.tosca.schemas import canonical
from bbq.tosca.usage import Name, closure, of_parameters
from bbq.yamlreader import at

if TYPE_CHECKING:
    from bbq.tosca.files import Unit
    from bbq.tosca.functions import Owner
    from bbq.tosca.model import NodeTemplate, ServiceTemplate

_PARTS: Final = {"output": "outputs", "policy": "policies", "group": "groups", "workflow": "workflows"}


class FlawFinder:
    """Notes in `flaws` what the errors of a bag belong to."""

    def __init__(self, bag: DiagnosticBag) -> None:
        self.flaws = Flaws()
        self._bag = bag
        self._known: set[int] = set()
        """Errors that belong to something, by number."""

    @property
    def now(self) -> int:
        """The number of the next finding."""
        return len(self._bag.items)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Errors that are reported meanwhile belong to a part of the service template."""
        start = self.now
        yield
        if self._take(start):
            self.flaws.parts.add(name)

    def node(self, template: NodeTemplate | None, start: int) -> None:
        """Errors from number `start` on belong to a node template; None for one that could not be read."""
        for item in self._take(start):
            if template is not None and not self._in_property(template, item):
                self.flaws.nodes.add(template.name)
                if item.code == "BBQ-T010" or item.code.startswith("BBQ-Y"):  # a keyname, which may be `requirements`
                    self.flaws.requirements.add(template.name)

    def requirement(self, name: str, start: int) -> None:
        """Errors from number `start` on belong to requirements of a node template."""
        if self._take(start):
            self.flaws.requirements.add(name)

    def call(self, service: ServiceTemplate, owner: Owner, start: int) -> None:
        """Errors from number `start` on are about a function call of the owner."""
        if owner.kind == "node":
            self.node(service.node_templates.get(owner.name), start)
        elif owner.kind in ("relationship", "filter"):
            if owner.name:
                self.requirement(owner.name, start)
        elif self._take(start):
            self.flaws.parts.add(_PARTS.get(owner.kind, owner.kind))

    def finish(self, service: ServiceTemplate, units: Iterable[Unit]) -> None:
        """Looks where the remaining errors stand, once all have been reported."""
        left: dict[str, list[tuple[int, int, int]]] = {}
        for number, item in enumerate(self._bag.items):
            if item.severity == "error" and number not in self._known:
                left.setdefault(item.file, []).append((item.line, item.column, number))
        for errors in left.values():
            errors.sort()
        flawed: set[Name] = set()
        for unit in units if left else ():
            for declaration in unit.declared.values():
                key, body = at(declaration.key), at(declaration.body)
                place = SourceRange(unit.file, key.line, key.column, body.end_line, body.end_column)
                if self._claim(left, place):
                    flawed.add((declaration.kind, canonical(declaration)))
        for template in service.node_templates.values() if left else ():
            for name, place in template.property_at.items():
                if self._claim(left, place):
                    self.flaws.values.setdefault(template.name, set()).add(name)
        self.flaws.anywhere = self._bag.dropped_errors > 0 or any(
            number not in self._known for errors in left.values() for _, _, number in errors
        )
        self._judge_types(service, flawed)

    def _claim(self, left: dict[str, list[tuple[int, int, int]]], place: SourceRange) -> bool:
        """Whether errors stand there, which are known then."""
        errors = left.get(place.file)
        if errors is None:
            return False
        low = bisect_left(errors, (place.line, place.column, 0))
        high = bisect_left(errors, (place.end_line, place.end_column, 0))
        self._known.update(number for _, _, number in errors[low:high])
        return low < high

    def _judge_types(self, service: ServiceTemplate, flawed: set[Name]) -> None:
        """What has a type that is flawed, or that names one that is."""
        if not flawed:
            return
        for part, names in (
            ("inputs", of_parameters(service.inputs.values())),
            ("outputs", of_parameters(service.outputs.values())),
            ("policies", (("policy", each.type) for each in service.policies.values())),
        ):
            if not flawed.isdisjoint(closure(service, names)):
                self.flaws.parts.add(part)
        judged: dict[frozenset[Name], bool] = {}
        for template in service.node_templates.values():
            relationships = {("relationship", each.relationship) for each in template.requirements if each.relationship}
            key = frozenset({("node", template.type.name), *relationships})
            if key not in judged:
                judged[key] = not flawed.isdisjoint(closure(service, key))
            if judged[key]:
                self.flaws.types.add(template.name)
                self.flaws.nodes.add(template.name)
                self.flaws.requirements.add(template.name)

    def _take(self, start: int) -> list[Diagnostic]:
        numbers = [number for number in range(start, len(self._bag.items)) if self._bag.items[number].severity == "error"]
        fresh = [number for number in numbers if number not in self._known]
        self._known.update(fresh)
        return [self._bag.items[number] for number in fresh]

    def _in_property(self, template: NodeTemplate, item: Diagnostic) -> bool:
        where = item.line, item.column
        names = {
            name
            for name, place in template.property_at.items()
            if item.file == place.file and (place.line, place.column) <= where < (place.end_line, place.end_column)
        }
        if names:
            self.flaws.values.setdefault(template.name, set()).update(names)
        return bool(names)
