"""Brokers on free ports of this machine for the tests of the queue handles, started without bbq."""

from __future__ import annotations

import contextlib
import json
import os
import random
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
    environment: dict[str, str] | None = None

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(DEADLINE)

    def restart(self) -> None:
        self.process = spawn(self.command, self.directory, self.environment)
        wait_for_port(int(self.url.rsplit(":", 1)[1]), self.process)


def free_port() -> int:
    """Below those that the kernel gives to outgoing connections, one of which could come before the broker, or its restart."""
    while True:
        port = random.randrange(12000, 20000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def spawn(command: list[str], directory: Path, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, cwd=directory, start_new_session=True
        )


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


def rabbitmq_scripts() -> Path | None:
    found = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin"))
    return found[-1] if found else None


def rabbitmq_missing() -> str | None:
    return None if rabbitmq_scripts() and shutil.which("epmd") else "RabbitMQ is not installed"


@contextlib.contextmanager
def rabbitmq(directory: Path) -> Iterator[Broker]:
    scripts, epmd = rabbitmq_scripts(), shutil.which("epmd")
    assert scripts and epmd
    port, names, distribution, management = free_port(), free_port(), free_port(), free_port()
    (directory / "enabled").write_text("[rabbitmq_management].\n")
    (directory / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = 127.0.0.1:{port}\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n"
        f"load_definitions = {directory}/definitions.json\ncollect_statistics_interval = 500\nlog.console = true\n"
    )
    definitions = {
        "vhosts": [{"name": "/"}],
        "users": [{"name": "bbq", "password": PASSWORD, "tags": ["administrator"]}],
        "permissions": [{"user": "bbq", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
    }
    (directory / "definitions.json").write_text(json.dumps(definitions))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "RABBITMQ_NODENAME": f"bbqtest{os.getpid()}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "log.d"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled"),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        "LC_ALL": "C.UTF-8",
    }
    daemon = spawn([epmd, "-port", str(names), "-address", "127.0.0.1"], directory)
    try:
        wait_for_port(names, daemon)
        command = [str(scripts / "rabbitmq-server")]
        broker = Broker(f"amqp://bbq:{QUOTED}@127.0.0.1:{port}", directory, spawn(command, directory, environment), command)
        broker.environment = environment
        broker.options = {"management_url": f"http://127.0.0.1:{management}"}
        try:
            wait_for_port(port, broker.process)
            wait_for_port(management, broker.process)
            yield broker
        finally:
            if broker.process.poll() is None:
                broker.stop()
    finally:
        daemon.terminate()
        daemon.wait(DEADLINE)
