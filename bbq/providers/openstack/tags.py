"""bbq's tag on things of a cloud: as pairs (metadata of servers, volumes ...) and as words (tags of stacks, networks ...)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote

from bbq.engine.contract import Tag

_NAMES: Final = {
    "name": "bbq_deployment",
    "id": "bbq_deployment_id",
    "node": "bbq_node",
    "attempt": "bbq_attempt",
    "expires": "bbq_expires_at",
}
"""Short name, as in words -> key of a pair."""
_CHUNK: Final = 40
"""Characters of a value in one word: neutron allowed 60 in all before 2023, Heat allows 80."""
_LONGEST_PAIR: Final = 255


def pairs(tag: Tag) -> dict[str, str]:
    """For metadata: keys and values of at most 255 characters (nova, cinder); a longer node name is cut, with a digest."""
    found = {_NAMES[name]: value for name, value in _values(tag).items()}
    node = found["bbq_node"]
    if len(node) > _LONGEST_PAIR:
        found["bbq_node"] = f"{node[: _LONGEST_PAIR - 13]}~{_digest(node)}"
    return found


def of_pairs(found: Mapping[str, str]) -> Tag | None:
    """The tag, None where there is none of bbq's."""
    return _tag({name: found[key] for name, key in _NAMES.items() if key in found})


def words(tag: Tag) -> list[str]:
    """For tags that are plain words: `bbq:id=...`, long values in several (`bbq:node=`, `bbq:node.1=`); no comma in any."""
    found = []
    for name, value in _values(tag).items():
        text = quote(value, safe="[]() +@")  # "," and "/" are not allowed in neutron's
        for index in range(0, max(1, len(text)), _CHUNK):
            number = f".{index // _CHUNK}" if index else ""
            found.append(f"bbq:{name}{number}={text[index : index + _CHUNK]}")
    return found


def of_words(found: Iterable[str]) -> Tag | None:
    pieces: dict[str, dict[int, str]] = {}
    for word in found:
        if match := re.fullmatch(r"bbq:([a-z]+)(?:\.(\d+))?=(.*)", word):
            pieces.setdefault(match[1], {})[int(match[2] or 0)] = match[3]
    return _tag({name: unquote("".join(text for _, text in sorted(parts.items()))) for name, parts in pieces.items()})


def deployment_word(deployment_id: str) -> str:
    """The word that all of a deployment's things carry."""
    return f"bbq:id={deployment_id}"


def node_words(tag: Tag) -> list[str]:
    """The words that the things of one node carry, whatever the attempt."""
    return [word for word in words(tag) if word.startswith(("bbq:id=", "bbq:node"))]


def name_of(tag: Tag, longest: int = 255) -> str:
    """A name for the node's thing, the same at every attempt and no other node's: `<deployment>-<node>-<id>`; letters, digits,
    `.`, `_` and `-`, a letter first."""
    node = re.sub(r"[^A-Za-z0-9_.-]+", "-", tag.node).strip("-.")
    ending = f"-{tag.deployment_id[:8]}"
    room = longest - len(ending) - len(tag.deployment) - 1
    if node != tag.node or len(node) > room:
        node = f"{node[: room - 7]}-{_digest(tag.node)[:6]}"
    name = f"{tag.deployment}-{node}{ending}"
    return name if name[0].isalpha() else f"d{name[1:]}" if len(name) >= longest else f"d{name}"


def host_name_of(tag: Tag, longest: int) -> str:
    """Like `name_of`, for names that host names are made of: letters, digits and `-` only, a letter first."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", f"{tag.deployment}-{tag.node}")[: longest - 12].strip("-")
    letter = "" if readable[:1].isalpha() else "d"
    return f"{letter}{readable}-{_digest(f'{tag.deployment_id}/{tag.node}')[:10]}"


def text(tag: Tag, about: str) -> str:
    """For descriptions, of things that have nothing else: `about`, then a word a line."""
    return "\n".join([about, *words(tag)])


def of_text(found: str | None) -> Tag | None:
    return of_words((found or "").split("\n"))


def _values(tag: Tag) -> dict[str, str]:
    found = {"name": tag.deployment, "id": tag.deployment_id, "node": tag.node, "attempt": str(tag.attempt)}
    if tag.expires_at is not None:
        found["expires"] = f"{tag.expires_at:.0f}"
    return found


def _tag(values: Mapping[str, str]) -> Tag | None:
    if "id" not in values or "node" not in values:
        return None
    attempt, expires = values.get("attempt", ""), values.get("expires", "")
    return Tag(
        values.get("name", ""),
        values["id"],
        values["node"],
        int(attempt) if attempt.isdigit() else 0,
        float(expires) if expires.isdigit() else None,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
