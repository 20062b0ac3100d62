"""Tests against a real OpenStack (tests/devcloud, see tests/cloud.py). Run them in one process: the cloud is one."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bbq.conf import load
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud, open_cloud
from tests.openstack.tools import Cli, PlainClient, stacks

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def testcloud() -> Iterator[TestCloud]:
    cloud = open_cloud()
    yield cloud
    if cloud.started:
        cloud.command("wipe")


@pytest.fixture
def services(testcloud: TestCloud) -> Callable[..., None]:
    """`services("trove")`: a test that needs more than the core of the cloud."""

    def need(*groups: str) -> None:
        there = (testcloud.home / "groups").read_text().strip().split(",")
        if missing := set(groups) - set(there):
            if not testcloud.started:
                pytest.skip(f"the running test cloud lacks {', '.join(sorted(missing))}")
            testcloud.command("up", "--services", ",".join(groups))

    return need


@pytest.fixture(autouse=True)
def login(testcloud: TestCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    for name, value in testcloud.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cloud(login: None) -> Cloud:
    """bbq's own session, as administrator."""
    return Cloud(load(environment={}))


@pytest.fixture
def name(request: pytest.FixtureRequest, cloud: Cloud) -> Iterator[str]:
    """A deployment's name of this test alone. Stacks whose names begin with it are deleted afterwards, whatever happened."""
    short = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).removeprefix("test-")[:24].strip("-")
    prefix = f"t{os.getpid()}-{next(_numbers)}-{short}"
    yield prefix
    for stack in stacks(cloud, prefix):
        cloud.delete("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}", "clean up")


@pytest.fixture
def project(testcloud: TestCloud, cloud: Cloud, name: str) -> Iterator[dict[str, str]]:
    """A project of its own with a user, for quotas: the variables that log in there."""
    project = cloud.post("identity", "/projects", "make a project", {"project": {"name": name}})["project"]["id"]
    user = {"name": name, "password": "own-password", "default_project_id": project}
    user_id = cloud.post("identity", "/users", "make a user", {"user": user})["user"]["id"]
    roles = cloud.get("identity", "/roles", "list the roles")["roles"]
    for role in (role["id"] for role in roles if role["name"] in ("member", "heat_stack_owner")):
        cloud.put("identity", f"/projects/{project}/users/{user_id}/roles/{role}", "give a role")
    auth = {**testcloud.login["auth"], "username": name, "password": user["password"], "project_name": name}
    yield {f"OS_{key.upper()}": value for key, value in {**auth, "region_name": "RegionOne"}.items()} | {"project": project}
    cloud.delete("identity", f"/users/{user_id}", "clean up")
    cloud.delete("identity", f"/projects/{project}", "clean up")


@pytest.fixture
def cli(tmp_path: Path, testcloud: TestCloud) -> Cli:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BBQ_", "XDG_", "OS_"))}
    return Cli(tmp_path, {**kept, "HOME": str(tmp_path), "NO_COLOR": "1", **testcloud.environment()})


@pytest.fixture
def plain(testcloud: TestCloud) -> PlainClient:
    if PlainClient.program is None:
        pytest.skip("python-openstackclient is not on PATH")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "PYTHON", "VIRTUAL_ENV"))}
    return PlainClient({**kept, **testcloud.environment()})
