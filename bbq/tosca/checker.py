"""Type checks of plain values against schemas.

One checker for all values: a template's (positions come from the node), an input from the command line, a value that the
topology computed. It goes on after a problem, reports the path of the very value, and returns the value normalised: defaults
of data types filled in, scalars in canonical spelling, integers made floats where a float is asked for.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from yaml import MappingNode, Node, SequenceNode

from bbq.tosca import units
from bbq.tosca.comparing import comparable
from bbq.tosca.constraints import Comparable, Undecided, broken
from bbq.tosca.documents import DOCUMENTS
from bbq.tosca.model import Constraint, Function, Schema, TypeDef
from bbq.tosca.reading import nearest, one_of, quoted

SECRET: Final = "bbq.datatypes.Secret"
CRON: Final = "bbq.datatypes.CronExpression"
TEXT: Final = "bbq.datatypes.Text"
CONVERTED: Final = "BBQ-T045"
BROKEN: Final = "BBQ-T043"
"""A constraint is."""
Path = tuple[str | int, ...]
Report = Callable[[Path, str, str, str | None], None]
"""Takes path, code, message, hint."""


class Graph(Protocol):
    """What is known of values once the whole template is."""

    def resolved(self, constraint: Constraint, value: Any) -> Constraint | None:
        """The constraint with the values that it asks for elsewhere; None where it is not the time to check it."""

    def unknown(self, value: Function, schema: Schema, path: Path) -> None:
        """Meets a value that is not known yet."""


class Key(str):
    """The last step of a path that means a map's key, not its value."""

    __slots__ = ()


BUILT_IN: Final = frozenset(
    ("string", "integer", "float", "boolean", "timestamp", "version", "range", "list", "map", "nil", "bytes", "scalar", "any")
) | frozenset(units.SCALAR_UNITS)

_TEXTUAL: Final = frozenset(("version", "timestamp", "bytes", "scalar")) | frozenset(units.SCALAR_UNITS)


def locate(node: Node, path: Path) -> Node:
    """The node at `path` below `node`, or the nearest one above where the path ends in a default."""
    for step in path:
        if isinstance(node, MappingNode):
            pair = next((pair for pair in node.value if pair[0].value == str(step)), None)
            if pair is None:
                return node
            node = pair[0] if isinstance(step, Key) else pair[1]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
        else:
            return node
    return node


def located(what: str, path: Path) -> str:
    """What a message says of the place at `path` below `what`."""
    return what + (f" at {quoted('.'.join(map(str, path)))}" if path else "")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {quoted(value)}"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    return "a map" if isinstance(value, dict) else "a list"


class Checker:
    """Checks values against the types of one template."""

    def __init__(self, types: Mapping[tuple[str, str], TypeDef]) -> None:
        self._types = types

    def check(
        self,
        value: Any,
        schema: Schema,
        report: Report,
        *,
        what: str,
        text: Callable[[Path], str | None] | None = None,
        lenient: bool = False,
        graph: Graph | None = None,
    ) -> Any:
        """`value` normalised. `what` names the thing in messages ("property `port`"); `text` gives the spelling of a scalar
        where it is known, for types such as `version` whose values YAML may read as numbers. With `lenient`, a scalar of
        another type is taken for its text or number, with a warning (code `CONVERTED`): TOSCA 1.x templates rely on it.
        Without a `graph`, calls of functions are taken as they are, and so are constraints that look at other values."""
        return _Check(self._types, report, what, text or (lambda path: None), lenient, graph).value(value, schema, ())

    def problem(
        self, value: Any, schema: Schema, *, what: str, text: Callable[[Path], str | None] | None = None, lenient: bool = False
    ) -> str | None:
        """The first thing that `check` has to say against the value; None where there is none but conversions."""
        problems: list[str] = []

        def report(path: Path, code: str, message: str, hint: str | None) -> None:
            if code != CONVERTED:
                problems.append(message)

        self.check(value, schema, report, what=what, text=text, lenient=lenient)
        return problems[0] if problems else None

    def is_secret(self, schema: Schema) -> bool:
        found = self._types.get(("data", schema.type))
        return found is not None and SECRET in found.ancestry

    def base(self, type_name: str) -> str:
        """The built-in type that a type comes from in the end; "" for a data type with properties."""
        if type_name in BUILT_IN:
            return type_name
        found = self._types.get(("data", type_name))
        last = found.ancestry[-1] if found is not None else ""
        return last if last in BUILT_IN else ""

    def can_be(self, given: str, wanted: str) -> bool:
        """Whether a value of the type `given` may be one of the type `wanted`."""
        have, want = self.base(given), self.base(wanted)
        type_ = self._types.get(("data", wanted))
        if type_ is not None and TEXT in type_.ancestry and have in ("integer", "float", "boolean"):
            return True
        if "any" in (given, wanted, want) or given == wanted or have == want:
            return True
        return (have == "integer" and want == "float") or (have == "string" and want in _TEXTUAL)

    def comparable(self, type_name: str) -> Comparable:
        """What makes values of the type comparable."""
        found = self._types.get(("data", type_name))
        return comparable(self.base(type_name), found.units if found is not None else {})


class _Check:
    """One value's check."""

    def __init__(
        self,
        types: Mapping[tuple[str, str], TypeDef],
        report: Report,
        what: str,
        text: Callable[[Path], str | None],
        lenient: bool,
        graph: Graph | None,
    ) -> None:
        self._graph = graph
        self._lenient = lenient
        self._types = types
        self._checker = Checker(types)
        self._failures = 0
        self._tell = report
        self._what = what
        self._text = text

    def _report(self, path: Path, code: str, message: str, hint: str | None) -> None:
        self._failures += code != CONVERTED
        self._tell(path, code, message, hint)

    def value(self, value: Any, schema: Schema, path: Path) -> Any:
        if isinstance(value, Function):
            if self._graph is not None:
                self._graph.unknown(value, schema, path)
            return value
        before = self._failures
        found = self._typed(value, schema.type, schema, path)
        if self._failures == before:  # one message for one mistake
            self._constraints(found, schema, schema.type, path)
        return found

    def _constraints(self, value: Any, schema: Schema, type_name: str, path: Path, hint: str = "") -> None:
        secret = self._checker.is_secret(Schema(type_name))
        for each in schema.constraints:
            constraint = each if self._graph is None else self._graph.resolved(each, value)
            if constraint is None:
                continue
            text = broken(constraint, value, self._checker.comparable(type_name))
            if text is not None:
                shown = "" if secret or isinstance(value, (list, dict)) else f", not {quoted(value)}"
                code = "BBQ-T203" if isinstance(text, Undecided) else BROKEN
                self._report(path, code, f"{self._at(path)} {text}{shown}", hint.strip() or None)
                return

    def _at(self, path: Path) -> str:
        return located(self._what, path)

    def _wrong(self, value: Any, wanted: str, path: Path, hint: str | None = None, *, secret: bool = False) -> Any:
        found = "something else" if secret else _kind(value)
        self._report(path, "BBQ-T040", f"{self._at(path)} must be {wanted}, not {found}", hint)
        return value

    def _converted(self, value: Any, result: Any, wanted: str, path: Path, *, secret: bool) -> Any:
        found = "something else" if secret else _kind(value)
        self._report(path, CONVERTED, f"{self._at(path)} should be {wanted}, and is {found}: converted", None)
        return result

    def _typed(self, value: Any, type_name: str, schema: Schema, path: Path) -> Any:
        if type_name in BUILT_IN:
            return self._built_in(value, type_name, schema, path)
        found = self._types.get(("data", type_name))
        if found is None:  # reported where the type is named
            return value
        if found.schema is None:
            return self._complex(value, found, path)
        base = found.ancestry[-1]
        if base == "scalar":
            return self._scalar(value, found, path)
        inner = Schema(base, (), schema.entry or found.schema.entry, schema.key or found.schema.key)
        secret = SECRET in found.ancestry
        language, problem_of = DOCUMENTS.get(found.ancestry[-2], ("", None))
        if problem_of is not None and isinstance(value, dict):
            return value  # JSON is often written as YAML
        if TEXT in found.ancestry and isinstance(value, (int, float)):
            value = self._text(path) or json.dumps(value)
        before = self._failures
        checked = self._built_in(value, base, inner, path, secret=secret)
        problem = problem_of(checked) if problem_of is not None and isinstance(checked, str) else None
        if problem is not None:
            self._report(path, "BBQ-T040", f"{self._at(path)} must be text in {language}, and is not: {problem}", None)
            return checked
        if CRON in found.ancestry and self._failures == before:
            self._cron(checked, path)
        if self._failures == before:
            self._constraints(checked, found.schema, type_name, path, found.description)
        return checked

    def _cron(self, value: str, path: Path) -> None:
        """What no pattern says: the range of each field, and whether the time ever comes."""
        from bbq.cron import CronError, Schedule

        try:
            Schedule(value)
        except CronError as error:
            hint = "minute, hour, day of month, month, day of week, for example `30 6 * * MON-FRI`"
            self._report(path, "BBQ-T047", f"{self._at(path)} is no schedule: {error}", hint)

    def _built_in(self, value: Any, base: str, schema: Schema, path: Path, *, secret: bool = False) -> Any:
        if base == "any":
            return value
        if base == "string":
            if isinstance(value, str):
                return value
            if self._lenient and isinstance(value, (int, float)):
                return self._converted(value, self._text(path) or str(value), "a string", path, secret=secret)
            hint = "put it in quotes" if isinstance(value, (int, float)) else None
            return self._wrong(value, "a string", path, hint, secret=secret)
        if base == "boolean":
            if isinstance(value, bool):
                return value
            if self._lenient and isinstance(value, str) and value.lower() in ("true", "false"):
                return self._converted(value, value.lower() == "true", "true or false", path, secret=secret)
            return self._wrong(value, "true or false", path, secret=secret)
        if base == "integer":
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            digits = isinstance(value, str) and len(value) < 20 and value.removeprefix("-").isdecimal()
            if self._lenient and digits:
                return self._converted(value, int(value), "an integer", path, secret=secret)
            hint = "remove the quotes" if digits else None
            return self._wrong(value, "an integer", path, hint, secret=secret)
        if base == "float":
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
            return self._wrong(value, "a number", path, secret=secret)
        if base == "list":
            return self._list(value, schema, path)
        if base == "map":
            return self._map(value, schema, path)
        if base == "nil":
            return value if value is None else self._wrong(value, "nothing", path)
        return self._text_form(value, base, path)

    def _text_form(self, value: Any, base: str, path: Path) -> Any:
        """Types whose values are written as text of a certain form."""
        if base == "range":
            return self._range(value, path)
        if isinstance(value, (list, dict, bool)) or value is None:
            return self._wrong(value, f"a {base}", path)
        text = self._text(path) or str(value)
        if base in units.SCALAR_UNITS:
            table = units.SCALAR_UNITS[base]
            scalar = units.scalar(text, table)
            if scalar is None:
                return self._wrong(value, f"a number with a unit ({', '.join(table)})", path, "for example " + _EXAMPLES[base])
            if base in ("scalar-unit.size", "scalar-unit.time") and scalar[0] < 0:
                return self._wrong(value, f"a {base} that is not negative", path)
            return scalar[1]
        if base == "version":
            return text if units.version_key(text) else self._wrong(value, "a version such as 1.0 or 2.1.3.beta-4", path)
        if base == "timestamp":
            return text if units.timestamp(text) else self._wrong(value, "a timestamp such as 2026-01-31T08:00:00Z", path)
        if base == "bytes":
            try:
                base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                return self._wrong(value, "bytes in Base64", path)
            return text
        return value

    def _range(self, value: Any, path: Path) -> Any:
        def bound(item: Any) -> bool:
            return item == "UNBOUNDED" or (isinstance(item, int) and not isinstance(item, bool))

        if not (
            isinstance(value, list) and len(value) == 2 and all(bound(item) or isinstance(item, Function) for item in value)
        ):
            return self._wrong(value, "a range such as [ 1, 4 ] or [ 1, UNBOUNDED ]", path)
        low, high = value
        if isinstance(low, int) and isinstance(high, int) and low > high:
            text = f"{self._at(path)} must be a range with its lower bound first, not [ {low}, {high} ]"
            self._report(path, "BBQ-T040", text, f"write [ {high}, {low} ]")
        return value

    def _list(self, value: Any, schema: Schema, path: Path) -> Any:
        if not isinstance(value, list):
            return self._wrong(value, "a list", path)
        if schema.entry is None:
            return value
        return [self.value(item, schema.entry, (*path, index)) for index, item in enumerate(value)]

    def _map(self, value: Any, schema: Schema, path: Path) -> Any:
        if not isinstance(value, dict):
            return self._wrong(value, "a map", path)
        if schema.key is not None:
            for name in value:
                self._map_key(name, schema.key, (*path, Key(name)))
        if schema.entry is None:
            return value
        return {name: self.value(item, schema.entry, (*path, name)) for name, item in value.items()}

    def _map_key(self, name: str, schema: Schema, path: Path) -> None:
        """Keys are text; one of another type is read from it."""
        from bbq.tosca.convert import from_text

        outer, self._text = self._text, lambda _: None
        self.value(from_text(name, schema, self._types), schema, path)
        self._text = outer

    def _complex(self, value: Any, found: TypeDef, path: Path) -> Any:
        if not isinstance(value, dict):
            if found.name == "tosca.datatypes.Root":
                return value
            return self._wrong(value, f"a map of {quoted(found.name)}", path)
        if not found.properties:
            return value
        before = self._failures
        result = self._members(value, found, path)
        if self._failures == before:
            self._constraints(result, Schema(found.name, found.constraints), found.name, path)
        return result

    def _members(self, value: dict[str, Any], found: TypeDef, path: Path) -> dict[str, Any]:
        result = {}
        for name, item in value.items():
            definition = found.properties.get(name)
            if definition is None:
                hint = nearest(name, found.properties) or one_of(found.properties)
                self._report(
                    (*path, Key(name)),
                    "BBQ-T041",
                    f"{self._at(path)}: {quoted(found.name)} has no property {quoted(name)}",
                    hint,
                )
                continue
            result[name] = self.value(item, definition.schema, (*path, name))
        for name, definition in found.properties.items():
            if name in value:
                continue
            if definition.has_value or definition.has_default:
                result[name] = definition.value if definition.has_value else definition.default
            elif definition.required:
                self._report(
                    path,
                    "BBQ-T042",
                    f"{self._at(path)} lacks the required property {quoted(name)} of {quoted(found.name)}",
                    None,
                )
        return result

    def _scalar(self, value: Any, found: TypeDef, path: Path) -> Any:
        if isinstance(value, (list, dict, bool)) or value is None:
            return self._wrong(value, f"a scalar of {quoted(found.name)}", path)
        text = self._text(path) or str(value)
        scalar = units.scalar(text, found.units, exact_case=True)
        if scalar is None:
            shown = ", ".join(list(found.units)[:20])
            return self._wrong(value, f"a number with a unit of {quoted(found.name)} ({shown})", path)
        number = scalar[1].split()[0]
        if found.schema is not None and found.schema.entry is not None:  # the scalar's `data_type`
            plain: Any = int(number) if number.lstrip("+-").isdigit() else float(number)
            self.value(plain, found.schema.entry, path)
        return scalar[1]


_EXAMPLES: Final = {
    "scalar-unit.size": "`512 MB`",
    "scalar-unit.time": "`30 s`",
    "scalar-unit.frequency": "`2.4 GHz`",
    "scalar-unit.bitrate": "`100 Mbps`",
}
