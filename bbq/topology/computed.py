"""What a function gives, against the definition of the property that it is for: literals were checked where they stand.

Of nodes of bbq's own types only. Others are made by operations, and templates in the wild rely on their definitions being
taken less seriously.
"""

from __future__ import annotations

from typing import Any

from bbq.topology.values import Expr, Secret, contains
from bbq.tosca.checker import CONVERTED, Checker, Path
from bbq.tosca.model import Function, ParameterDef, ServiceTemplate


def problems(
    value: Any, written: Any, definition: ParameterDef, service: ServiceTemplate, what: str
) -> list[tuple[str, str, str | None]]:
    """(code, message, hint) of everything that is wrong with `value`, which `written` in a template came to. What only the
    running deployment knows is not judged, and neither is a secret, which no message may show."""
    if value is None or not _computed(written) or contains(value, lambda item: isinstance(item, (Expr, Secret))):
        return []
    found: list[tuple[str, str, str | None]] = []

    def report(path: Path, code: str, message: str, hint: str | None) -> None:
        if code != CONVERTED:
            found.append((code, message, hint))

    Checker(service.types).check(value, definition.schema, report, what=what, lenient=True)
    return found


def _computed(written: Any) -> bool:
    if isinstance(written, dict):
        return any(_computed(item) for item in written.values())
    return isinstance(written, Function) or (isinstance(written, list) and any(_computed(item) for item in written))
