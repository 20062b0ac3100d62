"""Logging in to a real cloud, in every way that a user has, and what goes wrong there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbq.conf import load
from bbq.engine.contract import ConfigurationFault, UnreachableFault
from bbq.providers.openstack.faults import NotFound
from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud


def works(cloud: Cloud) -> bool:
    return isinstance(cloud.get("orchestration", "/stacks", "list the stacks")["stacks"], list)


def test_a_cloud_of_clouds_yaml(cloud: Cloud) -> None:
    assert works(cloud)
    assert cloud.region == "RegionOne"
    assert cloud.access.project_name == "admin"
    assert "admin" in cloud.access.role_names


def variables(testcloud: TestCloud, monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE", raising=False)
    monkeypatch.delenv("OS_CLOUD", raising=False)
    for key, value in {**testcloud.login["auth"], "region_name": testcloud.login["region_name"], **changed}.items():
        monkeypatch.setenv(f"OS_{key.upper()}", value)


def test_variables(testcloud: TestCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    variables(testcloud, monkeypatch)
    assert works(Cloud(load(environment={})))


def options(testcloud: TestCloud, file: Path, **changed: str) -> Cloud:
    lines = {"auth_type": "password", **testcloud.login["auth"], "region_name": testcloud.login["region_name"], **changed}
    file.write_text("[keystone]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items()))
    return Cloud(load([str(file)], environment={}))


def test_keystoneauths_options_in_bbq_conf(testcloud: TestCloud, tmp_path: Path) -> None:
    assert works(options(testcloud, tmp_path / "bbq.conf"))
    assert works(options(testcloud, tmp_path / "bbq.conf", valid_interfaces="internal,public"))


def test_an_application_credential_and_then_without_it(testcloud: TestCloud, tmp_path: Path, cloud: Cloud) -> None:
    """It is revoked while a session has a token of it: 401, and the login that follows is refused."""
    user = cloud.access.user_id
    made = cloud.post(
        "identity",
        f"/users/{user}/application_credentials",
        "make one",
        {"application_credential": {"name": f"bbq-{tmp_path.name}"}},
    )["application_credential"]
    file = tmp_path / "bbq.conf"
    file.write_text(
        f"[keystone]\nauth_type = v3applicationcredential\nauth_url = {testcloud.login['auth']['auth_url']}\n"
        f"application_credential_id = {made['id']}\napplication_credential_secret = {made['secret']}\nregion_name = RegionOne\n"
    )
    own = Cloud(load([str(file)], environment={}))
    assert works(own)
    cloud.delete("identity", f"/users/{user}/application_credentials/{made['id']}", "revoke it")
    with pytest.raises(ConfigurationFault) as caught:
        works(Cloud(load([str(file)], environment={})))
    assert made["secret"] not in str(caught.value)
    assert "expired" in str(caught.value.hint)


def test_a_token_that_was_revoked_is_renewed(cloud: Cloud) -> None:
    assert works(cloud)
    token = cloud.connection.session.get_token()
    cloud.delete("identity", "/auth/tokens", "revoke it", headers={"X-Subject-Token": token})
    cloud.get("identity", "/auth/projects", "list the projects")  # not Heat, which remembers tokens for some minutes
    assert cloud.connection.session.get_token() != token


def test_a_wrong_password(testcloud: TestCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    variables(testcloud, monkeypatch, password="not-the-password")
    with pytest.raises(ConfigurationFault, match="refused the login") as caught:
        works(Cloud(load(environment={})))
    assert "not-the-password" not in str(caught.value)


def test_an_unknown_region(testcloud: TestCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    variables(testcloud, monkeypatch, region_name="Mars")
    with pytest.raises(ConfigurationFault, match="no region Mars; it has RegionOne"):
        works(Cloud(load(environment={})))


def test_nobody_answers(testcloud: TestCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    variables(testcloud, monkeypatch, auth_url="http://127.0.0.1:9/v3")
    with pytest.raises(UnreachableFault, match="refused"):
        works(Cloud(load(environment={})))


def test_services_and_what_they_say(cloud: Cloud) -> None:
    assert cloud.has("compute") and cloud.has("network") and not cloud.has("load-balancer")
    with pytest.raises(NotFound, match="look at a server"):
        cloud.get("compute", "/servers/00000000-0000-0000-0000-000000000000", "look at a server")


def test_microversions_are_negotiated(cloud: Cloud) -> None:
    assert cloud.microversion("compute", "2.52") == "2.52"
    newest = cloud.microversion("compute", "2.999")
    assert newest is not None and newest.startswith("2.") and newest != "2.999"
    assert cloud.microversion("compute", "1.0") == "2.1"
    assert cloud.microversion("orchestration", "2.1") is None
    flavors = cloud.get("compute", "/flavors/detail", "list the flavors", microversion="2.61")["flavors"]
    assert "extra_specs" in flavors[0]
    assert "extra_specs" not in cloud.get("compute", "/flavors/detail", "list the flavors")["flavors"][0]


@pytest.mark.parametrize(
    ("service", "path", "key"),
    [("compute", "/flavors/detail", "flavors"), ("image", "/images", "images"), ("network", "/networks", "networks")],
)
def test_a_list_of_several_pages(cloud: Cloud, service: str, path: str, key: str) -> None:
    """Each service has its own way to say where the next page is."""
    whole = cloud.get(service, path, "list", limit=1000)[key]
    assert len(whole) > 1
    small = list(cloud.pages(service, path, key, "list", limit=1))
    assert sorted(item["id"] for item in small) == sorted(item["id"] for item in whole)
