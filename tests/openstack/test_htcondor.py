"""An HTCondor pool on servers of a real cloud: its own programs run jobs there; jobs outlive a worker.

The servers are Debian 13, which has HTCondor's package; the test makes their root by debootstrap.
"""

from __future__ import annotations

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.guests import debian_13, shell_on, use_guests
from tests.openstack.tools import Cli, servers, stacks

pytestmark = [pytest.mark.soak, pytest.mark.timeout(2400)]

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  node_templates:
    pool: { type: bbq.nodes.HTCondorCluster, properties: { workers: 2, worker_memory: 512 MiB, drain_seconds: 2 } }
  outputs:
    login: { value: { $get_attribute: [ pool, login ] } }
    collector: { value: { $get_attribute: [ pool, collector ] } }
"""
SUBMIT = """\
executable = /bin/sh
arguments = "-c 'cat words; hostname; sleep {seconds}'"
transfer_input_files = words
should_transfer_files = yes
transfer_executable = false
output = out.$(Process)
error = err.$(Process)
log = log
request_cpus = 1
request_memory = 100
request_disk = 10M
queue {number}
"""


def test_htcondor(cli: Cli, testcloud: TestCloud, cloud: Cloud, name: str) -> None:
    use_guests(cli, testcloud)
    cli.environment["BBQ_OPENSTACK__IMAGE"] = debian_13(testcloud, cloud)
    (cli.directory / "pool.yaml").write_text(TEMPLATE)
    up = ("up", "pool.yaml", "--provider", "openstack", "--name", name)
    cli(*up)
    outputs = cli.json("outputs", name)["outputs"]
    assert outputs["collector"] == f"{outputs['login']}:9618"
    run = shell_on(testcloud, outputs["login"])
    assert run("condor_status -af Cpus Memory").split("\n")[:2] == ["1 512"] * 2, "a worker has what the template says"

    def workers() -> set[str]:
        return set(run("condor_status -af Machine").split())

    def submit(seconds: int, number: int) -> str:
        run(f"echo some words > words; cat > job <<'END'\n{SUBMIT.format(seconds=seconds, number=number)}END\n")
        return run("condor_submit -terse job").split(".")[0]

    def wait_for(wanted: str) -> None:
        """Numbers of jobs by status (1: idle, 2: running), as `condor_q` lists them."""
        ask = "condor_q -af JobStatus | sort | xargs"
        run(f'for i in $(seq 110); do [ "$({ask})" = "{wanted}" ] && exit 0; sleep 1; done; condor_q; {ask}; exit 1')

    submit(5, 2)
    run("condor_wait -wait 110 log")
    said = [run(f"cat out.{number}").split("\n") for number in range(2)]
    assert all(words == "some words" for words, *_ in said)
    assert len({host for _, host, *_ in said}) == 2, "jobs run on both workers, files are carried there and back"
    assert "nothing to do" in cli("plan", *up[1:])

    submit(1000, 2)
    wait_for("2 2")
    cli("scale", name, "pool=1")
    assert len(servers(cloud, name)) == 2 and len(workers()) == 1
    wait_for("1 2")
    run("condor_rm -all")
    cli("scale", name, "pool=2")
    assert len(workers()) == 2
    cli("destroy", name, "--yes")
    assert not servers(cloud, name) and not stacks(cloud, name)
