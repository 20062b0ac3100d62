"""The deployment that is killed: what is wanted of it, its template, and the command that leads from one state to another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bbq.conf import load
from bbq.conf.loader import Config
from bbq.journal.model import DeploymentRow
from bbq.operations.change import Change
from bbq.operations.prepare import prepare_destroy, prepare_scale, prepare_up
from bbq.operations.wanted import Imports, build_topology, load_template
from bbq.operations.workspace import Workspace
from bbq.topology.model import Topology
from bbq.topology.values import Expr, Secret, contains

HERE = Path(__file__).parent
NAME = "kill"
TOKEN = "the-token-that-the-user-gave"
"""A secret input."""


@dataclass(frozen=True)
class State:
    """What is wanted of the deployment; None stands for its absence."""

    version: int = 1
    workers: int = 6


SCENARIOS: Mapping[str, tuple[State | None, State | None]] = {
    "create": (None, State()),
    "update": (State(), State(version=2)),
    "scale-up": (State(), State(workers=12)),
    "scale-down": (State(), State(workers=2)),
    "destroy": (State(), None),
}
"""Name -> what is there before, what is wanted."""


def template(version: int) -> Mapping[str, Any]:
    """Ten layered servers, a store with a generated password, a cluster of a master and six workers, services,
    and clients, which are told of what they are connected to.

    In version 2 some nodes are changed in place, some are replaced, one that a client is connected to among them, some are gone
    and some are new.
    """
    nodes: dict[str, Any] = {}

    def node(name: str, *targets: str, type: str = "kill.Thing", **properties: Any) -> None:
        nodes[name] = {"type": type, "properties": properties, "requirements": [{"dependency": other} for other in targets]}

    for i in range(10):
        node(f"base{i}", *(sorted({f"base{i // 2}", f"base{i // 3}"}) if i else ()))
    node("db", "base1", type="kill.Store", size=10 * version)  # changed in place
    node("queue", "base2", flavor=f"v{version}", login={"$get_input": ["token"]})  # replaced
    node("cluster", "base3", type="kill.Cluster", workers=6)
    nodes["client"] = {"type": "kill.Client", "requirements": [{"connection": "queue"}]}  # is told of the new one
    nodes["peer"] = {"type": "kill.Client", "requirements": [{"connection": "client"}, {"connection": "db"}]}  # of no other
    for i in range(6):
        command = f"run v{version if i < 3 else 1}"
        login = {"$get_attribute": ["db", "password"]}
        node(f"service{i}", "db", "cluster" if i % 2 else "queue", command=command, login=login)
    if version == 1:
        node("old", "queue")
        node("older", "old")
    else:
        node("new", "service0")
        node("newer", "new", size=2)
    return {
        "tosca_definitions_version": "tosca_2_0",
        "imports": ["simulator/types.yaml"],
        "service_template": {
            "inputs": {"token": {"type": "bbq.datatypes.Secret"}},
            "node_templates": nodes,
            "outputs": {"address": {"value": {"$get_attribute": ["cluster", "address"]}}},
        },
    }


def write_templates(directory: Path) -> None:
    """Into a directory that is not there yet: the templates, and a configuration that names them."""
    shutil.copytree(HERE / "simulator", directory / "simulator")
    for version in (1, 2):
        _file(directory, version).write_text(json.dumps(template(version)))
    (directory / "bbq.conf").write_text(f"[tosca]\ntemplate_dirs = {directory}\n")


def configuration(templates: Path, home: Path, faults: Mapping[str, str]) -> Config:
    """Of that file and nothing else on this machine."""
    environment = {"BBQ_STATE__DIRECTORY": str(home)} | {f"BBQ_SIMULATOR__{name}": value for name, value in faults.items()}
    return load([str(templates / "bbq.conf")], environment=environment)


def _file(directory: Path, version: int) -> Path:
    return directory / f"version{version}.yaml"


def change(workspace: Workspace, templates: Path, now: State | None, wanted: State | None) -> Change:
    """The command that a user who believes the deployment to be in the state `now` gives to have it `wanted`."""
    if wanted is None:
        return prepare_destroy(workspace, NAME)
    if now is not None and now.version == wanted.version and now.workers != wanted.workers:
        return prepare_scale(workspace, NAME, {"cluster": wanted.workers})
    return prepare_up(
        workspace, str(_file(templates, wanted.version)), provider="simulator", name=NAME, inputs={"token": TOKEN}
    )


def state_of(row: DeploymentRow | None) -> State | None:
    """What the journal says is wanted; None where the deployment is not there, or goes."""
    if row is None or row.status == "destroying":
        return None
    return State(int(Path(row.template).stem.removeprefix("version")), row.overrides.get("cluster", 6))


@cache
def topology(templates: Path, state: State) -> Topology:
    service = load_template(str(_file(templates, state.version)), Imports())
    workspace = Workspace(configuration(templates, templates, {}))
    return build_topology(workspace, service, {"token": TOKEN}, "simulator", {"cluster": state.workers})[0]


def plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that are neither secret nor known only when other things are."""
    return {
        name: value for name, value in properties.items() if not contains(value, lambda item: isinstance(item, (Expr, Secret)))
    }
