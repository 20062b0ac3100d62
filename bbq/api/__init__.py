"""What `import bbq` gives: validate and plan templates, deploy them, and hold on to what was deployed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import fspath
from typing import TYPE_CHECKING, Any

from bbq.api.deployment import Deployment
from bbq.api.nodes import NodeView, Outputs
from bbq.api.running import Duration, Listener, Path, carry_out, run_options, seconds

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.operations.wanted import Imports
    from bbq.plan.model import Plan

__all__ = [
    "Deployment",
    "NodeView",
    "Outputs",
    "deploy",
    "deployments",
    "ephemeral",
    "lock",
    "open",
    "package",
    "plan",
    "validate",
]


def validate(
    path: Path,
    *,
    inputs: Mapping[str, Any] | None = None,
    import_map: Mapping[str, str] | None = None,
    offline: bool = False,
    strict: bool = False,
    environments: Sequence[Path] = (),
) -> list[Diagnostic]:
    """Every problem of a template (TOSCA, HOT or CFN, by its version's key), by file and line; an empty list without any.

    Never raises for a bad template and executes nothing. `path` is a YAML file or an archive (CSAR). `inputs` (a Heat
    template's parameters) are checked where given, and `environments` are Heat's environment files, later ones laid over
    earlier ones. `import_map` maps URL prefixes to local directories, besides those of the configuration. Nothing is fetched
    but from the hosts that the configuration allows, and nothing at all with `offline`. With `strict`, what the specification
    forbids is an error, however common it is.
    """
    from bbq.validation.findings import findings
    from bbq.validation.run import strictly

    files = [fspath(item) for item in environments]
    imports = _imports(import_map, offline=offline)
    found = findings(
        fspath(path),
        inputs=inputs,
        import_map=imports.import_map,
        offline=offline,
        environments=files,
        allowed_hosts=imports.allowed_hosts,
    )
    return strictly(found) if strict else found


def lock(
    *paths: Path, update: bool = False, import_map: Mapping[str, str] | None = None, allowed_hosts: Sequence[str] = ()
) -> dict[str, str]:
    """Pin the remote imports of templates of one folder in `bbq.lock` beside them: URL -> SHA-256.

    What is pinned stays as it is, unless `update` asks for what is there now. `import_map` and `allowed_hosts` come on top of
    the configuration's. Raises `TemplateError` where an import cannot be had.
    """
    from bbq.operations.locking import lock_templates

    imports = _imports(import_map, offline=False, hosts=allowed_hosts)
    return {url: pin.sha256 for url, pin in lock_templates(paths, imports, update=update).pins.items()}


def package(
    path: Path,
    output: Path,
    *,
    include: Sequence[str] = (),
    others: Sequence[Path] = (),
    force: bool = False,
    import_map: Mapping[str, str] | None = None,
    offline: bool = False,
) -> list[str]:
    """Pack a template with everything that it needs into the archive (CSAR) `output`; returns the names of its files.

    `include` are patterns of further files below the template's folder; `others` are templates that may stand for nodes of it.
    Raises `TemplateError` where the template is not valid or a file is missing, `UsageError` where `output` exists (`force`
    replaces it).
    """
    from bbq.operations import packaging

    imports = _imports(import_map, offline=offline)
    return list(packaging.package(path, output, imports, include=include, others=others, force=force).members)


def plan(
    path: Path,
    provider: str | None = None,
    name: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    import_map: Mapping[str, str] | None = None,
    offline: bool = False,
    targets: Sequence[str] = (),
    environments: Sequence[Path] = (),
) -> Plan:
    """What `deploy` would do, without doing it. Raises `TemplateError` with all diagnostics for an invalid template."""
    from bbq.operations.prepare import prepare_up
    from bbq.operations.workspace import Workspace

    with Workspace(missing="ignore") as workspace:
        return prepare_up(
            workspace,
            fspath(path),
            provider=provider,
            name=name,
            inputs=inputs,
            import_map=import_map,
            offline=offline,
            targets=targets,
            environments=[fspath(file) for file in environments],
        ).plan


def deploy(
    path: Path,
    provider: str | None = None,
    name: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    ttl: Duration | None = None,
    on_event: Listener | None = None,
    *,
    import_map: Mapping[str, str] | None = None,
    offline: bool = False,
    targets: Sequence[str] = (),
    environments: Sequence[Path] = (),
    parallel: int | None = None,
    on_error: str | None = None,
    timeout: Duration | None = None,
) -> Deployment:
    """Make the deployment `name` what the template asks for, and return when it is active.

    A live deployment of that name is updated; its inputs stay in force unless given again. `name` is the template's file or
    directory name by default, `provider` is `local`, for Heat templates (with `environments`) `openstack`. `ttl` (`"2h"`,
    seconds, `timedelta`) is the time after which it may be reaped. `on_event` is called with each event, in this thread.
    `on_error`: stop, continue or rollback.

    Raises a `BbqError` of the class of the cause; what was made stays (unless rolled back) and is found by `bbq.open(name)`.
    Ctrl-C finishes what is in flight and raises `Interrupted`; a second one stops at once.
    """
    from bbq.operations.prepare import prepare_up
    from bbq.operations.workspace import Workspace

    workspace = Workspace()
    change = prepare_up(
        workspace,
        fspath(path),
        provider=provider,
        name=name,
        inputs=inputs,
        ttl=seconds(ttl, "ttl"),
        import_map=import_map,
        offline=offline,
        targets=targets,
        environments=[fspath(file) for file in environments],
    )
    carry_out(change, on_event, run_options(parallel, on_error, timeout))
    return Deployment(workspace, change.row.name, change.row.id)


@contextmanager
def ephemeral(
    path: Path,
    provider: str | None = None,
    name: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    ttl: Duration | None = None,
    on_event: Listener | None = None,
    **options: Any,
) -> Iterator[Deployment]:
    """`deploy` for the length of a `with` block; always destroyed, also after an exception or Ctrl-C, half-made or not.

    Without a `name` it gets one of its own. Raises `UsageError` where a deployment of that name lives already. `options` as in
    `deploy`.
    """
    from bbq.operations.prepare import prepare_destroy, prepare_up
    from bbq.operations.wanted import default_name
    from bbq.operations.workspace import Workspace

    how = run_options(options.pop("parallel", None), options.pop("on_error", None), options.pop("timeout", None))
    name = name or f"{default_name(fspath(path))[:54]}-{secrets.token_hex(4)}"
    with Workspace() as workspace:
        change = prepare_up(
            workspace,
            fspath(path),
            provider=provider,
            name=name,
            inputs=inputs,
            ttl=seconds(ttl, "ttl"),
            only_new=True,
            **options,
        )
        try:
            carry_out(change, on_event, how)
            yield Deployment(workspace, change.row.name, change.row.id)
        finally:
            row = workspace.journal.get(change.row.name)
            if row is not None and row.id == change.row.id:  # else it was destroyed inside the block
                carry_out(prepare_destroy(workspace, row.name), on_event, how)


def deployments(*, include_destroyed: bool = False) -> list[Deployment]:
    """All live deployments of the journal, newest first."""
    from bbq.operations.workspace import Workspace

    workspace = Workspace(missing="refuse")
    rows = workspace.journal.deployments(include_destroyed=include_destroyed)
    return [Deployment(workspace, row.name, row.id) for row in rows]


def open(name: str) -> Deployment:
    """The live deployment of that name; `UsageError` with the nearest name where there is none."""
    from bbq.operations.workspace import Workspace

    workspace = Workspace(missing="refuse")
    return Deployment(workspace, name, workspace.row(name).id)


def _imports(import_map: Mapping[str, str] | None, *, offline: bool, hosts: Sequence[str] = ()) -> Imports:
    from bbq.operations.wanted import Imports

    found = Imports.configured(None, None, (), offline=offline)
    return Imports({**found.import_map, **(import_map or {})}, (*found.allowed_hosts, *hosts))
