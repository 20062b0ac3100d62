"""One node of a template for several servers, and operations on them: each server, and what is on it, has a life of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import use_guests
from tests.openstack.test_repair import delete
from tests.openstack.tools import Cli, servers, stacks

pytestmark = pytest.mark.timeout(900)
CORPORA = Path(__file__).parents[3] / "shared/corpora"

TEMPLATE = """\
tosca_definitions_version: tosca_simple_yaml_1_3
node_types:
  my.Worker:
    derived_from: tosca.nodes.SoftwareComponent
    attributes: { seen: { type: string } }
    interfaces:
      Standard:
        type: tosca.interfaces.node.lifecycle.Standard
        operations:
          create:
            implementation: worker.sh
            inputs:
              OWN: { get_attribute: [ HOST, private_address ] }
              FIRST: { get_attribute: [ server, private_address, 0 ] }
              ALL: { get_attribute: [ server, private_address ] }
            outputs: { seen: { mapping: [ SELF, seen ] } }
          delete: leave.sh
topology_template:
  inputs: { number: { type: integer, default: 2 } }
  node_templates:
    worker: { type: my.Worker, requirements: [ { host: server } ] }
    tool:
      type: tosca.nodes.SoftwareComponent
      requirements: [ { host: worker } ]
      interfaces: { Standard: { create: { implementation: tool.sh, inputs: { SEEN: { get_attribute: [ worker, seen ] } } } } }
    server:
      type: tosca.nodes.Compute
      capabilities:
        os: { properties: { distribution: debian } }
        scalable: { properties: { min_instances: 0, max_instances: 5, default_instances: { get_input: number } } }
  outputs:
    addresses: { value: { get_attribute: [ server, private_address ] } }
    seen: { value: { get_attribute: [ worker, seen ] } }
"""
PROGRAMS = {
    "worker.sh": '#!/bin/sh\necho "seen=$OWN $FIRST"\n',
    "tool.sh": '#!/bin/sh\nset -- $SEEN\n[ $# = 2 ] && hostname -I | grep -q "$1"\n',
    "leave.sh": "#!/bin/sh\nexit 0\n",
}


def test_a_life_for_each_server(cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    use_guests(cli, testcloud)
    (cli.directory / "workers.yaml").write_text(TEMPLATE)
    for file, text in PROGRAMS.items():
        (cli.directory / file).write_text(text)
    up = ("up", "workers.yaml", "--provider", "openstack", "--name", name)

    def seen() -> list[str]:
        found = cli.json("outputs", name)["outputs"]
        addresses = found["addresses"]
        if len(addresses) == 1:  # what software on one server tells is no list
            assert found["seen"] == f"{addresses[0]} {addresses[0]}"
        elif addresses:
            assert found["seen"] == [f"{own} {addresses[0]}" for own in addresses], "each was told its own server's"
        return [*addresses]

    cli(*up)
    two = seen()
    assert len(two) == 2 and "nothing to do" in cli("plan", *up[1:])

    said = cli("scale", name, "server=3")
    assert "worker[2]: Standard.create done" in said and "worker[0]: Standard" not in said
    three = seen()
    assert three[:2] == two and len(servers(cloud, name)) == 3

    delete(cloud, next(one for one in servers(cloud, name) if one["metadata"]["bbq_node"] == "server[1]"))
    said = cli("drift", name, code=3)
    assert "server[1]" in said and "server[0]" not in said
    said = cli(*up, "--input", "number=3")
    assert "worker[1]: Standard.create done" in said and "worker[0]: Standard" not in said
    assert seen() == three

    said = cli("scale", name, "server=1")
    assert "worker[2]: deleted" in said and "worker[1]: deleted" in said and seen() == two[:1]
    cli("scale", name, "server=0")
    assert seen() == [] and not servers(cloud, name)
    cli("destroy", name, "--yes")
    assert not stacks(cloud, name)


ROLE = """\
- ansible.builtin.copy:
    content: "{{ kube_server | default(chart | default(nfs_mode)) }}"
    dest: "/etc/{{ role_name }}"
"""
ROLES = ("cloud-pg.kubernetes", "cloud-pg.ansible_role_helm", "indigo-dc.nfs", "indigo-dc.openvpn", "grycap.ntp")
PLAYBOOKS = {
    "lrms/kubernetes/kube_fe_install.yml": ("kube_server: '{{ kube_front_end_ip }}'", "cloud-pg.kubernetes"),
    "lrms/kubernetes/kube_wn_install.yml": ("kube_server: '{{ kube_front_end_ip }}'", "cloud-pg.kubernetes"),
    "helm/helm.yml": ("helm_chart: '{{ chart }}'", "cloud-pg.ansible_role_helm"),
}


def test_a_dodas_template_as_it_is(cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    """With its own types. Its playbooks are in the form of those that the types name; the roles only say that they were here,
    for what they would install is not in reach of the servers."""
    template = CORPORA / "indigo-tosca-templates/k8s_cms_fix/dodas/Spark-K8s.yaml"
    if not template.exists():
        pytest.skip("the corpora are not here")
    use_guests(cli, testcloud)
    del cli.environment["BBQ_ANSIBLE__USER"]
    types = cli.directory / "types"
    for file, (variable, role) in PLAYBOOKS.items():
        path = types / "artifacts" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"- hosts: localhost\n  connection: local\n  roles:\n  - role: {role}\n    {variable}\n")
    shutil.copy(CORPORA / "indigo-tosca-types/k8s_fix/custom_types.yaml", types)
    for role in ROLES:
        (cli.directory / f"roles/{role}/tasks").mkdir(parents=True)
        (cli.directory / f"roles/{role}/tasks/main.yml").write_text(ROLE)
    cli.environment |= {"BBQ_ANSIBLE__ROLES_PATH": str(cli.directory / "roles"), "BBQ_ANSIBLE__BECOME": "true"}
    up = ("up", str(template), "--provider", "openstack", "--name", name, "--input", "server_image=ubuntu")
    up += ("--import-map", f"https://raw.githubusercontent.com/indigo-dc/tosca-types/k8s/={types}")
    said = cli(*up)
    for node in ("k8s_master[0]", "k8s_slave[0]", "k8s_slave[1]", "helm_spark[0]"):
        assert f"{node}: Standard." in said
    outputs = cli.json("outputs", name)["outputs"]
    master = outputs["k8s_endpoint"].removeprefix("https://").partition(":")[0]
    assert outputs["webui_endpoint"] == f"http://{master}:30083"
    found = {server["metadata"]["bbq_node"] for server in servers(cloud, name)}
    assert found == {"k8s-master-server[0]", "k8s-slave-server[0]", "k8s-slave-server[1]"}
    assert "nothing to do" in cli("plan", *up[1:])
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)
