"""What things cost an hour, from a file that the user writes down from the cloud's price list.

    currency: EUR
    flavors: { m1.small: 0.0225, m1.large: 0.09 }   # a server, or the server of a database
    cores: 0.01          # of flavors that are not named: by core ...
    memory_gib: 0.0025   # ... and GiB of memory
    volume_gib: 0.0001
    floating_ips: 0.005

Every key may be left out; what has no price is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from bbq.diagnostics import DiagnosticBag
from bbq.errors import ConfigurationError
from bbq.wording import nearest

_NUMBERS: Final = ("cores", "memory_gib", "volume_gib", "floating_ips")


@dataclass(frozen=True, slots=True)
class Prices:
    """Per hour; `numbers` by the file's keys."""

    currency: str = ""
    flavors: Mapping[str, float] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    def server(self, flavor: Mapping[str, Any]) -> float | None:
        """One with this flavor, as the service lists it; None where it has no price."""
        for key in ("name", "id"):
            if flavor.get(key) in self.flavors:
                return self.flavors[flavor[key]]
        if not {"cores", "memory_gib"} & set(self.numbers):
            return None
        cores, memory = flavor.get("vcpus") or 0, flavor.get("ram") or 0
        return float(cores * self.numbers.get("cores", 0.0) + memory / 1024 * self.numbers.get("memory_gib", 0.0))


def read(file: str) -> Prices:
    """`ConfigurationError` with every problem, each with its line and column."""
    from bbq.yamlreader import read_file

    path, bag = Path(file).expanduser(), DiagnosticBag()
    document = read_file(path, bag)
    problems = [f"{item.file}:{item.line}:{item.column}: {item.message}" for item in bag.sorted()]
    if document is None or problems:
        raise _unusable(file, problems)
    found: dict[str, Any] = {}
    problems += _entries(file, document.root, found)
    if problems:
        raise _unusable(file, problems)
    numbers: dict[str, float] = {key: found[key] for key in _NUMBERS if key in found}
    return Prices(found.get("currency", ""), found.get("flavors", {}), numbers)


def _entries(file: str, root: yaml.Node, found: dict[str, Any]) -> Iterator[str]:
    if not isinstance(root, yaml.MappingNode):
        yield f"{_at(file, root)}: not a mapping of prices"
        return
    known = ("currency", "flavors", *_NUMBERS)
    for key, value in root.value:
        name = str(key.value)
        if name == "currency":
            found[name] = str(value.value)
            if not isinstance(value, yaml.ScalarNode):
                yield f"{_at(file, value)}: currency is a word, such as EUR"
        elif name == "flavors":
            found[name] = {}
            if not isinstance(value, yaml.MappingNode):
                yield f"{_at(file, value)}: flavors is a mapping of names to prices per hour"
                continue
            for flavor, price in value.value:
                yield from _price(file, f"flavor {flavor.value}", str(flavor.value), price, found[name])
        elif name in _NUMBERS:
            yield from _price(file, name, name, value, found)
        else:
            yield f"{_at(file, key)}: there is no key {name} ({nearest(name, known) or 'there are ' + ', '.join(known)})"


def _price(file: str, what: str, name: str, value: yaml.Node, found: dict[str, Any]) -> Iterator[str]:
    try:
        number = float(value.value) if isinstance(value, yaml.ScalarNode) else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        yield f"{_at(file, value)}: the price of {what} is a number of at least 0, per hour"
    else:
        found[name] = number


def _at(file: str, node: yaml.Node) -> str:
    mark: Any = node.start_mark
    return f"{file}:{mark.line + 1}:{mark.column + 1}"


def _unusable(file: str, problems: list[str]) -> ConfigurationError:
    return ConfigurationError(
        "\n- ".join([f"the price file {file} cannot be used:", *problems]), hint="see --prices and [openstack] prices"
    )
