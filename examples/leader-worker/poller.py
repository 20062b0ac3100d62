"""The poller: watches the tables and reports when a run is complete, in its log and by REST.

    GET /               every run: {"runs": [{"run_id", "key", "tasks", "started", "finished", "failed", "complete"}, ...]}
    GET /runs/<run id>  one of them
    GET /health         200 while the database answers

Environment: PORT, DB_*.
"""

from __future__ import annotations

import json
import os
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from store import FAILED, FINISHED, STARTED, open_store

INTERVAL = 1.0
"""Seconds between two looks at the tables."""

_TASKS = (
    "SELECT run.run_id, run.run_key, count(*) FROM run JOIN task ON task.run_id = run.run_id GROUP BY run.run_id, run.run_key"
)
_STATES = "SELECT run_id, task_status, count(*) FROM run_process GROUP BY run_id, task_status"


def runs() -> list[dict]:
    """Every run and how far it is, by its key. A connection of its own each time: a database may be away for a while."""
    store = open_store()
    try:
        with store.transaction():
            states = {(run_id, status): number for run_id, status, number in store.rows(_STATES)}
            totals = store.rows(_TASKS)
    finally:
        store.close()
    found = []
    for run_id, key, tasks in sorted(totals, key=lambda row: row[1]):
        started, finished, failed = (states.get((run_id, status), 0) for status in (STARTED, FINISHED, FAILED))
        found.append(
            {
                "run_id": run_id,
                "key": key,
                "tasks": tasks,
                "started": started,
                "finished": finished,
                "failed": failed,
                "complete": finished + failed == tasks,
            }
        )
    return found


def watch() -> None:
    """Report each run once, when its last task is done."""
    reported: set[str] = set()
    while True:
        try:
            for run in runs():
                if run["complete"] and run["run_id"] not in reported:
                    print(f"run {run['run_id']} is complete: {run['finished']} finished, {run['failed']} failed", flush=True)
                    reported.add(run["run_id"])
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the next look may be better
            print(f"the database does not answer: {type(error).__name__}", flush=True)
        time.sleep(INTERVAL)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            found = runs()
        except Exception as error:  # noqa: BLE001 - as above
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, {"error": type(error).__name__})
            return
        one = next((run for run in found if self.path == f"/runs/{run['run_id']}"), None)
        if self.path == "/":
            self._send(HTTPStatus.OK, {"runs": found})
        elif self.path == "/health":
            self._send(HTTPStatus.OK, {"status": "ok"})
        elif one is not None:
            self._send(HTTPStatus.OK, one)
        else:
            self._send(HTTPStatus.NOT_FOUND, {"error": "not found"})

    def _send(self, status: HTTPStatus, body: dict) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Only errors are worth a line."""


def main() -> None:
    threading.Thread(target=watch, daemon=True).start()
    ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()


if __name__ == "__main__":
    main()
