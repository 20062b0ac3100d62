"""What is sent to Heat: one flat map of files, whose names every template in it uses."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from bbq import hot
from bbq.hot.bundle import Bundle, bundle
from bbq.topology.heat import counted, digest_of, topology_of
from bbq.topology.values import Secret

VERSION = "heat_template_version: 2018-08-31\n"


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def loaded(path: Path, environments: tuple[Path, ...] = (), **more: Any) -> Any:
    template, found = hot.load(path, environments=environments, **more)
    assert [item for item in found if item.severity == "error"] == []
    assert template is not None
    return template


def bundled(path: Path, *environments: Path) -> Bundle:
    return bundle(loaded(path, environments))


def test_names_are_paths_from_the_templates_folder(write: Any) -> None:
    """Two templates call different files by one name; a comment of the nested one is kept."""
    folder = write(
        main_dot_yaml=VERSION + "resources:\n  a: { type: sub/a.yaml }\n"
        "  b: { type: OS::Heat::Value, properties: { value: { get_file: note.txt } } }\n",
        sub__a_dot_yaml=VERSION + "# kept\nresources:\n"
        "  c: { type: OS::Heat::Value, properties: { value: { get_file: note.txt } } }\n"
        "  d: { type: 'b.yaml' }\n  e: { type: \"../other/note.yaml\" }\n",
        sub__b_dot_yaml=VERSION,
        other__note_dot_yaml=VERSION,
        note_dot_txt="outer",
        sub__note_dot_txt="inner",
    )
    made = bundled(folder / "main.yaml")
    assert made.files.keys() == {"note.txt", "sub/a.yaml", "sub/note.txt", "sub/b.yaml", "other/note.yaml"}
    assert (made.files["note.txt"], made.files["sub/note.txt"]) == ("outer", "inner")
    nested = yaml.safe_load(made.files["sub/a.yaml"])["resources"]
    assert nested["c"]["properties"]["value"] == {"get_file": "sub/note.txt"}
    assert (nested["d"]["type"], nested["e"]["type"]) == ("sub/b.yaml", "other/note.yaml")
    assert "# kept" in made.files["sub/a.yaml"]
    assert made.template["resources"]["b"]["properties"]["value"] == {"get_file": "note.txt"}
    assert made.template["heat_template_version"] == "2018-08-31"


def test_a_name_with_escapes(write: Any) -> None:
    folder = write(
        main_dot_yaml=VERSION + "resources: { a: { type: sub/a.yaml } }\n",
        sub__a_dot_yaml=VERSION
        + 'resources: { b: { type: OS::Heat::Value, properties: { value: { get_file: "\\x6e.txt" } } } }\n',
        sub__n_dot_txt="text",
    )
    made = bundled(folder / "main.yaml")
    assert yaml.safe_load(made.files["sub/a.yaml"])["resources"]["b"]["properties"]["value"] == {"get_file": "sub/n.txt"}


def test_registries_of_environments(write: Any) -> None:
    folder = write(
        main_dot_yaml=VERSION + "parameters: { p: { type: string } }\nresources: { a: { type: My::A }, b: { type: My::B } }\n",
        env__one_dot_yaml="parameters: { p: one }\nresource_registry: { 'My::A': ../a.yaml, 'My::B': OS::Heat::None }\n",
        env__two_dot_yaml="parameters: { p: two }\nparameter_defaults: { q: 1 }\nresource_registry: { 'My::B': b.yaml }\n",
        a_dot_yaml=VERSION,
        env__b_dot_yaml=VERSION,
    )
    made = bundled(folder / "main.yaml", folder / "env/one.yaml", folder / "env/two.yaml")
    assert made.environment == {
        "parameter_defaults": {"q": 1},
        "resource_registry": {"My::A": "a.yaml", "My::B": "env/b.yaml"},
    }
    assert made.files.keys() == {"a.yaml", "env/b.yaml"}


def test_a_file_that_is_no_text(write: Any) -> None:
    folder = write(
        main_dot_yaml=VERSION + "resources: { b: { type: OS::Heat::Value, properties: { value: { get_file: x } } } }\n"
    )
    (folder / "x").write_bytes(b"\xff\x00")
    assert base64.b64decode(bundled(folder / "main.yaml").files["x"]) == b"\xff\x00"


def test_the_digest_covers_the_files(write: Any) -> None:
    folder = write(
        main_dot_yaml=VERSION + "resources: { b: { type: OS::Heat::Value, properties: { value: { get_file: x } } } }\n", x="1"
    )
    before = digest_of(loaded(folder / "main.yaml"))
    assert digest_of(loaded(folder / "main.yaml")) == before
    (folder / "x").write_text("2")
    assert digest_of(loaded(folder / "main.yaml")) != before


def test_hidden_values_are_secrets_wherever_they_stand(write: Any) -> None:
    folder = write(
        main_dot_yaml=VERSION + "parameters: { p: { type: string, hidden: true, default: dflt }, q: { type: string } }\n"
        "resources: { a: { type: a.yaml }, b: { type: b.yaml } }\n",
        a_dot_yaml=VERSION + "parameters: { r: { type: string, hidden: true, default: nested } }\n",
        b_dot_yaml=VERSION,
        env_dot_yaml="parameter_defaults: { r: hidden-too, s: open }\n",
    )
    given = {"p": "hunter2", "q": "seen"}
    template = loaded(folder / "main.yaml", (folder / "env.yaml",), parameters=given)
    topology = topology_of(template, given, {})
    properties = topology.nodes["stack"].properties
    assert properties["parameters"] == {"p": Secret("hunter2"), "q": "seen"}
    assert properties["template"]["parameters"]["p"]["default"] == Secret("dflt")
    assert isinstance(properties["files"]["a.yaml"], Secret) and isinstance(properties["files"]["b.yaml"], str)
    assert properties["environment"]["parameter_defaults"] == {"r": Secret("hidden-too"), "s": "open"}
    assert topology.inputs["p"] == Secret("hunter2")
    assert not any(word in repr(topology) for word in ("hunter2", "dflt", "nested", "hidden-too"))


def test_groups_that_can_be_scaled(write: Any) -> None:
    member = "resource_def: { type: OS::Heat::RandomString }"
    folder = write(
        main_dot_yaml=VERSION + "parameters: { n: { type: number, default: 2 } }\nresources:\n"
        f"  a: {{ type: OS::Heat::ResourceGroup, properties: {{ count: {{ get_param: n }}, {member} }} }}\n"
        f"  b: {{ type: OS::Heat::ResourceGroup, properties: {{ count: 4, {member} }} }}\n"
        f"  c: {{ type: OS::Heat::ResourceGroup, properties: {{ {member} }} }}\n"
        "  d: { type: OS::Heat::AutoScalingGroup, properties: { min_size: 1, max_size: 5, desired_capacity: 3,"
        " resource: { type: OS::Heat::RandomString } } }\n  e: { type: OS::Heat::RandomString }\n"
    )
    template = loaded(folder / "main.yaml", parameters={})
    assert counted(template) == {"a": ("n", 2), "b": (None, 4), "c": (None, 1), "d": (None, 3)}
    node = topology_of(template, {}, {"b": 7, "c": 0}).nodes["stack"]
    resources = node.properties["template"]["resources"]
    assert (resources["b"]["properties"]["count"], resources["c"]["properties"]["count"]) == (7, 0)
    assert node.metadata["groups"] == {"a": 2, "b": 7, "c": 0, "d": 3}


def test_groups_of_cfn(write: Any) -> None:
    size = "MinSize: '1', MaxSize: '5', AvailabilityZones: []"
    group = "{{ Type: AWS::AutoScaling::AutoScalingGroup, Properties: {{ {}, " + size + " }} }}"
    folder = write(
        main_dot_yaml="AWSTemplateFormatVersion: 2010-09-09\nParameters: { N: { Type: Number, Default: 2 },"
        " P: { Type: String, NoEcho: true, Default: dflt } }\nResources:\n"
        f"  a: {group.format('DesiredCapacity: { Ref: N }, LaunchConfigurationName: x')}\n"
        "  b: " + group.format("DesiredCapacity: '3', LaunchConfigurationName: x") + "\n"
    )
    template = loaded(folder / "main.yaml", parameters={})
    assert counted(template) == {"a": ("N", 2), "b": (None, 3)}
    sent = topology_of(template, {}, {"b": 4}).nodes["stack"].properties["template"]
    assert sent["Resources"]["b"]["Properties"]["DesiredCapacity"] == 4
    assert sent["Parameters"]["P"]["Default"] == Secret("dflt")
