from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bbq.engine.clock import VirtualClock
from bbq.engine.contract import (
    AmbiguousFault,
    DeploymentContext,
    Handle,
    PermanentFault,
    QuotaFault,
    Tag,
    TransientFault,
    UnreachableFault,
)
from bbq.errors import ConfigurationError
from bbq.providers import open_provider
from bbq.providers.simulator.catalogue import UPDATABLE
from bbq.providers.simulator.cloud import Cloud, DurableCloud
from bbq.topology.values import Secret, contains

pytestmark = pytest.mark.simulator


def tag(node: str, attempt: int = 1) -> Tag:
    return Tag("demo", "dep-1", node, attempt)


def states(world, handle):
    return world.list_states("default", [handle.id])


def test_a_thing_is_built_then_active_then_deleted_then_gone(provider, wanted):
    world = provider()
    resource = world.resource(("any.Type",))
    handle = resource.create(wanted())
    state = states(world, handle)[handle.id]
    assert (state.name, state.ready, state.failed) == ("BUILD", False, False)
    assert "%" in state.detail

    world.clock.spend(60)
    state = states(world, handle)[handle.id]
    assert state.ready
    assert state.attributes["private_address"].startswith("10.0.")
    assert resource.probe(handle, wanted()).ok

    resource.delete(handle, tag("server"))
    assert states(world, handle)[handle.id].name == "DELETING"
    assert resource.find(tag("server")) is None, "what is going away is nothing to adopt"
    assert len(list(world.list_tagged("dep-1"))) == 1
    world.clock.spend(60)
    assert states(world, handle) == {}
    assert list(world.list_tagged("dep-1")) == []
    resource.delete(handle, tag("server"))


def test_time_to_ready_depends_on_the_type_and_can_be_given(provider):
    world = provider(durations={"tosca.nodes.Abstract.Compute": 7.0, "db": 1.5}, jitter=0)
    assert world.ready_seconds("db", ("bbq.nodes.Database",)) == 1.5
    assert world.ready_seconds("other", ("bbq.nodes.Database",)) == 90
    assert world.ready_seconds("s", ("my.Server", "tosca.nodes.Compute", "tosca.nodes.Abstract.Compute")) == 7.0
    assert world.ready_seconds("x", ("my.Thing", "tosca.nodes.Root")) == 5


def test_the_same_seed_gives_the_same_world_whatever_the_order_of_calls(provider, wanted):
    def run(names, seed):
        world = provider(seed=seed)
        found = {}
        for name in names:
            handle = world.resource(()).create(wanted(name))
            found[name] = (handle.id, world.ready_seconds(name, ("tosca.nodes.Compute",)))
        return found

    assert run("abc", 1) == run("cba", 1)
    assert run("abc", 1) != run("abc", 2)


def test_tags_find_by_node_whatever_the_attempt(provider, wanted):
    world = provider()
    resource = world.resource(())
    handle = resource.create(wanted(attempt=1))
    assert resource.find(tag("server", attempt=5)).id == handle.id
    assert resource.find(tag("other")) is None
    [(found, same, type_)] = world.list_tagged("dep-1")
    assert (found, same.id, type_) == (tag("server"), handle.id, "tosca.nodes.Compute")
    assert list(world.list_tagged("dep-2")) == []


def test_the_cloud_makes_a_duplicate_when_asked_twice(provider, wanted):
    world = provider()
    first, second = (world.resource(()).create(wanted()) for _ in range(2))
    assert first.id != second.id
    assert len(list(world.list_tagged("dep-1"))) == 2


def test_one_list_call_for_many(provider, wanted):
    world = provider()
    handles = [world.resource(()).create(wanted(f"n{number}")) for number in range(20)]
    world.clock.spend(100)
    before = world.calls["list_states"]
    assert len(world.list_states("default", [handle.id for handle in handles])) == 20
    assert world.calls["list_states"] == before + 1
    assert world.calls["create"] == 20


def test_update_changes_in_place_and_is_ready_again_a_little_later(provider, wanted):
    world = provider()
    resource = world.resource(())
    assert "workers" in UPDATABLE
    handle = resource.create(wanted(workers=2))
    world.clock.spend(100)
    assert resource.update(handle, wanted(workers=3), frozenset({"workers"})).id == handle.id
    assert not states(world, handle)[handle.id].ready
    world.clock.spend(10)
    assert states(world, handle)[handle.id].ready
    assert world.cloud.get(handle.id).properties == {"workers": 3}


def test_update_of_what_is_gone_is_refused(provider, wanted):
    world = provider()
    handle = world.resource(()).create(wanted())
    world.resource(()).delete(handle, tag("server"))
    world.clock.spend(100)
    with pytest.raises(PermanentFault, match="404"):
        world.resource(()).update(handle, wanted(), frozenset())


def test_attributes_are_those_of_the_type_and_the_declared_ones(provider, wanted):
    world = provider()
    want = wanted(
        "db",
        "bbq.nodes.Database",
        engine="postgresql",
        user="app",
        database="app",
        port=0,
        password=Secret("hunter2-hunter2"),
        attributes={"motto": None, "fixed": 7},
        declared={"dashboard_url": "string", "admin_port": "integer", "address": "integer", "key": "bbq.datatypes.Secret"}
        | {"secret_url": "bbq.datatypes.Secret"}
        | {"count": "integer", "load": "float", "up": "boolean", "names": "list", "labels": "map", "spec": "my.Data"},
    )
    resource = world.resource(want.node.ancestry)
    handle = resource.create(want)
    world.clock.spend(200)
    told = {**states(world, handle)[handle.id].attributes, **resource.probe(handle, want).attributes}
    assert told["port"] == told["admin_port"] == 5432
    assert told["user"] == told["database"] == "app"
    assert told["password"] == Secret("hunter2-hunter2")
    assert told["url"].reveal() == f"postgresql://app:hunter2-hunter2@{told['host']}:5432/app"
    assert told["dashboard_url"].startswith("http://10.0.")
    assert (told["motto"], told["fixed"]) == ("db-motto", 7)
    assert isinstance(told["key"], Secret)
    assert isinstance(told["secret_url"], Secret)
    kinds = {"address": int, "count": int, "load": float, "up": bool, "names": list, "labels": dict, "spec": dict}
    assert {name: type(told[name]) for name in kinds} == kinds


def test_an_endpoint_has_an_address(provider, wanted):
    world = provider()
    want = replace(wanted(), capabilities={"admin": {"protocol": "tcp", "port": 2222}, "os": {"type": "linux"}})
    handle = world.resource(()).create(want)
    world.clock.spend(60)
    told = states(world, handle)[handle.id].attributes
    assert told["admin"] == {"protocol": "tcp", "port": 2222, "ip_address": told["private_address"]}
    assert "os" not in told


class TestFaults:
    def test_before_the_commit_nothing_happened(self, provider, wanted):
        world = provider()
        world.faults.script("server", "create", "error_before", "throttle")
        with pytest.raises(TransientFault):
            world.resource(()).create(wanted())
        with pytest.raises(TransientFault) as caught:
            world.resource(()).create(wanted())
        assert caught.value.retry_after > 0
        assert list(world.list_tagged("dep-1")) == []
        world.resource(()).create(wanted())
        assert len(list(world.list_tagged("dep-1"))) == 1

    @pytest.mark.parametrize("fault", ["error_after", "lost_response"])
    def test_after_the_commit_it_exists(self, provider, wanted, fault):
        world = provider()
        world.faults.script("server", "create", fault)
        with pytest.raises(AmbiguousFault):
            world.resource(()).create(wanted())
        assert world.resource(()).find(tag("server")) is not None

    def test_a_terminal_state_and_its_cause(self, provider, wanted):
        world = provider()
        world.faults.script("server", "fate", "terminal_error")
        resource = world.resource(())
        handle = resource.create(wanted())
        world.clock.spend(100)
        state = states(world, handle)[handle.id]
        assert state.failed
        assert "no valid host" in resource.explain(handle, state)

    def test_never_ready(self, provider, wanted):
        world = provider()
        world.faults.script("server", "fate", "never_ready")
        handle = world.resource(()).create(wanted())
        world.clock.spend(1e6)
        state = states(world, handle)[handle.id]
        assert not state.ready
        assert not state.failed

    def test_vanished(self, provider, wanted):
        world = provider()
        world.faults.script("server", "fate", "vanish", None)
        handle = world.resource(()).create(wanted())
        world.clock.spend(50)
        assert states(world, handle)[handle.id].ready
        world.clock.spend(1e4)
        assert states(world, handle) == {}
        assert world.resource(()).find(tag("server")) is None

    def test_lists_lag(self, provider, wanted):
        world = provider(list_lag=5)
        assert world.list_grace == 5
        resource = world.resource(())
        handle = resource.create(wanted())
        assert resource.find(tag("server")) is None
        assert states(world, handle) == {}
        world.clock.spend(6)
        assert resource.find(tag("server")).id == handle.id
        world.clock.spend(100)
        resource.delete(handle, tag("server"))
        assert states(world, handle)[handle.id].ready, "the list does not know of the delete yet"

    def test_quota(self, provider, wanted):
        world = provider(quota=1)
        world.resource(()).create(wanted("a"))
        with pytest.raises(QuotaFault, match="quota"):
            world.resource(()).create(wanted("b"))
        assert world.preflight([wanted("a").node, wanted("b").node])
        assert not world.preflight([wanted("a").node])

    def test_unreachable_for_a_while(self, provider, wanted):
        world = provider(unreachable_after=10, unreachable_for=20)
        world.resource(()).create(wanted("a"))
        world.clock.spend(11)
        with pytest.raises(UnreachableFault):
            world.resource(()).create(wanted("b"))
        world.clock.spend(20)
        world.resource(()).create(wanted("b"))

    def test_flaky_faults_come_at_about_their_rate_and_never_too_many_in_a_row(self, provider, wanted):
        world = provider(faults="flaky", error_before=0.5, seed=3)
        row = longest = 0
        for _ in range(400):
            try:
                world.resource(()).find(tag("server"))
                row = 0
            except TransientFault:
                row += 1
                longest = max(longest, row)
        assert longest == 3
        assert 120 < world.faults.done["error_before"] < 240

    @pytest.mark.parametrize("options", [{"faults": "often"}, {"error_before": "much"}, {"quota": -1}])
    def test_wrong_options_name_the_option(self, provider, options):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            provider(**options)

    def test_a_script_with_a_typing_error_is_refused(self, provider):
        with pytest.raises(ValueError, match="no such fault"):
            provider().faults.script("a", "create", "lost_answer")


class TestDurable:
    def test_the_next_process_finds_what_this_one_committed(self, provider, wanted, tmp_path):
        path = tmp_path / "simulator" / "dep-1.db"
        first = provider(cloud=DurableCloud(path))
        first.clock.spend(3600)
        handle = first.resource(()).create(wanted(workers=2, password=Secret("hunter2-hunter2")))
        second = provider(cloud=DurableCloud(path))
        assert second.now() >= first.now() - 1, "the cloud's time never goes back"
        assert second.resource(()).find(tag("server")).id == handle.id
        second.clock.spend(100)
        assert states(second, handle)[handle.id].ready
        assert b"hunter2" not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_time_goes_on_where_the_last_process_that_asked_stopped(self, provider, wanted, tmp_path):
        path = tmp_path / "cloud.db"
        first = provider(cloud=DurableCloud(path))
        handle = first.resource(()).create(wanted())
        first.clock.spend(1000)
        assert states(first, handle)[handle.id].ready
        second = provider(cloud=DurableCloud(path))  # the first one may have been killed: it said goodbye to nobody
        assert second.now() == pytest.approx(first.now(), abs=0.01) and states(second, handle)[handle.id].ready

    def test_a_commit_torn_by_a_kill_did_not_happen_and_harms_no_other(self, provider, wanted, tmp_path):
        path = tmp_path / "cloud.db"
        first = provider(cloud=DurableCloud(path))
        first.resource(()).create(wanted("a"))
        whole = path.read_bytes()
        first.resource(()).create(wanted("b"))
        path.write_bytes(path.read_bytes()[: len(whole) + 40])
        second = provider(cloud=DurableCloud(path))
        assert [t.node for t, _, _ in second.list_tagged("dep-1")] == ["a"]
        second.resource(()).create(wanted("c"))
        third = provider(cloud=DurableCloud(path))
        assert [t.node for t, _, _ in third.list_tagged("dep-1")] == ["a", "c"]

    def test_two_processes_see_each_others_commits(self, provider, wanted, tmp_path):
        clock = VirtualClock()
        one, two = (provider(cloud=DurableCloud(tmp_path / "cloud.db"), clock=clock) for _ in range(2))
        handle = one.resource(()).create(wanted())
        assert two.resource(()).find(tag("server")).id == handle.id
        two.resource(()).delete(handle, tag("server"))
        assert states(one, handle)[handle.id].name == "DELETING"

    def test_nothing_is_left_after_a_destroy(self, provider, wanted, tmp_path):
        path = tmp_path / "dep-1" / "simulator" / "dep-1.db"
        world = provider(cloud=DurableCloud(path), state_dir=str(path.parent.parent))
        handle = world.resource(()).create(wanted())
        world.finish_destroy("dep-1")
        assert path.exists(), "there is still something in it"
        world.resource(()).delete(handle, tag("server"))
        world.clock.spend(100)
        world.finish_destroy("dep-1")
        world.close()
        assert list(tmp_path.iterdir()) == []


def test_open_takes_the_clock_whose_spend_it_is_given(tmp_path: Path):
    clock = VirtualClock()
    context = DeploymentContext("demo", "dep-1", str(tmp_path), None, {"seed": 7, "faults": "flaky"}, sleep=clock.spend)
    world = open_provider("simulator", context)
    assert world.clock is clock
    assert world.faults.seed == 7
    world.close()
    other = open_provider("simulator", DeploymentContext("demo", "dep-1", str(tmp_path), None))
    assert isinstance(other.clock, VirtualClock)
    other.close()


def test_a_state_directory_that_cannot_be_used(tmp_path: Path):
    (tmp_path / "simulator").write_text("in the way")
    with pytest.raises(ConfigurationError, match="simulated cloud's file"):
        open_provider("simulator", DeploymentContext("demo", "dep-1", str(tmp_path), None))


def test_tests_hear_of_every_call_at_three_moments(provider, wanted):
    heard = []
    world = provider(
        on_call=lambda when, call, node: heard.append((when, call, node, len(list(world.cloud.of_deployment("dep-1")))))
    )
    world.resource(()).create(wanted())
    assert heard == [("before", "create", "server", 0), ("committed", "create", "server", 1), ("after", "create", "server", 1)]


def test_no_secret_reaches_the_cloud(provider, wanted):
    cloud = Cloud()
    world = provider(cloud=cloud)
    handle = world.resource(()).create(wanted("db", "bbq.nodes.Database", password=Secret("hunter2-hunter2"), user="u"))
    thing = cloud.get(handle.id)
    assert not contains(
        [thing.properties, thing.attributes], lambda value: isinstance(value, Secret) or "hunter2" in str(value)
    )


@pytest.mark.parametrize(("when", "there"), [("before", False), ("committed", True), ("after", True)])
def test_a_process_killed_in_a_create(tmp_path, when, there):
    """What the cloud committed is there for the next process, what it did not is not."""
    script = f"""
import os, signal
from bbq.engine.contract import DeploymentContext, Tag, Wanted
from bbq.providers import open_provider
from bbq.topology.model import Node
world = open_provider("simulator", DeploymentContext("demo", "dep-1", {str(tmp_path)!r}, None))
def kill(when, call, node):
    if (when, node) == ({when!r}, "b"):
        os.kill(os.getpid(), signal.SIGKILL)
world.on_call = kill
for name in "ab":
    node = Node(name, "my.Type", ("my.Type", "tosca.nodes.Root"))
    world.resource(node.ancestry).create(Wanted(node, {{}}, {{}}, (), Tag("demo", "dep-1", name, 1), "/"))
"""
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == -signal.SIGKILL
    world = open_provider("simulator", DeploymentContext("demo", "dep-1", str(tmp_path), None))
    assert [found.node for found, _, _ in world.list_tagged("dep-1")] == (["a", "b"] if there else ["a"])
    world.close()


calls = st.lists(st.tuples(st.sampled_from(["create", "delete", "find", "list", "wait"]), st.sampled_from("ab")), max_size=25)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(calls=calls, seed=st.integers(0, 1000))
def test_a_fault_says_truly_whether_something_happened(provider, wanted, calls, seed):
    world = provider(seed=seed, error_before=0.15, throttle=0.1, error_after=0.15, lost_response=0.1, in_a_row=0, jitter=0)
    resource = world.resource(())
    handles: dict[str, list[str]] = {"a": [], "b": []}  # what exists and is not being deleted
    for call, node in calls:
        made = [thing.id for thing in world.cloud.of_node("dep-1", node)]
        try:
            if call == "create":
                handles[node].append(resource.create(wanted(node)).id)
            elif call == "delete" and handles[node]:
                resource.delete(Handle(handles[node][0]), tag(node))
                handles[node].pop(0)
            elif call == "find":
                found = resource.find(tag(node))
                assert (found.id if found else None) == (handles[node][0] if handles[node] else None)
            elif call == "list":
                listed = {handle.id for _, handle, _ in world.list_tagged("dep-1")}
                assert set(handles["a"] + handles["b"]) <= listed
            else:
                world.clock.spend(5)
        except AmbiguousFault:
            if call == "create":
                [new] = [thing.id for thing in world.cloud.of_node("dep-1", node) if thing.id not in made]
                handles[node].append(new)
            else:
                handles[node].pop(0)
        except TransientFault:
            assert [thing.id for thing in world.cloud.of_node("dep-1", node)] == made
    world.clock.spend(100)
    left = {thing.id for node in "ab" for thing in world.cloud.of_node("dep-1", node) if thing.exists(world.now())}
    assert left == set(handles["a"] + handles["b"])
