"""What a template and its inputs ask for, as far as it can be said without a deployment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bbq.errors import TemplateError, UsageError

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.hot.model import HotTemplate
    from bbq.operations.workspace import Workspace
    from bbq.topology.model import Topology
    from bbq.tosca.model import ServiceTemplate

NO_SUBSTITUTION = "simulator"
"""The provider that makes abstract nodes as they are, so that the graph can be checked before one is chosen."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_COMMON_STEMS = frozenset({"service", "service-template", "main", "template", "deployment", "topology", "bbq"})


def load_template(path: str, *, import_map: Mapping[str, str] | None = None, offline: bool = True) -> ServiceTemplate:
    """The service template; `TemplateError` with every problem in it, `UsageError` for one that only Heat can make."""
    from bbq import tosca
    from bbq.languages import language_of

    language = language_of(path)
    if language != "TOSCA":
        raise UsageError(
            f"{path} is a Heat template ({language}), and no provider here makes Heat stacks",
            hint=f"bbq-deploy validate {path} and bbq-deploy graph {path} take it; "
            f"`openstack stack create -t {path} NAME` deploys it",
        )
    service, found = tosca.load(path, import_map=import_map, offline=offline)
    refuse_errors(found, path)
    assert service is not None
    return service


def load_heat(
    path: str,
    *,
    inputs: Mapping[str, Any] | None,
    import_map: Mapping[str, str] | None,
    environments: Sequence[str] = (),
) -> HotTemplate:
    """The HOT or CFN template; `TemplateError` with every problem in it."""
    from bbq import hot

    template, found = hot.load(path, environments=environments, parameters=inputs, import_map=import_map)
    refuse_errors(found, path)
    assert template is not None
    return template


def refuse_errors(found: Iterable[Diagnostic], what: str) -> None:
    """`TemplateError` where there is an error among the findings."""
    found = list(found)
    errors = sum(item.severity == "error" for item in found)
    if errors:
        if all(item.file == "<override>" for item in found if item.severity == "error"):
            what = "the numbers of instances"  # there is nothing wrong with the template
        raise TemplateError(f"{errors} error{'s' if errors > 1 else ''} in {what}", found)


def build_topology(
    workspace: Workspace, service: ServiceTemplate, given: Mapping[str, Any], provider: str, overrides: Mapping[str, int]
) -> tuple[Topology, list[Diagnostic]]:
    """The graph that the template and the inputs ask for, and what was found on the way; `TemplateError` for errors."""
    from bbq import topology, tosca

    values, found = tosca.check_inputs(service, given)
    refuse_errors(found, f"the inputs of {service.path}")
    built, more = topology.build(
        service,
        inputs=values,
        provider=provider,
        overrides=dict(overrides),
        template_dirs=workspace.template_dirs(),
    )
    refuse_errors(more, service.path)
    assert built is not None
    return built, [*found, *more]


def default_name(path: str) -> str:
    """The deployment's name where none is given: the file's stem, or the directory's name where the stem says nothing."""
    file = Path(path).absolute()
    stem = file.stem if file.stem.lower() not in _COMMON_STEMS else file.parent.name
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")
    return name[:63] or "deployment"


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be a deployment's name",
            hint="letters, digits, '.', '_' and '-', at most 63, starting with a letter or digit",
        )
    return name
