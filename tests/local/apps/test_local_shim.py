"""The supervisor: killed anywhere, with anything below it, nothing runs twice and nothing is left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disks import FullForRecords
from local_site import Site, until

from bbq import cron
from bbq.engine.contract import QuotaFault
from bbq.providers.local import files, units
from bbq.providers.local.process import worst
from bbq.providers.local.units import Restart, Unit, read_unit, specification, start_shim, stop_units
from bbq.providers.supervisor import proc, shim

pytestmark = pytest.mark.local
FOREVER = "import time\nwhile True: time.sleep(1)"


def waits_for(file: Path, then: str) -> str:
    return f"import pathlib, sys, time\nwhile not pathlib.Path({str(file)!r}).exists(): time.sleep(0.02)\n{then}"


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`unit(code, **options)` starts a Python program under a shim and gives the unit's directory."""
    base = {"PATH": os.environ["PATH"], "BBQ_DEPLOYMENT_ID": tmp_path.name + str(os.getpid()), "BBQ_NODE": "n", "BBQ_UNIT": "u"}
    path = tmp_path / "unit"

    def make(code: str, *, start: bool = True, **options: object) -> Path:
        path.mkdir(exist_ok=True)
        spec = specification(Unit([sys.executable, "-u", "-c", code], **options), base, tmp_path)
        files.write_private(path / "spec.json", json.dumps(spec))
        if start:
            start_shim(path, base)
        return path

    yield make
    stop_units([path])
    assert proc.end(proc.tagged({"BBQ_DEPLOYMENT_ID": base["BBQ_DEPLOYMENT_ID"]}), 0.0) == []


def test_one_shim_at_most(unit: Callable[..., Path]) -> None:
    path = unit(FOREVER)
    before = read_unit(path)
    done = subprocess.run([sys.executable, "-I", "-S", shim.__file__, str(path)], check=False)
    assert done.returncode == os.EX_TEMPFAIL
    assert read_unit(path) == before


def test_it_is_small(unit: Callable[..., Path]) -> None:
    path = unit(FOREVER)
    status = Path(f"/proc/{read_unit(path).shim}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    assert resident < 15_000, f"{resident} kB"


def test_how_it_ended(unit: Callable[..., Path]) -> None:
    path = unit("import sys; print('bye'); sys.exit(7)")
    state = until(lambda: (now := read_unit(path)).phase == "exited" and now, "its end")
    assert (state.code, state.signal, state.how, state.supervised) == (7, None, "exited with code 7", False)
    assert (path / "log").read_text() == "bye\n"


def test_ended_by_a_signal(unit: Callable[..., Path]) -> None:
    path = unit(FOREVER)
    os.kill(read_unit(path).pid, signal.SIGKILL)
    state = until(lambda: (now := read_unit(path)).phase == "exited" and now, "its end")
    assert (state.code, state.signal, state.how) == (None, signal.SIGKILL, "was ended by SIGKILL")


def test_restarts_back_off_and_are_counted(unit: Callable[..., Path]) -> None:
    path = unit("import sys; sys.exit(1)", restart=Restart("on-failure", limit=3, backoff=0.05))
    state = until(lambda: (now := read_unit(path)).phase == "exited" and now, "giving up")
    assert (state.restarts, state.failures, state.runs) == (3, 4, 4)


def test_on_failure_is_content_with_success(unit: Callable[..., Path]) -> None:
    path = unit("pass", restart=Restart("on-failure"))
    assert until(lambda: (now := read_unit(path)).phase == "exited" and now, "its end").runs == 1


def test_a_good_run_makes_good_for_failures_before(unit: Callable[..., Path]) -> None:
    path = unit("import time, sys; time.sleep(0.1); sys.exit(1)", restart=Restart("always", backoff=0.02, reset_after=0.05))
    until(lambda: read_unit(path).restarts >= 4, "restarts")
    assert read_unit(path).failures <= 1


def test_grace_then_kill(unit: Callable[..., Path]) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf')\n{FOREVER}"
    path = unit(code, grace=0.2)
    until(lambda: (path / "log").read_text(), "its start")
    pid = read_unit(path).pid
    stop_units([path])
    assert proc.process(pid) is None
    assert read_unit(path).phase == "stopped"


def test_stop_signal(unit: Callable[..., Path]) -> None:
    code = f"import signal, sys; signal.signal(signal.SIGINT, lambda *_: (print('fast'), sys.exit(0))); print('up')\n{FOREVER}"
    path = unit(code, stop_signal=signal.SIGINT)
    until(lambda: (path / "log").read_text(), "its start")
    stop_units([path])
    assert (path / "log").read_text() == "up\nfast\n"


def test_killed_shim_takes_its_child_along(unit: Callable[..., Path]) -> None:
    path = unit(FOREVER)
    state = read_unit(path)
    os.kill(state.shim, signal.SIGKILL)
    until(lambda: proc.process(state.pid) is None, "the child's end")
    assert read_unit(path).phase == "lost"


def test_new_shim_ends_what_the_killed_one_left(unit: Callable[..., Path], tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    code = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        f"pathlib.Path({str(pidfile)!r}).write_text(str(child.pid)); time.sleep(600)"
    )
    path = unit(code)
    grandchild = int(until(lambda: pidfile.exists() and pidfile.read_text(), "the grandchild"))
    os.kill(read_unit(path).shim, signal.SIGKILL)
    until(lambda: read_unit(path).phase == "lost", "the shim's end")
    assert proc.process(grandchild)
    unit(FOREVER)
    assert proc.process(grandchild) is None
    assert read_unit(path).phase == "running"


def test_a_start_that_another_shim_ended_is_tried_again(
    unit: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clients start a unit at once, the one that died and the one that carries on: the winner's shim ends whatever else
    carries the unit's tag, the other client's start included."""
    path = unit("pass", start=False)
    ended = tmp_path / "ended.py"
    ended.write_text("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n")
    monkeypatch.setattr(units, "_SHIM", ended)
    assert start_shim(path, {}) is False


def test_recorded_pid_that_is_another_process_now(unit: Callable[..., Path]) -> None:
    """Neither believed to be ours, nor signalled."""
    path = unit(FOREVER)
    stop_units([path])
    with subprocess.Popen(["sleep", "60"]) as stranger:
        mine = proc.process(stranger.pid)
        assert mine
        for start_time, boot in ((mine.start_time - 1, proc.boot_id()), (mine.start_time, "another boot")):
            text = {"pid": stranger.pid, "start_time": start_time, "boot_id": boot}
            (path / "lock").write_text(json.dumps(text))
            assert not read_unit(path).supervised
            stop_units([path])
        assert not proc.send(mine._replace(start_time=mine.start_time - 1), signal.SIGKILL)
        assert stranger.poll() is None
        stranger.kill()


def test_rotation(unit: Callable[..., Path]) -> None:
    code = "for n in range(1000): print('line', n)"
    path = unit(code, log_size=1000, log_count=3)
    until(lambda: read_unit(path).phase == "exited", "its end")
    logs = {file.name: file.read_text() for file in path.glob("log*")}
    assert set(logs) == {"log", "log.1", "log.2"}
    lines = "".join(logs[name] for name in ("log.2", "log.1", "log")).splitlines()
    assert lines[-1] == "line 999"
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == list(range(numbers[0], 1000)), "whole lines, in order, none lost in between"


def test_output_of_many_megabytes_does_not_stop_it(unit: Callable[..., Path]) -> None:
    path = unit(
        "import sys\nfor _ in range(300): sys.stdout.write('x' * 9999 + '\\n')\nsys.stdout.write('no end of line')",
        log_size=10**7,
    )
    until(lambda: read_unit(path).phase == "exited", "its end")
    text = (path / "log").read_text()
    assert text.count("\n") == 300 and text.endswith("no end of line")


def test_program_that_cannot_start(unit: Callable[..., Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o700)
    path = unit("pass", start=False)
    spec = json.loads((path / "spec.json").read_text())
    files.write_private(path / "spec.json", json.dumps({**spec, "argv": [str(broken)]}))
    start_shim(path, {})
    until(lambda: read_unit(path).phase == "exited", "its end")
    assert "cannot start: No such file or directory" in (path / "log").read_text()


def test_directory_removed_under_it(unit: Callable[..., Path]) -> None:
    """The component whose files are gone could never be found again by them: it ends when it next has something to say."""
    import shutil

    path = unit("import time; time.sleep(0.5)", restart=Restart("always", backoff=0.05))
    shim_pid = read_unit(path).shim
    # again, where it has just put something into it
    until(lambda: shutil.rmtree(path, ignore_errors=True) or not path.exists(), "the directory's end")
    until(lambda: proc.process(shim_pid) is None, "the shim's end")


def test_a_supervisor_that_leaves_while_somebody_looks(
    unit: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before it told its last word is not held against it."""
    path = unit(waits_for(tmp_path / "go", "sys.exit(7)"))
    shim_pid, same = read_unit(path).shim, proc.same

    def leaves(*identity: object) -> proc.Process | None:
        (tmp_path / "go").touch()
        until(lambda: proc.process(shim_pid) is None, "the shim's end")
        return same(*identity)

    monkeypatch.setattr(proc, "same", leaves)
    state = read_unit(path)
    assert (state.phase, state.code) == ("exited", 7)


# -- a full disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("then", "code"), [("sys.exit(7)", 7), ("", 0)])
def test_an_end_that_a_full_disk_has_no_room_for(unit: Callable[..., Path], tmp_path: Path, then: str, code: int) -> None:
    """It is not said to run, nor to have failed, and how it ended is known as soon as there is room."""
    path = unit(waits_for(tmp_path / "go", then))
    disk, before = FullForRecords(path), read_unit(path)
    disk.fill()
    (tmp_path / "go").touch()
    until(lambda: proc.process(before.pid) is None, "its end")
    state = read_unit(path)
    assert (state.phase, state.supervised) == ("ending", True)
    told = worst([state], ended_well=True)
    assert (told.ready, told.failed) == (False, False) and "disk" in told.detail
    disk.make_room()
    state = until(lambda: (now := read_unit(path)).phase == "exited" and now, "the truth")
    assert (state.code, state.runs, state.supervised) == (code, 1, False)


def test_restarts_that_a_full_disk_has_no_room_for(unit: Callable[..., Path], tmp_path: Path) -> None:
    go, runs = tmp_path / "go", tmp_path / "runs"
    code = f"print(file=open({str(runs)!r}, 'a'))\n" + waits_for(go, "sys.exit(1)")
    path = unit(code, restart=Restart("always", backoff=0.02, cap=0.02))
    disk = FullForRecords(path)
    disk.fill()
    go.touch()
    until(lambda: runs.exists() and len(runs.read_text()) > 4, "restarts: the component goes on")
    go.unlink()
    disk.make_room()
    state = until(lambda: (now := read_unit(path)).restarts > 3 and now.phase == "running" and now, "the truth")
    assert (state.ended, state.code, state.failures) == (True, 1, state.restarts)


def test_a_component_is_ended_though_a_full_disk_has_no_room_for_it(unit: Callable[..., Path], tmp_path: Path) -> None:
    path = unit(waits_for(tmp_path / "go", ""))
    FullForRecords(path).fill()
    before = read_unit(path)
    stop_units([path])
    assert proc.process(before.pid) is None and proc.process(before.shim) is None
    assert not read_unit(path).supervised


def test_an_end_nobody_has_room_for_does_not_hold_up_the_destroy(unit: Callable[..., Path], tmp_path: Path) -> None:
    path = unit(waits_for(tmp_path / "go", ""))
    FullForRecords(path).fill()
    (tmp_path / "go").touch()
    until(lambda: read_unit(path).phase == "ending", "its end")
    stop_units([path])
    assert not read_unit(path).supervised


def test_a_start_on_a_full_disk_is_refused(unit: Callable[..., Path]) -> None:
    path = unit(FOREVER, start=False)
    disk = FullForRecords(path)
    disk.fill()
    with pytest.raises(OSError, match="No space left"):
        unit(f"print('started')\n{FOREVER}")
    spec = json.loads((path / "spec.json").read_text())
    until(lambda: not proc.tagged({"BBQ_DEPLOYMENT_ID": spec["env"]["BBQ_DEPLOYMENT_ID"]}), "the end of what was refused")
    assert not (path / "log").read_text(), "nothing was started"
    disk.make_room()
    unit(FOREVER)
    assert read_unit(path).phase == "running"


# -- the clock ----------------------------------------------------------------------------------------------------------

CLOCK = """
import sys; sys.path[:0] = [sys.argv[2], sys.argv[4]]
import cron, shim
cron.Schedule.next = lambda self, after: after + float(sys.argv[3])
sys.exit(shim.main(sys.argv[1]))
"""


def _by_the_clock(path: Path, every: float = 0.4) -> None:
    """A shim for which all schedules mean every so many seconds."""
    spec = json.loads((path / "spec.json").read_text())
    env = {key: value for key, value in spec["env"].items() if key.startswith("BBQ")}
    argv = [
        sys.executable,
        "-c",
        CLOCK,
        str(path),
        str(Path(shim.__file__).parent),
        str(every),
        str(Path(cron.__file__).parent),
    ]
    subprocess.run(argv, env=env, check=True)


def test_not_before_its_time(unit: Callable[..., Path]) -> None:
    path = unit("print('run')", start=False, schedule="* * * * *")
    began = time.time()
    _by_the_clock(path, every=3600.0)
    state = read_unit(path)
    assert (state.phase, state.runs, state.supervised) == ("scheduled", 0, True)
    assert (state.next_at or 0.0) >= began + 3600.0
    assert (path / "log").read_text() == ""


def test_runs_again_and_again(unit: Callable[..., Path]) -> None:
    path = unit("import os; print('run', os.environ['BBQ_RUN'])", start=False, schedule="* * * * *")
    _by_the_clock(path)
    until(lambda: "run 3\n" in (path / "log").read_text(), "three runs")
    assert (path / "log").read_text().startswith("run 1\nrun 2\nrun 3\n")
    state = read_unit(path)
    assert state.next_at and state.supervised


@pytest.fixture
def concurrent(unit: Callable[..., Path], tmp_path: Path) -> Callable[[str], tuple[Path, Callable[[], str]]]:
    """`concurrent(how)` starts what runs until there is a file `go`; its directory, and what reads its log."""

    def make(how: str) -> tuple[Path, Callable[[], str]]:
        path = unit("", start=False, schedule="* * * * *", concurrency=how, grace=0.1)
        spec = json.loads((path / "spec.json").read_text())
        # a shell is up before its next time has come, on a busy machine, too
        code = f"echo begin $BBQ_RUN; while ! test -e '{tmp_path}/go'; do sleep 0.05; done; echo end $BBQ_RUN"
        files.write_private(path / "spec.json", json.dumps({**spec, "argv": ["/bin/sh", "-c", code]}))
        _by_the_clock(path)
        return path, (path / "log").read_text

    return make


def _running(path: Path) -> int:
    shim_pid = read_unit(path).shim
    return len([one for one in proc.descendants(shim_pid) if one.parent == shim_pid])


def test_concurrency_forbid(concurrent: Callable[[str], tuple[Path, Callable[[], str]]], tmp_path: Path) -> None:
    path, log = concurrent("forbid")
    until(lambda: log().count("left out") > 1, "runs that are left out")
    assert _running(path) == 1 and log().count("begin") == 1
    (tmp_path / "go").touch()
    until(lambda: "begin 2\n" in log(), "the next run")
    assert log().index("end 1") < log().index("begin 2")


def test_concurrency_allow(concurrent: Callable[[str], tuple[Path, Callable[[], str]]]) -> None:
    path, log = concurrent("allow")
    until(lambda: "begin 2\n" in log(), "a run beside the first")
    assert _running(path) > 1 and "end" not in log()


def test_concurrency_replace(concurrent: Callable[[str], tuple[Path, Callable[[], str]]]) -> None:
    path, log = concurrent("replace")
    until(lambda: log().count("begin") > 3, "runs that take each other's place")
    assert _running(path) <= 1 and "end" not in log()


# -- the client dies ----------------------------------------------------------------------------------------------------

CLIENT = """
import json, sys
sys.path.insert(0, {here!r})
from pathlib import Path
from local_site import Site
site = Site(Path(sys.argv[1]))
site.id = sys.argv[2]
from dataclasses import replace
site.context = replace(site.context, id=site.id)
from bbq.providers.local.provider import LocalProvider
site.provider = LocalProvider(site.context)
wanted = site.wanted("bbq.nodes.Service", "web", {{"command": ["python", "-c", {code!r}], "port": 0}})
print("go", flush=True)
if sys.argv[3] == "delete":
    site.resource(wanted).delete(site.resource(wanted).find(wanted.tag), wanted.tag)
else:
    site.create(wanted)
"""
SERVER = """
import http.server, os
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), http.server.BaseHTTPRequestHandler).serve_forever()
"""


@pytest.mark.parametrize("verb", ["create", "delete"])
def test_client_killed_at_random_moments(site: Site, verb: str) -> None:
    """One process at most, whatever the moment; the same call again ends where an undisturbed one does."""
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    script = CLIENT.format(here=str(Path(__file__).parent), code=SERVER)
    wanted = site.wanted("bbq.nodes.Service", "web", {"command": ["python", "-c", SERVER], "port": 0})
    for _ in range(8):
        if verb == "delete":
            site.up(wanted)
        client = subprocess.Popen(
            [sys.executable, "-c", script, site.context.state_dir, site.id, verb],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert client.stdout and client.stdout.readline() == b"go\n"
        time.sleep(rng.uniform(0, 0.12))
        client.kill()
        client.wait()
        client.stdout.close()
        assert len(_components(site)) <= 1
        if verb == "create":
            handle = site.up(wanted)
            assert len(_components(site)) == 1
            assert site.resource(wanted).find(wanted.tag) == handle
        handle = site.resource(wanted).find(wanted.tag)
        if handle:
            site.delete(wanted, handle)
        assert list(site.provider.list_tagged(site.id)) == []
        assert site.processes() == []


def _components(site: Site) -> list[proc.Process]:
    """The processes of the site that are not shims; within exec a process has no command line yet, and may be either."""
    found = []
    for one in site.processes():
        try:
            command = Path(f"/proc/{one.pid}/cmdline").read_bytes()
            if command and b"shim.py" not in command:
                found.append(one)
        except OSError:
            continue
    return found


def test_node_without_its_shim_is_failed_and_made_anew(site: Site) -> None:
    wanted = site.wanted("bbq.nodes.Service", "web", {"command": ["python", "-c", SERVER], "port": 0})
    handle = site.up(wanted)
    os.kill(site.node("web").units()[0].shim, signal.SIGKILL)
    state = until(lambda: (now := site.state(handle)) and now.failed and now, "the failure")
    assert state.name == "lost"
    assert site.up(wanted).attributes == handle.attributes, "on the same port"


def test_interrupted_creates(site: Site) -> None:
    """The directory alone, or without its process, is found, told to be incomplete, and can be completed or deleted."""
    wanted = site.wanted("bbq.nodes.Service", "web", {"command": ["python", "-c", SERVER], "port": 0})
    node = site.node("web")
    node.claim(wanted.tag, "bbq.nodes.Service")
    handle = site.resource(wanted).find(wanted.tag)
    assert handle and site.state(handle).name == "incomplete"
    node.want(["main"])
    node.unit_path("main").mkdir(parents=True)
    assert site.state(handle).name == "incomplete"
    assert site.up(wanted)
    (node.path / "deleting").touch()
    assert site.state(handle).name == "deleting"
    assert site.up(wanted), "the delete is completed, the node made anew"


def test_disk_that_is_full(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    wanted = site.wanted("bbq.nodes.Service", "web", {"command": ["python", "-c", SERVER], "port": 0})
    with monkeypatch.context() as patch, pytest.raises(QuotaFault, match="No space left") as caught:
        patch.setattr("bbq.providers.local.supervise.write_private", full)
        site.create(wanted)
    assert caught.value.hint
    site.up(wanted)
