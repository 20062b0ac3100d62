"""What `bbq-deploy doctor` says of one thing that a provider needs. Each provider's `doctor.py` has `examine(config)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bbq.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Finding:
    """`verdict`: ok; missing (what needs it does not work, the rest does); failed (nothing works: `exit_code`)."""

    check: str
    verdict: Literal["ok", "missing", "failed"]
    detail: str
    exit_code: ExitCode = ExitCode.CONFIGURATION
