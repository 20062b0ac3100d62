"""How the front ends speak of what stands in a file: short, without control characters, with the nearest name as a hint."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Final

from yaml import MappingNode, Node, SequenceNode

from bbq.diagnostics import Diagnostic, DiagnosticBag, Severity, listed, visible
from bbq.errors import TemplateError
from bbq.yamlreader import is_null, printable

_MANY: Final = 150
"""More names than this are not all compared: only those that begin or end alike."""
_LONGEST: Final = 300
"""A longer name is no misspelt one, and would take its time to compare."""
_LOOKS: Final = 200_000
"""Findings times names from which on no hint is looked for: nobody reads so many, and it takes its time."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """A "did you mean" for a misspelt name, which is alike from `cutoff` (0 to 1) on. The last part of a dotted name counts,
    too: `Compute` for `tosca.nodes.Compute`."""
    import difflib

    if len(name) > _LONGEST:
        return None
    names = [str(item) for item in known if item != name]
    wanted = name.lower()
    lowered = {item.lower(): item for item in reversed(names)}
    found = [wanted] if wanted in lowered else difflib.get_close_matches(wanted, _alike(wanted, lowered), 1, cutoff)
    if not found:
        tails = {item.lower().rsplit(".", 1)[-1]: item for item in reversed(names)}
        wanted = wanted.rsplit(".", 1)[-1]
        found = difflib.get_close_matches(wanted, _alike(wanted, tails), 1, 0.75)
        lowered = tails
    return f"did you mean `{printable(lowered[found[0]])}`?" if found else None


def _alike(wanted: str, names: Collection[str]) -> Collection[str]:
    """The names that are worth comparing: all where they are few, else the ones whose ends agree best with the wanted one."""
    if len(names) <= _MANY:
        return names
    head, tail = wanted[: max(2, len(wanted) // 2)], wanted[-max(2, len(wanted) // 2) :]
    likely = [name for name in names if name.startswith(head) or name.endswith(tail)]
    return sorted(likely, key=lambda name: abs(len(name) - len(wanted)))[:_MANY]


def hint(bag: DiagnosticBag, name: str, known: Collection[str], otherwise: str | None = None, *, limit: int = 12) -> str | None:
    """What to say of an unknown name: the nearest known one, else the known ones, else `otherwise`; nothing after many."""
    if len(bag.items) * len(known) > _LOOKS:
        return None
    return nearest(name, known) or one_of(known, limit) or otherwise


def one_of(known: Iterable[str], limit: int = 12) -> str | None:
    names = sorted(str(item) for item in known)
    if not names:
        return None
    return "known: " + listed([printable(name) for name in names], limit)


def refuse_errors(found: Iterable[Diagnostic], what: str) -> None:
    """`TemplateError` with all findings where there is an error among them."""
    found = list(found)
    errors = sum(item.severity == "error" for item in found)
    if errors:
        if all(item.file == "<override>" for item in found if item.severity == "error"):
            what = "the numbers of instances"  # there is nothing wrong with the template
        raise TemplateError(f"{errors} error{'s' if errors > 1 else ''} in {what}", found)


def quoted(value: Any, limit: int = 60) -> str:
    """A value for a message: short, without control characters."""
    return f"`{printable(str(value), limit)}`"


def shape(node: Node) -> str:
    """What stands there, in a user's words."""
    if isinstance(node, MappingNode):
        return "a map"
    if isinstance(node, SequenceNode):
        return "a list"
    if is_null(node):
        return "nothing"
    return quoted(node.value)


def told(bag: DiagnosticBag, too_many: str) -> list[Diagnostic]:
    """The findings in order; `too_many` is the code of the one that says how many are not listed. No terminal gets to see
    the control characters that a file's name may hold."""
    found = [replace(item, file=visible(item.file)) if not item.file.isprintable() else item for item in bag.sorted()]
    if bag.dropped:
        severity: Severity = "error" if bag.dropped_errors else "warning"
        text = f"{bag.dropped:,} more problems are not listed"
        found.append(replace(found[-1], severity=severity, code=too_many, message=text, hint=None, related=(), excerpt=None))
    return found


def article(name: str) -> str:
    """A type's name as a noun: `an integer`."""
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"
