"""The bundled profiles are valid themselves, and so is what comes with bbq."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bbq.tosca
from bbq.datafiles import data_dir
from bbq.tosca.codes import CODES
from bbq.tosca.files import PROFILES

TYPES = data_dir("templates") / "types"


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profiles_are_valid(name):
    service, found = bbq.tosca.load(TYPES / PROFILES[name])
    assert service is not None and not found, "\n".join(map(str, found))


@pytest.mark.parametrize(
    "path",
    sorted(path for path in data_dir("templates").glob("*/*.yaml") if path.parent.name != "types"),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_substitution_templates_are_valid(path):
    service, found = bbq.tosca.load(path)
    assert service is not None and not found, "\n".join(map(str, found))
    assert service.substitution is not None


def test_normative_types_of_1_3():
    service, _ = bbq.tosca.load(TYPES / PROFILES["tosca-simple:1.3"])
    kinds = {kind: {name for found, name in service.types if found == kind} for kind, _ in service.types}
    assert {"tosca.nodes.Root", "tosca.nodes.Compute", "tosca.nodes.network.Port", "tosca.nodes.LoadBalancer"} <= kinds["node"]
    assert {kind: len(names) for kind, names in kinds.items()} == {
        "data": 9,
        "artifact": 13,
        "capability": 15,
        "interface": 3,
        "relationship": 8,
        "node": 16,
        "group": 1,
        "policy": 5,
    }
    compute = service.types["node", "tosca.nodes.Compute"]
    assert compute.ancestry == ("tosca.nodes.Compute", "tosca.nodes.Abstract.Compute", "tosca.nodes.Root")
    assert set(compute.capabilities) == {"feature", "host", "endpoint", "os", "scalable", "binding"}
    assert list(compute.interfaces["Standard"].operations) == ["create", "configure", "start", "stop", "delete"]


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
    for path in Path(bbq.tosca.__file__).parent.glob("*.py"):
        if path.name != "codes.py":
            used |= set(re.findall(r"BBQ-T\d+", path.read_text()))
    assert used == set(CODES)
