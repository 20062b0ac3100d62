"""The playbook that Ansible is given: the template's own, or one that runs its script or its role."""

from __future__ import annotations

import json
import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

OUTPUTS: Final = "BBQ_OUTPUTS"
"""The variable in which a script finds the file that it may write its outputs to, as `name=value` lines or a JSON object."""
SCRIPT_TASK: Final = "run the script"
_LANGUAGES: Final = {".py": "python3", ".sh": "sh", ".bash": "bash"}


def alias(playbook: Path) -> str | None:
    """`localhost`, where the playbook speaks of that alone: whoever wrote it meant the server that it is run for."""
    try:
        plays = yaml.load(playbook.read_bytes(), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError):
        return None  # Ansible says what is wrong with it
    hosts = (
        {str(play["hosts"]) for play in plays if isinstance(play, dict) and "hosts" in play}
        if isinstance(plays, list)
        else set()
    )
    return "localhost" if hosts and hosts <= {"localhost", "127.0.0.1"} else None


def for_role(role: str) -> list[dict[str, Any]]:
    return [{"name": role, "hosts": "all", "roles": [role]}]


def for_script(folder: Path, script: str, kind: str, marker: str) -> list[dict[str, Any]]:
    """Copies the folder of the script and what it needs to a directory of its own, runs it there, and removes that again.

    Inputs are in a file (0600) that the shell reads: in an argument list everybody could read them. What the script has put
    into its file of outputs is printed behind `marker`.
    """
    with (folder / script).open("rb") as file:
        own = file.read(2) == b"#!"
    program = f"./{shlex.quote(script)}" if own else f"{_language(script, kind)} ./{shlex.quote(script)}"
    run = (
        f'set -a; . ./.bbq-inputs; set +a; rm -f ./.bbq-inputs; {OUTPUTS}="$PWD/.bbq-outputs"; export {OUTPUTS}; '
        f': >"${OUTPUTS}"; {program}; code=$?; '
        f'if [ -s "${OUTPUTS}" ]; then printf "\\n%s\\n" {marker}; cat "${OUTPUTS}"; fi; exit $code'
    )
    place = "{{ bbq_place.path }}"
    body: list[dict[str, Any]] = [
        {
            "name": "copy the script",
            "ansible.builtin.copy": {"src": f"{folder}/", "dest": f"{place}/", "mode": "0700", "directory_mode": "0700"},
        },
        {
            "name": "the script's inputs",
            "ansible.builtin.copy": {"content": "{{ bbq_inputs }}", "dest": f"{place}/.bbq-inputs", "mode": "0600"},
            "no_log": True,
        },
        {"name": SCRIPT_TASK, "ansible.builtin.command": {"argv": ["/bin/sh", "-c", run], "chdir": place}},
    ]
    leave = {
        "name": "remove the script's directory",
        "ansible.builtin.file": {"path": place, "state": "absent"},
        "ignore_unreachable": True,
    }
    return [
        {
            "name": script,
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {
                    "name": "a directory for the script",
                    "ansible.builtin.tempfile": {"state": "directory", "prefix": "bbq."},
                    "register": "bbq_place",
                },
                {"name": script, "block": body, "always": [leave]},
            ],
        }
    ]


def new_marker() -> str:
    return f"-- bbq outputs {secrets.token_hex(8)} --".replace(" ", "_")


def shell_text(variables: Mapping[str, Any]) -> str:
    """Assignments for a shell to read; a value that is no text is JSON, true and false as such."""
    return "".join(f"{name}={shlex.quote(as_text(value))}\n" for name, value in variables.items() if name.isidentifier())


def variables_text(variables: Mapping[str, Any]) -> str:
    """A file of variables. Texts are marked as data: what another server gave back must not be evaluated here as a template."""
    return yaml.dump(dict(variables), Dumper=_Data, default_flow_style=False, allow_unicode=True, width=1_000_000)


class _Data(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Data, value: str) -> yaml.ScalarNode:
    mark = "!unsafe" if "{{" in value or "{%" in value else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(mark, value, style='"')


_Data.add_representer(str, _text)


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _language(script: str, kind: str) -> str:
    suffix = Path(script).suffix.lower()
    if kind.rpartition(".")[2] == "Python" or suffix == ".py":
        return "python3"
    if kind.rpartition(".")[2] == "Bash" or suffix == ".bash":
        return "bash"
    return _LANGUAGES.get(suffix, "sh")
