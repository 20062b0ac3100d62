"""Images in Glance: uploaded once, found by their content, registered for Sahara and Trove.

https://docs.openstack.org/api-ref/image/v2/

An image arrives under another name (`_fresh_name`), and gets its own when it is whole, so that nobody takes half of one, and a
name never means two images for longer than a call. What an upload that died has left is known by that name, by bbq's tag and by
the process in its property, and the next upload of the name takes it away. Content is compared by Glance's own digests.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from bbq.engine.contract import ConfigurationFault, PermanentFault, ProviderFault, TransientFault
from bbq.errors import BbqError, ConfigurationError, LockedError
from bbq.providers.openstack import sahara, trove
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.image_file import ImageFile, Stream, Tell
from bbq.providers.openstack.lookup import Unknown
from bbq.providers.openstack.session import Cloud
from bbq.providers.supervisor import proc

SERVICE: Final = "image"
TAG: Final = "bbq"
"""Of every image that bbq has uploaded."""
_UPLOADER: Final = "bbq_uploader"
_FRESH: Final = " (upload)"
_JSON: Final = {"Accept": "application/json"}
"""Else Glance tells its troubles in HTML."""
_PATCH: Final = {**_JSON, "Content-Type": "application/openstack-images-v2.1-json-patch"}


@dataclass(frozen=True, slots=True)
class SaharaUse:
    plugin: str
    version: str
    username: str


@dataclass(frozen=True, slots=True)
class TroveUse:
    """`manager` is the kind of database as Trove's guest agent calls it."""

    datastore: str
    version: str
    manager: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be in the cloud. `properties` are Glance's; None of the others leaves it to the cloud."""

    name: str
    properties: Mapping[str, str]
    min_disk: int = 0
    min_ram: int = 0
    visibility: str | None = None
    sahara: SaharaUse | None = None
    trove: TroveUse | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    """`sent` is false where the cloud had the content already; `replaced` are ids of images that are gone."""

    id: str
    sent: bool
    replaced: tuple[str, ...] = ()
    registered: tuple[str, ...] = ()


def uploaded(cloud: Cloud) -> list[dict[str, Any]]:
    """The images that bbq has uploaded, by name."""
    found = cloud.pages(SERVICE, "/images", "images", "list the images", headers=_JSON, tag=TAG)
    return sorted(found, key=lambda item: (item["name"] or "", item["created_at"]))


def upload(cloud: Cloud, file: ImageFile, wanted: Wanted, *, replace: bool = False, tell: Tell = lambda _: None) -> Uploaded:
    """See to it that the cloud has the image, with these properties, under this name, once; made again, it does nothing.

    `replace`: images of the name with another content go, and so does what another upload has not finished. Raises
    `ConfigurationError` with all that stands in the way (nothing is sent then), `LockedError` where another upload of the name
    is under way, and faults of the services.
    """
    cloud.require(SERVICE)
    found, left = _named(cloud, wanted.name), _left(cloud, wanted.name)
    same = next((one for one in found if one["status"] == "active" and _is(one, file)), None)
    others = [one for one in found if one is not same]
    if problems := list(_problems(cloud, wanted, same, others, replace=replace)):
        raise ConfigurationError("; ".join(problems), hint=_HINT if others and not replace else None)
    whole = _cleared(cloud, left, file, replace=replace)
    image = same or whole or _sent(cloud, file, wanted, tell)
    if same is not None and whole is not None:
        _delete(cloud, whole)
    _settle(cloud, image, wanted)
    registered = tuple(_registered(cloud, image["id"], wanted))
    for one in others:  # last: nothing refers to them any more
        _delete(cloud, one)
    return Uploaded(image["id"], same is None, tuple(one["id"] for one in others), registered)


_HINT: Final = "choose another --name, or replace what is there with --replace"


# What is there


def _fresh_name(name: str) -> str:
    return f"{name}{_FRESH}"


def _named(cloud: Cloud, name: str) -> list[dict[str, Any]]:
    """Every image of the name that the project sees, whoever has it."""
    found = list(cloud.pages(SERVICE, "/images", "images", f"look for images named {name}", headers=_JSON, name=name))
    return sorted((one for one in found if one["name"] == name), key=lambda one: (one["created_at"], one["id"]))


def _left(cloud: Cloud, name: str) -> list[dict[str, Any]]:
    """What uploads of this project have made and not finished, the first one first."""
    found, project = _named(cloud, _fresh_name(name)), cloud.access.project_id
    return [one for one in found if one.get("owner") == project and TAG in one["tags"]]


def _is(image: Mapping[str, Any], file: ImageFile) -> bool:
    if image["disk_format"] != file.disk_format:
        return False
    if image.get("os_hash_algo") == "sha512":
        return bool(image.get("os_hash_value") == file.sha512)
    return bool(image.get("checksum") == file.md5)


def _problems(
    cloud: Cloud, wanted: Wanted, same: Mapping[str, Any] | None, others: Sequence[Mapping[str, Any]], *, replace: bool
) -> Iterator[str]:
    project = cloud.access.project_id
    for one in others:
        what = f"{one['id']}, {one['status']}, of {str(one['created_at'])[:10]}"
        if one.get("owner") != project:
            yield f"another project has an image named {wanted.name} ({what}), which this one cannot replace"
        elif one.get("protected"):
            yield f"the image {wanted.name} ({what}) is protected"
        elif not replace:
            yield f"there is an image {wanted.name} with another content ({what})"
    if same is not None and same.get("owner") != project:
        yield f"another project shares the same image already ({same['id']}): its properties are not this project's to set"
    if wanted.sahara is not None:
        yield from _troubles(cloud, sahara.SERVICE, lambda: _sahara_tags(cloud, wanted.sahara))
    if wanted.trove is not None:
        yield from _troubles(cloud, trove.SERVICE, lambda: _trove_versions(cloud))


def _troubles(cloud: Cloud, service: str, ask: Callable[[], object]) -> Iterator[str]:
    try:
        cloud.require(service)
        ask()
    except Unknown as fault:
        yield fault.told()
    except PermanentFault as fault:
        yield f"{fault}" + (f" ({fault.hint})" if fault.hint else "")


# What an upload that died has left


def _cleared(cloud: Cloud, left: Sequence[dict[str, Any]], file: ImageFile, *, replace: bool) -> dict[str, Any] | None:
    """Take away what is left of uploads; the one that was whole already, if it is this content."""
    whole = None
    for one in left:
        if one["status"] == "active" and _is(one, file) and whole is None:
            whole = one
            continue
        if one["status"] in ("queued", "saving", "importing") and not replace and not _dead(one):
            who = str(one.get(_UPLOADER) or "somebody").split()[0]
            raise LockedError(
                f"an upload of this name is under way ({one['id']}, since {one['created_at']}, from {who})",
                hint="wait for it; if it is dead, --replace takes it away",
            )
        _delete(cloud, one)
    return whole


def _uploader() -> str:
    """We, so that others can tell whether we live: host, boot, pid, start time."""
    own = proc.process(os.getpid())
    return f"{socket.gethostname()} {proc.boot_id()} {os.getpid()} {own.start_time if own else 0}"


def _dead(image: Mapping[str, Any]) -> bool:
    """Known to be so: of another host nothing is known. What we have left ourselves, when an answer was lost, is dead."""
    if image.get(_UPLOADER) == _uploader():
        return True
    words = str(image.get(_UPLOADER) or "").split()
    if len(words) != 4 or words[0] != socket.gethostname() or not (words[2] + words[3]).isdigit():
        return False
    return proc.same(int(words[2]), int(words[3]), words[1]) is None


# Sending


def _sent(cloud: Cloud, file: ImageFile, wanted: Wanted, tell: Tell) -> dict[str, Any]:
    """The new image, whole, under its first name. Dying in here leaves what `_cleared` finds."""
    body: dict[str, Any] = {
        "name": _fresh_name(wanted.name),
        "container_format": "bare",
        "disk_format": file.disk_format,
        "min_disk": max(wanted.min_disk, file.min_disk),
        "min_ram": wanted.min_ram,
        "tags": [TAG],
        _UPLOADER: _uploader(),
    }
    if wanted.visibility is not None:
        body["visibility"] = wanted.visibility
    image: dict[str, Any] = cloud.post(SERVICE, "/images", f"make the image {wanted.name}", body, headers=_JSON)
    try:
        first = next(iter(_left(cloud, wanted.name)), image)
        if first["id"] != image["id"]:
            raise LockedError(f"another upload of this name has begun ({first['id']})", hint="wait for it")
        _send(cloud, file, image["id"], wanted.name, tell)
        found: dict[str, Any] = cloud.get(SERVICE, f"/images/{image['id']}", f"look at the image {wanted.name}", headers=_JSON)
        if found["status"] != "active" or not _is(found, file):
            raise TransientFault(f"the image {wanted.name} did not arrive as it was sent")
    except BaseException:
        with suppress(ProviderFault, BbqError):
            _delete(cloud, image)
        raise
    return found


def _send(cloud: Cloud, file: ImageFile, image_id: str, name: str, tell: Tell) -> None:
    what = f"upload the image {name}"
    with file.path.open("rb") as source:
        cloud.put(
            SERVICE,
            f"/images/{image_id}/file",
            what,
            headers={**_JSON, "Content-Type": "application/octet-stream"},
            data=Stream(source, file.size, tell),
            status_code_retries=0,  # keystoneauth would send the rest of the file, which is nothing
        )


def _settle(cloud: Cloud, image: Mapping[str, Any], wanted: Wanted) -> None:
    """Name and properties as they are wanted; properties that somebody else has set stay."""
    values: dict[str, Any] = {"name": wanted.name, **wanted.properties}
    if image["min_disk"] < wanted.min_disk:
        values["min_disk"] = wanted.min_disk
    if wanted.min_ram:
        values["min_ram"] = wanted.min_ram
    if wanted.visibility is not None:
        values["visibility"] = wanted.visibility
    changes = [
        {"op": "replace" if key in image else "add", "path": f"/{_pointer(key)}", "value": value}
        for key, value in values.items()
        if image.get(key) != value
    ]
    if _UPLOADER in image:
        changes.append({"op": "remove", "path": f"/{_UPLOADER}"})
    if TAG not in image["tags"]:
        changes.append({"op": "replace", "path": "/tags", "value": [*image["tags"], TAG]})
    if changes:
        what = f"set the properties of the image {wanted.name}"
        cloud.patch(SERVICE, f"/images/{image['id']}", what, changes, headers=_PATCH)


def _pointer(key: str) -> str:
    """RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")


def _delete(cloud: Cloud, image: Mapping[str, Any]) -> None:
    with suppress(NotFound):
        cloud.delete(SERVICE, f"/images/{image['id']}", f"delete the image {image['name']} ({image['id']})", headers=_JSON)


# Registering


def _registered(cloud: Cloud, image_id: str, wanted: Wanted) -> Iterator[str]:
    if (use := wanted.sahara) is not None:
        what = f"register the image {wanted.name} for the plugin {use.plugin}"
        cloud.post(sahara.SERVICE, f"/images/{image_id}", what, {"username": use.username}, creates=False)
        catalogue, tags = sahara.Catalogue(cloud), _sahara_tags(cloud, use)
        known = next((one.get("tags") or () for one in catalogue.images if one["id"] == image_id), ())
        if not set(tags) <= set(known):
            cloud.put(sahara.SERVICE, f"/images/{image_id}/tags", what, {"tags": sorted({*known, *tags})})
        yield f"sahara: {use.plugin} {use.version}, as {use.username}"
    if wanted.trove is not None:
        yield _registered_for_trove(cloud, image_id, wanted.trove)


def _sahara_tags(cloud: Cloud, use: SaharaUse | None) -> list[str]:
    """Those by which the plugin knows its images; `Unknown` where there is no such plugin or version."""
    assert use is not None
    return sahara.Catalogue(cloud).image_tags({"plugin": use.plugin, "plugin_version": use.version})


def _trove_versions(cloud: Cloud) -> list[dict[str, Any]]:
    """What administrators see of datastores; nobody else may register. https://docs.openstack.org/api-ref/database/"""
    try:
        answer = cloud.get(trove.SERVICE, "/mgmt/datastore-versions", "list the datastore versions")
    except ConfigurationFault as fault:  # 401 here, too, says that it is for administrators
        raise ConfigurationFault(f"this account may not register images for Trove: {fault}", "administrators may") from None
    found: list[dict[str, Any]] = answer["versions"]
    return found


def _registered_for_trove(cloud: Cloud, image_id: str, use: TroveUse) -> str:
    what = f"register the image for the datastore {use.datastore} {use.version}"
    known = [one for one in _trove_versions(cloud) if (one["datastore_name"], one["name"]) == (use.datastore, use.version)]
    if not known:
        version = {
            "datastore_name": use.datastore,
            "datastore_manager": use.manager,
            "name": use.version,
            "image": image_id,
            "packages": [],
            "active": True,
        }
        cloud.post(trove.SERVICE, "/mgmt/datastore-versions", what, {"version": version})
    for one in known:
        if (one.get("image"), one.get("datastore_manager")) != (image_id, use.manager):
            change = {"image": image_id, "datastore_manager": use.manager}
            cloud.patch(trove.SERVICE, f"/mgmt/datastore-versions/{one['id']}", what, change)
    return f"trove: {use.datastore} {use.version}"
