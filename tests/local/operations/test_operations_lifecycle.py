"""Operations in TOSCA's order on a real SSH server: playbooks, a role, shell and Python scripts, inputs and outputs."""

from __future__ import annotations

import pytest
from operated import Operated

pytestmark = pytest.mark.local

TEMPLATE = """\
tosca_definitions_version: tosca_simple_yaml_1_3
data_types:
  secret: { derived_from: string }
relationship_types:
  uses_database:
    derived_from: tosca.relationships.ConnectsTo
    interfaces:
      Configure:
        operations:
          pre_configure_source:
            implementation: scripts/connect.sh
            inputs:
              TRACE: { type: string, value: { get_input: trace } }
              database_url: { type: string, value: { get_attribute: [ TARGET, url ] } }
              step: { type: string, default: app.pre_configure_source }
          pre_configure_target:
            implementation: scripts/note.sh
            inputs:
              TRACE: { type: string, value: { get_input: trace } }
              step: { type: string, default: database.pre_configure_target }
          post_configure_target:
            implementation: scripts/note.sh
            inputs:
              TRACE: { type: string, value: { get_input: trace } }
              step: { type: string, default: database.post_configure_target }
          add_source:
            implementation: scripts/note.sh
            inputs:
              TRACE: { type: string, value: { get_input: trace } }
              step: { type: string, default: add_source }
node_types:
  database:
    derived_from: tosca.nodes.SoftwareComponent
    properties:
      port: { type: integer, default: 5432 }
      password: { type: string, metadata: { secret: true } }
    attributes:
      url: { type: string }
      version: { type: string }
    capabilities:
      endpoint: tosca.capabilities.Endpoint
    interfaces:
      Standard:
        inputs:
          TRACE: { type: string, value: { get_input: trace } }
        operations:
          create:
            implementation: { primary: scripts/create_database.sh, dependencies: [ scripts/lib/words.txt ] }
            inputs:
              port: { type: integer, value: { get_property: [ SELF, port ] } }
              password: { type: string, value: { get_property: [ SELF, password ] } }
            outputs:
              url: [ SELF, url ]
          configure:
            implementation: scripts/configure_database.py
            inputs:
              url: { type: string, value: { get_attribute: [ SELF, url ] } }
              settings: { type: map, value: { shared: true, names: [ a, b ] } }
          start: { implementation: scripts/note.sh, inputs: { step: { type: string, default: database.start } } }
          stop: { implementation: scripts/note.sh, inputs: { step: { type: string, default: database.stop } } }
          delete: { implementation: scripts/note.sh, inputs: { step: { type: string, default: database.delete } } }
  app:
    derived_from: tosca.nodes.SoftwareComponent
    properties:
      greeting: { type: string, default: hello }
    attributes:
      banner: { type: string }
    requirements:
      - database: { capability: tosca.capabilities.Endpoint, relationship: uses_database }
    artifacts:
      the_role: { file: roles/greeter, type: tosca.artifacts.File }
    interfaces:
      Standard:
        inputs:
          trace: { type: string, value: { get_input: trace } }
        operations:
          create: playbooks/create_app.yml
          configure:
            implementation: the_role
            inputs:
              greeting: { type: string, value: { get_property: [ SELF, greeting ] } }
              given: { type: string, value: { get_operation_output: [ SELF, Standard, create, made ] } }
          start: { implementation: playbooks/step.yml, inputs: { step: { type: string, default: app.start } } }
          stop: { implementation: playbooks/step.yml, inputs: { step: { type: string, default: app.stop } } }
          delete: { implementation: playbooks/step.yml, inputs: { step: { type: string, default: app.delete } } }
topology_template:
  inputs:
    trace: { type: string }
    greeting: { type: string, default: hello }
  node_templates:
    server: { type: tosca.nodes.Compute }
    database:
      type: database
      properties: { password: very-secret-words }
      requirements: [ { host: server } ]
    app:
      type: app
      properties: { greeting: { get_input: greeting } }
      requirements: [ { host: server }, { database: database } ]
  outputs:
    url: { value: { get_attribute: [ database, url ] } }
    version: { value: { get_attribute: [ database, version ] } }
    banner: { value: { get_attribute: [ app, banner ] } }
    made: { value: { get_operation_output: [ app, Standard, create, made ] } }
    address: { value: { get_attribute: [ server, private_address ] } }
"""
CREATE_DATABASE = """\
echo "database.create words=$(cat lib/words.txt) self=$SELF host=$HOST secret=$(printf %s "$password" | wc -c)" >> "$TRACE"
echo "the password is $password"
echo "url=db://server:$port"
"""
CONFIGURE_DATABASE = """\
import json
import os

with open(os.environ["TRACE"], "a") as trace:
    settings = json.loads(os.environ["settings"])
    print("database.configure", os.environ["url"], settings["shared"], settings["names"], file=trace)
with open(os.environ["BBQ_OUTPUTS"], "w") as outputs:
    json.dump({"version": "15.2"}, outputs)
"""
CREATE_APP = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: note it
      ansible.builtin.lineinfile: { path: "{{ trace }}", line: app.create, create: true, insertafter: EOF }
    - name: tell what was made
      ansible.builtin.set_stats: { data: { made: "{{ lookup('file', 'made.txt') }}" } }
"""
STEP = """\
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: note the step
      ansible.builtin.shell: echo "{{ step }}" >> "{{ trace }}"
"""
ROLE = """\
- name: greet
  ansible.builtin.shell: echo "app.configure {{ greeting }} {{ given }} over=${SSH_CONNECTION:+ssh}" >> "{{ trace }}"
- name: say so
  ansible.builtin.set_stats: { data: { banner: "{{ greeting }}, world" } }
"""
MADE = [
    "database.create words=some words self=database host=server secret=17",
    "database.pre_configure_target",
    "database.configure db://server:5432 True ['a', 'b']",
    "database.post_configure_target",
    "database.start",
    "app.create",
    "connected to db://server:5432 SOURCE=app TARGET=database",
    "app.configure hello stuff over=ssh",
    "app.start",
    "add_source",
]


@pytest.fixture
def stack(operated: Operated) -> Operated:
    operated.write("service.yaml", TEMPLATE)
    operated.write("scripts/create_database.sh", CREATE_DATABASE)
    operated.write("scripts/lib/words.txt", "some words")
    operated.write("scripts/configure_database.py", CONFIGURE_DATABASE)
    operated.write("scripts/note.sh", 'echo "$step" >> "$TRACE"\n')
    operated.write("scripts/connect.sh", 'echo "connected to $database_url SOURCE=$SOURCE TARGET=$TARGET" >> "$TRACE"\n')
    operated.write("playbooks/create_app.yml", CREATE_APP)
    operated.write("playbooks/files/made.txt", "stuff")
    operated.write("playbooks/step.yml", STEP)
    operated.write("roles/greeter/tasks/main.yml", ROLE)
    return operated


def test_the_whole_life_of_a_stack(stack: Operated) -> None:
    told = stack.up("--input", f"trace={stack.trace}")
    assert stack.traced() == MADE
    assert stack.outputs() == {
        "url": "db://server:5432",
        "version": "15.2",
        "banner": "hello, world",
        "made": "stuff",
        "address": "127.0.0.1",
    }
    assert "database: Standard.create done on" in told and "(2 ok, 1 changed)" in told

    events = stack.ok("events", "op")
    assert "app: Standard.start done on" in events
    logs = stack.ok("logs", "op", "database")
    assert "the password is ********" in logs
    state = (stack.home / ".local/state/bbq").rglob("*")
    readable = [path for path in state if path.is_file() and path.stat().st_mode & 0o077 and "files" not in path.parts]
    assert not [path for path in readable if "very-secret-words" in path.read_text(errors="replace")]
    assert "very-secret-words" not in told + events + logs

    assert "nothing to do" in stack.up()
    assert stack.traced() == MADE

    # what differs, and what comes after it; what was started is stopped first
    stack.trace.unlink()
    assert 'operations.Standard.configure.inputs.greeting: "hello" -> "good day"' in stack.up("--input", "greeting=good day")
    assert stack.traced() == ["app.stop", "app.configure good day stuff over=ssh", "app.start", "add_source"]
    assert stack.outputs()["banner"] == "good day, world"

    # the destroy needs no template
    stack.trace.unlink()
    for path in (stack.directory / "scripts", stack.directory / "playbooks"):
        path.rename(path.with_name(f"{path.name}-away"))
    (stack.directory / "service.yaml").unlink()
    stack.ok("destroy", "op", "--yes")
    assert stack.traced() == ["app.stop", "app.delete", "database.stop", "database.delete"]
    stack.nothing_left()
    assert not list(stack.temporary.iterdir())


def test_a_changed_script_is_a_change(stack: Operated) -> None:
    stack.up("--input", f"trace={stack.trace}")
    stack.trace.unlink()
    stack.write("playbooks/step.yml", STEP.replace('"{{ step }}"', '"again {{ step }}"'))
    plan = stack.ok("plan", "service.yaml", "--name", "op")
    changes = [line.split(":")[0].strip() for line in plan.splitlines() if "->" in line]
    assert changes == [f"~ operations.Standard.{name}.files.step.yml" for name in ("start", "stop", "delete")]
    assert "1 to update in place" in plan
    stack.up()
    assert stack.traced() == ["again app.stop", "again app.start", "add_source"]
