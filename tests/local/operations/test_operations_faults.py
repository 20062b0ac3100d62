"""What goes wrong on servers: each with its exit code, and words that name the task, the server and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from operated import Operated, thing
from sshd import Sshd

pytestmark = pytest.mark.local

TEMPLATE = thing("""\
operations:
  create: { implementation: { primary: create.yml, timeout: 120 } }
  delete: delete.yml
""")
FINE = "- { hosts: all, gather_facts: false, tasks: [ { name: nothing, ansible.builtin.ping: {} } ] }\n"


def _playbook(task: str, more: str = "") -> str:
    return f"- hosts: all\n  gather_facts: false\n{more}  tasks:\n    - {task}\n"


def _with(operated: Operated, *, create: str = FINE, delete: str = FINE, template: str = TEMPLATE) -> Operated:
    operated.write("service.yaml", template)
    operated.write("create.yml", create)
    operated.write("delete.yml", delete)
    return operated


def _refused(operated: Operated, code: int, *arguments: str) -> str:
    done = operated.run(*(arguments or ("up", "service.yaml", "--name", "op", "--yes")))
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def test_a_failed_task_is_named_with_its_server_and_message(operated: Operated) -> None:
    create = _playbook("{ name: look for it, ansible.builtin.command: ls /no/such/place }")
    said = _refused(_with(operated, create=create), 7)
    assert "Standard.create: task 'look for it' failed on server: it ended with code 2" in said
    assert "/no/such/place" in said
    operated.write("create.yml", FINE)
    assert "1 to update" in operated.up()  # what was repaired goes on


def test_an_operation_that_takes_too_long(operated: Operated) -> None:
    create = _playbook("{ name: sleep, ansible.builtin.command: sleep 600 }")
    said = _refused(_with(operated, create=create, template=TEMPLATE.replace("timeout: 120", "timeout: 3")), 8)
    assert "Standard.create: it did not end within 3 s and was stopped" in said
    assert not operated.processes()


def test_sudo_is_missing(operated: Operated, sshd: Sshd, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for place in ("/usr/bin", "/bin"):
        for program in Path(place).iterdir():
            link = programs / program.name
            if program.name != "sudo" and not link.is_symlink():
                link.symlink_to(program)
    sshd.stop()
    sshd.start(path=str(programs))
    create = _playbook("{ name: as another, ansible.builtin.command: id }", "  become: true\n  become_user: daemon\n")
    said = _refused(_with(operated, create=create), 5)
    assert "sudo is missing on" in said and "become_password" in said


def test_nothing_answers(operated: Operated, sshd: Sshd) -> None:
    sshd.stop()
    operated.options["BBQ_ENGINE__RETRIES"] = "1"
    said = _refused(_with(operated), 11)
    assert f"{sshd.address} (server) cannot be reached by SSH" in said and "refused" in said.lower()


def test_we_are_not_let_in(operated: Operated, sshd: Sshd) -> None:
    (sshd.directory / "authorized_keys").write_text("")
    said = _refused(_with(operated), 5)
    assert "does not let us in" in said and "private_key_file" in said


def test_another_key_than_last_time_is_refused(operated: Operated, sshd: Sshd) -> None:
    _with(operated).up()
    sshd.stop()
    sshd.start(new_key=True)
    operated.write("create.yml", FINE.replace("nothing", "something else"))
    said = _refused(operated, 5)
    assert "is another one than when it was first seen" in said and "ssh-keygen -R" in said
    said = _refused(operated, 5, "destroy", "op", "--yes")  # the delete operation works on it, too
    assert "is another one than" in said and "SKIP_FAILED_DELETES" in said
    operated.options["BBQ_ANSIBLE__SKIP_FAILED_DELETES"] = "true"
    operated.ok("destroy", "op", "--yes")
    operated.nothing_left()


def test_a_key_that_must_be_known_and_is_not(operated: Operated) -> None:
    operated.options["BBQ_ANSIBLE__HOST_KEY_CHECKING"] = "strict"
    said = _refused(_with(operated), 5)
    assert "is not known" in said and "accept-new" in said


def test_this_machine_is_not_worked_on_unasked(here: Operated) -> None:
    del here.options["BBQ_ANSIBLE__ALLOW_LOCALHOST"]
    plan = _with(here).ok("plan", "service.yaml")
    assert "server is this machine: operations of what it hosts run here as" in plan
    said = _refused(here, 5)
    assert "operations of thing would run on this machine as" in said and "allow_localhost" in said
    assert "op" not in here.ok("list")


def test_what_lacks_is_told_before_anything_is_made(here: Operated) -> None:
    create = "- { hosts: all, roles: [ { role: some-body.role } ] }\n"
    template = TEMPLATE.replace("delete: delete.yml", "delete: gone.yml\n          stop: https://example.org/x/stop.yml")
    said = _refused(_with(here, create=create, template=template), 5)
    assert "needs the role some-body.role" in said and "roles_path" in said
    assert "there is no file" in said and "gone.yml" in said
    assert "nothing is fetched: --import-map" in said


def test_a_delete_that_fails_is_told_at_once_and_can_be_skipped(here: Operated) -> None:
    delete = _playbook("{ name: refuse, ansible.builtin.fail: { msg: I will not } }")
    _with(here, delete=delete).up()
    said = _refused(here, 7, "destroy", "op", "--yes")
    assert "Standard.delete: task 'refuse' failed on server: I will not" in said and "SKIP_FAILED_DELETES" in said
    here.options["BBQ_ANSIBLE__SKIP_FAILED_DELETES"] = "true"
    here.ok("destroy", "op", "--yes")
    here.nothing_left()


def test_a_user_without_a_home(here: Operated, tmp_path: Path) -> None:
    """As accounts of services are. What Ansible keeps for a task is in the deployment's directory, not where it would stay."""
    noted = tmp_path / "noted"
    task = f'{{ name: note, ansible.builtin.copy: {{ content: "{{{{ ansible_remote_tmp }}}}", dest: {noted} }} }}'
    _with(here, create=_playbook(task)).up()
    assert noted.read_text().startswith(f"{here.home}/")
    here.ok("destroy", "op", "--yes")
    here.nothing_left()


def test_a_playbook_that_is_none(here: Operated) -> None:
    said = _refused(_with(here, create="- hosts: all\n  tasks: [ { no_such_module_at_all: {} } ]\n"), 7)
    assert "no_such_module_at_all" in said


def test_a_playbook_for_other_servers(here: Operated) -> None:
    said = _refused(_with(here, create=FINE.replace("hosts: all", "hosts: web")), 7)
    assert "no play of the playbook is for the server" in said


def test_an_address_that_is_none(operated: Operated) -> None:
    operated.options["BBQ_ANSIBLE__HOSTS"] = "server=-oProxyCommand=x"
    said = _refused(_with(operated), 5)
    assert "'-oProxyCommand=x' is no server for server" in said


def test_normative_software_without_operations_is_refused(here: Operated) -> None:
    template = TEMPLATE.replace("type: thing,", "type: tosca.nodes.WebServer,")
    said = _refused(_with(here, template=template), 5)
    assert "thing (tosca.nodes.WebServer) has no operation that is implemented" in said


def test_the_address_of_a_template_is_used(operated: Operated, sshd: Sshd) -> None:
    operated.options.pop("BBQ_ANSIBLE__HOSTS")
    operated.options |= {"BBQ_ANSIBLE__PORT": str(sshd.port), "BBQ_ANSIBLE__USER": sshd.user}
    address = socket.gethostbyname("localhost").replace("127.0.0.1", "127.0.0.2")
    template = TEMPLATE.replace(
        "server: { type: tosca.nodes.Compute }",
        f"""server:
      type: tosca.nodes.Compute
      attributes: {{ public_address: {address} }}""",
    )
    operated.options["BBQ_ENGINE__RETRIES"] = "0"
    said = _refused(_with(operated, template=template), 11)  # the server listens on another address
    assert f"{sshd.user}@127.0.0.2:{sshd.port} (server) cannot be reached" in said
