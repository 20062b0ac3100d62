"""The leader: splits a run into tasks by month and selection, and puts them on the queue. Started by the clock.

Nothing is inserted twice: a run has a key (the minute it was started in, unless RUN_KEY says otherwise), and the ids of the
run and of its tasks are computed from it. A leader that dies before it has queued all tasks is finished by the next one; a
task may then be queued twice, and the workers do not mind.

Environment: QUEUE, TASKS_URL, DB_*, SELECTIONS (comma-separated), START_DATE, END_DATE (YYYY-MM-DD), RUN_KEY (optional).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from store import Store, open_store

NAMESPACE = uuid.UUID("6f0f5f0e-2d0b-5a63-9d0a-0c3f4be0c1aa")


def months(start: date, end: date) -> Iterator[tuple[date, date]]:
    """First and last day of each month between two days, both included; the outer months may be cut."""
    while start <= end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield start, min(following - timedelta(days=1), end)
        start = following


def split(run_id: str, selections: list[str], start: date, end: date) -> Iterator[dict]:
    """The tasks of a run."""
    for first, last in months(start, end):
        for selection in selections:
            yield {
                "run_id": run_id,
                "task_id": str(uuid.uuid5(uuid.UUID(run_id), f"{selection}/{first}")),
                "selection": selection,
                "start_date": f"{first} 00:00",
                "end_date": f"{last} 23:59",
            }


def plan_run(store: Store, key: str, selections: list[str], start: date, end: date) -> str:
    """The run of that key with all its tasks in the database; the same one where it is there already."""
    run_id = str(uuid.uuid5(NAMESPACE, key))
    with store.transaction():
        if store.insert_once("run", "run_id", {"run_id": run_id, "run_key": key}):
            for task in split(run_id, selections, start, end):
                store.insert_once("task", "task_id", task)
    return run_id


def queue_tasks(store: Store, queue) -> int:
    """Queue every task that is not known to be queued, of earlier runs, too; returns how many."""
    names = ("run_id", "task_id", "selection", "start_date", "end_date")
    with store.transaction():
        tasks = [
            dict(zip(names, row, strict=True)) for row in store.rows(f"SELECT {', '.join(names)} FROM task WHERE queued = 0")
        ]
        queue.send_many(tasks)
        for task in tasks:
            store.run("UPDATE task SET queued = 1 WHERE task_id = %s", (task["task_id"],))
    return len(tasks)


def main() -> None:
    from bbq.handles import open_queue

    selections = [name.strip() for name in os.environ["SELECTIONS"].split(",") if name.strip()]
    start, end = date.fromisoformat(os.environ["START_DATE"]), date.fromisoformat(os.environ["END_DATE"])
    key = os.environ.get("RUN_KEY") or datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
    store = open_store()
    run_id = plan_run(store, key, selections, start, end)
    with open_queue(os.environ["TASKS_URL"], os.environ["QUEUE"]) as queue:
        print(f"run {run_id} ({key}): {queue_tasks(store, queue)} tasks queued", flush=True)
    store.close()


if __name__ == "__main__":
    main()
