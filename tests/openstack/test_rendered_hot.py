"""A real Heat takes what `render --to hot` makes: each template is previewed, which creates nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from bbq.providers.openstack.session import Cloud
from bbq.render.hot import Translation, translate
from bbq.render.hot.model import NO_DEFAULT
from bbq.render.hot.parts import split
from bbq.render.hot.text import written
from tests.unit.render.hot_tools import topology_of as topology_of_text
from tests.unit.render.test_render_hot import COUNT, DISK, INDIGO, POLICIES, indigo
from tests.unit.render.test_render_hot_corpora import CORPORA, SAMPLES, topology_of

NEEDS = {"Cinder": "block-storage", "Octavia": "load-balancer", "Swift": "object-store", "Aodh": "alarming"}
VALUES = {"glance.image": "cirros", "nova.flavor": "m1.small", "nova.keypair": "devcloud", "net_cidr": "10.66.0.0/24"}


def previewed(cloud: Cloud, result: Translation) -> dict[str, Any]:
    """What Heat would make; fails where it refuses. Resources of services that this cloud lacks are left out."""
    assert not result.failed, result.found
    (document,) = split(result.document, -1)
    lacking = {kind for kind, service in NEEDS.items() if service == "alarming" or not cloud.has(service)}
    for name in [name for name, one in document.resources.items() if one.type.split("::")[1] in lacking]:
        del document.resources[name]
        document.outputs = {key: value for key, value in document.outputs.items() if name not in repr(value)}
    for resource in document.resources.values():
        resource.properties.pop("snapshot_id", None)  # there are no snapshots to name
    parameters = {}
    for parameter in document.parameters.values():
        value = VALUES.get(parameter.constraint or "", parameter.default)
        if parameter.constraint == "neutron.network":
            value = "public" if parameter.name.startswith("public") else "private"
        assert value is not NO_DEFAULT, parameter.name
        parameters[parameter.name] = value
    body = {
        "stack_name": "preview-hot",
        "template": written(document),
        "files": {name: written(nested) for name, nested in result.files.items()},
        "parameters": parameters,
    }
    made: dict[str, Any] = cloud.post("orchestration", "/stacks/preview", "preview a stack", body, creates=False)["stack"]
    named = {one["resource_name"] for one in made["resources"] if isinstance(one, dict)}
    assert named >= {name for name, one in document.resources.items() if not one.type.startswith("OS::Heat::AutoScalingGroup")}
    return made


def samples() -> list[Any]:
    if not SAMPLES.is_dir():
        return []
    with (SAMPLES / "translate.csv").open() as stream:
        rows = {row["input"]: row for row in csv.DictReader(stream) if row["expected"] == "equal"}
    found = [pytest.param(SAMPLES / name, json.loads(row["parameters"]), id=Path(name).stem) for name, row in rows.items()]
    others = [
        "indigo-tosca-templates/k8s_cms_fix/dodas/Spark-K8s.yaml",
        "indigo-tosca-templates/master/dodas/CMS-HTCondor-TSystem.yaml",
        "indigo-tosca-templates/master/hybrid_slurm_elastic_cluster.yml",
        "indigo-tosca-types/master/examples/hybrid_elastic_cluster_vr_l2_add.yaml",
        "indigo-tosca-types/master/examples/galaxy_cluster.yaml",
        "grycap-tosca/templates/scipion.yaml",
        "grycap-tosca/templates/kubernetes.yaml",
        "grycap-tosca/templates/simple-node-disk.yml",
    ]
    return found + [pytest.param(CORPORA / name, {}, id=Path(name).stem) for name in others]


@pytest.mark.parametrize(("path", "inputs"), samples())
def test_templates_of_other_projects(path: Path, inputs: dict[str, Any], cloud: Cloud) -> None:
    built = topology_of(path, inputs)
    assert built is not None
    previewed(cloud, translate(built))


OWN = {
    "instances with volumes, ports and floating IPs": indigo(
        f"{COUNT}, endpoint: {{ properties: {{ network_name: PUBLIC, ports: {{ a: {{ source_range: [ 1, 9 ] }} }} }} }}",
        "      requirements: [ { local_storage: { node: disk, relationship: "
        "{ type: tosca.relationships.AttachesTo, properties: { location: /data, device: vdb } } } } ]\n" + DISK,
    ),
    "networks with a router": f"""{INDIGO}
topology_template:
  node_templates:
    server:
      type: tosca.nodes.indigo.Compute
      capabilities: {{ scalable: {{ properties: {{ count: 2 }} }}, os: {{ properties: {{ image: x }} }} }}
    lan:
      type: tosca.nodes.network.Network
      properties: {{ cidr: 10.9.0.0/24, start_ip: 10.9.0.100, end_ip: 10.9.0.150, gateway_ip: 10.9.0.1, dhcp_enabled: false }}
    out: {{ type: tosca.nodes.network.Network, properties: {{ network_type: public }} }}
    inner:
      type: tosca.nodes.network.Port
      requirements: [ {{ binding: server }}, {{ link: lan }} ]
    outer:
      type: tosca.nodes.network.Port
      properties: {{ order: 1 }}
      requirements: [ {{ binding: server }}, {{ link: out }} ]
  outputs:
    addresses: {{ value: {{ get_attribute: [ server, public_address ] }} }}
    first: {{ value: {{ concat: [ 'http://', get_attribute: [ server, public_address, 0 ], ':', 80 ] }} }}
""",
    "groups of servers": POLICIES
    + "    - apart: { type: my.Placement, targets: [ server ], properties: { policy: anti-affinity } }\n"
    + "    - grow:\n        type: my.Scaling\n        targets: [ server ]\n"
    + "        properties: { min_instances: 1, max_instances: 4, default_instances: 2, increment: 1 }\n",
}


@pytest.mark.parametrize("name", OWN)
def test_each_kind_of_resource(name: str, cloud: Cloud, tmp_path: Path) -> None:
    previewed(cloud, translate(topology_of_text(OWN[name], tmp_path)))
