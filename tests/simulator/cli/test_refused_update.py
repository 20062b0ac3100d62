"""An update that is refused before anything is changed leaves the deployment as it was, and what it asked for is forgotten."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.simulator

MORE = """\
    more: { type: bbq.nodes.MessageQueue, count: 3 }
  outputs:
"""


def test_inputs_secrets_scales_and_status_are_those_of_before(cli) -> None:
    assert cli.up("--input", "token=hunter2").code == 0
    template = cli.template.read_text()
    cli.template.write_text(template.replace("  outputs:\n", MORE))
    cli.environment["BBQ_SIMULATOR__QUOTA"] = "2"
    refused = cli.up("--input", "token=another-one", "--input", "workers=4", "--ttl", "2h")
    assert refused.code == 6, refused.all
    assert "3 things are wanted, the quota is 2" in refused.all
    del cli.environment["BBQ_SIMULATOR__QUOTA"]
    cli.template.write_text(template)
    status = cli("status", "demo")
    assert status.code == 0 and "active" in status.out, status.all
    assert "nothing to do" in cli("plan", cli.template, "--name", "demo").out
    assert "hunter2" in cli("outputs", "demo", "--show-secrets").out
    (row,) = cli("list", "--format", "json").json()["deployments"]
    assert row["expires_at"] is not None and row["error"] is None, "the time to live is another matter"
    resumed = cli("resume", "demo")
    assert resumed.code == 0 and "nothing to do" in resumed.out, resumed.all


def test_a_scale_that_is_refused(cli) -> None:
    cli.template.write_text(cli.template.read_text().replace("  outputs:\n", MORE))
    assert cli.up().code == 0
    cli.environment["BBQ_SIMULATOR__QUOTA"] = "2"
    refused = cli("scale", "demo", "more=7")
    assert refused.code == 6, refused.all
    del cli.environment["BBQ_SIMULATOR__QUOTA"]
    again = cli("plan", cli.template, "--name", "demo")
    assert "nothing to do" in again.out and "scaled" not in again.all, again.all
