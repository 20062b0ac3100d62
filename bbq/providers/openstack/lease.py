"""Until when a deployment may live, where everybody who can delete it can read it: in the tags of an empty stack of its own.

Tags of the things themselves cannot be moved in all services, and a journal is on one machine. Whoever has a login sees by
this stack what `bbq-deploy sweep` may take away, and one call gives the whole deployment more time.
https://docs.openstack.org/api-ref/orchestration/v1/#update-a-stack-patch
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bbq.engine.contract import AmbiguousFault, Tag, TransientFault
from bbq.providers.openstack import tags
from bbq.providers.openstack.faults import Conflict, NotFound
from bbq.providers.openstack.session import Cloud

SERVICE: Final = "orchestration"
NODE: Final = ""
"""It is no node's: the tag of what belongs to the deployment as a whole names none."""
_SOON: Final = 0.5


def extend(cloud: Cloud, deployment: str, deployment_id: str, at: float) -> None:
    """Let the deployment live until `at` (epoch seconds), longer or shorter than before. Made again after a lost answer it
    makes no second one."""
    tag = Tag(deployment, deployment_id, NODE, 0, at)
    words, name = tags.words(tag), tags.name_of(tag)
    found = find(cloud, deployment_id)
    if found is None:
        what = f"note the expiry of {deployment}"
        template = {"heat_template_version": "2015-10-15", "description": f"Until when {deployment} may live. Made by bbq."}
        try:
            cloud.post(SERVICE, "/stacks", what, {"stack_name": name, "template": template, "tags": ",".join(words)})
        except Conflict as fault:  # the name is this deployment's own: an earlier call went through after all
            raise AmbiguousFault(str(fault)) from None
    elif set(found["tags"]) != set(words):
        try:
            cloud.patch(SERVICE, _path(found), f"move the expiry of {deployment}", {"tags": ",".join(words)})
        except Conflict as fault:  # it is being made (Heat without convergence)
            raise TransientFault(str(fault), _SOON) from None


def find(cloud: Cloud, deployment_id: str) -> Mapping[str, Any] | None:
    """Its entry in Heat's list."""
    wanted = ",".join([tags.deployment_word(deployment_id), f"bbq:node={NODE}"])
    answer = cloud.get(SERVICE, "/stacks", "look for the expiry", tags=wanted)
    return next((item for item in answer["stacks"] if is_lease(tags.of_words(item["tags"] or ()))), None)


def is_lease(tag: Tag | None) -> bool:
    return tag is not None and tag.node == NODE


def end(cloud: Cloud, deployment_id: str) -> None:
    """Take it away; a `TransientFault` as long as it is still there."""
    found = find(cloud, deployment_id)
    if found is None:
        return
    try:
        cloud.delete(SERVICE, _path(found), "forget the expiry")
    except NotFound:
        return
    if find(cloud, deployment_id) is not None:
        raise TransientFault("the note of the expiry is still there", _SOON)


def _path(item: Mapping[str, Any]) -> str:
    return f"/stacks/{item['stack_name']}/{item['id']}"
