"""What `import bbq` gives: validate and plan templates, deploy them, and hold on to what was deployed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.handles.database import Database
    from bbq.handles.objects import ObjectStore
    from bbq.handles.queue import Queue
    from bbq.journal.model import DeploymentRow, Event, Record
    from bbq.operations.change import Change, RunOptions
    from bbq.operations.observe import Difference
    from bbq.operations.workspace import Workspace
    from bbq.plan.model import Plan

Path = str | PathLike[str]
Duration = str | float | timedelta
Listener = Callable[["Event"], None]


def validate(
    path: Path, *, inputs: Mapping[str, Any] | None = None, import_map: Mapping[str, str] | None = None, offline: bool = False
) -> list[Diagnostic]:
    """Every problem of a template, by file and line; an empty list where there is none.

    Never raises for a bad template, executes nothing, and fetches nothing with `offline`. `inputs` are checked where given.
    `import_map` maps URL prefixes to local directories.
    """
    from bbq.operations.wanted import findings

    return findings(fspath(path), inputs=inputs, import_map=import_map, offline=offline)


def plan(
    path: Path,
    provider: str | None = None,
    name: str | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    import_map: Mapping[str, str] | None = None,
    offline: bool = False,
    targets: Sequence[str] = (),
) -> Plan:
    """What `deploy` would do, without doing it. Raises `TemplateError` with all diagnostics for an invalid template."""
    from bbq.operations.prepare import prepare_up
    from bbq.operations.workspace import Workspace

    with Workspace() as workspace:
        return prepare_up(
            workspace,
            fspath(path),
            provider=provider,
            name=name,
            inputs=inputs,
            import_map=import_map,
            offline=offline,
            targets=targets,
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
    parallel: int | None = None,
    on_error: str | None = None,
    timeout: Duration | None = None,
) -> Deployment:
    """Make the deployment `name` what the template asks for, and return when it is active.

    A live deployment of that name is updated; its inputs stay in force unless given again. `name` is the template's file or
    directory name by default, `provider` is `local`. `ttl` (`"2h"`, seconds, `timedelta`) is the time after which it may be
    reaped. `on_event` is called with each event, in this thread. `on_error`: stop, continue or rollback.

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
        ttl=_seconds(ttl, "ttl"),
        import_map=import_map,
        offline=offline,
        targets=targets,
    )
    _carry_out(change, on_event, _options(parallel, on_error, timeout))
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

    run_options = _options(options.pop("parallel", None), options.pop("on_error", None), options.pop("timeout", None))
    name = name or f"{default_name(fspath(path))[:54]}-{secrets.token_hex(4)}"
    with Workspace() as workspace:
        change = prepare_up(
            workspace,
            fspath(path),
            provider=provider,
            name=name,
            inputs=inputs,
            ttl=_seconds(ttl, "ttl"),
            only_new=True,
            **options,
        )
        try:
            _carry_out(change, on_event, run_options)
            yield Deployment(workspace, change.row.name, change.row.id)
        finally:
            row = workspace.journal.get(change.row.name)
            if row is not None and row.id == change.row.id:  # else it was destroyed inside the block
                _carry_out(prepare_destroy(workspace, row.name), on_event, run_options)


def deployments(*, include_destroyed: bool = False) -> list[Deployment]:
    """All live deployments of the journal, newest first."""
    from bbq.operations.workspace import Workspace

    workspace = Workspace()
    rows = workspace.journal.deployments(include_destroyed=include_destroyed)
    return [Deployment(workspace, row.name, row.id) for row in rows]


def open(name: str) -> Deployment:
    """The live deployment of that name; `UsageError` with the nearest name where there is none."""
    from bbq.operations.workspace import Workspace

    workspace = Workspace()
    return Deployment(workspace, name, workspace.row(name).id)


class Outputs(Mapping[str, Any]):
    """Output values by name. A secret is its plain value when asked for by name, and masked in `repr`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        from bbq.topology.values import revealed

        return revealed(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def masked(self) -> dict[str, Any]:
        """A copy fit for eyes."""
        from bbq.topology.values import masked

        return {name: masked(value) for name, value in self._values.items()}

    def __repr__(self) -> str:
        return repr(self.masked)


class NodeView:
    """One node of a deployment as it was when it was looked up.

    `attributes` is an `Outputs`: secrets are masked in `repr` and plain by name. `state` is one of intended, created, ready,
    failed, deleting.
    """

    def __init__(self, deployment: Deployment, record: Record) -> None:
        self._deployment = deployment
        self._record = record

    @property
    def name(self) -> str:
        return self._record.node

    @property
    def type(self) -> str:
        return self._record.type

    @property
    def state(self) -> str:
        return self._record.status

    @property
    def attributes(self) -> Outputs:
        return Outputs(self._deployment._decoded(self._record.attributes))

    @property
    def members(self) -> tuple[str, ...]:
        """The nodes that this one stands for; empty where it is one thing."""
        return self._record.members

    @property
    def queue(self) -> Queue:
        """A client for a MessageQueue node's (first) queue; `queue_named` takes a name."""
        return self.queue_named(None)

    def queue_named(self, name: str | None) -> Queue:
        from bbq.handles import queue_of

        self._refuse_simulated()
        return queue_of(self.attributes, name)

    @property
    def database(self) -> Database:
        """A client for a Database node."""
        from bbq.handles import database_of

        self._refuse_simulated()
        return database_of(self.attributes)

    def _refuse_simulated(self) -> None:
        """A simulated server's address is made up: somebody else may be there."""
        from bbq.errors import UsageError
        from bbq.operations.workspace import VIRTUAL

        if self._deployment.provider in VIRTUAL:
            raise UsageError(f"{self.name} is simulated: nothing answers there", hint="deploy it with --provider local")

    @property
    def store(self) -> ObjectStore:
        """A client for an ObjectStore node."""
        from bbq.handles import store_of

        return store_of(self.attributes)

    def logs(self, tail: int | None = 100) -> str:
        """The last `tail` lines (None: all) of each log of the node, or of its members."""
        from bbq.operations.logs import read

        return "".join(f"{line}\n" for _, line in read(self._deployment._workspace, self._deployment.row, self.name, tail))

    def __repr__(self) -> str:
        return f"<bbq node {self.name} ({self.type}): {self.state}>"


class Deployment:
    """A deployment, live or gone. Everything is looked up in the journal when it is asked for."""

    def __init__(self, workspace: Workspace, name: str, deployment_id: str) -> None:
        self._workspace = workspace
        self.name = name
        self.id = deployment_id

    @property
    def row(self) -> DeploymentRow:
        """The journal's row of it, destroyed or not."""
        row = self._workspace.journal.get(self.name)
        if row is not None and row.id == self.id:
            return row
        rows = self._workspace.journal.deployments(include_destroyed=True)
        return next(row for row in rows if row.id == self.id)

    @property
    def provider(self) -> str:
        return self.row.provider

    @property
    def expires_at(self) -> float | None:
        """Seconds since the epoch, None for never."""
        return self.row.expires_at

    @property
    def outputs(self) -> Outputs:
        return Outputs(self._decoded(self.row.outputs))

    @property
    def nodes(self) -> dict[str, NodeView]:
        """By address: `packets`, `spark`, `spark.worker[2]`."""
        return {name: NodeView(self, record) for name, record in self._records().items()}

    def status(self) -> str:
        """new, changing, active, failed, interrupted, destroying or destroyed; failed, too, where a part of it is gone."""
        from bbq.operations.observe import observed

        row = self.row
        if row.status == "active" and any(
            r.status == "failed" for r in observed(self._workspace, row, self._records()).values()
        ):
            return "failed"
        return row.status

    def events(self, after: int = 0) -> Iterator[Event]:
        """What happened, in order; `after` is the number of the last event that is not wanted."""
        return self._workspace.journal.events(self.id, after=after)

    def wait(self, timeout: Duration | None = None) -> Deployment:
        """Return when it is active, whoever makes it so. Raises `ResourceFailed`, or `DeadlineExceeded` after `timeout`."""
        from bbq.operations.waiting import until_active

        until_active(self._workspace, self.name, self.id, _seconds(timeout, "timeout"))
        return self

    def scale(self, node: str, count: int, *, on_event: Listener | None = None) -> Deployment:
        """Set the number of a node's instances; returns when they are ready."""
        from bbq.operations.prepare import prepare_scale

        self._check_live()
        _carry_out(prepare_scale(self._workspace, self.name, {node: count}), on_event, None)
        return self

    def update(
        self,
        path: Path | None = None,
        inputs: Mapping[str, Any] | None = None,
        ttl: Duration | None = None,
        *,
        on_event: Listener | None = None,
        **options: Any,
    ) -> Deployment:
        """`deploy` again under this name: with the template as it is now (or another one), and inputs to change."""
        from bbq.operations.prepare import prepare_up

        row = self._check_live()
        run_options = _options(options.pop("parallel", None), options.pop("on_error", None), options.pop("timeout", None))
        template = fspath(path) if path is not None else row.template
        change = prepare_up(
            self._workspace, template, name=self.name, inputs=inputs, ttl=_seconds(ttl, "ttl"), **{"offline": False, **options}
        )
        _carry_out(change, on_event, run_options)
        return self

    def resume(self, *, on_event: Listener | None = None) -> Deployment:
        """Go on after a crash or an interruption, from what the journal has."""
        from bbq.operations.prepare import prepare_resume

        self._check_live()
        _carry_out(prepare_resume(self._workspace, self.name), on_event, None)
        return self

    def drift(self) -> list[Difference]:
        """Where what is there differs from what was wanted; an empty list where it does not."""
        from bbq.operations.observe import drift

        return drift(self._workspace, self.row, self._records())

    def destroy(self, *, on_event: Listener | None = None) -> None:
        """Take everything away. Returns when a fresh listing finds nothing of it; success where it is gone already."""
        from bbq.operations.prepare import prepare_destroy

        row = self._workspace.journal.get(self.name)
        if row is not None and row.id == self.id:
            _carry_out(prepare_destroy(self._workspace, self.name), on_event, None)

    def graph(self, format: str = "mermaid") -> str:
        """A picture of it: mermaid, dot, svg or html."""
        from bbq.operations.pictures import deployment_graph

        return deployment_graph(self._workspace, self.row, self._records(), format)

    def _check_live(self) -> DeploymentRow:
        from bbq.errors import UsageError

        row = self._workspace.journal.get(self.name)
        if row is None or row.id != self.id:
            raise UsageError(f"{self.name} was destroyed")
        return row

    def _records(self) -> dict[str, Record]:
        return self._workspace.journal.records(self.id)

    def _decoded(self, values: Mapping[str, Any]) -> Any:
        from bbq.journal.secrets import decode

        return decode(values, self._workspace.secrets(self.id))

    def __repr__(self) -> str:
        from bbq.durations import text

        row = self.row
        left = ""
        if row.expires_at is not None and row.status != "destroyed":
            left = f", expires in {text(row.expires_at - time.time())}"
        return f"<bbq deployment {row.name} on {row.provider}: {row.status}, {len(self._records())} nodes{left}>"

    def _repr_svg_(self) -> str | None:
        with suppress(Exception):  # a notebook shows the repr instead
            return self.graph("svg")
        return None

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(r.node)}</td><td>{escape(r.type)}</td><td>{escape(r.status)}</td></tr>"
            for r in self._records().values()
        )
        return f"<p>{escape(repr(self))}</p><table><tr><th>node</th><th>type</th><th>state</th></tr>{rows}</table>"


def _seconds(value: Duration | None, what: str) -> float | None:
    from bbq.durations import seconds

    return None if value is None else seconds(value, what=what)


def _options(parallel: int | None, on_error: str | None, timeout: Duration | None) -> RunOptions:
    from bbq.operations.change import RunOptions

    return RunOptions(parallel, on_error, _seconds(timeout, "timeout"))


def _carry_out(change: Change, on_event: Listener | None, options: RunOptions | None) -> None:
    from bbq.operations.change import RunOptions
    from bbq.operations.interrupts import interruptible

    with interruptible() as on_engine:
        result = change.run(on_event=on_event, on_engine=on_engine, options=options or RunOptions())
    result.raise_for_failure()
