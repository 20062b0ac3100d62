"""Views: the only place that prints. `get` picks one; the pictures are in `bbq.views.graph`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from bbq.views.base import Reporter, View

FORMATS = ("human", "json", "yaml", "ndjson")
REPORTS = ("human", "sarif", "github")
"""What `reporter` knows of its own."""


def get(
    format: str,
    stream: TextIO,
    *,
    err: TextIO | None = None,
    color: bool | None = None,
    verbose: bool = False,
    environ: Mapping[str, str] | None = None,
) -> View:
    """The view of that format (one of `FORMATS`) on a stream; `err` takes errors and notices of the human formats.

    `human` is live on a terminal and plain lines elsewhere. `color` None: on a terminal, unless `NO_COLOR` is set
    (https://no-color.org), `TERM` is `dumb` or `CI` is set; `CI` and a dumb terminal get plain lines, too. Raises `UsageError`.
    """
    environ = os.environ if environ is None else environ
    if format == "human":
        colored = _colored(stream, color, environ)
        if _able(stream, environ):
            from bbq.views.live import LiveView

            return LiveView(stream, err=err, color=colored, verbose=verbose)
        from bbq.views.human import HumanView

        return HumanView(stream, err=err, color=colored, verbose=verbose)
    if format in ("json", "yaml", "ndjson"):
        from bbq.views import machine

        view = {"json": machine.JsonView, "yaml": machine.YamlView, "ndjson": machine.NdjsonView}[format]
        return view(stream, err=err, verbose=verbose)
    from bbq.errors import UsageError

    raise UsageError(f"there is no format {format!r}", hint=f"formats: {', '.join(FORMATS)}")


def reporter(
    format: str,
    stream: TextIO,
    *,
    err: TextIO | None = None,
    color: bool | None = None,
    verbose: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Reporter:
    """As `get`, for a command that shows findings only; it knows those of `REPORTS`, too."""
    environ = os.environ if environ is None else environ
    if format == "sarif":
        from bbq.views.sarif import SarifReporter

        return SarifReporter(stream, err=err, verbose=verbose)
    if format == "github":
        from bbq.views.github import GithubReporter

        return GithubReporter(stream, err=err, verbose=verbose)
    if format == "human":
        from bbq.views.plain import PlainReporter

        return PlainReporter(stream, err=err, color=_colored(stream, color, environ), verbose=verbose)
    return get(format, stream, err=err, color=color, verbose=verbose, environ=environ)


def _colored(stream: TextIO, color: bool | None, environ: Mapping[str, str]) -> bool:
    return _able(stream, environ) and not environ.get("NO_COLOR") if color is None else color


def _able(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether somebody looks at a terminal that can do more than print lines."""
    return _is_terminal(stream) and environ.get("TERM") != "dumb" and not environ.get("CI")


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False
