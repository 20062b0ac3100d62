"""A Murano package in the place of a service template: what `prepare` asks of either."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bbq import murano
from bbq.diagnostics import DiagnosticBag
from bbq.errors import UsageError
from bbq.murano.inputs import check
from bbq.wording import refuse_errors

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.murano.model import Package, Property
    from bbq.topology.model import Topology


@dataclass(frozen=True, slots=True)
class MuranoService:
    """A package; its inputs are the properties of its application."""

    path: str
    package: Package
    found: tuple[Diagnostic, ...]
    digest: str
    inputs: Mapping[str, Property]
    node_templates: Mapping[str, Any] = field(default_factory=dict)
    archive: None = None
    provider: str = "openstack"

    @classmethod
    def load(cls, path: str) -> MuranoService:
        """`TemplateError` with every problem that there is without values; `UsageError` for a library."""
        package, found = murano.load(path)
        refuse_errors(found, path)
        assert package is not None
        if package.kind != "Application":
            raise UsageError(f"{path} is a library for other packages: there is nothing in it to deploy")
        if package.application is None:
            raise UsageError(
                f"{path} has several classes, none of them called {package.full_name}",
                hint="a node of type bbq.nodes.openstack.MuranoApp says which by `application`",
            )
        properties = {name: item for name, item in package.application.properties.items() if item.given}
        inputs = _Open(package, properties) if package.application.open else properties
        return cls(path, package, tuple(found), package.digest, inputs)

    def topology(self, given: Mapping[str, Any], overrides: Mapping[str, int]) -> tuple[Topology, list[Diagnostic]]:
        """The application with these values; `TemplateError` with every problem. Nothing in it can be scaled."""
        from bbq.topology.murano import topology_of

        bag = DiagnosticBag()
        values = check(self.package, given, bag)
        refuse_errors(bag.items, f"the inputs of {self.path}")
        return topology_of(self.package, values), list(self.found)


class _Open(dict[str, "Property"]):
    """The inputs of a class with parents in other packages: whatever these have is one, too."""

    def __init__(self, package: Package, known: Mapping[str, Property]) -> None:
        super().__init__(known)
        self._package = package

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Property:
        from bbq.murano.model import Property

        return Property(name, "", self._package.at)
