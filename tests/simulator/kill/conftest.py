from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from kill_cells import Scenario, prepare, warm_up
from kill_deployment import write_templates


@pytest.fixture(scope="module")
def templates(memory: Path) -> Path:
    write_templates(memory / "templates")
    return memory / "templates"


@pytest.fixture(scope="module")
def lanes(templates: Path) -> Iterator[ProcessPoolExecutor]:
    """A process for each core, started clean, not forked from this one: what is killed is forked from these."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = ProcessPoolExecutor(count, mp_context=get_context("forkserver"), initializer=warm_up, initargs=(templates,))
    yield pool
    pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A directory in memory, where there is one: SIGKILL takes nothing that was written, whether it got to a disk or not."""
    shared = "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="bbq-kill-", dir=shared if os.access(shared, os.W_OK) else None) as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def scenario(lanes: ProcessPoolExecutor, memory: Path, templates: Path) -> Callable[[str], Scenario]:
    """`scenario(name)`, each made once."""
    made: dict[str, Scenario] = {}

    def get(name: str) -> Scenario:
        if name not in made:
            made[name] = lanes.submit(prepare, name, memory / name, templates).result()
        return made[name]

    return get
