"""The reaper: a supervised process of the deployment itself that destroys it at its expiry, without the client.

It waits in `<state directory>/reaper`, is known by `BBQ_REAPER=<deployment id>` in its environment (not by the deployment's
tag: it is no thing of the deployment, and must survive its last delete), and runs `bbq-deploy reap`, which asks the journal: a
reap that fails, or comes before the time, is tried again. Its directory is the last to go, and only when a reap has ended well,
so that it can be killed at any line of one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from bbq.engine.contract import DeploymentContext
from bbq.providers.local.files import write_private
from bbq.providers.local.units import read_unit, start_shim, stop_units
from bbq.providers.supervisor import proc
from bbq.providers.supervisor.records import read_json

DIRECTORY = "reaper"
_NOTICED = 5.0
"""Seconds for a reaper that waits to take notice of another time."""
_lock = threading.Lock()


def ensure_reaper(context: DeploymentContext, at: float, *, move: bool) -> None:
    """Let the deployment be destroyed at `at` (epoch seconds): start its reaper, or give the one that waits that time.

    Without `move` one that waits is left as it is. It goes on waiting while it gets another time, so that a client that dies
    here leaves no deployment without a reaper.
    """
    path = Path(context.state_dir) / DIRECTORY
    with _lock:
        waits = read_unit(path).supervised
        if waits and (not move or read_json(path / "spec.json").get("start_at") == at):
            return
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not waits:
            for name in ("process.json", "exit.json"):
                (path / name).unlink(missing_ok=True)
        # All of the client's environment: the reaper must find the same configuration, journal and home.
        env = {**os.environ, "BBQ_REAPER": context.id}
        write_private(path / "spec.json", json.dumps(_spec(context, env, at)))
        if waits and _notices(path, at):
            return
        stop_units([path])
        start_shim(path, {"BBQ_REAPER": context.id})


def _notices(path: Path, at: float) -> bool:
    """Tell the one that waits; False where it does not listen."""
    end = time.monotonic() + _NOTICED
    if waiting := proc.process(read_unit(path).shim):
        proc.send(waiting, signal.SIGHUP)
    while (now := read_unit(path)).supervised and time.monotonic() < end:
        if now.next_at == at or at <= time.time():
            return True
        time.sleep(0.02)
    return False


def _spec(context: DeploymentContext, env: dict[str, str], at: float) -> dict[str, object]:
    main = "import sys; from bbq.cli.main import main; sys.exit(main())"
    default = [sys.executable, "-c", main, "reap", "--deployment-id", context.id]
    return {
        "argv": list(context.options.get("reap_command") or default),
        "env": {key: value for key, value in env.items() if key not in ("BBQ_DEPLOYMENT_ID", "BBQ_NODE", "BBQ_UNIT")},
        "cwd": "/",
        "start_at": at,
        "remove": True,
        "restart": {"policy": "on-failure", "limit": None, "backoff": 5.0, "cap": 60.0, "reset_after": 3600.0},
        "stop": {"signal": int(signal.SIGTERM), "grace": 10.0},
        "log": {"size": 1024 * 1024, "count": 2},
    }


def end_reaper(context: DeploymentContext) -> bool:
    """Stop it, unless it is the one that runs this very destroy: that one ends by itself when we are done (then False)."""
    above = proc.ancestors()
    reapers = proc.tagged({"BBQ_REAPER": context.id})
    proc.end([one for one in reapers if one.pid not in above], 5.0)
    return not any(one.pid in above for one in reapers)
