"""From a TOSCA text to the Heat template that it becomes, held to the front end of Heat's templates."""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

import bbq.hot
from bbq import topology, tosca
from bbq.render.hot import Catalogue, Translation, translate
from bbq.render.hot.catalogue import CloudNetwork, Flavor, Image
from bbq.render.hot.model import Document
from bbq.render.hot.parts import split
from bbq.render.hot.text import written
from bbq.topology.model import Topology

HEAD = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
CLOUD = Catalogue(
    flavors=(
        Flavor("m1.tiny", "1", 1, 512, 1),
        Flavor("m1.small", "2", 1, 2048, 20),
        Flavor("m1.medium", "3", 2, 4096, 40),
        Flavor("m1.large", "4", 4, 8192, 80),
        Flavor("g1.large", "5", 4, 8192, 80, gpus=1),
    ),
    images=(
        Image("debian-12", "d12", "linux", "debian", "12", "x86_64"),
        Image("Ubuntu 20.04", "u20"),
        Image("Ubuntu 22.04 LTS", "u22"),
        Image("twin", "t1"),
        Image("twin", "t2"),
    ),
    networks=(CloudNetwork("private", "n1"), CloudNetwork("public", "n2", external=True)),
    keypairs=("mine",),
    availability_zones=("nova",),
)


def topology_of(text: str, directory: Path, **inputs: Any) -> Topology:
    path = directory / "service.yaml"
    text = textwrap.dedent(text)
    path.write_text(text if "tosca_definitions_version" in text else HEAD + text)
    service, found = tosca.load(str(path))
    assert service is not None, "\n".join(map(str, found))
    values, found = tosca.check_inputs(service, inputs)
    assert not found, found
    built, found = topology.build(service, inputs=values, provider="simulator")
    assert built is not None, "\n".join(map(str, found))
    return built


def made(text: str, directory: Path, catalogue: Catalogue | None = CLOUD, **inputs: Any) -> Translation:
    """The translation, which must be without errors and valid in the eyes of bbq's own reader of Heat templates."""
    result = translate(topology_of(text, directory, **inputs), catalogue)
    assert not result.failed, "\n".join(map(str, result.found))
    check(result, directory)
    return result


def check(result: Translation, directory: Path, most: int = -1) -> list[Document]:
    """Each document, and each that it nests, is read without a finding."""
    for name, nested in result.files.items():
        (directory / name).write_text(written(nested, "A comment"))
    pieces = split(result.document, most)
    for number, piece in enumerate(pieces):
        path = directory / f"piece-{number}.yaml"
        path.write_text(written(piece))
        template, found = bbq.hot.load(path)
        assert template is not None and not found, "\n".join(map(str, found)) + "\n" + path.read_text()
        # The text says what the data says.
        assert yaml.load(path.read_text(), yaml.BaseLoader)["resources"].keys() == piece.resources.keys()
    return pieces


def counts(document: Document) -> Counter[str]:
    """How many resources there are of each type, without the `OS::`."""
    return Counter(resource.type.removeprefix("OS::") for resource in document.resources.values())


def properties(result: Translation, name: str) -> dict[str, Any]:
    return result.document.resources[name].properties


def default(result: Translation, name: str) -> Any:
    return result.document.parameters[name].body().get("default")
