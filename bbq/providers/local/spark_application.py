"""`bbq.nodes.SparkApplication`: submitted in client mode. A batch job is ready when it ended well, a streaming one when it
runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from bbq.engine.contract import Check, Handle, PermanentFault, State, Wanted
from bbq.providers.applications import arguments
from bbq.providers.local.application import Application, missing_file
from bbq.providers.local.java import OPTIONS
from bbq.providers.local.process import LAST_LINES, NodeDir, Restart, Unit, UnitState, worst
from bbq.providers.local.spark import (
    CONF,
    SparkResource,
    get_json,
    java_option,
    master_json,
    spark_home,
)
from bbq.providers.spark_properties import application_properties, client_mode, exposed
from bbq.topology.model import Node

_EXCEPTION = re.compile(r"(Caused by: )?([\w$]+\.)*[\w$]*(Error|Exception|Interrupt|Exit|Fault)\b")
_START_SECONDS = 120.0


def _never_ran(unit: UnitState) -> bool:
    """Its first run gave up by itself, and soon: an error in the program, which a second start would only repeat (though it is
    made). A driver that was killed, or that failed later, is worth its restart."""
    return unit.phase == "backoff" and unit.ended_run == 1 and bool(unit.code) and unit.ran < _START_SECONDS


class SparkApplication(SparkResource, Application):
    """The driver is an ordinary process of ours, so a streaming driver that dies is started again, with the same state
    directory (BBQ_STATE_DIR), in which its checkpoints belong. Its working directory is that directory, too."""

    type = "bbq.nodes.SparkApplication"
    updatable = frozenset(
        {
            "arguments",
            "cluster",
            "configuration",
            "connection",
            "driver_memory",
            "environment",
            "executor_memory",
            "file",
            "source_digests",
        }
    )
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 3600.0, "delete": 60.0}

    def preflight(self, node: Node) -> list[str]:
        file = node.properties.get("file")
        missing = missing_file(node, Path(file)) if isinstance(file, str) else []
        return [*super().preflight(node), *missing, *exposed(node.name, node.properties, "machine")]

    def interruption(self, node: Node) -> str:
        return "it runs again from its start, also where it has not ended yet" if self.runs_once(node) else ""

    def runs_once(self, node: Node) -> bool:
        return node.properties.get("mode") != "streaming"  # which goes on from its checkpoints

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        cluster = wanted.target("cluster")
        if cluster is None:
            raise PermanentFault("a Spark application needs a cluster")
        properties = wanted.properties
        for problem in exposed(wanted.tag.node, properties, "machine"):
            raise PermanentFault(problem)
        file = Path(wanted.template_dir, str(properties["file"])).resolve()
        if not file.is_file():
            raise PermanentFault(f"{wanted.tag.node}: there is no file {file}")
        streaming = properties.get("mode") == "streaming"
        secret = cluster.attributes.get("auth_secret")
        unit = Unit(
            argv=[
                str(spark_home() / "bin" / "spark-submit"),
                *("--properties-file", str(node.path / CONF / "spark-defaults.conf")),
                str(file),
                *arguments(wanted, "arguments"),
            ],
            env={**self.environment(node), **self.application_environment(node, wanted)},
            files={
                **self.configuration(
                    self._spark_properties(node, wanted, str(cluster.attributes["master_url"])), secret, "warn"
                ),
                **self.application_files(wanted),
            },
            cwd=str(node.directory("state")),
            restart=Restart("on-failure", backoff=3.0) if streaming else Restart("never"),
            grace=20.0,
        )
        return {"main": unit}

    def _spark_properties(self, node: NodeDir, wanted: Wanted, master_url: str) -> dict[str, Any]:
        temporary = java_option(f"-Djava.io.tmpdir={node.temporary()}")
        usual = {
            "spark.app.name": wanted.tag.node,
            "spark.driver.extraJavaOptions": " ".join([*OPTIONS, temporary]),
            "spark.executor.extraJavaOptions": " ".join([*OPTIONS, "-Djava.io.tmpdir=."]),
            "spark.executor.logs.rolling.strategy": "size",
            "spark.executor.logs.rolling.maxSize": str(10 * 1024 * 1024),
            "spark.executor.logs.rolling.maxRetainedFiles": "3",
            "spark.sql.warehouse.dir": node.directory("state") / "warehouse",
        }
        return {
            **application_properties(wanted.properties, usual),
            **client_mode(master_url, "127.0.0.1", node.port("ui")),
        }

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        cluster = wanted.target("cluster")
        return {
            "state": "SUBMITTED",
            "ui_url": f"http://127.0.0.1:{node.ports()['ui']}",
            "cluster_webui_url": cluster.attributes["webui_url"] if cluster else "",
        }

    def state(self, node: NodeDir, units: Sequence[UnitState]) -> State:
        streaming = node.spec("main").get("restart", {}).get("policy") == "on-failure"
        if streaming:
            broken = [unit for unit in units if _never_ran(unit)]
            return State("failed", failed=True, detail=f"its driver {broken[0].how}") if broken else worst(units)
        if any(unit.phase == "running" for unit in units):
            return State("running", detail="the job has not ended yet", stage="booted", attributes={"state": "RUNNING"})
        found = worst(units, ended_well=True)
        state = "FINISHED" if found.ready else "FAILED" if found.failed else "SUBMITTED"
        return State(found.name, found.ready, found.failed, found.detail, found.stage, {"state": state})

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """A streaming job runs when its driver has executors; the driver's own monitoring API knows."""
        if wanted.properties.get("mode") != "streaming":
            return Check(True)
        api = f"{handle.attributes['ui_url']}/api/v1/applications"
        try:
            applications = get_json(api)
            executors = get_json(f"{api}/{applications[0]['id']}/executors") if applications else []
        except (OSError, ValueError, KeyError):
            return Check(False, "its driver starts")
        if any(one["id"] != "driver" and one["isActive"] for one in executors):
            return Check(True, attributes={"state": "RUNNING"})
        return Check(False, self._why_no_executors(str(handle.attributes["cluster_webui_url"])))

    def _why_no_executors(self, webui_url: str) -> str:
        try:
            cluster = master_json(webui_url)
            free = cluster["cores"] - cluster["coresused"]
        except (OSError, ValueError, KeyError):
            return "it waits for executors"
        return f"it waits for executors; {free} of the cluster's {cluster['cores']} cores are free"

    def cause(self, lines: Sequence[str]) -> Sequence[str]:
        """The last traceback of Python; else the last exception of Java, not Spark's words on shutting down after it."""
        first = max((number for number, line in enumerate(lines) if line.startswith("Traceback ")), default=None)
        if first is not None:
            last = next((n for n in range(first + 1, len(lines)) if not lines[n].startswith(" ")), len(lines) - 1)
        else:
            last = max((number for number, line in enumerate(lines) if _EXCEPTION.match(line)), default=len(lines) - 1)
        return lines[max(first or 0, last + 1 - LAST_LINES) : last + 1]
