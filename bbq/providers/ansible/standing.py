"""What `state.json` of a node means: its state for the engine, and its failure for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bbq.engine.contract import ConfigurationFault, PermanentFault, ProviderFault, State, UnreachableFault
from bbq.errors import BbqError, ConfigurationError, DeadlineExceeded, ResourceFailed, UnreachableError
from bbq.providers.ansible.directory import NodeDirectory
from bbq.providers.ansible.packing import unpack

FORGET: Final = "to go on without what fails: BBQ_ANSIBLE__SKIP_FAILED_DELETES=true bbq-deploy destroy"
ERRORS: Final[Mapping[str, type[BbqError]]] = {
    "key": ConfigurationError,
    "sudo": ConfigurationError,
    "timeout": DeadlineExceeded,
    "unreachable": UnreachableError,
}
"""What a failure of each kind ends in; all others are `ResourceFailed`."""
_DOING: Final = {
    "create": "creating",
    "pre_configure": "configuring",
    "configure": "configuring",
    "post_configure": "configuring",
    "start": "starting",
    "add": "starting",
    "remove": "stopping",
    "stop": "stopping",
    "delete": "deleting",
}


def state_of(node: NodeDirectory) -> State | None:
    """None where there is nothing any more."""
    busy = node.busy()
    state = node.state()  # after that look: who was at it may have ended before this one
    current = state.get("current") or {}
    common: dict[str, Any] = {"attributes": attributes_of(node, state), "progress": tuple(state.get("progress", ()))}
    stages = {item.get("phase") for item in state.get("done", ())}
    common["stage"] = "configured" if "configure" in stages else None
    if not node.exists:  # in the end: what was read of it may have been taken away meanwhile
        return None
    if busy:
        name = _DOING.get(current.get("phase", ""), "preparing")
        task = f": {current['task']}" if current.get("task") else ""
        place = f" on {current['place']}" if current.get("place") else ""
        return State(name, detail=f"{current.get('key') or 'its operations'}{place}{task}", **common)
    if state.get("mode") == "make" and state.get("phase") == "done":
        return State("started", ready=True, **{**common, "stage": "configured"})
    failure = state.get("failure")
    if state.get("phase") == "failed" and failure:
        error = ERRORS.get(failure["kind"], ResourceFailed)
        stuck = state.get("mode") == "unmake"
        return State("error", failed=True, detail=told(failure), error=error, stuck=stuck, **common)
    return State("interrupted", failed=True, detail="its operations were interrupted", **common)


def attributes_of(node: NodeDirectory, state: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = unpack(state.get("attributes", {}), node.node)
    return found


def cut_off(state: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The operation that was under way when its process was killed, with the mark of that run."""
    if state.get("phase") != "running":
        return None
    found: Mapping[str, Any] | None = state.get("current") or state.get("interrupted")
    return found


def told(failure: Mapping[str, Any]) -> str:
    text = str(failure["text"])
    if failure["kind"] == "sudo":
        return f"{text} - sudo is missing on {failure['place']}, or asks for a password: see [ansible] become_password and user"
    if failure["kind"] == "key":
        return f"{text} - the key of {failure['place']} is not the one that is known"
    return text


def at_length(failure: Mapping[str, Any]) -> str:
    """With what the failed task has printed."""
    return "\n".join([told(failure), *failure["lines"]])


def fault_of(failure: Mapping[str, Any]) -> ProviderFault:
    """Of a stop or delete operation."""
    text = at_length(failure)
    if failure["kind"] in ("key", "sudo"):
        return ConfigurationFault(text, hint=FORGET)
    return UnreachableFault(text) if failure["kind"] == "unreachable" else PermanentFault(text, hint=FORGET)
