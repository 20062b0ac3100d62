"""What every command and every call of the library works with: configuration, state directory, journal, secrets, providers."""

from __future__ import annotations

import difflib
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from bbq.conf import ini
from bbq.errors import BbqError, ConfigurationError, JournalError, UsageError
from bbq.journal import journal_file

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from bbq.conf.loader import Config
    from bbq.engine.clock import Clock, Executor
    from bbq.engine.contract import Provider
    from bbq.journal.model import DeploymentRow, Journal, Record, SecretStore
    from bbq.operations.wanted import Imports

MissingJournal: TypeAlias = Literal["make", "ignore", "refuse"]
VIRTUAL = frozenset({"simulator"})
"""Providers whose time is simulated: the engine runs on a virtual clock, hours pass in milliseconds."""


class Workspace:
    """Opened lazily, part by part; close it, or use it as a context manager.

    `missing` says what becomes of a journal that is not there: `make` makes it; else neither it nor the state directory is
    made, and an empty one is looked at instead. `refuse` is for those who look for what there must be: where the configuration
    names a journal (or a state directory) that is not there, `JournalError`, as a wrong path must not look like nothing runs.

    Raises `ConfigurationError` for wrong options and `JournalError` where the journal or the state directory cannot be used.
    """

    def __init__(
        self, config: Config | None = None, *, missing: MissingJournal = "make", journal: Journal | None = None
    ) -> None:
        """`journal` in place of that of the configuration; closed with the workspace."""
        if journal is not None:
            self.__dict__["journal"] = journal
        if config is None:
            from bbq.conf import load

            config = load()
        self.config = config
        self._missing = missing

    @cached_property
    def state_directory(self) -> Path:
        """Made where it is missing, for this user only (0700), unless there is no journal to be made."""
        path = Path(self.config.state.directory)
        if self.no_journal and not path.exists():
            return path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.stat().st_uid == os.geteuid() and path.stat().st_mode & 0o077:
                path.chmod(0o700)
            status = path.stat()
        except OSError as error:
            raise JournalError(
                f"the state directory {path} cannot be used: {error.strerror}", hint="choose another with [state] directory"
            ) from None
        if status.st_uid != os.geteuid() and status.st_mode & 0o022:
            raise JournalError(
                f"the state directory {path} belongs to another user, and others can write to it",
                hint="choose another with [state] directory",
            )
        if not os.access(path, os.W_OK | os.X_OK):
            raise JournalError(f"the state directory {path} is not writable", hint="choose another with [state] directory")
        return path

    @cached_property
    def journal(self) -> Journal:
        from bbq.journal import empty_journal, open_journal

        connection = self.config.journal.connection
        if not self.no_journal:
            return open_journal(connection or f"sqlite:///{self.state_directory / 'journal.db'}")
        if self._missing == "refuse" and self.journal_named_by:
            raise JournalError(self.no_journal, hint="check the path; `bbq-deploy up` makes a journal where there is none")
        return empty_journal()

    @cached_property
    def no_journal(self) -> str:
        """Says that there is no journal, and none is to be made; empty where there is one, or will be."""
        if self._missing == "make":
            return ""
        connection = self.config.journal.connection
        file = journal_file(connection) if connection else Path(self.config.state.directory) / "journal.db"
        if file is None or _there(file):
            return ""
        return f"there is no journal {file}" + (f" (named by {self.journal_named_by})" if self.journal_named_by else "")

    @property
    def journal_named_by(self) -> str:
        """What names the journal, or a state directory that is not there; empty where it is at the usual place."""
        asked = ("journal", "connection") if self.config.journal.connection else ("state", "directory")
        origin = self.config.origin(*asked)
        if origin == "default" or (asked[0] == "state" and Path(self.config.state.directory).is_dir()):
            return ""
        return "--journal" if origin == "flag" else origin

    def secrets(self, deployment_id: str) -> SecretStore:
        from bbq.journal import open_secrets

        return open_secrets(self.state_directory / "secrets", deployment_id)

    def row(self, name: str) -> DeploymentRow:
        """The live deployment of that name; `UsageError` with the nearest name where there is none."""
        row = self.journal.get(name)
        if row is None:
            names = [other.name for other in self.journal.deployments()]
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(names[:10])}" if names else "there are none"
            raise UsageError(f"there is no deployment {name!r}", hint=hint)
        return row

    def open_provider(self, row: DeploymentRow, clock: Clock | None = None, *, state_dir: str | None = None) -> Provider:
        """The row's provider, with the options of its configuration group. `clock` is the engine's where it is virtual,
        `state_dir` another directory than the deployment's own (see `nowhere`)."""
        from bbq.engine.clock import VirtualClock
        from bbq.engine.contract import DeploymentContext
        from bbq.providers import open_provider

        context = DeploymentContext(
            name=row.name,
            id=row.id,
            state_dir=state_dir or str(self.deployment_directory(row.id)),
            expires_at=row.expires_at,
            options={**self.config.group(row.provider), **self._reap_command(row.id), "config": self.config},
            sleep=clock.spend if isinstance(clock, VirtualClock) else None,
        )
        return open_provider(row.provider, context)

    def keep_expiries(self, *, but: str) -> None:
        """Deployments of this machine that nothing would destroy at their expiry any more (what waits for it was killed, the
        machine was booted) get that back; `but` that of this id, whose lease is about to be taken. What cannot be done for one
        of them now is for the next command."""
        from bbq.engine.contract import ProviderFault

        for row in self.journal.deployments():
            if row.id == but or row.expires_at is None or row.provider in VIRTUAL:
                continue
            if not self.deployment_directory(row.id).is_dir():  # nothing of it is here
                continue
            with suppress(ProviderFault, BbqError):
                provider = self.open_provider(row)
                try:
                    provider.expire_at(row.expires_at, move=False)
                finally:
                    provider.close()

    def deployment_directory(self, deployment_id: str) -> Path:
        """What a provider keeps of one deployment on this machine; made by the provider."""
        return self.state_directory / "deployments" / deployment_id

    def files_directory(self, deployment_id: str) -> Path:
        """Where the archives that a deployment was made from are unpacked; the provider removes it with the rest."""
        return self.deployment_directory(deployment_id) / "files"

    def _reap_command(self, deployment_id: str) -> dict[str, list[str]]:
        """How to destroy the deployment later in the same configuration; the environment is handed on in any case."""
        if not self.config.files:
            return {}
        files = [part for file in self.config.files for part in ("--config-file", file)]
        return {"reap_command": [sys.executable, "-m", "bbq", "reap", "--deployment-id", deployment_id, *files]}

    def clock(self, row: DeploymentRow, records: Mapping[str, Record]) -> Clock:
        """The clock that the deployment's provider lives by; a simulated one goes on from where the last run left it."""
        from bbq.engine.clock import RealClock, VirtualClock

        if row.provider not in VIRTUAL:
            return RealClock()
        moments = [moment for r in records.values() for moment in (r.started_at, r.ready_at) if moment is not None]
        return VirtualClock(start=max([time.time(), *moments]))

    def executor(self, clock: Clock, parallel: int) -> Executor:
        """What runs the provider's calls, `parallel` at once."""
        from bbq.engine.clock import ThreadExecutor, VirtualClock, VirtualExecutor

        return VirtualExecutor(clock) if isinstance(clock, VirtualClock) else ThreadExecutor(parallel)

    def template_dirs(self) -> tuple[Path, ...]:
        """The user's substitution templates, from `[tosca] template_dirs`. `ConfigurationError` where one is missing."""
        found = tuple(Path(directory).expanduser() for directory in self.config.tosca.template_dirs)
        for directory in found:
            if not directory.is_dir():
                raise ConfigurationError(f"[tosca] template_dirs: there is no directory {directory}")
        return found

    def imports(self, import_map: Mapping[str, str] | None = None, *, offline: bool) -> Imports:
        """What `[tosca]` says of imports, with more of the import map. `ConfigurationError` where what its own entries name is
        not there."""
        from bbq.operations.wanted import Imports

        found = ini.mappings(self.config.tosca.import_map)
        return Imports({**found, **(import_map or {})}, () if offline else tuple(self.config.tosca.allowed_hosts))

    def close(self) -> None:
        if "journal" in self.__dict__:
            self.journal.close()
            del self.__dict__["journal"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def _there(file: Path) -> bool:
    """Whether there is a journal, or what is left of one: what is wrong with that, the journal says."""
    try:
        return any(os.path.lexists(f"{file}{suffix}") for suffix in ("", "-wal"))
    except ValueError:
        return False
