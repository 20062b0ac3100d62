"""The bundled profiles are valid themselves, and so is what comes with bbq."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bbq.tosca
from bbq.datafiles import data_dir
from bbq.tosca.codes import CODES
from bbq.tosca.places import PROFILES

TYPES = data_dir("templates") / "types"


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profiles_are_valid(name):
    service, found = bbq.tosca.load(TYPES / PROFILES[name])
    assert service is not None and not found, "\n".join(map(str, found))


@pytest.mark.parametrize(
    "path",
    sorted(path for path in data_dir("templates").glob("*/*.yaml") if "types" not in (path.parent.name, path.stem)),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_substitution_templates_are_valid(path):
    service, found = bbq.tosca.load(path)
    assert service is not None and not found, "\n".join(map(str, found))
    assert service.substitution is not None or path.name == "types.yaml"  # a profile


NORMATIVE = {
    # version: data, artifact, capability, interface, relationship, node, group, policy types
    "1.0": (6, 12, 13, 3, 8, 15, 1, 5),
    "1.1": (7, 12, 16, 3, 8, 15, 1, 5),
    "1.2": (9, 12, 16, 3, 8, 17, 1, 5),
    "1.3": (9, 13, 16, 3, 8, 17, 1, 5),
}
KINDS = ("data", "artifact", "capability", "interface", "relationship", "node", "group", "policy")


def of_version(templates, version, text=""):
    name = version.replace(".", "_")
    service, found, _ = templates.read(f"tosca_definitions_version: tosca_simple_yaml_{name}\n{text}")
    assert not [item for item in found if item.severity == "error"]
    return service, found


@pytest.mark.parametrize("version", list(NORMATIVE))
def test_normative_types(templates, version):
    service, _ = of_version(templates, version)
    assert tuple(sum(kind == found for found, _ in service.types) for kind in KINDS) == NORMATIVE[version]
    compute = service.types["node", "tosca.nodes.Compute"]
    assert set(compute.capabilities) == {"feature", "host", "endpoint", "os", "scalable", "binding"}
    assert list(compute.interfaces["Standard"].operations) == ["create", "configure", "start", "stop", "delete"]
    host = compute.capabilities["host"]
    assert {"num_cpus", "cpu_frequency", "disk_size", "mem_size"} <= set(host.properties)
    assert (
        service.types["capability", host.type].ancestry[-2:]
        == {
            "1.0": ("tosca.capabilities.Container", "tosca.capabilities.Root"),
            "1.1": ("tosca.capabilities.Compute", "tosca.capabilities.Root"),
            "1.2": ("tosca.capabilities.Container", "tosca.capabilities.Root"),
            "1.3": ("tosca.capabilities.Container", "tosca.capabilities.Root"),
        }[version]
    )
    assert ("node", "tosca.nodes.Abstract.Compute") in service.types or version in ("1.0", "1.1")
    assert ("data", "tosca.datatypes.TimeInterval") in service.types or version == "1.0"
    assert ("data", "tosca.datatypes.json") in service.types or version in ("1.0", "1.1")
    assert ("Standard" in service.types["group", "tosca.groups.Root"].interfaces) == (version != "1.3")


@pytest.mark.parametrize("version", list(NORMATIVE))
def test_a_renamed_type_is_found_with_a_warning(templates, version):
    for name in ("tosca.nodes.BlockStorage", "tosca.nodes.Storage.BlockStorage", "BlockStorage", "tosca:BlockStorage"):
        text = f"topology_template: {{ node_templates: {{ d: {{ type: {name}, properties: {{ size: 1 GB }} }} }} }}\n"
        service, found = of_version(templates, version, text)
        own = "tosca.nodes.BlockStorage" if version == "1.0" else "tosca.nodes.Storage.BlockStorage"
        assert service.node_templates["d"].type.name == own
        assert [item.code for item in found] == (["BBQ-T209"] if name.count(".") and name != own else [])


def test_the_profile_for_nfv_as_of_draft_4(templates):
    service, found, _ = templates.read("""\
        tosca_definitions_version: tosca_simple_profile_for_nfv_1_0
        topology_template:
          node_templates:
            unit:
              type: tosca:VDU.Compute
              properties: { name: a, description: b, configurable_properties: {} }
              capabilities:
                virtual_compute:
                  properties: { virtual_cpu: { num_virtual_cpu: 2 }, virtual_memory: { virtual_mem_size: 1 GB } }
            point: { type: tosca.nodes.nfv.VduCpd, requirements: [ { virtual_binding: unit } ] }
        """)
    assert not found
    assert "tosca.nodes.Compute" in service.node_templates["unit"].type.ancestry


def test_the_profile_for_nfv_as_of_draft_3(templates):
    service = templates.good("""\
        tosca_definitions_version: tosca_simple_profile_for_nfv_1_0_0
        topology_template:
          node_templates:
            unit: { type: tosca.nodes.nfv.VDU }
            link: { type: tosca.nodes.nfv.VL, properties: { vendor: v } }
            point: { type: tosca.nodes.nfv.CP, requirements: [ { virtualLink: link }, { virtualBinding: unit } ] }
          policies: [ { p: { type: tosca.policies.Monitoring } } ]
        """)
    assert [item.node for item in service.node_templates["point"].requirements if item.node] == ["link", "unit"]


def test_a_service_holds_every_type_it_imports(templates):
    service = templates.good('tosca_definitions_version: tosca_2_0\nimports: [ { profile: "bbq:1.0" } ]\n')
    again = templates.good('tosca_definitions_version: tosca_2_0\nimports: [ { profile: "bbq:1.0" } ]\n')
    assert ("relationship", "tosca.relationships.HostedOn") in service.types
    assert service.types.keys() == again.types.keys() and service.digest == again.digest and service.files == again.files


def test_nothing_heavy_is_imported():
    code = "import sys, bbq.tosca; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"oslo_config", "requests", "rich", "jinja2", "psycopg", "openstack", "keystoneauth1", "msgspec"} & set(out)


def test_every_code_in_the_source_is_in_the_table():
    import re

    used = set()
    home = Path(bbq.tosca.__file__).parent
    for path in (*home.glob("*.py"), *home.with_name("origins").glob("*.py")):
        if path.name != "codes.py":
            used |= set(re.findall(r"BBQ-T\d+", path.read_text()))
    assert used == set(CODES)
