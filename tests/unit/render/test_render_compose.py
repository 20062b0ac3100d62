"""The Compose file: what it must hold to be started as it is, and what it must not hold."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from bbq import topology, tosca
from bbq.errors import UsageError
from bbq.render import Rendered, render
from bbq.topology.model import Topology

EXAMPLES = Path(__file__).parents[3] / "examples"
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def rendered(template: Path, directory: Path, **inputs: Any) -> Rendered:
    service, found = tosca.load(str(template))
    assert service is not None, found
    values, found = tosca.check_inputs(service, inputs)
    assert not found
    built, found = topology.build(service, inputs=values, provider="compose")
    assert built is not None, found
    return render(built, "compose", name="My Project", directory=directory)


@pytest.fixture(params=["packets", "leader-worker", "leader-worker on RabbitMQ and MariaDB"])
def result(request: pytest.FixtureRequest, tmp_path: Path) -> Rendered:
    name, _, other = request.param.partition(" on ")
    inputs = {"queue_engine": "rabbitmq", "database_engine": "mariadb"} if other else {}
    return rendered(EXAMPLES / name / "service.yaml", tmp_path / "out", **inputs)


def document(result: Rendered) -> dict[str, Any]:
    return yaml.safe_load(result.files["compose.yaml"])


def env(result: Rendered) -> dict[str, str]:
    lines = result.files[".env"].splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_everything_referred_to_is_there(result: Rendered, tmp_path: Path) -> None:
    compose, out = document(result), tmp_path / "out"
    result.write(out)
    services = compose["services"]
    for name, service in services.items():
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", name)
        assert ("image" in service) != ("build" in service), name
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] in CONDITIONS
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other], (name, other)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (out / source).exists() if source.startswith(".") else source in compose["volumes"], volume
        assert set(service.get("secrets", [])) <= set(compose.get("secrets", {}))
    variables = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)\}", result.files["compose.yaml"]))
    variables |= {secret["environment"] for secret in compose["secrets"].values()}
    assert variables == set(env(result))


def test_dependencies_have_no_cycle(result: Rendered) -> None:
    from graphlib import TopologicalSorter

    TopologicalSorter({name: service.get("depends_on", {}) for name, service in document(result)["services"].items()}).prepare()


def test_secrets_stand_in_the_env_file_alone(result: Rendered, tmp_path: Path) -> None:
    secrets = env(result)
    assert secrets and all(len(value) > 40 for value in secrets.values())
    for name, text in result.files.items():
        assert name == ".env" or not any(value in text for value in secrets.values()), name
    result.write(tmp_path / "out")
    assert stat.S_IMODE((tmp_path / "out" / ".env").stat().st_mode) == 0o600
    assert result.files[".dockerignore"] == "*\n"


def test_ports_are_published_on_the_loopback_only_and_differ(result: Rendered) -> None:
    ports = [port for service in document(result)["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
    assert len({re.search(r":-(\d+)\}", port)[1] for port in ports}) == len(ports)


def test_packets(tmp_path: Path) -> None:
    result = rendered(EXAMPLES / "packets" / "service.yaml", tmp_path, workers=3)
    compose = document(result)
    services = compose["services"]
    assert compose["name"] == "my-project"
    assert set(services) == {"packets", "packets-setup", "db", "spark", "spark-worker", "viewer", "normaliser"}
    assert services["spark-worker"]["deploy"]["replicas"] == 3
    assert services["normaliser"]["command"][:3] == ["spark-submit", "--master", "spark://spark:7077"]
    assert services["normaliser"]["depends_on"]["packets-setup"]["condition"] == "service_completed_successfully"
    assert services["normaliser"]["environment"]["DB_URL"] == "postgresql://packets:${DB_PASSWORD}@db:5432/packets"
    assert services["normaliser"]["environment"]["BBQ_STATE_DIR"] == "/state"
    assert services["spark"]["build"] == services["normaliser"]["build"], "executors run the application's functions"
    assert services["db"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/db_password"
    assert "$QUEUE_PASSWORD" in result.files["config/packets.conf"]


def test_leader_worker(tmp_path: Path) -> None:
    services = document(rendered(EXAMPLES / "leader-worker" / "service.yaml", tmp_path, workers=4))["services"]
    assert services["workers"]["deploy"]["replicas"] == 4
    command = services["leader"]["command"]
    assert command[:2] == ["python", "/opt/bbq/cron_loop.py"] and command[2:] == [
        "--now",
        "0 * * * *",
        "--",
        "python",
        "leader.py",
    ]


def test_the_client_library_that_goes_along_works_alone(tmp_path: Path) -> None:
    import subprocess
    import sys

    result = rendered(EXAMPLES / "leader-worker" / "service.yaml", tmp_path)
    result.write(tmp_path)
    code = (
        "import bbq, sys; from bbq.handles import open_queue, nats, rabbitmq; from cron import Schedule\n"
        "assert bbq.__file__.startswith(sys.argv[1])\n"
        "assert open_queue('nats://u:p@h:1', 'q').name == 'q'; Schedule('0 * * * *')"
    )
    command = [
        sys.executable,
        "-S",
        "-E",
        "-c",
        f"import sys; sys.path.insert(0, {str(tmp_path / 'lib')!r})\n{code}",
        str(tmp_path),
    ]
    subprocess.run(command, check=True, timeout=60, cwd=tmp_path)


def test_rendering_again_keeps_the_secrets(tmp_path: Path) -> None:
    """The database's volume has the old password."""
    first = rendered(EXAMPLES / "packets" / "service.yaml", tmp_path)
    first.write(tmp_path)
    again = rendered(EXAMPLES / "packets" / "service.yaml", tmp_path)
    assert again.files == first.files
    assert rendered(EXAMPLES / "packets" / "service.yaml", tmp_path / "other").files[".env"] != first.files[".env"]


TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: bbq:1.0 } ]
service_template:
  inputs:
    token: { type: bbq.datatypes.Secret }
  node_templates:
    my_db:
      type: bbq.nodes.Database
      properties: { password: { $get_input: token } }
    my_app:
      type: bbq.nodes.Service
      properties:
        command: [ python, app.py, "cost: $5 ${HOME}" ]
        environment:
          TOKEN: { $get_input: token }
          WHERE: { $concat: [ "db at ", { $get_attribute: [ my_db, host ] }, ":", { $get_attribute: [ my_db, port ] } ] }
      requirements:
        - connection:
            node: my_db
            relationship: { type: bbq.relationships.ConnectsTo, properties: { alias: store } }
"""


def test_given_secrets_dollars_and_expressions(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(TEMPLATE)
    password = "it's a p@ss/word$"
    result = rendered(file, tmp_path / "out", token=password)
    app = document(result)["services"]["my-app"]
    assert password not in result.files["compose.yaml"]
    assert app["command"][2] == "cost: $$5 $${HOME}"
    assert app["environment"]["WHERE"] == "db at my-db:5432"
    assert app["environment"]["STORE_URL"] == "postgresql://app:${MY_DB_PASSWORD_QUOTED}@my-db:5432/app"
    assert env(result)["MY_DB_PASSWORD_QUOTED"] == "it%27s%20a%20p%40ss%2Fword%24"
    assert env(result)["MY_DB_PASSWORD"] == '"it\'s a p@ss/word\\$"'
    assert app["environment"]["TOKEN"] == "${MY_APP_ENVIRONMENT_TOKEN}"


def test_what_has_no_rendering_is_named(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(
        "tosca_definitions_version: tosca_2_0\nimports: [ { profile: bbq:1.0 } ]\n"
        "service_template:\n  node_templates:\n    k8s: { type: bbq.nodes.KubernetesCluster }\n"
    )
    with pytest.raises(UsageError, match="k8s"):
        rendered(file, tmp_path)
    with pytest.raises(UsageError, match="helm"):
        render(Topology(), "helm", name="x", directory=tmp_path)


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        Rendered("a", {"a": "b"}).write(tmp_path / "file")
