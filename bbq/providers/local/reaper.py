"""The reaper: a supervised process of the deployment itself that destroys it at its expiry, without the client.

It waits in `<state directory>/reaper`, is known by `BBQ_REAPER=<deployment id>` in its environment (not by the deployment's
tag: it is no thing of the deployment, and must survive its last delete), and runs `bbq-deploy reap`. A reap that fails is
tried again; one that finds the expiry moved does nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from pathlib import Path

from bbq.engine.contract import DeploymentContext
from bbq.providers.local import proc
from bbq.providers.local.files import read_json, write_private
from bbq.providers.local.units import read_unit, start_shim, stop_units

_lock = threading.Lock()


def ensure_reaper(context: DeploymentContext) -> None:
    """Start the reaper, or set it to another expiry; nothing where it waits for this one already."""
    path = Path(context.state_dir) / "reaper"
    with _lock:
        now = read_json(path / "spec.json").get("start_at")
        if context.expires_at == now and (now is None or read_unit(path).supervised):
            return
        stop_units([path])
        if context.expires_at is None:
            shutil.rmtree(path, ignore_errors=True)
            return
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        # All of the client's environment: the reaper must find the same configuration, journal and home.
        env = {**os.environ, "BBQ_REAPER": context.id}
        for name in ("process.json", "exit.json"):
            (path / name).unlink(missing_ok=True)
        write_private(path / "spec.json", json.dumps(_spec(context, env)))
        start_shim(path, {"BBQ_REAPER": context.id})


def _spec(context: DeploymentContext, env: dict[str, str]) -> dict[str, object]:
    main = "import sys; from bbq.cli.main import main; sys.exit(main())"
    default = [sys.executable, "-c", main, "reap", "--deployment-id", context.id]
    return {
        "argv": list(context.options.get("reap_command") or default),
        "env": {key: value for key, value in env.items() if key not in ("BBQ_DEPLOYMENT_ID", "BBQ_NODE", "BBQ_UNIT")},
        "cwd": "/",
        "start_at": context.expires_at,
        "restart": {"policy": "on-failure", "limit": None, "backoff": 5.0, "cap": 300.0, "reset_after": 3600.0},
        "stop": {"signal": 15, "grace": 10.0},
        "log": {"size": 1024 * 1024, "count": 2},
    }


def end_reaper(deployment_id: str) -> None:
    """Stop it, unless it is the one that runs this very destroy: that one ends by itself when we are done."""
    above = proc.ancestors()
    proc.end([one for one in proc.tagged({"BBQ_REAPER": deployment_id}) if one.pid not in above], 5.0)
