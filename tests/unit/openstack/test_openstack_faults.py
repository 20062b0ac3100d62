"""Every answer of a cloud becomes the fault that the engine knows how to treat, and no secret is in its text."""

from __future__ import annotations

import gc
import json
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock as rm

from bbq.conf import load
from bbq.engine.contract import (
    AmbiguousFault,
    ConfigurationFault,
    DeploymentContext,
    PermanentFault,
    ProviderFault,
    QuotaFault,
    TransientFault,
    UnreachableFault,
)
from bbq.engine.retry import error_of
from bbq.errors import ConfigurationError
from bbq.providers import open_provider
from bbq.providers.openstack.faults import Conflict, NoService, NotFound
from bbq.providers.openstack.session import Budget, Cloud, shared

KEYSTONE, HEAT, NOVA = "https://cloud.test:5000/v3", "https://cloud.test:8004/v1/p1", "https://cloud.test:8774/v2.1"
PASSWORD = "hunter2-of-the-cloud"


def token(*, services: dict[str, str] | None = None, region: str = "R1") -> dict[str, Any]:
    services = {"orchestration": HEAT, "compute": NOVA} if services is None else services
    return {
        "token": {
            "methods": ["password"],
            "expires_at": "2999-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "user": {"id": "u1", "name": "ann", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p1", "name": "lab", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r1", "name": "member"}],
            "catalog": [
                {
                    "type": kind,
                    "name": kind,
                    "id": kind,
                    "endpoints": [{"id": kind, "interface": "public", "region": region, "region_id": region, "url": url}],
                }
                for kind, url in services.items()
            ],
        }
    }


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "OS_AUTH_URL": KEYSTONE,
        "OS_USERNAME": "ann",
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "lab",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "R1",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def net() -> Iterator[rm.Mocker]:
    with rm.Mocker() as mocker:
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": KEYSTONE}]}
        mocker.get(KEYSTONE, json={"version": version})
        mocker.post(f"{KEYSTONE}/auth/tokens", json=token(), headers={"X-Subject-Token": "gAAAA-secret-token"}, status_code=201)
        mocker.get(HEAT, status_code=300, json={})
        mocker.get("https://cloud.test:8004/", status_code=300, json={})
        yield mocker


def fault(net: rm.Mocker, *, creates: bool, **answer: Any) -> ProviderFault:
    net.register_uri(rm.ANY, f"{HEAT}/stacks", **answer)
    cloud = Cloud(load())
    with pytest.raises(ProviderFault) as caught:
        if creates:
            cloud.post("orchestration", "/stacks", "create the stack x", {})
        else:
            cloud.get("orchestration", "/stacks", "list the stacks")
    shown = f"{caught.value} {getattr(caught.value, 'hint', '')}"
    assert PASSWORD not in shown and "gAAAA" not in shown
    return caught.value


HEAT_BODY = {"code": 400, "title": "Bad Request", "explanation": "...", "error": {"message": "no such flavor", "type": "X"}}


@pytest.mark.parametrize(
    ("status", "body", "creates", "kind", "text"),
    [
        (400, HEAT_BODY, True, PermanentFault, "create the stack x: no such flavor (400)"),
        (401, {"error": {"code": 401, "message": "no"}}, False, ConfigurationFault, "(401)"),
        (403, {"forbidden": {"message": "Quota exceeded for cores: Requested 9"}}, True, QuotaFault, "Requested 9"),
        (403, {"forbidden": {"message": "Policy doesn't allow it"}}, True, ConfigurationFault, "Policy"),
        (
            409,
            {"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources: ['port']"}},
            True,
            QuotaFault,
            "port",
        ),
        (413, {"overLimit": {"message": "VolumeLimitExceeded: quota of 10"}}, True, QuotaFault, "quota of 10"),
        (413, {"message": "The image is larger than 1 GiB.", "title": "Too Large"}, False, QuotaFault, "larger than"),
        (400, {"error": {"type": "RequestLimitExceeded", "message": "Maximum stacks"}}, True, QuotaFault, "Maximum"),
        (404, {"error": {"message": "The Stack (x) could not be found."}}, False, NotFound, "could not be found"),
        (409, {"error": {"message": "The Stack (x) already exists."}}, True, Conflict, "already exists"),
        (400, {"error_code": 400, "error_name": "NAME_ALREADY_EXISTS", "error_message": "it exists"}, True, Conflict, "exists"),
        (400, {"error_code": 400, "error_name": "QUOTA_ERROR", "error_message": "RAM"}, True, QuotaFault, "RAM"),
        (400, {"error_code": 400, "error_name": "INVALID_REFERENCE", "error_message": "no"}, True, PermanentFault, "no"),
        (429, {}, True, TransientFault, "(429)"),
        (503, {}, True, TransientFault, "(503)"),
        (500, {"error": {"message": "oops"}}, True, AmbiguousFault, "oops"),
        (500, {"error": {"message": "oops"}}, False, TransientFault, "oops"),
        (502, {}, True, AmbiguousFault, "(502)"),
        (504, {}, False, TransientFault, "(504)"),
        (408, {}, True, AmbiguousFault, "(408)"),
    ],
)
def test_a_status_and_its_body(
    net: rm.Mocker, status: int, body: dict[str, Any], creates: bool, kind: type[ProviderFault], text: str
) -> None:
    found = fault(net, creates=creates, status_code=status, json=body)
    assert type(found) is kind
    assert text in str(found)


def test_a_body_that_is_no_json(net: rm.Mocker) -> None:
    found = fault(net, creates=False, status_code=502, text="<html>Bad Gateway</html>", reason="Bad Gateway")
    assert str(found) == "list the stacks: Bad Gateway (502)"


def test_retry_after_is_a_floor(net: rm.Mocker) -> None:
    found = fault(net, creates=True, status_code=429, json={}, headers={"Retry-After": "17"})
    assert isinstance(found, TransientFault)
    assert found.retry_after == 17.0
    found = fault(net, creates=True, status_code=503, json={}, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    assert isinstance(found, TransientFault)
    assert found.retry_after is None


def test_an_answer_that_is_lost_after_a_create_is_ambiguous(net: rm.Mocker) -> None:
    assert type(fault(net, creates=True, exc=requests.ReadTimeout())) is AmbiguousFault
    assert type(fault(net, creates=False, exc=requests.ReadTimeout())) is UnreachableFault
    assert type(fault(net, creates=True, exc=requests.ConnectTimeout())) is UnreachableFault


def test_a_connection_that_is_cut_or_refused() -> None:
    """With a real socket: what requests and urllib3 make of it is what is told apart."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def cut() -> None:
        for _ in range(2):
            peer, _ = listener.accept()
            peer.recv(65536)
            peer.close()

    thread = threading.Thread(target=cut)
    thread.start()
    with rm.Mocker(real_http=True) as net:
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": KEYSTONE}]}
        net.get(KEYSTONE, json={"version": version})
        url = f"http://127.0.0.1:{port}/v1/p1"
        where = token(services={"orchestration": url})
        net.post(f"{KEYSTONE}/auth/tokens", json=where, headers={"X-Subject-Token": "t"}, status_code=201)
        net.get(url, status_code=300, json={})
        net.get(f"http://127.0.0.1:{port}/", status_code=300, json={})
        cloud = Cloud(load())
        with pytest.raises(AmbiguousFault, match="no answer"):
            cloud.post("orchestration", "/stacks", "create the stack x", {})
        with pytest.raises(UnreachableFault, match="no answer"):
            cloud.get("orchestration", "/stacks", "list the stacks")
        thread.join()
        listener.close()
        with pytest.raises(UnreachableFault, match="Connection refused"):
            cloud.post("orchestration", "/stacks", "create the stack x", {})


def test_a_service_that_the_cloud_lacks(net: rm.Mocker) -> None:
    cloud = Cloud(load())
    assert not cloud.has("data-processing")
    with pytest.raises(NoService, match=r"this cloud has no data processing \(Sahara\) service in region R1"):
        cloud.get("data-processing", "/clusters", "list the clusters")


def test_an_unknown_region_names_those_there_are(net: rm.Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_REGION_NAME", "Mars")
    with pytest.raises(ConfigurationFault, match="this cloud has no region Mars; it has R1"):
        Cloud(load()).get("orchestration", "/stacks", "list the stacks")


def test_a_wrong_password_is_a_matter_of_configuration(net: rm.Mocker) -> None:
    net.post(f"{KEYSTONE}/auth/tokens", json={"error": {"code": 401, "message": "Requires authentication."}}, status_code=401)
    with pytest.raises(ConfigurationFault, match="refused the login") as caught:
        Cloud(load()).get("orchestration", "/stacks", "list the stacks")
    assert PASSWORD not in str(caught.value)
    assert error_of(caught.value, "x").exit_code == 5


def test_keystone_that_does_not_answer_is_unreachable_even_for_a_create(net: rm.Mocker) -> None:
    """The create itself was never sent."""
    net.get(KEYSTONE, exc=requests.ConnectionError)
    net.post(f"{KEYSTONE}/auth/tokens", exc=requests.ReadTimeout)
    with pytest.raises(UnreachableFault) as caught:
        Cloud(load()).post("orchestration", "/stacks", "create the stack x", {})
    assert error_of(caught.value, "x").exit_code == 11


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"exc": requests.ConnectionError}, UnreachableFault),
        ({"status_code": 503, "json": {}}, TransientFault),
        ({"status_code": 404, "json": {}}, ConfigurationFault),
        ({"text": "<html>a web page</html>"}, ConfigurationFault),
    ],
)
def test_an_address_without_a_version(
    net: rm.Mocker, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], kind: type[ProviderFault]
) -> None:
    """keystoneauth then says of everything that the address is wrong."""
    monkeypatch.setenv("OS_AUTH_URL", "https://cloud.test:5000")
    net.get("https://cloud.test:5000", **answer)
    net.get("https://cloud.test:5000/", **answer)
    with pytest.raises(ProviderFault) as caught:
        Cloud(load()).access  # noqa: B018
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "link",
    [
        lambda to: {"things_links": [{"rel": "next", "href": to}]},
        lambda to: {"links": [{"rel": "self", "href": "/"}, {"rel": "next", "href": to}]},
        lambda to: {"next": to},
    ],
)
def test_every_page_of_a_list(net: rm.Mocker, link: Callable[[str], dict[str, Any]]) -> None:
    """It ends where there is no next page, and where a service names the same one, or an empty one, for ever."""
    first, second = {"things": ["a", "b"], **link("/things?limit=2&marker=b%2F1")}, {"things": ["c"]}
    for last in (second, {**second, **link("/things?marker=b%2F1")}):
        net.get(f"{HEAT}/things", [{"json": first}, {"json": last}])
        assert list(Cloud(load()).pages("orchestration", "/things", "things", "list", limit=2)) == ["a", "b", "c"]
        assert net.request_history[-1].qs == {"limit": ["2"], "marker": ["b/1"]}
    net.get(f"{HEAT}/things", [{"json": first}, {"json": {"things": [], **link("/things?marker=c")}}])
    assert list(Cloud(load()).pages("orchestration", "/things", "things", "list")) == ["a", "b"]
    net.get(f"{HEAT}/things", status_code=204)
    assert list(Cloud(load()).pages("orchestration", "/things", "things", "list")) == []


def test_an_expired_token_is_renewed_once(net: rm.Mocker) -> None:
    net.get(f"{HEAT}/stacks", [{"status_code": 401}, {"json": {"stacks": []}}])
    assert Cloud(load()).get("orchestration", "/stacks", "list the stacks") == {"stacks": []}
    assert sum(one.url.endswith("/auth/tokens") for one in net.request_history) == 2


def test_a_certificate_that_is_not_trusted(net: rm.Mocker) -> None:
    found = fault(net, creates=True, exc=requests.exceptions.SSLError("certificate verify failed: self-signed certificate"))
    assert type(found) is ConfigurationFault
    assert "certificate" in str(found)
    assert "cacert" in str(found.hint)


def test_nothing_says_how_to_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTH_URL", "USERNAME", "PASSWORD", "PROJECT_NAME", "USER_DOMAIN_NAME", "PROJECT_DOMAIN_NAME", "REGION_NAME"):
        monkeypatch.delenv(f"OS_{name}")
    with pytest.raises(ConfigurationFault):
        Cloud(load()).access  # noqa: B018


def test_a_cloud_of_clouds_yaml_by_its_name(net: rm.Mocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auth = {"auth_url": KEYSTONE, "username": "ann", "password": PASSWORD, "project_name": "lab"}
    auth |= {"user_domain_name": "Default", "project_domain_name": "Default"}
    clouds = {
        "clouds": {"lab": {"region_name": "R1", "auth": auth, "api_timeout": 7, "verify": False}, "other": {"auth": auth}}
    }
    (tmp_path / "clouds.yaml").write_text(json.dumps(clouds))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    (tmp_path / "bbq.conf").write_text("[keystone]\ncloud = lab\n[openstack]\nrequest_timeout = 5\n")
    cloud = Cloud(load([str(tmp_path / "bbq.conf")]))
    assert cloud.access.username == "ann"
    assert cloud.connection.session.timeout == 7
    assert cloud.connection.session.verify is False
    (tmp_path / "bbq.conf").write_text("[keystone]\ncloud = lba\n")
    with pytest.raises(ConfigurationFault, match="lba"):
        Cloud(load([str(tmp_path / "bbq.conf")])).access  # noqa: B018


def test_keystoneauths_own_options(net: rm.Mocker, tmp_path: Path) -> None:
    lines = {"auth_type": "password", "auth_url": KEYSTONE, "username": "ann", "password": PASSWORD, "project_name": "lab"}
    lines |= {"user_domain_name": "Default", "project_domain_name": "Default", "region_name": "R1", "cafile": "/own/ca.pem"}
    file = tmp_path / "bbq.conf"
    file.write_text("[keystone]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    cloud = Cloud(load([str(file)]))
    assert cloud.endpoint("orchestration") == HEAT
    assert cloud.connection.session.verify == "/own/ca.pem"
    assert cloud.connection.session.timeout == 60.0
    lines["region_name"] = "Mars"
    file.write_text("[keystone]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    assert Cloud(load([str(file)])).endpoint("orchestration") is None


def test_a_login_that_is_not_complete(tmp_path: Path) -> None:
    file = tmp_path / "bbq.conf"
    for text, said in (
        ("auth_type = password\n", f"{file}:2: .keystone. auth_type = password needs auth_url"),
        ("auth_type = pasword\n", f"{file}:2: .keystone. auth_type = pasword is not allowed"),
    ):
        file.write_text(f"[keystone]\n{text}")
        with pytest.raises(ConfigurationFault, match=said) as caught:
            Cloud(load([str(file)])).access  # noqa: B018
        assert "clouds.yaml" in (caught.value.hint or "")


def test_tls_is_verified_and_time_is_limited_by_default(net: rm.Mocker) -> None:
    session = Cloud(load()).connection.session
    assert session.verify is True
    assert session.timeout == 60.0


def test_one_login_for_a_configuration_and_no_longer(net: rm.Mocker) -> None:
    config = load()
    cloud = shared(config)
    assert shared(config) is cloud and shared(load()) is not cloud
    assert cloud.access.username == "ann"
    gone = weakref.ref(cloud)
    del config, cloud
    gc.collect()
    assert gone() is None


def test_one_budget_for_all_services(net: rm.Mocker, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Budget] = []
    monkeypatch.setattr(Budget, "__enter__", lambda self: taken.append(self))
    monkeypatch.setattr(Budget, "__exit__", lambda self, *_: None)
    net.get(f"{HEAT}/stacks", json={})
    net.get(f"{NOVA}/servers", json={})
    net.get(NOVA, json={"version": {"id": "v2.1", "status": "CURRENT", "links": [{"rel": "self", "href": NOVA}]}})
    cloud = Cloud(load())
    cloud.get("orchestration", "/stacks", "list")
    cloud.get("compute", "/servers", "list")
    assert len(taken) == len(net.request_history)
    assert len(set(taken)) == 1


def test_a_budget_lets_no_more_in_than_it_has_places() -> None:
    budget, inside, most, lock, pair = Budget(2, 0.0), 0, 0, threading.Lock(), threading.Barrier(2)

    def enter() -> None:
        nonlocal inside, most
        with budget:
            with lock:
                inside += 1
                most = max(most, inside)
            pair.wait(30)  # two are inside at once, or this breaks
            with lock:
                inside -= 1
            pair.wait(30)

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_a_budget_spaces_beginnings(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("bbq.providers.openstack.session.time.monotonic", lambda: 100.0)
    monkeypatch.setattr("bbq.providers.openstack.session.time.sleep", slept.append)
    budget = Budget(8, 0.5)
    for _ in range(3):
        with budget:
            pass
    assert slept == [0.0, 0.5, 1.0]


def test_without_openstacksdk(monkeypatch: pytest.MonkeyPatch) -> None:
    from bbq.providers.openstack.doctor import examine

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match="openstacksdk is not installed"):
        open_provider("openstack", DeploymentContext("x", "y", "/nonexistent", None, {"config": load()}))
    (finding,) = examine(load())
    assert (finding.verdict, finding.exit_code) == ("failed", 5)
    assert "bbq[openstack]" in finding.detail
