"""`render --to murano`: what the package holds, which inputs its form asks for, and that its scripts run."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import bbq.hot
from bbq import murano
from bbq.cli.main import main
from tests.unit.render.test_render_hot_corpora import CORPORA, import_map

HEAD = "tosca_definitions_version: tosca_simple_yaml_1_3\n"
SERVICE = """
description: A page that says something
topology_template:
  inputs:
    motto: { type: string, default: hello, description: What it says }
    size: { type: integer, default: 5, constraints: [ in_range: [ 1, 9 ] ] }
    zone: { type: string, default: nova, constraints: [ valid_values: [ nova, other ] ] }
    servers: { type: integer, default: 2 }
    outputs: { type: string, default: reserved }
    unused: { type: string, default: nothing }
  node_templates:
    web:
      type: tosca.nodes.Compute
      capabilities:
        host: { properties: { num_cpus: 1, mem_size: 512 MB } }
        scalable: { properties: { min_instances: 1, max_instances: 5, default_instances: { get_input: servers } } }
    site:
      type: tosca.nodes.SoftwareComponent
      requirements: [ { host: web } ]
      interfaces:
        Standard:
          operations:
            create:
              implementation: { primary: install.sh, dependencies: [ page.txt ] }
              inputs:
                MOTTO: { get_input: motto }
                WHERE: { get_attribute: [ web, private_address ] }
                SIZE: { get_input: size }
            start: start.yaml
            stop: install.sh
  outputs:
    said: { value: { concat: [ 'it says ', { get_input: motto }, ' in ', { get_input: zone } ] } }
    not_ours: { value: { get_input: outputs } }
"""
PARAMETERS = ["motto", "size", "image", "flavor", "key_name", "network", "ssh_cidr"]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.yaml").write_text(HEAD + SERVICE)
    (tmp_path / "install.sh").write_text('#!/bin/sh\ncat page.txt\necho "$MOTTO, $SIZE, $WHERE"\n')
    (tmp_path / "install.sh").chmod(0o755)
    (tmp_path / "page.txt").write_text("a page\n")
    (tmp_path / "start.yaml").write_text("- hosts: all\n")
    return tmp_path


def rendered(*argv: str) -> dict[str, bytes]:
    assert main(["render", *argv, "--to", "murano", "--output", "build"]) == 0
    (made,) = Path("build").glob("*.zip")
    with zipfile.ZipFile(made) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def data(files: dict[str, bytes], name: str) -> Any:
    return yaml.safe_load(files[name])


def test_what_is_in_the_package(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = rendered("page.yaml")
    assert sorted(files) == [
        "Classes/Page.yaml",
        "Classes/PageServer.yaml",
        "Resources/1-site-create.template",
        "Resources/2-site-start.template",
        "Resources/scripts/1-site-create.sh",
        "Resources/scripts/1-site-create.tgz",
        "Resources/scripts/2-site-start.sh",
        "Resources/scripts/2-site-start.tgz",
        "Resources/stack.yaml",
        "UI/ui.yaml",
        "logo.png",
        "manifest.yaml",
    ]
    package, found = murano.load("build/page.zip")
    assert package is not None and not found
    assert (package.full_name, package.name, package.description) == ("bbq.apps.Page", "page", "A page that says something")
    assert package.application is not None
    assert [name for name, item in package.application.properties.items() if item.usage == "In"] == PARAMETERS
    required = [name for name, item in package.application.properties.items() if item.required]
    assert required == ["image", "flavor", "key_name", "network"]
    template, errors = bbq.hot.load("build/page/Resources/stack.yaml")
    assert template is not None and not errors, errors
    assert list(template.parameters) == [*PARAMETERS, "web_user_data", "web_1_user_data"]
    for file, content in files.items():
        assert Path("build/page", file).read_bytes() == content
    said = capsys.readouterr().err
    assert "fixed, for they decide what there is; --input and another rendering change them: zone, servers" in said


def test_the_same_template_makes_the_same_bytes(service: Path) -> None:
    files = rendered("page.yaml")
    before = Path("build/page.zip").read_bytes()
    assert main(["render", "page.yaml", "--to", "murano", "--output", "elsewhere/deep"]) == 0
    assert Path("elsewhere/deep/page.zip").read_bytes() == before
    assert murano.pack(files) == before


def test_the_form_asks_for_inputs_that_go_through(service: Path) -> None:
    form = data(rendered("page.yaml", "--input", "motto=bye"), "UI/ui.yaml")
    settings = {field["name"]: field for field in form["Forms"][0]["settings"]["fields"]}
    assert settings == {
        "motto": {
            "name": "motto",
            "type": "string",
            "label": "Motto",
            "description": "What it says",
            "initial": "bye",
            "required": False,
        },
        "size": {
            "name": "size",
            "type": "integer",
            "label": "Size",
            "minValue": 1,
            "maxValue": 9,
            "initial": 5,
            "required": False,
        },
    }
    cloud = {field["name"]: (field["type"], field["required"]) for field in form["Forms"][1]["cloud"]["fields"]}
    assert cloud["image"] == ("image", True) and cloud["flavor"] == ("flavor", True) and cloud["key_name"] == ("keypair", True)
    assert cloud["ssh_cidr"] == ("string", False)
    assert form["Application"]["motto"] == "$.settings.motto" and form["Application"]["image"] == "$.cloud.image"
    outputs = data(rendered("page.yaml"), "Resources/stack.yaml")["outputs"]
    assert outputs["1-site-create"]["value"]["SIZE"] == {"get_param": "size"}


def test_two_inputs_in_one_text_and_an_input_of_a_reserved_name(service: Path) -> None:
    """The text of `said` has the first input; the second one is fixed there. `outputs` is a property of the class already."""
    outputs = data(rendered("page.yaml"), "Resources/stack.yaml")["outputs"]
    assert outputs["said"]["value"] == {"list_join": ["", ["it says ", {"get_param": "motto"}, " in nova"]]}
    assert outputs["not_ours"]["value"] == "reserved"


def test_a_plan_s_script_runs_as_the_agent_runs_it(service: Path) -> None:
    """Murano puts the exports before the script, as the class says; the agent puts the files into one folder."""
    files = rendered("page.yaml")
    plan = data(files, "Resources/1-site-create.template")
    assert plan["Scripts"]["run"]["Files"] == ["<1-site-create.tgz>"] and plan["Files"]["script"]["Body"] == "$script"
    folder = service / "agent"
    folder.mkdir()
    (folder / "1-site-create.tgz").write_bytes(files["Resources/scripts/1-site-create.tgz"])
    exports = "".join(
        f'export {key}="$(echo {text} | base64 -d)"\n'
        for key, text in {"MOTTO": "aXQncyAkKG5vdCkgImJhZCI=", "WHERE": "WyIxMC4wLjAuNSJd", "SIZE": "NQ=="}.items()
    )
    script = "#!/bin/sh\n" + exports + files["Resources/scripts/1-site-create.sh"].decode()
    (folder / "run.sh").write_text(script)
    done = subprocess.run(["sh", "run.sh"], cwd=folder, text=True, capture_output=True, check=True)
    assert done.stdout == 'a page\nit\'s $(not) "bad", 5, ["10.0.0.5"]\n'
    playbook = files["Resources/scripts/2-site-start.sh"].decode()
    assert "exec ansible-playbook -i localhost, -c local 'start.yaml'" in playbook
    with tarfile.open(fileobj=io.BytesIO(files["Resources/scripts/1-site-create.tgz"])) as archive:
        assert {item.name: (item.mode, item.mtime) for item in archive} == {"install.sh": (0o755, 0), "page.txt": (0o644, 0)}


def test_the_files_of_an_archive_are_in_the_package(service: Path) -> None:
    before = rendered("page.yaml")
    assert main(["package", "page.yaml", "-o", "page.csar"]) == 0
    after = rendered("page.csar")
    assert not Path("build/files").exists()
    for name in ("Resources/scripts/1-site-create.tgz", "Resources/stack.yaml"):
        assert after[name].partition(b"\n")[2] == before[name].partition(b"\n")[2]


def test_what_no_plan_can_do_is_said(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        (HEAD + SERVICE)
        .replace("primary: install.sh", "primary: missing.sh")
        .replace("start: start.yaml", "start: https://example.org/x.sh")
    )
    (service / "page.yaml").write_text(text)
    assert "Resources/1-site-create.template" not in rendered("page.yaml")
    said = capsys.readouterr().err
    assert f"site: create (there is no file {service}/missing.sh)" in said
    assert "site: start (https://example.org/x.sh is no file beside the template)" in said


def test_only_the_class_is_shown_without_a_folder(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", "page.yaml", "--to", "murano", "--name", "7up"]) == 0
    out = capsys.readouterr()
    assert "Name: App7up" in out.out and "12 more files belong to it" in out.err


def test_what_has_no_servers_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "queue.yaml").write_text(
        "tosca_definitions_version: tosca_2_0\nimports: [ { profile: bbq:1.0 } ]\n"
        "service_template:\n  node_templates:\n    q: { type: bbq.nodes.MessageQueue }\n"
    )
    assert main(["render", "queue.yaml", "--to", "murano"]) == 4
    assert "BBQ-R007" in "".join(capsys.readouterr())


SOME = (
    "indigo-tosca-templates/k8s_cms_fix/dodas/Spark-K8s.yaml",
    "indigo-tosca-templates/master/hybrid_slurm_elastic_cluster.yml",
    "grycap-tosca/templates/scipion.yaml",
)


@pytest.mark.parametrize("path", SOME if CORPORA.is_dir() else ())
def test_templates_of_other_projects(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = {prefix: target for prefix, target in import_map().items() if prefix.startswith("http")}
    maps = [word for prefix, target in pairs.items() for word in ("--import-map", f"{prefix}={target}")]
    files = rendered(str(CORPORA / path), *maps)
    (made,) = Path("build").glob("*.zip")
    package, found = murano.load(str(made))
    assert package is not None and not found and package.application is not None
    template, errors = bbq.hot.load(f"build/{made.stem}/Resources/stack.yaml")
    assert template is not None and not errors, errors
    assert json.dumps(data(files, "UI/ui.yaml"))
