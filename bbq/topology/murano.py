"""A Murano package as a topology: one node, the application, whose outputs are the deployment's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bbq.murano.model import ClassDef, Package
from bbq.topology.model import Node, Output, Topology
from bbq.topology.values import Attribute, Secret

APPLICATION: Final = "app"
"""The node's name."""
TYPE: Final = "bbq.nodes.openstack.MuranoApp"


def topology_of(package: Package, values: Mapping[str, Any]) -> Topology:
    """Of a package that was loaded, without errors, with these values of its application's properties."""
    application = package.application or ClassDef(package.full_name, package.at)
    secret = {name for name, item in application.properties.items() if item.secret}
    masked = {name: Secret(value) if name in secret and value is not None else value for name, value in values.items()}
    node = Node(
        APPLICATION,
        TYPE,
        (TYPE, "bbq.nodes.Root", "tosca.nodes.Root"),
        properties={"package": str(Path(package.path).absolute()), "digest": package.digest, "properties": masked},
        declared={"id": "string", "name": "string", "status": "string", "model": "map"},
        template=APPLICATION,
        source=package.at,
    )
    outputs = [name for name, item in application.properties.items() if item.usage in ("Out", "InOut")]
    return Topology(
        nodes={APPLICATION: node},
        outputs={name: Output(Attribute(APPLICATION, ("model", name)), "") for name in outputs},
        inputs=masked,
        template=package.path,
        directory=str(Path(package.path).absolute().parent),
        digest=package.digest,
        description=package.description,
    )
