"""Scalars with units, versions, timestamps: text to comparable values and back.

Values of a scalar type stay text in its canonical spelling (`1100 MB`); `quantity` gives the number in the base unit.
TOSCA 1.3 section 3.3.6; TOSCA 2.0 section 9.1.2.3.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

SIZE: Final[dict[str, float]] = {
    "B": 1,
    **{f"{prefix}B": 1000**n for n, prefix in enumerate("kMGTPEZY", 1)},
    **{f"{prefix}iB": 1024**n for n, prefix in enumerate("KMGTPEZY", 1)},
}
TIME: Final[dict[str, float]] = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
FREQUENCY: Final[dict[str, float]] = {"Hz": 1, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9}
BITRATE: Final[dict[str, float]] = {
    "bps": 1,
    **{f"{prefix}bps": 1000**n for n, prefix in enumerate("KMGT", 1)},
    **{f"{prefix}ibps": 1024**n for n, prefix in enumerate("KMGT", 1)},
    "Bps": 8,
    **{f"{prefix}Bps": 8 * 1000**n for n, prefix in enumerate("KMGT", 1)},
    **{f"{prefix}iBps": 8 * 1024**n for n, prefix in enumerate("KMGT", 1)},
}
SCALAR_UNITS: Final[dict[str, Mapping[str, float]]] = {
    "scalar-unit.size": SIZE,
    "scalar-unit.time": TIME,
    "scalar-unit.frequency": FREQUENCY,
    "scalar-unit.bitrate": BITRATE,
}
_SCALAR = re.compile(r"([-+]?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*([^\s0-9].*)")
_VERSION = re.compile(r"([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+)(?:\.([0-9A-Za-z_]+)(?:-([0-9]+))?)?)?)?")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]|\s+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?(?:\s*(Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?)?"
)


def scalar(text: str, units: Mapping[str, float], *, exact_case: bool = False) -> tuple[float, str] | None:
    """(number in the base unit, canonical text) of a scalar such as `10 GB`; None where it is none. TOSCA 1.x units are
    not case-sensitive, 2.0's are."""
    match = _SCALAR.fullmatch(text.strip())
    if match is None:
        return None
    number, unit = match.groups()
    if unit not in units:
        if exact_case:
            return None
        unit = next((known for known in units if known.lower() == unit.lower()), "")
        if not unit:
            return None
    # Decimal, because 0.1 GHz is 100,000,000 Hz and not a little more.
    exact = Decimal(number) * Decimal(str(units[unit]))
    return float(exact), f"{number} {unit}"


def quantity(text: str, type_name: str) -> float:
    """Bytes, seconds, hertz or bits per second of a checked value of a `scalar-unit.*` type. ValueError where it is none."""
    found = scalar(text, SCALAR_UNITS[type_name])
    if found is None:
        raise ValueError(f"{text!r} is not a {type_name}")
    return found[0]


def to_bytes(text: str) -> int:
    """`512 MB` -> 512000000; `512 MiB` -> 536870912."""
    return int(quantity(text, "scalar-unit.size"))


def gibibytes(size: str | float) -> int:
    """Whole GiB that hold a size (`5 GB`, or bytes), at least 1: what clouds count volumes and disks in."""
    return max(1, math.ceil((size if isinstance(size, (int, float)) else to_bytes(size)) / 1024**3))


def to_seconds(text: str) -> float:
    return quantity(text, "scalar-unit.time")


def to_hertz(text: str) -> float:
    return quantity(text, "scalar-unit.frequency")


def version_key(text: str) -> tuple[int, int, int, bool, str, int] | None:
    """A sortable key of a TOSCA version (1.3 section 3.3.2); None where `text` is none. A version with a qualifier is
    older than the same without."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, fix, qualifier, build = match.groups()
    return int(major), int(minor or 0), int(fix or 0), qualifier is None, qualifier or "", int(build or 0)


def timestamp(text: str) -> datetime | None:
    """A YAML timestamp (https://yaml.org/type/timestamp.html), UTC where no zone is given; None where `text` is none."""
    match = _TIMESTAMP.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    iso = f"{year}-{int(month):02}-{int(day):02}"
    if hour is not None:
        second = "59" if second == "60" else second  # a leap second
        iso += f"T{int(hour):02}:{minute}:{second}.{(fraction or '0')[:6].ljust(6, '0')}"
        if zone and zone != "Z":
            sign, digits = zone[0], zone[1:].replace(":", "")
            digits = digits.zfill(2).ljust(4, "0")
            iso += f"{sign}{digits[:2]}:{digits[2:]}"
        else:
            iso += "+00:00"
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
