"""What Spark's master, workers and applications have in common: where it is, its environment, its configuration, its JSON."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from bbq.engine.contract import ConfigurationFault, ProviderFault
from bbq.providers.local.java import OPTIONS, find_java, java_home
from bbq.providers.local.process import NodeDir, ProcessResource
from bbq.providers.spark_properties import properties_file
from bbq.topology.model import Node
from bbq.topology.values import Secret

CONF = "conf"
_LOG4J = """rootLogger.level = {level}
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %p %c{1}: %m%n%ex
"""
_fresh: dict[str, tuple[float, dict[str, Any] | OSError | ValueError]] = {}
_fresh_lock = threading.Lock()


def spark_home() -> Path:
    """pyspark's directory; `ConfigurationFault` where it is missing or too old."""
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ConfigurationFault("Spark is not installed", hint="pip install 'bbq[spark]'")
    home = Path(spec.origin).parent
    if not (home / "bin" / "spark-class").exists() or not (home / "jars").is_dir():
        raise ConfigurationFault(
            f"{home} is a pyspark without a Spark in it", hint="pip install 'bbq[spark]' (not pyspark-client)"
        )
    return home


def master_json(webui_url: str) -> dict[str, Any]:
    """What the master says of itself, its workers and applications; at most some 100 ms old, so that the probes of all workers
    in one tick cost one request, answered or not. `OSError` or `ValueError` where it does not answer."""
    with _fresh_lock:
        at, known = _fresh.get(webui_url, (-math.inf, {}))
        if time.monotonic() - at > 0.15:
            try:
                known = get_json(f"{webui_url}/json/")
            except (OSError, ValueError) as error:
                known = error
            _fresh[webui_url] = (time.monotonic(), known)
    if isinstance(known, Exception):
        raise known
    return known


def get_json(url: str, timeout: float = 3.0) -> Any:
    with build_opener(ProxyHandler({})).open(url, timeout=timeout) as answer:
        return json.load(answer)


class SparkResource(ProcessResource):
    """One Java process of Spark, with a configuration directory of its own."""

    def environment(self, node: NodeDir) -> dict[str, Any]:
        """Only loopback, only our configuration; the Python of executors and drivers is the one that runs bbq."""
        java = find_java(self.context.options.get("java_home"))
        return {
            "SPARK_HOME": str(spark_home()),
            "SPARK_CONF_DIR": str(node.path / CONF),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_HOSTNAME": "127.0.0.1",
            "SPARK_PUBLIC_DNS": "127.0.0.1",
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_ENV_LOADED": "1",
            "SPARK_LOCAL_DIRS": str(node.directory("scratch")),
            "SPARK_LAUNCHER_OPTS": " ".join(OPTIONS),
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": " ".join([*OPTIONS, java_option(f"-Djava.io.tmpdir={node.temporary()}")]),
            "JAVA_HOME": str(java_home(java, node.path)),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }

    def configuration(self, properties: Mapping[str, Any], secret: Any, level: str = "info") -> dict[str, Any]:
        """The files of the configuration directory. With the secret, so 0600; it is on nobody's command line."""
        text = secret.reveal() if isinstance(secret, Secret) else str(secret)
        common = {"spark.authenticate": "true", "spark.authenticate.secret": text}
        return {
            f"{CONF}/spark-defaults.conf": Secret(properties_file({**properties, **common})),
            f"{CONF}/log4j2.properties": _LOG4J.replace("{level}", level),
        }

    def preflight(self, node: Node) -> list[str]:
        problems = [] if shutil.which("bash") else [f"node {node.name}: Spark's programs need bash, which is not installed"]
        for check in (spark_home, lambda: find_java(self.context.options.get("java_home"))):
            try:
                check()
            except ProviderFault as fault:
                problems.append(f"{fault}: {getattr(fault, 'hint', '')}")
        return problems


def java_option(option: str) -> str:
    """Quoted for the variables that Spark's launcher splits like a shell."""
    return '"' + option.replace("\\", "\\\\").replace('"', '\\"') + '"'
