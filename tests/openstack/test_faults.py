"""Faults of a bad day, through a proxy in front of the real Heat: the right exit code, one stack at most, none in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.proxy import Proxy
from tests.openstack.tools import Cli, servers, stacks

TEMPLATE = """\
heat_template_version: 2018-08-31
parameters: { length: { type: number, default: 8 } }
resources: { text: { type: OS::Heat::RandomString, properties: { length: { get_param: length } } } }
outputs: { text: { value: { get_attr: [ text, value ] } } }
"""
SLOW = """\
heat_template_version: 2018-08-31
parameters: { prefix: { type: string } }
resources:
  server:
    type: OS::Nova::Server
    properties:
      name: { get_param: prefix }
      flavor: m1.tiny
      image: cirros
      networks: [ { network: private } ]
      metadata: { devcloud_guest: fake, devcloud_delay: "8" }
"""
CREATE, LIST, UPDATE, DELETE = r"^POST /v1/\w+/stacks$", r"^GET /v1/\w+/stacks\?", r"^PUT /v1/\w+/stacks/", r"^DELETE "


@pytest.fixture
def heat(cli: Cli, cloud: Cloud, testcloud: TestCloud) -> Iterator[Proxy]:
    """bbq's way to Heat leads through it; the tests themselves look at the real one."""
    endpoint = cloud.endpoint("orchestration")
    assert endpoint is not None
    with Proxy(endpoint) as proxy:
        login = {**testcloud.login, "orchestration_endpoint_override": proxy.url, "orchestration_api_version": "1"}
        (cli.directory / "clouds.yaml").write_text(json.dumps({"clouds": {"proxied": login}}))
        cli.environment.update(OS_CLIENT_CONFIG_FILE=str(cli.directory / "clouds.yaml"), OS_CLOUD="proxied")
        (cli.directory / "stack.yaml").write_text(TEMPLATE)
        yield proxy


def up_then_destroy(cli: Cli, cloud: Cloud, name: str) -> None:
    """It is one stack, it works, and nothing of it is left in the end."""
    cli("up", "stack.yaml", "--name", name)
    (stack,) = stacks(cloud, name)
    assert stack["stack_status"] == "CREATE_COMPLETE"
    assert len(cli.json("outputs", name)["outputs"]["text"]) == 8
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == []


TROUBLE: dict[str, dict[str, Any]] = {
    "token expired": {"matches": r" ", "action": "refuse", "status": 401, "skip": 1},
    "token expired at the create": {"matches": CREATE, "action": "refuse", "status": 401},
    "too many requests": {"matches": CREATE, "action": "refuse", "status": 429, "times": 2, "headers": {"Retry-After": "1"}},
    "unavailable": {"matches": CREATE, "action": "refuse", "status": 503, "times": 2},
    "bad gateway for all lists": {"matches": LIST, "action": "refuse", "status": 502, "times": 3},
    "internal error at the create": {"matches": CREATE, "action": "refuse", "status": 500},
    "request timeout": {"matches": CREATE, "action": "refuse", "status": 408},
    "reset at the create": {"matches": CREATE, "action": "reset"},
    "reset of everything": {"matches": " ", "action": "reset", "times": 3},
    "answer of the create lost": {"matches": CREATE, "action": "lose"},
    "answer of the create lost, then lists fail": {"matches": rf"{CREATE}|{LIST}", "action": "lose", "times": 3},
    "answer of the delete lost": {"matches": DELETE, "action": "lose"},
    "delete refused": {"matches": DELETE, "action": "refuse", "status": 503, "times": 2},
    "create slower than a request may take": {"matches": CREATE, "action": "slow", "seconds": 2.5},
    "lists slower than a request may take": {"matches": LIST, "action": "slow", "seconds": 2.5, "times": 2},
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_trouble_that_passes(trouble: str, heat: Proxy, cli: Cli, cloud: Cloud, name: str) -> None:
    cli.environment["BBQ_OPENSTACK__REQUEST_TIMEOUT"] = "2"
    rule = heat.add(**TROUBLE[trouble])
    up_then_destroy(cli, cloud, name)
    assert rule.used > rule.skip, "the trouble never came"


@pytest.mark.parametrize("action", ["lose", "reset", "refuse"])
def test_an_update_whose_answer_is_lost(action: Any, heat: Proxy, cli: Cli, cloud: Cloud, name: str) -> None:
    cli("up", "stack.yaml", "--name", name)
    (before,) = stacks(cloud, name)
    rule = heat.add(UPDATE, action, status=500)
    cli("up", "stack.yaml", "--name", name, "--input", "length=12")
    (after,) = stacks(cloud, name)
    assert rule.used and after["id"] == before["id"] and after["stack_status"] == "UPDATE_COMPLETE"
    assert len(cli.json("outputs", name)["outputs"]["text"]) == 12
    cli("destroy", name, "--yes")


def test_a_login_that_is_refused_in_the_middle(heat: Proxy, cli: Cli, cloud: Cloud, name: str) -> None:
    """For good: configuration, and what was made is not forgotten."""
    heat.add(LIST, "refuse", status=401, times=10**6)
    said = cli("up", "stack.yaml", "--name", name, code=5)
    assert "refused" in said
    heat.rules.clear()
    cli("resume", name)
    assert len(stacks(cloud, name)) == 1
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == []


def test_an_api_that_is_gone(heat: Proxy, cli: Cli, cloud: Cloud, name: str) -> None:
    """Before anything is made: exit 11 and no deployment. In the middle: exit 11, and `resume` goes on."""
    cli.environment["BBQ_ENGINE__RETRIES"] = "2"
    heat.gone()
    said = cli("up", "stack.yaml", "--name", name, code=11)
    assert "refused" in said and stacks(cloud, name) == []
    heat.back()
    heat.add(CREATE, "call-after", call=heat.gone)
    cli("up", "stack.yaml", "--name", name, code=11)
    heat.rules.clear()
    heat.back()
    cli("resume", name)
    assert len(stacks(cloud, name)) == 1
    heat.gone()
    cli("destroy", name, "--yes", code=11)
    heat.back()
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == []


@pytest.mark.parametrize("action", ["refuse", "reset", "lose"])
def test_a_login_that_takes_some_tries(action: Any, cli: Cli, cloud: Cloud, testcloud: TestCloud, name: str) -> None:
    """keystone answers 503, or not at all, for a moment; then for good: exit 11, and nothing was made."""
    (cli.directory / "stack.yaml").write_text(TEMPLATE)
    with Proxy(testcloud.login["auth"]["auth_url"]) as keystone:
        login = {**testcloud.login, "auth": {**testcloud.login["auth"], "auth_url": keystone.url}}
        (cli.directory / "clouds.yaml").write_text(json.dumps({"clouds": {"proxied": login}}))
        cli.environment.update(OS_CLIENT_CONFIG_FILE=str(cli.directory / "clouds.yaml"), OS_CLOUD="proxied")
        rule = keystone.add("POST /v3/auth/tokens", action, times=2)
        up_then_destroy(cli, cloud, name)
        assert rule.used > 1
        keystone.gone()
        cli("up", "stack.yaml", "--name", name, code=11)
        assert stacks(cloud, name) == [] and name not in cli("list")
        keystone.back()


def test_nova_in_trouble_while_names_are_checked(cli: Cli, cloud: Cloud, testcloud: TestCloud, name: str) -> None:
    (cli.directory / "stack.yaml").write_text(SLOW.replace('"8"', '"0"'))
    endpoint = cloud.endpoint("compute")
    assert endpoint is not None
    with Proxy(endpoint) as nova:
        login = {**testcloud.login, "compute_endpoint_override": nova.url, "compute_api_version": "2.1"}
        (cli.directory / "clouds.yaml").write_text(json.dumps({"clouds": {"proxied": login}}))
        cli.environment.update(OS_CLIENT_CONFIG_FILE=str(cli.directory / "clouds.yaml"), OS_CLOUD="proxied")
        rules = [
            nova.add("/flavors", "refuse"),
            nova.add("/limits", "reset"),
            nova.add("/limits", "refuse", status=401),  # flavors are listed once for the whole command
        ]
        cli("up", "stack.yaml", "--name", name, "--input", f"prefix={name}")
        assert all(rule.used > rule.skip for rule in rules)
        cli("destroy", name, "--yes")
        nova.add("/flavors", "refuse", times=10**6)
        cli("up", "stack.yaml", "--name", name, "--input", f"prefix={name}", code=11)
        assert stacks(cloud, name) == [] and servers(cloud, name) == []


KILLS = {
    "before the create": (CREATE, "call", 0),
    "after the create": (CREATE, "call-after", 0),
    "at the first list": (LIST, "call", 0),
    "at the outputs": (r"^GET /v1/\w+/stacks/\S+/\S+$", "call", 0),
}


def killed(cli: Cli, heat: Proxy, matches: str, action: Any, skip: int, *argv: str) -> None:
    """Run bbq-deploy, and kill it where that request is seen."""
    process: list[subprocess.Popen[str]] = []
    rule = heat.add(matches, action, skip=skip, call=lambda: os.kill(process[0].pid, signal.SIGKILL))
    process.append(cli.start(*argv))
    out, _ = process[0].communicate(timeout=120)
    assert process[0].returncode == -signal.SIGKILL, out
    heat.rules.remove(rule)


@pytest.mark.parametrize("then", ["resume", "destroy"])
@pytest.mark.parametrize("moment", KILLS)
def test_killed_while_it_creates(moment: str, then: str, heat: Proxy, cli: Cli, cloud: Cloud, name: str) -> None:
    killed(cli, heat, *KILLS[moment], "up", "stack.yaml", "--name", name)
    if then == "resume":
        cli("resume", name)
        (stack,) = stacks(cloud, name)
        assert stack["stack_status"] == "CREATE_COMPLETE"
        assert len(cli.json("outputs", name)["outputs"]["text"]) == 8
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == []


@pytest.mark.parametrize(("matches", "action"), [(UPDATE, "call"), (UPDATE, "call-after"), (LIST, "call")])
def test_killed_while_it_updates(matches: str, action: str, heat: Proxy, cli: Cli, cloud: Cloud, name: str) -> None:
    cli("up", "stack.yaml", "--name", name)
    skip = 1 if matches == LIST else 0  # the first is the plan's
    killed(cli, heat, matches, action, skip, "up", "stack.yaml", "--name", name, "--input", "length=12")
    cli("up", "stack.yaml", "--name", name, "--input", "length=12")
    assert len(cli.json("outputs", name)["outputs"]["text"]) == 12
    assert len(stacks(cloud, name)) == 1
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == []


@pytest.mark.parametrize(("matches", "action"), [(DELETE, "call"), (DELETE, "call-after"), (LIST, "call")])
def test_killed_while_it_destroys(matches: str, action: str, heat: Proxy, cli: Cli, cloud: Cloud, name: str) -> None:
    cli("up", "stack.yaml", "--name", name)
    killed(cli, heat, matches, action, 0, "destroy", name, "--yes")
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == []


@pytest.mark.parametrize("then", ["resume", "destroy"])
def test_heats_engine_is_killed_in_the_middle(then: str, cli: Cli, cloud: Cloud, testcloud: TestCloud, name: str) -> None:
    """The stack stays in progress, as Heat leaves it: the client's own limit ends that. `resume` updates it, which works."""
    if not testcloud.started:
        pytest.skip("others use the running cloud")
    (cli.directory / "stack.yaml").write_text(SLOW)
    cli.environment["BBQ_ENGINE__READY_TIMEOUT"] = "30"
    process = cli.start("up", "stack.yaml", "--name", name, "--input", f"prefix={name}")
    while not servers(cloud, name):
        assert process.poll() is None, process.communicate()
    engine = int((testcloud.home / "run/heat-engine.pid").read_text().split()[0])
    os.kill(engine, signal.SIGKILL)
    testcloud.command("restart", "heat-engine")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 8, said
    assert "ready_timeout" in said
    del cli.environment["BBQ_ENGINE__READY_TIMEOUT"]
    if then == "resume":
        cli("resume", name)
        (stack,) = stacks(cloud, name)
        assert stack["stack_status"] == "UPDATE_COMPLETE"
    cli("destroy", name, "--yes")
    assert stacks(cloud, name) == [] and servers(cloud, name) == []
