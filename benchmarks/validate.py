"""`validate` as a whole process: by size, against tosca-parser and against the YAML loader alone, and again unchanged."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure

COMMAND = Path(sys.executable).with_name("bbq-deploy")
PEERS = Path(sys.prefix) / "peers"
"""Peers live in environments of their own, inside this one: `make clean` takes them along."""
SIZES = {100: None, 1000: 0.5, 5000: 1.8, 10_000: 4.0}
"""Node templates -> seconds of a whole process at most."""
TYPES = 82
ROUNDS = 3
LOADER = """import sys, time, yaml
begin = time.process_time()
yaml.load(open(sys.argv[1]), Loader=yaml.CSafeLoader)
print(time.process_time() - begin)"""
PARSER = "import sys; from toscaparser.tosca_template import ToscaTemplate; ToscaTemplate(sys.argv[1], a_file=True)"


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        os.environ |= {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder / "pyc"),
        }
        return [*_sizes(folder), *_types(folder)]


def _sizes(folder: Path) -> list[Figure]:
    peer = _peer("tosca-parser")
    figures, anew = [], {}
    for size, limit in SIZES.items():
        template = folder / f"{size}.yaml"
        template.write_text(nodes(size))
        anew[size] = _Process(COMMAND, "validate", "--no-cache", template)
        again = _Process(COMMAND, "validate", template)
        parser = _Process(peer, "-c", PARSER, template) if peer is not None else None
        _in_turns(ROUNDS, anew[size], again, parser)
        note = f"{anew[size]}, peak {anew[size].peak:.0f} MB"
        figures.append(Figure(f"validate, {size:,} nodes", anew[size].cpu, "s", limit, against=note))
        figures.append(Figure(f"validate again, {size:,} nodes, unchanged", again.cpu, "s", 0.15, against=str(again)))
        if parser is not None:
            text = f"tosca-parser, a whole process, {parser.cpu:.2f} s"
            figures.append(
                Figure(f"tosca-parser / validate, {size:,} nodes", parser.cpu / anew[size].cpu, "x", 1.0, True, text)
            )
    figures.append(Figure("peak memory, 5,000 nodes", anew[5000].peak, "MB", 120.0))
    figures.append(Figure("growth from 1,000 to 10,000 nodes", anew[10_000].cpu / anew[1000].cpu, "x", 11.0))
    loader = min(_loader(folder / "5000.yaml") for _ in range(ROUNDS))
    text = f"the C loader alone, without its process, {loader:.2f} s"
    figures.append(Figure("validate / YAML loader, 5,000 nodes", anew[5000].cpu / loader, "x", 5.0, against=text))
    return figures


def _types(folder: Path) -> list[Figure]:
    (folder / "types").mkdir()
    (folder / "types/custom_types.yaml").write_text(custom_types())
    template = folder / "service.yaml"
    template.write_text(service())
    options = ("--import-map", f"https://example.org/types/={folder / 'types'}")
    anew = _Process(COMMAND, "validate", "--no-cache", template, *options)
    again = _Process(COMMAND, "validate", template, *options)
    _in_turns(7, anew, again)
    name = f"a service with {TYPES} imported types"
    return [
        Figure(f"validate, {name}", anew.cpu, "s", 0.3, against=str(anew)),
        Figure(f"validate again, {name}", again.cpu, "s", 0.15, against=str(again)),
    ]


class _Process:
    """Runs a command as a whole process. `cpu` is the least time that it took on a processor, in seconds: it waits for
    nothing, so that this is what it takes where nothing else runs. `peak` is its largest memory in MB."""

    def __init__(self, *command: object) -> None:
        self._command = [str(part) for part in command]
        self._clock: list[float] = []
        self.cpu = float("inf")
        self.peak = 0.0

    def __call__(self) -> None:
        begin = time.perf_counter()
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(self._command)} exited {process.returncode}: {said}")
        self._clock.append(time.perf_counter() - begin)
        self.cpu = min(self.cpu, usage.ru_utime + usage.ru_stime)
        self.peak = max(self.peak, usage.ru_maxrss / 1024)

    def __str__(self) -> str:
        return f"{statistics.median(self._clock):.2f} s on the clock"


def _in_turns(rounds: int, *processes: _Process | None) -> None:
    """Once more than `rounds`: the first time bytecode and what is remembered come to be."""
    for _ in range(rounds + 1):
        for process in processes:
            if process is not None:
                process()


def _loader(template: Path) -> float:
    done = subprocess.run([sys.executable, "-c", LOADER, str(template)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _peer(package: str) -> Path | None:
    """The interpreter of an environment with that package, made when it is first wanted; None where it cannot be had."""
    home = PEERS / package
    python = home / "bin/python"
    if not (home / ".complete").exists():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True, capture_output=True, timeout=120)
            subprocess.run([python, "-m", "pip", "install", "--quiet", package], check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError):
            print(f"  {package} cannot be installed: no peer to compare with")
            return None
        (home / ".complete").touch()
    return python


def nodes(size: int) -> str:
    """A TOSCA 1.3 template of servers and what they host, half each, with inputs and capabilities."""
    head = (
        "tosca_definitions_version: tosca_simple_yaml_1_3\ntopology_template:\n  inputs:\n"
        "    size: { type: integer, default: 2 }\n  node_templates:\n"
    )
    server = """\
    server{n}:
      type: tosca.nodes.Compute
      capabilities:
        host:
          properties: {{ num_cpus: {{ get_input: size }}, mem_size: 4 GB, disk_size: 10 GB }}
        os:
          properties: {{ type: linux, distribution: debian, version: "12.0" }}
"""
    software = """\
    app{n}:
      type: tosca.nodes.SoftwareComponent
      properties: {{ component_version: "1.0" }}
      requirements:
        - host: server{n}
"""
    return head + "".join(server.format(n=n) + software.format(n=n) for n in range(size // 2))


def custom_types() -> str:
    """As the type libraries of science clouds are: each with a dozen properties, roles as artifacts, operations with inputs."""
    kinds = (("string", "text"), ("integer", "3"), ("boolean", "yes"), ("float", "1.5")) * 3
    properties = "".join(
        f"      option_{n}: {{ type: {kind}, required: false, default: {value}, description: One of many options. }}\n"
        for n, (kind, value) in enumerate(kinds)
    )
    inputs = "".join(f"            option_{n}: {{ get_property: [ SELF, option_{n} ] }}\n" for n in range(len(kinds)))
    head = (
        "tosca_definitions_version: tosca_simple_yaml_1_0\nartifact_types:\n  example.artifacts.Role:\n"
        "    derived_from: tosca.artifacts.Root\nnode_types:\n"
    )
    return head + "".join(_node_type(n, properties, inputs) for n in range(TYPES))


def _node_type(number: int, properties: str, inputs: str) -> str:
    parent = f"example.nodes.Component{number - 1}" if number % 4 else "tosca.nodes.SoftwareComponent"
    return f"""\
  example.nodes.Component{number}:
    derived_from: {parent}
    metadata: {{ icon: icon.png }}
    properties:
{properties}\
    artifacts:
      role{number}: {{ file: example.role_{number}, type: example.artifacts.Role }}
    interfaces:
      Standard:
        configure:
          implementation: https://example.org/artifacts/configure_{number}.yml
          inputs:
{inputs}"""


def service() -> str:
    components = "".join(
        f"""\
    component{n}:
      type: example.nodes.Component{n}
      properties: {{ option_0: {{ get_input: name }}, option_1: {n} }}
      requirements:
        - host: server{n}
    server{n}:
      type: tosca.nodes.Compute
      capabilities:
        host:
          properties: {{ num_cpus: 2, mem_size: 4 GB }}
        os:
          properties: {{ type: linux, distribution: ubuntu, version: "22.04" }}
"""
        for n in range(0, TYPES, 8)
    )
    return (
        "tosca_definitions_version: tosca_simple_yaml_1_0\nimports:\n"
        "  - custom_types: https://example.org/types/custom_types.yaml\ntopology_template:\n  inputs:\n"
        f"    name: {{ type: string, default: cluster }}\n  node_templates:\n{components}"
        "  outputs:\n    address: { value: { get_attribute: [ server0, public_address ] } }\n"
    )
