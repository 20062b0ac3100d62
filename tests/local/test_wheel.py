"""A wheel, built here and installed elsewhere, is whole: its data folders come along and are found, and it deploys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.local

ROOT = Path(__file__).parents[2]
TEMPLATE = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
    db: { type: bbq.nodes.Database, properties: { engine: sqlite } }
    job:
      type: bbq.nodes.Job
      properties: { command: [ python, -P, -c, "import bbq, os; print(bbq.__file__, os.environ['DB_ENGINE'])" ] }
      requirements: [ connection: db ]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip makes of the wheel; what it depends on comes from the environment of the tests."""
    target = tmp_path_factory.mktemp("wheel")
    source = target / "source"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    command = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(target), "."]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=240)
    (wheel,) = target.glob("bbq-*.whl")
    command = [*pip, "install", "--no-deps", "--no-index", "--target", str(target / "site"), str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return target / "site"


def run(site: Path, cwd: Path, *args: object) -> subprocess.CompletedProcess[str]:
    """With the wheel in front of the editable installation, in a home without anything in it."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1", "HOME": str(cwd / "home")}
    return subprocess.run(list(map(str, args)), cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_only_what_belongs_into_it(site: Path) -> None:
    data = (
        "types/bbq.yaml",
        "local/spark-cluster.yaml",
        "hot/heat.json",
        "hot/types/os-nova.json",
        "elements/bbq-node/element-deps",
    )
    for name in (*(f"templates/{item}" for item in data), "etc/bbq/bbq.conf.sample"):
        assert (site / "bbq/share" / name).is_file()
    assert sorted(path.name for path in site.iterdir() if not path.name.endswith(".dist-info")) == ["bbq", "bin"]
    modules = {path.relative_to(site).as_posix() for path in (site / "bbq").rglob("*.py")}
    modules = {name for name in modules if not name.startswith("bbq/share/")}  # roles have programs, too
    assert modules == {path.relative_to(ROOT).as_posix() for path in (ROOT / "bbq").rglob("*.py")}


def test_programs_of_images_can_be_executed(site: Path) -> None:
    """diskimage-builder passes over what cannot be."""
    folder = site / "bbq/share/templates"
    programs = [
        *folder.glob("elements/*/*-data.d/*"),
        *folder.glob("elements/*/*install.d/*"),
        folder / "image-build/loop-partitions",
    ]
    assert len(programs) > 5 and all(os.access(program, os.X_OK) for program in programs)


def test_its_data_folders_are_found(site: Path, tmp_path: Path) -> None:
    program = "from bbq.datafiles import data_dir; print(*[data_dir(n) for n in ('templates', 'playbooks', 'charts', 'etc')])"
    found = run(site, tmp_path, sys.executable, "-c", program).stdout.split()
    assert found == [str(site / "bbq/share" / name) for name in ("templates", "playbooks", "charts", "etc")]
    assert all(Path(path).is_dir() for path in found)


def test_it_deploys_from_an_empty_directory(site: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "service.yaml").write_text(TEMPLATE)
    script = site / "bin" / "bbq-deploy"
    try:
        for arguments, said in (
            (("validate", "service.yaml"), "service.yaml: valid"),
            (("plan", "service.yaml"), "3 to create"),
            (("up", "service.yaml", "--name", "installed"), "finished: ok"),
            (("logs", "installed", "job"), f"{site}/bbq/__init__.py sqlite"),
        ):
            done = run(site, tmp_path, script, *arguments)
            assert done.returncode == 0 and said in done.stdout + done.stderr, done.stdout + done.stderr
    finally:
        done = run(site, tmp_path, script, "destroy", "installed", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    state = tmp_path / "home" / ".local" / "state" / "bbq"
    assert not list((state / "deployments").iterdir()) and not list((state / "secrets").iterdir())
