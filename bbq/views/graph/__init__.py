"""Pictures of a topology or of a deployment, made without Graphviz.

picture = graph.from_topology(topology, states={"db": "ready"})     # or graph.from_records(records)
text = graph.render(picture, "svg")
"""

from __future__ import annotations

from bbq.errors import UsageError
from bbq.views.graph.heat import from_heat
from bbq.views.graph.model import Picture, from_records, from_topology

FORMATS = ("svg", "mermaid", "dot", "html")

__all__ = ["FORMATS", "Picture", "from_heat", "from_records", "from_topology", "render"]


def render(picture: Picture, format: str = "svg") -> str:
    """The picture as a document of that format (one of `FORMATS`). Raises `UsageError`."""
    if format == "svg":
        from bbq.views.graph.svg import svg

        return svg(picture)
    if format == "html":
        from bbq.views.graph.html import html

        return html(picture)
    if format in ("mermaid", "dot"):
        from bbq.views.graph import text

        return text.mermaid(picture) if format == "mermaid" else text.dot(picture)
    raise UsageError(f"there is no graph format {format!r}", hint=f"graph formats: {', '.join(FORMATS)}")
