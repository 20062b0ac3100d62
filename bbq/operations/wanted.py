"""What a template and its inputs ask for, as far as it can be said without a deployment."""

from __future__ import annotations

import errno
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from bbq.errors import ConfigurationError, QuotaError, TemplateError, UsageError
from bbq.wording import refuse_errors

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.hot.model import HotTemplate
    from bbq.operations.heat import HeatService
    from bbq.operations.murano import MuranoService
    from bbq.operations.workspace import Workspace
    from bbq.origins.archive import Archive
    from bbq.render.murano import Inputs
    from bbq.sources import Sources
    from bbq.topology.model import Topology
    from bbq.tosca.model import ServiceTemplate

    Deployable: TypeAlias = ServiceTemplate | HeatService | MuranoService

NO_SUBSTITUTION = "simulator"
"""The provider that makes abstract nodes as they are, so that the graph can be checked before one is chosen."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_COMMON_STEMS = frozenset(
    {"service", "service-template", "main", "template", "deployment", "topology", "manifest", "package", "bbq"}
)


@dataclass(frozen=True, slots=True)
class Imports:
    """How imports are found: what stands for URLs, and which hosts may be asked for the others."""

    import_map: Mapping[str, str] = field(default_factory=dict)
    allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def configured(
        cls, import_map: Sequence[str] | None, hosts: Sequence[str] | None, files: Sequence[str], *, offline: bool
    ) -> Imports:
        """By flags, environment and configuration files, without oslo.config: it would take longer than a whole check."""
        from bbq.conf import ini

        allowed = () if offline else tuple(ini.allowed_hosts(hosts or (), files))
        return cls(ini.import_map(import_map or (), files), allowed)


def load_deployable(
    path: str, imports: Imports, *, unpacked: Path | None = None, environments: Sequence[str] = ()
) -> Deployable:
    """As `load_template`, Heat's templates, with these environments, and Murano's packages included."""
    from bbq.languages import language_of

    language = language_of(path)
    if language == "Murano" and not environments:
        from bbq.operations.murano import MuranoService

        return MuranoService.load(path)
    if language in ("HOT", "CFN"):
        from bbq.operations.heat import HeatService

        return HeatService.load(path, environments, imports.import_map)
    if environments:
        raise UsageError(f"{path} is no Heat template: it has no environments", hint="TOSCA has inputs: --inputs FILE")
    return load_template(path, imports, unpacked=unpacked)


def load_template(path: str, imports: Imports, *, unpacked: Path | None = None) -> ServiceTemplate:
    """The service template; `TemplateError` with every problem in it, `UsageError` for a Heat template. `unpacked` is where an
    archive's files will be."""
    from bbq import tosca
    from bbq.languages import language_of

    language = language_of(path)
    if language != "TOSCA":
        kind = "Murano package" if language == "Murano" else f"Heat template ({language})"
        raise UsageError(
            f"{path} is a {kind} already",
            hint=f"bbq-deploy validate, graph, plan and up take it: bbq-deploy up {path} --provider openstack",
        )
    service, found = tosca.load(
        path, import_map=imports.import_map, offline=False, allowed_hosts=imports.allowed_hosts, unpacked=unpacked
    )
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


def unpack(archive: Archive, below: Path) -> Path:
    """Write the files of the archive that a template came in. Raises `UsageError` where the archive is another one by now,
    `QuotaError` where there is no room, `ConfigurationError` where they cannot be written."""
    from bbq.diagnostics import DiagnosticBag
    from bbq.origins.archive import open_archive
    from bbq.origins.refused import Damaged

    found = open_archive(archive.file, DiagnosticBag())
    if found is None or found.digest != archive.digest:
        raise UsageError(f"{archive.file} was changed just now", hint="run the command again")
    try:
        with found:
            return found.unpack(below)
    except Damaged:
        raise UsageError(f"{archive.file} was changed just now", hint="run the command again") from None
    except OSError as error:
        text = f"the files of {archive.file} cannot be written to {below}: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise QuotaError(text, hint="free some disk space") from None
        raise ConfigurationError(text) from None


@contextmanager
def with_lines(sources: Sources | None) -> Iterator[None]:
    """A `TemplateError` that leaves it has, with its findings, the lines that they are about."""
    try:
        yield
    except TemplateError as error:
        found = error.diagnostics if sources is None else map(sources.complete, error.diagnostics)
        raise TemplateError(str(error), tuple(found), hint=error.hint) from None


def build_topology(
    workspace: Workspace,
    service: Deployable,
    given: Mapping[str, Any],
    provider: str,
    overrides: Mapping[str, int],
    lacking: Collection[str] = (),
) -> tuple[Topology, list[Diagnostic]]:
    """The graph that the template and the inputs ask for, and what was found on the way; `TemplateError` for errors. `lacking`
    are services that the provider did not have when the deployment was new."""
    from bbq import topology, tosca
    from bbq.tosca.model import ServiceTemplate

    if not isinstance(service, ServiceTemplate):
        return service.topology(given, overrides)

    values, found = tosca.check_inputs(service, given)
    refuse_errors(found, f"the inputs of {service.path}")
    built, more = topology.build(
        service,
        inputs=values,
        provider=provider,
        overrides=dict(overrides),
        template_dirs=workspace.template_dirs(),
        lacking=lacking,
    )
    refuse_errors(more, service.path)
    assert built is not None
    return built, [*found, *more]


def varied(workspace: Workspace, service: ServiceTemplate, given: Mapping[str, Any], provider: str) -> Inputs:
    """The template's inputs, and its topology with other values of some of them."""
    from bbq.render.murano import Inputs

    def build(changed: Mapping[str, Any]) -> Topology | None:
        try:
            return build_topology(workspace, service, {**given, **changed}, provider, {})[0]
        except TemplateError:
            return None

    return Inputs(service.inputs, build)


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
