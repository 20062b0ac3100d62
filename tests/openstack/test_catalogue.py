"""What the cloud has to choose from, by one listing of each kind."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bbq.conf import load
from bbq.providers.openstack.catalogue import catalogue_of
from bbq.providers.openstack.session import Cloud


def test_one_listing_of_each_kind(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    from keystoneauth1.session import Session

    asked: Counter[str] = Counter()
    request = Session.request

    def counting(self: Session, url: str, method: str, **options: Any) -> Any:
        if "endpoint_filter" in options:
            asked[url.partition("?")[0]] += 1
        return request(self, url, method, **options)

    monkeypatch.setattr(Session, "request", counting)
    config = load(environment={"BBQ_OPENSTACK__KEY_NAME": "devcloud"})
    found = catalogue_of(cloud, config)
    assert {flavor.name: (flavor.vcpus, flavor.ram, flavor.disk) for flavor in found.flavors or ()}["m1.small"] == (1, 2048, 20)
    assert {image.name for image in found.images or ()} >= {"cirros", "ubuntu"}
    assert next(image for image in found.images or () if image.name == "ubuntu").os_distro == "ubuntu"
    networks = {network.name: network.external for network in found.networks or ()}
    assert networks["private"] is False and networks["public"] is True
    assert "private-demo" not in networks, "it is another project's"
    assert found.availability_zones == ("nova",) and "devcloud" in (found.keypairs or ())
    assert found.defaults == {"key_name": "devcloud", "ssh_cidr": "0.0.0.0/0"}
    assert found.max_resources_per_stack == 1000
    assert catalogue_of(cloud, config) is found
    listings = {path: number for path, number in asked.items() if path.startswith("/") and path.count("/") > 0}
    assert max(listings.values()) <= 2, listings  # a second page's look, at most
    assert sum(listings.values()) <= 8, listings
