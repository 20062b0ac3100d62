"""Views: the only place that prints. `get` picks one; the pictures are in `bbq.views.graph`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from bbq.views.base import View

FORMATS = ("human", "json", "yaml", "ndjson")


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
        able = _is_terminal(stream) and environ.get("TERM") != "dumb" and not environ.get("CI")
        colored = able and not environ.get("NO_COLOR") if color is None else color
        if able:
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


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):
        return False
