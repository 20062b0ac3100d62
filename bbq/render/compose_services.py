"""One builder per node type: what it is in Docker Compose."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bbq.errors import UsageError
from bbq.render.compose import APP_DIR, APP_PORT, LIB_DIR, STATE_DIR, Context, service_name, variable
from bbq.render.secrets import defaulted, referenced
from bbq.topology.model import Node

PYTHON: Final = "python:3.12-slim-bookworm"
POSTGRESQL: Final = "postgres:17"
MARIADB: Final = "mariadb:11.4"
NATS: Final = "nats:2.12-alpine"
RABBITMQ: Final = "rabbitmq:3.13"
SPARK_VERSION: Final = "4.3.0"

_CLIENTS: Final = {
    "nats": "nats-py>=2.9",
    "rabbitmq": "pika>=1.3",
    "postgresql": "psycopg[binary]>=3.2",
    "mariadb": "PyMySQL>=1.1",
}
# The public Spark images carry Python 3.10, older than what applications may use.
_SPARK_IMAGE: Final = f"""\
FROM {PYTHON}
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless procps && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir 'pyspark=={SPARK_VERSION}' 'pyarrow>=15' {{clients}}
"""
_PYTHON_IMAGE: Final = f"FROM {PYTHON}\nRUN pip install --no-cache-dir {{clients}}\n"
_CHECK: Final = {"interval": "2s", "timeout": "5s", "retries": 60, "start_period": "5s"}
_MB: Final = {"b": 1e-6, "kb": 1e-3, "kib": 1024e-6, "mb": 1.0, "mib": 1.048576, "gb": 1e3, "gib": 1073.741824}

Builder = Callable[[Node, Context], None]


def builder(node: Node) -> Builder | None:
    """The builder of the nearest type of a node's ancestry."""
    return next((TYPES[name] for name in (node.ancestry or (node.type,)) if name in TYPES), None)


def queue(node: Node, context: Context) -> None:
    """A broker, and a service that ends when its queues are declared."""
    given, name = context.properties(node), service_name(node.name)
    engine, user, password = given["engine"], given["user"], given["password"]
    queues = given.get("queues") or [node.name]
    port = 4222 if engine == "nats" else 5672
    service: dict[str, Any] = {"restart": "unless-stopped", "volumes": [_volume(context, f"{name}-data", "/data")]}
    if engine == "nats":
        # NATS reads the variable as a value of its own language; the quotes keep any password a text.
        context.files[f"config/{name}.conf"] = (
            'port: 4222\nhttp: "127.0.0.1:8222"\njetstream { store_dir: "/data" }\n'
            f"authorization {{ user: {json.dumps(user)}, password: $QUEUE_PASSWORD }}\n"
        )
        service |= {
            "image": NATS,
            "command": ["--config", "/etc/nats/bbq.conf"],
            "environment": {"QUEUE_PASSWORD": f'"{password}"'},
            "healthcheck": {"test": ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8222/healthz"], **_CHECK},
        }
        service["volumes"].append(f"./config/{name}.conf:/etc/nats/bbq.conf:ro")
    else:
        service |= {
            "image": RABBITMQ,
            "hostname": name,  # RabbitMQ keeps its data under the host's name
            "environment": {"RABBITMQ_DEFAULT_USER": user, "RABBITMQ_DEFAULT_PASS": password},
            "healthcheck": {"test": ["CMD", "rabbitmq-diagnostics", "-q", "check_port_connectivity"], **_CHECK},
        }
        service["volumes"] = [_volume(context, f"{name}-data", "/var/lib/rabbitmq")]
    context.services[name] = service
    scheme = "nats" if engine == "nats" else "amqp"
    quoted = context.env.quoted(password)
    context.attributes[node.name] = {
        "url": f"{scheme}://{user}:{quoted}@{name}:{port}",
        "host": name,
        "port": port,
        "user": user,
        "password": password,
        "engine": engine,
        "queues": queues,
    }
    code = "import json, os; from bbq.handles import open_queue\nfor name in json.loads(os.environ['QUEUES']):"
    context.services[f"{name}-setup"] = {
        **_python(context, [engine]),
        "command": ["python", "-c", f"{code} open_queue(os.environ['URL'], name).declare()"],
        "environment": {
            "PYTHONPATH": LIB_DIR,
            "QUEUES": json.dumps(queues),
            "URL": context.attributes[node.name]["url"],
        },
        "volumes": [f"./lib:{LIB_DIR}:ro"],
        "depends_on": {name: {"condition": "service_healthy"}},
        "restart": "on-failure:5",
    }
    context.ready[node.name] = (f"{name}-setup", "service_completed_successfully")


def database(node: Node, context: Context) -> None:
    given, name = context.properties(node), service_name(node.name)
    engine, user, password, schema = given["engine"], given["user"], given["password"], given["database"]
    if engine not in ("postgresql", "mariadb"):
        raise UsageError(f"{node.name}: the engine {engine} has no server to run in Docker Compose")
    secret = referenced(password)
    if secret is None:
        raise UsageError(f"{node.name}: the password is no secret")
    context.secrets[secret.lower()] = {"environment": secret}
    file = f"/run/secrets/{secret.lower()}"
    if engine == "postgresql":
        service: dict[str, Any] = {
            "image": POSTGRESQL,
            "environment": {"POSTGRES_USER": user, "POSTGRES_DB": schema, "POSTGRES_PASSWORD_FILE": file},
            # By TCP: while it is being set up the server listens on its socket only.
            "healthcheck": {"test": ["CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", user, "-d", schema], **_CHECK},
            "volumes": [_volume(context, f"{name}-data", "/var/lib/postgresql/data")],
        }
        scheme, port = "postgresql", 5432
    else:
        service = {
            "image": MARIADB,
            "environment": {
                "MARIADB_USER": user,
                "MARIADB_DATABASE": schema,
                "MARIADB_PASSWORD_FILE": file,
                "MARIADB_RANDOM_ROOT_PASSWORD": "1",
            },
            "healthcheck": {"test": ["CMD", "healthcheck.sh", "--connect", "--innodb_initialized"], **_CHECK},
            "volumes": [_volume(context, f"{name}-data", "/var/lib/mysql")],
        }
        scheme, port = "mysql", 3306
    if given.get("schema_file"):
        service["volumes"].append(context.mount(given["schema_file"], "/docker-entrypoint-initdb.d/schema.sql"))
    context.services[name] = {**service, "secrets": [secret.lower()], "restart": "unless-stopped"}
    context.attributes[node.name] = {
        "url": f"{scheme}://{user}:{context.env.quoted(password)}@{name}:{port}/{schema}",
        "host": name,
        "port": port,
        "user": user,
        "password": password,
        "database": schema,
        "engine": engine,
    }
    context.ready[node.name] = (name, "service_healthy")


def spark(node: Node, context: Context) -> None:
    given, name = context.properties(node), service_name(node.name)
    image, address = _spark(context), ["--host", name, "--port", "7077", "--webui-port", "8080"]
    context.services[name] = {
        **image,
        "command": ["spark-class", "org.apache.spark.deploy.master.Master", *address],
        "ports": [_published(context, f"{variable(name)}_WEBUI_PORT", 8080, 8080)],
        "healthcheck": {"test": ["CMD", "python", "-c", _http(f"http://{name}:8080/json/")], **_CHECK},
        "restart": "unless-stopped",
    }
    memory = f"{_megabytes(given['worker_memory'])}m"
    worker = ["--cores", str(given["worker_cores"]), "--memory", memory, f"spark://{name}:7077"]
    context.services[f"{name}-worker"] = {
        **image,
        "command": ["spark-class", "org.apache.spark.deploy.worker.Worker", *worker],
        "deploy": {"replicas": given["workers"]},
        "depends_on": {name: {"condition": "service_healthy"}},
        "restart": "unless-stopped",
    }
    context.attributes[node.name] = {"master_url": f"spark://{name}:7077", "webui_url": f"http://{name}:8080"}
    context.ready[node.name] = (name, "service_healthy")


def spark_application(node: Node, context: Context) -> None:
    given, name = context.properties(node), service_name(node.name)
    cluster = next((edge.target for edge in node.edges if edge.requirement == "cluster"), None)
    if cluster is None:
        raise UsageError(f"{node.name}: a Spark application needs a cluster")
    settings = {
        "spark.driver.host": name,
        "spark.driver.memory": f"{_megabytes(given['driver_memory'])}m",
        "spark.executor.memory": f"{_megabytes(given['executor_memory'])}m",
        **(given.get("configuration") or {}),
    }
    master = context.attributes[cluster]["master_url"]
    confs = [part for key, value in settings.items() for part in ("--conf", f"{key}={value}")]
    program = [f"{APP_DIR}/{given['file']}", *map(str, given.get("arguments") or [])]
    streaming = given["mode"] == "streaming"
    context.services[name] = {
        **_spark(context),
        "command": ["spark-submit", "--master", master, "--deploy-mode", "client", *confs, *program],
        **_application(node, context, given),
        "restart": "unless-stopped" if streaming else "no",
    }
    context.ready[node.name] = (name, "service_started" if streaming else "service_completed_successfully")
    context.attributes[node.name] = {}


def service(node: Node, context: Context) -> None:
    given, name = context.properties(node), service_name(node.name)
    path = given.get("health_path")
    check = _http(f"http://127.0.0.1:{APP_PORT}{path}") if path else _tcp(APP_PORT)
    found = _command(node, context, given)
    found["environment"] = {"PORT": str(APP_PORT), "HOST": "0.0.0.0", **found["environment"]}
    context.services[name] = {
        **found,
        "ports": [_published(context, f"{variable(name)}_PORT", given.get("port") or APP_PORT, APP_PORT)],
        "healthcheck": {"test": ["CMD", "python", "-c", check], **_CHECK},
        "restart": "unless-stopped",
    }
    context.attributes[node.name] = {"url": f"http://{name}:{APP_PORT}", "host": name, "port": APP_PORT}
    context.ready[node.name] = (name, "service_healthy")


def worker(node: Node, context: Context) -> None:
    given, name = context.properties(node), service_name(node.name)
    found = _command(node, context, given)
    context.services[name] = {**found, "deploy": {"replicas": given["instances"]}, "restart": "unless-stopped"}
    context.ready[node.name] = (name, "service_started")


def scheduled_job(node: Node, context: Context) -> None:
    """A loop that starts the command by the clock: Compose has no schedules."""
    given, name = context.properties(node), service_name(node.name)
    found = _command(node, context, given)
    local = Path(__file__).parent
    context.files["lib/cron_loop.py"] = (local / "cron_loop.py").read_text(encoding="utf-8")
    context.files["lib/cron.py"] = (local.parent / "cron.py").read_text(encoding="utf-8")
    start = ["--now"] if given.get("run_at_start") else []
    if given.get("concurrency", "forbid") != "forbid":
        context.warnings.append(f"{node.name}: concurrency {given['concurrency']} is not rendered: one run at a time")
    found["command"] = ["python", f"{LIB_DIR}/cron_loop.py", *start, given["schedule"], "--", *found["command"]]
    context.services[name] = {**found, "restart": "unless-stopped"}
    context.ready[node.name] = (name, "service_started")


def job(node: Node, context: Context) -> None:
    given, name = context.properties(node), service_name(node.name)
    retries = given.get("retries") or 0
    context.services[name] = {**_command(node, context, given), "restart": f"on-failure:{retries}" if retries else "no"}
    context.ready[node.name] = (name, "service_completed_successfully")


TYPES: Final[dict[str, Builder]] = {
    "bbq.nodes.MessageQueue": queue,
    "bbq.nodes.Database": database,
    "bbq.nodes.SparkCluster": spark,
    "bbq.nodes.SparkApplication": spark_application,
    "bbq.nodes.Service": service,
    "bbq.nodes.Worker": worker,
    "bbq.nodes.ScheduledJob": scheduled_job,
    "bbq.nodes.Job": job,
}


# --- what they share


def _command(node: Node, context: Context, given: dict[str, Any]) -> dict[str, Any]:
    engines = [context.attributes.get(edge.target, {}).get("engine") for edge in node.edges]
    found = {
        **_python(context, [engine for engine in engines if engine]),
        "command": [str(item) for item in given["command"]],
        "working_dir": f"{APP_DIR}/{given['directory']}" if given.get("directory") else APP_DIR,
        **_application(node, context, given),
    }
    context.attributes.setdefault(node.name, {})
    return found


def _application(node: Node, context: Context, given: dict[str, Any]) -> dict[str, Any]:
    """Environment, files and order, common to all of the user's programs."""
    _library(context)
    environment: dict[str, str] = {"PYTHONPATH": LIB_DIR, "PYTHONUNBUFFERED": "1", "BBQ_STATE_DIR": STATE_DIR}
    for edge in node.edges:
        alias = variable(str(edge.properties.get("alias") or edge.target))
        for attribute, value in context.attributes.get(edge.target, {}).items():
            if edge.requirement in ("connection", "cluster"):
                environment[f"{alias}_{variable(attribute)}"] = value if isinstance(value, str) else json.dumps(value)
    environment |= {key: str(value) for key, value in (given.get("environment") or {}).items()}
    name = service_name(node.name)
    return {
        "environment": environment,
        "volumes": [context.mount(".", APP_DIR), f"./lib:{LIB_DIR}:ro", _volume(context, f"{name}-state", STATE_DIR)],
        "depends_on": context.waits_for(node),
    }


def _library(context: Context) -> None:
    """The clients that applications may import, as they are in this installation."""
    package = Path(__file__).resolve().parent.parent
    paths = [package / "__init__.py", package / "errors.py", package / "py.typed", *sorted((package / "handles").glob("*.py"))]
    for path in paths:
        context.files.setdefault(f"lib/bbq/{path.relative_to(package)}", path.read_text(encoding="utf-8"))


def _python(context: Context, engines: list[str]) -> dict[str, Any]:
    _library(context)
    clients = _pip(engines)
    # An init process: the first process of a container takes no signal that it has no handler for.
    image = {"build": {"dockerfile_inline": _PYTHON_IMAGE.format(clients=clients)}} if clients else {"image": PYTHON}
    return {**image, "init": True}


def _spark(context: Context) -> dict[str, Any]:
    """One image for master, workers and drivers: executors run the application's functions, so they need its clients."""
    nodes = context.topology.nodes.values()
    engines = [str(node.properties["engine"]) for node in nodes if isinstance(node.properties.get("engine"), str)]
    return {"build": {"dockerfile_inline": _SPARK_IMAGE.format(clients=_pip(engines)).rstrip() + "\n"}, "init": True}


def _pip(engines: list[str]) -> str:
    return " ".join(f"'{_CLIENTS[engine]}'" for engine in sorted(set(engines)) if engine in _CLIENTS)


def _volume(context: Context, name: str, target: str) -> str:
    context.volumes[name] = {}
    return f"{name}:{target}"


def _published(context: Context, name: str, wanted: int, inside: int) -> str:
    """A port of this machine, from the variable `name` where it is set; the next free one where another service has it."""
    used = [port.split(":")[2].partition("\x03")[0] for found in context.services.values() for port in found.get("ports", [])]
    while f"-{wanted}" in used:
        wanted += 1
    return f"127.0.0.1:{defaulted(name, str(wanted))}:{inside}"


def _http(url: str) -> str:
    return f"import urllib.request; urllib.request.urlopen({url!r}, timeout=4)"


def _tcp(port: int) -> str:
    return f"import socket; socket.create_connection(('127.0.0.1', {port}), 4)"


def _megabytes(size: str) -> int:
    """`1100 MB` (a TOSCA scalar-unit.size) in megabytes of 10^6 bytes, rounded up; Spark counts in 2^20, so that it fits."""
    match = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]+)\s*", str(size))
    if match is None or match[2].lower() not in _MB:
        raise UsageError(f"{size!r} is not a size")
    return max(1, round(float(match[1]) * _MB[match[2].lower()]))
