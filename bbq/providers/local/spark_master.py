"""The master of a Spark standalone cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from bbq.engine.contract import Check, Handle, Wanted
from bbq.providers.local.process import NodeDir, Restart, Unit, tcp_check
from bbq.providers.local.spark import SparkResource, master_json, spark_home


class SparkMaster(SparkResource):
    """Its recovery mode is the file system: a master that was restarted knows its workers and applications."""

    type = "bbq.nodes.local.SparkMaster"
    probe_looks = True
    timeouts: ClassVar[Mapping[str, float]] = {"create": 60.0, "ready": 120.0, "delete": 60.0}

    def units(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Unit]:
        rpc, web = node.port("rpc", wanted.properties.get("port") or 0), node.port("web")
        properties = {
            "spark.master.rest.enabled": "false",
            "spark.ui.killEnabled": "false",
            "spark.deploy.recoveryMode": "FILESYSTEM",
            "spark.deploy.recoveryDirectory": node.directory("recovery"),
        }
        unit = Unit(
            argv=[
                str(spark_home() / "bin" / "spark-class"),
                "org.apache.spark.deploy.master.Master",
                *("--host", "127.0.0.1", "--port", str(rpc), "--webui-port", str(web)),
            ],
            env=self.environment(node),
            files=self.configuration(properties, wanted.properties["auth_secret"]),
            restart=Restart("on-failure"),
        )
        return {"main": unit}

    def attributes(self, node: NodeDir, wanted: Wanted) -> Mapping[str, Any]:
        ports = node.ports()
        return {
            "master_url": f"spark://127.0.0.1:{ports['rpc']}",
            "webui_url": f"http://127.0.0.1:{ports['web']}",
            "host": "127.0.0.1",
            "port": ports["rpc"],
            "auth_secret": wanted.properties["auth_secret"],
        }

    def probe(self, handle: Handle, wanted: Wanted) -> Check:
        """The RPC port first: workers that come before it is open wait for ten seconds before they try again."""
        check = tcp_check("127.0.0.1", handle.attributes["port"])
        if not check.ok:
            return check
        try:
            status = master_json(handle.attributes["webui_url"]).get("status")
        except (OSError, ValueError) as error:
            return Check(False, f"its web UI does not answer yet: {error}")
        return Check(status == "ALIVE", f"the master is {status}")
