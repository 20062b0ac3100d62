"""A Heat stack. https://docs.openstack.org/api-ref/orchestration/v1/

The front end has collected template, files and environments with positions and import maps, so python-heatclient's
template_utils, which would read them again, is not needed; REST through the shared session does the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Final

from bbq.engine.contract import (
    AmbiguousFault,
    Changed,
    Check,
    DeploymentContext,
    Ending,
    Handle,
    Part,
    PermanentFault,
    State,
    Tag,
    TransientFault,
    Wanted,
)
from bbq.providers.openstack import tags
from bbq.providers.openstack.echoes import echoed, secret_texts
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.lease import is_lease
from bbq.providers.openstack.resource import CloudResource
from bbq.providers.openstack.session import Cloud
from bbq.providers.openstack.stack_events import Events
from bbq.providers.openstack.stack_failure import addressed, own_path, resources_of, root_cause
from bbq.providers.openstack.stack_needs import Needs, needs_of
from bbq.providers.openstack.stack_preflight import said_by_heat, unknown
from bbq.providers.openstack.stack_repair import lost_of, mark_lost
from bbq.topology.model import Node
from bbq.topology.values import Expr, contains, revealed

_AT_ONCE: Final = 8
"""Templates that Heat is asked about at a time; each costs it as much as the making of a stack does until it answers."""
_BUSY: Final = 5.0
_ENDED: Final = {"stop": "stopped", "rollback": "rolled back"}


class Stack(CloudResource):
    type: ClassVar = "bbq.nodes.openstack.Stack"
    service: ClassVar = "orchestration"
    updatable: ClassVar = frozenset({"template", "files", "environment", "parameters", "disable_rollback"})
    ignored: ClassVar = frozenset({"timeout"})
    takes_away: ClassVar = True  # servers, which software may have to be drained on before
    repairable: ClassVar = True  # Heat updates a stack that failed: what works in it stays
    poll_group: ClassVar = "stack"
    timeouts: ClassVar = {"create": 300.0, "ready": 3600.0, "delete": 1800.0}

    def __init__(self, cloud: Cloud, context: DeploymentContext) -> None:
        super().__init__(cloud, context)
        self._events = Events(cloud)
        self._words = [tags.deployment_word(context.id)]

    def find(self, tag: Tag) -> Handle | None:
        found = self._list("find the stack of " + tag.node, tags.node_words(tag))
        return next((handle for one, handle, _ in found if one is not None and one.node == tag.node), None)

    def create(self, wanted: Wanted) -> Handle:
        name = tags.name_of(wanted.tag)
        what = f"create the stack {name}"
        try:
            made = self.cloud.post("orchestration", "/stacks", what, {"stack_name": name, **_body(wanted)})
        except Conflict as fault:  # the name is this node's own: an earlier call went through after all
            raise AmbiguousFault(str(fault)) from None
        return Handle(made["stack"]["id"], {"id": made["stack"]["id"], "name": name})

    def update(self, handle: Handle, wanted: Wanted, changed: frozenset[str]) -> Handle:
        """With nothing changed, Heat makes anew what failed in it; to be repaired, what it has lost as well. Dying in between
        leaves marks, and the next update is told to repair again."""
        self._events.forget(handle.id)
        if wanted.repair:
            mark_lost(self.cloud, _path(handle))
        what = f"update the stack {_name(handle)}"
        try:
            self.cloud.put("orchestration", _path(handle), what, _body(wanted))
        except Conflict as fault:  # an action is under way (Heat without convergence)
            raise TransientFault(str(fault), _BUSY) from None
        return handle

    def lost(self, handles: Sequence[Handle]) -> Mapping[str, Sequence[str]]:
        """Servers, volumes, ports and floating IPs that are gone, or are servers in ERROR."""
        found = lost_of(self.cloud, [_path(handle) for handle in handles])
        return {handle.id: list(map(str, found.get(_path(handle), ()))) for handle in handles}

    def preview(self, handle: Handle, properties: Mapping[str, Any]) -> list[tuple[str, str | None, str | None]]:
        """Which resources of the stack itself Heat would add, change, replace and delete. (Those of nested stacks only count as
        a change of what they are nested in: `show_nested` fails in Heat where a nested stack is to be made.)"""
        if contains(properties, lambda value: isinstance(value, Expr)):
            return []
        what = f"preview the update of the stack {_name(handle)}"
        answer = self.cloud.put("orchestration", f"{_path(handle)}/preview", what, _content(properties))
        words = {"added": (None, "added"), "updated": ("", "updated"), "replaced": ("", "replaced"), "deleted": ("", None)}
        return [
            (f"resources.{item['resource_name']}", item["resource_type"] if before is not None else None, after)
            for kind, (before, after) in words.items()
            for item in answer["resource_changes"].get(kind, ())
        ]

    def delete(self, handle: Handle, tag: Tag) -> None:
        try:
            self.cloud.delete("orchestration", _path(handle), f"delete the stack {_name(handle)}")
        except NotFound:
            return

    def states(self, ids: Sequence[str]) -> Mapping[str, State]:
        """One request more where any of these is at work, for the events of one of them."""
        found = {handle.id: (handle, state) for _, handle, state in self._list("list the stacks", self._words)}
        return {
            **{id: state for id, (_, state) in found.items()},
            **self._events.follow(found[id] for id in ids if id in found),
        }

    def tagged(self, deployment_id: str | None) -> Iterator[tuple[Tag, Handle]]:
        words = [] if deployment_id is None else [tags.deployment_word(deployment_id)]
        for tag, handle, _ in self._list("list the stacks", words):
            if tag is not None and not is_lease(tag):
                yield tag, handle

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """Heat has said that it is complete; its outputs are only in the stack itself, not in the lists."""
        stack = self.cloud.get("orchestration", _path(handle), f"read the outputs of {_name(handle)}")["stack"]
        secrets = secret_texts(wanted.properties.get("parameters"))
        outputs = {item["output_key"]: echoed(item.get("output_value"), secrets) for item in stack.get("outputs") or ()}
        attributes = {"id": handle.id, "name": stack["stack_name"], "status": stack["stack_status"], "outputs": outputs}
        return Check(True, attributes=attributes)

    def parts(self, handle: Handle) -> list[Part]:
        """With the path of each in Heat's API."""
        found = addressed(resources_of(self.cloud, _path(handle)))
        return [Part(address, item["resource_type"], own_path(item)) for address, item in found]

    def signal(self, handle: Handle, part: Part, data: Any) -> None:
        """https://docs.openstack.org/api-ref/orchestration/v1/#send-a-signal-to-a-resource"""
        self.cloud.post("orchestration", f"{part.id}/signal", f"signal {part.address}", data)

    def cancel(self, handle: Handle, ending: Ending) -> str | None:
        name = _name(handle)
        stack = self.cloud.get("orchestration", _path(handle), f"look at the stack {name}")["stack"]
        action, _, status = stack["stack_status"].partition("_")
        if ending == "abandon":
            return self._abandon(handle)
        if status != "IN_PROGRESS":
            return None
        if action != "UPDATE" and (action != "CREATE" or ending == "rollback"):
            hint = "bbq-deploy destroy deletes it" if action == "CREATE" else "--abandon makes Heat forget it"
            raise PermanentFault(f"the {action.lower()} of the stack {name} cannot be {_ENDED[ending]}", hint)
        verb = {"stop": "cancel_without_rollback", "rollback": "cancel_update"}[ending]
        what = f"cancel the {action.lower()} of the stack {name}"
        self.cloud.post("orchestration", f"{_path(handle)}/actions", what, {verb: None}, creates=False)
        return f"the {action.lower()} of the stack {name} is being {_ENDED[ending]}"

    def _abandon(self, handle: Handle) -> str:
        """https://docs.openstack.org/api-ref/orchestration/v1/#abandon-a-stack"""
        name = _name(handle)
        try:
            left = self.cloud.delete("orchestration", f"{_path(handle)}/abandon", f"abandon the stack {name}")
        except PermanentFault as fault:
            if "not supported" not in str(fault):
                raise
            raise PermanentFault(str(fault), "this cloud's Heat has enable_stack_abandon switched off") from None
        things = sorted(_abandoned(left))
        return f"Heat has forgotten the stack {name}; left of it: {', '.join(things) or 'nothing'}"

    def explain(self, handle: Handle, state: State) -> str:
        return root_cause(self.cloud, _path(handle), state.detail or state.name)

    def preflight(self, nodes: Sequence[Node], needs: Needs) -> list[str]:
        self.add_needs(nodes, needs)
        found = list(unknown(self.cloud, needs))
        whole = [node for node in nodes if not contains(node.properties, lambda value: isinstance(value, Expr))]
        if whole and not found:  # else Heat would only say the first of the same again
            with ThreadPoolExecutor(min(len(whole), _AT_ONCE)) as pool:
                said = pool.map(lambda node: said_by_heat(self.cloud, node.name, _content(node.properties)), whole)
                found += [text for text in said if text]
        return found

    def preflight_changes(self, changed: Sequence[Changed]) -> list[str]:
        needs = Needs()
        self.add_needs([one.node for one in changed], needs)
        found = list(unknown(self.cloud, needs))
        for one in changed if not found else ():
            try:
                self.preview(one.handle, one.node.properties)
            except (NotFound, Conflict):  # it is gone, or at work: what comes of that is for the update to see
                continue
            except PermanentFault as fault:
                found.append(f"{one.node.name}: Heat refuses the template: {fault}")
        return found

    def add_needs(self, nodes: Sequence[Node], needs: Needs) -> None:
        for node in nodes:
            needs_of(node.name, node.properties, needs)

    def _list(self, what: str, words: Sequence[str]) -> list[tuple[Tag | None, Handle, State]]:
        """Live stacks that carry all of these words, without nested ones. The list's filter is exact, and never behind."""
        answer = self.cloud.get("orchestration", "/stacks", what, **({"tags": ",".join(words)} if words else {}))
        found = []
        for item in answer["stacks"]:
            attributes = {"id": item["id"], "name": item["stack_name"], "status": item["stack_status"]}
            found.append((tags.of_words(item.get("tags") or ()), Handle(item["id"], attributes), state_of(item)))
        return found


def state_of(item: Mapping[str, Any]) -> State:
    """A stack's state from its entry in a list. ROLLBACK_COMPLETE has failed: it is not what was asked for."""
    status, reason = item["stack_status"], " ".join((item.get("stack_status_reason") or "").split())
    action, _, result = status.rpartition("_")
    if action == "DELETE":
        return State(status, detail=f"{status}: {reason}" if result == "FAILED" else reason)
    if result == "FAILED":
        return State(status, ready=action == "SNAPSHOT", failed=action != "SNAPSHOT", detail=reason)
    if action == "ROLLBACK":
        text = f"taken back after it failed: {reason}" if result == "COMPLETE" else reason
        return State(status, failed=result == "COMPLETE", detail=text)
    return State(status, ready=result == "COMPLETE" and action != "SUSPEND", detail=reason)


def _abandoned(left: Mapping[str, Any] | None) -> Iterator[str]:
    """Type and id of each thing that an abandoned stack's description names."""
    for name, item in ((left or {}).get("resources") or {}).items():
        if "resources" in item:
            yield from _abandoned(item)
        elif item.get("resource_id"):
            yield f"{name} ({item.get('type')} {item['resource_id']})"


def _body(wanted: Wanted) -> dict[str, Any]:
    """What create and update send."""
    return {**_content(wanted.properties), "tags": ",".join(tags.words(wanted.tag))}


def _content(given: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "template": revealed(given["template"]),
        "files": revealed(given.get("files") or {}),
        "environment": revealed(given.get("environment") or {}),
        "parameters": revealed(given.get("parameters") or {}),
        "disable_rollback": given.get("disable_rollback", True) is not False,
    }
    if given.get("timeout"):
        found["timeout_mins"] = given["timeout"]
    return found


def _name(handle: Handle) -> str:
    return str(handle.attributes.get("name") or handle.id)


def _path(handle: Handle) -> str:
    """By name and id where both are known: by the id alone Heat answers with a redirection."""
    name = handle.attributes.get("name")
    return f"/stacks/{name}/{handle.id}" if name else f"/stacks/{handle.id}"
