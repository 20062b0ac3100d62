"""Substitution templates: which one stands for an abstract node (TOSCA 1.3 section 3.8.13, 2.0 section 15).

A directory is read as text for the node types that its files name; a file is loaded as TOSCA only when a node of such a type
occurs, and once a process as long as none of its files changes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bbq.topology import codes
from bbq.topology.instances import Broken, Instance, Where
from bbq.tosca.constraints import expected
from bbq.tosca.model import ServiceTemplate, SubstitutionMapping
from bbq.tosca.reading import quoted

if TYPE_CHECKING:
    from bbq.diagnostics import Diagnostic
    from bbq.topology.evaluate import Evaluator

_NODE_TYPE: Final = re.compile(r"""\bnode_type["']?\s*:\s*["']?([\w.:\-]+)""")
SERVICE: Final = "bbq_service"
"""In a substitution template's metadata: the service without which nothing of it can be made."""
_Stamp = tuple[tuple[str, int, int], ...]
_loaded: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[_Stamp, ServiceTemplate]] = {}


class Library:
    """The substitution templates of some sources, in the order of their precedence: directories, whose files are loaded with
    `import_map`, and templates that are loaded already. `lacking` are services that the provider does not have."""

    def __init__(
        self,
        evaluator: Evaluator,
        sources: Sequence[Path | Sequence[ServiceTemplate]],
        *,
        import_map: Mapping[str, str] | None = None,
        rehearsal: bool = False,
        lacking: Collection[str] = (),
    ) -> None:
        self._evaluator = evaluator
        self._import_map = dict(import_map or {})
        self._rehearsal = rehearsal
        self._lacking = lacking
        self._indices = [_index(each) if isinstance(each, Path) else each for each in sources]
        self._broken: set[Path] = set()

    def choose(self, instance: Instance) -> ServiceTemplate | None:
        """The template that replaces the node, or None where it stays as it is. Raises `Broken` after reporting.

        The nearest of the type's ancestors that has a fitting template decides; for one type an earlier directory wins.
        """
        forced = "substitute" in instance.template.directives and not self._rehearsal
        rejected: list[tuple[ServiceTemplate, SubstitutionMapping]] = []
        for name in instance.template.type.ancestry:
            for index in self._indices:
                fitting = []
                for service, mapping in self._candidates(index, name):
                    if self._fits(mapping, instance):
                        fitting.append(service)
                    else:
                        rejected.append((service, mapping))
                fitting = self._makeable(fitting)
                if len(fitting) > 1:
                    names = ", ".join(Path(service.path).name for service in fitting)
                    raise self._evaluator.fail(
                        codes.SUBSTITUTION_AMBIGUOUS,
                        f"several substitution templates fit {instance.address!r} ({name}): {names}",
                        instance.template.at,
                        "a substitution_filter tells them apart",
                    )
                if fitting:
                    return fitting[0]
        if rejected:
            reasons = "; ".join(f"{Path(service.path).name}: {_wants(service, mapping)}" for service, mapping in rejected)
            text = f"no substitution template fits {instance.address!r}: {reasons}"
            report = self._evaluator.bag.error if forced else self._evaluator.bag.warning
            report(codes.SUBSTITUTION_MISSING, text, instance.template.at)
        elif forced:
            text = f"{instance.address!r} is to be substituted, and no template stands for {instance.template.type.name}"
            self._evaluator.bag.error(codes.SUBSTITUTION_MISSING, text, instance.template.at)
        if forced:
            raise Broken
        return None

    def _makeable(self, fitting: list[ServiceTemplate]) -> list[ServiceTemplate]:
        """Of several that fit, those that need a service which is there, else those that need none. One alone is taken: that
        its service is lacking is for the provider to say."""
        if len(fitting) < 2:
            return fitting
        needs = [service.metadata.get(SERVICE) for service in fitting]
        there = [service for service, need in zip(fitting, needs, strict=True) if need and need not in self._lacking]
        return there or [service for service, need in zip(fitting, needs, strict=True) if not need] or fitting

    def _candidates(
        self, index: dict[str, list[Path]] | Sequence[ServiceTemplate], type_name: str
    ) -> list[tuple[ServiceTemplate, SubstitutionMapping]]:
        """Of one source."""
        found = []
        named = map(self._load, index.get(type_name.rpartition(":")[2], ())) if isinstance(index, dict) else index
        for service in named:
            mapping = service.substitution if service is not None else None
            if service is not None and mapping is not None and mapping.node_type == type_name:
                found.append((service, mapping))
        return found

    def _load(self, path: Path) -> ServiceTemplate | None:
        """None where the file is broken; its problems are reported once a build."""
        if path in self._broken:
            return None
        service, found = load_cached(path, self._import_map)
        if service is None or any(item.severity == "error" for item in found):
            self._broken.add(path)
            self._evaluator.bag.items.extend(found)
            return None
        return service

    def _fits(self, mapping: SubstitutionMapping, instance: Instance) -> bool:
        where = Where(instance.stack, instance)
        for path, constraint in mapping.filter:
            value = self._filtered(path, instance)
            if value is None and path:
                return False
            if not self._evaluator.holds(constraint, value, where):
                return False
        return True

    def _filtered(self, path: tuple[str, ...], instance: Instance) -> object:
        names = [name for name in path if name not in ("capabilities", "properties")] or list(path)
        if not names:
            return None
        if len(names) > 1 and names[0] in instance.template.type.capabilities:
            return self._evaluator.capability_property(instance, names[0], names[1])
        value = self._evaluator.property(instance, names[0])
        return self._evaluator.select(value, list(names[1:]), instance.template.at)


def _wants(service: ServiceTemplate, mapping: SubstitutionMapping) -> str:
    """What its filter says: "`workers` must be at least `3`"."""
    return " and ".join(
        (f"{quoted('.'.join(path))} " if path else "") + expected(constraint, service.version)
        for path, constraint in mapping.filter
    )


def _index(directory: Path) -> dict[str, list[Path]]:
    """Node type (without namespace) -> files that name it; a name in a comment costs a load, no more."""
    index: dict[str, list[Path]] = {}
    try:
        files = sorted(path for path in directory.iterdir() if path.suffix in (".yaml", ".yml", ".tosca"))
    except OSError:
        return index
    for path in files:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for name in dict.fromkeys(_NODE_TYPE.findall(text)):
            index.setdefault(name.rpartition(":")[2], []).append(path)
    return index


def substitutes(
    type_name: str, directories: Sequence[Path], import_map: Mapping[str, str] | None = None
) -> list[tuple[ServiceTemplate, str]]:
    """The templates that can stand for a node of exactly that type, each with what it wants of the node ("" for nothing)."""
    found = []
    for directory in directories:
        for path in _index(directory).get(type_name.rpartition(":")[2], ()):
            service, _ = load_cached(path, import_map or {})
            mapping = service.substitution if service is not None else None
            if service is not None and mapping is not None and mapping.node_type == type_name:
                found.append((service, _wants(service, mapping)))
    return found


def load_cached(path: Path, import_map: Mapping[str, str]) -> tuple[ServiceTemplate | None, list[Diagnostic]]:
    """`bbq.tosca.load`, remembered while the file and its imports keep their sizes and times."""
    from bbq.tosca import load

    key = (str(path), tuple(sorted(import_map.items())))
    known = _loaded.get(key)
    if known is not None and known[0] == _stamp(known[1]):
        return known[1], []
    service, found = load(path, import_map=import_map)
    if service is not None and not any(item.severity == "error" for item in found):
        _loaded[key] = (_stamp(service), service)
    return service, found


def _stamp(service: ServiceTemplate) -> _Stamp:
    found = []
    for name in service.files or (service.path,):
        try:
            status = Path(name).stat()
        except OSError:
            continue
        found.append((name, status.st_mtime_ns, status.st_size))
    return tuple(found)
