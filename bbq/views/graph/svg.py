"""The picture as SVG: no script, no font, nothing to fetch; follows the light or dark setting on a ground of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from bbq.views.clean import clean
from bbq.views.graph.layout import HEAD, Layout, Point, Rect, arrange
from bbq.views.graph.model import STATES, Box, Picture

_MARGIN: Final = 28.0
_TITLE: Final = 40.0
_LEGEND: Final = 40.0
_LABEL: Final = 14.0
_SMALL: Final = 11.5
_MAX_CHARS: Final = 34

_STYLE: Final = """
.bbq-graph { font-family: system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
.bbq-graph .ground { fill: #fbfcfd; }
.bbq-graph .title { font-size: 16px; font-weight: 600; fill: #1c2530; }
.bbq-graph .label { font-size: 14px; font-weight: 600; fill: #1c2530; }
.bbq-graph .small { font-size: 11.5px; fill: #5c6875; }
.bbq-graph .box { fill: #ffffff; stroke: #c3ccd5; stroke-width: 1.2; }
.bbq-graph .group { fill: #f1f4f7; stroke: #c3ccd5; stroke-width: 1.2; }
.bbq-graph .group.inner { fill: #e9edf2; }
.bbq-graph .caption text { paint-order: stroke; stroke: #f1f4f7; stroke-width: 4px; stroke-linejoin: round; }
.bbq-graph .icon { fill: none; stroke: #5c6875; stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round; }
.bbq-graph .arrow { fill: none; stroke: #8593a1; stroke-width: 1.5; }
.bbq-graph .head { fill: #8593a1; }
.bbq-graph .ready { --state: #1f9d61; }
.bbq-graph .failed { --state: #d43a3a; }
.bbq-graph .changing { --state: #2f6fde; }
.bbq-graph .deleting { --state: #c98410; }
.bbq-graph .planned { --state: #97a3af; }
.bbq-graph .mark { fill: var(--state); }
.bbq-graph .ready .box, .bbq-graph .failed .box, .bbq-graph .changing .box, .bbq-graph .deleting .box,
.bbq-graph .failed .group { stroke: var(--state); }
.bbq-graph .planned .box { stroke-dasharray: 5 3; }
.bbq-graph .failed .box, .bbq-graph .failed .group { stroke-width: 2.2; }
@media (prefers-color-scheme: dark) {
  .bbq-graph .ground { fill: #141a20; }
  .bbq-graph .title, .bbq-graph .label { fill: #e8edf2; }
  .bbq-graph .small { fill: #9aa7b3; }
  .bbq-graph .box { fill: #1e262e; stroke: #3a4651; }
  .bbq-graph .group { fill: #192027; stroke: #3a4651; }
  .bbq-graph .group.inner { fill: #1c242c; }
  .bbq-graph .caption text { stroke: #192027; }
  .bbq-graph .icon { stroke: #9aa7b3; }
  .bbq-graph .arrow { stroke: #7b8995; }
  .bbq-graph .head { fill: #7b8995; }
  .bbq-graph .ready { --state: #3cc483; }
  .bbq-graph .failed { --state: #f06a6a; }
  .bbq-graph .changing { --state: #6ea2fb; }
  .bbq-graph .deleting { --state: #e7ab47; }
  .bbq-graph .planned { --state: #6d7a86; }
}
"""

# 18 x 18 strokes.
_ICONS: Final = {
    "database": "M3 4.5c0-1.4 2.7-2.5 6-2.5s6 1.1 6 2.5-2.7 2.5-6 2.5-6-1.1-6-2.5z"
    "M3 4.5v9c0 1.4 2.7 2.5 6 2.5s6-1.1 6-2.5v-9M3 9c0 1.4 2.7 2.5 6 2.5s6-1.1 6-2.5",
    "queue": "M2 5h14v8H2zM6.7 5v8M11.3 5v8",
    "store": "M3 5l1.2 11h9.6L15 5M2 5h14M6 2h6l1 3H5z",
    "cluster": "M9 1.8l3 1.7v3.4L9 8.6 6 6.9V3.5zM5 9.4l3 1.7v3.4l-3 1.7-3-1.7v-3.4zM13 9.4l3 1.7v3.4l-3 1.7-3-1.7v-3.4z",
    "application": "M2.5 3h13v12h-13zM2.5 6.5h13M7 9l4 2.2-4 2.2z",
    "host": "M2.5 3h13v5h-13zM2.5 10h13v5h-13zM5 5.5h.1M5 12.5h.1",
    "node": "M9 2.5l6 3.3v6.5l-6 3.3-6-3.3V5.8zM3 5.8l6 3.4 6-3.4M9 9.2v6.4",
}


def escape(text: str) -> str:
    """Text for XML content and attributes, without the characters that XML 1.0 does not allow."""
    found = "".join(char for char in clean(text) if char not in "\ufffe\uffff")
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        found = found.replace(char, entity)
    return found


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a sans-serif face; wide scripts count double."""
    units = sum(1.0 if ord(c) > 0x2E7F else 0.34 if c in "iljt.,:;|![]()'" else 0.82 if c in "mwMW@" else 0.58 for c in text)
    return units * size


def shorten(text: str) -> str:
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 1] + "…"


def svg(picture: Picture) -> str:
    """A standalone SVG document."""
    layout = arrange(picture, lambda name: _box_width(picture.boxes[name]))
    states = [state for state in STATES if any(box.state == state for box in picture.boxes.values())]
    top = _MARGIN + (_TITLE if picture.title else 0.0)
    legend_width = sum(text_width(state, _SMALL) + 40 for state in states)
    title_width = text_width(picture.title, 17)
    width = max(layout.width, legend_width, min(title_width, 900.0), 240.0) + 2 * _MARGIN
    height = top + layout.height + (_LEGEND if states else 0.0) + _MARGIN
    left = (width - layout.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="bbq-graph" viewBox="0 0 {_n(width)} {_n(height)}"'
        f' width="{_n(width)}" height="{_n(height)}" role="img" aria-label="{escape(picture.title or "deployment graph")}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_n(width)}" height="{_n(height)}" rx="10"/>',
    ]
    if picture.title:
        room = int((width - 2 * _MARGIN) / 9)
        shown = picture.title if len(picture.title) <= room else picture.title[: max(room - 1, 1)] + "…"
        parts.append(f'<text class="title" x="{_n(_MARGIN)}" y="{_n(_MARGIN + 14)}">{escape(shown)}</text>')
    parts.append(f'<g transform="translate({_n(left)} {_n(top)})">')
    holders = {box.inside for box in picture.boxes.values()}
    parts += [_holder(picture, box, layout.rects[name]) for name, box in _outside_in(picture) if name in holders]
    parts += _arrows(picture, layout)
    # Captions come after the arrows that may pass there, and have a halo against them.
    parts += [_holder_caption(box, layout.rects[name]) for name, box in picture.boxes.items() if name in holders]
    parts += [_leaf(box, layout.rects[name]) for name, box in picture.boxes.items() if name not in holders]
    parts.append("</g>")
    parts += _legend(states, _MARGIN, height - _MARGIN + 4)
    parts.append("</svg>\n")
    return "\n".join(parts)


def _outside_in(picture: Picture) -> list[tuple[str, Box]]:
    return sorted(picture.boxes.items(), key=lambda item: len(picture.chain(item[0])))


def _subtitle(box: Box) -> str:
    many = f"{box.count} × " if box.count > 1 else ""
    return f"{many}{box.type.rsplit('.', 1)[-1]} · {box.detail if box.count > 1 else box.state}"


def _box_width(box: Box) -> float:
    widest = max(text_width(shorten(box.label), _LABEL + 1.4), text_width(shorten(_subtitle(box)), _SMALL + 0.5))
    return max(118.0, round(widest + 58))


def _describe(box: Box) -> str:
    return f"<title>{escape(': '.join(filter(None, (f'{box.id} ({box.type}), {box.state}', box.detail))))}</title>"


def _caption(box: Box, rect: Rect, y: float) -> str:
    x = rect.x + 14
    return (
        f'<path class="icon" transform="translate({_n(x)} {_n(y - 8)})" d="{_ICONS[box.kind]}"/>'
        f'<text class="label" x="{_n(x + 27)}" y="{_n(y - 1)}">{escape(shorten(box.label))}</text>'
        f'<circle class="mark" cx="{_n(x + 31)}" cy="{_n(y + 12)}" r="3.6"/>'
        f'<text class="small" x="{_n(x + 39)}" y="{_n(y + 16)}">{escape(shorten(_subtitle(box)))}</text>'
    )


def _rect(name: str, rect: Rect, radius: int) -> str:
    place = f'x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" height="{_n(rect.height)}"'
    return f'<rect class="{name}" {place} rx="{radius}"/>'


def _leaf(box: Box, rect: Rect) -> str:
    behind = ""
    if box.count > 1:
        behind = "".join(_rect("box", Rect(rect.x + d, rect.y + d, rect.width, rect.height), 7) for d in (8.0, 4.0))
    return (
        f'<g class="{box.state}">{_describe(box)}{behind}'
        f"{_rect('box', rect, 7)}"
        f"{_caption(box, rect, rect.y + rect.height / 2)}</g>"
    )


def _holder(picture: Picture, box: Box, rect: Rect) -> str:
    inner = " inner" if len(picture.chain(box.id)) % 2 == 0 else ""
    return f'<g class="{box.state}">{_describe(box)}{_rect("group" + inner, rect, 10)}</g>'


def _holder_caption(box: Box, rect: Rect) -> str:
    return f'<g class="caption {box.state}">{_caption(box, rect, rect.y + HEAD / 2)}</g>'


def _arrows(picture: Picture, layout: Layout) -> list[str]:
    found = []
    for arrow, points in zip(picture.arrows, layout.paths, strict=True):
        end, before = points[-1], points[-2]
        down = 1.0 if end[1] >= before[1] else -1.0
        tip = f"M{_n(end[0])} {_n(end[1])}l-4.5 {_n(-8 * down)}h9z"
        shaft = [*points[:-1], (end[0], end[1] - 6 * down)]
        label = f" ({arrow.label})" if arrow.label else ""
        title = f"<title>{escape(f'{arrow.source} needs {arrow.target}{label}')}</title>"
        found.append(f'<g>{title}<path class="arrow" d="{_curve(shaft)}"/><path class="head" d="{tip}"/></g>')
    return found


def _curve(points: Sequence[Point]) -> str:
    """Through all points, leaving and entering each of them straight up or down."""
    text = f"M{_n(points[0][0])} {_n(points[0][1])}"
    for (x, y), (to_x, to_y) in pairwise(points):
        if abs(x - to_x) < 0.5:
            text += f"L{_n(to_x)} {_n(to_y)}"
        else:
            bend = (to_y - y) * 0.5
            text += f"C{_n(x)} {_n(y + bend)} {_n(to_x)} {_n(to_y - bend)} {_n(to_x)} {_n(to_y)}"
    return text


def _legend(states: Sequence[str], x: float, y: float) -> list[str]:
    found = []
    for state in states:
        found.append(
            f'<g class="{state}"><circle class="mark" cx="{_n(x + 4)}" cy="{_n(y - 4)}" r="4"/>'
            f'<text class="small" x="{_n(x + 14)}" y="{_n(y)}">{state}</text></g>'
        )
        x += text_width(state, _SMALL) + 40
    return found


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
