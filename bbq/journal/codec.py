"""JSON to and from the database. A `Secret` that was not replaced by a reference is refused, never written."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from bbq.topology.values import UNKNOWN, Secret

T = TypeVar("T")


def to_text(value: Any) -> str:
    """Compact JSON; `UNKNOWN` becomes null. `TypeError` for what has no JSON form, a `Secret` among them."""
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        # a component's output may hold bytes that are no UTF-8 (surrogates here); the text around them is worth keeping
        return _encoder.encode(_replaced(value)).decode()


def from_text(text: str | bytes, type_: type[T]) -> T:
    """Raises `msgspec.DecodeError` or `msgspec.ValidationError` for what `to_text` did not write."""
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(type_)
    found: T = decoder.decode(text)
    return found


def _stand_in(value: Any) -> Any:
    if value is UNKNOWN:  # an output that nothing answered; the run's outcome must be kept all the same
        return None
    if isinstance(value, Secret):
        raise TypeError("a secret's value was about to be journalled; replace it by a reference first (secrets.encode)")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _replaced(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replaced(key): _replaced(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(item) for item in value]
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, Secret):
        return {name: _replaced(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


_encoder = msgspec.json.Encoder(enc_hook=_stand_in)
_decoders: dict[type, msgspec.json.Decoder[Any]] = {}
