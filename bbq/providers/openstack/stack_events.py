"""What goes on in Heat stacks, as it goes on: their events, each fetched once.

https://docs.openstack.org/api-ref/orchestration/v1/#list-stack-events

However many stacks are waited for, a tick asks for the events of one of them: that which was not asked for longest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bbq.diagnostics import listed
from bbq.engine.contract import Handle, PermanentFault, ProviderFault, State
from bbq.providers.openstack.session import Cloud

DEEPEST: Final = 20
_FIRST: Final = 1000
"""Events that the first look at a stack takes, at most; Heat keeps as many of each stack."""
_SHOWN: Final = 4
_DONE: Final[Mapping[str, str]] = {"CREATE": "made", "UPDATE": "updated", "DELETE": "deleted", "ADOPT": "adopted"}
_RANDOM: Final = re.compile(r"-[a-z0-9]{12}$")
"""What Heat puts behind a nested stack's name, after the names of its parent and of the resource that it is."""


@dataclass(slots=True)
class Stream:
    """One stack's events of its present action. `told` are lines for people, oldest first; `working` are addresses of resources
    that are being worked on; `paths` are addresses of the resources that nested stacks are, by the stacks' names."""

    name: str
    action: str = ""
    marker: str | None = None
    asked: int = 0
    ended: bool = False
    told: list[str] = field(default_factory=list)
    working: dict[str, None] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def take(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Events in the order in which they happened."""
        for event in events:
            if event["id"] in self.seen:  # Heat has purged the one that we gave as marker, and began anew
                continue
            self.seen.add(event["id"])
            self.marker = event["id"]
            self._take(event)

    def _take(self, event: Mapping[str, Any]) -> None:
        action, _, status = event["resource_status"].partition("_")
        stack, name = _stack_name(event), event["resource_name"]
        if name == stack:  # the stack's own: the list of stacks says that, or the event of the resource that it is
            return
        address = self._address(stack, name)
        if status == "IN_PROGRESS":
            self.working[address] = None
            return
        self.working.pop(address, None)
        if status == "FAILED":
            reason = " ".join((event.get("resource_status_reason") or "").split())
            self.told.append(f"{address}: {event['resource_status']}" + (f": {reason}" if reason else ""))
        elif action in _DONE:
            self.told.append(f"{address}: {_DONE[action]}")

    def _address(self, stack: str, name: str) -> str:
        """`workers.0.server`: after the names of the resources that its stack is nested in."""
        above = self._path(stack)
        return f"{above}.{name}" if above else name

    def _path(self, stack: str) -> str:
        if stack == self.name:
            return ""
        if stack not in self.paths:
            parents = [known for known in (self.name, *self.paths) if stack.startswith(f"{known}-")]
            parent = max(parents, key=len, default="")
            own = _RANDOM.sub("", stack.removeprefix(f"{parent}-"))
            above = self._path(parent) if parent else ""
            self.paths[stack] = f"{above}.{own}" if above else own
        return self.paths[stack]

    def state(self, state: State) -> State:
        """With what is known of it."""
        detail = state.detail
        if state.name.endswith("_IN_PROGRESS") and self.working:
            detail = f"{len(self.told)} done, at work: {listed(list(self.working), _SHOWN)}"
        return replace(state, detail=detail, progress=tuple(self.told))


class Events:
    """Of the stacks that one run waits for; called by one thread at a time."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._streams: dict[str, Stream] = {}
        self._looks = 0
        self._refused = False

    def forget(self, id: str) -> None:
        """A new action begins: what came before is not told again."""
        self._streams.pop(id, None)

    def follow(self, stacks: Iterable[tuple[Handle, State]]) -> dict[str, State]:
        """Their states with what goes on in them; one request at most."""
        stacks = list(stacks)
        streams: dict[str, Stream] = {}  # an update in another thread may forget one meanwhile
        due: list[tuple[int, Handle, Stream]] = []
        for handle, state in stacks:
            action = state.name.partition("_")[0]
            stream = self._streams.get(handle.id)
            busy = state.name.endswith("_IN_PROGRESS")
            if stream is None or (busy and stream.action != action):
                if not busy:
                    continue
                stream = self._streams[handle.id] = Stream(str(handle.attributes["name"]), action)
            streams[handle.id] = stream
            if busy or not stream.ended:
                stream.ended = not busy
                due.append((stream.asked if busy else -1, handle, stream))
        if due and not self._refused:
            _, handle, stream = min(due, key=lambda one: one[0])
            self._look(handle, stream)
        return {handle.id: streams[handle.id].state(state) if handle.id in streams else state for handle, state in stacks}

    def _look(self, handle: Handle, stream: Stream) -> None:
        self._looks += 1
        stream.asked = self._looks
        path = f"/stacks/{stream.name}/{handle.id}/events"
        what = f"read the events of {stream.name}"
        query: dict[str, Any] = {"sort_dir": "asc", "marker": stream.marker} if stream.marker else {}
        query = query or {"sort_dir": "desc", "limit": _FIRST}
        with suppress(ProviderFault):  # they are for the eyes; the waiting goes on without them
            try:
                events = self._cloud.get("orchestration", path, what, nested_depth=DEEPEST, **query)["events"]
            except PermanentFault:
                self._refused = True
                raise
            stream.take(events if stream.marker else _of_action(events, stream))


def _of_action(newest_first: list[dict[str, Any]], stream: Stream) -> list[dict[str, Any]]:
    """Those since the present action began, oldest first."""
    begins = f"{stream.action}_IN_PROGRESS"
    for number, event in enumerate(newest_first):
        if event["resource_name"] == stream.name == _stack_name(event) and event["resource_status"] == begins:
            return newest_first[number::-1]
    return newest_first[::-1]


def _stack_name(event: Mapping[str, Any]) -> str:
    """Of the stack whose event it is, from the link to it: `.../stacks/NAME/ID`."""
    link: str = next((one["href"] for one in event.get("links") or () if one["rel"] == "stack"), "")
    parts = link.rstrip("/").split("/")
    return parts[-2] if len(parts) > 1 else ""
