"""Software that operations put on servers of a real cloud: in TOSCA's order, over SSH, gone with its servers."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import use_guests
from tests.openstack.tools import Cli, servers, stacks

pytestmark = pytest.mark.timeout(600)

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
node_types:
  my.Page:
    derived_from: tosca.nodes.SoftwareComponent
    properties: { title: { type: string } }
    attributes: { kernel: { type: string } }
    interfaces:
      Standard:
        type: tosca.interfaces.node.lifecycle.Standard
        inputs: { title: { type: string, value: { $get_property: [ SELF, title ] } } }
        operations:
          create:
            implementation: create.sh
            outputs: { kernel: { type: string, mapping: [ SELF, kernel ] } }
          start: { implementation: start.yml }
service_template:
  inputs:
    title: { type: string, default: Hello }
    number: { type: integer, default: 1 }
  node_templates:
    server:
      type: tosca.nodes.Compute
      count: { $get_input: number }
      capabilities: { endpoint: { properties: { network_name: PUBLIC, protocol: tcp, port: 8080 } } }
    page:
      type: my.Page
      count: { $get_input: number }
      properties: { title: { $get_input: title } }
      requirements: [ { host: [ server, { $node_index: [] } ] } ]
  outputs:
    pages: { value: { $get_attribute: [ server, ALL, public_address ] } }
"""
CREATE = '#!/bin/sh\nset -e\nmkdir -p ~/page\necho "$title on $(id -un)" > ~/page/index.html\necho "kernel=$(uname -s)"\n'
START = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: a web server
      ansible.builtin.include_role: { name: bbq.program }
      vars:
        program_name: page
        program_place: "/home/debian/page/program"
        program_argv: [ /usr/bin/python3, -m, http.server, --directory, /home/debian/page, "8080" ]
    - name: it answers
      ansible.builtin.wait_for: { port: 8080, timeout: 30 }
"""


@pytest.fixture
def template(cli: Cli, testcloud: TestCloud) -> Path:
    path = cli.directory / "page.yaml"
    path.write_text(TEMPLATE)
    (cli.directory / "create.sh").write_text(CREATE)
    (cli.directory / "start.yml").write_text(START)
    use_guests(cli, testcloud)
    return path


def _page(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}:8080/", timeout=10) as answer:
        text: str = answer.read().decode().strip()
    return text


def test_up_change_scale_destroy(cli: Cli, template: Path, cloud: Cloud, name: str) -> None:
    up = ("up", str(template), "--provider", "openstack", "--name", name)
    cli(*up)
    (address,) = cli.json("outputs", name)["outputs"]["pages"]
    assert _page(address) == "Hello on debian"
    assert "a web server" in cli("logs", name, "page[0]")
    assert "nothing to do" in cli("plan", *up[1:])

    cli(*up, "--input", "title=Bye", "--input", "number=2")
    pages = cli.json("outputs", name)["outputs"]["pages"]
    assert [_page(one) for one in pages] == ["Bye on debian"] * 2 and pages[0] == address
    cli(*up, "--input", "title=Bye", "--input", "number=1")
    assert len(servers(cloud, name)) == 1 and _page(address) == "Bye on debian"

    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


def test_an_operation_fails(cli: Cli, template: Path, name: str) -> None:
    """The user of the image by default; a failing operation names the task and the server."""
    del cli.environment["BBQ_ANSIBLE__USER"]
    (template.parent / "create.sh").write_text("#!/bin/sh\necho no room for it; exit 3\n")
    out = cli("up", str(template), "--provider", "openstack", "--name", name, code=7)
    assert "ubuntu@" in out and "no room for it" in out
    cli("destroy", name, "--yes")
