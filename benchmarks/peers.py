"""The same thousand no-op resources made by Terraform, where it is installed: a peer with a durable state of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bbq.providers.simulator.faults import Rates
from benchmarks.figures import Figure, seconds
from benchmarks.world import World, topology

COUNT = 1000
MAIN = f'resource "terraform_data" "n" {{\n  count = {COUNT}\n  input = count.index\n}}\n'


def run() -> list[Figure]:
    terraform = shutil.which("terraform")
    if terraform is None:
        print("  terraform is not on PATH: no peer to compare with")
        return []
    bbq = seconds(lambda: subprocess.run([sys.executable, "-m", "benchmarks.peers"], check=True))
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "main.tf").write_text(MAIN)
        environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}

        def call(*arguments: str) -> None:
            subprocess.run(
                [terraform, *arguments], cwd=directory, env=environment, check=True, capture_output=True, timeout=600
            )

        call("init", "-input=false")  # not counted
        peer = seconds(lambda: call("apply", "-auto-approve", "-input=false", "-parallelism=32"))
    against = f"bbq, a whole process with plan and durable journal, {bbq:.2f} s; terraform apply {peer:.2f} s"
    return [Figure(f"terraform apply / bbq, {COUNT:,} no-op resources", peer / bbq, "x", 10.0, at_least=True, against=against)]


def _main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        nothing = {"tosca.nodes.Compute": 0.0}
        world = World(Path(directory), Rates(latency_min=0.0, latency_max=0.0), nothing)
        world.apply(topology({f"n{i}": set() for i in range(COUNT)}), parallel=32)


if __name__ == "__main__":
    _main()
