"""Values of a topology: plain data, secrets, and expressions that only a running deployment can answer.

A property of a node is built from `None`, `bool`, `int`, `float`, `str`, `list` and `dict` with string keys, and from two
things more: `Secret` (known, never shown) and `Expr` (not known before other nodes exist). `Scope` answers them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

MASK: Final = "********"


class Secret:
    """A value that is never shown: `repr`, `str`, format and JSON give the mask; `reveal()` is the one way in."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value.reveal() if isinstance(value, Secret) else value

    def reveal(self) -> Any:
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", str(self._value)))

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled")


class _Unknown:
    """The value of an expression that cannot be answered yet; there is one, `UNKNOWN`."""

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN: Final = _Unknown()


class Scope(Protocol):
    """What expressions are evaluated against."""

    def attribute(self, node: str, path: tuple[str | int, ...]) -> Any:
        """The attribute of a node, or `UNKNOWN`. `path` is the attribute's name, then keys and indices into it."""

    def secret(self, name: str) -> Secret:
        """The secret of that name, generated and stored at the first call."""


class Expr:
    """Something only a running deployment can answer. Immutable; equality is by structure."""

    __slots__ = ()

    def evaluate(self, scope: Scope) -> Any:
        raise NotImplementedError

    def children(self) -> tuple[Any, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Attribute(Expr):
    """An attribute of a node: `Attribute("db", ("endpoint", "port"))`."""

    node: str
    path: tuple[str | int, ...]

    def evaluate(self, scope: Scope) -> Any:
        return scope.attribute(self.node, self.path)

    def __str__(self) -> str:
        return f"{self.node}." + ".".join(map(str, self.path))


@dataclass(frozen=True, slots=True)
class GeneratedSecret(Expr):
    """A secret that bbq makes and keeps, by name, unique in a deployment: `GeneratedSecret("db.password")`."""

    name: str

    def evaluate(self, scope: Scope) -> Any:
        return scope.secret(self.name)

    def __str__(self) -> str:
        return f"generated secret {self.name}"


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A pure function (see `functions.py`) over arguments of which at least one is not known yet."""

    function: str
    args: tuple[Any, ...]

    def evaluate(self, scope: Scope) -> Any:
        from bbq.topology.functions import call

        args = [evaluate(arg, scope) for arg in self.args]
        if any(contains(arg, lambda v: v is UNKNOWN) for arg in args):
            return UNKNOWN
        return call(self.function, args)

    def children(self) -> tuple[Any, ...]:
        return self.args

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.args))})"


def evaluate(value: Any, scope: Scope) -> Any:
    """`value` with every expression in it answered; `UNKNOWN` stands where one cannot be."""
    if isinstance(value, Expr):
        return value.evaluate(scope)
    if isinstance(value, dict):
        return {key: evaluate(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, scope) for item in value]
    return value


def answered(value: Any, scope: Scope, but: str) -> Any:
    """`value` with every expression in it answered except those about the node `but`, which stay expressions."""
    if isinstance(value, Expr):
        if isinstance(value, Call) and but in references(value):
            return Call(value.function, tuple(answered(arg, scope, but) for arg in value.args))
        return value if but in references(value) else value.evaluate(scope)
    if isinstance(value, dict):
        return {key: answered(item, scope, but) for key, item in value.items()}
    if isinstance(value, list):
        return [answered(item, scope, but) for item in value]
    return value


def redirected(value: Any, change: Callable[[Attribute], Attribute]) -> Any:
    """A copy of `value` with other attributes in the place of those that it refers to."""
    if isinstance(value, Attribute):
        return change(value)
    if isinstance(value, Call):
        return Call(value.function, tuple(redirected(arg, change) for arg in value.args))
    if isinstance(value, dict):
        return {key: redirected(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [redirected(item, change) for item in value]
    return value


def walk(value: Any) -> Iterator[Any]:
    """`value` and everything inside it, expressions' arguments included."""
    yield value
    if isinstance(value, Expr):
        for child in value.children():
            yield from walk(child)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from walk(item)


def contains(value: Any, test: Callable[[Any], bool]) -> bool:
    return any(test(item) for item in walk(value))


def larger_than(value: Any, bound: int) -> bool:
    """Whether `value` has more than so many items and characters, counted no further than that: what properties refer to is
    shared in memory, but everything that walks over it does so again for each reference."""
    size = 0
    for item in walk(value):
        size += len(item) if isinstance(item, str) else 1
        if size > bound:
            return True
    return False


def references(value: Any) -> set[str]:
    """Names of the nodes that `value` cannot be known without."""
    return {item.node for item in walk(value) if isinstance(item, Attribute)}


def masked(value: Any) -> Any:
    """A copy fit for eyes and logs: secrets become the mask, expressions their text."""
    if isinstance(value, (Secret, Expr)) or value is UNKNOWN:
        return str(value)
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(item) for item in value]
    return value


def revealed(value: Any) -> Any:
    """A copy with secrets opened, for a child process's environment or a 0600 file; never for a log."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: revealed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(item) for item in value]
    return value
