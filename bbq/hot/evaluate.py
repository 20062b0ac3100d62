"""What values come to, as far as it can be told without a cloud: parameters' values put in, functions applied as Heat does it.

What only a cloud knows (ids, attributes, files' contents) is `UNKNOWN`, alone or inside a list or map. Sizes are bounded: a
template of a few lines can ask for more than any memory holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from bbq.hot.computing import FUNCTIONS, MAX_TEXT, OMITTED, UNKNOWN, Fault, TooLarge, known
from bbq.hot.values import call_of, scalar
from bbq.hot.versions import Version
from bbq.wording import quoted

BUDGET: Final = 2_000_000


class Evaluator:
    """Evaluates values of one template. `parameters` are the values that are known, converted to their types."""

    def __init__(
        self, version: Version, parameters: Mapping[str, Any], conditions: Mapping[str, Node], mappings: Mapping[str, Any]
    ) -> None:
        self.version = version
        self.parameters = parameters
        self._conditions = conditions
        self._mappings = mappings
        self._answers: dict[str, Any] = {}
        self._left = BUDGET
        self._in_condition = False

    def value(self, node: Node) -> Any:
        """The value of a node. Raises `Fault`."""
        if isinstance(node, ScalarNode):
            self.spend(1 + len(node.value) // 64)
            return scalar(node)
        if isinstance(node, SequenceNode):
            items = [self.value(item) for item in node.value]
            return [item for item in items if item is not OMITTED]
        assert isinstance(node, MappingNode)
        found = call_of(node, self.version, condition=self._in_condition)
        if found is not None:
            return self._call(found[0], found[2])
        self.spend(len(node.value))
        pairs = ((key.value, self.value(value)) for key, value in node.value)
        return {key: value for key, value in pairs if value is not OMITTED}

    def condition(self, node: Node) -> Any:
        """True, False or UNKNOWN for a condition where it is used. Raises `Fault`."""
        if isinstance(node, ScalarNode):
            value = scalar(node)
            return value if isinstance(value, bool) else self._named(value)
        value = self._conditional(node)
        return self._named(value) if isinstance(value, str) else self._truth(value)

    def settle(self, name: str) -> None:
        """Work out what a condition comes to, those that it names before it: who asks for one that is not settled gets UNKNOWN,
        so that nothing recurses along chains of conditions. Raises `Fault`."""
        self._answers[name] = self._truth(self._conditional(self._conditions[name]))

    def _conditional(self, node: Node) -> Any:
        before, self._in_condition = self._in_condition, True
        try:
            return self.value(node)
        finally:
            self._in_condition = before

    def _truth(self, value: Any) -> Any:
        if value is not UNKNOWN and not isinstance(value, bool):
            raise Fault(f"it comes to {quoted(value)}, not to true or false")
        return value

    def _named(self, name: Any) -> Any:
        return self._answers.get(name, UNKNOWN) if isinstance(name, str) else UNKNOWN

    def spend(self, units: int) -> None:
        self._left -= units
        if self._left < 0:
            raise TooLarge("the values of the template come to too much")

    def _call(self, name: str, args: Node) -> Any:
        if name in ("if", "Fn::If"):
            return self._if(args)
        if name in _CONDITIONS:
            return self._boolean(name, args)
        function = FUNCTIONS.get(name)
        if function is None:
            return UNKNOWN
        value = self.value(args)
        try:
            result = function(self, name, value)
        except Fault:
            raise
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError):
            return UNKNOWN  # arguments of a wrong form, told where they stand
        self.spend(
            1 + (len(result) // 64 if isinstance(result, str) else len(result) if isinstance(result, (list, dict)) else 0)
        )
        return result

    def _if(self, args: Node) -> Any:
        if not isinstance(args, SequenceNode) or not 2 <= len(args.value) <= 3:
            return UNKNOWN
        holds = self.condition(args.value[0])
        if holds is UNKNOWN:
            return UNKNOWN
        if holds:
            return self.value(args.value[1])
        return self.value(args.value[2]) if len(args.value) == 3 else OMITTED

    def _boolean(self, name: str, args: Node) -> Any:
        if name in ("equals", "Fn::Equals"):
            pair = self.value(args)
            if not isinstance(pair, list) or len(pair) != 2 or not known(pair):
                return UNKNOWN
            return bool(pair[0] == pair[1])
        if name == "not":
            answers = [self.condition(args)]
        elif isinstance(args, SequenceNode):
            answers = [self.condition(item) for item in args.value]
        else:
            return UNKNOWN
        if name in ("not", "Fn::Not"):
            return UNKNOWN if len(answers) != 1 or answers[0] is UNKNOWN else not answers[0]
        decisive = name in ("or", "Fn::Or")
        if any(answer is decisive for answer in answers):
            return decisive
        return UNKNOWN if UNKNOWN in answers else not decisive

    def find_in_map(self, path: list[Any]) -> Any:
        found: Any = self._mappings
        for step in path:
            found = found[str(step)]
        return found

    def text(self, value: str) -> str:
        if len(value) > MAX_TEXT:
            raise TooLarge(f"a text grows beyond {MAX_TEXT:,} characters")
        return value


_CONDITIONS: Final = frozenset(("equals", "not", "and", "or", "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"))
