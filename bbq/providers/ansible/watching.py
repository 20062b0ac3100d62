"""What Ansible tells while it works: lines for the log, the task for the screen, and in the end why it failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bbq.providers.ansible.playbooks import SCRIPT_TASK
from bbq.providers.ansible.servers import is_ssh_key_trouble, sudo_is_missing

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LONGEST = 4000
MASK = "********"


@dataclass(slots=True)
class Failure:
    """`kind`: task | unreachable | key | sudo | timeout | ansible."""

    kind: str
    text: str
    lines: list[str] = field(default_factory=list)


class Watcher:
    """Takes ansible-runner's events of one operation. `say` gets lines for the log, `working` the name of each task."""

    def __init__(self, secrets: set[str], say: Callable[[str], None], working: Callable[[str], None]) -> None:
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._say = say
        self._working = working
        self._unmatched = False
        self.failure: Failure | None = None
        self.stats: dict[str, Any] = {}
        self.script_output: str | None = None
        self.counts: dict[str, int] = {}
        self.unnamed: list[str] = []
        self.nobody = False
        """No play was for the server."""

    def masked(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def event(self, event: Mapping[str, Any]) -> bool:
        """An event handler of ansible-runner; False: it need not keep the event."""
        data = event.get("event_data") or {}
        kind = str(event.get("event"))
        said = _COLOURS.sub("", str(event.get("stdout") or ""))
        for line in said.splitlines():
            if line.strip():
                self._say(self.masked(line.rstrip())[:_LONGEST])
                if kind in ("verbose", "error", "warning"):
                    self.unnamed.append(self.masked(line.strip()))
        if kind == "playbook_on_task_start":
            self._working(self.masked(str(data.get("name") or data.get("task") or "")))
        elif kind == "playbook_on_no_hosts_matched":
            self._unmatched = True
        elif kind == "runner_on_ok":
            self._remember_script(data)
        elif kind == "runner_on_failed" and not data.get("ignore_errors"):
            self._remember_script(data)
            self._failed(data)
        elif kind == "runner_on_unreachable":
            self._failed(data)
        elif kind == "playbook_on_stats":
            self.stats = dict(data.get("artifact_data") or {})
            self.nobody = not data.get("processed") and self._unmatched
            for name in ("ok", "changed", "skipped", "failures"):
                self.counts[name] = sum((data.get(name) or {}).values())
        return False

    def _remember_script(self, data: Mapping[str, Any]) -> None:
        result = data.get("res")
        if data.get("task") == SCRIPT_TASK and isinstance(result, Mapping):
            self.script_output = str(result.get("stdout") or "")
            for name in ("stdout", "stderr"):
                for line in str(result.get(name) or "").splitlines()[-200:]:
                    self._say(f"  {self.masked(line)}"[:_LONGEST])

    def _failed(self, data: Mapping[str, Any]) -> None:
        if self.failure is not None:
            return  # the first cause counts; what is cleaned up after it fails for the same
        result = data.get("res")
        result = result if isinstance(result, Mapping) else {}
        message = self.masked(_message(result))
        more = [self.masked(line) for line in _output(result)]
        whole = "\n".join([message, *more])
        unreachable = bool(result.get("unreachable"))
        kind = "key" if is_ssh_key_trouble(whole) else "unreachable" if unreachable else "task"
        if sudo_is_missing(whole):
            kind = "sudo"
        first = message.strip().splitlines()[0] if message.strip() else "no message"
        text = f"task {data.get('task') or data.get('name') or '?'!r} failed on {data.get('host') or '?'}: {first}"
        self.failure = Failure(kind, self.masked(text), [line for line in more if line.strip()][-15:])


def _message(result: Mapping[str, Any]) -> str:
    """The message of a failed task; of a loop, that of its first item that failed."""
    for item in result.get("results") or ():
        if isinstance(item, Mapping) and item.get("failed"):
            return _message(item)
    if "censored" in result and "msg" not in result:
        return "its result is hidden (no_log)"
    message = str(result.get("msg") or result.get("stderr") or result.get("exception") or "")
    if message == "non-zero return code":
        last = (_output(result) or [""])[-1]
        return f"it ended with code {result.get('rc')}" + (f": {last}" if last else "")
    return message


def _output(result: Mapping[str, Any]) -> list[str]:
    return [
        line
        for name in ("stdout", "module_stdout", "stderr", "module_stderr")
        for line in str(result.get(name) or "").splitlines()
        if line.strip()
    ]
