"""The picture for other tools: Mermaid (https://mermaid.js.org/syntax/flowchart.html) and DOT (https://graphviz.org/doc/info/lang.html)."""

from __future__ import annotations

from collections.abc import Callable

from bbq.views.clean import one_line
from bbq.views.graph.model import Box, Picture

_COLORS = {"ready": "#1f9d61", "failed": "#d43a3a", "changing": "#2f6fde", "deleting": "#c98410", "planned": "#97a3af"}
_SHAPES = {"database": ('[("', '")]'), "queue": ('[["', '"]]'), "application": ('("', '")')}


def _lines(box: Box) -> tuple[str, str]:
    many = f"{box.count} x " if box.count > 1 else ""
    return one_line(box.label), f"{many}{one_line(box.type).rsplit('.', 1)[-1]}, {box.detail if box.count > 1 else box.state}"


def mermaid(picture: Picture) -> str:
    """A flowchart; boxes that hold others are subgraphs."""
    ids = {name: f"n{index}" for index, name in enumerate(picture.boxes)}
    lines = ["flowchart TB"]

    def leaf(name: str, indent: str) -> str:
        box = picture.boxes[name]
        first, last = _SHAPES.get(box.kind, ('["', '"]'))
        return f"{indent}{ids[name]}{first}{'<br>'.join(map(_mermaid_text, _lines(box)))}{last}:::{box.state}"

    def start(name: str, indent: str) -> str:
        return f'{indent}subgraph {ids[name]}["{"<br>".join(map(_mermaid_text, _lines(picture.boxes[name])))}"]'

    _nest(picture, lines, leaf, start, lambda indent: f"{indent}end")
    for arrow in picture.arrows:
        label = f'|"{_mermaid_text(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  {ids[arrow.source]} -->{label} {ids[arrow.target]}")
    holders = {box.inside for box in picture.boxes.values()} - {None}
    lines += [f"  class {ids[name]} {picture.boxes[name].state}" for name in picture.boxes if name in holders]
    states = sorted({box.state for box in picture.boxes.values()})
    lines += [f"  classDef {state} stroke:{_COLORS[state]},stroke-width:2px" for state in states]
    return "\n".join(lines) + "\n"


def _mermaid_text(text: str) -> str:
    """Everything that Mermaid or the HTML around it could take for its own becomes an entity code."""
    return "".join(c if c.isalnum() or c in " _-.,:/()" else f"#{ord(c)};" for c in one_line(text))


def dot(picture: Picture) -> str:
    """A digraph; boxes that hold others are clusters, and arrows that end at one are clipped at its border."""
    ids = {name: f"n{index}" for index, name in enumerate(picture.boxes)}
    holders = {box.inside for box in picture.boxes.values()}
    lines = [
        "digraph bbq {",
        "  compound=true; rankdir=TB;",
        '  node [shape=box, style=rounded, fontname="sans-serif"]; edge [color="#8593a1"];',
        '  fontname="sans-serif";',
    ]

    def leaf(name: str, indent: str) -> str:
        box = picture.boxes[name]
        return f'{indent}{ids[name]} [label="{_dot_label(box)}", color="{_COLORS[box.state]}"];'

    def start(name: str, indent: str) -> str:
        box = picture.boxes[name]
        return (
            f'{indent}subgraph cluster_{ids[name]} {{ label="{_dot_label(box)}"; color="{_COLORS[box.state]}"; style=rounded;'
        )

    _nest(picture, lines, leaf, start, lambda indent: f"{indent}}}")

    def anchor(name: str) -> str:
        while name in holders:
            name = picture.children(name)[0]
        return ids[name]

    for arrow in picture.arrows:
        options = [f'tooltip="{_dot_text(arrow.label)}"'] * bool(arrow.label)
        options += [f"ltail=cluster_{ids[arrow.source]}"] * (arrow.source in holders)
        options += [f"lhead=cluster_{ids[arrow.target]}"] * (arrow.target in holders)
        lines.append(
            f"  {anchor(arrow.source)} -> {anchor(arrow.target)}" + (f" [{', '.join(options)}]" if options else "") + ";"
        )
    return "\n".join([*lines, "}"]) + "\n"


def _dot_label(box: Box) -> str:
    return "\\n".join(map(_dot_text, _lines(box)))


def _dot_text(text: str) -> str:
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def _nest(
    picture: Picture,
    lines: list[str],
    leaf: Callable[[str, str], str],
    start: Callable[[str, str], str],
    end: Callable[[str], str],
) -> None:
    """Write boxes in boxes, depth first, without recursion: nesting has no limit."""
    children: dict[str | None, list[str]] = {}
    for name, box in picture.boxes.items():
        children.setdefault(box.inside, []).append(name)
    stack: list[tuple[str | None, int]] = [(name, 1) for name in reversed(children.get(None, []))]
    while stack:
        found, depth = stack.pop()
        indent = "  " * depth
        if found is None:
            lines.append(end(indent))
        elif found in children:
            lines.append(start(found, indent))
            stack.append((None, depth))
            stack += [(child, depth + 1) for child in reversed(children[found])]
        else:
            lines.append(leaf(found, indent))
