"""A template as another system's files: `render(topology, "compose", ...)`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bbq.errors import UsageError

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.render.murano import Inputs
    from bbq.topology.model import Topology

TARGETS: Final = ("compose", "hot", "murano")


@dataclass(frozen=True, slots=True)
class Rendered:
    """Texts, and archives, by their path below the output directory. `main` is the one to start from; those in `private` hold
    secrets."""

    main: str
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    found: tuple[Diagnostic, ...] = ()
    """Findings with their places in the template, warnings all of them."""

    def write(self, directory: Path) -> list[Path]:
        """Write all of them, each whole or not at all; private ones with mode 0600. Raises `UsageError`."""
        written = []
        try:
            for name, text in self.files.items():
                path = directory / name
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f".{path.name}.part")
                mode = 0o600 if name in self.private else 0o644
                part.unlink(missing_ok=True)
                with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
                    stream.write(text.encode() if isinstance(text, str) else text)
                part.replace(path)
                written.append(path)
        except OSError as error:
            raise UsageError(f"cannot write {error.filename}: {error.strerror}") from None
        return written


def render(
    topology: Topology,
    to: str,
    *,
    name: str,
    directory: Path,
    catalogue: str | None = None,
    inputs: Inputs | None = None,
) -> Rendered:
    """The topology, built without a provider's substitutions, for the system `to` (one of `TARGETS`).

    `name` names the project; `directory` is where the files will be written: paths in them are relative to it, and secrets
    that are there already are kept. `catalogue` is a file that says what the cloud has, for `hot` and `murano`; `inputs` are
    for `murano` alone, whose form asks for them. Raises `UsageError` for an unknown target and for node types that have no
    place there, `TemplateError` for what has none in a Heat template.
    """
    if to not in TARGETS:
        raise UsageError(f"there is no rendering to {to!r}", hint=f"renderings: {', '.join(TARGETS)}")
    if to in ("hot", "murano"):
        from bbq.render.hot import hot, read_catalogue

        cloud = None if catalogue is None else read_catalogue(catalogue)
        if to == "hot":
            return hot(topology, name=name, directory=directory, catalogue=cloud)
        from bbq.render.murano import Inputs, murano

        asked = inputs or Inputs({}, lambda _: None)
        return murano(topology, name=name, inputs=asked, catalogue=cloud)
    if catalogue is not None:
        raise UsageError("--catalogue is for --to hot and --to murano alone")
    from bbq.render.compose import compose

    return compose(topology, name=name, directory=directory)
