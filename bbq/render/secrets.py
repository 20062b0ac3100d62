"""Secrets of rendered files: they stand in one private `.env`, everything else refers to them by name."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bbq.topology.values import Secret

_MARK = re.compile("\x02([A-Z0-9_]+)((?::-[0-9]+)?)\x03")


class EnvFile:
    """Names and values of one `.env`. `reference` gives a placeholder, which `interpolated` turns into `${NAME}`.

    Between the two the placeholder goes through functions (`concat`, `join`) like any text.
    """

    def __init__(self, path: Path) -> None:
        self._old = _read(path)
        self._values: dict[str, str] = {}

    def generated(self, name: str) -> str:
        """A reference to a secret that is made here: the one of an earlier rendering, or a new one of 192 bits; a letter first,
        so that every configuration language takes it as a text."""
        if name not in self._values:
            self._values[name] = self._old.get(name) or "s" + secrets.token_hex(24)
        return _mark(name)

    def given(self, name: str, value: Any) -> str:
        """A reference to a secret whose value is known."""
        self._values[name] = str(value.reveal() if isinstance(value, Secret) else value)
        return _mark(name)

    def quoted(self, reference: str) -> str:
        """A reference to the same secret as it has to stand in a URL."""
        match = _MARK.fullmatch(reference)
        if match is None:
            return quote(reference, safe="")
        value = self._values[match[1]]
        return reference if quote(value, safe="") == value else self.given(f"{match[1]}_QUOTED", quote(value, safe=""))

    def text(self) -> str:
        lines = ["# Secrets of this project. Keep it private: what they open is not protected otherwise."]
        return "\n".join([*lines, *(f"{name}={_quote(value)}" for name, value in self._values.items())]) + "\n"


def _mark(name: str) -> str:
    return f"\x02{name}\x03"


def interpolated(value: Any) -> Any:
    """A copy for a Compose file: text with `$` doubled, references as `${NAME}`; `Secret`s must have become references."""
    if isinstance(value, Secret):
        return interpolated(value.reveal())
    if isinstance(value, str):
        return _MARK.sub(lambda match: f"${{{match[1]}{match[2]}}}", value.replace("$", "$$"))
    if isinstance(value, Mapping):
        return {interpolated(key): interpolated(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [interpolated(item) for item in value]
    return value


def defaulted(name: str, value: str) -> str:
    """A reference to a variable that may be set in the environment, with the number that counts where it is not."""
    return f"\x02{name}:-{value}\x03"


def referenced(text: str) -> str | None:
    """The name of the variable that a reference means; None for other text."""
    match = _MARK.fullmatch(text)
    return match[1] if match else None


def _quote(value: str) -> str:
    """https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax"""
    if re.fullmatch(r"[A-Za-z0-9_./:@%+-]*", value):
        return value
    if "'" not in value and "\n" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
    return f'"{escaped}"'


def _read(path: Path) -> dict[str, str]:
    """Values of an earlier rendering that were written plainly, as generated ones are."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = (re.fullmatch(r"([A-Z0-9_]+)=([A-Za-z0-9_-]+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}
