"""Pictures of deployments and of templates; how they are drawn is in `bbq.views.graph`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bbq.errors import BbqError

if TYPE_CHECKING:
    from bbq.journal.model import DeploymentRow, Record
    from bbq.operations.workspace import Workspace


def deployment_graph(workspace: Workspace, row: DeploymentRow, records: Mapping[str, Record], format: str) -> str:
    """What there is of a deployment, with what is still to come where its template can be read; `format` as in `render`."""
    from bbq.operations.prepare import topology_of
    from bbq.views import graph

    try:
        topology = topology_of(workspace, row)
    except BbqError:  # the template is gone or changed: the journal knows what there is
        return graph.render(graph.from_records(records, title=row.name), format)
    states = {name: record.status for name, record in records.items()}
    return graph.render(graph.from_topology(topology, states, title=row.name), format)


def template_graph(
    workspace: Workspace,
    path: str,
    given: Mapping[str, Any] | None,
    provider: str,
    offline: bool,
    format: str,
    environments: Sequence[str] = (),
) -> str:
    """What a template asks for on a provider; a Heat template's resources as they stand. Raises `TemplateError`."""
    from bbq.languages import language_of
    from bbq.operations.wanted import build_topology, default_name, load_heat, load_template
    from bbq.views import graph

    language = language_of(path)
    if language == "Murano":
        from bbq.operations.murano import MuranoService
        from bbq.topology.murano import topology_of

        package = MuranoService.load(path).package
        return graph.render(graph.from_topology(topology_of(package, given or {}), title=default_name(path)), format)
    if language != "TOSCA":
        template = load_heat(
            path, inputs=given, import_map=workspace.imports(offline=offline).import_map, environments=environments
        )
        return graph.render(graph.from_heat(template, title=default_name(path)), format)
    service = load_template(path, workspace.imports(offline=offline))
    topology, _ = build_topology(workspace, service, given or {}, provider, {})
    return graph.render(graph.from_topology(topology, title=default_name(path)), format)
