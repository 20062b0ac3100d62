"""What the user's programs are handed over, whatever the provider: connections, as variables and as one file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from bbq.engine.contract import PermanentFault, Target, Wanted
from bbq.plan.snapshot import TOSCA_OWN
from bbq.topology.values import Secret, contains, revealed

_HANDED_OVER = ("connection", "cluster")


def alias(target: Target) -> str:
    """What the application calls it: the relationship's `alias`, or the target's name."""
    return str(target.relationship_properties.get("alias") or target.node)


def variable(name: str) -> str:
    """A name as an environment variable has it: capitals, digits and `_`, no digit first."""
    text = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
    return f"_{text}" if text[:1].isdigit() else text


def connections(targets: Sequence[Target]) -> dict[str, dict[str, Any]]:
    """Alias -> node, type and every attribute of what the application is connected to."""
    return {
        alias(target): {
            "node": target.node,
            "type": target.type,
            **{name: value for name, value in target.attributes.items() if name not in TOSCA_OWN},
        }
        for target in targets
        if target.requirement in _HANDED_OVER
    }


def text_of(value: Any) -> Any:
    """A value for one variable: true/false, lists and maps as JSON; a secret stays one."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, (bool, list, tuple, dict)):
        return Secret(json.dumps(revealed(value))) if revealed(value) != value else json.dumps(value)
    return None if value is None else str(value)


def arguments(wanted: Wanted, name: str) -> list[str]:
    """The property of that name as arguments. `PermanentFault` where there is a secret in it, which the mask would replace."""
    found = wanted.properties.get(name) or ()
    if contains(found, lambda item: isinstance(item, Secret)):
        raise PermanentFault(f"{wanted.tag.node}: a secret in {name} could be read by everybody: pass it in `environment`")
    return [str(text_of(item)) for item in found]


def variables(targets: Sequence[Target]) -> dict[str, Any]:
    """<ALIAS>_<ATTRIBUTE> for every connection."""
    return {
        f"{variable(name)}_{variable(attribute)}": text_of(value)
        for name, found in connections(targets).items()
        for attribute, value in found.items()
        if attribute not in ("node", "type")
    }
