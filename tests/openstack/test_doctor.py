"""`bbq-deploy doctor --provider openstack`: one line for each thing, and one clear line for what is wrong."""

from __future__ import annotations

import json
import time

import pytest

from bbq.providers.openstack.session import Cloud
from tests.cloud import TestCloud
from tests.openstack.tools import Cli


def checks(cli: Cli, code: int = 0) -> dict[str, tuple[str, str]]:
    rows = cli.json("doctor", "--provider", "openstack", code=code)["rows"]
    return {row["check"]: (row["verdict"], row["detail"]) for row in rows}


def test_who_what_and_how_much(cli: Cli) -> None:
    found = checks(cli)
    assert found["Login"][0] == "ok"
    assert found["Login"][1].startswith("admin in project admin (Default) at http://127.0.0.1:")
    assert "member" in found["Roles"][1]
    assert found["Region"] == ("ok", "RegionOne")
    assert found["Clock"][0] == "ok"
    assert found["Orchestration (Heat)"] == ("ok", "version 1.0")
    assert "microversions 2.1 to 2." in found["Compute (Nova)"][1]
    assert "servers: " in found["Compute quota"][1]
    assert "floating IPs: " in found["Network quota"][1]
    assert all(verdict != "failed" for verdict, _ in found.values())


def test_a_service_that_is_not_there(cli: Cli, testcloud: TestCloud) -> None:
    """An endpoint override counts as one that is there; nobody answers at it."""
    cli.environment["OS_CLOUD"] = "lab"
    login = {**testcloud.login, "orchestration_endpoint_override": "http://127.0.0.1:9/v1/x", "orchestration_api_version": "1"}
    (cli.directory / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": login}}))
    cli.environment["OS_CLIENT_CONFIG_FILE"] = str(cli.directory / "clouds.yaml")
    verdict, detail = checks(cli)["Orchestration (Heat)"]
    assert verdict == "missing" and "refused" in detail


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"password": "not-it"}, 5, "the cloud refused the login"),
        ({"username": "nobody-at-all"}, 5, "the cloud refused the login"),
        ({"project_name": "no-such-project"}, 5, "the cloud refused the login"),
        ({"region_name": "Mars"}, 5, "this cloud has no region Mars; it has RegionOne"),
        ({"auth_url": "http://127.0.0.1:9/v3"}, 11, "no answer: Connection refused"),
        ({"auth_url": "http://127.0.0.1:9"}, 11, "no answer: Connection refused"),
        ({"auth_url": "http://no-such-host.invalid:5000/v3"}, 11, "no answer: "),
        ({"auth_url": "not a url"}, 5, "log in to OpenStack: "),
    ],
)
def test_a_login_that_does_not_work(cli: Cli, testcloud: TestCloud, changed: dict[str, str], code: int, said: str) -> None:
    cli.environment.pop("OS_CLOUD")
    cli.environment.pop("OS_CLIENT_CONFIG_FILE")
    login = {**testcloud.login["auth"], "region_name": testcloud.login["region_name"], **changed}
    cli.environment.update({f"OS_{key.upper()}": value for key, value in login.items()})
    found = checks(cli, code=code)
    assert list(found) == ["Login"]
    assert found["Login"][0] == "failed" and said in found["Login"][1]
    assert "not-it" not in found["Login"][1]


def test_nothing_says_how_to_log_in(cli: Cli) -> None:
    cli.environment.pop("OS_CLOUD")
    cli.environment.pop("OS_CLIENT_CONFIG_FILE")
    verdict, detail = checks(cli, code=5)["Login"]
    assert verdict == "failed" and "OS_" in detail


def test_an_application_credential_that_has_expired(cli: Cli, cloud: Cloud, testcloud: TestCloud, name: str) -> None:
    user, soon = cloud.access.user_id, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 2))
    body = {"application_credential": {"name": name, "expires_at": soon}}
    made = cloud.post("identity", f"/users/{user}/application_credentials", "make one", body)["application_credential"]
    cli.environment.pop("OS_CLOUD")
    cli.environment.pop("OS_CLIENT_CONFIG_FILE")
    cli.environment.update(
        OS_AUTH_TYPE="v3applicationcredential",
        OS_AUTH_URL=testcloud.login["auth"]["auth_url"],
        OS_APPLICATION_CREDENTIAL_ID=made["id"],
        OS_APPLICATION_CREDENTIAL_SECRET=made["secret"],
        OS_REGION_NAME="RegionOne",
    )
    while time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) <= soon:
        time.sleep(0.2)
    verdict, detail = checks(cli, code=5)["Login"]
    assert verdict == "failed" and "expired" in detail and made["secret"] not in detail
