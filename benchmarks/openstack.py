"""On the test cloud: API calls while waiting, bbq's own overhead beside the plain clients, fifty servers at once."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from bbq.conf import load
from bbq.providers.openstack.session import Cloud
from benchmarks.figures import Figure, seconds
from tests.cloud import USUAL, TestCloud, running

FEW, MANY = 5, 50
SERVERS = 3
ROUNDS = 4
PACE = 0.25  # seconds between two looks of who makes one thing after the other; Terraform's provider takes 3 and more
PREFIX = f"bench-{os.getpid()}"
PARAMETERS = {"image": "cirros", "flavor": "m1.tiny", "key_name": "devcloud", "network": "private"}
TEMPLATE = """tosca_definitions_version: tosca_simple_yaml_1_3
node_types:
  bench.Compute:
    derived_from: tosca.nodes.Compute
    properties: {{ tags: {{ type: map, entry_schema: string, default: {{ devcloud_guest: fake }} }} }}
topology_template:
  node_templates:
    server:
      type: bench.Compute
      capabilities:
        os: {{ properties: {{ distribution: cirros }} }}
        scalable: {{ properties: {{ default_instances: {count}, max_instances: {count} }} }}
  outputs:
    addresses: {{ value: {{ get_attribute: [ server, private_address ] }} }}
"""


def run() -> Iterator[Figure]:
    yield offline_plan()
    if not running():
        print("  no test cloud runs, or not in DEVCLOUD_HOME: `tests/devcloud/devcloud up --guests fake` starts one")
        return
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        yield from bench.overhead()
        for way, limit in (("one stack", 0), ("a stack each", 2)):  # a port and its server
            yield from bench.calls(way, limit)


def offline_plan() -> Figure:
    """A whole process, from the text of the template to the stacks' templates and the plan; the cloud's lists are given."""
    with tempfile.TemporaryDirectory() as home:
        template = _template(Path(home), MANY)
        command = [sys.executable, "-m", "benchmarks.openstack", "plan", str(template), str(MANY)]
        environment = _environment(home)
        subprocess.run(command, env=environment, check=True)  # not counted: it writes the byte code
        took = min(seconds(lambda: subprocess.run(command, env=environment, check=True)) for _ in range(3))
    return Figure(f"{MANY} servers in one template, planned offline", took, "s", 1.0, against="a whole process, best of 3")


class Bench:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        login = TestCloud(USUAL, started=False).environment()
        os.environ.update(login)
        self.environment = {
            **_environment(str(directory)),
            **login,
            "BBQ_OPENSTACK__KEY_NAME": PARAMETERS["key_name"],
            "BBQ_OPENSTACK__NETWORK": PARAMETERS["network"],
        }
        self.cloud = Cloud(load(environment={}))

    # What bbq adds to the time that Heat takes

    def overhead(self) -> list[Figure]:
        """In turns, so that a busy moment hits all. Heat's events are told in whole seconds: the mean of several rounds counts,
        in which the parts of seconds cancel out."""
        template = _template(self.directory, SERVERS)
        self._bbq("plan", str(template), "--provider", "openstack", "--name", PREFIX)  # not counted: it writes the byte code
        ups, clients, steps = [], [], []
        for number in range(ROUNDS):
            ups.append(self._up(template, f"{PREFIX}-up-{number}"))
            clients.append(self._client(template, f"{PREFIX}-heat-{number}"))
            steps.append(self._one_after_the_other(f"{PREFIX}-seq-{number}"))
        own, peer = (statistics.mean(one.own for one in timed) for timed in (ups, clients))
        up, client = (statistics.mean(one.wall for one in timed) for timed in (ups, clients))
        who = "openstack stack create --wait" if shutil.which("openstack") else "Heat's API asked every 5 s (no client is here)"
        heat = f"{up:.1f} s, Heat {up - own:.1f} s of it, mean of {ROUNDS}"
        sequence = statistics.mean(steps)
        return [
            Figure(f"own overhead of up, a stack of {SERVERS} servers", own, "s", 2.0, against=heat),
            Figure(f"that / of {who}", own / peer, "x", 1.0, against=f"{client:.1f} s, Heat {client - peer:.1f} s of it"),
            Figure(f"up / {SERVERS} servers one after the other by the API", up / sequence, "x", against=f"{sequence:.1f} s"),
        ]

    def _up(self, template: Path, name: str) -> Timed:
        try:
            wall = seconds(lambda: self._bbq("up", str(template), "--provider", "openstack", "--name", name, "--yes"))
            return Timed(wall, wall - self._create_time(name))
        finally:
            self._bbq("destroy", name, "--yes")

    def _client(self, template: Path, name: str) -> Timed:
        """The same template, rendered."""
        rendered = self.directory / "hot"
        self._bbq("render", str(template), "--to", "hot", "--output", str(rendered))
        given = [word for key, value in PARAMETERS.items() for word in ("--parameter", f"{key}={value}")]
        file = rendered / "stack.yaml"
        command = ["openstack", "stack", "create", "--wait", "-t", str(file), *given, name]
        try:
            if shutil.which("openstack"):
                wall = seconds(lambda: self._call(command))
            else:
                wall = seconds(partial(self._by_heats_api, name, file.read_text()))
            return Timed(wall, wall - self._create_time(name))
        finally:
            for stack in self._stacks(name):
                self.cloud.delete("orchestration", f"/stacks/{stack['stack_name']}/{stack['id']}", "clean up")
            self._until(lambda: not self._stacks(name))

    def _by_heats_api(self, name: str, template: str) -> None:
        body = {"stack_name": name, "template": template, "parameters": PARAMETERS}
        self.cloud.post("orchestration", "/stacks", "create a stack", body)
        self._until(lambda: self._stacks(name)[0]["stack_status"] == "CREATE_COMPLETE", 5.0)

    def _one_after_the_other(self, name: str) -> float:
        """The same resources in order, each when the one before is there, by a process that has logged in already."""
        cloud, made = self.cloud, []

        def make(service: str, path: str, kind: str, **body: Any) -> str:
            found = cloud.post(service, path, f"make a {kind}", {kind: body})[kind]
            made.append((service, f"{path}/{found['id']}"))
            return str(found["id"])

        def all_of_them() -> None:
            network, image = cloud.lookup.network(PARAMETERS["network"]), cloud.lookup.image(PARAMETERS["image"])
            flavor = cloud.lookup.flavor({"flavor": PARAMETERS["flavor"]})
            groups = [make("network", "/security-groups", "security_group", name=f"{name}-{one}") for one in ("ssh", "members")]
            ssh = {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
            for group, rule in zip(groups, (ssh, {"remote_group_id": groups[1]}), strict=True):
                rule |= {"security_group_id": group, "direction": "ingress"}
                cloud.post("network", "/security-group-rules", "make a rule", {"security_group_rule": rule})
            for number in range(SERVERS):
                port = make("network", "/ports", "port", network_id=network, security_groups=groups)
                server = make(
                    "compute",
                    "/servers",
                    "server",
                    name=f"{name}-{number}",
                    imageRef=image,
                    flavorRef=flavor,
                    key_name=PARAMETERS["key_name"],
                    networks=[{"port": port}],
                    metadata={"devcloud_guest": "fake"},
                )
                self._until(lambda id=server: cloud.get("compute", f"/servers/{id}", "look")["server"]["status"] == "ACTIVE")

        try:
            return seconds(all_of_them)
        finally:
            servers = [one for one in made if one[0] == "compute"]
            for service, path in [*servers, *(one for one in reversed(made) if one not in servers)]:
                if service == "network":
                    self._until(lambda: not self._servers(name))  # else ports go away with them, and groups are in use
                cloud.delete(service, path, "clean up")

    def _create_time(self, name: str) -> float:
        """Seconds from a stack's first event to its last, of its creation."""
        (stack,) = self._stacks(name)
        path = f"/stacks/{stack['stack_name']}/{stack['id']}/events"
        events = self.cloud.get("orchestration", path, "read the events")["events"]
        at = {e["resource_status"]: e["event_time"] for e in events if e["resource_name"] == stack["stack_name"]}
        begin, end = (datetime.fromisoformat(at[status]) for status in ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"))
        return (end - begin).total_seconds()

    # What waiting costs

    def calls(self, way: str, limit: int) -> Iterator[Figure]:
        """`limit` is the most resources of a stack, 0 for the usual one."""
        few, many = (self._traced(count, way, limit) for count in (FEW, MANY))
        against = f"at most {few.in_a_tick} calls in one of {few.ticks} ticks, {many.in_a_tick} in one of {many.ticks}"
        yield Figure(
            f"API calls in a tick, {MANY} servers in {way} / {FEW}", many.in_a_tick / few.in_a_tick, "x", 1.0, against=against
        )
        more = (many.beside - few.beside) / (MANY - FEW)
        against = f"{few.beside} for {FEW} servers, {many.beside} for {MANY}, with login, choice and checks"
        yield Figure("  calls beside, for each more of them", more, "", 2.0, against=against)
        against = f"in {many.stacks} stack{'s' * (many.stacks > 1)}, made in {many.wall:.0f} s"
        yield Figure("  active servers by a plain list", many.active, "", MANY, at_least=True, against=against)

    def _traced(self, count: int, way: str, limit: int) -> Traced:
        name = f"{PREFIX}-{count}-{way.replace(' ', '-')}"
        log, template = self.directory / f"{name}.log", _template(self.directory, count)
        words = ["up", str(template), "--provider", "openstack", "--name", name, "--yes"]
        more = {"BBQ_OPENSTACK__MAX_RESOURCES_PER_STACK": str(limit)} if limit else {}
        try:
            command = [sys.executable, "-m", "benchmarks.openstack", "trace", str(log), *words]
            wall = seconds(lambda: self._call(command, **more))
            servers = self._servers(name).values()
            active = sum(one["status"] == "ACTIVE" for one in servers) if len(servers) == count else 0
            return Traced.of(log.read_text().splitlines(), len(self._stacks(name)), active, wall)
        finally:
            self._bbq("destroy", name, "--yes")

    # The cloud, and commands

    def _stacks(self, name: str) -> list[dict[str, Any]]:
        """Of one deployment, or the one of exactly that name."""
        found = self.cloud.get("orchestration", "/stacks", "list the stacks")["stacks"]
        return [stack for stack in found if stack["stack_name"] == name or stack["stack_name"].startswith(f"{name}-stack")]

    def _servers(self, name: str) -> dict[str, dict[str, Any]]:
        found = self.cloud.pages("compute", "/servers/detail", "servers", "list the servers", limit=1000)
        return {server["id"]: server for server in found if server["name"].startswith(f"{name}-")}

    def _until(self, done: Any, pace: float = PACE) -> None:
        end = time.monotonic() + 300
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("the cloud does not get ready")
            time.sleep(pace)

    def _bbq(self, *arguments: str) -> None:
        self._call([sys.executable, "-m", "bbq", *arguments])

    def _call(self, command: Sequence[str], **more: str) -> None:
        done = subprocess.run(
            command, env={**self.environment, **more}, capture_output=True, text=True, timeout=1800, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} exited {done.returncode}: {done.stdout}{done.stderr}")


@dataclass(frozen=True)
class Timed:
    """Seconds: of the whole process, and of that what is not Heat's."""

    wall: float
    own: float


@dataclass(frozen=True)
class Traced:
    """What an `up` asked the cloud. A tick is one list call; what goes with it are events of a stack."""

    ticks: int
    in_a_tick: int
    beside: int
    stacks: int
    active: int
    wall: float

    @classmethod
    def of(cls, requests: Sequence[str], stacks: int, active: int, wall: float) -> Traced:
        kinds = [_kind(request) for request in requests]
        sizes: list[int] = []
        for kind in kinds:
            if kind == "list":
                sizes.append(1)
            elif kind == "events":
                sizes[-1] += 1
        return cls(len(sizes), max(sizes), kinds.count("beside"), stacks, active, wall)


def _kind(request: str) -> str:
    method, _, path = request.partition(" ")
    if method == "GET" and ("/stacks?" in path or "/servers/detail" in path):
        return "list"
    return "events" if method == "GET" and "/events?" in path else "beside"


def _template(directory: Path, count: int) -> Path:
    path = directory / f"servers-{count}.yaml"
    path.write_text(TEMPLATE.format(count=count))
    return path


def _environment(home: str) -> dict[str, str]:
    """An installed bbq has its byte code."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("BBQ_", "OS_")) and k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "HOME": home, "XDG_STATE_HOME": f"{home}/state", "NO_COLOR": "1"}


def _trace(log: str, *arguments: str) -> int:
    """bbq with each request that leaves the process written down."""
    import requests

    send = requests.Session.send
    with Path(log).open("w", buffering=1) as stream:

        def traced(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            stream.write(f"{request.method} {request.url}\n")
            return send(session, request, **options)

        requests.Session.send = traced  # type: ignore[method-assign]
        from bbq.cli.main import main

        return main(list(arguments))


def _plan(template: str, count: str) -> int:
    from bbq.engine.contract import DeploymentContext
    from bbq.operations.wanted import build_topology, load_deployable
    from bbq.operations.workspace import Workspace
    from bbq.plan import diff
    from bbq.providers.openstack.arrange import arrange
    from bbq.providers.openstack.provider import OpenStackProvider
    from bbq.render.hot.catalogue import Catalogue, CloudNetwork, Flavor, Image

    catalogue = Catalogue(
        flavors=tuple(Flavor(f"f{size}", vcpus=size, ram=512 * size, disk=size) for size in (1, 2, 4, 8)),
        images=(Image("cirros", os_type="linux", os_distro="cirros"),),
        networks=(CloudNetwork("private"),),
        keypairs=("mine",),
    )
    with Workspace() as workspace:
        service = load_deployable(template, workspace.imports(offline=True))
        topology, _ = build_topology(workspace, service, {}, "openstack", {})
        context = DeploymentContext("bench", "0" * 16, str(Path(template).parent), None, {"config": workspace.config})
    provider = OpenStackProvider(context)  # asks nothing before the first call
    arranged = arrange(topology, catalogue, context.name, context.id)
    plan = diff(arranged, {}, deployment="bench", provider="openstack", resource_of=provider.resource, salt="salt")
    made = json.dumps(arranged.nodes["stack"].properties["template"]).count('"OS::Nova::Server"')
    return 0 if made == int(count) and len(plan.steps) == 2 else 1


if __name__ == "__main__":
    commands = {"trace": _trace, "plan": _plan}
    raise SystemExit(commands[sys.argv[1]](*sys.argv[2:]))
