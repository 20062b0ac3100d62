"""What waiting costs: a tick is one request for all things of a type, however many they are, and each costs few beside."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import bbq
from bbq.engine.contract import State
from bbq.providers.openstack.provider import OpenStackProvider

pytestmark = pytest.mark.timeout(1200)

TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ {{ profile: bbq:1.0 }}, {{ profile: bbq.openstack:1.0 }} ]
service_template:
  node_templates:
    thing: {{ type: bbq.nodes.openstack.{type}, count: {count}, properties: {{ {properties} }} }}
"""
FEW, MANY = 2, 5


@dataclass(frozen=True)
class Kind:
    """`group` is what is listed at once, by so many `requests`; `beside` the most that one node may cost besides."""

    type: str
    group: str
    beside: int
    requests: int = 1
    properties: str = ""
    needs: Sequence[str] = ()


KINDS = (
    Kind(
        "DatabaseInstance",  # of the datastore whose guests the test cloud only plays: nothing large is started in them
        "database",
        beside=2,
        properties="datastore: mongodb, flavor: m1.tiny, volume_size: 1 GiB, network: private, login_check: false",
        needs=("cinder", "trove"),
    ),
    Kind("Queue", "queue", beside=6, requests=2),  # Zaqar's last page is the empty one
    Kind(
        "DataProcessingCluster",
        "data-processing-cluster",
        beside=8,  # the cluster, its template, those of its two node groups
        properties="plugin: fake, network: private, workers: 1, "
        "master: { flavor: m1.tiny, processes: [ namenode, jobtracker ] }, "
        "worker: { flavor: m1.tiny, processes: [ datanode, tasktracker ] }",
        needs=("sahara",),
    ),
    Kind(
        "ContainerCluster",
        "container-cluster",
        beside=6,  # the cluster, its template, its certificate
        properties="workers: 1",
        needs=("magnum",),
    ),
)
LONG = ("ContainerCluster",)
"""Five of them are forty resources of Heat's each."""


@dataclass
class Asked:
    """Requests by what asked for them: each look at all things of a group, and all that is asked for beside."""

    looks: dict[str, list[int]] = field(default_factory=dict)
    beside: Counter[str] = field(default_factory=Counter)
    here: threading.local = field(default_factory=threading.local)
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    from keystoneauth1.session import Session

    found = Asked()
    request, list_states = Session.request, OpenStackProvider.list_states

    def counting(self: Session, url: str, method: str, **options: Any) -> Any:
        inside: list[str] | None = getattr(found.here, "look", None)
        with found.lock:
            if inside is None:
                found.beside[f"{method} {url}"] += 1
            else:
                inside.append(url)
        return request(self, url, method, **options)

    def looking(self: OpenStackProvider, group: str, ids: Sequence[str]) -> Mapping[str, State]:
        found.here.look = look = []
        try:
            return list_states(self, group, ids)
        finally:
            found.here.look = None
            with found.lock:
                found.looks.setdefault(group, []).append(len(look))

    monkeypatch.setattr(Session, "request", counting)
    monkeypatch.setattr(OpenStackProvider, "list_states", looking)
    return found


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, id=kind.type, marks=pytest.mark.soak if kind.type in LONG else ()) for kind in KINDS],
)
def test_a_tick_is_one_request_however_many_are_waited_for(
    kind: Kind,
    asked: Asked,
    services: Callable[..., None],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    services(*kind.needs)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("BBQ_OPENSTACK__NETWORK", "private")  # there may be others, of somebody else's tests
    template, beside = tmp_path / "many.yaml", {}
    for count in (FEW, MANY):
        template.write_text(TEMPLATE.format(type=kind.type, count=count, properties=kind.properties))
        asked.looks.clear()
        asked.beside.clear()
        with bbq.ephemeral(str(template), provider="openstack", name=f"{name[:8]}-{count}"):
            beside[count] = asked.beside.copy()
            looks = asked.looks[kind.group]
            assert looks and set(looks) == {kind.requests}, looks
    more = beside[MANY].total() - beside[FEW].total()
    assert more <= kind.beside * (MANY - FEW), beside[MANY] - beside[FEW]
