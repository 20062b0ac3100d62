"""Runs inside a container: starts a command by the clock, one run after the other.

    python cron_loop.py [--now] '0 * * * *' -- command argument ...

Standard library only; `cron.py` stands beside it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from cron import Schedule  # type: ignore[import-not-found]


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    split = arguments.index("--")
    options, command = arguments[:split], arguments[split + 1 :]
    schedule = Schedule(options[-1])
    if "--now" in options:
        start(command)
    while True:
        due = schedule.next(time.time())
        while (left := due - time.time()) > 0:  # in short sleeps: the machine may be suspended, its clock may be set
            time.sleep(min(left, 30.0))
        start(command)


def start(command: list[str]) -> None:
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.stderr.write(f"{command[0]} ended with {code}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
