"""Waiting for a deployment that another process works on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bbq.errors import DeadlineExceeded, Interrupted, ResourceFailed, UsageError

if TYPE_CHECKING:
    from bbq.operations.workspace import Workspace

_PAUSE = 0.2  # seconds between two looks at the journal


def until_active(workspace: Workspace, name: str, deployment_id: str, timeout: float | None) -> None:
    """Return when the deployment is active.

    Raises `ResourceFailed` when it failed, `Interrupted` when its run was, `UsageError` when it was or is being destroyed, and
    `DeadlineExceeded` after `timeout` seconds.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        row = workspace.journal.get(name)
        if row is None or row.id != deployment_id:
            raise UsageError(f"{name} was destroyed")
        if row.status == "destroying":
            raise UsageError(f"{name} is being destroyed")
        if row.status == "active":
            return
        if row.status == "failed":
            raise ResourceFailed(f"{name} failed: {row.error or 'see its events'}", hint=f"bbq-deploy events {name}")
        if row.status == "interrupted":
            raise Interrupted(f"the run of {name} was interrupted", hint=f"bbq-deploy resume {name}")
        if deadline is not None and time.monotonic() >= deadline:
            raise DeadlineExceeded(f"{name} is {row.status}, not active, after the {timeout:g} s of --timeout")
        time.sleep(_PAUSE)
