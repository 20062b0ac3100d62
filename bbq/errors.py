"""The error tree. Every error a user can meet is a `BbqError` with an exit code and, where one helps, a hint.

Exit codes are a versioned API (documented in docs/reference/exit-codes.md); scripts and CI pipelines branch on them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bbq.diagnostics import Diagnostic


class ExitCode(IntEnum):
    """What the process tells its caller; one code per class of cause."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    CHANGES_PENDING = 3
    INVALID_TEMPLATE = 4
    CONFIGURATION = 5
    QUOTA = 6
    RESOURCE_FAILED = 7
    TIMED_OUT = 8
    LOCKED = 9
    PARTIAL = 10
    UNREACHABLE = 11
    INTERRUPTED = 130


class BbqError(Exception):
    """The root. `str(error)` is one sentence for a human, without secrets; `hint` says what to do about it."""

    exit_code: ExitCode = ExitCode.UNEXPECTED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(BbqError):
    """The call itself is wrong: unknown deployment, bad flag value, impossible combination."""

    exit_code = ExitCode.USAGE


class TemplateError(BbqError):
    """The template or an input is invalid; `diagnostics` holds every problem, not only the first."""

    exit_code = ExitCode.INVALID_TEMPLATE

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = (), *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = tuple(diagnostics)


class ConfigurationError(BbqError):
    """Configuration or authentication: a bad option value, a missing component, refused credentials."""

    exit_code = ExitCode.CONFIGURATION


class JournalError(ConfigurationError):
    """The journal cannot be used: written by a newer version, damaged, not writable, disk full."""


class OutputError(ConfigurationError):
    """Standard output cannot be written (a full disk behind `>`). What the command does was done all the same."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"standard output cannot be written: {why}",
            hint="what was to be done was done, and the rest of the output is lost; status, events and outputs show it again",
        )


class QuotaError(BbqError):
    """The provider has no room: quota, capacity, ports, disk."""

    exit_code = ExitCode.QUOTA


class ResourceFailed(BbqError):
    """A resource reached a terminal state, or its component died. `cause` is the root cause in one sentence."""

    exit_code = ExitCode.RESOURCE_FAILED


class DeadlineExceeded(BbqError):
    """A client-side deadline passed; the message names the option that sets it."""

    exit_code = ExitCode.TIMED_OUT


class LockedError(BbqError):
    """Another living process holds the deployment's lease."""

    exit_code = ExitCode.LOCKED


class PartialError(BbqError):
    """Some independent parts failed and the others went on (`--on-error continue`)."""

    exit_code = ExitCode.PARTIAL


class UnreachableError(BbqError):
    """The provider does not answer at all."""

    exit_code = ExitCode.UNREACHABLE


class Interrupted(BbqError):
    """The user asked to stop (Ctrl-C, SIGTERM); what was in flight is in the journal."""

    exit_code = ExitCode.INTERRUPTED
