"""The cells of the matrix: kill, look, carry on in one of several ways, look again. What they return is what was wrong.

A cell runs in a lane, one of a few processes that have everything imported; what is killed is a child of the lane.
"""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

from kill_deployment import NAME, SCENARIOS, TOKEN, State, change, configuration, plain, state_of, topology
from kill_process import Command, Ended, Place

from bbq.operations.change import Change
from bbq.operations.prepare import prepare_resume
from bbq.operations.workspace import Workspace

FLAKY = {
    "LATENCY_MAX": "2",
    "ERROR_BEFORE": "0.05",
    "THROTTLE": "0.05",
    "ERROR_AFTER": "0.1",
    "LOST_RESPONSE": "0.05",
    "LIST_LAG": "2",
}
WAYS = ("again", "resume", "back", "away", "killed twice")
"""How one carries on after a kill: the same command again, `resume`, towards what was there before, `destroy`, or `resume`,
which is killed, too, and then `resume`."""


@dataclass(frozen=True)
class Scenario:
    """`points` names them in order; `made` says how often a thing was made for each node when nobody was killed."""

    name: str
    directory: Path
    templates: Path
    points: tuple[str, ...]
    made: Counter[str]

    @property
    def before(self) -> State | None:
        return SCENARIOS[self.name][0]

    @property
    def after(self) -> State | None:
        return SCENARIOS[self.name][1]

    def ways(self) -> tuple[str, ...]:
        """Those that differ."""
        if self.before is None:
            return tuple(way for way in WAYS if way != "back")  # that is `away`
        return WAYS if self.after is not None else ("again", "resume", "killed twice")  # what is being destroyed is to go

    def worthwhile(self, point: int, there: bool, recorded: State | None) -> tuple[str, ...]:
        """Once the journal has what is wanted, the same command again is what `resume` is; a second kill is at random, so every
        other point has one."""
        skipped = {"again"} if there and recorded == self.after else set()
        if point % 2:
            skipped.add("killed twice")
        return tuple(way for way in self.ways() if way not in skipped)

    def victim(self, name: str) -> Victim:
        return Victim(self, Place(self.directory / "before", self.templates).copy(name))


def prepare(name: str, directory: Path, templates: Path) -> Scenario:
    """What is there before, and a rehearsal of the run."""
    scenario = Scenario(name, directory, templates, (), Counter())
    place = Place(directory / "before", templates)
    place.directory.mkdir(parents=True)
    if scenario.before is not None:
        place.run(lambda workspace: change(workspace, templates, None, scenario.before))
    problems = Victim(scenario, place).problems(scenario.before)
    rehearsal = scenario.victim("rehearsal")
    points = rehearsal.place.process(rehearsal.towards(scenario.after)).points
    problems += rehearsal.problems(scenario.after)
    made = Counter(thing.tag.node for thing in rehearsal.place.things())
    rehearsal.place.remove()
    assert not problems, problems
    return Scenario(name, directory, templates, points, made)


class Victim:
    def __init__(self, scenario: Scenario, place: Place) -> None:
        self.scenario = scenario
        self.place = place
        self.password: str | None = None

    def towards(self, wanted: State | None) -> Command:
        """The scenario's command, or the one that a user gives who wants something else instead."""
        now = self.scenario.after if wanted != self.scenario.after else self.scenario.before
        return lambda workspace: change(workspace, self.scenario.templates, now, wanted)

    def crashed(self) -> tuple[bool, State | None, list[str]]:
        """Right after a kill: is the deployment there, what would `resume` make of it, and what is wrong?

        The journal names every thing that exists, and nothing exists twice.
        """
        # at a copy: to open a journal is to mend what a killed process left, which the next command shall do
        seen = Victim(self.scenario, self.place.copy(f"{self.place.directory.name}-seen"))
        row, records, secrets = seen.place.look()
        self.password = seen.password = secrets.get("db.password") if secrets else None
        living = seen.place.living()
        problems = [f"{node} exists and no record names it" for node in living.keys() - records.keys()]
        problems += [f"{node} exists {len(things)} times" for node, things in living.items() if len(things) > 1]
        wanted = state_of(row)
        if row is not None and wanted is not None and wanted not in (self.scenario.before, self.scenario.after):
            problems.append(f"the journal wants {wanted}, which nobody asked for")
        problems += seen.shown()
        seen.place.remove()
        return row is not None, wanted, problems

    def problems(self, wanted: State | None) -> list[str]:
        """At the end: what is wanted exists once, as wanted, and is recorded; nothing else exists."""
        living = self.place.living()
        row, records, secrets = self.place.look()
        if wanted is None:
            left = [str(path.relative_to(self.place.directory)) for path in self._left()]
            return ["it is still there"] * (row is not None) + [f"{node} is left" for node in living] + left
        if row is None or secrets is None:
            return ["there is no deployment"]
        password = secrets.get("db.password")
        expected = topology(self.scenario.templates, wanted).nodes
        problems = [f"its status is {row.status}"] * (row.status != "active")
        problems += [f"{wanted} is wanted, {state_of(row)} is recorded"] * (state_of(row) != wanted)
        if password is None or self.password not in (None, password):
            problems.append("the generated password is another one")
        names = {name for name, node in expected.items() if not node.composite}
        problems += [f"{name} is missing" for name in names - living.keys()]
        problems += [f"{name} should not exist" for name in living.keys() - names]
        problems += [f"{name} should not be recorded" for name in records.keys() - expected.keys()]
        for name, node in expected.items():
            record = records.get(name)
            if record is None or record.status != "ready":
                problems.append(f"{name} is recorded as {record.status if record else 'nothing'}")
            things = living.get(name, [])
            problems += [f"{name} exists {len(things)} times"] * (len(things) > 1)
            for thing in things:
                if record is not None and record.handle != thing.id:
                    problems.append(f"{name} is {thing.id}, and recorded as {record.handle}")
                for target in (edge.target for edge in node.edges if edge.requirement == "connection"):
                    if [thing.connected.get(target)] != [other.id for other in living.get(target, ())]:
                        problems.append(f"{name} is connected to {thing.connected.get(target)}, which is not {target}")
                if plain(node.properties).items() - thing.properties.items():
                    problems.append(f"{name} has {thing.properties}, wanted is {plain(node.properties)}")
        return problems + self.place.changes(self.towards(wanted)) + self.shown()

    def remade(self) -> list[str]:
        """Where nothing but the kill went wrong, nothing is made that would not have been made without it."""
        made = Counter(thing.tag.node for thing in self.place.things())
        usual = self.scenario.made
        return [f"{node} was made {n} times, not {usual[node]}" for node, n in made.items() if n > usual[node]]

    def shown(self) -> list[str]:
        content = b"".join(path.read_bytes() for path in self.place.directory.glob("journal.db*"))
        return ["the journal holds a secret"] * any(s.encode() in content for s in (TOKEN, self.password) if s)

    def _left(self) -> list[Path]:
        return [path for place in ("secrets", "deployments") for path in (self.place.directory / place).glob("*")]


def kill_at(scenario: Scenario, point: int, ways: tuple[str, ...] | None = None) -> list[str]:
    """Kill at one point, carry on in each of the ways (by default all that are worthwhile)."""
    name = f"victim{point}"
    victim = scenario.victim(name)
    if not victim.place.process(victim.towards(scenario.after), kill_at=point).killed:
        return [f"point {point}: the run has no such point"]
    there, recorded, problems = victim.crashed()
    told = [f"killed: {problem}" for problem in problems]
    for way in ways or scenario.worthwhile(point, there, recorded):
        other = Victim(scenario, victim.place.copy(f"{name}-{way.replace(' ', '-')}"))
        other.password = victim.password
        try:
            told += [f"{way}: {problem}" for problem in carry_on(other, way, there, recorded, point)]
        except Exception as error:  # noqa: BLE001 - whatever it is, it ended badly
            told.append(f"{way}: {type(error).__name__}: {error}")
        other.place.remove()
    victim.place.remove()
    return [f"point {point} ({scenario.points[point - 1]}): {each}" for each in told]


def carry_on(victim: Victim, way: str, there: bool, recorded: State | None, point: int) -> list[str]:
    scenario = victim.scenario
    if way == "killed twice":
        ended = victim.place.process(resume, kill_at=Random(point).randrange(1, len(scenario.points)))
        if ended.killed:
            there, recorded, problems = victim.crashed()
            return problems + resumed(victim, there, recorded)
        if not ended.refused:  # it got through
            return victim.problems(recorded)
    if way in ("resume", "killed twice"):
        return resumed(victim, there, recorded)
    wanted = {"again": scenario.after, "back": scenario.before, "away": None}[way]
    ended = victim.place.run(victim.towards(wanted))
    if not there and wanted is None:
        return refused(ended, "there is no deployment") + victim.problems(None)
    return refused(ended, "") + victim.problems(wanted) + victim.remade() * (way == "again")


def resume(workspace: Workspace) -> Change:
    return prepare_resume(workspace, NAME)


def resumed(victim: Victim, there: bool, recorded: State | None) -> list[str]:
    ended = victim.place.run(resume)
    if not there:
        return refused(ended, "there is no deployment") + victim.problems(None)
    problems = []
    if "was lost in a crash" in ended.refused:  # killed before the secrets that the user gave were written: nothing was made
        problems = [f"{node} was made without its secret" for node in victim.place.living()]
        recorded = victim.scenario.after
        ended = victim.place.run(victim.towards(recorded))
    remade = victim.remade() if recorded == victim.scenario.after else []
    return [*problems, *refused(ended, ""), *victim.problems(recorded), *remade]


def refused(ended: Ended, text: str) -> list[str]:
    if text and text not in ended.refused:
        return [f"it was not refused: {ended}"]
    return [f"it was refused: {ended.refused}"] if ended.refused and not text else []


def again_and_again(scenario: Scenario) -> list[str]:
    """Every resume is killed, too, a little later each time, until one gets through."""
    victim, step = scenario.victim("again-and-again"), max(1, len(scenario.points) // 8)
    told: list[str] = []
    victim.place.process(victim.towards(scenario.after), kill_at=step)
    for point in range(2 * step, 100 * step, step):
        there, _, problems = victim.crashed()
        told += [f"killed at {point - step}: {problem}" for problem in problems]
        if not there and scenario.after is None:
            break
        ended = victim.place.process(resume if there else victim.towards(scenario.after), kill_at=point)
        if not ended.killed:
            told += refused(ended, "")
            break
    told += victim.problems(scenario.after) + victim.remade()
    victim.place.remove()
    return told


def on_a_flaky_cloud(scenario: Scenario, seed: int) -> list[str]:
    """Lost answers, throttling and 5xx before, during and after the kills."""
    choose = Random(f"{scenario.name}{seed}")
    victim = scenario.victim(f"flaky{seed}")
    told: list[str] = []
    for number in range(4):
        faults = FLAKY | {"SEED": str(choose.randrange(1000))}
        point = choose.randrange(1, len(scenario.points))
        if not victim.place.process(victim.towards(scenario.after), kill_at=point, faults=faults).killed:
            break
        there, _, problems = victim.crashed()
        told += [f"seed {seed}, kill {number}: {problem}" for problem in problems]
        if not there and scenario.after is None:
            break
    else:
        victim.place.run(victim.towards(scenario.after), faults=FLAKY | {"SEED": str(seed)})
    told += [f"seed {seed}: {problem}" for problem in victim.problems(scenario.after)]
    victim.place.remove()
    return told


def warm_up(templates: Path) -> None:
    """What a lane does first: see to it that it does not outlive the tests, and import whatever a command needs, so that no
    child has to."""
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    with tempfile.TemporaryDirectory() as home, Workspace(configuration(templates, Path(home), {})) as workspace:
        for wanted in (State(), None):
            change(workspace, templates, None, wanted).run().raise_for_failure()
    gc.collect()
    gc.freeze()  # or each child would copy what its collector looks at


def _end_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)
