"""`bbq-deploy image upload` with the real Glance, Sahara and Trove: once, by content, whole or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.proxy import Proxy, Rule
from tests.openstack.tools import Cli

MIB = 1 << 20
PARTITION = bytes([0x80, 0x20, 0x21, 0, 0x83, 0xFE, 0xFF, 0xFF, 0, 8, 0, 0, 0, 8, 0, 0])


@pytest.fixture
def image(cloud: Cloud) -> Iterator[str]:
    """A name of this test's own; its images go afterwards."""
    name = f"image-{os.getpid()}-{os.urandom(3).hex()}"
    yield name
    for one in images(cloud, name):
        cloud.patch(
            "image",
            f"/images/{one['id']}",
            "clean up",
            [{"op": "replace", "path": "/protected", "value": False}],
            headers={"Content-Type": "application/openstack-images-v2.1-json-patch"},
        )
        cloud.delete("image", f"/images/{one['id']}", "clean up")


def images(cloud: Cloud, name: str) -> list[dict[str, Any]]:
    found = cloud.pages("image", "/images", "images", "list the images")
    return [one for one in found if (one["name"] or "").startswith(name)]


def disk(path: Path, size: int = MIB, mark: str = "") -> Path:
    """A raw disk with a partition table; most of a large one is a hole."""
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(446)
        file.write(PARTITION)
        file.seek(510)
        file.write(b"\x55\xaa" + mark.encode())
    return path


def upload(cli: Cli, path: Path, name: str, *argv: str, code: int = 0) -> dict[str, Any]:
    row: dict[str, Any] = cli.json("image", "upload", str(path), "--name", name, *argv, code=code)["rows"][0]
    return row


def test_the_same_again_is_nothing_to_do(cli: Cli, cloud: Cloud, image: str, tmp_path: Path) -> None:
    one = disk(tmp_path / "disk.raw", 2 * MIB)
    properties = {"properties": {"os_type": "linux", "os_distro": "debian", "os_version": "12", "os_admin_user": "debian"}}
    (tmp_path / "disk.raw.json").write_text(json.dumps(properties))
    first = upload(cli, one, image, "--os-version", "13", "--property", "hw_rng_model=virtio")
    assert first["state"] == "sent"
    (found,) = images(cloud, image)
    assert (found["id"], found["name"], found["status"], found["size"]) == (first["id"], image, "active", 2 * MIB)
    assert (found["disk_format"], found["min_disk"], found["tags"]) == ("raw", 1, ["bbq"])
    told = {name: found[name] for name in ("os_type", "os_distro", "os_version", "os_admin_user", "hw_rng_model")}
    assert told == {**properties["properties"], "os_version": "13", "hw_rng_model": "virtio"}
    assert "bbq_uploader" not in found
    again = upload(cli, one, image, "--os-version", "12")  # the content stays, what is said of it changes
    assert (again["state"], again["id"]) == ("there", first["id"])
    (found,) = images(cloud, image)
    assert (found["os_version"], found["hw_rng_model"]) == ("12", "virtio")
    assert f"{image}  " in cli("image", "list")


def test_another_content_needs_to_be_asked_for(cli: Cli, cloud: Cloud, image: str, tmp_path: Path) -> None:
    old = upload(cli, disk(tmp_path / "old.raw", mark="old"), image)
    new = disk(tmp_path / "new.raw", mark="new")
    said = cli("image", "upload", str(new), "--name", image, code=5)
    assert f"there is an image {image} with another content ({old['id']}" in said and "--replace" in said
    replaced = upload(cli, new, image, "--replace")
    assert replaced["replaced"] == old["id"]
    assert [one["id"] for one in images(cloud, image)] == [replaced["id"]]


def test_a_protected_image_stays(cli: Cli, cloud: Cloud, image: str, tmp_path: Path) -> None:
    old = upload(cli, disk(tmp_path / "old.raw", mark="old"), image)
    change = [{"op": "replace", "path": "/protected", "value": True}]
    headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    cloud.patch("image", f"/images/{old['id']}", "protect it", change, headers=headers)
    new = disk(tmp_path / "new.raw", mark="new")
    assert "is protected" in cli("image", "upload", str(new), "--name", image, "--replace", code=5)
    assert [one["id"] for one in images(cloud, image)] == [old["id"]]


def test_killed_in_the_middle(cli: Cli, cloud: Cloud, image: str, tmp_path: Path) -> None:
    """Nobody takes half of an image, and the next upload leaves nothing of it."""
    large = disk(tmp_path / "large.raw", 512 * MIB)
    process = subprocess.Popen(
        [*Cli.program, "image", "upload", str(large), "--name", image],
        env=cli.environment,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stderr is not None
    assert next(iter(process.stderr)).startswith("sent ")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (half,) = images(cloud, image)
    assert half["name"] == f"{image} (upload)" and half["status"] in ("queued", "saving")
    done = upload(cli, large, image)
    assert [(one["id"], one["name"], one["status"]) for one in images(cloud, image)] == [(done["id"], image, "active")]


def test_an_upload_that_may_be_alive_is_left_alone(cli: Cli, cloud: Cloud, image: str, tmp_path: Path) -> None:
    body = {
        "name": f"{image} (upload)",
        "disk_format": "raw",
        "container_format": "bare",
        "bbq_uploader": "elsewhere boot 12 34",
        "tags": ["bbq"],
    }
    other = cloud.post("image", "/images", "an upload of another machine", body)
    one = disk(tmp_path / "disk.raw")
    said = cli("image", "upload", str(one), "--name", image, code=9)
    assert f"an upload of this name is under way ({other['id']}" in said and "from elsewhere" in said
    done = upload(cli, one, image, "--replace")
    assert [found["id"] for found in images(cloud, image)] == [done["id"]]


def through(cli: Cli, testcloud: TestCloud, proxy: Proxy) -> None:
    """The tests' Glance is reached by the proxy."""
    login = {**testcloud.login, "image_endpoint_override": f"{proxy.url}/", "image_api_version": "2"}
    (cli.directory / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": login}}))
    cli.environment |= {"OS_CLOUD": "lab", "OS_CLIENT_CONFIG_FILE": str(cli.directory / "clouds.yaml")}


@pytest.mark.parametrize(
    "rule",
    [
        Rule(r"^POST \S*/images", "lose"),  # made, and nobody has heard of it
        Rule(r"^PUT \S*/file", "reset"),
        Rule(r"^PUT \S*/file", "lose"),  # whole, and nobody has heard of it
        Rule(r"^PATCH \S*/images", "lose"),  # named, and nobody has heard of it
        Rule(r"^PUT \S*/file", "refuse", status=503),
    ],
    ids=["create", "send", "sent", "name", "busy"],
)
def test_answers_that_are_lost(cli: Cli, cloud: Cloud, testcloud: TestCloud, image: str, tmp_path: Path, rule: Rule) -> None:
    with Proxy(f"http://127.0.0.1:{testcloud.ports['glance']}") as proxy:
        through(cli, testcloud, proxy)
        proxy.rules.append(rule)
        done = upload(cli, disk(tmp_path / "disk.raw"), image)
        assert rule.used >= 1
    assert [(one["id"], one["name"], one["status"]) for one in images(cloud, image)] == [(done["id"], image, "active")]


def test_no_room(cli: Cli, cloud: Cloud, testcloud: TestCloud, image: str, tmp_path: Path) -> None:
    """Glance's own answer when a project's or its store's limit is reached; nothing stays."""
    with Proxy(f"http://127.0.0.1:{testcloud.ports['glance']}") as proxy:
        through(cli, testcloud, proxy)
        proxy.rules.append(Rule(r"^PUT \S*/file", "refuse", status=413))
        said = cli("image", "upload", str(disk(tmp_path / "disk.raw")), "--name", image, code=6)
    assert f"upload the image {image}" in said
    assert images(cloud, image) == []


def test_nobody_answers(cli: Cli, testcloud: TestCloud, image: str, tmp_path: Path) -> None:
    login = {**testcloud.login, "image_endpoint_override": "http://127.0.0.1:9/", "image_api_version": "2"}
    (cli.directory / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": login}}))
    cli.environment |= {"OS_CLOUD": "lab", "OS_CLIENT_CONFIG_FILE": str(cli.directory / "clouds.yaml")}
    assert "Connection refused" in cli("image", "upload", str(disk(tmp_path / "disk.raw")), "--name", image, code=11)


def test_registered_for_sahara(cli: Cli, cloud: Cloud, services: Any, image: str, tmp_path: Path) -> None:
    services("sahara")
    one = disk(tmp_path / "disk.raw")
    asked = ("--sahara-plugin", "spark", "--sahara-version", "2.3")
    assert "who logs in" in cli("image", "upload", str(one), "--name", image, *asked, code=2)
    for _ in range(2):
        done = upload(cli, one, image, *asked, "--os-admin-user", "debian")
        assert done["registered"] == "sahara: spark 2.3, as debian"
    known = {item["name"]: item for item in cloud.get("data-processing", "/images", "list them")["images"]}
    assert known[image]["username"] == "debian" and set(known[image]["tags"]) == {"spark", "2.3"}


def test_registered_for_trove(cli: Cli, cloud: Cloud, services: Any, image: str, tmp_path: Path) -> None:
    services("trove")
    asked = ("--trove-datastore", image, "--trove-version", "8.0", "--trove-manager", "mysql")

    def versions() -> list[dict[str, Any]]:
        found = cloud.get("database", "/mgmt/datastore-versions", "list them")["versions"]
        return [one for one in found if one["datastore_name"] == image]

    try:
        first = upload(cli, disk(tmp_path / "old.raw", mark="old"), image, *asked)
        assert upload(cli, tmp_path / "old.raw", image, *asked)["registered"] == f"trove: {image} 8.0"
        (version,) = versions()
        assert (version["name"], version["image"], version["datastore_manager"]) == ("8.0", first["id"], "mysql")
        second = upload(cli, disk(tmp_path / "new.raw", mark="new"), image, *asked, "--replace")
        (version,) = versions()
        assert version["image"] == second["id"]  # before the old image went
    finally:
        for one in versions():
            cloud.delete("database", f"/mgmt/datastore-versions/{one['id']}", "clean up")
        cloud.delete("database", f"/datastores/{image}", "clean up")


def test_all_that_stands_in_the_way_at_once(cli: Cli, cloud: Cloud, services: Any, image: str, tmp_path: Path) -> None:
    services("sahara", "trove")
    upload(cli, disk(tmp_path / "old.raw", mark="old"), image)
    cli.environment["OS_CLOUD"] = "devcloud-demo"  # for whom there is no such image, and who is no administrator
    argv = ("--sahara-plugin", "sparky", "--sahara-version", "9", "--os-admin-user", "debian")
    argv += ("--trove-datastore", "mysql", "--trove-version", "8.0")
    said = cli("image", "upload", str(disk(tmp_path / "new.raw", mark="new")), "--name", image, *argv, code=5)
    assert "no plugin sparky (did you mean `spark`?)" in said
    assert "this account may not register images for Trove" in said and "administrators may" in said
    assert len(images(cloud, image)) == 1


@pytest.mark.parametrize(
    ("content", "argv", "said"),
    [
        (None, (), "No such file"),
        (b"", (), "is not an image"),
        (b"a text, and nothing else\n" * 1000, (), "is not an image"),
        (b"QFI\xfb\x00\x00\x00\x03" + bytes(8) + bytes(500), ("--disk-format", "raw"), "is qcow2, not raw"),
        (b"x", ("--property", "hw"), "is not NAME=VALUE"),
        (b"x", ("--sahara-plugin", "spark"), "--sahara-plugin and --sahara-version go together"),
        (b"x", ("--min-disk", "much"), "--min-disk 'much' is not a whole number"),
    ],
)
def test_what_is_asked_for_is_wrong(
    cli: Cli, image: str, tmp_path: Path, content: bytes | None, argv: tuple[str, ...], said: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
    assert said in cli("image", "upload", str(file), "--name", image, *argv, code=2)


def test_the_body_is_read_in_pieces(tmp_path: Path) -> None:
    """The address space that a large image leaves room for is smaller than the image."""
    program = (
        "import resource, sys; from pathlib import Path; resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20));"
        "from bbq.providers.openstack.image_file import Stream, examine; path = Path(sys.argv[1]);"
        "found = examine(path, path.with_name('none')); body = Stream(path.open('rb'), found.size, lambda _: None);"
        "print(found.size, sum(len(one) for one in iter(lambda: body.read(8192), b'')), len(body))"
    )
    large = disk(tmp_path / "large.raw", 1024 * MIB)
    done = subprocess.run([sys.executable, "-c", program, str(large)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(1024 * MIB), str(1024 * MIB), "0"]
