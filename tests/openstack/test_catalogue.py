"""What the cloud has to choose from, by one listing of each kind, whoever needs it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bbq.conf import load
from bbq.engine.contract import DeploymentContext
from bbq.providers.openstack.catalogue import catalogue_of
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from tests.openstack.tools import topology_of

TEMPLATE = """\
tosca_definitions_version: tosca_simple_yaml_1_3
topology_template:
  node_templates:
    net: { type: tosca.nodes.network.Network, properties: { cidr: 10.9.0.0/24 } }
    server:
      type: tosca.nodes.Compute
      capabilities:
        host: { properties: { num_cpus: 1, mem_size: 256 MB } }
        os: { properties: { distribution: ubuntu } }
"""


def test_one_listing_of_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice for a template and the check of what it was chosen from look at the same lists."""
    from keystoneauth1.session import Session

    asked: Counter[str] = Counter()
    request = Session.request

    def counting(self: Session, url: str, method: str, **options: Any) -> Any:
        if "endpoint_filter" in options:
            asked[url.partition("?")[0]] += 1
        return request(self, url, method, **options)

    monkeypatch.setattr(Session, "request", counting)
    cloud = Cloud(load(environment={"BBQ_OPENSTACK__KEY_NAME": "devcloud"}))
    found = catalogue_of(cloud)
    assert {flavor.name: (flavor.vcpus, flavor.ram, flavor.disk) for flavor in found.flavors or ()}["m1.small"] == (1, 2048, 20)
    assert {image.name for image in found.images or ()} >= {"cirros", "ubuntu"}
    assert next(image for image in found.images or () if image.name == "ubuntu").os_distro == "ubuntu"
    networks = {network.name: network.external for network in found.networks or ()}
    assert networks["private"] is False and networks["public"] is True
    assert "private-demo" not in networks, "it is another project's"
    assert found.availability_zones == ("nova",) and "devcloud" in (found.keypairs or ())
    assert found.defaults == {"key_name": "devcloud", "ssh_cidr": "0.0.0.0/0"}
    assert found.max_resources_per_stack == 1000
    assert catalogue_of(cloud) == found
    topology = topology_of(tmp_path / "servers.yaml", TEMPLATE)
    provider = OpenStackProvider(DeploymentContext("t", "feedfeedfeedfeed", "/nonexistent", None), cloud)
    assert provider.preflight(list(provider.arrange(topology).primitives())) == []
    lists = ["/flavors/detail", "/images", "/networks", "/os-availability-zone", "/os-keypairs"]
    assert {path: asked[path] for path in lists} == dict.fromkeys(lists, 1), asked
    assert asked["/limits"] == 1 and asked["/stacks/preview"] == 1, "that the check was made at all"
