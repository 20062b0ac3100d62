"""The topology's diagnostic codes. Stable: scripts and the documentation refer to them."""

from __future__ import annotations

from typing import Final

UNKNOWN_INPUT: Final = "BBQ-G001"
UNKNOWN_NODE: Final = "BBQ-G002"
UNKNOWN_PROPERTY: Final = "BBQ-G003"
UNKNOWN_ATTRIBUTE: Final = "BBQ-G004"
UNKNOWN_FUNCTION: Final = "BBQ-G005"
BAD_FUNCTION: Final = "BBQ-G006"
"""A function's arguments are wrong, or its evaluation failed."""
CIRCULAR_VALUE: Final = "BBQ-G007"
"""A value is defined by itself, or nested too deeply to be evaluated."""
OWN_ATTRIBUTE: Final = "BBQ-G008"
"""A property needs an attribute of its own node, which is known only after the node was made."""

MISSING_TARGET: Final = "BBQ-G010"
AMBIGUOUS_TARGET: Final = "BBQ-G011"
NO_CAPABILITY: Final = "BBQ-G012"
WRONG_TARGET_TYPE: Final = "BBQ-G013"
NODE_FILTER: Final = "BBQ-G014"
REQUIREMENT_COUNT: Final = "BBQ-G015"

CYCLE: Final = "BBQ-G020"

SUBSTITUTION_AMBIGUOUS: Final = "BBQ-G030"
SUBSTITUTION_MISSING: Final = "BBQ-G031"
SUBSTITUTION_RECURSIVE: Final = "BBQ-G032"
SUBSTITUTION_BROKEN: Final = "BBQ-G033"
SUBSTITUTION_UNMAPPED: Final = "BBQ-G034"
"""The substitution template does not provide an attribute that something asks for."""

BAD_COUNT: Final = "BBQ-G040"
TOO_LARGE: Final = "BBQ-G041"
BAD_OVERRIDE: Final = "BBQ-G042"

BAD_READINESS: Final = "BBQ-G050"
BAD_TIMEOUT: Final = "BBQ-G051"
UNSUPPORTED_DIRECTIVE: Final = "BBQ-G052"
