"""A command in a process of its own that ends itself by SIGKILL at a numbered point of its life."""

from __future__ import annotations

import json
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kill_deployment import NAME, configuration

import bbq.operations.workspace
from bbq.conf.loader import Config
from bbq.engine.clock import VirtualClock
from bbq.errors import UsageError
from bbq.journal import open_journal, open_secrets
from bbq.journal.model import DeploymentRow, Journal, Record, SecretStore
from bbq.operations.change import Change
from bbq.plan.model import Action
from bbq.providers.simulator.cloud import DurableCloud, Thing

EPOCH = 1_700_000_000.0
"""The time at which every process begins, instead of now: so that each run of a command has the same points."""
AFTERWARDS = 600.0
"""Seconds after which a delete that was asked for is done."""
LAGGING = {"LIST_LAG": "1.5"}
"""A cloud whose lists are behind the truth, and which is well otherwise."""


class Killer:
    """Counts points in the life of a process and ends it at one of them, as a power cut would."""

    def __init__(self, at: int | None) -> None:
        self.at = at
        self.points: list[str] = []

    def point(self, what: str) -> None:
        self.points.append(what)
        if len(self.points) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, target: Any, *methods: str) -> None:
        for method in methods:
            self._around(target, method)

    def _around(self, target: Any, method: str) -> None:
        inner = getattr(target, method)

        def call(*args: Any, **keywords: Any) -> Any:
            self.point(f"before {method}")
            result = inner(*args, **keywords)
            self.point(f"after {method}")
            return result

        setattr(target, method, call)


class Workspace(bbq.operations.workspace.Workspace):
    """With points around all that is written: journal, secrets, files, cloud."""

    def __init__(self, config: Config, killer: Killer) -> None:
        super().__init__(config)
        self._killer = killer

    @cached_property
    def journal(self) -> Journal:
        journal: Any = super().journal
        self._killer.around(journal, "create", "acquire", "append", "update", "release")
        # all is said, and nothing is written yet
        journal._connection.set_trace_callback(lambda sql: self._killer.point("before COMMIT") if sql == "COMMIT" else None)
        return journal  # type: ignore[no-any-return]

    def secrets(self, deployment_id: str) -> SecretStore:
        store = super().secrets(deployment_id)
        self._killer.around(store, "put_all", "forget")
        return store

    def open_provider(self, *args: Any, **keywords: Any) -> Any:
        provider: Any = super().open_provider(*args, **keywords)
        provider.on_call = lambda when, call, node: self._killer.point(f"{when} {call} {node}")
        self._killer.around(provider, "finish_destroy")
        return provider

    def clock(self, row: DeploymentRow, records: Mapping[str, Record]) -> VirtualClock:
        moments = [moment for r in records.values() for moment in (r.started_at, r.ready_at) if moment is not None]
        return VirtualClock(start=max([EPOCH, *moments]))


@dataclass(frozen=True)
class Ended:
    """How a command ended. `refused` is what a user was told who asked for something that makes no sense."""

    killed: bool = False
    points: tuple[str, ...] = ()
    refused: str = ""


Command = Callable[[bbq.operations.workspace.Workspace], Change]


class Place:
    """A home: journal, secrets, cloud."""

    def __init__(self, directory: Path, templates: Path) -> None:
        self.directory = directory
        self.templates = templates

    def copy(self, name: str) -> Place:
        shutil.copytree(self.directory, self.directory.with_name(name))
        return Place(self.directory.with_name(name), self.templates)

    def remove(self) -> None:
        shutil.rmtree(self.directory)

    def run(self, command: Command, *, faults: Mapping[str, str] = LAGGING, killer: Killer | None = None) -> Ended:
        """Carry out a command in this process. Raises what it raises, but for refusals."""
        killer = killer or Killer(None)
        with Workspace(configuration(self.templates, self.directory, faults), killer) as workspace:
            try:
                command(workspace).run().raise_for_failure()
            except UsageError as error:
                return Ended(refused=str(error))
        return Ended(points=tuple(killer.points))

    def process(self, command: Command, *, kill_at: int | None = None, faults: Mapping[str, str] = LAGGING) -> Ended:
        """Carry out a command in a child process, which ends itself at that point, if it has one."""
        log = self.directory.with_suffix(".log")
        pid = os.fork()
        if not pid:
            self._child(command, Killer(kill_at), faults, log)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            return Ended(killed=True)
        told: dict[str, Any] = json.loads(log.read_text()) if log.exists() else {"error": f"wait status {status:#x}"}
        log.unlink(missing_ok=True)
        if "error" in told:
            raise RuntimeError(told["error"])
        return Ended(points=tuple(told["points"]), refused=told["refused"])

    def _child(self, command: Command, killer: Killer, faults: Mapping[str, str], log: Path) -> None:
        told: dict[str, Any] = {}
        try:
            killer.around(os, "fsync", "link", "replace", "rmdir")
            ended = self.run(command, faults=faults, killer=killer)
            told = {"points": ended.points, "refused": ended.refused}
        except BaseException:  # noqa: BLE001 - a child must never return into what its parent does
            told = {"error": traceback.format_exc()}
        finally:
            try:
                log.write_text(json.dumps(told))
            finally:
                os._exit(0)

    # -- what is there

    def changes(self, command: Command) -> list[str]:
        """What the plan of a command would do to nodes."""
        with Workspace(configuration(self.templates, self.directory, {}), Killer(None)) as workspace:
            plan = command(workspace).plan
        return [
            f"there is still to {step.action} {node}" for node, step in plan.steps.items() if step.action is not Action.NOTHING
        ]

    def look(self) -> tuple[DeploymentRow | None, dict[str, Record], SecretStore | None]:
        """The deployment's row, records and secrets."""
        journal = open_journal(str(self.directory / "journal.db"))
        try:
            row = journal.get(NAME)
            if row is None:
                return None, {}, None
            return row, journal.records(row.id), open_secrets(self.directory / "secrets", row.id)
        finally:
            journal.close()

    def things(self) -> list[Thing]:
        """All that the cloud remembers to have been made."""
        return [thing for name, cloud in self._clouds() for thing in cloud.of_deployment(name)]

    def living(self) -> dict[str, list[Thing]]:
        """What exists, by node, when the cloud has come to rest: a delete that was asked for takes its time."""
        found: dict[str, list[Thing]] = {}
        for name, cloud in self._clouds():
            for thing in cloud.of_deployment(name):
                if thing.exists(cloud.time + AFTERWARDS):
                    found.setdefault(thing.tag.node, []).append(thing)
        return found

    def _clouds(self) -> Iterator[tuple[str, DurableCloud]]:
        for path in self.directory.glob("deployments/*/simulator/*.db"):
            cloud = DurableCloud(path)
            yield path.stem, cloud
            cloud.close()
