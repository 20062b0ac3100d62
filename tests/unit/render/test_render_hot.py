"""What becomes of TOSCA's infrastructure in a Heat template."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bbq.hot
from bbq import topology, tosca
from bbq.render.hot import translate
from bbq.render.hot.catalogue import CloudNetwork
from bbq.render.hot.model import get_attr, get_param, get_resource
from bbq.render.hot.text import written
from tests.unit.render.hot_tools import CLOUD, check, counts, default, made, properties, topology_of

INDIGO = """\
tosca_definitions_version: tosca_simple_yaml_1_0
capability_types:
  tosca.capabilities.indigo.Scalable:
    derived_from: tosca.capabilities.Scalable
    properties:
      count: { type: integer, default: 1, required: false }
      removal_list: { type: list, required: false, entry_schema: { type: string } }
  tosca.capabilities.indigo.OperatingSystem:
    derived_from: tosca.capabilities.OperatingSystem
    properties:
      image: { type: string, required: false }
      credential: { type: tosca.datatypes.Credential, required: false }
  tosca.capabilities.indigo.Container:
    derived_from: tosca.capabilities.Container
    properties:
      instance_type: { type: string, required: false }
      num_gpus: { type: integer, required: false }
  tosca.capabilities.indigo.Endpoint:
    derived_from: tosca.capabilities.Endpoint
    properties:
      dns_name: { type: string, required: false }
      ports: { type: map, required: false, entry_schema: { type: tosca.datatypes.indigo.network.PortSpec } }
data_types:
  tosca.datatypes.indigo.network.PortSpec:
    derived_from: tosca.datatypes.network.PortSpec
    properties: { remote_cidr: { type: string, required: false } }
node_types:
  tosca.nodes.indigo.Compute:
    derived_from: tosca.nodes.Compute
    attributes:
      private_address: { type: list, entry_schema: { type: string } }
      public_address: { type: list, entry_schema: { type: string } }
    capabilities:
      scalable: { type: tosca.capabilities.indigo.Scalable }
      os: { type: tosca.capabilities.indigo.OperatingSystem }
      endpoint: { type: tosca.capabilities.indigo.Endpoint }
      host: { type: tosca.capabilities.indigo.Container, valid_source_types: [ tosca.nodes.SoftwareComponent ] }
"""


def indigo(capabilities: str, more: str = "", name: str = "worker") -> str:
    return f"""{INDIGO}
topology_template:
  inputs: {{ number: {{ type: integer, default: 2 }} }}
  node_templates:
    {name}:
      type: tosca.nodes.indigo.Compute
      capabilities: {{ os: {{ properties: {{ image: debian-12 }} }}, {capabilities} }}
{more}"""


COUNT = "scalable: { properties: { count: { get_input: number } } }"


def servers(result: Any) -> list[str]:
    return [name for name, one in result.document.resources.items() if one.type == "OS::Nova::Server"]


# How many


@pytest.mark.parametrize(
    ("scalable", "names"),
    [
        ("{ count: 0 }", []),
        ("{ count: 1 }", ["worker_0"]),
        ("{ count: 3 }", ["worker_0", "worker_1", "worker_2"]),
        ("{ min_instances: 2 }", ["worker_0", "worker_1"]),
        ("{ default_instances: 2, max_instances: 5 }", ["worker_0", "worker_1"]),
        ("{ count: 2, removal_list: [ '0' ] }", ["worker_1", "worker_2"]),
        ("{ count: 2, removal_list: [ worker_1 ] }", ["worker_0", "worker_2"]),
    ],
)
def test_number_of_instances(scalable: str, names: list[str], tmp_path: Path) -> None:
    result = made(indigo(f"scalable: {{ properties: {scalable} }}"), tmp_path)
    assert servers(result) == names
    assert [server.name for server in result.servers["worker"]] == names


@pytest.mark.parametrize("more", [3, 7])
def test_another_number_leaves_the_other_servers_as_they_are(more: int, tmp_path: Path) -> None:
    text = indigo(f"{COUNT}, endpoint: {{ properties: {{ network_name: PUBLIC }} }}")
    few, many = (made(text, tmp_path, number=number).document for number in (2, more))
    for name, resource in few.resources.items():
        assert many.resources[name].body() == resource.body()
    assert few.parameters.keys() == many.parameters.keys()
    assert [name for name in many.resources if name not in few.resources and "worker_1" in name] == []


def test_nodes_with_a_count_of_their_own(tmp_path: Path) -> None:
    result = made(
        """\
        tosca_definitions_version: tosca_2_0
        imports: [ { profile: 'org.oasis-open.simple:2.0' } ]
        service_template:
          node_templates:
            web:
              type: Compute
              count: 2
              capabilities:
                os: { properties: { distribution: Debian } }
                host: { properties: { num_cpus: 2, mem_size: 2 GB } }
        """,
        tmp_path,
    )
    assert servers(result) == ["web_0", "web_1"]
    assert default(result, "flavor") == "m1.medium" and default(result, "image") == "debian-12"


def test_a_server_that_cannot_be_scaled_has_its_name_alone(tmp_path: Path) -> None:
    result = made("topology_template: { node_templates: { s-1: { type: Compute } } }", tmp_path, None)
    assert servers(result) == ["s_1"]


def test_names_never_clash(tmp_path: Path) -> None:
    more = """\
    worker_1: { type: tosca.nodes.Compute, capabilities: { os: { properties: { distribution: Debian } } } }
    worker-1: { type: tosca.nodes.Compute, capabilities: { os: { properties: { distribution: Debian } } } }
    worker_0_port: { type: tosca.nodes.Compute, capabilities: { os: { properties: { distribution: Debian } } } }
"""
    result = made(indigo(COUNT, more), tmp_path)
    assert counts(result.document)["Nova::Server"] == 5
    assert len({repr(properties(result, name)["networks"]) for name in servers(result)}) == 5


# Flavor and image


@pytest.mark.parametrize(
    ("host", "flavor"),
    [
        ("num_cpus: 1, mem_size: 512 MB, disk_size: 10 GB", "m1.small"),
        ("num_cpus: 2", "m1.medium"),
        ("mem_size: 4 GB", "m1.medium"),
        ("mem_size: 4097 MiB", "m1.large"),
        ("num_cpus: 4, mem_size: 8 GB", "m1.large"),
        ("num_gpus: 1", "g1.large"),
        ("instance_type: m1.tiny", "m1.tiny"),
    ],
)
def test_the_smallest_flavor_that_satisfies(host: str, flavor: str, tmp_path: Path) -> None:
    assert default(made(indigo(f"host: {{ properties: {{ {host} }} }}"), tmp_path), "flavor") == flavor


@pytest.mark.parametrize(
    ("os", "image"),
    [
        ("image: d12", "d12"),
        ("image: debian-12", "debian-12"),
        ("image: 'ost://cloud.example.org/u20'", "u20"),
        ("distribution: debian", "debian-12"),
        ("type: linux, distribution: Ubuntu", "Ubuntu 22.04 LTS"),
        ("distribution: ubuntu, version: 20", "Ubuntu 20.04"),
        ("distribution: ubuntu, version: 20.04, architecture: x86_64", "Ubuntu 20.04"),
    ],
)
def test_the_image_that_is_meant(os: str, image: str, tmp_path: Path) -> None:
    text = indigo("").replace("image: debian-12", os)
    assert default(made(text, tmp_path), "image") == image


def test_without_a_catalogue_parameters_say_what_is_needed(tmp_path: Path) -> None:
    text = indigo("host: { properties: { num_cpus: 4, mem_size: 8 GB } }").replace("debian-12", "ost://c.example.org/0815")
    parameters = made(text, tmp_path, None).document.body()["parameters"]
    assert list(parameters) == ["image", "flavor", "key_name", "network", "ssh_cidr"]
    assert parameters["flavor"] == {
        "type": "string",
        "label": "Flavor",
        "description": "Flavor of worker: at least 4 vCPUs, 8 GB of memory",
        "constraints": [{"custom_constraint": "nova.flavor"}],
    }
    assert parameters["image"]["default"] == "0815"
    assert parameters["image"]["constraints"] == [{"custom_constraint": "glance.image"}]
    assert "c.example.org" in parameters["image"]["description"]


def test_servers_that_need_the_same_share_a_parameter(tmp_path: Path) -> None:
    text = """\
    topology_template:
      node_templates:
        a: &one { type: Compute, capabilities: { host: { properties: { num_cpus: 2 } }, os: { properties: { type: linux } } } }
        b: *one
        c: { type: Compute, capabilities: { host: { properties: { num_cpus: 4 } }, os: { properties: { type: linux } } } }
    """
    result = made(text, tmp_path, None)
    assert {"a_flavor", "c_flavor", "image"} < result.document.parameters.keys()
    assert properties(result, "b")["flavor"] == get_param("a_flavor")


# Networks and addresses


@pytest.mark.parametrize(
    ("name", "network", "pool"),
    [
        ("PRIVATE", "network", None),
        ("PUBLIC", "network", "public_network"),
        ("private", "network_private", None),
        ("private.PRIVATE", "network_private", None),
        ("public.PUBLIC", "network", "public_network_public"),
        ("'private,public'", "network_private", "public_network_public"),
        ("public", "network", "public_network_public"),
    ],
)
def test_network_name_of_the_endpoint(name: str, network: str, pool: str | None, tmp_path: Path) -> None:
    result = made(indigo(f"endpoint: {{ properties: {{ network_name: {name} }} }}"), tmp_path)
    assert properties(result, "worker_0_port")["network"] == get_param(network)
    assert default(result, network) == "private"
    if pool is None:
        assert "worker_0_floating_ip" not in result.document.resources
        assert result.attributes["worker"]["public_address"] == []
    else:
        assert properties(result, "worker_0_floating_ip") == {
            "floating_network": get_param(pool),
            "port_id": get_resource("worker_0_port"),
        }
        assert default(result, pool) == "public"
        assert result.attributes["worker"]["public_address"] == [get_attr("worker_0_floating_ip", "floating_ip_address")]
    assert result.attributes["worker"]["private_address"] == [get_attr("worker_0_port", "fixed_ips", 0, "ip_address")]


def test_a_network_whose_addresses_are_public_needs_no_floating_ip(tmp_path: Path) -> None:
    cloud = replace(CLOUD, networks=(CloudNetwork("open"), CloudNetwork("private")))
    result = made(indigo("endpoint: { properties: { network_name: open.PUBLIC } }"), tmp_path, cloud)
    assert counts(result.document)["Neutron::FloatingIP"] == 0
    assert result.attributes["worker"]["public_address"] == [get_attr("worker_0_port", "fixed_ips", 0, "ip_address")]


OWN = """\
topology_template:
  node_templates:
    server:
      type: tosca.nodes.Compute
      capabilities: { os: { properties: { distribution: Debian } } }
    lan:
      type: tosca.nodes.network.Network
      properties: { cidr: 10.9.0.0/24, start_ip: 10.9.0.100, end_ip: 10.9.0.150, gateway_ip: 10.9.0.1 }
    port:
      type: tosca.nodes.network.Port
      properties: { order: 0, ip_address: 10.9.0.120 }
      requirements: [ { binding: server }, { link: lan } ]
  outputs:
    address: { value: { get_attribute: [ port, ip_address ] } }
"""


def test_a_network_of_the_template(tmp_path: Path) -> None:
    text = OWN
    result = made(text, tmp_path)
    assert properties(result, "lan_subnet") == {
        "network": get_resource("lan"),
        "ip_version": 4,
        "cidr": "10.9.0.0/24",
        "allocation_pools": [{"start": "10.9.0.100", "end": "10.9.0.150"}],
        "gateway_ip": "10.9.0.1",
    }
    port = properties(result, "port")
    assert port["network"] == get_resource("lan")
    assert port["fixed_ips"] == [{"subnet": get_resource("lan_subnet"), "ip_address": "10.9.0.120"}]
    assert properties(result, "server")["networks"] == [{"port": get_resource("port")}]
    assert counts(result.document)["Neutron::Router"] == 0
    outputs = {name: value for name, (value, _) in result.document.outputs.items()}
    assert outputs == {"address": get_attr("port", "fixed_ips", 0, "ip_address")}


def test_floating_ips_of_an_own_network_wait_for_a_router(tmp_path: Path) -> None:
    text = OWN.replace(
        "  outputs:",
        """\
    out:
      type: tosca.nodes.network.Network
      properties: { network_type: public }
    outer:
      type: tosca.nodes.network.Port
      properties: { order: 1 }
      requirements: [ { binding: server }, { link: out } ]
  outputs:""",
    )
    result = made(text, tmp_path)
    assert properties(result, "router") == {"external_gateway_info": {"network": get_param("public_network")}}
    assert properties(result, "router_lan") == {"router": get_resource("router"), "subnet": get_resource("lan_subnet")}
    floating = result.document.resources["server_floating_ip"]
    assert floating.depends_on == ["router_lan"] and floating.properties["port_id"] == get_resource("port")
    assert result.attributes["server"]["public_address"] == get_attr("server_floating_ip", "floating_ip_address")


def test_a_network_with_a_name_alone_exists(tmp_path: Path) -> None:
    text = OWN
    text = text.replace(
        "cidr: 10.9.0.0/24, start_ip: 10.9.0.100, end_ip: 10.9.0.150, gateway_ip: 10.9.0.1", "network_name: private"
    )
    result = made(text, tmp_path)
    assert counts(result.document)["Neutron::Net"] == 0
    assert properties(result, "port")["network"] == get_param("network_private")


def test_a_network_without_addresses_gets_some_that_are_free(tmp_path: Path) -> None:
    text = """\
    topology_template:
      node_templates:
        a: { type: tosca.nodes.network.Network, properties: { network_type: private } }
        b: { type: tosca.nodes.network.Network }
        c: { type: tosca.nodes.network.Network, properties: { cidr: 192.168.100.0/23 } }
    """
    result = made(text, tmp_path)
    assert default(result, "a_cidr") == "192.168.102.0/24" and default(result, "b_cidr") == "192.168.103.0/24"


# Open ports


def rules(result: Any, name: str) -> set[tuple[Any, ...]]:
    keys = ("protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
    return {tuple(str(rule.get(key)) for key in keys) for rule in properties(result, name)["rules"]}


def test_ports_open_a_security_group(tmp_path: Path) -> None:
    ports = """{
      web: { protocol: tcp, source: 30443 },
      dns: { protocol: udp, target: 53 },
      range: { protocol: tcp, source_range: [ 8000, 8010 ], remote_cidr: 10.0.0.0/8 },
      targets: { target_range: [ 9000, 9001 ] }
    }"""
    result = made(indigo(f"endpoint: {{ properties: {{ ports: {ports} }} }}"), tmp_path)
    assert rules(result, "worker_ports") == {
        ("tcp", "22", "22", str(get_param("ssh_cidr"))),
        ("tcp", "30443", "30443", "0.0.0.0/0"),
        ("udp", "53", "53", "0.0.0.0/0"),
        ("tcp", "8000", "8010", "10.0.0.0/8"),
        ("tcp", "9000", "9001", "0.0.0.0/0"),
    }
    assert properties(result, "worker_0_port")["security_groups"] == [get_resource("members"), get_resource("worker_ports")]
    assert default(result, "ssh_cidr") == "0.0.0.0/0"


def test_a_port_22_of_the_template_takes_the_place_of_ssh_for_everybody(tmp_path: Path) -> None:
    ports = "{ ssh: { protocol: tcp, source: 22, remote_cidr: 192.0.2.0/24 } }"
    result = made(indigo(f"endpoint: {{ properties: {{ ports: {ports} }} }}"), tmp_path)
    assert rules(result, "worker_ports") == {("tcp", "22", "22", "192.0.2.0/24")}
    assert "ssh_cidr" not in result.document.parameters


def test_servers_with_the_same_ports_share_a_group(tmp_path: Path) -> None:
    result = made(
        indigo(COUNT, "    other: { type: tosca.nodes.Compute, capabilities: { os: { properties: { type: linux } } } }\n"),
        tmp_path,
        None,
    )
    assert counts(result.document)["Neutron::SecurityGroup"] == 2


# Storage

DISK = """\
    disk: { type: tosca.nodes.BlockStorage, properties: { size: 10 GB } }
"""
ATTACHED = """\
      requirements:
        - local_storage: { node: disk, relationship: { type: tosca.relationships.AttachesTo, properties: { PROPS } } }
"""


def test_each_instance_has_its_volume(tmp_path: Path) -> None:
    more = ATTACHED.replace("PROPS", "location: /data, device: vdb") + DISK
    result = made(indigo(COUNT, more), tmp_path)
    assert counts(result.document)["Cinder::Volume"] == counts(result.document)["Cinder::VolumeAttachment"] == 2
    assert properties(result, "disk_1") == {"size": 10}
    assert properties(result, "worker_1_disk") == {
        "instance_uuid": get_resource("worker_1"),
        "volume_id": get_resource("disk_1"),
        "mountpoint": "/dev/vdb",
    }
    assert result.attributes["disk"]["volume_id"] == [get_resource("disk_0"), get_resource("disk_1")]
    assert any("/data" in text for text in result.notices)


def test_a_volume_of_size_0_is_none(tmp_path: Path) -> None:
    """Templates offer it as the choice to have no disk."""
    more = ATTACHED.replace("PROPS", "location: /data") + DISK.replace("10 GB", "0 GiB")
    result = made(indigo(COUNT, more), tmp_path)
    assert not {"Cinder::Volume", "Cinder::VolumeAttachment"} & counts(result.document).keys()
    assert "disk is left out: its size is 0" in result.notices


def test_volumes_that_no_server_has_are_in_the_order_of_the_template(tmp_path: Path) -> None:
    """Which stack of several they come into must not be chance."""
    names = [f"disk_{letter}" for letter in "hgfedcba"]
    disks = "".join(DISK.replace("disk:", f"{name}:") for name in names)
    result = made(indigo(COUNT, disks), tmp_path)
    found = [name for name, one in result.document.resources.items() if one.type == "OS::Cinder::Volume"]
    assert found == names


def test_volumes_and_snapshots_that_exist(tmp_path: Path) -> None:
    more = ATTACHED.replace("PROPS", "location: /data") + DISK.replace("size: 10 GB", "volume_id: v1")
    result = made(indigo(COUNT, more), tmp_path, number=1)
    assert counts(result.document)["Cinder::Volume"] == 0 and default(result, "disk_volume") == "v1"
    more = more.replace("volume_id: v1", "snapshot_id: s1")
    assert properties(made(indigo(COUNT, more), tmp_path, number=1), "disk_0") == {"snapshot_id": "s1"}


def test_object_storage_is_a_container(tmp_path: Path) -> None:
    text = """\
    topology_template:
      node_templates:
        store: { type: tosca.nodes.Storage.ObjectStorage, properties: { name: results, maxsize: 1 GB } }
    """
    assert properties(made(text, tmp_path), "store") == {"name": "results", "X-Container-Meta": {"quota-bytes": "1000000000"}}


# Load balancers, policies


def test_a_load_balancer(tmp_path: Path) -> None:
    text = """\
    topology_template:
      node_templates:
        a: &server { type: Compute, capabilities: { os: { properties: { distribution: Debian } } } }
        b: *server
        web_a:
          type: WebServer
          requirements: [ { host: a } ]
          capabilities: { data_endpoint: { properties: { port: 8080 } } }
        web_b:
          type: WebServer
          requirements: [ { host: b } ]
          capabilities: { data_endpoint: { properties: { port: 8080 } } }
        front:
          type: LoadBalancer
          properties: { algorithm: least_connections }
          capabilities: { client: { properties: { protocol: http, port: 80 } } }
          requirements:
            - application: { node: web_a, capability: data_endpoint }
            - application: { node: web_b, capability: data_endpoint }
      outputs: { address: { value: { get_attribute: [ front, client, ip_address ] } } }
    """
    result = made(text, tmp_path)
    found = counts(result.document)
    assert found["Octavia::LoadBalancer"] == found["Octavia::Listener"] == found["Octavia::HealthMonitor"] == 1
    assert properties(result, "front_pool")["lb_algorithm"] == "LEAST_CONNECTIONS"
    assert properties(result, "front_listener")["protocol_port"] == 80
    members = [one.properties for one in result.document.resources.values() if one.type == "OS::Octavia::PoolMember"]
    assert [(one["protocol_port"], one["address"]) for one in members] == [
        (8080, get_attr("a_port", "fixed_ips", 0, "ip_address")),
        (8080, get_attr("b_port", "fixed_ips", 0, "ip_address")),
    ]
    assert result.document.outputs["address"][0] == get_attr("front_floating_ip", "floating_ip_address")


POLICIES = """\
policy_types:
  my.Scaling:
    derived_from: tosca.policies.Scaling
    properties:
      min_instances: { type: integer }
      max_instances: { type: integer }
      default_instances: { type: integer }
      increment: { type: integer }
  my.Placement:
    derived_from: tosca.policies.Placement
    properties: { policy: { type: string }, strict: { type: boolean, default: true } }
topology_template:
  node_templates:
    server: { type: Compute, capabilities: { os: { properties: { distribution: Debian } } } }
  policies:
"""


@pytest.mark.parametrize(
    ("given", "policy"),
    [
        ("policy: anti-affinity", "anti-affinity"),
        ("policy: affinity", "affinity"),
        ("policy: anti-affinity, strict: false", "soft-anti-affinity"),
    ],
)
def test_policies_of_affinity_are_server_groups(given: str, policy: str, tmp_path: Path) -> None:
    text = POLICIES + f"    - apart: {{ type: my.Placement, targets: [ server ], properties: {{ {given} }} }}\n"
    result = made(text, tmp_path)
    assert properties(result, "apart") == {"name": "apart", "policies": [policy]}
    assert properties(result, "server")["scheduler_hints"] == {"group": get_resource("apart")}


def test_a_scaling_policy_is_an_autoscaling_group(tmp_path: Path) -> None:
    text = POLICIES + (
        "    - grow:\n        type: my.Scaling\n        targets: [ server ]\n"
        "        properties: { min_instances: 2, max_instances: 10, default_instances: 3, increment: 2 }\n"
    )
    result = made(text, tmp_path)
    group = properties(result, "server_group")
    assert (group["min_size"], group["max_size"], group["desired_capacity"]) == (2, 10, 3)
    assert group["resource"]["type"] == "server.yaml"
    assert properties(result, "grow_scale_out")["scaling_adjustment"] == 2
    assert properties(result, "grow_scale_in")["scaling_adjustment"] == -2
    nested = result.files["server.yaml"]
    assert counts(nested) == {"Neutron::Port": 1, "Nova::Server": 1}
    assert set(group["resource"]["properties"]) == set(nested.parameters)
    assert result.attributes["server"]["private_address"] == get_attr("server_group", "outputs_list", "private_address")


# Outputs, software


def test_outputs_are_made_of_addresses(tmp_path: Path) -> None:
    more = """\
  outputs:
    first: { description: The first, value: { get_attribute: [ worker, private_address, 0 ] } }
    all: { value: { get_attribute: [ worker, private_address ] } }
    url: { value: { concat: [ 'http://', get_attribute: [ worker, private_address, 1 ], ':', 80 ] } }
    plain: { value: { get_input: number } }
"""
    outputs = made(indigo(COUNT, more), tmp_path).document.outputs
    address = [get_attr(f"worker_{index}_port", "fixed_ips", 0, "ip_address") for index in (0, 1)]
    assert outputs["first"] == (address[0], "The first")
    assert outputs["all"][0] == address and outputs["plain"][0] == 2
    assert outputs["url"][0] == {"list_join": ["", ["http://", address[1], ":", "80"]]}


def test_software_is_left_out_with_a_notice(tmp_path: Path) -> None:
    more = """\
    app: { type: tosca.nodes.SoftwareComponent, requirements: [ { host: worker } ] }
  outputs:
    state: { value: { get_attribute: [ app, state ] } }
"""
    result = made(indigo("", more), tmp_path)
    assert "app" not in result.document.resources
    assert any("app" in text and "SSH" in text for text in result.notices)
    assert [(item.code, item.severity) for item in result.found] == [("BBQ-R008", "warning")]
    assert "state" not in result.document.outputs


def test_a_key_of_the_template(tmp_path: Path) -> None:
    credential = "credential: { user: debian, token_type: public_key, token: ssh-ed25519 AAAA me }"
    text = indigo("").replace("image: debian-12", f"image: debian-12, {credential}")
    result = made(text, tmp_path)
    assert properties(result, "worker_key")["public_key"] == "ssh-ed25519 AAAA me"
    assert properties(result, "worker_0")["key_name"] == get_resource("worker_key")
    assert "key_name" not in result.document.parameters


def test_host_names_of_the_template(tmp_path: Path) -> None:
    result = made(indigo(f"{COUNT}, endpoint: {{ properties: {{ dns_name: 'wn-#N#' }} }}"), tmp_path)
    assert [properties(result, name)["name"] for name in servers(result)] == ["wn-0", "wn-1"]


# What is wrong, all at once


def test_everything_that_is_wrong_is_said_at_once_with_its_place(tmp_path: Path) -> None:
    text = """\
    topology_template:
      node_templates:
        large:
          type: Compute
          capabilities:
            host: { properties: { num_cpus: 99 } }
            os: { properties: { distribution: Plan9 } }
            endpoint: { properties: { network_name: PRIVATE } }
        lan:
          type: tosca.nodes.network.Network
          properties: { cidr: 10.0.0.0/24, gateway_ip: 10.1.0.1 }
        lan2:
          type: tosca.nodes.network.Network
          properties: { cidr: 10.0.0.128/25 }
        gone:
          type: tosca.nodes.network.Network
          properties: { network_name: nowhere }
        disk: { type: tosca.nodes.Storage.BlockStorage }
    """
    found = translate(topology_of(text, tmp_path), CLOUD).found
    assert [(item.line, item.code) for item in found] == [
        (7, "BBQ-R001"),
        (8, "BBQ-R002"),
        (12, "BBQ-R006"),
        (15, "BBQ-R006"),
        (18, "BBQ-R004"),
        (19, "BBQ-R005"),
    ]
    assert all(item.hint for item in found if item.code in ("BBQ-R001", "BBQ-R002", "BBQ-R004"))


@pytest.mark.parametrize(
    ("capabilities", "image", "code"),
    [
        ("", "twin", "BBQ-R003"),
        ("", "nothing", "BBQ-R002"),
        ("", "eu-west-1/ami-0773391ae604c49a4", "BBQ-R002"),
        ("host: { properties: { instance_type: m9.huge } }", "d12", "BBQ-R001"),
        ("endpoint: { properties: { network_name: private.PUBLIC } }", "d12", None),
        ("endpoint: { properties: { network_name: 'private,private' } }", "d12", "BBQ-R004"),
        ("endpoint: { properties: { ports: { x: { protocol: tcp } } } }", "d12", "BBQ-R005"),
        ("endpoint: { properties: { ports: { x: { target: 1, remote_cidr: 1.2.3 } } } }", "d12", "BBQ-R006"),
        ("scalable: { properties: { count: -1 } }", "d12", "BBQ-R005"),
        ("scalable: { properties: { removal_list: [ other ] } }", "d12", "BBQ-R005"),
    ],
)
def test_what_is_wrong_with_a_server(capabilities: str, image: str, code: str | None, tmp_path: Path) -> None:
    found = translate(topology_of(indigo(capabilities).replace("debian-12", image), tmp_path), CLOUD).found
    assert [item.code for item in found] == ([] if code is None else [code]), found
    assert all(item.severity == "error" and item.line > 40 for item in found)


def test_two_networks_that_would_do_are_a_choice(tmp_path: Path) -> None:
    cloud = replace(CLOUD, networks=(CloudNetwork("a"), CloudNetwork("b"), CloudNetwork("public", external=True)))
    graph = topology_of(indigo(""), tmp_path)
    assert [item.code for item in translate(graph, cloud).found] == ["BBQ-R010"]
    result = translate(graph, replace(cloud, defaults={"network": "b"}))
    assert not result.found and default(result, "network") == "b"


def test_one_address_for_several_servers(tmp_path: Path) -> None:
    more = """\
    lan: { type: tosca.nodes.network.Network, properties: { cidr: 10.9.0.0/24 } }
    port:
      type: tosca.nodes.network.Port
      properties: { ip_address: 10.9.0.9 }
      requirements: [ { binding: worker }, { link: lan } ]
"""
    graph = topology_of(indigo(COUNT, more), tmp_path)
    assert [item.code for item in translate(graph, CLOUD).found] == ["BBQ-R006"]
    check(made(indigo(COUNT, more), tmp_path, number=1), tmp_path)


# Scaling, the command line, the page


LIMITED = """\
topology_template:
  node_templates:
    server:
      type: Compute
      capabilities:
        scalable: { properties: { min_instances: 1, default_instances: 2, max_instances: 3 } }
        os: { properties: { distribution: Debian } }
    single: { type: Compute, capabilities: { os: { properties: { distribution: Debian } } } }
"""


def scaled(directory: Path, **numbers: int) -> tuple[Any, list[Any]]:
    service, _ = tosca.load(str(directory / "service.yaml"))
    assert service is not None
    return topology.build(service, inputs={}, provider="openstack", overrides=numbers)


def test_servers_are_scaled_by_their_capability(tmp_path: Path) -> None:
    built = topology_of(LIMITED, tmp_path)
    assert built.nodes["server"].instances() == 2 and built.nodes["single"].instances() is None
    more, found = scaled(tmp_path, server=3)
    assert not found and more.nodes["server"].instances() == 3
    result = translate(more, CLOUD)
    assert servers(result) == ["server", "server_1", "server_2", "single"]
    assert result.attributes["single"]["private_address"] == get_attr("single_port", "fixed_ips", 0, "ip_address")
    for numbers, words in (({"server": 4}, "from 1 to 3"), ({"server": 0}, "from 1 to 3"), ({"single": 2}, "cannot be scaled")):
        nothing, found = scaled(tmp_path, **numbers)
        assert nothing is None and [item.code for item in found] == ["BBQ-G042"] and words in found[0].message


def test_a_count_of_servers_is_scaled(tmp_path: Path) -> None:
    topology_of(indigo(COUNT), tmp_path)
    service, _ = tosca.load(str(tmp_path / "service.yaml"))
    assert service is not None
    built, found = topology.build(service, inputs={"number": 2}, provider="openstack", overrides={"worker": 0})
    assert not found and built is not None and built.nodes["worker"].instances() == 0
    assert servers(translate(built, CLOUD)) == []


CATALOGUE = """\
flavors: [ { name: small, vcpus: 2, ram: 4096 } ]
images: [ { name: debian, id: 0815, os_distro: debian } ]
networks: [ { name: lan }, { name: wan, external: true } ]
keypairs: [ mine ]
"""


def run(*argv: str) -> int:
    from bbq.cli.session import run as command

    return command(["render", *argv])


def test_the_command_writes_what_can_be_deployed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topology_of(
        indigo("endpoint: { properties: { network_name: PUBLIC } }").replace("image: debian-12", "distribution: Debian"),
        tmp_path,
    )
    (tmp_path / "cloud.yaml").write_text(CATALOGUE)
    argv = [
        str(tmp_path / "service.yaml"),
        "--to",
        "hot",
        "-o",
        str(tmp_path / "out"),
        "--catalogue",
        str(tmp_path / "cloud.yaml"),
    ]
    assert run(*argv) == 0
    text = (tmp_path / "out" / "stack.yaml").read_text()
    assert "# openstack stack create --wait -t stack.yaml" in text and "--parameter" not in text
    parameters = {name: item.default for name, item in bbq.hot.load(tmp_path / "out" / "stack.yaml")[0].parameters.items()}
    assert parameters == {
        "image": "debian",
        "flavor": "small",
        "key_name": "mine",
        "network": "lan",
        "public_network": "wan",
        "ssh_cidr": "0.0.0.0/0",
    }
    assert "stack.yaml" in capsys.readouterr().err


def test_the_command_shows_the_lines_that_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    topology_of(indigo("host: { properties: { num_cpus: 9 } }"), tmp_path)
    (tmp_path / "cloud.yaml").write_text(CATALOGUE)
    assert run(str(tmp_path / "service.yaml"), "--to", "hot", "--catalogue", str(tmp_path / "cloud.yaml")) == 4
    shown = "".join(capsys.readouterr())
    assert "BBQ-R001" in shown and "BBQ-R002" in shown and "num_cpus: 9" in shown and "^" in shown
    (tmp_path / "cloud.yaml").write_text("flavours: []\nimages: 3\n")
    assert run(str(tmp_path / "service.yaml"), "--to", "hot", "--catalogue", str(tmp_path / "cloud.yaml")) == 4
    shown = "".join(capsys.readouterr())
    assert shown.count("BBQ-R009") == 2 and "did you mean `flavors`?" in shown
    assert run(str(tmp_path / "service.yaml"), "--to", "compose", "--catalogue", "x") == 2


def test_the_page_shows_what_comes_out(tmp_path: Path) -> None:
    """The example of docs/how-to/render-heat.md, to the letter."""
    text = indigo(
        "scalable: { properties: { count: 1 } }, host: { properties: { num_cpus: 2, mem_size: 4 GB } },"
        " endpoint: { properties: { network_name: PUBLIC } }",
        "  outputs: { url: { value: { concat: [ 'http://', get_attribute: [ master, public_address, 0 ], ':8080' ] } } }\n",
        "master",
    ).replace("debian-12", "ost://cloud.example.org/8f667fbc")
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "render-heat.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    assert written(made(text, tmp_path, None).document) == example
