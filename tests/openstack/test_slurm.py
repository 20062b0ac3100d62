"""A Slurm cluster on servers of a real cloud: its own programs run jobs there, over several workers; jobs outlive a worker."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import shell_on, use_guests
from tests.openstack.test_repair import by_node, delete
from tests.openstack.tools import Cli, servers, stacks

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1500)]

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    batch: { type: bbq.nodes.SlurmCluster, properties: { workers: 2, worker_memory: 512 MiB, drain_seconds: 2 } }
  outputs:
    login: { value: { $get_attribute: [ batch, login ] } }
    controller: { value: { $get_attribute: [ batch, controller ] } }
"""


def _state(run: Callable[[str], str], job: str) -> str:
    return run(f"scontrol show job {job} | grep -o 'JobState=[A-Z]*'").strip().removeprefix("JobState=")


def _wait_for(run: Callable[[str], str], job: str, state: str) -> None:
    run(f"for i in $(seq 90); do scontrol show job {job} | grep -q JobState={state} && exit 0; sleep 1; done; exit 1")


def test_slurm(cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    use_guests(cli, testcloud)
    (cli.directory / "slurm.yaml").write_text(TEMPLATE)
    up = ("up", "slurm.yaml", "--provider", "openstack", "--name", name)
    cli(*up)
    outputs = cli.json("outputs", name)["outputs"]
    assert outputs["controller"] == f"{outputs['login']}:6817"
    run = shell_on(testcloud, outputs["login"])
    hosts = set(run("srun -N2 hostname").split())
    assert len(hosts) == 2, "a step runs on both workers"
    assert run("sinfo -h -o %m").split() == ["512"], "a worker has the memory that the template says"
    with pytest.raises(subprocess.CalledProcessError):
        run("srun --mem=20M python3 -c 'import time; x = bytearray(10**8); time.sleep(300)'")
    assert "nothing to do" in cli("plan", *up[1:])

    long = [run("sbatch --parsable --wrap 'sleep 1000'").strip() for _ in hosts]
    for job in long:
        _wait_for(run, job, "RUNNING")
    last = run("sbatch --parsable --wrap hostname").strip()
    cli("scale", name, "batch=1")
    assert len(servers(cloud, name)) == 2
    assert len(run("sinfo -h -N -o %N").split()) == 1, "the controller has forgotten the other"
    assert sorted(_state(run, job) for job in long) == ["PENDING", "RUNNING"], "one is to begin anew"
    run(f"scancel {' '.join(long)}")
    _wait_for(run, last, "COMPLETED")

    cli("scale", name, "batch=2")
    assert set(run("srun -N2 hostname").split()) == hosts
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)


@pytest.mark.parametrize("lost", ["batch.worker-server[0]", "batch.controller-server"])
def test_a_server_of_the_cluster_is_lost(lost: str, cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    """It is made anew, and the cluster works as before: a new worker registers, workers register with a new controller."""
    use_guests(cli, testcloud)
    (cli.directory / "slurm.yaml").write_text(TEMPLATE)
    up = ("up", "slurm.yaml", "--provider", "openstack", "--name", name)
    cli(*up)
    before = by_node(cloud, name)
    delete(cloud, next(one for one in servers(cloud, name) if one["id"] == before[lost]))
    cli(*up)
    after = by_node(cloud, name)
    assert {node for node in before if after[node] != before[node]} == {lost}
    run = shell_on(testcloud, cli.json("outputs", name)["outputs"]["login"])
    assert len(set(run("srun -N2 hostname").split())) == 2
    assert "nothing to do" in cli("plan", *up[1:])
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)
