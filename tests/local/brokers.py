"""Brokers on free ports of this machine for the tests of the queue handles, started without bbq."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSWORD = "p#w:$x/@?"
QUOTED = "p%23w%3A%24x%2F%40%3F"
DEADLINE = 60.0


@dataclass
class Broker:
    url: str
    directory: Path
    process: subprocess.Popen[bytes]
    command: list[str]
    options: dict[str, Any] = field(default_factory=dict)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE)

    def restart(self) -> None:
        self.process = spawn(self.command, self.directory)
        wait_for_port(int(self.url.rsplit(":", 1)[1]), self.process)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def spawn(command: list[str], directory: Path) -> subprocess.Popen[bytes]:
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        assert process.poll() is None, "the broker died"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("the broker's port did not open")


@contextlib.contextmanager
def nats(directory: Path) -> Iterator[Broker]:
    beside = Path(sys.executable).with_name("nats-server")
    binary = str(beside) if beside.exists() else shutil.which("nats-server")
    assert binary
    port = free_port()
    configuration = directory / "nats.conf"
    configuration.write_text(
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{directory}/store" }}\n'
        f'authorization {{ user: bbq, password: "{PASSWORD}" }}\n'
    )
    command = [binary, "-c", str(configuration)]
    broker = Broker(f"nats://bbq:{QUOTED}@127.0.0.1:{port}", directory, spawn(command, directory), command)
    try:
        wait_for_port(port, broker.process)
        yield broker
    finally:
        if broker.process.poll() is None:
            broker.stop()


def rabbitmq_missing() -> str | None:
    return "rabbitmq is not written yet"


def rabbitmq(directory: Path) -> contextlib.AbstractContextManager[Broker]:
    raise NotImplementedError
