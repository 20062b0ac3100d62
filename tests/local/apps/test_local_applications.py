"""Services, workers, jobs and scheduled jobs as real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from local_site import PATIENCE, Site, until

from bbq.engine.contract import ConfigurationFault, PermanentFault, Target
from bbq.providers.local import files, worker
from bbq.providers.local.process import http_check
from bbq.providers.local.units import UnitState, read_unit
from bbq.providers.supervisor import proc
from bbq.topology.model import Node
from bbq.topology.values import Secret

pytestmark = pytest.mark.local

SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(os.environ.get("SAYS", "").encode())
print("serving", os.environ["DB_PASSWORD"] if "DB_PASSWORD" in os.environ else "", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
FOREVER = "import time\nwhile True: time.sleep(1)"


def python(code: str) -> list[str]:
    return ["python", "-c", code]


def database(**attributes: object) -> Target:
    return Target("connection", "db", "bbq.nodes.Database", (), None, {}, {"host": "127.0.0.1", **attributes})


# -- services -----------------------------------------------------------------------------------------------------------


def test_service(site: Site) -> None:
    wanted = site.wanted("bbq.nodes.Service", "web", {"command": python(SERVER), "health_path": "/health", "port": 0})
    handle = site.up(wanted)
    assert http_check(handle.attributes["url"] + "/health").ok
    assert handle.attributes["host"] == "127.0.0.1"
    assert site.resource(wanted).find(wanted.tag) == handle
    [(tag, found, type_name)] = site.provider.list_tagged(site.id)
    assert (tag.node, tag.attempt, found, type_name) == ("web", wanted.tag.attempt, handle, "bbq.nodes.Service")
    site.delete(wanted, handle)
    site.delete(wanted, handle)
    assert site.resource(wanted).find(wanted.tag) is None


def test_service_is_restarted_and_keeps_its_port(site: Site) -> None:
    wanted = site.wanted("bbq.nodes.Service", "web", {"command": python(SERVER), "health_path": "/health", "port": 0})
    handle = site.up(wanted)
    [before] = site.node("web").units()
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: site.node("web").units()[0].pid not in (0, before.pid), "a new process")
    assert site.settled(wanted, handle).ready
    assert http_check(handle.attributes["url"] + "/health").ok


def test_update_in_place(site: Site) -> None:
    properties = {"command": python(SERVER), "health_path": "/health", "port": 0, "environment": {"SAYS": "one"}}
    handle = site.up(site.wanted("bbq.nodes.Service", "web", properties))
    [before] = site.node("web").units()
    changed = site.wanted("bbq.nodes.Service", "web", {**properties, "environment": {"SAYS": "two"}})
    resource = site.resource(changed)
    assert "environment" in resource.updatable and "port" not in resource.updatable
    again = resource.update(handle, changed, frozenset({"environment"}))
    assert again == handle
    assert site.settled(changed, again).ready
    import urllib.request

    with urllib.request.urlopen(handle.attributes["url"] + "/health") as answer:
        assert answer.read() == b"two"
    assert site.node("web").units()[0].pid != before.pid


def test_service_that_dies_at_once(site: Site) -> None:
    code = "import sys; print('cannot open the database'); sys.exit(3)"
    wanted = site.wanted("bbq.nodes.Service", "web", {"command": python(code), "port": 0})
    handle = site.create(wanted)
    state = site.settled(wanted, handle)
    assert state.failed
    cause = site.resource(wanted).explain(handle, state)
    assert "exited with code 3" in cause and cause.endswith("cannot open the database")


def test_service_that_never_gets_ready(site: Site) -> None:
    wanted = site.wanted("bbq.nodes.Service", "web", {"command": python(FOREVER), "port": 0})
    handle = site.create(wanted)
    assert site.state(handle).ready
    check = site.resource(wanted).probe(handle, wanted)
    assert not check.ok and str(handle.attributes["port"]) in check.detail


def test_port_that_is_taken(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        properties = {"command": python(SERVER), "port": port}
        with pytest.raises(PermanentFault, match=f"port {port} is taken by pid {os.getpid()} ") as caught:
            site.create(site.wanted("bbq.nodes.Service", "web", properties))
        assert caught.value.hint
        nodes = [Node(name, "bbq.nodes.Service", ("bbq.nodes.Service",), properties) for name in ("web", "page")]
        problems = site.provider.preflight(nodes)
    assert len(problems) == 2
    assert "both want" in problems[0] and f"pid {os.getpid()}" in problems[1]
    site.up(site.wanted("bbq.nodes.Service", "web", properties))
    assert site.provider.preflight(nodes[:1]) == [], "the node's own port is not taken"


def test_program_and_directory_that_are_missing(site: Site, tmp_path: Path) -> None:
    node = Node("web", "bbq.nodes.Worker", ("bbq.nodes.local.WorkerInstance",), {"command": ["no-such-program"]})
    assert "no-such-program" in site.provider.preflight([node])[0]
    with pytest.raises(ConfigurationFault, match="no-such-program"):
        site.create(site.wanted("bbq.nodes.local.WorkerInstance", "a", {"command": ["no-such-program"]}))
    with pytest.raises(PermanentFault, match="/nowhere"):
        site.create(site.wanted("bbq.nodes.local.WorkerInstance", "b", {"command": ["sh"], "directory": "/nowhere"}))
    script = tmp_path / "run.sh"
    script.write_text("exit 0")
    with pytest.raises(ConfigurationFault, match=r"run\.sh is not executable"):
        site.create(site.wanted("bbq.nodes.local.WorkerInstance", "c", {"command": [str(script)]}))


# -- what an application is told -----------------------------------------------------------------------------------------


def test_connections(site: Site, tmp_path: Path) -> None:
    code = "import json, os; print(json.dumps({k: v for k, v in os.environ.items()}))"
    code += "\nprint(open(os.environ['BBQ_CONNECTIONS_FILE']).read().replace('\\n', ''))"
    url = Secret("postgresql://app:sesame@127.0.0.1/app")
    attributes = {
        "url": url,
        "password": Secret("sesame"),
        "port": 5432,
        "queues": ["a", "b"],
        "none": None,
        "state": "initial",
    }
    plain = database(**attributes)
    named = Target("connection", "other", "T", (), None, {}, {"port": 1}, {"alias": "my-store"})
    silent = Target("dependency", "else", "T", (), None, {}, {"port": 2})
    properties = {"command": python(code), "environment": {"DB_HOST": "elsewhere", "TOKEN": Secret("hush-hush"), "FLAG": True}}
    wanted = site.wanted("bbq.nodes.Job", "job", properties, [plain, named, silent], tmp_path)
    handle = site.up(wanted)
    # What the log shows is masked; the job itself saw the truth, as its own file says.
    log = site.log(handle)
    assert "sesame" not in log and "hush-hush" not in log
    env = json.loads(log.splitlines()[0])
    assert env["DB_PASSWORD"] == env["DB_URL"] == env["TOKEN"] == "********"
    assert (env["DB_PORT"], env["DB_QUEUES"], env["DB_HOST"]) == ("5432", '["a", "b"]', "elsewhere")
    assert (env["MY_STORE_PORT"], env["FLAG"], env["BBQ_NODE"], env["BBQ_DEPLOYMENT"]) == ("1", "true", "job", "test")
    assert (env["BBQ_INSTANCE"], env["BBQ_DEPLOYMENT_ID"]) == ("0", site.id)
    assert not {"DB_NONE", "DB_STATE", "ELSE_PORT"} & env.keys()
    assert Path(env["BBQ_STATE_DIR"]).is_dir()
    file = Path(env["BBQ_CONNECTIONS_FILE"])
    assert file.stat().st_mode & 0o777 == 0o600
    told = json.loads(file.read_text())
    assert told["db"]["url"] == url.reveal() and told["my-store"]["port"] == 1 and "else" not in told
    assert "sesame" not in repr(site.provider.list_tagged(site.id))
    assert "sesame" not in " ".join(site.node("job").spec("main")["argv"])


def test_clients_own_environment_stays_with_the_client(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "cloud")
    handle = site.up(site.wanted("bbq.nodes.Job", "job", {"command": python("import os; print('OS_PASSWORD' in os.environ)")}))
    assert site.log(handle) == "False\n"


# -- workers ------------------------------------------------------------------------------------------------------------


def test_worker_stops_gracefully(site: Site, tmp_path: Path) -> None:
    done = tmp_path / "done"
    code = (
        "import signal, sys, time, pathlib, os\n"
        f"def stop(*_): time.sleep(0.3); pathlib.Path({str(done)!r}).write_text(os.environ['BBQ_INSTANCE']); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('at work', flush=True)\nwhile True: time.sleep(1)"
    )
    wanted = site.wanted("bbq.nodes.local.WorkerInstance", "crew.instance[3]", {"command": python(code)}, index=3)
    handle = site.up(wanted)
    until(lambda: "at work" in site.log(handle), "the worker to begin")
    site.delete(wanted, handle)
    assert done.read_text() == "3"


def test_everything_that_came_of_a_worker_ends(site: Site, tmp_path: Path) -> None:
    """Children that left the process group and the session, that ignore SIGTERM, or whose parent is gone."""
    pids = tmp_path / "pids"
    code = f"""
import os, signal, subprocess, sys, time
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
children = [subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=new) for new in (False, True)]
orphan = subprocess.run(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!"], capture_output=True, text=True).stdout
clean = subprocess.Popen(["sleep", "600"], env={{}}, start_new_session=True)
with open({str(pids)!r} + ".new", "w") as file:
    print(*[child.pid for child in children], orphan.strip(), clean.pid, file=file)
os.rename({str(pids)!r} + ".new", {str(pids)!r})
time.sleep(600)
"""
    wanted = site.wanted("bbq.nodes.local.WorkerInstance", "crew", {"command": python(code)})
    handle = site.up(wanted)
    until(pids.exists, "its children")
    children = [int(text) for text in pids.read_text().split()]
    assert all(proc.process(pid) for pid in children)
    site.delete(wanted, handle)
    assert [pid for pid in children if proc.process(pid)] == []


@pytest.mark.parametrize("code", [0, 1])
def test_worker_whose_program_ends_is_never_ready(site: Site, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its first look it runs, and between two failures it runs again: neither is readiness."""
    monkeypatch.setattr(worker, "SETTLE", PATIENCE)  # on a busy machine it lives for some seconds
    text = f"import sys, time; print('no such queue', flush=True); time.sleep(0.2); sys.exit({code})"
    wanted = site.wanted("bbq.nodes.local.WorkerInstance", "crew", {"command": python(text)})
    handle = site.create(wanted)
    assert not site.state(handle).ready
    state = site.settled(wanted, handle)
    assert state.failed
    cause = site.resource(wanted).explain(handle, state)
    assert f"exited with code {code}" in cause and cause.endswith("no such queue")


# -- jobs ---------------------------------------------------------------------------------------------------------------


def test_job(site: Site, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import sys; print('argument', sys.argv[1], sys.executable)")
    wanted = site.wanted("bbq.nodes.Job", "job", {"command": ["python", "app.py", "x"]}, template_dir=tmp_path)
    handle = site.up(wanted)
    assert site.log(handle) == f"argument x {sys.executable}\n"
    # Made again after a crash of the client: a job that ended well is not run once more.
    site.up(site.wanted("bbq.nodes.Job", "job", {"command": ["python", "app.py", "x"]}, template_dir=tmp_path))
    assert site.log(handle).count("argument") == 1


def test_job_that_fails(site: Site) -> None:
    wanted = site.wanted(
        "bbq.nodes.Job", "job", {"command": python("import sys; print('no input'); sys.exit(1)"), "retries": 1}
    )
    handle = site.create(wanted)
    state = site.settled(wanted, handle)
    assert state.failed and "exited with code 1" in state.detail
    assert site.log(handle).count("no input") == 2
    assert site.resource(wanted).explain(handle, state).endswith("no input")


def test_a_failures_cause_is_of_the_run_that_failed(site: Site, tmp_path: Path) -> None:
    """Not what the program said in the run before, nor what another program said before the update."""

    def failure(code: str) -> str:
        (tmp_path / "app.py").write_text(f"{code}\n")
        properties = {"command": ["python", "app.py"], "retries": 1, "source_digests": {"app.py": code}}
        wanted = site.wanted("bbq.nodes.Job", "job", properties, template_dir=tmp_path)
        handle = site.create(wanted)
        return site.resource(wanted).explain(handle, site.settled(wanted, handle))

    assert failure("import sys; sys.exit('no such table')").endswith("code 1\nno such table")
    assert failure("import sys; sys.exit(3)").endswith("code 3")
    first = "import os, sys; first = os.environ['BBQ_RUN'] == '1'; "
    assert failure(f"{first}sys.exit('once' if first else 4)").endswith("code 4")
    much = f"{first}print('x' * 11_000_000 if first else ''); sys.exit('once' if first else 4)"
    assert failure(much).endswith("code 4"), "the log was rotated in the run before"
    long = "import os, sys; print(('y' * 80 + chr(10)) * 140_000); sys.exit('at the end')"
    assert failure(long).endswith("at the end"), "and in this one"


def test_job_that_ends_well_at_its_second_try(site: Site) -> None:
    code = (
        "import os, pathlib, sys; mark = pathlib.Path(os.environ['BBQ_STATE_DIR'], 'mark')\n"
        "code = 0 if mark.exists() else 1; mark.touch(); sys.exit(code)"
    )
    handle = site.up(site.wanted("bbq.nodes.Job", "job", {"command": python(code), "retries": 3}))
    assert site.node("job").units()[0].restarts == 1
    assert site.state(handle).ready


def test_secrets_in_a_failures_cause_are_masked(site: Site) -> None:
    code = "import os, sys; sys.exit('refused: ' + os.environ['DB_PASSWORD'])"
    wanted = site.wanted("bbq.nodes.Job", "job", {"command": python(code)}, [database(password=Secret("sesame"))])
    handle = site.create(wanted)
    state = site.settled(wanted, handle)
    assert site.resource(wanted).explain(handle, state).endswith("refused: ********")


def test_a_secret_is_no_argument(site: Site) -> None:
    with pytest.raises(PermanentFault, match=r"job: a secret in command .* `environment`") as caught:
        site.create(site.wanted("bbq.nodes.Job", "job", {"command": ["echo", Secret("sesame")]}))
    assert "sesame" not in str(caught.value)


# -- by the clock -------------------------------------------------------------------------------------------------------


def test_scheduled_job(site: Site) -> None:
    properties = {"command": python("print('ran')"), "schedule": "0 0 1 1 *", "run_at_start": False}
    handle = site.up(site.wanted("bbq.nodes.ScheduledJob", "leader", properties))
    state = site.state(handle)
    assert state.name == "scheduled" and "-01-01 00:00 UTC" in state.detail
    assert site.log(handle) == ""


def test_scheduled_job_with_a_run_at_its_start(site: Site) -> None:
    properties = {"command": python("print('ran')"), "schedule": "0 0 1 1 *", "run_at_start": True}
    handle = site.up(site.wanted("bbq.nodes.ScheduledJob", "leader", properties))
    assert site.log(handle) == "ran\n"
    assert site.state(handle).name == "scheduled"


def test_first_run_that_fails(site: Site) -> None:
    properties = {"command": python("import sys; sys.exit('no queue')"), "schedule": "0 0 1 1 *", "run_at_start": True}
    wanted = site.wanted("bbq.nodes.ScheduledJob", "leader", properties)
    handle = site.create(wanted)
    state = site.settled(wanted, handle)
    assert state.failed and site.resource(wanted).explain(handle, state).endswith("no queue")


def test_wrong_schedule(site: Site) -> None:
    properties = {"command": python("pass"), "schedule": "61 * * * *"}
    node = Node("leader", "bbq.nodes.ScheduledJob", ("bbq.nodes.ScheduledJob",), properties)
    assert "minute" in site.provider.preflight([node])[0]
    with pytest.raises(PermanentFault, match="minute"):
        site.create(site.wanted("bbq.nodes.ScheduledJob", "leader", properties))


# -- the deployment's end -----------------------------------------------------------------------------------------------


def test_orphan_whose_directory_is_lost(site: Site) -> None:
    import shutil

    wanted = site.wanted("bbq.nodes.local.WorkerInstance", "crew[1]", {"command": python(FOREVER)})
    site.up(wanted)
    shutil.rmtree(site.node("crew[1]").path)
    [(tag, handle, type_name)] = site.provider.list_tagged(site.id)
    assert (tag.node, tag.attempt, type_name) == ("crew[1]", wanted.tag.attempt, "bbq.nodes.local.WorkerInstance")
    site.resource(wanted).delete(handle, tag)
    assert site.processes() == []


def reaper_of(site: Site) -> UnitState:
    return read_unit(Path(site.context.state_dir) / "reaper")


def test_reaper_runs_the_command_at_the_expiry(make_site: Callable[..., Site], tmp_path: Path) -> None:
    mark = tmp_path / "reaped"
    command = [sys.executable, "-c", f"import pathlib; pathlib.Path({str(mark)!r}).touch()"]
    site = make_site(options={"reap_command": command})
    site.provider.expire_at(time.time() + 0.5, move=True)
    until(mark.exists, "the reaper")
    until(lambda: not proc.tagged({"BBQ_REAPER": site.id}), "the reaper's end")
    assert not Path(site.context.state_dir).exists(), "it leaves nothing"


def test_reaper_is_given_another_time_and_ends_with_the_deployment(make_site: Callable[..., Site], tmp_path: Path) -> None:
    mark = tmp_path / "reaped"
    command = [sys.executable, "-c", f"import pathlib; pathlib.Path({str(mark)!r}).touch()"]
    site = make_site(options={"reap_command": command})
    later, latest = time.time() + 3600, time.time() + 7200
    site.provider.expire_at(later, move=True)
    before = reaper_of(site)
    for at, move, then in ((later, True, later), (latest, False, later), (latest, True, latest), (later, True, later)):
        site.provider.expire_at(at, move=move)
        now = reaper_of(site)
        assert (now.shim, now.next_at) == (before.shim, then)
    site.provider.expire_at(time.time(), move=True)
    until(mark.exists, "the reaper, called earlier")


def test_reaper_that_was_killed_is_started_again(make_site: Callable[..., Site]) -> None:
    site = make_site()
    at = time.time() + 3600
    site.provider.expire_at(at, move=True)
    first = reaper_of(site).shim
    os.kill(first, signal.SIGKILL)
    until(lambda: not reaper_of(site).supervised, "its end")
    site.provider.expire_at(at + 1, move=False)
    now = reaper_of(site)
    assert now.supervised and now.shim != first and now.next_at == at + 1


def test_reaper_that_fails_or_comes_too_early_tries_again(make_site: Callable[..., Site], tmp_path: Path) -> None:
    """It notices another time by itself, too: the client may have died before it could tell."""
    code = "import os, pathlib, sys; print('run', os.environ['BBQ_RUN'], flush=True); sys.exit(9)"
    site = make_site(options={"reap_command": [sys.executable, "-c", code]})
    site.provider.expire_at(time.time(), move=True)
    log = Path(site.context.state_dir) / "reaper" / "log"
    until(lambda: "run 2" in log.read_text(), "its second try")
    spec = json.loads((log.parent / "spec.json").read_text())
    files.write_private(log.parent / "spec.json", json.dumps({**spec, "start_at": time.time() + 3600}))

    def waits() -> bool:
        now = reaper_of(site)
        return now.phase == "scheduled" and (now.next_at or 0.0) > time.time() + 3000

    until(waits, "it to notice")
