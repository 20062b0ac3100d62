"""What a Sahara offers, looked up once: plugins, their versions and processes, registered images. API 2.

https://docs.openstack.org/api-ref/data-processing/v2/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from bbq.engine.contract import Tag
from bbq.providers.openstack import tags
from bbq.providers.openstack.lookup import Unknown, named
from bbq.providers.openstack.session import Cloud
from bbq.wording import nearest, one_of

SERVICE: Final = "data-processing"
_PROCESSES: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "spark": {"master": ("namenode", "master"), "worker": ("datanode", "slave")},
    "vanilla": {
        "master": ("namenode", "resourcemanager", "historyserver", "oozie", "hiveserver"),
        "worker": ("datanode", "nodemanager"),
    },
}
"""Plugin -> node group -> what runs there where the template does not say it."""
_LONGEST_NAME: Final = 36
"""With the group's name and number and the domain it is a host name, of which Sahara allows 64 characters."""


def name_of(tag: Tag) -> str:
    """Names are unique in a project, for each kind of thing."""
    return tags.host_name_of(tag, _LONGEST_NAME)


class Catalogue:
    """One call for each kind of thing, at its first use."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._details: dict[tuple[str, str], dict[str, Any]] = {}

    @cached_property
    def plugins(self) -> list[dict[str, Any]]:
        found = self._cloud.get(SERVICE, "/plugins", "list the plugins of the data-processing service")["plugins"]
        return [item for item in found if _enabled(item.get("plugin_labels"))]

    @cached_property
    def images(self) -> list[dict[str, Any]]:
        """Those that are registered with the service."""
        found: list[dict[str, Any]] = self._cloud.get(SERVICE, "/images", "list the registered images")["images"]
        return found

    def version(self, given: Mapping[str, Any]) -> tuple[str, str]:
        """(plugin, version): the version that is given, else the first that the service lists and does not call deprecated."""
        name, wanted = str(given["plugin"]), given.get("plugin_version")
        names = [item["name"] for item in self.plugins]
        plugin = next((item for item in self.plugins if item["name"] == name), None)
        if plugin is None:
            text = f"the data-processing service of this cloud has no plugin {name}"
            raise Unknown(text, nearest(name, names) or one_of(names))
        labels = plugin.get("version_labels") or {}
        versions = [version for version in plugin["versions"] if _enabled(labels.get(version))]
        if wanted:
            if str(wanted) not in versions:
                raise Unknown(f"the plugin {name} has no version {wanted} here", one_of(versions))
            return name, str(wanted)
        lasting = [version for version in versions if "deprecated" not in (labels.get(version) or {})] or versions
        if not lasting:
            raise Unknown(f"the plugin {name} has no version here")
        return name, str(lasting[0])

    def image(self, given: Mapping[str, Any]) -> str:
        """The id of the registered image that is named, else of the only one that has the tags which the plugin asks for."""
        plugin, version = self.version(given)
        needed = set(self.image_tags(given))
        able = [item for item in self.images if needed <= set(item.get("tags") or ())]
        names = [str(item["name"]) for item in able]
        if wanted := given.get("image"):
            found = named(self.images, str(wanted), "registered image")
            if found not in able:
                lacking = ", ".join(sorted(needed - set(found.get("tags") or ())))
                raise Unknown(f"the image {wanted} is registered without the tags {lacking}", one_of(names))
            return str(found["id"])
        if len(able) != 1:
            has = "several registered images" if able else "no registered image"
            raise Unknown(f"this cloud has {has} for {plugin} {version}: say which by `image`", one_of(names))
        return str(able[0]["id"])

    def image_tags(self, given: Mapping[str, Any]) -> list[str]:
        """The tags by which the plugin knows the images that it can use."""
        plugin, version = self.version(given)
        return list(self._plugin(plugin, version).get("required_image_tags") or (plugin, version))

    def processes(self, given: Mapping[str, Any], group: str) -> list[str]:
        plugin, version = self.version(given)
        wanted = (given.get(group) or {}).get("processes") or _PROCESSES.get(plugin, {}).get(group)
        able = [process for some in (self._plugin(plugin, version).get("node_processes") or {}).values() for process in some]
        if not wanted:
            raise Unknown(f"say by `{group}: {{ processes: ... }}` what the plugin {plugin} runs there", one_of(able))
        if unknown := [str(process) for process in wanted if process not in able]:
            raise Unknown(f"the plugin {plugin} {version} has no process {', '.join(unknown)}", one_of(able))
        return [str(process) for process in wanted]

    def _plugin(self, name: str, version: str) -> dict[str, Any]:
        if (name, version) not in self._details:
            what = f"look at the plugin {name} {version}"
            self._details[name, version] = self._cloud.get(SERVICE, f"/plugins/{name}/{version}", what)["plugin"]
        return self._details[name, version]


def _enabled(labels: Mapping[str, Any] | None) -> bool:
    """Services before the labels say nothing of it."""
    return bool(((labels or {}).get("enabled") or {}).get("status", True))
