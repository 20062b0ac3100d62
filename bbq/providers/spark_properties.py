"""Spark's properties, whatever the provider: their file, their sizes, and which of them may hold secrets.
https://spark.apache.org/docs/latest/configuration.html"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bbq.engine.contract import PermanentFault
from bbq.topology.values import Secret, contains, revealed

_REDACTED = "(?i)secret|password|token|access[.]?key|credential"
"""Spark's own default of `spark.redaction.regex`: https://spark.apache.org/docs/latest/configuration.html"""
_EXPOSED = re.compile(
    r"spark\.(auth|rpc|network|ssl(?!.*Password)).*|spark\.(.*\.)?port(\..*)?"
    r"|spark\.(driver|executor)\.(extra\w+|defaultJavaOptions)|spark\.app\.name"
)
"""What goes into the arguments of the JVMs that spark-submit (JavaSparkSubmit) and a worker (SparkConf.isExecutorStartupConf in
core/src/main/scala/org/apache/spark/SparkConf.scala) start, or into a title."""
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kMGT]?)i?B\s*", re.IGNORECASE)
_MEGABYTES = {"": 1 / 1024**2, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1024**2}


def megabytes(size: Any) -> int:
    """A scalar-unit.size in the megabytes of Spark (1024^2 bytes); a number is bytes."""
    if isinstance(size, (int, float)):
        return max(1, int(size / 1024**2))
    match = _SIZE.fullmatch(str(size))
    if match is None:
        raise PermanentFault(f"{size!r} is not a size", hint="for example: 512 MB")
    return max(1, int(float(match[1]) * _MEGABYTES[match[2].lower()]))


def properties_file(properties: Mapping[str, Any]) -> str:
    """In the format of java.util.Properties, as `spark-submit --properties-file` reads it. Secrets are opened."""
    lines = []
    for key, value in properties.items():
        text = str(revealed(value)).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        lines.append(f"{key} {text}\n")
    return "".join(lines)


def redacted(properties: Mapping[str, Any]) -> dict[str, Any]:
    """With the order to Spark to show no value that is secret here, whatever its name: in its pages, its API, its event log."""
    # Hadoop's own properties are listed once more, without the prefix that they have among Spark's.
    hidden = [re.escape(re.sub(r"^spark\.(hadoop\.)?", "", key)) for key, value in properties.items() if _secret(value)]
    if not hidden:
        return dict(properties)
    given = properties.get("spark.redaction.regex") or _REDACTED
    return {**properties, "spark.redaction.regex": f"{given}|^(spark\\.(hadoop\\.)?)?({'|'.join(hidden)})$"}


def exposed(node: str, properties: Mapping[str, Any], where: str) -> list[str]:
    """A problem for each Spark property of the node `node` that has a secret in it and that Spark shows, most of them in an
    argument list, to everybody `where` it runs."""
    configuration = properties.get("configuration")
    return [
        f"node {node}: a secret in the Spark property {key} could be read by everybody on the {where}: "
        "give it to the program in `environment`, or in a property of another name"
        for key, value in (configuration.items() if isinstance(configuration, Mapping) else ())
        if _secret(value) and _EXPOSED.fullmatch(key)
    ]


def application_properties(given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """What the template may change, for an application whose node has the properties `given`; `usual` is the provider's."""
    return {
        "spark.driver.memory": f"{megabytes(given.get('driver_memory') or '512 MB')}m",
        "spark.executor.memory": f"{megabytes(given.get('executor_memory') or '512 MB')}m",
        # Default 200: made for clusters, seconds of overhead for every shuffle of a small one.
        "spark.sql.shuffle.partitions": "2",
        "spark.decommission.enabled": "true",
        **usual,
        **redacted({str(key): value for key, value in (given.get("configuration") or {}).items()}),
    }


def client_mode(master_url: Any, host: str, ui_port: int) -> dict[str, Any]:
    """What the template may not change: its driver is a process on `host`, with a page of its own."""
    return {
        "spark.master": master_url,
        "spark.submit.deployMode": "client",
        "spark.driver.host": host,
        "spark.driver.bindAddress": host,
        "spark.ui.enabled": "true",
        "spark.ui.port": ui_port,
        "spark.ui.showConsoleProgress": "false",
    }


def _secret(value: Any) -> bool:
    return contains(value, lambda item: isinstance(item, Secret))
