"""Where secrets may be, and where they may not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bbq.topology import codes
from bbq.topology.evaluate import Evaluator
from bbq.topology.instances import Instance
from bbq.topology.model import Node
from bbq.topology.values import Attribute, GeneratedSecret, Secret, walk


class SecretPlaces:
    """Looks into the values of a graph whose nodes are all made."""

    def __init__(self, evaluator: Evaluator, instances: Mapping[str, Instance], nodes: Mapping[str, Node]) -> None:
        self._evaluator = evaluator
        self._instances = instances
        self._nodes = nodes

    def held_by(self, value: Any) -> bool:
        """Whether there is a secret in it, or an attribute that is one."""
        for item in walk(value):
            if isinstance(item, (Secret, GeneratedSecret)):
                return True
            if isinstance(item, Attribute) and item.node in self._instances:
                instance = self._instances[item.node]
                definition = instance.template.type.attributes.get(str(item.path[0]))
                if definition and self._evaluator.secrecy.is_secret(definition, instance.stack.service):
                    return True
                node = self._nodes[item.node]
                if node.composite and self.held_by(node.attributes.get(str(item.path[0]))):
                    return True
        return False

    def check(self) -> None:
        """Our own types say which of their properties keep a secret. What other types do with one is their affair."""
        refused: set[str] = set()  # a composite's members have the same value from it: said once
        shown: dict[tuple[str, str], list[str]] = {}  # by type
        for address, instance in self._instances.items():
            if instance.stack.owner is not None and instance.stack.owner.address in refused:
                refused.add(address)
                continue
            node, key = self._nodes[address], (instance.stack.service.path, instance.template.type.name)
            if key not in shown:
                shown[key] = self._shown(instance)
            bad = [name for name in shown[key] if self.held_by(node.properties.get(name))]
            if any(probe.kind == "command" and self.held_by(probe.target) for probe in node.readiness):
                bad.append("readiness")
            for name in bad:
                text = f"property {name!r} of {address!r} has a secret in it, which others could read there"
                hint = "a program finds it in its `environment`" if "environment" in instance.template.type.properties else None
                at = instance.template.property_at.get(name, instance.template.at)
                self._evaluator.bag.error(codes.MISPLACED_SECRET, text, at, hint)
                refused.add(address)

    def _shown(self, instance: Instance) -> list[str]:
        """Names of the properties that a type of ours gave the instance and that keep no secret."""
        service = instance.stack.service
        own = next((name for name in instance.template.type.ancestry if name.startswith("bbq.")), None)
        ours = service.types.get(("node", own)) if own else None
        return [
            name
            for name, definition in (ours.properties if ours else {}).items()
            if definition.metadata.get("bbq_secrets") is not True and not self._evaluator.secrecy.is_secret(definition, service)
        ]
