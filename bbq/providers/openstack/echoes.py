"""Secrets that a service tells again: what it was sent as one is one where it comes back, too."""

from __future__ import annotations

from typing import Any, Final

from bbq.topology.values import Secret, walk

_SHORTEST: Final = 4


def secret_texts(given: Any) -> set[str]:
    """The texts of secrets in a value that are long enough to be told from ordinary ones."""
    found = {str(item.reveal()) for item in walk(given) if isinstance(item, Secret)}
    return {text for text in found if len(text) >= _SHORTEST}


def echoed(value: Any, secrets: set[str]) -> Any:
    """A `Secret` where the value says one of the texts."""
    texts = (str(item) for item in walk(value) if isinstance(item, (str, int)))
    return Secret(value) if any(secret in text for text in texts for secret in secrets) else value
