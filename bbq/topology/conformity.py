"""What functions give, held against the definitions: by the checker of literals, as soon as a value is known.

What only a running deployment can answer is known by the declared type of the attribute. A validation that looks at other
values waits until all of them are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bbq.datafiles import data_dir
from bbq.diagnostics import SourceRange
from bbq.topology.functions import LARGEST
from bbq.topology.instances import Broken, Instance, Where
from bbq.topology.values import Attribute, Call, Expr, Secret, larger_than
from bbq.tosca.checker import CONVERTED, Checker, Key, Path, locate, located
from bbq.tosca.constraints import asks_elsewhere, holds_function, is_local
from bbq.tosca.functions import calls, spelled
from bbq.tosca.model import Constraint, Function, ParameterDef, Schema, ServiceTemplate
from bbq.tosca.reading import article, quoted
from bbq.tosca.signatures import RESULTS
from bbq.yamlreader import at

if TYPE_CHECKING:
    import yaml

    from bbq.topology.evaluate import Evaluator

_OPEN: Final = ""
"""The name of the call that stands for what the checker does not look into."""


@dataclass(frozen=True, slots=True)
class Given:
    """A value of a definition. `raw` is what the template says, at `at`; `words` name it in messages, each second one is a
    name."""

    raw: Any
    definition: ParameterDef
    where: Where
    words: tuple[str, ...]
    at: SourceRange
    node: yaml.Node | None = None
    """An input's value, where a file gives it."""

    def what(self) -> str:
        return " ".join(quoted(word) if number % 2 else word for number, word in enumerate(self.words))


@dataclass(frozen=True, slots=True)
class Declared:
    """What is declared of a value."""

    schema: Schema
    service: ServiceTemplate

    def has(self, path: Sequence[Any]) -> bool:
        """Whether what the path ends with is a property of a data type."""
        found: Schema | None = self.schema
        for step in path[:-1]:
            found = inside(found, step, self.service) if found is not None else None
        type_ = self.service.types.get(("data", found.type)) if found is not None else None
        return type_ is not None and path[-1] in type_.properties


class Conformity:
    """Checks the values of one build. `instances` are known when all are made."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.instances: Mapping[str, Instance] = {}
        self._evaluator = evaluator
        self._elsewhere: dict[int, bool] = {}
        self._later: list[tuple[Given, Any]] = []
        self._expressions: list[tuple[Given, Expr, Schema, Path]] = []
        self._same: dict[tuple[int, int], tuple[Any, Any]] = {}
        self._told: set[tuple[SourceRange, str, int]] = set()

    def checked(
        self,
        value: Any,
        raw: Any,
        definition: ParameterDef,
        where: Where,
        words: tuple[str, ...],
        at: SourceRange,
        node: yaml.Node | None = None,
    ) -> Any:
        """`value`, which `raw` gave, normalised as a literal would be. Raises `Broken` after reporting what is wrong with it.
        Literals were checked by the reader."""
        if value is None:  # an input that was not given: unset
            return value
        schema = definition.schema
        later = self._looks_elsewhere(schema, where.stack.service)
        computed = holds_function(raw)
        if not computed and not later:
            return value
        given = Given(raw, definition, where, words, at, node)
        if later:
            self._later.append((given, value))
        if not computed or (schema.type == "any" and not schema.constraints):
            return value
        known = self._same.get((id(value), id(schema))) if isinstance(value, (dict, list)) else None
        if known is not None:
            return known[1]
        if larger_than(value, LARGEST):
            return value
        check = _Check(self, self._evaluator, given)
        found = check.run(value)
        if isinstance(value, (dict, list)):
            self._same[id(value), id(schema)] = value, found
        self._expressions += check.expressions
        return found

    def finish(self) -> None:
        """Checks what could not be before every node was known."""
        for given, expression, schema, path in self._expressions:
            self._expression(given, expression, schema, path)
        for given, value in self._later:
            try:
                _Check(self, self._evaluator, given, final=True).run(value)
            except Broken:
                continue

    def report(self, given: Given, code: str, message: str, path: Path, hint: str | None, *, warn: bool) -> None:
        """Once for all instances of a template."""
        place, source = self._place(given.raw, path, given.where, given.at)
        if given.node is not None:
            place = at(locate(given.node, path))
        if (key := (place, code, id(given.definition))) in self._told:
            return
        self._told.add(key)
        if source is not None and (hint is None or code == "BBQ-T040"):  # whose hint says how to write a literal
            hint = _origin(source, given.where.stack.service)
        (self._evaluator.bag.warning if warn else self._evaluator.bag.error)(code, message, place, hint)

    # Where a value comes from

    def _place(self, raw: Any, path: Path, where: Where, at: SourceRange) -> tuple[SourceRange, Function | None]:
        """The call that gave the value at `path`, with its place. What came into a substitution template from outside has its
        place where the outermost template says it."""
        for step in path:
            entry = isinstance(raw, dict) and not isinstance(step, Key) and step in raw
            item = isinstance(raw, list) and isinstance(step, int) and step < len(raw)
            raw = raw[step] if entry or item else raw
        owner = where.stack.owner
        if owner is not None:
            outer = next(self._outside(raw, where, owner), None)
            if outer is not None:
                return outer
            if at.file.startswith(str(data_dir("templates"))):
                while owner.stack.owner is not None:
                    owner = owner.stack.owner
                return owner.template.at, None
        return (raw.at, raw) if isinstance(raw, Function) else (at, None)

    def _outside(self, raw: Any, where: Where, owner: Instance) -> Iterator[tuple[SourceRange, Function | None]]:
        mapping = where.stack.service.substitution
        for call in calls(raw):
            for path, name in mapping.properties.items() if mapping and call.name == "get_input" else ():
                if call.args and name == call.args[0]:
                    yield self.mapped(owner, path)

    def mapped(self, owner: Instance, path: tuple[str | int, ...]) -> tuple[SourceRange, Function | None]:
        """Where the value stands that a substitution maps to an input."""
        template, where = owner.template, Where(owner.stack, owner)
        if path[0] == "CAPABILITY" and len(path) == 3 and path[1] in template.capabilities:
            capability = template.capabilities[str(path[1])]
            return self._place(capability.properties.get(str(path[2])), (), where, capability.place(str(path[2])))
        return self._place(template.properties.get(str(path[0])), (), where, template.place(str(path[0])))

    # What is not known before there is a deployment

    def _expression(self, given: Given, expression: Expr, wanted: Schema, path: Path) -> None:
        found = self._declared(expression)
        if found is None:
            return
        have, service = found
        if not self._can_be(have, service, wanted, given.where.stack.service):
            must, is_ = article(_type(wanted)), article(_type(have))
            text = f"{located(given.what(), path)} must be {must}; {quoted(str(expression))} is {is_}"
            warn = not given.where.stack.service.version.startswith("tosca_2")
            self.report(given, "BBQ-T046", text, path, None, warn=warn)

    def _declared(self, expression: Expr) -> tuple[Schema, ServiceTemplate | None] | None:
        """What an expression will give, with the template that has its type; None where nothing tells."""
        if isinstance(expression, Call):
            name = expression.function
            textual = name == "concat" and any(isinstance(arg, str) for arg in expression.args)
            result = "string" if textual else RESULTS.get(name)
            return (Schema(result), None) if result is not None else None
        instance = self.instances.get(expression.node) if isinstance(expression, Attribute) else None
        if instance is None or not isinstance(expression, Attribute):
            return None
        type_, service, rest = instance.template.type, instance.stack.service, list(expression.path)
        definition = type_.attributes.get(str(rest.pop(0)))
        if definition is None and rest and expression.path[0] in type_.capabilities:
            definition = type_.capabilities[str(expression.path[0])].attributes.get(str(rest.pop(0)))
        schema = definition.schema if definition is not None else None
        for step in rest:
            schema = inside(schema, step, service) if schema is not None else None
        return (schema, service) if schema is not None else None

    def _can_be(self, have: Schema, home: ServiceTemplate | None, wanted: Schema, service: ServiceTemplate) -> bool:
        of_wanted, of_have = Checker(service.types), Checker((home or service).types)
        base = of_have.base(have.type)
        if not base and home is not None and ("data", have.type) not in home.types:
            return True  # reported where the type is named
        if not of_wanted.can_be(base or have.type, wanted.type):
            return False
        inner, other = inside(have, 0, home or service), inside(wanted, 0, service)
        if base not in ("list", "map") or inner is None or other is None:
            return True
        return self._can_be(inner, home, other, service)

    # Validations that look at other values

    def _looks_elsewhere(self, schema: Schema, service: ServiceTemplate) -> bool:
        found = self._elsewhere.get(id(schema))
        if found is None:
            found = self._elsewhere[id(schema)] = _elsewhere(schema, service, set())
        return found


class _Check:
    """The check of one value; the checker's `Graph`."""

    def __init__(self, conformity: Conformity, evaluator: Evaluator, given: Given, *, final: bool = False) -> None:
        self.expressions: list[tuple[Given, Expr, Schema, Path]] = []
        self._conformity = conformity
        self._evaluator = evaluator
        self._given = given
        self._final = final
        self._failed = False
        self._compared: str | None = None
        """What the validation that looks at other values says."""
        self._secret = given.definition.secret
        self._mixed = False
        """The value holds secrets, and is none itself."""

    def run(self, value: Any) -> Any:
        given, service = self._given, self._given.where.stack.service
        self._secret = self._secret or isinstance(value, Secret)
        plain = self._opened(value.reveal() if isinstance(value, Secret) else value)
        lenient = not service.version.startswith("tosca_2")
        found = Checker(service.types).check(
            plain, given.definition.schema, self._report, what=given.what(), lenient=lenient, graph=self
        )
        if self._failed:
            raise Broken
        if self._mixed:
            return value
        found = self._closed(found)
        return Secret(found) if isinstance(value, Secret) else found

    def _opened(self, value: Any) -> Any:
        if isinstance(value, Secret):
            self._secret = self._mixed = True
            return self._opened(value.reveal())
        if isinstance(value, Expr) or value is None:
            return Function(_OPEN, (value,), self._given.at)
        if isinstance(value, dict):
            return {key: self._opened(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._opened(item) for item in value]
        return value

    def _closed(self, value: Any) -> Any:
        """Defaults of data types may be calls, too."""
        if isinstance(value, Function):
            return value.args[0] if value.name == _OPEN else self._evaluator.evaluate(value, self._given.where)
        if isinstance(value, dict):
            return {key: self._closed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._closed(item) for item in value]
        return value

    def _report(self, path: Path, code: str, message: str, hint: str | None) -> None:
        if self._final and self._compared is None:
            return  # told when the value alone was looked at
        self._failed = self._failed or code != CONVERTED
        hint = hint or self._compared
        if self._secret:
            message, hint = f"{self._given.what()} does not have the form that its type asks for", None
        self._conformity.report(self._given, code, message, path, hint, warn=code == CONVERTED)

    def unknown(self, value: Function, schema: Schema, path: Path) -> None:
        if value.name == _OPEN and isinstance(value.args[0], Expr) and not self._final:
            self.expressions.append((self._given, value.args[0], schema, path))

    def resolved(self, constraint: Constraint, value: Any) -> Constraint | None:
        self._compared = None
        if asks_elsewhere(constraint) != self._final or (self._final and holds_function(value)):
            return None
        if not self._final:
            return constraint
        service = self._given.where.stack.service
        others = dict.fromkeys(spelled(call, service.version) for call in calls(constraint.argument) if not is_local(call))
        self._compared = f"the validation looks at {', '.join(map(quoted, others))}"
        where = replace(self._given.where, value=value)
        return replace(constraint, argument=self._resolved(constraint.argument, where))

    def _resolved(self, argument: Any, where: Where) -> Any:
        if isinstance(argument, Function):
            if is_local(argument):
                return replace(argument, args=tuple(self._resolved(item, where) for item in argument.args))
            return self._opened(self._evaluator.evaluate(argument, where))
        if isinstance(argument, dict):
            return {key: self._resolved(item, where) for key, item in argument.items()}
        if isinstance(argument, list):
            return [self._resolved(item, where) for item in argument]
        return argument


def inside(schema: Schema, step: Any, service: ServiceTemplate) -> Schema | None:
    """The schema of a member; None where nothing declares it."""
    type_ = service.types.get(("data", schema.type))
    if schema.entry is not None or type_ is None:
        return schema.entry
    if type_.schema is not None:
        return type_.schema.entry
    definition = type_.properties.get(str(step))
    return definition.schema if definition is not None else None


def _elsewhere(schema: Schema | None, service: ServiceTemplate, seen: set[str]) -> bool:
    if schema is None:
        return False
    if any(map(asks_elsewhere, schema.constraints)):
        return True
    if _elsewhere(schema.entry, service, seen) or _elsewhere(schema.key, service, seen):
        return True
    type_ = service.types.get(("data", schema.type)) if schema.type not in seen else None
    if type_ is None:
        return False
    seen.add(schema.type)
    return (
        any(map(asks_elsewhere, type_.constraints))
        or _elsewhere(type_.schema, service, seen)
        or any(_elsewhere(item.schema, service, seen) for item in type_.properties.values())
    )


def _origin(source: Function, service: ServiceTemplate) -> str:
    """Arguments are said only where they are names: others may be secret."""
    if source.name == "get_input" and source.args:
        return f"it comes from the input {quoted(str(source.args[0]))}"
    text = spelled(source, service.version)
    return f"it comes from {quoted(text if source.name.startswith('get_') else text.partition(':')[0])}"


def _type(schema: Schema) -> str:
    return f"{schema.type} of {_type(schema.entry)}" if schema.entry is not None else schema.type
