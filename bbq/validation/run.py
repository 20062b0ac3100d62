"""Many templates, one answer."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bbq.diagnostics import Diagnostic, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a check: a verdict for each template, in the order in which they were named, and every finding once."""

    verdicts: tuple[Verdict, ...]
    found: tuple[Diagnostic, ...]

    @property
    def valid(self) -> bool:
        return all(verdict.valid for verdict in self.verdicts)


def check(
    paths: Sequence[str],
    *,
    inputs: Mapping[str, Any] | None = None,
    import_map: Mapping[str, str] | None = None,
    offline: bool = False,
    strict: bool = False,
    cached: bool = True,
    environments: Sequence[str] = (),
    allowed_hosts: Sequence[str] = (),
) -> Report:
    """Checks templates, and those below directories; `environments` are Heat's. Imports may be fetched from the
    `allowed_hosts`. `strict`: what the specification forbids is an error, however common it is. Without `cached`, answers of
    earlier runs are neither used nor kept. Raises `UsageError` for a directory without templates."""
    from bbq.validation import cache
    from bbq.validation.discovery import templates

    found: dict[Diagnostic, None] = {}
    verdicts: list[Verdict] = []
    for path in templates(paths):
        key = cache.key(path, inputs, import_map, offline, environments, allowed_hosts) if cached else None
        items = cache.get(key) if key is not None else None
        if items is None:
            if verdicts:
                gc.collect()  # what the last template left: whoever called may have switched the collector off
            items = _anew(path, inputs, import_map, offline, environments, allowed_hosts, key)
        if strict:
            items = strictly(items)
        errors = sum(item.severity == "error" for item in items)
        verdicts.append(Verdict(path, errors, len(items) - errors))
        found |= dict.fromkeys(items)
    return Report(tuple(verdicts), _distinct(found))


def _anew(
    path: str,
    inputs: Mapping[str, Any] | None,
    import_map: Mapping[str, str] | None,
    offline: bool,
    environments: Sequence[str],
    allowed_hosts: Sequence[str],
    key: str | None,
) -> list[Diagnostic]:
    from bbq import facts
    from bbq.validation import cache
    from bbq.validation.findings import findings

    with facts.recording() as asked:
        items = findings(
            path,
            inputs=inputs,
            import_map=import_map,
            offline=offline,
            environments=environments,
            allowed_hosts=allowed_hosts,
        )
    if key is not None and asked.repeatable:
        cache.put(key, asked.answers, items)
    return items


def strictly(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The findings with every warning of a code of `STRICT_CODES` as an error."""
    from bbq.catalogue import strict

    codes = strict()
    return [replace(item, severity="error") if item.code in codes else item for item in found]


def _distinct(found: dict[Diagnostic, None]) -> tuple[Diagnostic, ...]:
    """A file that several templates import is wrong once: as an error where one of them takes it for that, with the way by
    which it was reached first."""
    unique: dict[tuple[str, str, str, int, int], Diagnostic] = {}
    for item in found:
        key = item.code, item.message, item.file, item.line, item.column
        known = unique.setdefault(key, item)
        if known.severity == "warning" and item.severity == "error":
            unique[key] = replace(item, related=known.related)
    return tuple(unique.values())
