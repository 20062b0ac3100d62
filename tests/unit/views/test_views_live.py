"""The live table: what it shows of a run, and that it fits any terminal."""

from __future__ import annotations

import io
import re

import pytest

from bbq.journal.model import Event
from bbq.plan.model import Action, Plan, Step
from bbq.views.live import LiveView, Progress, render

NODES = 300


def many() -> Plan:
    steps = {f"n[{i}]": Step(f"n[{i}]", "bbq.nodes.Worker", Action.CREATE) for i in range(NODES)}
    steps["same"] = Step("same", "t", Action.NOTHING)
    return Plan("demo", "local", steps)


def midway() -> Progress:
    """Ten ready, one failed, five at work - the last of them on the critical path -, the others to come."""
    progress = Progress(many(), {"bbq.nodes.Worker": 4.0})
    progress.event(Event("run.started", 1000.0, data={"critical_path": ["n[15]", "n[299]"], "expected": 30.0}))
    for index in range(16):
        progress.event(Event("step.intent", 1000.0 + index, f"n[{index}]", "create", attempt=1))
    for index in range(10):
        progress.event(Event("step.stage", 1010.0, f"n[{index}]", stage="ready"))
    progress.event(Event("step.outcome", 1016.0, "n[10]", "create", data={"result": "failed", "cause": "exit 1"}))
    waiting = {"awaited": "tcp \x1b[31m127.0.0.1:5432 [red]x", "elapsed": 3, "eta": 2.0, "critical": True}
    progress.event(Event("step.waiting", 1018.0, "n[15]", stage="created", data=waiting))
    return progress


def drawn(progress: Progress, width: int, height: int) -> list[str]:
    from rich.console import Console

    stream = io.StringIO()
    console = Console(file=stream, width=width, height=height, force_terminal=False, color_system=None)
    console.print(render(progress, width, height))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(200, 60), (120, 24), (80, 24), (60, 12), (40, 8), (20, 6)])
def test_it_fits(width: int, height: int) -> None:
    lines = drawn(midway(), width, height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_it_shows_what_matters_first() -> None:
    lines = drawn(midway(), 120, 12)
    assert re.match(
        r"demo on local: 10 of 300 done, 5 at work, 1 FAILED, 18\.\ds|demo on local: 10 of 300 done, .*, 18s", lines[0]
    )
    assert "about 12s left" in lines[0]
    body = "\n".join(lines[2:])
    assert "n[10]" in body and "exit 1" in body
    critical = next(line for line in lines if "n[15]" in line)
    assert critical.startswith("◆") and "tcp 127.0.0.1:5432 [red]x" in critical and "~2.0s" in critical
    assert lines[-1].strip() == f"and {NODES - (len(lines) - 3)} more"


def test_nodes_that_stay_as_they_are_are_no_rows() -> None:
    assert not any("same" in line for line in drawn(Progress(many(), {}), 80, 400))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_run_leaves_its_failures_and_its_critical_path_behind(events, evil) -> None:
    plan = Plan("demo", "local", {"db": Step("db", "t", Action.CREATE), "x": Step("x", "t", Action.CREATE)})
    stream = Terminal()
    view = LiveView(stream)
    with view, view.progress(plan, {"t": 2.0}) as inside:
        for event in events:
            inside.event(event)
        view.message("a notice")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert f"FAILED creating: boom {evil[1]}" in text
    assert "a notice" in text
    assert re.search(r"\b5\.0s  finished: failed in 5\.0s", text), "lines count from the start of the run"
    assert text.rstrip().endswith("critical path: db 3.0s")
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h"), "the cursor stays hidden"


def test_an_error_inside_gives_the_terminal_back() -> None:
    stream = Terminal()
    view = LiveView(stream)
    with pytest.raises(RuntimeError), view.progress(many(), {}):
        raise RuntimeError
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h")
    view.message("plain again")
    assert stream.getvalue().endswith("plain again\n")


def test_without_a_run_it_is_the_plain_view_and_needs_no_rich() -> None:
    import subprocess
    import sys

    code = (
        "import io, sys; from bbq import views\n"
        "class T(io.StringIO):\n    def isatty(self): return True\n"
        "v = views.get('human', T(), environ={'TERM': 'xterm'}); v.message('hello'); v.deployments([], now=0.0)\n"
        "assert type(v).__name__ == 'LiveView' and v.stream.getvalue() == 'hello\\nno deployments\\n'\n"
        "assert not {'rich', 'yaml', 'jinja2', 'oslo_config'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
