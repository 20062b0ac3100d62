"""A Heat template in the place of a service template: what `prepare` asks of either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from bbq import hot
from bbq.errors import UsageError
from bbq.hot.model import HotTemplate, Parameter
from bbq.wording import refuse_errors

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.topology.model import Topology

_NOT_SENT: Final = frozenset({"BBQ-H051", "BBQ-H052", "BBQ-H053"})
"""Warnings of a template that is checked, errors of one that is deployed: files that would not be there."""


@dataclass(frozen=True, slots=True)
class HeatInput:
    """A template's parameter as an input."""

    parameter: Parameter

    @property
    def secret(self) -> bool:
        return self.parameter.hidden


@dataclass(frozen=True, slots=True)
class HeatService:
    """A HOT or CFN template with its environments, not yet with its parameters' values."""

    path: str
    environments: tuple[str, ...]
    import_map: Mapping[str, str]
    digest: str
    inputs: Mapping[str, HeatInput]
    groups: Mapping[str, tuple[str | None, int | None]]
    node_templates: Mapping[str, Any] = field(default_factory=dict)
    archive: None = None
    provider: str = "openstack"

    @classmethod
    def load(cls, path: str, environments: Sequence[str], import_map: Mapping[str, str]) -> HeatService:
        """`TemplateError` with every problem that there is without values."""
        from bbq.topology.heat import counted, digest_of

        template, _ = _load(path, environments, import_map, None)
        inputs = {name: HeatInput(parameter) for name, parameter in template.parameters.items()}
        return cls(path, tuple(environments), import_map, _readable(digest_of, template), inputs, counted(template))

    def topology(self, given: Mapping[str, Any], overrides: Mapping[str, int]) -> tuple[Topology, list[Diagnostic]]:
        """The stack with these parameters and numbers of groups' members; `TemplateError` with every problem."""
        from bbq.topology.heat import topology_of

        values, counts = dict(given), {}
        for group, number in overrides.items():
            parameter, _ = self.groups[group]
            if parameter is None:
                counts[group] = number
            else:
                values[parameter] = number
        template, found = _load(self.path, self.environments, self.import_map, values)
        return _readable(topology_of, template, values, counts), found


def _load(
    path: str, environments: Sequence[str], import_map: Mapping[str, str], given: Mapping[str, Any] | None
) -> tuple[HotTemplate, list[Diagnostic]]:
    template, found = hot.load(path, environments=environments, parameters=given, import_map=import_map)
    found = [replace(item, severity="error") if item.code in _NOT_SENT else item for item in found]
    if given is None:  # an environment's parameters are values, too: those that lack are asked for when all are known
        found = [item for item in found if item.code != "BBQ-H071"]
    refuse_errors(found, path)
    assert template is not None
    return template, found


def _readable(make: Any, template: HotTemplate, *args: Any) -> Any:
    try:
        return make(template, *args)
    except OSError as error:
        raise UsageError(f"{error.filename or template.path} cannot be read: {error.strerror}") from None
