"""A deployment in the hands of its user."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os import fspath
from typing import TYPE_CHECKING, Any

from bbq.api.nodes import NodeView, Outputs
from bbq.api.running import Duration, Listener, Path, carry_out, run_options, seconds

if TYPE_CHECKING:
    from bbq.journal.model import DeploymentRow, Event, Record
    from bbq.operations.observe import Difference
    from bbq.operations.workspace import Workspace


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
        """new, changing, active, failed, interrupted, destroying or destroyed; failed, too, where a part of an active one
        is gone, and degraded where a part of it is not ready."""
        from bbq.operations.observe import observed, status_of

        row = self.row
        return status_of(row, observed(self._workspace, row, self._records())) if row.status == "active" else row.status

    def events(self, after: int = 0) -> Iterator[Event]:
        """What happened, in order; `after` is the number of the last event that is not wanted."""
        return self._workspace.journal.events(self.id, after=after)

    def wait(self, timeout: Duration | None = None) -> Deployment:
        """Return when it is active, whoever makes it so. Raises `ResourceFailed`, or `DeadlineExceeded` after `timeout`."""
        from bbq.operations.waiting import until_active

        until_active(self._workspace, self.name, self.id, seconds(timeout, "timeout"))
        return self

    def scale(self, node: str, count: int, *, on_event: Listener | None = None) -> Deployment:
        """Set the number of a node's instances; returns when they are ready."""
        from bbq.operations.prepare import prepare_scale

        self._check_live()
        carry_out(prepare_scale(self._workspace, self.name, {node: count}), on_event, None)
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
        how = run_options(options.pop("parallel", None), options.pop("on_error", None), options.pop("timeout", None))
        template = fspath(path) if path is not None else row.template
        change = prepare_up(
            self._workspace, template, name=self.name, inputs=inputs, ttl=seconds(ttl, "ttl"), **{"offline": False, **options}
        )
        carry_out(change, on_event, how)
        return self

    def resume(self, *, on_event: Listener | None = None) -> Deployment:
        """Go on after a crash or an interruption, from what the journal has."""
        from bbq.operations.prepare import prepare_resume

        self._check_live()
        carry_out(prepare_resume(self._workspace, self.name), on_event, None)
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
            carry_out(prepare_destroy(self._workspace, self.name), on_event, None)

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
