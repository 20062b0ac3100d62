"""The picture as one HTML file that needs nothing else: the drawing, and every node in a table."""

from __future__ import annotations

from bbq.views.graph.model import Picture
from bbq.views.graph.svg import escape, svg

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 1200px; padding: 1.5rem; font: 15px/1.5 system-ui, "Segoe UI", Arial, sans-serif;
  background: #fbfcfd; color: #1c2530; }
h1 { font-size: 1.25rem; }
.scroll { overflow-x: auto; }
.scroll svg { max-width: 100%; height: auto; min-width: 480px; }
table { border-collapse: collapse; margin-top: 1.5rem; width: 100%; }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #dfe4e9; vertical-align: top; }
th { font-weight: 500; color: #5c6875; }
@media (prefers-color-scheme: dark) {
  body { background: #141a20; color: #e8edf2; }
  th, td { border-color: #2b3540; }
  th { color: #9aa7b3; }
}
"""


def html(picture: Picture) -> str:
    """A standalone HTML document."""
    title = escape(picture.title or "Deployment")
    needs: dict[str, list[str]] = {}
    for arrow in picture.arrows:
        needs.setdefault(arrow.source, []).append(arrow.target)
    rows = []
    for name, box in picture.boxes.items():
        state = f"{box.state} ({box.detail})" if box.detail else box.state
        cells = (name, box.type, state, ", ".join(needs.get(name, [])))
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("Node", "Type", "State", "Needs"))
    body = "\n".join(rows)
    drawing = svg(Picture("", picture.boxes, picture.arrows))
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n"
        f'<h1>{title}</h1>\n<div class="scroll">\n{drawing}</div>\n'
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>\n</html>\n"
    )
