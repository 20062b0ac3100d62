"""The playbook that Ansible is given: the template's own, or one that runs its script or its role."""

from __future__ import annotations

import base64
import io
import json
import secrets
import shlex
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from bbq.providers.ansible.directory import MARK

OUTPUTS: Final = "BBQ_OUTPUTS"
"""The variable in which a script finds the file that it may write its outputs to, as `name=value` lines or a JSON object."""
_INPUTS: Final = ".bbq-inputs"
_LARGEST: Final = 16 << 20
SCRIPT_TASK: Final = "run the script"


def alias(playbook: Path) -> str | None:
    """`localhost`, where the playbook speaks of that alone: whoever wrote it meant the server that it is run for."""
    try:
        plays = yaml.load(playbook.read_bytes(), yaml.CSafeLoader)
    except (OSError, yaml.YAMLError):
        return None  # Ansible says what is wrong with it
    if not isinstance(plays, list):
        return None
    hosts = {str(play["hosts"]) for play in plays if isinstance(play, dict) and "hosts" in play}
    return "localhost" if hosts and hosts <= {"localhost", "127.0.0.1"} else None


def for_role(role: str) -> list[dict[str, Any]]:
    return [{"name": role, "hosts": "all", "roles": [role]}]


def for_script(folder: Path, script: str, kind: str, marker: str, mark: str) -> list[dict[str, Any]]:
    """Unpacks the script and what it needs (`script_payload`) into a directory of its own, runs it there, and removes that.

    One task, as each costs a second over SSH. The inputs are in a file (0600) that the shell reads: in an argument list
    everybody could read them. What the script has put into its file of outputs is printed behind `marker`. `mark` is in the
    environment of all that it starts, so that `for_leftovers` finds what a broken connection has left running.
    """
    with (folder / script).open("rb") as file:
        own = file.read(2) == b"#!"
    name = shlex.quote(script)
    program = f"chmod 700 ./{name}; ./{name}" if own else f"{_language(script, kind)} ./{name}"
    # The inputs are in a shell of their own: they may have any name.
    run = (
        f"export {MARK}={shlex.quote(mark)}; umask 077; "
        'place=$(mktemp -d "${TMPDIR:-/tmp}/bbq.XXXXXX") || exit 70; set -- "$place"; '
        """trap 'cd /; rm -rf "$place"' EXIT; trap 'exit 75' HUP INT TERM; cd "$place" || exit 70; """
        "base64 -d | tar xzf - || exit 70; : >.bbq-outputs; "
        f"(set -a; . ./{_INPUTS}; set +a; rm -f ./{_INPUTS}; "
        f'{OUTPUTS}="$1/.bbq-outputs"; export {OUTPUTS}; {program} </dev/null); '
        f'code=$?; if [ -s .bbq-outputs ]; then printf "\\n%s\\n" {marker}; cat .bbq-outputs; fi; exit $code'
    )
    task = {
        "name": SCRIPT_TASK,
        "ansible.builtin.command": {
            "argv": ["/bin/sh", "-c", run],
            "stdin": "{{ bbq_payload }}",
            "stdin_add_newline": False,
        },
    }
    return [{"name": script, "hosts": "all", "gather_facts": False, "tasks": [task]}]


def for_leftovers(mark: str) -> list[dict[str, Any]]:
    """Ends what a script of an operation that was cut off has left running on its server."""
    find = (
        'for one in /proc/[0-9]*; do if tr "\\0" "\\n" <"$one/environ" 2>/dev/null | grep -qxF "$1"; then '
        'kill -"$2" "${one#/proc/}" 2>/dev/null; fi; done; :'
    )
    words = f"{MARK}={mark}"
    run = f'find=\'{find}\'; sh -c "$find" sh {shlex.quote(words)} TERM; sleep 1; sh -c "$find" sh {shlex.quote(words)} KILL'
    task = {"name": "end what was cut off", "ansible.builtin.command": {"argv": ["/bin/sh", "-c", run]}}
    return [{"name": "leftovers", "hosts": "all", "gather_facts": False, "tasks": [task]}]


def script_payload(folder: Path, inputs: str) -> str:
    """The folder and the inputs as text that `for_script` unpacks. `ValueError` where it is too large for that."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=3) as archive:
        archive.add(folder, ".", filter=_anonymous)
        entry = tarfile.TarInfo(_INPUTS)
        entry.size, entry.mode = len(inputs.encode()), 0o600
        archive.addfile(entry, io.BytesIO(inputs.encode()))
    if buffer.tell() > _LARGEST:
        raise ValueError(f"the script and its dependencies are larger than {_LARGEST >> 20} MiB: copy them by a playbook")
    return base64.b64encode(buffer.getvalue()).decode()


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def new_marker() -> str:
    return f"--_bbq_outputs_{secrets.token_hex(8)}_--"


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
    suffix, kind = Path(script).suffix.lower(), kind.rpartition(".")[2]
    if kind == "Python" or suffix == ".py":
        return "python3"
    return "bash" if kind == "Bash" or suffix == ".bash" else "sh"
