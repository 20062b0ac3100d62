"""What a plan takes of the account's quotas, and what it costs an hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bbq.plan.model import Cost, Price
from bbq.providers.openstack import quota
from bbq.providers.openstack.lookup import by_id_and_name

if TYPE_CHECKING:
    from bbq.providers.openstack.prices import Prices
    from bbq.providers.openstack.session import Cloud
    from bbq.providers.openstack.stack_needs import Needs


def costs(cloud: Cloud, before: Needs, after: Needs) -> Iterator[Cost]:
    """Each quota that the change touches."""
    more = {name: number for name, number in quota.difference(cloud, before, after).items() if number}
    there = quota.quotas(cloud, more)
    for name, number in more.items():
        if name in there:
            left = there[name].left
            yield Cost(name, number, left, None if left is None else there[name].limit)


def price(cloud: Cloud, before: Needs, after: Needs, prices: Prices) -> Price:
    unpriced: list[str] = []
    was, will = _hourly(cloud, before, prices, []), _hourly(cloud, after, prices, unpriced)
    return Price(prices.currency, round(will - was, 6), round(will, 6), tuple(unpriced))


def _hourly(cloud: Cloud, needs: Needs, prices: Prices, unpriced: list[str]) -> float:
    flavors: Mapping[str, Mapping[str, Any]] = {}
    if needs.servers or needs.databases:
        flavors = by_id_and_name(cloud.lookup.flavors)
    total = 0.0
    for name, count in (needs.servers + needs.databases).items():
        each = prices.server(flavors.get(name, {"name": name}))
        total += count * (each or 0.0)
        if each is None:
            what = f"flavor {name}" if name else "a flavor that Heat chooses"
            unpriced.append(f"{count} server{'s' * (count != 1)} of {what}")
    for key, number, what in (
        ("volume_gib", needs.gigabytes + needs.database_gigabytes, "GiB of volumes"),
        ("floating_ips", needs.things["floatingip"], "floating IPs"),
    ):
        if number and key not in prices.numbers:
            unpriced.append(f"{number} {what}")
        total += number * prices.numbers.get(key, 0.0)
    return total
