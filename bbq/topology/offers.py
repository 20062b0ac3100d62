"""The capability of a node that meets a requirement, and whether a relationship hosts."""

from __future__ import annotations

from bbq.topology.filters import ancestry
from bbq.topology.instances import Instance
from bbq.tosca.model import RequirementAssignment, RequirementDef, ServiceTemplate


class Offers:
    """Finds capabilities by name or type; answers are remembered by the types of both ends."""

    def __init__(self) -> None:
        self._capabilities: dict[tuple[str, str, str, str, str, bool], str | None] = {}

    def find(
        self,
        instance: Instance,
        assignment: RequirementAssignment,
        definition: RequirementDef,
        target: Instance,
        strict: bool = True,
    ) -> str | None:
        """The name of the target's capability that meets the requirement. A capability meant for other types of sources is
        not found by search, and taken, if need be, where the template names its node: the reader has warned of that."""
        wanted, required = assignment.capability or "", definition.capability or ""
        source, offered = instance.template.type, target.template.type
        key = (instance.stack.service.path, source.name, offered.name, wanted, required, strict)
        if key not in self._capabilities:
            service = instance.stack.service
            found = self._search(service, source.ancestry, target, wanted, required)
            if found is None and not strict:
                found = self._search(service, None, target, wanted, required)
            self._capabilities[key] = found
        return self._capabilities[key]

    def _search(
        self, service: ServiceTemplate, source: tuple[str, ...] | None, target: Instance, wanted: str, required: str
    ) -> str | None:
        """By name, else by type: the exact type first, then the nearest derived one. `source` is the ancestry of the type
        that asks, None for any."""
        ranked: list[tuple[int, str]] = []
        for name, item in target.template.type.capabilities.items():
            names = ancestry(service, "capability", item.type)
            sources = item.valid_source_types if source is not None else ()
            if sources and not any(each in (source or ()) for each in sources):
                continue
            if wanted and name != wanted and wanted not in names:
                continue
            if required and required not in names and name != required and not (wanted and name == wanted):
                continue
            kind = required or wanted
            ranked.append((names.index(kind) if kind in names else 0, name))
        return min(ranked)[1] if ranked and (wanted or required) else None


def is_hosted(service: ServiceTemplate, relationship: str) -> bool:
    """True where the relationship derives from HostedOn."""
    names = ancestry(service, "relationship", relationship)
    return any(name.replace(":", ".").rpartition(".")[2] == "HostedOn" for name in names)


__all__ = ["Offers", "is_hosted"]
