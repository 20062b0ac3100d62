"""The pure parts of what carries operations out: order, what is left to be done, outputs, addresses, roles, private files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bbq.engine.contract import ConfigurationFault, UnreachableFault
from bbq.providers.ansible import outputs, playbooks, roles, servers
from bbq.providers.ansible.lifecycle import Step, on, to_do, to_undo
from bbq.providers.ansible.packing import OwnAttributes, pack, secrets_in, unpack
from bbq.providers.ansible.servers import Server
from bbq.providers.ansible.software import AllBut
from bbq.providers.ansible.watching import Watcher
from bbq.topology.model import Artifact, Operation
from bbq.topology.values import UNKNOWN, Attribute, Call, Secret, evaluate

HERE = Server("here", local=True)
PHASES = ("create", "pre_configure", "configure", "post_configure", "start", "add", "remove", "stop", "delete")


def _steps(*phases: str, changed: str = "") -> list[Step]:
    found = []
    for phase in phases or PHASES:
        step = Step(phase, phase, Operation("Standard", phase, f"/{phase}.sh"), HERE, {})
        step.digest = "new" if phase == changed else "old"
        found.append(step)
    return found


def _done(*keys: str) -> dict[str, Any]:
    return {"done": [{"key": key, "digest": "old", "phase": key} for key in keys], "begun": list(keys)}


MAKING = PHASES[:6]


@pytest.mark.parametrize(
    ("state", "changed", "left"),
    [
        ({}, "", list(MAKING)),
        (_done("create", "pre_configure"), "", ["configure", "post_configure", "start", "add"]),
        (_done(*MAKING), "", []),
        (_done(*MAKING), "configure", ["stop", "configure", "post_configure", "start", "add"]),
        (_done(*MAKING), "create", ["stop", *MAKING]),
        (_done("create"), "create", list(MAKING)),  # it was not started: nothing is to be stopped
        (_done(*MAKING), "add", ["add"]),
        (_done(*MAKING), "delete", []),  # nothing of it was run yet
        (_done(*MAKING[:5]), "", ["add"]),
    ],
)
def test_what_is_left_to_be_done(state: dict[str, Any], changed: str, left: list[str]) -> None:
    assert [step.key for step in to_do(_steps(changed=changed), state)] == left


@pytest.mark.parametrize(
    ("state", "machine", "there"),
    [
        ({"machine": "a"}, "a", True),
        ({"machine": "a"}, "b", False),
        ({"machine": ""}, "", True),  # a server that is given
        ({}, "a", True),  # written before servers were told apart
    ],
)
def test_what_was_done_is_there_on_that_server_only(state: dict[str, Any], machine: str, there: bool) -> None:
    assert on(state, machine) is there


def test_an_operation_is_another_one_where_another_node_was_made_again() -> None:
    digests = []
    for others in ({}, {"controller": "server 1"}, {"controller": "server 2"}, {"controller": "server 1"}):
        step = Step("start", "start", Operation("Standard", "start", "/start.sh"), HERE, {}, {}, others)
        step.seal([])
        digests.append(step.digest)
    assert digests[1] == digests[3] and len(set(digests)) == 3


@pytest.mark.parametrize(
    ("begun", "undone", "left"),
    [
        ([], [], []),
        (["create"], [], ["delete"]),
        (["create", "configure", "start"], [], ["remove", "stop", "delete"]),
        (list(MAKING), ["stop"], ["remove", "delete"]),
    ],
)
def test_what_takes_it_away(begun: list[str], undone: list[str], left: list[str]) -> None:
    steps = [{"key": phase, "phase": phase} for phase in PHASES]
    assert [step["key"] for step in to_undo(steps, {"begun": begun, "undone": undone})] == left


def test_a_node_that_is_stopped_and_never_started() -> None:
    steps = [{"key": phase, "phase": phase} for phase in ("create", "stop", "delete")]
    assert [step["key"] for step in to_undo(steps, {"begun": ["create"]})] == ["stop", "delete"]


def test_another_input_file_or_output_is_another_operation() -> None:
    def digest(files: tuple[tuple[str, str], ...] = (("a", "1"),), stores: Any = None, **inputs: Any) -> str:
        step = Step("k", "create", Operation("Standard", "create", "/x/a.sh", inputs), HERE, {}, stores or {})
        step.seal(files)
        return step.digest

    assert digest(port=1) == digest(port=1)
    others = [
        digest(port=2),
        digest(port=1, files=[("a", "2")]),
        digest(port=1, stores={"o": ("url",)}),
        digest(port=Secret(1)),
    ]
    assert len({digest(port=1), *others}) == 5


@pytest.mark.parametrize(
    ("printed", "asked", "found"),
    [
        ("a line\nurl=db://x?y=z\nPATH=/bin\n", {"url"}, {"url": "db://x?y=z"}),
        ("export url = db \n", {"url"}, {"url": "db"}),
        ('noise\n{"url": [1], "other": 2}\n', {"url"}, {"url": [1]}),
        ('{\n "url": 1\n}\n', {"url"}, {"url": 1}),
        ("url=printed\n--mark--\nurl=written\nmore=1\n", {"url"}, {"url": "written", "more": "1"}),
        ('--mark--\n{"deep": {"er": 1}}', set(), {"deep": {"er": 1}}),
        ("", {"url"}, {}),
        ("{not json\nurl", {"url"}, {}),
    ],
)
def test_outputs_of_a_script(printed: str, asked: set[str], found: dict[str, Any]) -> None:
    assert outputs.of_script(printed, "--mark--", asked) == found


def test_where_outputs_are_stored() -> None:
    stores: dict[str, tuple[Any, ...]] = {"url": ("endpoint", "url"), "made": ()}
    values = outputs.stored(("Standard", "create"), {"url": "u", "made": 1, "version": 2, "noise": 3}, stores, {"version"})
    assert values == {
        "endpoint": {"url": "u"},
        "version": 2,
        "Standard": {"create": {"url": "u", "made": 1}},
    }
    assert outputs.merged({"Standard": {"create": {"a": 1}}, "x": 1}, {"Standard": {"start": {"b": 2}}, "x": 2}) == {
        "Standard": {"create": {"a": 1}, "start": {"b": 2}},
        "x": 2,
    }


@pytest.mark.parametrize(
    ("text", "user", "address", "port"),
    [
        ("192.0.2.7", "me", "192.0.2.7", 2200),
        ("root@host.example:22", "root", "host.example", 22),
        ("ssh://a.b@host", "a.b", "host", 2200),
        ("[2001:db8::1]:2222", "me", "2001:db8::1", 2222),
    ],
)
def test_addresses(text: str, user: str, address: str, port: int) -> None:
    server = servers.parse("n", text, {"user": "me", "port": 2200})
    assert (server.user, server.address, server.port) == (user, address, port)


@pytest.mark.parametrize("text", ["", "a b", "-oProxyCommand=x", "x@-h", "-x@host", "host:99999", "host:", "a@b@c", "host:0"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ConfigurationFault, match="is no server for n"):
        servers.parse("n", text, {})


def test_what_ssh_says() -> None:
    server, known = Server("db", "192.0.2.7", port=2222), Path("/k")
    changed = servers.ssh_fault(
        server, "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.", known
    )
    assert isinstance(changed, ConfigurationFault) and changed.hint is not None
    assert "ssh-keygen -R '[192.0.2.7]:2222' -f /k" in changed.hint
    assert isinstance(servers.ssh_fault(server, "Host key verification failed.", known), ConfigurationFault)
    assert isinstance(servers.ssh_fault(server, "me@h: Permission denied (publickey).", known), ConfigurationFault)
    assert isinstance(servers.ssh_fault(server, "connect to host h port 22: No route to host", known), UnreachableFault)


def test_packed_values_come_back() -> None:
    value = {"a": [Secret("hush"), Attribute("n", ("url", 0)), Call("concat", ("x", Attribute("n", ("y",))))], "b": None}
    packed = json.loads(json.dumps(pack(value)))
    assert unpack(packed, "n") == value
    assert secrets_in(packed) == {"hush"}
    scope = OwnAttributes({"url": ["first"]}, {"y": "property"})
    assert evaluate(unpack(packed, "n"), scope) == {"a": [Secret("hush"), "first", "xproperty"], "b": None}
    assert evaluate(Attribute("n", ("gone",)), scope) is UNKNOWN


def test_variables_are_data_and_not_templates() -> None:
    text = playbooks.variables_text({"a": "{{ lookup('pipe', 'id') }}", "b": {"c": ["{% x %}", "plain"]}, "n": 1, "yes": True})
    assert text.count("!unsafe") == 2

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
    assert yaml.load(text, Loader)["b"]["c"] == ["{% x %}", "plain"]


def test_a_shell_reads_inputs_as_they_are() -> None:
    values = {"a": "it's $HOME `id`\nnext", "b": ["x", 1], "c": True, "d": None, "not a name": "x"}
    read = 'printf "%s|" "$a" "$b" "$c" "$d"'
    done = subprocess.run(["sh", "-c", playbooks.shell_text(values) + read], capture_output=True, text=True, check=True)
    assert done.stdout == """it's $HOME `id`\nnext|["x", 1]|true||"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("indigo-dc.spark", "indigo-dc.spark"),
        ("indigo-dc.spark,v1.2", "indigo-dc.spark"),
        ("git+https://example.org/x/ansible-role-y.git,main", "ansible-role-y"),
        ("git+https://example.org/x/ansible-role-y,main,x.y", "x.y"),
        ("git+https://example.org/x/ansible-role-y|x.y", "x.y"),
        ("/template/indigo-dc.spark", "indigo-dc.spark"),
    ],
)
def test_names_of_roles(text: str, name: str) -> None:
    assert roles.names([Artifact("r", "tosca.artifacts.AnsibleGalaxy.role", text)]) == [name]
    assert roles.names([Artifact("r", "tosca.artifacts.File", text)]) == []


def test_roles_are_found_offline(tmp_path: Path) -> None:
    playbook = tmp_path / "play.yml"
    playbook.write_text(
        "- hosts: all\n  roles: [ a.one, { role: b.two, x: 1 }, name: c, '{{ d }}', n.s.role ]\n"
        "  tasks:\n    - include_role: { name: e.five }\n    - ansible.builtin.import_role: { name: f }\n    - x: !vault y\n"
    )
    assert sorted(roles.used_in(playbook)) == ["a.one", "b.two", "c", "e.five", "f"]
    for name in ("beside/roles/f", "path/a.one", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    options = {"roles_path": [str(tmp_path / "path")], "galaxy_map": [f"b.two={tmp_path / 'elsewhere'}"]}
    found, missing = roles.resolve(["a.one", "b.two", "c", "f"], options, [tmp_path / "beside"])
    assert found == {"a.one": tmp_path / "path/a.one", "b.two": tmp_path / "elsewhere"}
    assert missing == ["c"]


def test_the_first_cause_of_a_failure_counts_and_secrets_are_masked() -> None:
    said: list[str] = []
    watcher = Watcher({"hush-hush"}, said.append, lambda _: None)
    result = {"msg": "non-zero return code", "rc": 3, "stdout": "x", "stderr": "no hush-hush here", "unreachable": False}
    data = {"task": "try", "host": "db", "res": result}
    watcher.event({"event": "runner_on_failed", "stdout": "fatal: hush-hush", "event_data": data})
    watcher.event({"event": "runner_on_failed", "event_data": {"task": "clean up", "host": "db", "res": {"msg": "later"}}})
    assert watcher.failure is not None
    assert watcher.failure.text == "task 'try' failed on db: it ended with code 3: no ******** here"
    assert said == ["fatal: ********"]
    watcher.event({"event": "verbose"})  # some events have no data


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Missing sudo password", "sudo"),
        ("sudo: a password is required", "sudo"),
        ("Failed to connect to the host via ssh: Host key verification failed.", "key"),
        ("something else", "task"),
    ],
)
def test_kinds_of_failures(message: str, kind: str) -> None:
    watcher = Watcher(set(), lambda _: None, lambda _: None)
    watcher.event({"event": "runner_on_failed", "event_data": {"task": "t", "host": "h", "res": {"msg": message}}})
    assert watcher.failure is not None and watcher.failure.kind == kind


def test_a_playbook_for_localhost_means_the_server(tmp_path: Path) -> None:
    playbook = tmp_path / "play.yml"
    for text, alias in (
        ("- { hosts: localhost, connection: local, roles: [ a ] }", "localhost"),
        ("- { hosts: all }\n- { hosts: localhost }", None),
        ("- { hosts: web }", None),
        ("nonsense: [", None),
        ("x: 1", None),
    ):
        playbook.write_text(text)
        assert playbooks.alias(playbook) == alias


def test_who_has_no_operations_pays_nothing_for_them(tmp_path: Path) -> None:
    program = (
        "import sys; from bbq.engine.contract import DeploymentContext\n"
        "from bbq.providers.local.provider import LocalProvider\n"
        "assert list(LocalProvider(DeploymentContext('x', 'id', sys.argv[1], None)).list_tagged('id')) == []\n"
        "print({'bbq.providers.ansible.software', 'bbq.topology.operations', 'yaml', 'ansible'} & sys.modules.keys())"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


def test_every_name_but_some() -> None:
    names = AllBut({"host"})
    assert "port" in names and "host" not in names and names
    assert frozenset({"port", "x"}) <= names and not frozenset({"port", "host"}) <= names
    assert "anything" in names | frozenset({"timeouts"})
