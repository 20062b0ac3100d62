"""`up` of examples/packets against the same components started by hand, each as soon as what it needs is there."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bbq.providers.local.java import OPTIONS, find_java, java_home
from bbq.providers.local.postgresql import programs
from bbq.providers.local.spark import spark_home
from benchmarks.figures import Figure, seconds

EXAMPLE = Path(__file__).parents[1] / "examples" / "packets"
ROUNDS = 2
WORKERS = 2
PACE = 0.02  # seconds between two looks: a person with a good script would not do better


def run() -> list[Figure]:
    if programs() is None or shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None:
        print("  needs the extras local and spark")
        return []
    by_hand, by_bbq = [], []
    for _ in range(ROUNDS):  # in turns: a busy moment of the machine hits both
        by_hand.append(_by_hand())
        by_bbq.append(_by_bbq())
    hand, bbq = min(by_hand), min(by_bbq)
    against = f"by hand in the best order {hand:.1f} s, bbq-deploy up {bbq:.1f} s, best of {ROUNDS} each"
    return [Figure("up of examples/packets / by hand", bbq / hand, "x", 1.5, against=against)]


def _by_bbq() -> float:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "XDG_STATE_HOME": f"{home}/state"}

        def call(*arguments: str) -> None:
            command = [sys.executable, "-m", "bbq", *arguments, "--yes"]
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=400)

        try:
            up = (
                "up",
                str(EXAMPLE / "service.yaml"),
                "--provider",
                "local",
                "--name",
                "bench",
                "--input",
                f"workers={WORKERS}",
            )
            return seconds(lambda: call(*up))
        finally:
            call("destroy", "bench")


def _by_hand() -> float:
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        stack.callback(time.sleep, 0.5)  # the last files of what was just ended
        hand = _Hand(Path(directory), stack)
        return seconds(hand.all)


class _Hand:
    """Starts everything with plain `Popen`; the threads are the two hands."""

    def __init__(self, directory: Path, stack: contextlib.ExitStack) -> None:
        self.directory = directory
        self.stack = stack
        self.password = secrets.token_hex(8)
        self.port = dict(zip(("pg", "nats", "rpc", "web", "viewer", "ui"), _free_ports(6), strict=True))
        self.urls = {
            "DB_URL": f"postgresql://packets:{self.password}@127.0.0.1:{self.port['pg']}/packets",
            "PACKETS_URL": f"nats://bbq:{self.password}@127.0.0.1:{self.port['nats']}",
            "VIEWER_URL": f"http://127.0.0.1:{self.port['viewer']}",
        }

    def all(self) -> None:
        branches = [threading.Thread(target=branch) for branch in (self.database, self.queue, self.spark)]
        for branch in branches:
            branch.start()
        for branch in branches:
            branch.join()
        self.stream()

    def start(self, name: str, argv: list[Any], **options: Any) -> None:
        log = self.stack.enter_context((self.directory / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            list(map(str, argv)), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **options
        )
        self.stack.callback(_end, process)

    def database(self) -> None:
        import psycopg

        binaries, data = programs(), self.directory / "pg"
        assert binaries is not None
        prefix: list[str] = []
        if os.geteuid() == 0:  # it refuses root
            import bbq.providers.local.userns as userns

            prefix = [sys.executable, "-I", "-S", str(userns.__file__)]
        (self.directory / "pw").write_text(self.password)
        arguments = ["-D", data, "-U", "packets", "-A", "scram-sha-256", f"--pwfile={self.directory / 'pw'}"]
        command = [*prefix, binaries / "initdb", *arguments, "-E", "UTF8", "--locale=C", "--no-instructions"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        sockets = f"unix_socket_directories={self.directory}"
        listen = ["-p", self.port["pg"], "-c", "listen_addresses=127.0.0.1", "-c", sockets]
        self.start("postgres", [*prefix, binaries / "postgres", "-D", data, *listen])
        admin = self.urls["DB_URL"].removesuffix("packets") + "postgres"
        _until(lambda: psycopg.connect(admin).close() or True, psycopg.OperationalError)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("CREATE DATABASE packets")
        with psycopg.connect(self.urls["DB_URL"]) as connection:
            connection.execute((EXAMPLE / "schema.sql").read_text())
        environment = {**os.environ, **self.urls, "PORT": str(self.port["viewer"])}
        self.start("viewer", [sys.executable, EXAMPLE / "viewer.py"], env=environment, cwd=EXAMPLE)
        _until(lambda: _get(f"{self.urls['VIEWER_URL']}/health"))

    def queue(self) -> None:
        server = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        (self.directory / "nats.conf").write_text(
            f'listen: "127.0.0.1:{self.port["nats"]}"\njetstream {{ store_dir: "{self.directory}/js" }}\n'
            f"authorization {{ user: bbq, password: {self.password} }}\n"
        )
        self.start("nats", [server, "-c", self.directory / "nats.conf"])
        _until(lambda: socket.create_connection(("127.0.0.1", self.port["nats"])).close() or True)
        from bbq.handles import open_queue

        with open_queue(self.urls["PACKETS_URL"], "packets") as queue:
            queue.declare()

    def spark(self) -> None:
        conf = self.directory / "conf"
        conf.mkdir()
        (conf / "spark-defaults.conf").write_text(
            f"spark.authenticate true\nspark.authenticate.secret {self.password}\nspark.sql.shuffle.partitions 2\n"
            "spark.driver.host 127.0.0.1\nspark.driver.bindAddress 127.0.0.1\nspark.ui.showConsoleProgress false\n"
            f"spark.driver.memory 512m\nspark.executor.memory 512m\nspark.ui.port {self.port['ui']}\n"
            f"spark.driver.extraJavaOptions {' '.join(OPTIONS)}\nspark.executor.extraJavaOptions {' '.join(OPTIONS)}\n"
        )
        self.environment = {
            **os.environ,
            **self.urls,
            "QUEUE": "packets",
            "BBQ_STATE_DIR": str(self.directory),
            "SPARK_HOME": str(spark_home()),
            "SPARK_CONF_DIR": str(conf),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_PUBLIC_DNS": "127.0.0.1",
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_LOCAL_DIRS": str(self.directory / "scratch"),
            "SPARK_LAUNCHER_OPTS": " ".join(OPTIONS),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": " ".join(OPTIONS),
            "JAVA_HOME": str(java_home(find_java(), self.directory)),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }
        start = [spark_home() / "bin/spark-class"]
        where = ["--host", "127.0.0.1", "--port", self.port["rpc"], "--webui-port", self.port["web"]]
        self.start("master", [*start, "org.apache.spark.deploy.master.Master", *where], env=self.environment)
        _until(lambda: socket.create_connection(("127.0.0.1", self.port["rpc"])).close() or True)
        for number in range(WORKERS):
            limits = ["--host", "127.0.0.1", "--cores", 1, "--memory", "1100m", "--work-dir", self.directory / f"work{number}"]
            worker = [*start, "org.apache.spark.deploy.worker.Worker", *limits, f"spark://127.0.0.1:{self.port['rpc']}"]
            self.start(f"worker{number}", worker, env=self.environment)
        web = f"http://127.0.0.1:{self.port['web']}/json/"
        _until(lambda: sum(worker["state"] == "ALIVE" for worker in _json(web)["workers"]) == WORKERS)

    def stream(self) -> None:
        submit = [spark_home() / "bin/spark-submit", "--master", f"spark://127.0.0.1:{self.port['rpc']}"]
        self.start("driver", [*submit, EXAMPLE / "normaliser.py"], env=self.environment, cwd=self.directory)
        api = f"http://127.0.0.1:{self.port['ui']}/api/v1/applications"

        def running() -> bool:
            executors = _json(f"{api}/{_json(api)[0]['id']}/executors")
            return any(one["id"] != "driver" and one["isActive"] for one in executors)

        _until(running, IndexError)


def _free_ports(count: int) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            held = stack.enter_context(socket.socket())
            held.bind(("127.0.0.1", 0))
            yield held.getsockname()[1]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=3) as answer:
        return bytes(answer.read())


def _json(url: str) -> Any:
    return json.loads(_get(url))


def _until(test: Callable[[], Any], *also: type[Exception]) -> None:
    limit = time.monotonic() + 180
    while True:
        with contextlib.suppress(OSError, KeyError, ValueError, *also):
            if test():
                return
        if time.monotonic() > limit:
            raise TimeoutError("a component that was started by hand does not get ready")
        time.sleep(PACE)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its whole group: Spark's programs are shells around Java."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return
