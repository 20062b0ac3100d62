"""What is made of Heat's events: lines for people, with addresses of nested resources."""

from __future__ import annotations

from typing import Any

from bbq.engine.contract import State
from bbq.providers.openstack.stack_events import Stream, _of_action

GROUP, MEMBER = "s-group-abcdefghijkl", "s-group-abcdefghijkl-0-mnopqrstuvwx"


def entry(id: str, stack: str, name: str, status: str, reason: str = "") -> dict[str, Any]:
    links = [{"rel": "self", "href": "http://heat/x"}, {"rel": "stack", "href": f"http://heat/v1/p/stacks/{stack}/1234"}]
    return {"id": id, "resource_name": name, "resource_status": status, "resource_status_reason": reason, "links": links}


EVENTS = [
    entry("1", "s", "s", "CREATE_IN_PROGRESS", "Stack CREATE started"),
    entry("2", "s", "group", "CREATE_IN_PROGRESS"),
    entry("3", GROUP, GROUP, "CREATE_IN_PROGRESS"),
    entry("4", GROUP, "0", "CREATE_IN_PROGRESS"),
    entry("5", MEMBER, MEMBER, "CREATE_IN_PROGRESS"),
    entry("6", MEMBER, "my-server", "CREATE_IN_PROGRESS"),
    entry("7", MEMBER, "word", "CREATE_COMPLETE"),
    entry("8", MEMBER, "my-server", "CREATE_FAILED", "ResourceInError:\n no host"),
]


def test_nested_resources_have_addresses() -> None:
    stream = Stream("s", "CREATE")
    stream.take(EVENTS)
    assert stream.told == ["group.0.word: made", "group.0.my-server: CREATE_FAILED: ResourceInError: no host"]
    assert list(stream.working) == ["group", "group.0"]
    assert stream.marker == "8"
    state = stream.state(State("CREATE_IN_PROGRESS", detail="Stack CREATE started"))
    assert state.detail == "2 done, at work: group, group.0"
    assert state.progress == tuple(stream.told)
    assert stream.state(State("CREATE_COMPLETE", ready=True, detail="said")).detail == "said"


def test_a_marker_that_heat_has_purged_tells_nothing_twice() -> None:
    stream = Stream("s", "CREATE")
    stream.take(EVENTS[:7])
    stream.take(EVENTS)
    assert len(stream.told) == 2


def test_only_the_present_action_is_told() -> None:
    update = [entry("9", "s", "s", "UPDATE_IN_PROGRESS"), entry("10", "s", "word", "DELETE_COMPLETE")]
    newest_first = [*EVENTS, *update][::-1]
    stream = Stream("s", "UPDATE")
    stream.take(_of_action(newest_first, stream))
    assert stream.told == ["word: deleted"]
    purged = Stream("s", "UPDATE")
    purged.take(_of_action(newest_first[:1], purged))
    assert purged.told == ["word: deleted"], "where the beginning is purged, what is left is of it"
