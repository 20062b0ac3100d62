"""The process that carries out the operations of one node: `python -m bbq.providers.ansible.runner DIRECTORY make|unmake`.

It is started with the lock of the node's directory (its descriptor in `BBQ_LOCK`), holds it as long as it lives, and needs
nobody: the client that started it may be killed. What is done is in `state.json` before the next operation begins, so that
whoever comes after a killed one repeats at most the operation that was cut off.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bbq.providers import supervisor
from bbq.providers.ansible import outputs, playbooks, servers
from bbq.providers.ansible.directory import MARK, VARIABLE, NodeDirectory, known_hosts
from bbq.providers.ansible.lifecycle import to_undo
from bbq.providers.ansible.packing import OwnAttributes, pack, secrets_in, unpack
from bbq.providers.ansible.watching import Failure, Watcher
from bbq.providers.supervisor.records import read_json, write_json, write_whole
from bbq.topology.values import UNKNOWN, Secret, contains, evaluate, revealed

_NO_HOST_NAME = re.compile(r"[^A-Za-z0-9_.]+")
"""Brackets would be a range of hosts to Ansible."""
LOG_SIZE = 4 * 1024 * 1024
SUPERVISOR = [str(path) for path in supervisor.files()]
"""What our own role bbq.program copies to a server where no systemd is."""


class Runner:
    def __init__(self, directory: NodeDirectory, folder: Path, plan: Mapping[str, Any]) -> None:
        self._directory = directory
        self._folder = folder
        self._plan = plan
        self._options: Mapping[str, Any] = read_json(directory.path / "options.json")
        self._state = directory.state()
        self._secrets = secrets_in(plan) | secrets_in(self._state)
        if self._options.get("become_password"):
            self._secrets.add(str(self._options["become_password"]))

    # -- the whole

    def make(self, keys: Sequence[str]) -> bool:
        steps = {step["key"]: step for step in self._plan["steps"]}
        for key in keys:
            if not self._carry_out(steps[key]):
                return False
            self._account_for(steps[key])
        self._finish("done")
        return True

    def unmake(self) -> bool:
        for step in to_undo(self._plan["steps"], self._state):
            if not self._carry_out(step):
                gone = self._state["failure"]["kind"] == "unreachable" and step["server"]["disposable"]
                if not gone and not self._options.get("skip_failed_deletes"):
                    return False
                self._log(f"--- {step['key']} is left out: {'its server goes away itself' if gone else 'skip_failed_deletes'}")
            self._state.setdefault("undone", []).append(step["key"])
            self._directory.keep(self._state)
        return True

    def end_leftovers(self, step: Mapping[str, Any], mark: str) -> None:
        """Of a script that was cut off: on its server it knows nothing of that. What does not answer is not asked twice."""
        server = servers.Server(**step["server"])
        if server.local or step["kind"] != "script":  # on this machine they are found by their environment
            return
        quiet = Watcher(self._secrets, lambda _: None, lambda _: None)
        self._run({**step, "kind": "leftovers", "inputs": {}, "timeout": 60, "stores": {}}, server, quiet, mark)
        self._log(f"--- ended what {step['key']} had left running on {server.place}")

    def _account_for(self, step: Mapping[str, Any]) -> None:
        done = [item for item in self._state.get("done", []) if item["key"] != step["key"]]
        if step["phase"] == "stop":  # it is not started any more
            done = [item for item in done if item["phase"] != "start"]
        else:
            done.append({"key": step["key"], "digest": step["digest"], "phase": step["phase"]})
        self._state["done"] = done
        self._directory.keep(self._state)

    def _finish(self, phase: str) -> None:
        self._state |= {"phase": phase, "current": None}
        if phase == "done":
            self._state["failure"] = None
        self._directory.keep(self._state)

    # -- one operation

    def _carry_out(self, step: Mapping[str, Any]) -> bool:
        """The caller keeps the state of what has ended well, so that its outputs and that it is done are there together."""
        server = servers.Server(**step["server"])
        began = time.time()
        mark = f"{self._plan['mark']}#{time.time_ns()}"
        self._state["begun"] = list(dict.fromkeys([*self._state.get("begun", ()), step["key"]]))
        self._working(step, server, "", mark)
        self._log(f"--- {step['key']} on {server.place}: {step['program']}")
        watcher = Watcher(self._secrets, self._log, lambda task: self._working(step, server, task, mark))
        try:
            found = self._run(step, server, watcher, mark)
        except _Missing as missing:
            watcher.failure, found = Failure("ansible", str(missing)), {}
        took = f"{time.time() - began:.1f} s"
        if watcher.failure is not None:
            failure = watcher.failure
            if failure.kind == "timeout":
                self.end_leftovers(step, mark)
            self._log(f"--- {step['key']} failed after {took}: {failure.text}")
            self._state["failure"] = {
                "key": step["key"],
                "kind": failure.kind,
                "text": f"{step['key']}: {failure.text}",
                "lines": failure.lines,
                "place": server.place,
            }
            self._finish("failed")
            return False
        self._keep_outputs(step, found)
        counts = ", ".join(f"{watcher.counts[name]} {name}" for name in ("ok", "changed") if watcher.counts.get(name))
        counts = "" if step["kind"] == "script" else counts
        told = f"{step['key']} done on {server.place} in {took}" + (f" ({counts})" if counts else "")
        self._log(f"--- {told}")
        self._state.setdefault("progress", []).append(told)
        return True

    def _run(self, step: Mapping[str, Any], server: servers.Server, watcher: Watcher, mark: str) -> dict[str, Any]:
        """Its outputs; `watcher.failure` where it failed."""
        import ansible_runner

        inputs = self._inputs(step)
        self._secrets |= secrets_in(pack(inputs))
        files, work = self._folder / step["files"], self._directory.path / "work"
        shutil.rmtree(work, ignore_errors=True)
        for name in ("inventory", "env", "artifacts", "tmp"):
            (work / name).mkdir(mode=0o700, parents=True)
        marker, alias = playbooks.new_marker(), _NO_HOST_NAME.sub("-", server.name).strip("-") or "server"
        plain: dict[str, Any] = revealed(inputs)
        if step["kind"] == "playbook":
            playbook = files / step["program"]
            alias, extra = playbooks.alias(playbook) or alias, {"bbq_supervisor": SUPERVISOR, **step["variables"], **plain}
        else:
            playbook = work / "operation.yml"
            if step["kind"] == "leftovers":
                plays, extra = playbooks.for_leftovers(mark), {}
            elif step["kind"] == "role":
                extra = {"bbq_supervisor": SUPERVISOR, **step["variables"], **plain}
                plays = playbooks.for_role(step["program"])
            else:
                plays = playbooks.for_script(files, step["program"], step["artifact"], marker, mark)
                try:
                    extra = {
                        "bbq_payload": playbooks.script_payload(files, playbooks.shell_text({**step["variables"], **plain}))
                    }
                except ValueError as error:
                    raise _Missing(str(error)) from None
            write_json(playbook, plays)
        known = servers.inventory(server, known_hosts(self._directory.root), self._options, alias)
        write_json(work / "inventory" / "hosts.json", known)
        write_whole(work / "env" / "extravars", playbooks.variables_text(extra).encode())
        result = ansible_runner.run(
            private_data_dir=str(work),
            project_dir=str(playbook.parent),
            playbook=str(playbook),
            inventory=str(work / "inventory" / "hosts.json"),
            envvars={**self._environment(files, work), **({} if step["kind"] == "leftovers" else {MARK: mark})},
            settings={"pexpect_timeout": 1, "job_timeout": int(step["timeout"]), "suppress_ansible_output": True},
            verbosity=self._options.get("verbosity") or None,
            event_handler=watcher.event,
            quiet=True,
        )
        if result.status in ("timeout", "canceled"):
            self._directory.end_processes(mark)
        if result.status == "timeout":
            watcher.failure = Failure("timeout", f"it did not end within {step['timeout']:g} s and was stopped")
        elif result.status == "canceled":
            watcher.failure = Failure("ansible", "it was stopped")
        elif result.rc != 0 and watcher.failure is None:
            said = [line for line in watcher.unnamed if line][-15:]
            watcher.failure = Failure("ansible", said[0] if said else f"ansible-playbook ended with code {result.rc}", said[1:])
        elif watcher.nobody:
            watcher.failure = Failure("ansible", "no play of the playbook is for the server: it says hosts: all")
        elif result.rc == 0:
            watcher.failure = None  # a task failed and was rescued
        shutil.rmtree(work, ignore_errors=True)
        if step["kind"] == "script" and watcher.script_output is not None:
            return outputs.of_script(watcher.script_output, marker, step["stores"].keys() | self._plan["declared"].keys())
        return watcher.stats

    def _environment(self, files: Path, work: Path) -> dict[str, str]:
        cfg = files / "ansible.cfg"
        if not cfg.is_file():  # neither the user's own: the same template does the same for everybody
            cfg = work / "ansible.cfg"
            cfg.touch(mode=0o600)
        roles = [str(files / "roles"), str(self._folder / "roles"), *self._options.get("roles_path", ())]
        paths = self._directory.root / "ssh"
        shared = len(str(paths)) < 65  # a socket's path has 107 bytes, and ssh puts some behind the directory
        if shared:
            paths.mkdir(mode=0o700, exist_ok=True)
        return {
            "ANSIBLE_CONFIG": str(cfg),
            "ANSIBLE_ROLES_PATH": ":".join(roles),
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_HOME": str(work / "tmp"),
            "ANSIBLE_LOCAL_TEMP": str(work / "tmp"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(paths),
            "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=15s" if shared else "-C",
            "ANSIBLE_TIMEOUT": str(self._options.get("connect_timeout") or 10),
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_DEPRECATION_WARNINGS": "False",
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
            "ANSIBLE_NO_TARGET_SYSLOG": "True",  # it would write down what modules are given
            "ANSIBLE_NOCOWS": "True",
            "ANSIBLE_FORCE_COLOR": "False",
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '/usr/local/bin:/usr/bin:/bin')}",
        }

    def _inputs(self, step: Mapping[str, Any]) -> dict[str, Any]:
        node = self._plan["node"]
        layers = (self._state.get("attributes", {}), self._plan["attributes"], self._plan["properties"])
        scope = OwnAttributes(*(unpack(layer, node) for layer in layers))
        found: dict[str, Any] = evaluate(unpack(step["inputs"], node), scope)
        for name, value in found.items():
            if contains(value, lambda item: item is UNKNOWN):
                raise _Missing(f"its input {name!r} needs an attribute of {node} that has no value by now")
        return found

    def _keep_outputs(self, step: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        declared = self._plan["declared"]
        interface, _, name = step["key"].partition("(")[0].partition(".")
        stores = {output: tuple(path) for output, path in step["stores"].items()}
        values = outputs.stored((interface, name), found, stores, declared)
        for attribute, value in values.items():
            if declared.get(attribute) == "bbq.datatypes.Secret":
                values[attribute] = pack(Secret(value))
        self._secrets |= secrets_in(values)
        self._state["attributes"] = outputs.merged(self._state.get("attributes", {}), values)

    # -- telling

    def _working(self, step: Mapping[str, Any], server: servers.Server, task: str, mark: str) -> None:
        current = {"key": step["key"], "phase": step["phase"], "task": task, "place": server.place, "mark": mark}
        self._state["current"] = current
        self._directory.keep(self._state)

    def _log(self, line: str) -> None:
        path = self._directory.log
        try:
            if path.exists() and path.stat().st_size > LOG_SIZE:
                path.replace(path.with_name("log.1"))
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", errors="replace") as file:
                file.write(line + "\n")
        except OSError:
            return  # a full disk ends no operation


class _Missing(Exception):
    """An input cannot be answered, or the operation cannot be put together."""


def main(arguments: Sequence[str]) -> int:
    os.umask(0o077)
    path, mode = Path(arguments[0]), arguments[1]
    os.set_inheritable(int(os.environ.pop("BBQ_LOCK")), False)
    # ours found its modules by it; Ansible's may be run by another Python
    os.environ["PYTHONPATH"] = os.environ.pop("BBQ_PYTHONPATH", "")
    if not os.environ["PYTHONPATH"]:
        del os.environ["PYTHONPATH"]
    directory = NodeDirectory(path.parent.parent, path.name)
    os.environ.pop(VARIABLE)
    state = directory.state()
    cut_off = state.get("interrupted") or {}
    directory.end_processes(cut_off.get("mark"))  # what a killed one has left behind
    state |= {"pid": os.getpid()}
    directory.keep(state)
    found = directory.plan()
    if found is None:
        if mode == "unmake":
            directory.remove()
        return 0
    runner = Runner(directory, *found)
    try:
        for step in found[1]["steps"]:
            if step["key"] == cut_off.get("key"):
                runner.end_leftovers(step, cut_off["mark"])
        ended_well = runner.make(read_json(path / "todo.json")["keys"]) if mode == "make" else runner.unmake()
    except Exception as error:  # whoever waits must be told
        state = directory.state()
        state |= {
            "phase": "failed",
            "failure": {"key": "", "kind": "ansible", "text": f"{type(error).__name__}: {error}", "lines": []},
        }
        directory.keep(state)
        raise
    if ended_well and mode == "unmake":
        directory.remove()
    return 0 if ended_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
