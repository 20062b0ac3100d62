"""What a plan takes of quotas and what it costs, from lists as the services give them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bbq.errors import ConfigurationError
from bbq.plan.model import Cost, Price
from bbq.providers.openstack import costs, prices, quota
from bbq.providers.openstack.prices import Prices
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.stack_needs import Needs
from bbq.views.format import cost_text, price_text

FLAVORS = [
    {"id": "1", "name": "small", "vcpus": 1, "ram": 2048},
    {"id": "2", "name": "large", "vcpus": 4, "ram": 8192},
]


def a_cloud() -> Cloud:
    return cast(Cloud, SimpleNamespace(has=lambda service: True, lookup=SimpleNamespace(flavors=FLAVORS)))


def test_only_the_difference_counts() -> None:
    before = Needs(servers=Counter(small=2, large=1), things=Counter(port=3, volume=1), gigabytes=10)
    after = Needs(servers=Counter({"1": 1, "large": 2}), things=Counter(port=3, volume=2), gigabytes=10)
    more = {name: number for name, number in quota.difference(a_cloud(), before, after).items() if number}
    assert more == {"cores": 3, "MiB of memory": 6144, "volumes": 1}, "a flavor by its id is the same one"
    assert not any(quota.difference(a_cloud(), after, after).values())


def test_money_by_flavor_then_by_size() -> None:
    given = Prices("EUR", {"small": 0.02}, {"cores": 0.01, "memory_gib": 0.005, "volume_gib": 0.001})
    before = Needs(servers=Counter(small=1))
    after = Needs(servers=Counter(small=2, large=1), databases=Counter(small=1), database_gigabytes=5, gigabytes=10)
    found = costs.price(a_cloud(), before, after, given)
    assert found == Price("EUR", pytest.approx(0.135), pytest.approx(0.155))  # 3 * 0.02 + 4 * 0.01 + 8 * 0.005 + 15 * 0.001
    after.things["floatingip"] = 2
    found = costs.price(a_cloud(), before, after, Prices("EUR", {"small": 0.02}))
    assert found.unpriced == ("1 server of flavor large", "15 GiB of volumes", "2 floating IPs")
    assert found.all == pytest.approx(0.06)


def test_how_they_are_told() -> None:
    assert cost_text(Cost("servers", 3, 2, 10)) == "+3 servers (2 of 10 left: not enough)"
    assert cost_text(Cost("cores", -2)) == "-2 cores (no limit)"
    assert price_text(Price("EUR", -0.04, 0.0)) == "-0.04 EUR an hour, 0 EUR in all"
    assert price_text(Price("", 1.5, 2.0, ("1 server of flavor x",))).endswith(
        "without 1 server of flavor x: no price is known"
    )


def test_a_price_file(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("currency: CHF\nflavors: { m1.tiny: 0.5 }\nvolume_gib: 1e-4\n")
    found = prices.read(str(file))
    assert found == Prices("CHF", {"m1.tiny": 0.5}, {"volume_gib": 0.0001})
    assert found.server({"name": "other", "vcpus": 1}) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1\n", ["1:1: not a mapping of prices"]),
        ("curency: EUR\ncores: free\nflavors: [ 1 ]\n", ["1:1: there is no key curency", "2:8: the price", "3:10: flavors is"]),
        ("flavors: { a: -1, b: .inf, c: { d: 1 } }\n", ["1:15: the price of flavor a", "1:22: the", "1:31: the"]),
        ("cores: 1\ncores: 2\n", ["2:1: "]),
        ("cores: [\n", [":"]),
    ],
)
def test_every_problem_of_a_price_file(tmp_path: Path, text: str, said: list[str]) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        prices.read(str(file))
    for part in said:
        assert part in str(caught.value)
    assert isinstance(caught.value, ConfigurationError)


def test_a_price_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        prices.read(str(tmp_path / "nowhere.yaml"))
