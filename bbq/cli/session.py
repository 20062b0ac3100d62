"""One run of `bbq-deploy`: arguments in, exit code out; every error is shown here, in one way."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from bbq.cli import output, parsing
from bbq.errors import BbqError, ExitCode, Interrupted, OutputError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bbq.operations.wanted import Imports
    from bbq.operations.workspace import MissingJournal, Workspace
    from bbq.views.base import View

FLAGS = {
    "journal": ("journal", "connection"),
    "parallel": ("engine", "parallel"),
    "on_error": ("engine", "on_error"),
    "prices": ("openstack", "prices"),
}
"""Flags that set an option, so that they are checked and shown like any other value of it."""


class Session:
    """What a command gets: its arguments, the view to show things with, and (opened when first used) the workspace."""

    def __init__(self, args: argparse.Namespace, view: View, stdout: output.Output, missing_journal: MissingJournal) -> None:
        self.args = args
        self._missing_journal = missing_journal
        self.view = view
        self.stdout = stdout

    @cached_property
    def workspace(self) -> Workspace:
        from bbq.conf import load
        from bbq.operations.workspace import Workspace

        flags: dict[tuple[str, str], Any] = {
            option: value for flag, option in FLAGS.items() if (value := getattr(self.args, flag, None)) is not None
        }
        connection = getattr(self.args, "journal", None)
        if connection and not {":", "="} & set(connection):  # a path; anything else is for `[journal]` to judge
            flags["journal", "connection"] = os.path.abspath(os.path.expanduser(connection))  # noqa: PTH100, PTH111
        if pairs := getattr(self.args, "import_map", None):
            flags["tosca", "import_map"] = pairs
        if hosts := getattr(self.args, "allow_host", None):
            flags["tosca", "allowed_hosts"] = hosts
        config = load(self.config_files, flags=flags)
        for warning in config.warnings:
            self.notice(f"warning: {warning}")
        if connection:  # for the process that destroys a deployment at its expiry
            os.environ["BBQ_JOURNAL__CONNECTION"] = flags["journal", "connection"]
        return Workspace(config, missing=self._missing_journal)

    @property
    def imports(self) -> Imports:
        """How imports are found, for commands that need nothing else of the configuration."""
        from bbq.operations.wanted import Imports

        args = self.args
        return Imports.configured(args.import_map, args.allow_host, self.config_files, offline=args.offline)

    @property
    def config_files(self) -> Sequence[str]:
        return getattr(self.args, "config_file", ())

    @property
    def show_secrets(self) -> bool:
        return getattr(self.args, "show_secrets", False)

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to be asked: a terminal on standard input, no `--yes`, no `CI`."""
        if getattr(self.args, "yes", False) or os.environ.get("CI") or getattr(self.args, "format", "human") != "human":
            return False
        return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()

    def notice(self, text: str) -> None:
        """Something about the run that is not its result; `--quiet` leaves it out."""
        if not getattr(self.args, "quiet", False):
            self.view.message(text)

    def close(self) -> None:
        if "workspace" in self.__dict__:
            self.workspace.close()


def run(argv: list[str]) -> int:
    """Parse, run, show what went wrong; returns the exit code. Where the output could not be written (a full disk behind `>`)
    and nothing else was wrong, that is the error: all was done, and the caller has not got what it asked for."""
    stdout, stderr = output.standard(sys.stdout), output.standard(sys.stderr)
    code = _run(argv, stdout, stderr)
    stdout.flush()
    if stdout.fault is not None:
        error = OutputError(stdout.fault.strerror or type(stdout.fault).__name__)
        stderr.write(f"error: {error}\nhint: {error.hint}\n")
        code = code if code not in (ExitCode.OK, ExitCode.CHANGES_PENDING) else error.exit_code
    stderr.flush()
    return code


def _run(argv: list[str], stdout: output.Output, stderr: output.Output) -> int:
    args: argparse.Namespace | None = None
    session: Session | None = None
    try:
        with redirect_stdout(stdout):  # argparse says nothing of a help text that it cannot write
            args = parsing.parse(argv)
        if args.version:
            from bbq import __version__

            stdout.write(f"bbq {__version__}\n")
            return ExitCode.OK
        if args.command is None:
            stdout.write(parsing.main_parser().format_help())
            return ExitCode.USAGE
        module = parsing.load(args.command)
        session = Session(args, _view(args, module, stdout, stderr), stdout, getattr(module, "MISSING_JOURNAL", "refuse"))
        with session.view:
            return int(module.run(session))
    except SystemExit as leave:  # argparse after --help
        return leave.code if isinstance(leave.code, int) else ExitCode.USAGE
    except KeyboardInterrupt:
        return _show(Interrupted("interrupted"), argv, args, session, stdout, stderr)
    except BbqError as error:
        return _show(error, argv, args, session, stdout, stderr)
    except Exception as error:  # noqa: BLE001 - the one place where an unexpected error is caught
        from bbq.cli.unexpected import report

        return _show(
            report(error, debug=getattr(args, "debug", False), stderr=stderr.as_text()), argv, args, session, stdout, stderr
        )
    finally:
        if session is not None:
            session.close()


def _view(args: argparse.Namespace, module: Any, stdout: output.Output, stderr: output.Output) -> View:
    from bbq import views

    name = getattr(args, "format", "human")
    if name == "json" and getattr(module, "STREAMS", False):
        name = "ndjson"
    color = False if getattr(args, "no_color", False) else None
    verbose = getattr(args, "verbose", False)
    if getattr(module, "REPORTS", False):  # it calls nothing that a reporter has not
        return cast("View", views.reporter(name, stdout.as_text(), err=stderr.as_text(), color=color, verbose=verbose))
    name = name if name in views.FORMATS else "human"
    return views.get(name, stdout.as_text(), err=stderr.as_text(), color=color, verbose=verbose)


def _show(
    error: BbqError,
    argv: list[str],
    args: argparse.Namespace | None,
    session: Session | None,
    stdout: output.Output,
    stderr: output.Output,
) -> int:
    if session is not None:
        view = session.view
    else:  # the arguments themselves were wrong; what format was meant is a guess
        from bbq import views

        view = views.get(
            "json" if " --format json " in f" {' '.join(argv).replace('=', ' ')} " else "human",
            stdout.as_text(),
            err=stderr.as_text(),
        )
    view.error(error)
    return int(error.exit_code)
