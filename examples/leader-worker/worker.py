"""A worker: takes a task, marks it STARTED, computes, marks it FINISHED (or FAILED), and only then acknowledges it.

Stateless: any number may run, and any may die at any time. A task whose worker died comes back to another one, which computes
the same again; a task that comes twice is found FINISHED and only acknowledged.

Environment: QUEUE, TASKS_URL, DB_*, TASK_SECONDS (a pause in each task, to watch the scaling; optional).
"""

from __future__ import annotations

import os
import signal
import threading
from datetime import datetime

from grid import compute
from store import FAILED, FINISHED, STARTED, Store, open_store

FORMAT = "%Y-%m-%d %H:%M"


def mark(store: Store, task: dict, status: str) -> None:
    """FINISHED stays: a late copy of the task does not take it back."""
    with store.transaction():
        values = {"run_id": task["run_id"], "task_id": task["task_id"], "task_status": status}
        if not store.insert_once("run_process", "task_id", values):
            store.run(
                "UPDATE run_process SET task_status = %s WHERE task_id = %s AND task_status <> %s",
                (status, task["task_id"], FINISHED),
            )


def work(store: Store, task: dict, pause: float = 0.0) -> str:
    """One task; returns its status."""
    with store.transaction():
        found = store.rows("SELECT task_status FROM run_process WHERE task_id = %s", (task["task_id"],))
    if found and found[0][0] == FINISHED:
        return FINISHED
    mark(store, task, STARTED)
    threading.Event().wait(pause)
    try:
        start, end = (datetime.strptime(task[name], FORMAT) for name in ("start_date", "end_date"))
        peak, energy, _lowest = compute(task["selection"], start, end)
    except ValueError as error:
        print(f"task {task['task_id']} failed: {error}", flush=True)
        mark(store, task, FAILED)
        return FAILED
    with store.transaction():
        store.run("UPDATE task SET peak_load = %s, energy = %s WHERE task_id = %s", (peak, energy, task["task_id"]))
    mark(store, task, FINISHED)
    return FINISHED


def main() -> None:
    from bbq.handles import open_queue

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    name, pause = os.environ.get("BBQ_INSTANCE", "0"), float(os.environ.get("TASK_SECONDS") or 0)
    store = open_store()
    print(f"worker {name} is ready", flush=True)
    with open_queue(os.environ["TASKS_URL"], os.environ["QUEUE"]) as queue:
        # Held as long as this process lives; on SIGTERM the task in hand is finished first.
        for message in queue.messages(stop=stop):
            task = message.body
            if isinstance(task, dict) and {"run_id", "task_id", "selection", "start_date", "end_date"} <= task.keys():
                print(f"worker {name}: task {task['task_id']} {work(store, task, pause)}", flush=True)
            else:
                print(f"worker {name}: message {message.id} is no task, dropped", flush=True)
            message.ack()
    store.close()


if __name__ == "__main__":
    main()
