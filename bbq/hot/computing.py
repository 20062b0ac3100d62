"""The functions that compute, applied to values as Heat does it; what is not known stays `UNKNOWN`, and sizes are bounded.

Source: `heat/engine/hot/functions.py`, `heat/engine/cfn/functions.py`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlunsplit

from bbq.wording import quoted

if TYPE_CHECKING:
    from bbq.hot.evaluate import Evaluator


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
OMITTED: Final = _Unknown()
"""What an `if` without a value for false gives: the entry is not there."""
MAX_TEXT: Final = 1_000_000
MAX_ITEMS: Final = 100_000


class Fault(Exception):
    """A function cannot work on its values; the text says why."""


class TooLarge(Fault):
    """A value grows beyond the caps."""


def known(value: Any) -> bool:
    """Whether nothing in it is unknown."""
    if isinstance(value, list):
        return all(map(known, value))
    if isinstance(value, dict):
        return all(map(known, value.values()))
    return value is not UNKNOWN


def _get_param(run: Evaluator, name: str, value: Any) -> Any:
    first, *path = value if isinstance(value, list) else [value]
    if first not in run.parameters or not known(path):
        return UNKNOWN
    found = run.parameters[first]
    try:
        for step in path:
            found = found[int(step) if isinstance(found, (list, str)) else step]
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    return found


def _join(run: Evaluator, name: str, value: Any) -> Any:
    delimiter, *lists = value
    if not known(value):
        return UNKNOWN
    if not isinstance(delimiter, str):
        raise Fault(f"{name}: the delimiter is {quoted(delimiter)}, not a string")
    plain = name == "Fn::Join" or not run.version.since("2015-10-15")
    texts, size = [], 0
    for found in lists:
        if isinstance(found, str) or not isinstance(found, (list, type(None))):
            raise Fault(f"{name} works on a list, not on {quoted(found)}")
        for item in found or []:
            if item is not None and not isinstance(item, str if plain else (str, list, dict)):
                raise Fault(f"{name} joins strings{'' if plain else ', lists and maps'}, not {quoted(item)}")
            texts.append("" if item is None else item if isinstance(item, str) else json.dumps(item, sort_keys=True))
            size += len(texts[-1]) + len(delimiter)
            if size > MAX_TEXT:
                raise TooLarge(f"a text grows beyond {MAX_TEXT:,} characters")
    return delimiter.join(texts)


def _replace(run: Evaluator, name: str, value: Any) -> Any:
    params, template = value if name == "Fn::Replace" else (value["params"], value["template"])
    if not known(template) or not isinstance(params, dict) or not isinstance(template, str):
        return UNKNOWN
    missing = [key for key in params if key not in template]
    if name.endswith("strict") and missing:
        raise Fault(f"{name}: {', '.join(map(quoted, missing))} not in the template")
    if name == "str_replace_vstrict" and any(item in (None, "", [], {}) for item in params.values()):
        raise Fault(f"{name}: a replacement is empty")
    if not known(params):
        return UNKNOWN
    json_too = name != "Fn::Replace" and run.version.since("2015-10-15")
    texts = {}
    for key, item in params.items():
        if isinstance(item, (list, dict)) and not json_too:
            raise Fault(f"{name}: the replacement of {quoted(key)} is a string or number, not {quoted(item)}")
        is_json = isinstance(item, (list, dict))
        texts[key] = "" if item is None else json.dumps(item, sort_keys=True) if is_json else str(item)
    parts = [template]
    # longest first; what was put in is not looked at again
    return run.text(_substituted(run, parts, sorted(sorted(texts), key=len, reverse=True), texts)[0])


def _substituted(run: Evaluator, strings: list[str], keys: list[str], texts: Mapping[str, str]) -> list[str]:
    if not keys:
        return strings
    key, *rest = keys
    result = []
    for string in strings:
        pieces = string.split(key) if key else [string]
        run.spend(len(pieces))
        if len(pieces) * len(texts[key]) > MAX_TEXT:
            raise TooLarge(f"a text grows beyond {MAX_TEXT:,} characters")
        result.append(texts[key].join(_substituted(run, pieces, rest, texts)))
    return result


def _repeat(run: Evaluator, name: str, value: Any) -> Any:
    each, template = value["for_each"], value["template"]
    if not known(each) or not isinstance(each, dict) or not each:
        return UNKNOWN
    keys = list(each)
    lists = [list(item or []) for item in each.values()]
    count = 1
    if value.get("permutations", True):
        for items in lists:
            count *= len(items)
        rounds: Any = itertools.product(*lists) if count <= MAX_ITEMS else ()
    else:
        if len({len(items) for items in lists}) > 1:
            raise Fault(f"{name}: the lists of for_each are not equally long")
        count = min(map(len, lists))
        rounds = zip(*lists, strict=True)
    if count > MAX_ITEMS:
        raise TooLarge(f"{name} gives {count:,} entries")
    return [_filled(run, template, keys, items) for items in rounds]


def _filled(run: Evaluator, template: Any, keys: list[str], items: tuple[Any, ...]) -> Any:
    run.spend(1)
    if isinstance(template, str):
        for key, item in zip(keys, items, strict=True):
            if key and key in template:
                if not isinstance(item, str):
                    raise Fault(f"repeat: {quoted(key)} is replaced by strings, not by {quoted(item)}")
                if template.count(key) * len(item) > MAX_TEXT:
                    raise TooLarge(f"a text grows beyond {MAX_TEXT:,} characters")
                template = template.replace(key, item)
        run.spend(len(template) // 64)
        return run.text(template)
    if isinstance(template, list):
        return [_filled(run, item, keys, items) for item in template]
    if isinstance(template, dict):
        return {_filled(run, key, keys, items): _filled(run, item, keys, items) for key, item in template.items()}
    return template


def _digest(run: Evaluator, name: str, value: Any) -> Any:
    algorithm, text = value
    if not known(value):
        return UNKNOWN
    try:
        return hashlib.new(algorithm.lower(), text.encode("latin-1"), usedforsecurity=False).hexdigest()
    except UnicodeEncodeError:
        raise Fault(f"{name}: Heat takes characters of Latin-1 only") from None


def _split(run: Evaluator, name: str, value: Any) -> Any:
    delimiter, text, *index = value
    if not known(value) or text is None:
        return UNKNOWN if text is not None else None
    if not isinstance(text, str):
        raise Fault(f"{name} splits a string, not {quoted(text)}")
    pieces = text.split(delimiter)
    if not index:
        return pieces
    try:
        return pieces[int(index[0])]
    except IndexError:
        raise Fault(f"{name}: there is no piece {index[0]} of {len(pieces)}") from None


def _merge(run: Evaluator, name: str, value: Any) -> Any:
    if not isinstance(value, list) or UNKNOWN in value:
        return UNKNOWN
    result: dict[str, Any] = {}
    for item in value:
        if item is not None and not isinstance(item, dict):
            raise Fault(f"{name} merges maps, not {quoted(item)}")
        result.update(item or {})
    return result


def _map_replace(run: Evaluator, name: str, value: Any) -> Any:
    source, replacements = value
    if not known(value) or not isinstance(source, dict):
        return UNKNOWN if source is not None else {}
    keys, values = ((replacements or {}).get(part) or {} for part in ("keys", "values"))
    result: dict[str, Any] = {}
    for key, item in source.items():
        new = key if keys.get(key) is None else keys[key]
        if new != key and (new in source or new in result):
            raise Fault(f"{name}: the new key {quoted(new)} is there already")
        fits = isinstance(item, (str, int, float, bool, type(None)))
        result[new] = values.get(item, item) if fits else item
    return result


def _filter(run: Evaluator, name: str, value: Any) -> Any:
    values, items = value
    if not known(value):
        return UNKNOWN
    if not items or not values:
        return items
    if not isinstance(items, list) or not isinstance(values, list):
        raise Fault(f"{name} takes lists")
    run.spend(len(items) * len(values))
    return [item for item in items if item not in values]


def _concat(run: Evaluator, name: str, value: Any) -> Any:
    if not isinstance(value, list) or not known(value):
        return UNKNOWN
    result: list[Any] = []
    for item in value:
        if item is not None and not isinstance(item, list):
            raise Fault(f"{name} concatenates lists, not {quoted(item)}")
        result += item or []
    if len(result) > MAX_ITEMS:
        raise TooLarge(f"{name} gives {len(result):,} entries")
    if name == "list_concat":
        return result
    unique: list[Any] = []
    for item in result:
        run.spend(1 + len(unique) // 16)
        if item not in unique:
            unique.append(item)
    return unique


def _contains(run: Evaluator, name: str, value: Any) -> Any:
    item, items = value
    if not known(value):
        return UNKNOWN
    if not isinstance(items, (list, str)):
        raise Fault(f"{name} looks into a list, not into {quoted(items)}")
    return item in items


def _make_url(run: Evaluator, name: str, value: Any) -> Any:
    if not known(value) or not isinstance(value, dict):
        return UNKNOWN
    user, password = (quote(value.get(key, ""), safe="") for key in ("username", "password"))
    host = value.get("host", "").removeprefix("[").removesuffix("]")
    host = quote(host, safe=":")
    place = f"[{host}]" if ":" in host else host
    if value.get("port"):
        place += f":{value['port']}"
    if user or password:
        place = user + (f":{password}" if password else "") + "@" + place
    query = urlencode(value.get("query", {})).replace("%2F", "/")
    return urlunsplit((value.get("scheme", ""), place, quote(value.get("path", "")), query, quote(value.get("fragment", ""))))


def _select(run: Evaluator, name: str, value: Any) -> Any:
    index, items = value
    if index is UNKNOWN or items is UNKNOWN:
        return UNKNOWN
    if items in ("", None):
        return ""
    if isinstance(items, str):
        items = json.loads(items)
    if isinstance(items, dict):
        return items.get(index, "")
    try:
        return items[int(index)]
    except IndexError:
        return ""


def _find_in_map(run: Evaluator, name: str, value: Any) -> Any:
    return run.find_in_map(value) if known(value) else UNKNOWN


def _base64(run: Evaluator, name: str, value: Any) -> Any:
    return value if isinstance(value, str) else UNKNOWN


def _member_list(run: Evaluator, name: str, value: Any) -> Any:
    key_name, value_name, members = value
    if not known(value):
        return UNKNOWN
    pairs = dict(item.split("=", 1) for item in members)
    result = {}
    for key, item in pairs.items():
        prefix, _, last = key.rpartition(".")
        if last == key_name:
            result[item] = pairs.get(f"{prefix}.{value_name}")
    return result


FUNCTIONS: Final[dict[str, Callable[[Evaluator, str, Any], Any]]] = {
    "get_param": _get_param,
    "Ref": _get_param,
    "list_join": _join,
    "Fn::Join": _join,
    "str_replace": _replace,
    "str_replace_strict": _replace,
    "str_replace_vstrict": _replace,
    "Fn::Replace": _replace,
    "repeat": _repeat,
    "digest": _digest,
    "str_split": _split,
    "Fn::Split": _split,
    "map_merge": _merge,
    "map_replace": _map_replace,
    "filter": _filter,
    "list_concat": _concat,
    "list_concat_unique": _concat,
    "contains": _contains,
    "make_url": _make_url,
    "Fn::Select": _select,
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": _base64,
    "Fn::MemberListToMap": _member_list,
}
"""The functions whose result can be told; the others are unknown."""
