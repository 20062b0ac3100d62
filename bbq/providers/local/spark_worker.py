"""A worker of a Spark standalone cluster."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from bbq.engine.contract import Check, Handle, PermanentFault, Tag, Wanted
from bbq.providers.local.process import NodeDir, Restart, Unit
from bbq.providers.local.spark import SparkResource, get_json, master_json, spark_home
from bbq.providers.spark_properties import megabytes
from bbq.providers.supervisor import proc

_DRAIN_SECONDS = 30.0


class SparkWorker(SparkResource):
    type = "bbq.nodes.local.SparkWorker"
    probe_looks = True
    updatable = frozenset({"master"})
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 120.0, "delete": 90.0}

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        master = wanted.target("master")
        if master is None:
            raise PermanentFault("a Spark worker needs a master")
        properties = {
            "spark.worker.cleanup.enabled": "true",
            "spark.decommission.enabled": "true",
            "spark.ui.killEnabled": "false",
        }
        unit = Unit(
            argv=[
                str(spark_home() / "bin" / "spark-class"),
                "org.apache.spark.deploy.worker.Worker",
                *("--host", "127.0.0.1", "--port", str(node.port("rpc")), "--webui-port", str(node.port("web"))),
                *("--cores", str(wanted.properties.get("cores") or 1)),
                *("--memory", f"{megabytes(wanted.properties.get('memory') or '1100 MB')}m"),
                *("--work-dir", str(node.directory("work"))),
                str(master.attributes["master_url"]),
            ],
            env=self.environment(node),
            files=self.configuration(properties, master.attributes["auth_secret"]),
            # It gives up when it cannot reach its master for some minutes, with code 1: then another try is right.
            restart=Restart("on-failure"),
        )
        return {"main": unit}

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        ports = node.ports()
        master = wanted.target("master")
        return {
            "port": ports["rpc"],
            "webui_url": f"http://127.0.0.1:{ports['web']}",
            "master_webui_url": master.attributes["webui_url"] if master else "",
        }

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        try:
            workers = master_json(handle.attributes["master_webui_url"])["workers"]
        except (OSError, ValueError, KeyError) as error:
            return Check(False, f"the master does not answer: {error}")
        states = [worker["state"] for worker in workers if worker["port"] == handle.attributes["port"]]
        alive = "ALIVE" in states
        return Check(
            alive, "" if alive else f"the master has it as {states[-1]}" if states else "the master does not know it yet"
        )

    def delete(self, handle: Handle, tag: Tag) -> None:
        self._drain(handle)
        super().delete(handle, tag)

    def _drain(self, handle: Handle) -> None:
        """Let running tasks end: SIGPWR decommissions a worker and its executors, which end after their last task."""
        node = self.node_dir(handle.id)
        deadline = time.monotonic() + _DRAIN_SECONDS
        asked = False
        while time.monotonic() < deadline and (worker := self._process(node)):
            try:
                if not get_json(f"{handle.attributes['webui_url']}/json/")["executors"]:
                    return
            except (OSError, ValueError, KeyError) as error:
                if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
                    return
            if not asked:
                asked = proc.send(worker, signal.SIGPWR)
            time.sleep(0.2)

    def _process(self, node: NodeDir) -> proc.Process | None:
        """The worker itself, where it runs."""
        for unit in node.units():
            found = proc.process(unit.pid) if unit.supervised else None
            if found is not None and found.start_time == unit.start_time:
                return found
        return None
