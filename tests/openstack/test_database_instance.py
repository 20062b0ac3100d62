"""Trove instances: real MariaDB and PostgreSQL in the test cloud's guests, logged in to as an application does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bbq
from bbq.engine.contract import AmbiguousFault, DeploymentContext, NoRoom
from bbq.errors import BbqError
from bbq.handles import open_database
from bbq.providers.openstack.provider import OpenStackProvider
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.tools import Cli, servers, topology_of

HEAD = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 }, { profile: bbq.openstack:1.0 } ]
service_template:
"""
OUTPUTS = """
  outputs:
    url: { value: { $get_attribute: [ db, url ] } }
"""
KIND = "bbq.nodes.openstack.DatabaseInstance"
SMALL = "datastore: mariadb, flavor: m1.tiny, volume_size: 1 GiB, network: private"


@pytest.fixture(autouse=True)
def trove(services: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    services("cinder", "trove")
    monkeypatch.setenv("BBQ_OPENSTACK__NETWORK", "private")  # there may be others, of somebody else's tests


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    for item in instances(cloud, name):
        cloud.delete("database", f"/instances/{item['id']}", "clean up")


def instances(cloud: Cloud, prefix: str) -> list[dict[str, Any]]:
    found = cloud.get("database", "/instances", "list the instances")["instances"]
    return [item for item in found if item["name"].startswith(prefix)]


def left(cloud: Cloud, prefix: str) -> list[str]:
    """What Trove makes for an instance in other services; its names hold the instance's name or id."""
    volumes = cloud.get("block-storage", "/volumes/detail", "list the volumes")["volumes"]
    ports = cloud.get("network", "/ports", "list the ports")["ports"]
    groups = cloud.get("network", "/security-groups", "list the security groups")["security_groups"]
    texts = [
        f"{kind} {one['name']} {one.get('description')}"
        for kind, found in (("volume", volumes), ("port", ports), ("group", groups))
        for one in found
    ]
    return [text for text in texts if prefix in text] + [server["name"] for server in servers(cloud, prefix)]


def test_mariadb_its_users_and_its_size_change_in_place(cli: Cli, cloud: Cloud, name: str) -> None:
    (cli.directory / "schema.sql").write_text("create table packets (id int primary key);\ninsert into packets values (7);\n")
    template = cli.directory / "db.yaml"
    outputs = OUTPUTS + "    reader: { value: { $get_attribute: [ db, users, reader, url ] } }\n"
    first = "databases: [ other ], users: { reader: { databases: [ other ] } }, schema_file: schema.sql"
    template.write_text(
        f"{HEAD}  node_templates:\n    db:\n      type: {KIND}\n      properties: {{ {SMALL}, {first} }}{outputs}"
    )
    cli("up", "db.yaml", "--provider", "openstack", "--name", name)
    (made,) = instances(cloud, name)
    urls = cli.json("outputs", name, "--show-secrets")["outputs"]
    assert open_database(urls["url"]).query("select id from packets") == [{"id": 7}]
    assert {"Database": "other"} in open_database(urls["reader"]).query("show databases")
    assert re.fullmatch(r"mysql://app:[^@]+@[0-9.]+:3306/app", urls["url"])
    assert "nothing to do" in cli("plan", "db.yaml", "--provider", "openstack", "--name", name)

    users = "{ reader: { databases: [ app ] }, writer: { password: a-chosen-one } }"
    then = f"databases: [ third ], users: {users}, schema_file: schema.sql"
    larger = SMALL.replace("m1.tiny", "m1.small").replace("1 GiB", "2 GiB")
    template.write_text(
        f"{HEAD}  node_templates:\n    db:\n      type: {KIND}\n      properties: {{ {larger}, {then} }}{outputs}"
        "    writer: { value: { $get_attribute: [ db, users, writer, url ] } }\n"
    )
    said = cli("up", "db.yaml", "--provider", "openstack", "--name", name)
    assert "1 to update in place" in said
    (again,) = instances(cloud, name)
    assert (again["id"], again["volume"]["size"], again["flavor"]["id"]) == (made["id"], 2, "2")
    after = cli.json("outputs", name, "--show-secrets")["outputs"]
    assert after["url"] == urls["url"], "the owner's password is kept"
    assert after["reader"] == urls["reader"].replace("/other", "/app"), "and the other users' passwords"
    assert open_database(after["url"]).query("select id from packets") == [{"id": 7}]
    assert open_database(after["writer"]).query("select count(*) as n from packets") == [{"n": 1}]
    shown = {row["Database"] for row in open_database(after["url"]).query("show databases")}
    assert {"app", "third"} <= shown and "other" not in shown
    with pytest.raises(BbqError, match="refused the login"):
        open_database(urls["reader"]).query("select 1")

    journal = b"".join(file.read_bytes() for file in cli.directory.rglob("journal.db*"))
    assert b"a-chosen-one" not in journal and urls["url"].split(":")[2].split("@")[0].encode() not in journal
    said = cli("destroy", name, "--yes")
    assert instances(cloud, name) == [] and left(cloud, name) == []


@pytest.fixture
def cli(cli: Cli) -> Cli:
    cli.environment["BBQ_OPENSTACK__NETWORK"] = "private"
    return cli


def test_the_abstract_database_is_postgresql_by_trove(cli: Cli, cloud: Cloud, name: str) -> None:
    template = cli.directory / "db.yaml"
    text = f"{HEAD}  node_templates: {{ db: {{ type: bbq.nodes.Database }} }}{OUTPUTS}"
    template.write_text(text)
    assert "db.instance" in cli("up", "db.yaml", "--provider", "openstack", "--name", name)
    (url,) = cli.json("outputs", name, "--show-secrets")["outputs"].values()
    assert re.fullmatch(r"postgresql://app:[^@]+@[0-9.]+:5432/app", url)
    assert open_database(url).query("select current_user as who, current_database() as what") == [{"who": "app", "what": "app"}]
    assert "active" in cli("status", name)
    template.write_text(text.replace("bbq.nodes.Database }", "bbq.nodes.Database, properties: { password: another-one } }"))
    cli("up", "db.yaml", "--provider", "openstack", "--name", name)
    (changed,) = cli.json("outputs", name, "--show-secrets")["outputs"].values()
    assert ":another-one@" in changed and open_database(changed).query("select 1 as x") == [{"x": 1}]
    with pytest.raises(BbqError, match="refused the login"):
        open_database(url).query("select 1")
    cli("destroy", name, "--yes")
    assert instances(cloud, name) == [] and left(cloud, name) == []


def test_postgresql_with_a_schema_users_and_access_rules(cli: Cli, cloud: Cloud, name: str) -> None:
    (cli.directory / "schema.sql").write_text("create table packets (id int primary key);\ninsert into packets values (7);\n")
    given = "datastore: postgresql, flavor: m1.tiny, volume_size: 1 GiB, schema_file: schema.sql, databases: [ two ]"
    given += ", users: { reader: { databases: [ two ] } }"
    outputs = f"{OUTPUTS}    reader: {{ value: {{ $get_attribute: [ db, users, reader, url ] }} }}\n"

    def deployed(access: str) -> dict[str, str]:
        properties = f"{given}, access: {access}"
        (cli.directory / "db.yaml").write_text(
            f"{HEAD}  node_templates: {{ db: {{ type: {KIND}, properties: {{ {properties} }} }} }}{outputs}"
        )
        cli("up", "db.yaml", "--provider", "openstack", "--name", name)
        found: dict[str, str] = cli.json("outputs", name, "--show-secrets")["outputs"]
        return found

    public = deployed("{ public: true }")
    (made,) = instances(cloud, name)
    floating = [entry["address"] for entry in made["addresses"] if entry["type"] == "public"]
    assert floating and f"@{floating[0]}:5432/app" in public["url"]
    assert open_database(public["url"]).query("select id from packets") == [{"id": 7}]
    assert open_database(public["reader"]).query("select current_database() as name") == [{"name": "two"}]
    private = deployed("{ public: false }")
    assert [item["id"] for item in instances(cloud, name)] == [made["id"]]
    assert floating[0] not in private["url"]
    assert open_database(private["url"]).query("select id from packets") == [{"id": 7}]
    (cli.directory / "db.yaml").write_text(
        (cli.directory / "db.yaml").read_text().replace("[ two ], users", "[ two, three ], users")
    )
    said = cli("up", "db.yaml", "--provider", "openstack", "--name", name, code=7)
    assert "Trove cannot change users and databases of a postgresql instance once it runs" in said
    assert open_database(private["url"]).query("select id from packets") == [{"id": 7}], "and it is kept"
    cli("destroy", name, "--yes")
    assert instances(cloud, name) == [] and left(cloud, name) == []


def test_a_failure_has_its_cause_and_is_made_anew(cli: Cli, cloud: Cloud, name: str, testcloud: TestCloud) -> None:
    (cli.directory / "db.yaml").write_text(
        f"{HEAD}  node_templates: {{ db: {{ type: {KIND}, properties: {{ {SMALL} }} }} }}{OUTPUTS}"
    )
    try:
        testcloud.fault(trove__fail=f"^{name}-")
        said = cli("up", "db.yaml", "--provider", "openstack", "--name", name, code=7)
    finally:
        testcloud.fault(trove__fail="")
    assert "db failed (ERROR)" in said
    (broken,) = instances(cloud, name)
    assert "failed" in cli("status", name, code=7)
    cli("up", "db.yaml", "--provider", "openstack", "--name", name)
    assert broken["id"] not in [item["id"] for item in instances(cloud, name) if item["status"] == "ACTIVE"]
    (url,) = cli.json("outputs", name, "--show-secrets")["outputs"].values()
    assert open_database(url).query("select 1 as x") == [{"x": 1}]
    cli("destroy", name, "--yes")
    assert instances(cloud, name) == [] and left(cloud, name) == []


def test_an_instance_that_is_still_being_built_is_destroyed(cli: Cli, cloud: Cloud, name: str) -> None:
    """After its client was killed: Trove refuses at first, and is asked again."""
    (cli.directory / "db.yaml").write_text(
        f"{HEAD}  node_templates: {{ db: {{ type: {KIND}, properties: {{ {SMALL} }} }} }}{OUTPUTS}"
    )
    client = cli.start("up", "db.yaml", "--provider", "openstack", "--name", name)
    while not instances(cloud, name):
        assert client.poll() is None, client.communicate()[0]
        time.sleep(0.1)
    client.kill()
    client.communicate()
    assert instances(cloud, name)[0]["status"] == "BUILD"
    cli("destroy", name, "--yes")
    assert instances(cloud, name) == [] and left(cloud, name) == []


def test_nova_is_quoted_where_the_server_failed(cli: Cli, cloud: Cloud, name: str, testcloud: TestCloud) -> None:
    (cli.directory / "db.yaml").write_text(f"{HEAD}  node_templates: {{ db: {{ type: {KIND}, properties: {{ {SMALL} }} }} }}\n")
    try:
        testcloud.fault(nova__fail=f"^{name}-")
        said = cli("up", "db.yaml", "--provider", "openstack", "--name", name, code=7)
    finally:
        testcloud.fault(nova__fail="")
    assert "injected spawn failure" in said
    cli("destroy", name, "--yes")
    assert instances(cloud, name) == [] and left(cloud, name) == []


def test_an_instance_whose_making_was_not_answered_is_taken_over(
    cloud: Cloud, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is destroyed while Trove still builds it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "db.yaml").write_text(f"{HEAD}  node_templates: {{ db: {{ type: {KIND}, properties: {{ {SMALL} }} }} }}\n")
    real, lost = Cloud.post, []

    def post(self: Cloud, service: str, path: str, *args: Any, **options: Any) -> Any:
        answer = real(self, service, path, *args, **options)
        if (service, path) == ("database", "/instances") and not lost:
            lost.append(answer["instance"]["id"])
            raise AmbiguousFault("no answer")
        return answer

    monkeypatch.setattr(Cloud, "post", post)
    deployment = bbq.deploy(str(tmp_path / "db.yaml"), provider="openstack", name=name)
    assert [item["id"] for item in instances(cloud, name)] == lost
    assert deployment.nodes["db"].attributes["id"] == lost[0]
    assert deployment.nodes["db"].database.query("select 1 as x") == [{"x": 1}]
    deployment.destroy()
    assert instances(cloud, name) == []


def preflight(cloud: Cloud, tmp_path: Path, templates: str) -> list[str]:
    topology = topology_of(tmp_path / "db.yaml", f"{HEAD}  node_templates:\n{templates}")
    provider = OpenStackProvider(DeploymentContext("t", "feedfeedfeedfeed", "/nonexistent", None), cloud)
    return provider.preflight(list(topology.primitives()))


def test_all_that_this_cloud_lacks_is_said_at_once(cloud: Cloud, tmp_path: Path) -> None:
    kind = f"type: {KIND}"
    problems = preflight(
        cloud,
        tmp_path,
        f"    a: {{ {kind}, properties: {{ datastore: postgres, network: privat }} }}\n"
        f"    b: {{ {kind}, properties: {{ datastore: mariadb, datastore_version: 10.4.81, flavor: m1.smal }} }}\n"
        f"    c: {{ {kind}, properties: {{ datastore: mysql, memory: 1 TB }} }}\n"
        f"    d: {{ {kind}, properties: {{ datastore: mysql, replica_of: x }} }}\n"
        f"    e: {{ {kind}, properties: {{ {SMALL} }} }}\n",
    )
    told = "\n".join(problems)
    where = str(tmp_path / "db.yaml")
    assert f"{where}:5:5: a: this cloud has no datastore postgres (did you mean `postgresql`?)" in told
    assert "a: this cloud has no network privat (did you mean `private`?)" in told
    assert "b: this cloud has no version of mariadb 10.4.81 (did you mean `10.4.18`?)" in told
    assert "b: this cloud has no database flavor m1.smal (did you mean `m1.small`?)" in told
    assert "c: no database flavor has 1 CPUs and 953674 MiB of memory (the largest is m1.large: 8192 MiB, 4 CPUs)" in told
    assert "d: a replica has the users of its source" in told
    assert " e: " not in told


def test_the_quota_is_counted(cloud: Cloud, testcloud: TestCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "admin" in cloud.access.role_names  # logged in before the other account is
    monkeypatch.setenv("OS_CLOUD", "devcloud-demo")
    from bbq.conf import load

    demo = Cloud(load(environment={}))
    quota = f"/mgmt/quotas/{demo.access.project_id}"
    try:
        cloud.put("database", quota, "set it", {"quotas": {"instances": 1, "volumes": 7}})
        kind = f"type: {KIND}"
        properties = "{ datastore: mysql, network: private-demo, volume_size: 3.5 GiB }"
        node = f"{{ {kind}, properties: {properties} }}"
        assert preflight(demo, tmp_path, f"    a: {node}\n") == []
        problems = preflight(demo, tmp_path, f"    a: {node}\n    b: {node}\n")
        assert [problem.split(" (")[0] for problem in problems] == [
            "the database quota has room for 1 more instances, and 2 are wanted",
            "the database quota has room for 7 more GiB of volumes, and 8 are wanted",
        ]
        assert all(isinstance(problem, NoRoom) for problem in problems)
    finally:
        cloud.put("database", quota, "set it back", {"quotas": {"instances": -1, "volumes": -1}})
