"""Which flavor and which image each server has, as parameters; with a catalogue, which of the cloud's are their defaults."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from bbq.diagnostics import listed
from bbq.render.hot import codes
from bbq.render.hot.choice import Need, Wish, fitting, image_reference, smallest
from bbq.render.hot.context import Context, slug
from bbq.render.hot.model import NO_DEFAULT, Fn
from bbq.topology.model import Node
from bbq.tosca.units import to_bytes
from bbq.wording import nearest, one_of, quoted

_UNUSED: Final = {
    "cpu_frequency": "flavors do not tell the frequency of their processors",
    "gpu_vendor": "flavors tell the number of GPUs only",
    "gpu_model": "flavors tell the number of GPUs only",
    "disk_type": "flavors do not tell the kind of their disks",
    "sgx": "flavors do not tell what their processors can do",
    "preemtible_instance": "Nova has no servers that it may take away",
}


class Picks:
    """For all Compute nodes together: those that need the same share a parameter."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._nodes = list(context.of_kind("compute"))
        self._needs = {node.name: self._need(node) for node in self._nodes}
        self._wishes = {node.name: self._wish(node) for node in self._nodes}
        self._alike: dict[Need | Wish, list[Node]] = {}
        for node in self._nodes:
            self._alike.setdefault(self._needs[node.name], []).append(node)
            self._alike.setdefault(self._wishes[node.name], []).append(node)
        kinds = {(node.parent, node.template, self._needs[node.name], self._wishes[node.name]) for node in self._nodes}
        self._templates = Counter((parent, template) for parent, template, _, _ in kinds)
        """How many kinds of servers each node template has: more than one where properties depend on the number."""

    # Flavor

    def _need(self, node: Node) -> Need:
        context = self._context
        given = context.capability(node, "host")
        for name, why in _UNUSED.items():
            if given.get(name):
                context.left_out(node, f"{quoted(name)}", why, capability="host")
        name = given.get("instance_type") or context.property(node, "flavor") or ""
        return Need(
            str(name),
            self._number(node, given, "num_cpus"),
            self._size(node, given, "mem_size"),
            self._size(node, given, "disk_size"),
            self._number(node, given, "num_gpus"),
        )

    def _number(self, node: Node, given: dict[str, Any], name: str) -> int:
        value = given.get(name) or 0
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int):
            return value
        self._context.error(codes.VALUE, f"{quoted(name)} of {quoted(node.name)} is no whole number", node, capability="host")
        return 0

    def _size(self, node: Node, given: dict[str, Any], name: str) -> int:
        value = given.get(name)
        if value is None:
            return 0
        try:
            return to_bytes(str(value))
        except ValueError:
            text = f"{quoted(name)} of {quoted(node.name)} is no size: {quoted(value)}"
            self._context.error(codes.VALUE, text, node, "for example 4 GB", capability="host")
            return 0

    def flavor(self, node: Node) -> Fn:
        context, need = self._context, self._needs[node.name]
        users = self._alike[need]
        name = self._parameter_name(users, "flavor")
        if (known := context.asked(name)) is not None:
            return known
        default: Any = need.name or NO_DEFAULT
        flavors = context.catalogue.flavors
        if flavors is not None:
            default = self._chosen(node, need)
        what = f"at least {need}" if str(need) and not need.name else f"the template asks for {need.name}" if need.name else ""
        about = f"Flavor of {_listed(node, users)}"
        return context.parameter(
            name,
            f"{about}: {what}" if what else about,
            label="Flavor",
            default=default,
            constraint="nova.flavor",
            node=node,
        )

    def _chosen(self, node: Node, need: Need) -> Any:
        context, flavors = self._context, self._context.catalogue.flavors or ()
        if need.name:
            named = [flavor for flavor in flavors if need.name in (flavor.name, flavor.id)]
            if not named:
                names = [flavor.name for flavor in flavors]
                text = f"this cloud has no flavor {quoted(need.name)}, which {quoted(node.name)} asks for"
                context.error(codes.FLAVOR, text, node, nearest(need.name, names) or one_of(names), capability="host")
            return need.name
        image = self._known_image(node)
        found = smallest(need, flavors, image)
        if found is None:
            most = max(flavors, key=lambda one: (one.vcpus, one.ram, one.disk), default=None)
            hint = (
                f"the largest is {most.name}: {most.vcpus} vCPUs, {most.ram} MiB of memory, {most.disk} GiB of disk"
                if most
                else None
            )
            text = f"this cloud has no flavor for {quoted(node.name)}, which needs {need or 'one'}"
            if image is not None and smallest(need, flavors) is not None:
                text += f", and the image {image.name} needs {image.min_ram} MiB of memory and {image.min_disk} GiB of disk"
            context.error(codes.FLAVOR, text, node, hint, capability="host")
            return NO_DEFAULT
        twins = sum(flavor.name == found.name for flavor in flavors)
        return found.id if twins > 1 and found.id else found.name

    # Image

    def _wish(self, node: Node) -> Wish:
        context = self._context
        given = context.capability(node, "os")
        reference = given.get("image") or context.property(node, "image")
        if reference:
            wish, other = image_reference(str(reference))
            if wish is not None:
                return wish
            text = f"{quoted(node.name)} asks for an image of another kind of cloud ({other}): {quoted(reference)}"
            hint = "give one of this cloud in an input, or as the parameter of the stack"
            report = context.error if context.catalogue.images is not None else context.warning
            report(codes.IMAGE, text, node, hint, capability="os")
            return Wish(foreign=str(reference))
        return Wish(**{key: str(given.get(key) or "") for key in ("architecture", "type", "distribution", "version")})

    def _known_image(self, node: Node) -> Any:
        """The image where the catalogue has exactly one that fits."""
        images = self._context.catalogue.images
        if images is None:
            return None
        found = fitting(self._wishes[node.name], images)
        return found[0] if len(found) == 1 else None

    def image(self, node: Node) -> Fn:
        context, wish = self._context, self._wishes[node.name]
        users = self._alike[wish]
        name = self._parameter_name(users, "image")
        if (known := context.asked(name)) is not None:
            return known
        default: Any = wish.name or NO_DEFAULT
        if context.catalogue.images is not None:
            default = self._chosen_image(node, wish, name)
        about = f"Image (name or ID) of {_listed(node, users)}"
        return context.parameter(
            name,
            f"{about}: {wish}" if str(wish) else about,
            label="Image",
            default=default,
            constraint="glance.image",
            node=node,
        )

    def _chosen_image(self, node: Node, wish: Wish, parameter: str) -> Any:
        context, images = self._context, self._context.catalogue.images or ()
        hosts = context.catalogue.hosts
        if wish.foreign:
            return NO_DEFAULT
        if not (wish.name or str(wish)):
            if context.catalogue.usual_image:
                return context.catalogue.usual_image
            if len(images) == 1 or parameter in context.catalogue.defaults:
                return images[0].name if images else NO_DEFAULT
            names = ", ".join(image.name for image in images[:8])
            text = f"{quoted(node.name)} says nothing of its image, and this cloud has {len(images)}: {names}"
            hint = f"say in its capability `os` what it is, or which as `{parameter}` (`defaults` of a catalogue)"
            context.error(codes.UNDECIDED, text, node, hint, capability="os")
            return NO_DEFAULT
        found = fitting(wish, images)
        if not found:
            text = f"this cloud has no image {quoted(wish)}, which {quoted(node.name)} asks for"
            there = [image.name for image in images]
            known = (nearest(wish.name, there) if wish.name else None) or one_of(there)
            foreign = wish.host and wish.host not in (hosts or ())
            context.error(codes.IMAGE, text, node, f"it is of {wish.host}; {known}" if foreign else known, capability="os")
            return NO_DEFAULT
        if len(found) > 1:
            text = f"this cloud has {len(found)} images that are {quoted(wish)}, which {quoted(node.name)} asks for"
            listed = ", ".join(f"{image.name} ({image.id})" if image.id else image.name for image in found[:8])
            context.error(codes.AMBIGUOUS, text, node, f"give the name or ID of one: {listed}", capability="os")
            return NO_DEFAULT
        twins = sum(image.name == found[0].name for image in images)
        return found[0].id if (twins > 1 or wish.name == found[0].id) and found[0].id else found[0].name

    def _parameter_name(self, users: list[Node], what: str) -> str:
        """One for all servers that need the same: named after the first of them, or nothing where it is for all there are."""
        if len(users) == len(self._nodes):
            return what
        first = users[0]
        if first.index is None or self._templates[first.parent, first.template] > 1:
            return f"{self._context.label(first)}_{what}"
        return f"{slug(f'{first.parent or str()} {first.template}')}_{what}"


def _listed(node: Node, users: list[Node]) -> str:
    names = list(dict.fromkeys(other.template or other.name for other in users))
    return listed(names, 6)
