"""Applications of Murano: packages are taken, and environments deployed, by the real service."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bbq import murano
from bbq.engine.contract import AmbiguousFault, Tag, TransientFault, Wanted
from bbq.providers.openstack import tags
from bbq.providers.openstack.murano_packages import JSON, SERVICE, Packages
from bbq.providers.openstack.session import Cloud
from tests.openstack.test_data_processing_cluster import HEAD, primitives, provider_of
from tests.openstack.tools import Cli, stacks

KIND = "bbq.nodes.openstack.MuranoApp"
MANIFEST = """\
Format: 1.3
Type: Application
FullName: org.example.NAME
Name: Greeter
Tags: [ greeting ]
Classes: { org.example.NAME: App.yaml }
"""
CLASS = """\
Namespaces: { =: org.example, std: io.murano, sys: io.murano.system }
Name: NAME
Extends: std:Application
Properties:
  greeting: { Contract: $.string().notNull() }
  token: { Contract: $.string() }
  fail: { Contract: $.bool().notNull(), Default: false }
  said: { Contract: $.string(), Usage: Out }
Methods:
  deploy:
    Body:
      - If: $.fail
        Then:
          - Throw: NotToday
            Message: there is no greeting today
      - $stack: new(sys:HeatStack, $.find(std:Environment).require(), name => 'NAME-' + id($))
      - $stack.setTemplate({heat_template_version => '2018-08-31', resources => {word => {
          type => 'OS::Heat::TestResource', properties => {value => $.greeting}}}, outputs => {
          said => {value => {get_attr => [word, output]}}}})
      - $stack.push()
      - $.said: $stack.output().get(said)
  .destroy:
    Body:
      - $stack: new(sys:HeatStack, $.find(std:Environment).require(), name => 'NAME-' + id($))
      - $stack.delete()
"""
FORM = """\
Version: 2.2
Application:
  ?: { type: org.example.NAME }
  token: $.app.token
Forms: [ { app: { fields: [ { name: token, type: password } ] } } ]
"""


@pytest.fixture(autouse=True)
def service(services: Callable[..., None]) -> None:
    services("murano")


@pytest.fixture
def name(name: str, cloud: Cloud) -> Iterator[str]:
    yield name
    for path in things(cloud, name):
        cloud.delete(SERVICE, path + "?abandon=true" * path.startswith("/environments"), "clean up")
    for stack in stacks(cloud, f"{class_name(name)}-"):
        cloud.delete("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}", "clean up")


def class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-"))


def things(cloud: Cloud, name: str) -> list[str]:
    """Paths of all that Murano has of the test."""
    environments = cloud.get(SERVICE, "/environments", "list them")["environments"]
    packages = Packages(cloud).of_name(f"org.example.{class_name(name)}")
    found = [f"/environments/{item['id']}" for item in environments if item["name"].startswith(name)]
    return found + [f"/catalog/packages/{item['id']}" for item in packages]


@pytest.fixture
def package(name: str, cli: Cli) -> Path:
    folder = cli.directory / "greeter"
    for file, text in {"manifest.yaml": MANIFEST, "Classes/App.yaml": CLASS, "UI/ui.yaml": FORM}.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text.replace("NAME", class_name(name)))
    return folder


def test_the_life_of_a_package(cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    """As a user has it: deployed as it is, changed, failed, made good, drifted, taken away."""
    said = cli("up", "greeter", "--name", name, code=4)
    assert "needs a value for `greeting`" in said
    cli("up", "greeter", "--name", name, "--input", "greeting=hello", "--input", "token=s3cret-token")
    outputs = cli.json("outputs", name)["outputs"]
    assert outputs == {"said": "hello"}
    (made,) = [item for item in cloud.get(SERVICE, "/environments", "list")["environments"] if item["name"].startswith(name)]
    tag = tags.of_text(made["description_text"])
    assert tag is not None and (tag.deployment, tag.node) == (name, "app")
    (listed,) = Packages(cloud).of_name(f"org.example.{class_name(name)}")
    assert {"greeting", *tags.words(tag)} == set(listed["tags"])
    assert "nothing differs" in cli("drift", name)
    for file in cli.directory.rglob("journal.db*"):
        assert b"s3cret-token" not in file.read_bytes()

    said = cli("up", "greeter", "--name", name, "--input", "fail=true", code=7)
    assert "there is no greeting today" in said
    cli("up", "greeter", "--name", name, "--input", "fail=false", "--input", "greeting=bye")
    assert cli.json("outputs", name)["outputs"] == {"said": "bye"}
    (package / "Resources").mkdir()
    (package / "Resources/note.txt").write_text("another content\n")
    assert "digest" in cli("up", "greeter", "--name", name)
    (after,) = Packages(cloud).of_name(f"org.example.{class_name(name)}")
    assert after["id"] != listed["id"]
    cli("destroy", name, "--yes")
    assert things(cloud, name) == [] and stacks(cloud, f"{class_name(name)}-") == []


def test_deployments_share_a_package_and_the_last_one_takes_it_away(cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    full = f"org.example.{class_name(name)}"
    for number in ("1", "2"):
        cli("up", "greeter", "--name", f"{name}{number}", "--input", f"greeting={number}")
    (before,) = Packages(cloud).of_name(full)
    cli("destroy", f"{name}1", "--yes")
    (left,) = Packages(cloud).of_name(full)
    own = tags.of_words(left["tags"])
    assert own is not None and own.deployment == f"{name}2" and left["id"] == before["id"] and "greeting" in left["tags"]
    (package / "Resources").mkdir()
    (package / "Resources/note.txt").write_text("another content\n")
    said = cli("up", "greeter", "--name", f"{name}3", "--input", "greeting=3", code=5)
    assert "the project has another package" in said and f"of the deployment {name}2" in said
    cli("destroy", f"{name}2", "--yes")
    assert things(cloud, name) == []


def test_a_package_of_somebody_else_is_used_and_stays(cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    """By the catalogue's name of it alone, too; an environment that a person made keeps the package that bbq uploaded."""
    full = f"org.example.{class_name(name)}"
    read, _ = murano.load(str(package))
    assert read is not None
    files = {"package": ("a.zip", murano.pack(read.files), "application/zip")}
    id = cloud.post(SERVICE, "/catalog/packages", "upload it", files=files, headers=JSON)["id"]
    (cli.directory / "two.yaml").write_text(
        f"{HEAD}    one: {{ type: {KIND}, properties: {{ package: greeter, properties: {{ greeting: one }} }} }}\n"
        f"    two: {{ type: {KIND}, properties: {{ application: {full}, properties: {{ greeting: two }} }} }}\n"
        "  outputs:\n    said: { value: { $get_attribute: [ two, model, said ] } }\n"
    )
    cli("up", "two.yaml", "--provider", "openstack", "--name", name)
    assert cli.json("outputs", name)["outputs"] == {"said": "two"}
    assert "nothing differs" in cli("drift", name)
    (package / "UI/ui.yaml").write_text(FORM.replace("NAME", class_name(name)) + "# another content\n")
    assert "one: the project has another package" in cli("up", "two.yaml", "--name", name, code=5)
    (package / "UI/ui.yaml").write_text(FORM.replace("NAME", class_name(name)))
    cli("destroy", name, "--yes")
    assert things(cloud, name) == [f"/catalog/packages/{id}"]
    cloud.delete(SERVICE, f"/catalog/packages/{id}", "away with it")

    cli("up", "greeter", "--name", f"{name}2", "--input", "greeting=hi")
    theirs = cloud.post(SERVICE, "/environments", "a person's", {"name": f"{name}-mine"}, headers=JSON)["id"]
    session = cloud.post(SERVICE, f"/environments/{theirs}/configure", "open it", headers=JSON)["id"]
    model = {"?": {"type": full, "id": "mine"}, "greeting": "mine"}
    headers = {**JSON, "X-Configuration-Session": session}
    cloud.post(SERVICE, f"/environments/{theirs}/services", "add it", model, headers=headers)
    cloud.post(SERVICE, f"/environments/{theirs}/sessions/{session}/deploy", "deploy it", headers=JSON)
    while cloud.get(SERVICE, f"/environments/{theirs}", "look")["status"] != "ready":
        time.sleep(0.3)
    cli("destroy", f"{name}2", "--yes")
    (left,) = Packages(cloud).of_name(full)
    assert left["tags"] == ["greeting"]


def test_what_was_made_without_an_answer_is_found_and_goes_on(cloud: Cloud, name: str, package: Path, tmp_path: Path) -> None:
    """An environment in which nothing was deployed yet; a package whose environment was never made."""
    (node,) = primitives(
        tmp_path, f"    app: {{ type: {KIND}, properties: {{ package: {package}, properties: {{ greeting: a }} }} }}\n"
    )
    provider = provider_of(cloud, name)
    resource = provider.resource((KIND,))
    assert resource is not None
    tag = Tag(name, "feedfeedfeedfeed", "app", 1)
    wanted = Wanted(node, node.properties, {}, (), tag, str(tmp_path))
    handle = resource.create(wanted)
    with pytest.raises(AmbiguousFault):
        resource.create(wanted)  # as if the first answer had been lost
    assert resource.find(Tag(name, "feedfeedfeedfeed", "app", 5)) == handle
    assert resource.find(Tag(name, "feedfeedfeedfeed", "ap", 1)) is None
    fresh = provider_of(cloud, name).resource((KIND,))  # another process goes on
    assert fresh is not None
    assert provider.list_states("murano-app", [handle.id])[handle.id].ready
    assert not fresh.probe(handle, wanted).ok
    with pytest.raises(TransientFault):
        fresh.update(handle, wanted, frozenset())  # it is deploying
    while not provider.list_states("murano-app", [handle.id])[handle.id].ready:
        time.sleep(0.3)
    assert provider.resource((KIND,)).probe(handle, wanted).attributes["model"]["said"] == "a"  # type: ignore[union-attr]
    while left := list(provider.list_tagged("feedfeedfeedfeed")):
        for tagged, one, _ in left:
            resource.delete(one, tagged)
        time.sleep(0.3)
    assert things(cloud, name) == []
    resource.delete(handle, tag)  # what is gone is gone


@pytest.mark.parametrize("moment", [0.1, 0.4, 0.8, 1.5, 2.5])
def test_killed_at_some_moment_it_goes_on(moment: float, cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    process = cli.start("up", "greeter", "--name", name, "--input", "greeting=hi", "--format", "json")
    assert process.stdout is not None
    for line in process.stdout:  # the clock starts when the work does
        if "apply" in line:
            break
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    cli("resume", name)
    assert cli.json("outputs", name)["outputs"] == {"said": "hi"}
    assert len(things(cloud, name)) == 2
    cli("destroy", name, "--yes")
    assert things(cloud, name) == []


def test_what_a_package_requires_is_uploaded_from_beside_it(cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    library = f"org.example.{class_name(name)}Base"
    manifest = (package / "manifest.yaml").read_text()
    (package / "manifest.yaml").write_text(f"{manifest}Require: {{ {library}: }}\n")
    said = cli("up", "greeter", "--name", name, "--input", "greeting=hi", code=5)
    assert f"Murano's catalogue has no package {library}" in said
    base = {"manifest.yaml": f"Format: 1.3\nType: Library\nFullName: {library}\nClasses: {{ {library}: Base.yaml }}\n"}
    base["Classes/Base.yaml"] = f"Name: {library}\nExtends: io.murano.Application\n"
    (cli.directory / f"{library}.zip").write_bytes(murano.pack({file: text.encode() for file, text in base.items()}))
    own = (package / "Classes/App.yaml").read_text().replace("std:Application", library)
    (package / "Classes/App.yaml").write_text(own)
    cli("up", "greeter", "--name", name, "--input", "greeting=hi")
    assert cli.json("outputs", name)["outputs"] == {"said": "hi"}
    assert len(Packages(cloud).of_name(library)) == 1
    cli("destroy", name, "--yes")
    assert things(cloud, name) == [] and Packages(cloud).of_name(library) == []


def test_a_heat_template_as_a_package(cli: Cli, cloud: Cloud, name: str) -> None:
    """Murano makes the class itself, and its stack. So may a class have parents whose properties only Murano knows."""
    folder, full = cli.directory / "hot", f"org.example.{class_name(name)}"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(f"Format: Heat.HOT/1.0\nType: Application\nFullName: {full}\n")
    (folder / "template.yaml").write_text(
        "heat_template_version: 2018-08-31\nparameters: { word: { type: string } }\n"
        "resources: { r: { type: OS::Heat::TestResource, properties: { value: { get_param: word } } } }\n"
        "outputs: { said: { value: { get_attr: [ r, output ] } } }\n"
    )
    (cli.directory / "inputs.yaml").write_text("templateParameters: { word: hello }\n")
    cli("up", "hot", "--name", name, "--inputs", "inputs.yaml")
    assert cli.json("outputs", name)["outputs"] == {"templateOutputs": {"said": "hello"}}
    cli("destroy", name, "--yes")
    assert things(cloud, name) == []


def test_what_a_dead_deployment_left_is_swept(cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    """Its journal is gone: the tags of environment and package tell."""
    cli("up", "greeter", "--name", name, "--input", "greeting=hi")
    for file in cli.directory.rglob("journal.db*"):
        file.unlink()
    assert f"dead: {name}; nothing was changed" in cli("sweep", name, code=3)
    cli("sweep", name, "--yes")
    assert things(cloud, name) == [] and stacks(cloud, f"{class_name(name)}-") == []


def test_all_that_is_wrong_is_said_before_anything_is_made(cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    shutil.copytree(package, package.with_name("bad"))
    (package.with_name("bad") / "Classes/App.yaml").write_text("Name: Other\n")
    (cli.directory / "all.yaml").write_text(
        f"{HEAD}    none: {{ type: {KIND} }}\n"
        f"    unknown: {{ type: {KIND}, properties: {{ application: org.example.Nobody }} }}\n"
        f"    bad: {{ type: {KIND}, properties: {{ package: bad }} }}\n"
        f"    less: {{ type: {KIND}, properties: {{ package: greeter, network: nowhere }} }}\n"
    )
    said = cli("up", "all.yaml", "--provider", "openstack", "--name", name, code=5)
    for text in (
        "all.yaml:5:5: none: neither a package nor an application of the catalogue is named",
        "unknown: Murano's catalogue has no class org.example.Nobody",
        "bad/manifest.yaml:6:12: error BBQ-M009",
        "less: org.example.",
        "needs a value for `greeting`",
        "this cloud has no network nowhere",
    ):
        assert text in said
    assert things(cloud, name) == []


def test_an_environment_whose_deletion_fails_says_how_to_forget_it(cli: Cli, cloud: Cloud, name: str, package: Path) -> None:
    """The package was taken away under it: Murano cannot tell any more how the application goes."""
    cli("up", "greeter", "--name", name, "--input", "greeting=hi")
    environment, taken = things(cloud, name)
    cloud.delete(SERVICE, taken, "take it away")
    said = cli("destroy", name, "--yes", code=7)
    assert "cannot be deleted" in said and class_name(name) in said
    assert "bbq-deploy cancel --abandon" in said
    assert "nothing is under way" in cli("cancel", name)
    assert "Murano has forgotten the environment" in cli("cancel", name, "--node", "app", "--abandon", "--yes")
    assert environment not in things(cloud, name)
    cli("destroy", name, "--yes")
    assert things(cloud, name) == []
