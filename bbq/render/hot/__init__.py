"""Heat templates (HOT): https://docs.openstack.org/heat/latest/template_guide/hot_spec.html. See docs/how-to/render-heat.md."""

from __future__ import annotations

import os
from pathlib import Path

from bbq.render import Rendered
from bbq.render.hot.catalogue import Catalogue, read_catalogue
from bbq.render.hot.model import Document
from bbq.render.hot.parts import split
from bbq.render.hot.text import written
from bbq.render.hot.translate import Translation, translate
from bbq.topology.model import Topology
from bbq.wording import refuse_errors

MAIN = "stack.yaml"


def hot(topology: Topology, *, name: str, directory: Path, catalogue: Catalogue | None = None) -> Rendered:
    """See `bbq.render.render`. Raises `TemplateError` with every finding where a template cannot be made."""
    made = translate(topology, catalogue)
    refuse_errors(made.found, topology.template)
    most = catalogue.max_resources_per_stack if catalogue is not None else Catalogue().max_resources_per_stack
    pieces = split(made.document, most)
    origin = " ".join(os.path.relpath(topology.template, directory.resolve()).split())
    files = {}
    for number, piece in enumerate(pieces):
        files[_file(number)] = written(piece, _header(origin, name, piece, number, pieces))
    for file, nested in made.files.items():
        files[file] = written(nested, f"Nested in {MAIN}, made by `bbq-deploy render --to hot` from {origin}.")
    return Rendered(MAIN, files, warnings=tuple(made.notices), found=tuple(made.found))


def _file(number: int) -> str:
    return MAIN if number == 0 else f"stack-{number + 1}.yaml"


def _header(origin: str, name: str, piece: Document, number: int, pieces: list[Document]) -> str:
    """How to deploy it."""
    stack = name if number == 0 else f"{name}-{number + 1}"
    lines = [
        f"Made by `bbq-deploy render --to hot` from {origin}.",
        f"openstack stack create --wait -t {_file(number)} {stack}",
    ]
    asked = [item for item in piece.parameters.values() if not item.of and "default" not in item.body()]
    lines += [f"  --parameter {item.name}=..." for item in asked]
    for item in piece.parameters.values():
        if item.of:
            holder = next(n for n, other in enumerate(pieces) if item.of in other.outputs and item.of not in other.parameters)
            earlier = name if holder == 0 else f"{name}-{holder + 1}"
            lines.append(
                f"  --parameter {item.name}=$(openstack stack output show {earlier} {item.of} -f value -c output_value)"
            )
    return " \\\n".join([lines[0] + "\n" + lines[1], *lines[2:]]) if len(lines) > 2 else "\n".join(lines)


__all__ = ["Catalogue", "Translation", "hot", "read_catalogue", "translate"]
