"""The live table on a terminal."""

from __future__ import annotations

from bbq.views.human import HumanView


class LiveView(HumanView):
    """Plain lines, until the table is in place."""
