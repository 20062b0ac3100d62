"""Templates of TOSCA 1.x to 2.0, comments kept. What has no counterpart is warned of at its place, and stays as a comment.

The normative types become those of OASIS's profile for 2.0 where the template fits them; else it imports the types of its
own version, which bbq bundles, under their full names.
TOSCA 2.0 appendix on differences to 1.3: https://docs.oasis-open.org/tosca/TOSCA/v2.0/.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bbq.collection import paused
from bbq.diagnostics import Diagnostic
from bbq.editor.reading import ImportMap, Names, read
from bbq.editor.syntax import Unsupported
from bbq.editor.upgrade.definitions import Definitions
from bbq.editor.upgrade.edits import Source
from bbq.editor.upgrade.layout import Files, Operations
from bbq.editor.upgrade.step import Warned
from bbq.editor.upgrade.types import Renaming
from bbq.editor.upgrade.values import Values
from bbq.errors import BbqError, ExitCode, TemplateError
from bbq.validation.findings import with_graph

__all__ = ["Upgraded", "Warned", "upgrade"]


class UpgradeError(BbqError):
    """A text that cannot be edited; it is left as it is."""

    exit_code = ExitCode.INVALID_TEMPLATE


@dataclass(slots=True)
class Upgraded:
    """One file: the text before and after, what to look at in the first one, what is wrong with the result."""

    path: Path
    before: str
    after: str
    warned: list[Warned] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)

    @property
    def errors(self) -> int:
        return sum(item.severity == "error" for item in self.found)

    @property
    def valid(self) -> bool:
        return not self.errors


@paused()
def upgrade(texts: Mapping[Path, str], import_map: ImportMap | None = None) -> list[Upgraded]:
    """The files of a template that go to 2.0 together, and what became of them. Files that are 2.0 stay as they are.

    Raises `TemplateError` with all problems where a file is not valid as it is, `UpgradeError` where its form of YAML cannot
    be edited, or where it is laid over others.
    """
    overlay = {path: text.encode() for path, text in texts.items()}
    names: dict[Path, Names] = {}
    sound: set[Path] = set()
    for path in texts:
        reading = read(path, overlay=overlay, import_map=import_map)
        errors = [item for item in reading.found if item.severity == "error"]
        if errors or reading.names is None:
            raise TemplateError(f"{path} is not valid as it is; correct it first", reading.found)
        if below := reading.names.service.below:
            parents = ", ".join(Path(name).name for name in below)
            raise UpgradeError(
                f"{path} is laid over {parents} (`metadata.parents`), and TOSCA 2.0 has no such thing",
                hint="put them together into one template first",
            )
        names[path] = reading.names
        if all(item.severity != "error" for item in with_graph(reading.service, reading.found, None)):
            sound.add(path)
    old = {path: text for path, text in texts.items() if not names[path].unit.grammar.two}
    new = _converted(old, names, overlay, import_map, sound, simple=True) if _whole(old, names) else None
    if new is not None and all(item.valid for item in new):
        return new
    kept = _converted(old, names, overlay, import_map, sound, simple=False)
    better = new is not None and sum(item.errors for item in new) <= sum(item.errors for item in kept)
    return new if new is not None and better else kept


def _whole(texts: Mapping[Path, str], names: Mapping[Path, Names]) -> bool:
    """Whether everything that is imported goes to 2.0, too: types of both families do not fit together."""
    paths = {Path(names[path].unit.path) for path in texts}
    units = [unit for path in texts for _, unit in names[path].unit.imports]
    return all(unit.bundled or unit.path in paths for unit in units)


def _converted(
    texts: Mapping[Path, str],
    names: Mapping[Path, Names],
    overlay: Mapping[Path, bytes],
    import_map: ImportMap | None,
    sound: Collection[Path],
    *,
    simple: bool,
) -> list[Upgraded]:
    """`sound` are files whose graph had nothing wrong: that of what becomes of them must not have, either."""
    results = [_one(path, text, names[path], simple=simple) for path, text in texts.items()]
    after = {**overlay, **{item.path: item.after.encode() for item in results}}
    for item in results:
        reading = read(item.path, overlay=after, import_map=import_map)
        item.found = with_graph(reading.service, reading.found, None) if item.path in sound else reading.found
    return results


def _one(path: Path, text: str, names: Names, *, simple: bool) -> Upgraded:
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    windows = "\r\n" in text
    result = Upgraded(path, text, text)
    source = Source(text.removeprefix(mark).replace("\r\n", "\n"))
    renaming = Renaming(names, simple=simple)
    try:
        source = Values(source, names, result.warned, renaming).run()
        source = Definitions(source, names, result.warned, renaming).run()
        source = Operations(source, names, result.warned).run()
        source = Files(source, names, result.warned, renaming).run()
    except Unsupported as error:
        raise UpgradeError(f"{path}:{error.line}: {error} cannot be edited") from None
    result.after = mark + (source.text.replace("\n", "\r\n") if windows else source.text)
    result.warned.sort(key=lambda item: (item.line, item.column))
    return result
