"""The plain view: what it says, and that nothing in it can act on a terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from bbq import views
from bbq.diagnostics import Verdict
from bbq.errors import ConfigurationError, TemplateError, UsageError
from bbq.journal.model import DeploymentRow, Event, Record
from bbq.plan.model import Action, FieldChange, Plan, Step
from bbq.topology.values import UNKNOWN, Attribute, Secret
from bbq.views.clean import clean, one_line
from bbq.views.human import HumanView

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def shown(act, **options) -> str:
    """What `act(view)` prints, without colour; checked for control characters."""
    stream = io.StringIO()
    act(HumanView(stream, **options))
    text = stream.getvalue()
    assert not CONTROL.search(text), "a control character got through"
    return text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain\ttab\nline", "plain\ttab\nline"),
        ("\x1b[1;31mred\x1b[m", "red"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;aGk=\x07", ""),
        ("\x1b]0;never ended", ""),
        ("\x9b31mred\x9d0;t\x9c!", "red!"),
        ("\x1bPq\x1b\\ok\x1bcreset", "okreset"),
        ("a\rb\x08\x7f", "ab"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("right\u202eleft\u2028line", "rightleft\nline"),
        ("ünïcode 漢字 🙂", "ünïcode 漢字 🙂"),
    ],
)
def test_clean(text: str, wanted: str) -> None:
    assert clean(text) == wanted


def test_one_line_is_one_line_of_that_width() -> None:
    assert one_line("a\n b\t c") == "a b c"
    assert one_line("x" * 50, 10) == "x" * 9 + "…"


def test_diagnostics_show_the_line_a_caret_and_the_hint(diagnostics, evil) -> None:
    text = shown(lambda view: view.diagnostics(diagnostics, verdicts=[Verdict("service.yaml", 1, 1)]))
    lines = text.splitlines()
    assert lines[0] == f"{diagnostics[0].file}:3:9: error BBQ-T001: unknown type {evil[1]}"
    assert lines[1].startswith("    3 |   type: bbq.nodes.Sparc # x\\x1b]0;title\\x07\\x1b[31mred"), "escaped, not obeyed"
    assert lines[2] == "      |         " + "^" * 15
    assert lines[3] == "  hint: did you mean bbq.nodes.Spark?"
    assert lines[4] == "  imported from main.yaml:2:5"
    assert lines[5] == "  first definition: a.yaml:1:1"
    assert "<input>: warning BBQ-T002: odd" in lines
    assert lines[-1] == "service.yaml: 1 error, 1 warning"
    assert shown(lambda view: view.diagnostics([], verdicts=[Verdict("s.yaml", 0, 0)])) == "s.yaml: valid\n"


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        ([("a", 0, 0), ("b", 0, 0)], "2 templates valid"),
        ([("a", 0, 0), ("b", 0, 1)], "2 templates valid: 1 error, 1 warning"),
        ([("a", 1, 1), ("b", 1, 0), ("c", 0, 0)], "2 of 3 templates invalid: 1 error, 1 warning"),
        ([("a", 1, 1), ("b", 1, 1)], "2 of 2 templates invalid: 1 error, 1 warning"),
    ],
)
def test_many_templates_have_one_summary(diagnostics, verdicts, text) -> None:
    """A file that two of them import is wrong once."""
    found = diagnostics if "error" in text else []
    verdicts = [Verdict(*item) for item in verdicts]
    assert shown(lambda view: view.diagnostics(found, verdicts=verdicts)).splitlines()[-1] == text
    verbose = shown(lambda view: view.diagnostics(found, verdicts=verdicts), verbose=True).splitlines()
    assert [line.partition(":")[0] for line in verbose[-1 - len(verdicts) : -1]] == [item.file for item in verdicts]


def test_plan_says_per_field_what_happens(plan: Plan, evil) -> None:
    text = shown(lambda view: view.plan(plan))
    assert '  + db  bbq.nodes.Database\n      + engine: "postgresql"\n' in text
    assert "  ~ spark  bbq.nodes.SparkCluster\n      ~ workers: 2 -> 3\n" in text
    assert "-> (known after apply)" in text
    assert "-/+ viewer  bbq.nodes.Service  (its port changed)\n      ~ port: 1 -> 2  (forces replacement)\n" in text
    assert "secret: ******** -> ********" in text
    assert f"  - {evil[1]}" in text and f"warning: careful {evil[1]}" in text
    assert "same" not in text
    assert text.endswith("Plan for demo on local: 1 to create, 1 to update in place, 1 to replace, 1 to delete\n")
    assert "same" in shown(lambda view: view.plan(plan), verbose=True)
    assert shown(lambda view: view.plan(Plan("d", "local"))) == "Plan for d on local: nothing to do\n"


def test_plan_never_shows_a_secret() -> None:

    changes = (
        FieldChange("a", None, {"deep": [Secret("hunter2")]}),
        FieldChange("b", Secret("hunter2"), Attribute("db", ("url",))),
    )
    plan = Plan("d", "local", {"n": Step("n", "t", Action.CREATE, changes=(*changes, FieldChange("c", None, UNKNOWN)))})
    text = shown(lambda view: view.plan(plan))
    assert "hunter2" not in text and "********" in text and "(known after apply): db.url" in text


def test_events_as_lines(events: list[Event], evil) -> None:
    def act(view: HumanView) -> None:
        for event in events:
            view.event(event)

    assert [line.strip() for line in shown(act).splitlines()] == [
        "0.0s  apply started",
        "0.1s  db: creating",
        f"0.5s  db: waiting: tcp {evil[1]} (0.4s, about 2.0s left)",
        "1.0s  db: created",
        "3.1s  db: ready in 3.0s",
        f"4.0s  x: FAILED creating: boom {evil[1]}",
        "4.1s  stopping (interrupt): 2 still in flight, about 3.0s",
        "5.0s  finished: failed in 5.0s: x failed",
    ]
    assert "deployment.created" in shown(act, verbose=True)


def test_a_wait_is_told_again_when_it_changes_in_kind_and_ever_less_often_else() -> None:
    def act(view: HumanView) -> None:
        for second in range(400):
            awaited = f"port {second} %" if second % 2 or second < 5 else "workers"
            view.event(Event("step.waiting", float(second), "n", data={"awaited": awaited, "elapsed": float(second)}))
        view.event(Event("step.intent", 400.0, "n", "update"))
        view.event(Event("step.waiting", 401.0, "n", data={"awaited": "port 1 %", "elapsed": 1.0}))

    told = [(float(line.split("s")[0]), line.split(":")[-1].split()[0]) for line in shown(act).splitlines()]
    assert told[:2] == [(0.0, "port"), (6.0, "workers")], "a change in kind is news; another number is none"
    assert [at for at, _ in told[2:-2]] == [16.0, 36.0, 66.0, 126.0, 186.0, 246.0, 306.0, 366.0]
    assert told[-2:] == [(400.0, "updating"), (401.0, "port")], "a new step tells anew"


def test_a_failure_shows_the_end_of_the_log_and_the_runs_error_once() -> None:
    plan = Plan("d", "local", {"n": Step("n", "t", Action.CREATE)})
    cause = "it exited with code 1\nTraceback\n  File \x1b[31mx\nKeyError: 'y'"
    events = [
        Event("step.intent", 1.0, "n", "create"),
        Event("step.outcome", 2.0, "n", "create", stage="booted", data={"result": "failed", "cause": cause}),
        Event("run.finished", 2.0, data={"result": "failed", "elapsed": 1.0, "error": "n failed"}),
    ]

    def act(view: HumanView) -> None:
        with view.progress(plan):
            for event in events:
                view.event(event)

    assert [line.strip() for line in shown(act).splitlines()] == [
        "0.0s  n: creating",
        "1.0s  n: FAILED: it exited with code 1",
        "| Traceback",
        "|   File x",
        "| KeyError: 'y'",
        "1.0s  finished: failed in 1.0s",
    ]
    assert "finished: failed in 1.0s: n failed" in shown(lambda view: view.event(events[2])), "by itself it says why"


def test_status_shows_nodes_below_their_composite(row: DeploymentRow, records, evil) -> None:
    text = shown(lambda view: view.status(row, records, now=4600.0))
    lines = text.splitlines()
    assert lines[0] == "demo: active on local, 1 of 3 ready, age 1h, expires in 1h"
    assert lines[2].split() == ["NODE", "TYPE", "STATUS", "TOOK", "DETAIL"]
    assert lines[3].split() == ["db", "Database", "ready", "3.0s"]
    assert lines[4].startswith("spark ") and lines[5].startswith("  spark.master ")
    assert lines[5].endswith(evil[1])


def times(*records: Record, status: str = "active") -> list[str]:
    row = DeploymentRow("i", "d", "p", "t", 0.0, status)
    lines = shown(lambda view: view.status(row, {record.node: record for record in records}, now=50.0)).splitlines()
    return [line.split()[3] for line in lines[3:]]


def cluster(*workers: tuple[float, float]) -> list[Record]:
    names = [f"c.w[{number}]" for number in range(len(workers))]
    return [
        Record("c", "t", "ready", members=("c.m", *names), started_at=workers[-1][1], ready_at=workers[-1][1]),
        Record("c.m", "t", "ready", parent="c", started_at=2.0, ready_at=9.0),
        *(
            Record(name, "t", "ready", parent="c", depends_on=("c.m", "d"), started_at=start, ready_at=end)
            for name, (start, end) in zip(names, workers, strict=True)
        ),
    ]


def test_a_composite_takes_as_long_as_the_longest_chain_of_its_members() -> None:
    assert times(*cluster((9.0, 12.0), (9.0, 11.0))) == ["10s", "7.0s", "3.0s", "2.0s"]


def test_a_composite_that_was_scaled_or_repaired_later_is_no_slower_for_it() -> None:
    assert times(*cluster((9.0, 12.0), (4000.0, 4002.0))) == ["10s", "7.0s", "3.0s", "2.0s"]


def test_composites_of_composites_and_records_in_a_circle() -> None:
    inner = [replace(record, parent="o") if record.node == "c" else record for record in cluster((9.0, 12.0))]
    outer = Record("o", "t", "ready", members=("c", "e"), started_at=99.0, ready_at=99.0)
    after = Record("e", "t", "ready", parent="o", depends_on=("c",), started_at=12.0, ready_at=17.0)
    assert times(outer, *inner, after) == ["15s", "10s", "7.0s", "3.0s", "5.0s"]
    turned = [replace(record, depends_on=("c.w[0]",)) if record.node == "c.m" else record for record in cluster((9.0, 12.0))]
    assert times(*turned)[1:] == ["7.0s", "3.0s"]


def test_only_what_is_under_way_takes_longer_and_longer() -> None:
    begun = Record("n", "t", "created", started_at=10.0)
    assert times(begun, status="changing") == ["40s"]
    assert times(begun, status="interrupted") == ["-"]
    assert times(replace(begun, status="failed"), status="changing") == ["-"]
    assert times(replace(begun, status="deleting", ready_at=5.0), status="destroying") == ["40s"]
    assert times(replace(begun, status="failed", ready_at=13.0)) == ["3.0s"], "it was ready, and is gone now"


def test_a_composite_is_only_told_to_be_ready() -> None:
    names = ("c.m", "c", "d")
    plan = Plan("d", "p", {name: Step(name, "t", Action.CREATE) for name in names})

    def act(view: HumanView) -> None:
        with view.progress(plan):
            for name in names:
                view.event(Event("step.intent", 1.0, name, "create", attempt=1))
                view.event(Event("step.outcome", 1.0, name, "create", attempt=1, data={"result": "ok"}))
                view.event(Event("step.stage", 2.0, name, stage="ready"))

    told = [line.split("  ")[-1] for line in shown(act).splitlines()]
    assert told == [
        *("c.m: creating", "c.m: created", "c.m: ready in 1.0s"),
        "c: ready",
        *("d: creating", "d: created", "d: ready in 1.0s"),
    ]


def test_colour_is_outside_of_the_columns(row: DeploymentRow, records) -> None:
    plain, painted = io.StringIO(), io.StringIO()
    HumanView(plain).status(row, records, now=4600.0)
    HumanView(painted, color=True).status(row, records, now=4600.0)
    assert "\x1b[32mready\x1b[0m" in painted.getvalue()
    assert re.sub(r"\x1b\[\d+m", "", painted.getvalue()) == plain.getvalue()


def test_outputs_mask_secrets_unless_asked(evil) -> None:
    values = {"url": f"http://h {evil[0]}", "password": Secret("hunter2"), "list": [1, Secret("hunter2")]}
    text = shown(lambda view: view.outputs(values))
    assert "hunter2" not in text
    assert text.splitlines()[0] == f"url      = http://h {evil[1]}"
    assert text.splitlines()[1] == "password = ********"
    assert shown(lambda view: view.outputs(values, show_secrets=True)).count("hunter2") == 2


def test_deployments(row: DeploymentRow) -> None:
    lines = shown(lambda view: view.deployments([row], now=4600.0)).splitlines()
    assert lines[1].split() == ["demo", "active", "local", "1h", "in", "1h", "service.yaml"]
    assert shown(lambda view: view.deployments([], now=0.0)) == "no deployments\n"


def test_errors_and_notices_go_to_the_other_stream(diagnostics, evil) -> None:
    stream, err = io.StringIO(), io.StringIO()
    view = HumanView(stream, err=err)
    view.error(TemplateError(f"2 problems {evil[0]}", diagnostics, hint="look at them"))
    view.message("noted")
    assert stream.getvalue() == ""
    assert "BBQ-T001" in err.getvalue()
    assert err.getvalue().endswith(f"error: 2 problems {evil[1]}\nhint: look at them\nnoted\n")
    view.error(RuntimeError())
    assert err.getvalue().endswith("error: RuntimeError\n")


def test_tables_data_and_logs(evil) -> None:
    assert shown(lambda view: view.table("config", ["option", "value"], [["a", Secret("hunter2")], ["long", None]])) == (
        "OPTION  VALUE\na       ********\nlong    -\n"
    )
    assert shown(lambda view: view.data("stats", {"ready": 3, "x": Secret("hunter2")})) == "ready  3\nx      ********\n"
    assert shown(lambda view: view.log("db", f"line {evil[0]}\n")) == f"db | line {evil[1]}\n"


def test_a_stream_that_is_not_utf8_gets_what_it_can_take() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    HumanView(stream).message("schön … 漢")
    stream.flush()
    assert raw.getvalue() == b"sch?n ? ?\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "kind", "color"),
    [
        (Terminal, {"TERM": "xterm"}, "LiveView", True),
        (Terminal, {"TERM": "xterm", "NO_COLOR": "1"}, "LiveView", False),
        (Terminal, {"TERM": "xterm", "NO_COLOR": ""}, "LiveView", True),
        (Terminal, {"TERM": "dumb"}, "HumanView", False),
        (Terminal, {"TERM": "xterm", "CI": "true"}, "HumanView", False),
        (io.StringIO, {"TERM": "xterm"}, "HumanView", False),
    ],
)
def test_get_respects_the_terminal_and_the_environment(stream, environ: dict[str, str], kind: str, color: bool) -> None:
    view = views.get("human", stream(), environ=environ)
    assert (type(view).__name__, view.color) == (kind, color)
    assert views.get("human", stream(), environ=environ, color=True).color


def test_get_names_the_formats() -> None:
    with pytest.raises(UsageError) as raised:
        views.get("xml", io.StringIO())
    assert "ndjson" in str(raised.value.hint)


def test_an_error_with_a_secretless_hint_only() -> None:
    text = shown(lambda view: view.error(ConfigurationError("no", hint="set [x] y")))
    assert text == "error: no\nhint: set [x] y\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "colored"),
    [({}, True), ({"TERM": "dumb"}, False), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"CI": "true"}, False)],
)
def test_findings_are_coloured_on_a_terminal_only(diagnostics, environ, colored) -> None:
    for stream, wanted in ((Terminal(), colored), (io.StringIO(), False)):
        views.reporter("human", stream, environ=environ).diagnostics(diagnostics)
        assert ("\x1b[31m^" in stream.getvalue()) == wanted, "the marks have the colour of the severity"
    for choice in (True, False):
        stream = io.StringIO()
        views.reporter("human", stream, environ=environ, color=choice).diagnostics(diagnostics)
        assert ("\x1b[" in stream.getvalue()) == choice
