"""The readers' promises, held by inputs that a fuzzer breeds (`make soak`), and at each run by some that chance makes."""

from __future__ import annotations

import importlib.util
import random
import resource
import subprocess
import sys
from pathlib import Path

import fuzzer
import pytest

SHORT = {"reader": 2000, "template": 300, "service": 150, "functions": 300, "heat": 300, "stack": 150, "archive": 200}
"""Inputs of a usual run: some seconds altogether."""
LONG = {
    "reader": 600_000,
    "template": 150_000,
    "service": 30_000,
    "functions": 100_000,
    "heat": 100_000,
    "stack": 10_000,
    "archive": 10_000,
}
"""Inputs of `make soak`: a million."""

PIECES = [b"", b"{", b"}", b"]", b": ", b"\n", b"&a ", b"*a", b"<<: ", b"\xff"]


@pytest.fixture(autouse=True)
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in fuzzer.NEIGHBOURS:
        monkeypatch.syspath_prepend(str(fuzzer.HERE.parent / name))


@pytest.mark.parametrize("target", fuzzer.TARGETS)
def test_by_chance(target: str) -> None:
    rng = random.Random(target)
    seeds = fuzzer.seeds(target)
    for seed in seeds:
        fuzzer.TARGETS[target](seed)
    for _ in range(SHORT[target] // 2):
        fuzzer.TARGETS[target](rng.randbytes(rng.randrange(1, 200)))
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 8)):
            place = rng.randrange(len(data) + 1)
            data[place : place + rng.randrange(4)] = rng.choice(PIECES)
        fuzzer.TARGETS[target](bytes(data))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not there (pip install atheris)")
@pytest.mark.parametrize("target", fuzzer.TARGETS)
def test_bred(target: str, tmp_path: Path) -> None:
    corpus, found = tmp_path / "corpus", tmp_path / "found"
    corpus.mkdir()
    found.mkdir()
    for number, seed in enumerate(fuzzer.seeds(target)):
        (corpus / f"seed{number}").write_bytes(seed)
    options = [
        f"-runs={LONG[target]}",
        "-timeout=20",
        "-rss_limit_mb=1024",
        "-seed=1",
        "-max_len=4096",
        "-len_control=0",
        "-print_final_stats=1",
    ]
    options += [f"-artifact_prefix={found}/", f"-dict={fuzzer.HERE / 'words.dict'}", str(corpus)]
    done = subprocess.run([sys.executable, fuzzer.__file__, target, *options], capture_output=True, text=True, check=False)
    kept = [(path.name, path.read_bytes()) for path in found.iterdir()]
    assert done.returncode == 0, f"{kept}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    assert f"stat::number_of_executed_units: {LONG[target]}" in done.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 1 << 20  # KiB
