"""Murano's catalogue of packages, as applications need it. https://docs.openstack.org/api-ref/application-catalog/

A project has one package of a name, and one class of a name. So deployments share a package: the first one uploads it, with its
tag among the package's tags; whoever goes hands it over to another deployment that uses it, and the last one takes it away. A
package that somebody else has uploaded is used where it is the same, and left alone.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from bbq.engine.contract import PermanentFault, Tag
from bbq.murano import Package, pack
from bbq.murano.model import digest_of
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.session import Cloud

SERVICE: Final = "application-catalog"
JSON: Final = {"Accept": "application/json"}
"""Else Murano tells its troubles in HTML."""
_PATCH: Final = {**JSON, "Content-Type": "application/murano-packages-json-patch"}
_OURS: Final = "bbq:"
_PAGE: Final = 100


class Packages:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def listed(self, what: str, **filters: str) -> Iterator[dict[str, Any]]:
        """Packages by Murano's filters: `fqn`, `class_name`; `owned` for the project's, `catalog` for all that it may use."""
        marker: dict[str, str] = {}
        while True:
            answer = self.cloud.get(
                SERVICE, "/catalog/packages", what, headers=JSON, limit=str(_PAGE), include_disabled="true", **filters, **marker
            )
            yield from answer["packages"]
            if not answer.get("next_marker") or answer["next_marker"] == marker.get("marker"):
                return
            marker = {"marker": answer["next_marker"]}

    def of_class(self, name: str) -> list[dict[str, Any]]:
        return list(self.listed(f"look for the class {name}", class_name=name, catalog="true"))

    def of_name(self, full_name: str) -> list[dict[str, Any]]:
        return list(self.listed(f"look for the package {full_name}", fqn=full_name, catalog="true"))

    def tagged(self) -> Iterator[tuple[Tag, dict[str, Any]]]:
        """The project's packages that bbq has uploaded."""
        for item in self.listed("list the packages", owned="true"):
            tag = tags.of_words(item["tags"])
            if tag is not None:
                yield tag, item

    def clash(self, package: Package) -> str | None:
        """Why the package cannot be uploaded; None where it can, or is there already."""
        for item in self.listed("list the packages", owned="true"):
            if item["fully_qualified_name"] == package.full_name:
                if self._same(item, package):
                    return None
                return f"the project has another package {package.full_name} ({item['id']}{_owner(item)})"
            if both := sorted(set(item["class_definitions"]) & set(package.classes)):
                return f"the class {both[0]} is in the project's package {item['fully_qualified_name']} ({item['id']}) already"
        return None

    def ensure(self, package: Package, tag: Tag, *, replaceable: Callable[[], bool]) -> None:
        """See to it that the catalogue has the package. `replaceable`: nobody but the node uses what is there."""
        for item in self.of_name(package.full_name):
            if self._same(item, package):
                return
            own = tags.of_words(item["tags"])
            if own is not None and (own.deployment_id, own.node) == (tag.deployment_id, tag.node) and replaceable():
                self._delete(item)
        meta = {"tags": sorted({*tags.words(tag)})}
        files = {
            "__metadata__": (None, json.dumps(meta), "application/json"),
            "package": (f"{package.full_name}.zip", pack(package.files), "application/zip"),
        }
        what = f"upload the package {package.full_name}"
        try:
            self.cloud.post(SERVICE, "/catalog/packages", what, files=files, headers=JSON)
        except Conflict as fault:
            if any(self._same(item, package) for item in self.of_name(package.full_name)):
                return  # another deployment was faster, or an earlier call went through
            raise PermanentFault(
                self.clash(package) or str(fault), "give the package another FullName, or remove that one"
            ) from None

    def release(self, tag: Tag, users: Mapping[str, Tag | None]) -> None:
        """Take away the packages that the node uploaded. `users` are other environments' packages by full name, each with the
        tag of who uses it, None where that is not bbq: those stay, as their users'."""
        for own, item in list(self.tagged()):
            if (own.deployment_id, own.node) != (tag.deployment_id, tag.node):
                continue
            name = item["fully_qualified_name"]
            if name not in users:
                self._delete(item)
                continue
            heir = users[name]
            kept = [word for word in item["tags"] if not word.startswith(_OURS)]
            change = {"op": "replace", "path": "/tags", "value": kept + (tags.words(heir) if heir is not None else [])}
            with suppress(NotFound):
                self.cloud.patch(
                    SERVICE, f"/catalog/packages/{item['id']}", f"hand over the package {name}", [change], headers=_PATCH
                )

    def _delete(self, item: Mapping[str, Any]) -> None:
        with suppress(NotFound):
            what = f"delete the package {item['fully_qualified_name']}"
            self.cloud.delete(SERVICE, f"/catalog/packages/{item['id']}", what, headers=JSON)

    def _same(self, item: Mapping[str, Any], package: Package) -> bool:
        """Has the catalogue's package the same files?"""
        what = f"read the package {package.full_name}"
        content = self.cloud.get_bytes(SERVICE, f"/catalog/packages/{item['id']}/download", what)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                infos = [info for info in archive.infolist() if not info.is_dir()]
                if {info.filename: info.file_size for info in infos} != {name: len(one) for name, one in package.files.items()}:
                    return False
                return digest_of({info.filename: archive.read(info) for info in infos}) == package.digest
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            return False


def _owner(item: Mapping[str, Any]) -> str:
    tag = tags.of_words(item["tags"])
    return f", of the deployment {tag.deployment}" if tag is not None else ""
