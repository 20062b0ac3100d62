"""What came of a check, in a line."""

from __future__ import annotations

from collections.abc import Sequence

from bbq.diagnostics import Diagnostic, Verdict
from bbq.views.clean import one_line


def summary(found: Sequence[Diagnostic], verdicts: Sequence[Verdict]) -> str:
    """`service.yaml: 1 error, 2 warnings`; of many templates, how many are valid, and how much was found in all."""
    if len(verdicts) == 1:
        (only,) = verdicts
        return f"{one_line(only.file)}: {_counted(only.errors, only.warnings) or 'valid'}"
    errors = sum(item.severity == "error" for item in found)
    counted = _counted(errors, len(found) - errors)
    if not verdicts:
        return counted or "valid"
    invalid = sum(not item.valid for item in verdicts)
    valid = f"{invalid} of {len(verdicts)} templates invalid" if invalid else f"{len(verdicts)} templates valid"
    return f"{valid}: {counted}" if counted else valid


def _counted(errors: int, warnings: int) -> str:
    parts = ((errors, "error"), (warnings, "warning"))
    return ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in parts if count)
