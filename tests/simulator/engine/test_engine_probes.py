"""A template's readiness predicates, against real sockets, a real HTTP server and real commands."""

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bbq.engine.probes import attempt
from bbq.providers.simulator.provider import SimulatorProvider
from bbq.topology.model import Probe
from bbq.topology.values import Attribute, Call, Secret


@pytest.fixture
def server():
    """An HTTP server; `asked` has the paths that were asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            status = {"/ok": 200, "/moved": 302, "/gone": 410}.get(self.path, 503)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/ok")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_tcp(server):
    probe = Probe("tcp", "")
    assert attempt(probe, f"127.0.0.1:{server.server_port}").ok
    closed = attempt(probe, f"127.0.0.1:{free_port()}")
    assert not closed.ok and not closed.failed and "refused" in closed.detail


@pytest.mark.parametrize("target", ["nowhere", ":80", "host:port", "127.0.0.1"])
def test_tcp_needs_host_and_port(target):
    answer = attempt(Probe("tcp", target), target)
    assert answer.failed and "host:port" in answer.detail


def test_http(server):
    base = f"http://127.0.0.1:{server.server_port}"
    assert attempt(Probe("http", ""), f"{base}/ok").ok
    assert attempt(Probe("http", "", status=410), f"{base}/gone").ok
    busy = attempt(Probe("http", ""), f"{base}/busy")
    assert not busy.ok and not busy.failed and busy.detail == "HTTP 503, wanted 200"


def test_http_does_not_follow_redirects(server):
    url = f"http://127.0.0.1:{server.server_port}/moved"
    assert not attempt(Probe("http", ""), url).ok
    assert attempt(Probe("http", "", status=302), url).ok
    assert server.asked == ["/moved", "/moved"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "no url", "http://"])
def test_http_asks_http_servers_only(url):
    assert attempt(Probe("http", url), url).failed


def test_http_without_a_server_is_not_ready_yet():
    answer = attempt(Probe("http", ""), f"http://127.0.0.1:{free_port()}/")
    assert not answer.ok and not answer.failed


def test_no_password_of_a_url_in_the_answer():
    answer = attempt(Probe("http", ""), f"http://user:hush@127.0.0.1:{free_port()}/")
    assert "hush" not in answer.detail
    answer = attempt(Probe("http", ""), Secret(f"http://127.0.0.1:{free_port()}/hush"))
    assert "hush" not in answer.detail


def test_command():
    probe = Probe("command", "", timeout=30.0)
    assert attempt(probe, [sys.executable, "-c", "pass"]).ok
    assert attempt(probe, f"{sys.executable} -c 'raise SystemExit(0)'").ok
    failed = attempt(probe, [sys.executable, "-c", "print('not yet'); raise SystemExit(3)"])
    assert not failed.ok and "exited 3: not yet" in failed.detail
    assert attempt(probe, ["/no/such/command"]).failed
    assert attempt(probe, "").failed


def test_a_command_has_its_time():
    answer = attempt(Probe("command", "", timeout=0.2), [sys.executable, "-c", "import time; time.sleep(60)"])
    assert not answer.ok and "longer than 0.2 s" in answer.detail


def test_a_command_gets_no_secret_as_an_argument():
    answer = attempt(Probe("command", ""), ["login", Secret("hush")])
    assert answer.failed and "hush" not in answer.detail


@pytest.fixture
def asks(monkeypatch):
    """The things are simulated, what the predicates ask is real."""
    monkeypatch.setattr(SimulatorProvider, "simulated", False)


def test_a_rehearsal_asks_nothing_and_runs_nothing(world, graph, server, tmp_path):
    topology = graph({"web": [], "app": ["web"]})
    topology.nodes["web"].readiness = (
        Probe("tcp", f"127.0.0.1:{free_port()}"),
        Probe("http", f"http://127.0.0.1:{server.server_port}/busy"),
        Probe("command", ["touch", str(tmp_path / "ran")]),
    )
    assert world.apply(topology).ok
    assert not server.asked and not (tmp_path / "ran").exists()


@pytest.mark.usefixtures("asks")
def test_a_composite_waits_for_its_own_probes(world, graph, server):
    topology = graph({"pool[0]": [], "pool": ["pool[0]"], "app": ["pool"]})
    pool = topology.nodes["pool"]
    pool.composite, pool.members = True, ("pool[0]",)
    pool.timeouts = {"ready": 20.0}
    pool.readiness = (Probe("http", f"http://127.0.0.1:{server.server_port}/busy", interval=5.0),)
    result = world.apply(topology)
    assert result.exit_code == 8
    assert "HTTP 503, wanted 200" in str(result.error()) and "timeouts.ready of node pool" in str(result.error())
    assert set(world.living()) == {"pool[0]"} and world.records["pool"].status == "failed"

    pool.readiness = (Probe("command", ["/no/such/command"]),)
    assert world.apply(topology).exit_code == 7

    pool.readiness = (Probe("http", f"http://127.0.0.1:{server.server_port}/ok"),)
    assert world.apply(topology).ok
    assert world.records["pool"].status == world.records["app"].status == "ready"
    assert world.apply(topology).ok and server.asked[-1] == "/ok" and server.asked.count("/ok") == 1
    topology.nodes["pool[0]"].properties["flavor"] = 2  # replaced: what it asks for has to hold of the new member
    assert world.apply(topology).ok and server.asked.count("/ok") == 2
    assert world.destroy().ok and not world.records and not world.living()


@pytest.mark.usefixtures("asks")
def test_a_node_is_ready_when_its_probes_hold(world, graph, server):
    topology = graph({"web": [], "app": ["web"]})
    web = topology.nodes["web"]
    web.attributes["path"] = "ok"
    url = f"http://127.0.0.1:{server.server_port}/"
    web.readiness = (
        Probe("tcp", f"127.0.0.1:{server.server_port}"),
        Probe("http", Call("concat", (url, Attribute("web", ("path",))))),
    )
    assert world.apply(topology).ok
    world.check(topology.nodes)
    assert server.asked == ["/ok"]


@pytest.mark.usefixtures("asks")
def test_a_probe_that_never_holds_meets_the_deadline_of_its_node(world, graph, server):
    topology = graph({"web": [], "app": ["web"]})
    topology.nodes["web"].readiness = (Probe("http", f"http://127.0.0.1:{server.server_port}/busy", interval=10.0),)
    topology.nodes["web"].timeouts = {"ready": 60.0}
    result = world.apply(topology)
    assert result.exit_code == 8
    assert "HTTP 503, wanted 200" in str(result.error()) and "timeouts.ready of node web" in str(result.error())
    assert 3 <= len(server.asked) <= 7, "at the probe's own interval"
    assert set(world.living()) == {"web"}


@pytest.mark.usefixtures("asks")
def test_a_probe_that_cannot_hold_fails_at_once(world, graph):
    topology = graph({"web": []})
    topology.nodes["web"].readiness = (Probe("command", ["/no/such/command"]),)
    result = world.apply(topology)
    assert result.exit_code == 7 and "there is no command '/no/such/command'" in str(result.error())


@pytest.mark.parametrize("kind", ["tcp", "http"])
@pytest.mark.parametrize(
    "target", ["postgresql://u:hunter2@127.0.0.1/db", "http://127.0.0.1:hunter2/x", "hunter2", "http://[hunter2/"]
)
def test_a_secret_target_that_misfits_is_not_quoted(kind, target):
    answer = attempt(Probe(kind, target), Secret(target))
    assert not answer.ok and "hunter2" not in answer.detail
