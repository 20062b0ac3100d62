"""A wheel, built here and installed elsewhere, is whole: its data folders come along and are found."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    db: { type: bbq.nodes.Database }
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    source = target / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(target), "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=240)
    (wheel,) = target.glob("bbq-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target / "site")
    return target / "site"


def _python(site: Path, cwd: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """With the unpacked wheel in front of the editable installation; `-P`: the current directory is not on the path."""
    env = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run([sys.executable, "-P", *args], cwd=cwd, env=env, capture_output=True, text=True, timeout=60)


def test_data_folders_are_inside(site: Path) -> None:
    for name in ("templates/types/bbq.yaml", "templates/local/spark-cluster.yaml", "etc/bbq/bbq.conf.sample"):
        assert (site / "bbq/share" / name).is_file()
    assert not (site / "tests").exists()


def test_installed_elsewhere_it_finds_its_templates(site: Path, tmp_path: Path) -> None:
    (tmp_path / "service.yaml").write_text(TEMPLATE)
    where = _python(site, tmp_path, "-c", "import bbq.datafiles as d; print(d.data_dir('templates'))")
    assert where.stdout.strip() == str(site / "bbq/share/templates")
    result = _python(site, tmp_path, "-m", "bbq", "plan", "service.yaml", "--provider", "local", "--format", "json")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "db." in result.stdout
