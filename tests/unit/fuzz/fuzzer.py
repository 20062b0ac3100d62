"""`python tests/unit/fuzz/fuzzer.py TARGET [libFuzzer's options] [folder of seeds]`: inputs that find new ways through the
code.

Atheris counts which lines of bbq each input reaches and breeds those that reach new ones. A target turns bytes into an input
and asks what every reader promises: an answer with diagnostics or a value, printable, no exception. Time
and memory of a single input are libFuzzer's to limit (`-timeout`, `-rss_limit_mb`).
"""

from __future__ import annotations

import copy
import importlib
import json
import os
import pkgutil
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
NEIGHBOURS = ("tosca", "hot", "origins", "csar")
"""Folders of tests whose breakers of templates are used here."""
T = TypeVar("T")


class Choices:
    """`random.Random` as far as the breakers of templates need it, decided by the fuzzer's bytes; the first choice of each when
    they are used up."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1] if self.place <= len(self.data) else 0

    def randrange(self, start: int, stop: int | None = None) -> int:
        low, high = (0, start) if stop is None else (start, stop)
        number = self.byte() if high - low <= 256 else self.byte() << 8 | self.byte()
        return low + number % max(high - low, 1)

    def choice(self, items: Sequence[T]) -> T:
        return items[self.randrange(len(items))]

    def random(self) -> float:
        return self.byte() / 256

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        return [self.choice(items) for _ in range(count)]


def reader(data: bytes) -> None:
    """YAML: what is read can be turned into values, each of which has a place."""
    from bbq.diagnostics import DiagnosticBag
    from bbq.yamlreader import at, read_bytes
    from bbq.yamlreader import data as values

    bag = DiagnosticBag()
    document = read_bytes(data, "f.yaml", bag)
    found = bag.sorted()
    _promised(found)
    if document is None:
        assert any(item.severity == "error" for item in found), "no document and no reason"
        return
    assert at(document.root).line >= 1
    values(document.root)
    values(document.root, "1.2")


def template(data: bytes) -> None:
    """The text of a TOSCA service template."""
    _service(data)


def service(data: bytes) -> None:
    """A service template with breaks in its structure, then the graph of what is still right."""
    import test_tosca_robustness as breaking
    import yaml

    document = breaking.mutated(copy.deepcopy(yaml.safe_load(breaking.SERVICE)), Choices(data))
    _service(json.dumps(document).encode(), topology=True)


def functions(data: bytes) -> None:
    """Functions in functions, of each version, where an input, a property, an output and a constraint may have them."""
    choices = Choices(data)
    version = choices.choice(["tosca_2_0", "tosca_simple_yaml_1_3", "tosca_simple_yaml_1_0"])
    dollar = "$" if version == "tosca_2_0" else ""
    kind = choices.choice(["string", "integer", "float", "boolean", "list", "map", "timestamp", "version", "range"])
    entry = {"entry_schema": {"type": "string"}} if kind in ("list", "map") else {}
    validation = {"validation": _call(choices, 3, "$")} if dollar else {"constraints": [_clause(choices)]}
    definition = {"type": kind, "required": False, **entry, **(validation if choices.byte() % 2 else {})}
    body = {
        "inputs": {"i": {"type": kind, **entry, "default": _call(choices, 2, dollar)}, "j": {"type": "integer", "default": 1}},
        "node_templates": {
            "a": {"type": "A", "properties": {"p": _call(choices, 4, dollar)}},
            "b": {"type": "A", "properties": {"p": _call(choices, 4, dollar)}},
        },
        "outputs": {"o": {"value": _call(choices, 5, dollar)}},
    }
    document = {
        "tosca_definitions_version": version,
        "node_types": {"A": {"properties": {"p": definition}, "attributes": {"t": {"type": kind, **entry}}}},
        "service_template" if dollar else "topology_template": body,
    }
    _service(json.dumps(document).encode(), topology=True)


def heat(data: bytes) -> None:
    """The text of a Heat template."""
    _heat(data)


def stack(data: bytes) -> None:
    """A Heat template with breaks in its structure, and functions in functions."""
    import yaml
    from hot_mutations import JUNK, MUTATIONS, mutated

    choices: Any = Choices(data)
    text = (HERE.parent / "hot" / "samples" / "functions.yaml").read_text()
    document = yaml.load(text, yaml.BaseLoader)
    for _ in range(choices.choice([1, 2, 4])):
        section = document.get(choices.choice(["resources", "outputs", "parameters", "conditions"]))
        if isinstance(section, dict) and section:
            body = section[choices.choice(list(section))]
            if isinstance(body, dict):
                body[choices.choice([*body, "value", "properties"])] = _heat_call(choices, 4)
    if choices.byte() % 2:
        document = mutated(document, choices.choice(MUTATIONS), choices) or document
    else:
        document[choices.choice(list(document))] = choices.choice(JUNK)
    _heat(json.dumps(document).encode())


def archive(data: bytes) -> None:
    """The bytes of a CSAR."""
    import test_archive_fuzz

    test_archive_fuzz.check(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (reader, template, service, functions, heat, stack, archive)
}


def seeds(target: str) -> list[bytes]:
    """Inputs to begin with: good files; where bytes are choices, some of a fair length; and what once broke a promise."""
    if target == "archive":
        import test_archive_fuzz

        return test_archive_fuzz.SEEDS
    rng = random.Random(target)
    files = [path.read_bytes() for path in sorted((HERE / "seeds" / target).glob("*"))]
    texts = target in ("reader", "template", "heat")
    return files + ([] if texts else [rng.randbytes(rng.randrange(20, 200)) for _ in range(100)])


_SCALARS = [
    None,
    True,
    0,
    1,
    -1,
    2.5,
    10**30,
    "",
    "a",
    "b",
    "SELF",
    "p",
    "i",
    "j",
    "1 GB",
    "1.2.3",
    "2020-01-01",
    "\x1b[0m",
    "$value",
]


def _call(choices: Choices, depth: int, dollar: str) -> Any:
    """A value with up to `depth` functions around it."""
    from bbq.tosca.functions import FUNCTIONS_1, FUNCTIONS_2

    kind = choices.byte() % 8 if depth else 0
    if kind == 0:
        return choices.choice(_SCALARS)
    if kind == 1:
        return [_call(choices, depth - 1, dollar) for _ in range(choices.randrange(4))]
    if kind == 2:
        return {
            choices.choice(["a", "b", "p", "$value"]): _call(choices, depth - 1, dollar) for _ in range(choices.randrange(3))
        }
    name = choices.choice([*(FUNCTIONS_2 if dollar else FUNCTIONS_1)])
    if kind == 3:
        return {dollar + name: _call(choices, depth - 1, dollar)}
    if kind == 4:
        return {
            dollar + "get_property": [
                choices.choice(["SELF", "a", "b", "HOST"]),
                "p",
                *([choices.choice(_SCALARS)] * (depth % 2)),
            ]
        }
    if kind == 5:
        return {dollar + "get_input": choices.choice(["i", "j", ["i", 0], _SCALARS[choices.randrange(len(_SCALARS))]])}
    return {dollar + name: [_call(choices, depth - 1, dollar) for _ in range(choices.randrange(4))]}


def _clause(choices: Choices) -> dict[str, Any]:
    """A constraint of TOSCA 1.x."""
    from bbq.tosca.constraints import OPERATORS

    return {choices.choice([*OPERATORS, "x"]): _call(choices, 1, "")}


def _heat_call(choices: Choices, depth: int) -> Any:
    from bbq.hot.versions import FUNCTION_NAMES

    kind = choices.byte() % 4 if depth else 0
    if kind == 0:
        return choices.choice(_SCALARS)
    if kind == 1:
        return [_heat_call(choices, depth - 1) for _ in range(choices.randrange(4))]
    names = [*sorted(FUNCTION_NAMES), "template", "params", "for_each", "data", "expression"]
    if kind == 2:
        return {choices.choice(names): _heat_call(choices, depth - 1) for _ in range(choices.randrange(4))}
    return {choices.choice(names): [_heat_call(choices, depth - 1) for _ in range(choices.randrange(4))]}


def _promised(found: Sequence[Any]) -> None:
    for item in found:
        assert str(item).isprintable(), ascii(str(item))
        assert item.line >= 1


def _service(text: bytes, *, topology: bool = False) -> None:
    import bbq.topology
    import bbq.tosca

    path = _folder() / "t.yaml"
    path.write_bytes(text)
    found_service, found = bbq.tosca.load(path)
    _promised(found)
    failed = any(item.severity == "error" for item in found)
    assert found_service is not None or failed, "no template and no reason"
    if not topology or failed or found_service is None:
        return
    for provider in ("local", "simulator"):
        graph, told = bbq.topology.build(found_service, inputs={}, provider=provider)
        _promised(told)
        assert graph is not None or any(item.severity == "error" for item in told), "no graph and no reason"


def _heat(text: bytes) -> None:
    import bbq.hot

    path = _folder() / "stack.yaml"
    path.write_bytes(text)
    found_template, found = bbq.hot.load(path)
    _promised(found)
    assert found_template is not None or any(item.severity == "error" for item in found), "no template and no reason"


def _folder() -> Path:
    """One folder for all inputs of the process; in memory where there is such a place."""
    global _scratch
    if _scratch is None:
        memory = Path("/dev/shm")
        _scratch = tempfile.TemporaryDirectory(prefix="bbq-fuzz-", dir=memory if os.access(memory, os.W_OK) else None)
    return Path(_scratch.name)


_scratch: tempfile.TemporaryDirectory[str] | None = None


def main() -> None:
    import atheris

    target = TARGETS[sys.argv[1]]
    sys.path += [str(HERE.parent / name) for name in NEIGHBOURS]
    with atheris.instrument_imports(include=["bbq"], enable_loader_override=False):
        for package in ("yamlreader", "tosca", "hot", "origins", "topology"):
            for module in pkgutil.iter_modules([str(HERE.parents[2] / "bbq" / package)], f"bbq.{package}."):
                importlib.import_module(module.name)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
