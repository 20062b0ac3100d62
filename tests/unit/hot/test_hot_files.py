"""Nested templates, files, environments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import bbq.hot

HEAD = "heat_template_version: 2018-08-31\n"
NESTED = """
heat_template_version: 2016-10-14
parameters:
  name: { type: string, constraints: [ { length: { max: 5 } } ] }
  names: { type: comma_delimited_list, default: '' }
resources:
  r: { type: OS::Heat::Value, properties: { value: { get_param: name } } }
  script: { type: OS::Heat::SoftwareConfig, properties: { config: { get_file: run.sh } } }
outputs:
  value: { value: { get_attr: [ r, value ] } }
"""


def test_nested_templates(templates):
    templates.write("sub/nested.yaml", NESTED)
    templates.write("sub/run.sh", "#!/bin/sh\n")
    template = templates.good(
        """
        heat_template_version: 2018-08-31
        resources:
          a: { type: sub/nested.yaml, properties: { name: abc, names: [ x ] } }
          b: { type: sub/nested.yaml, properties: { name: { get_attr: [ a, value ] }, names: 'x,y' } }
        outputs:
          o: { value: { get_attr: [ b, resource.r.value ] } }
        """
    )
    nested = template.resources["a"].template
    assert nested is template.resources["b"].template
    assert list(nested.resources) == ["r", "script"]
    assert {name: (item.kind, item.status) for name, item in template.files.items()} == {
        "sub/nested.yaml": ("template", "there"),
        "sub/run.sh": ("content", "there"),
    }
    assert [text for text, _ in template.files["sub/nested.yaml"].written] == ["sub/nested.yaml"] * 2
    assert template.files["sub/run.sh"].path == templates.directory / "sub/run.sh"
    assert len(template.files["sub/run.sh"].digest()) == 64


def test_the_digest_covers_nested_templates_and_environments(templates):
    def digest() -> str:
        path, _ = templates.write("stack.yaml", HEAD + "resources: { a: { type: nested.yaml } }\n")
        return bbq.hot.load(path, environments=[templates.directory / "env.yaml"])[0].digest

    templates.write("nested.yaml", HEAD)
    templates.write("env.yaml", "parameters: {}\n")
    first = digest()
    assert first == digest()
    templates.write("nested.yaml", HEAD + "description: x\n")
    second = digest()
    templates.write("env.yaml", "parameter_defaults: {}\n")
    assert len({first, second, digest()}) == 3


def test_nested_templates_are_checked(templates):
    templates.write("nested.yaml", NESTED.replace("run.sh", "nothing.sh"))
    templates.write("broken.yaml", HEAD + "resources: { r: { type: OS::Nova::Srv } }\n")
    found = templates.bad(
        """
        heat_template_version: 2018-08-31
        resources:
          §a: { type: nested.yaml, properties: { §nmae: abc } }
          b: { type: nested.yaml, properties: { name: §toolong, names: [] } }
          c: { type: broken.yaml }
          d: { type: §missing.yaml }
          e: { type: §'https://example.org/x.yaml' }
          f: { type: §../../outside.yaml }
          g: { type: §stack.yaml }
          group: { type: OS::Heat::ResourceGroup, properties: { resource_def: { type: §missing.template } } }
        outputs:
          o: { value: { get_attr: [ a, §vlaue ] } }
        """,
        "BBQ-H030",
        "BBQ-H051?",
        "BBQ-H033",
        "BBQ-H032",
        "BBQ-H035",
        "BBQ-H050",
        "BBQ-H053",
        "BBQ-H052",
        "BBQ-H054",
        "BBQ-H050?",
        "BBQ-H045",
        more=(("broken.yaml", 2, 25), ("nested.yaml", 8, 79)),
    )
    assert [str(place).rsplit("/", 1)[-1] for place, text in found[0].related] == ["stack.yaml:6:14"]
    assert found[0].related[0][1] == "imported from"
    assert found[6].hint == "copy it and map it: --import-map https://example.org/=DIRECTORY"


def test_cycles_through_several_templates(templates):
    templates.write("b.yaml", HEAD + "resources: { r: { type: c.yaml } }\n")
    templates.write("c.yaml", HEAD + "resources: { r: { type: b.yaml } }\n")
    found = templates.bad(HEAD + "resources: { r: { type: b.yaml } }\n", "BBQ-H054", more=(("c.yaml", 2, 25),))
    assert "b.yaml -> c.yaml -> b.yaml" in found[0].message


def test_deep_nesting(templates):
    for level in range(40):
        templates.write(f"{level}.yaml", HEAD + f"resources: {{ r: {{ type: {level + 1}.yaml }} }}\n")
    _, found, _ = templates.read(HEAD + "resources: { r: { type: 0.yaml } }\n")
    assert {item.code for item in found} == {"BBQ-H055"}
    assert [item.severity for item in found].count("error") == 1


def test_templates_that_nest_others_twice_are_read_once(templates):
    for level in range(20):
        templates.write(
            f"{level}.yaml", HEAD + f"resources: {{ r: {{ type: {level + 1}.yaml }}, s: {{ type: {level + 1}.yaml }} }}\n"
        )
    templates.write("20.yaml", HEAD)
    template, found, _ = templates.read(HEAD + "resources: { r: { type: 0.yaml } }\n")
    assert all(item.severity == "warning" for item in found)
    assert len(template.files) == 21


def test_import_maps(templates):
    templates.write("lib/x.yaml", HEAD + "resources: { r: { type: y.yaml } }\n")
    templates.write("lib/y.yaml", HEAD)
    text = HEAD + "resources: { r: { type: 'https://example.org/lib/x.yaml' } }\n"
    template = templates.good(text, import_map={"https://example.org/lib/": templates.directory / "lib"})
    assert set(template.files) == {"https://example.org/lib/x.yaml", "https://example.org/lib/y.yaml"}
    text = HEAD + "resources: { r: { type: §'https://example.org/lib/../../x.yaml' } }\n"
    templates.bad(text, "BBQ-H052", import_map={"https://example.org/lib/": templates.directory / "lib"})


def test_files(templates):
    templates.write("script.sh", "x")
    (templates.directory / "link.sh").symlink_to("/etc/passwd")
    os.mkfifo(templates.directory / "fifo")
    template, found, marks = templates.read(
        """
        heat_template_version: 2018-08-31
        resources:
          r:
            type: OS::Heat::StructuredConfig
            properties:
              config:
                a: { get_file: script.sh }
                b: { get_file: §missing.sh }
                c: { get_file: §/etc/passwd }
                d: { get_file: §../../x }
                e: { get_file: §link.sh }
                f: { get_file: §'http://example.org/x' }
                g: { get_file: §fifo }
                h: { get_file: §5 }
        """
    )
    told = [(item.code, item.severity) for item in found]
    outside = ("BBQ-H052", "warning")
    missing = ("BBQ-H051", "warning")
    assert told == [missing, outside, outside, outside, ("BBQ-H053", "warning"), missing, ("BBQ-H042", "error")]
    assert [("stack.yaml", item.line, item.column) for item in found] == marks
    assert template.files["script.sh"].status == "there"
    assert template.files["http://example.org/x"].path is None
    with pytest.raises(FileNotFoundError):
        template.files["http://example.org/x"].digest()


ENVIRONMENT = """
parameters: { n: 3, list: [ a, b ] }
parameter_defaults: { s: text, other: 1 }
resource_registry:
  My::Server: lib/server.yaml
  "My::Net*": "OS::Neutron::Net*"
  resources:
    special: { "My::Server": OS::Nova::Server, hooks: pre-create }
    "db_*": { hooks: [ pre-update, post-delete ], restricted_actions: replace }
event_sinks: [ { type: zaqar-queue, target: q, ttl: 60 } ]
"""
STACK = """
heat_template_version: 2018-08-31
parameters: { n: { type: number }, s: { type: string }, list: { type: comma_delimited_list } }
resources:
  a: { type: My::Server, properties: { flavor: x } }
  special: { type: My::Server, properties: { flavor: x, image: y } }
  net: { type: My::Net }
"""


def test_environments(templates):
    templates.write("env/prod.yaml", ENVIRONMENT)
    templates.write("env/lib/server.yaml", HEAD + "parameters: { flavor: { type: string } }\n")
    template = templates.good(STACK, environments=[templates.directory / "env/prod.yaml"])
    assert template.values == {"n": 3, "s": "text", "list": ["a", "b"]}
    assert {name: item.implementation for name, item in template.resources.items()} == {
        "a": "lib/server.yaml",
        "special": "OS::Nova::Server",
        "net": "OS::Neutron::Net",
    }
    assert template.files["env/prod.yaml"].kind == "environment"
    assert template.files["env/lib/server.yaml"].kind == "template"
    assert template.environment["event_sinks"] == [{"type": "zaqar-queue", "target": "q", "ttl": 60}]
    assert template.environment["parameters"] == {"n": 3, "list": ["a", "b"]}


def test_an_environment_elsewhere_brings_its_own_files(templates, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True)
    (elsewhere / "env.yaml").write_text("resource_registry: { 'My::R': r.yaml }\n")
    (elsewhere / "r.yaml").write_text(HEAD)
    text = HEAD + "resources: { r: { type: My::R } }\n"
    assert templates.good(text, environments=[elsewhere / "env.yaml"]).resources["r"].template is not None


def test_bad_environments(templates):
    templates.write("stack.yaml", STACK)
    _, marks = templates.write(
        "env.yaml",
        """
        §paramters: {}
        parameters: { n: §x, §m: 1, s: a, list: '' }
        §event_sinks:
        parameter_defaults: { s: b }
        resource_registry:
          My::Server: §5
          My::Other: §other.txt
          My::Missing: §missing.yaml
          §x.yaml: OS::Nova::Server
          My::A: My::B
          My::B: My::A
          resources: { a: { hooks: §before, restricted_actions: [ §remove ] } }
        parameter_merge_strategies: { default: §mix, §k: merge }
        """.replace("§m:", "m: §").replace("m: § 1", "m: §1"),
    )
    text = STACK.replace("net: { type: My::Net }", "net: { type: §My::A }").replace("My::Server", "OS::Heat::None")
    found = templates.bad(
        text,
        "BBQ-H060",
        "BBQ-H072",
        "BBQ-H070",
        "BBQ-H060",
        "BBQ-H061",
        "BBQ-H061",
        "BBQ-H050",
        "BBQ-H061",
        "BBQ-H062",
        "BBQ-H062",
        "BBQ-H063",
        "BBQ-H063?",
        "BBQ-H061",
        more=tuple(marks),
        environments=[templates.directory / "env.yaml"],
    )
    assert found[0].hint == "did you mean `parameters`?"


def test_environment_values_of_hidden_parameters_are_not_shown(templates):
    templates.write("env.yaml", "parameters: { p: geheim }\n")
    text = HEAD + "parameters: { p: { type: number, hidden: true } }\n"
    found = templates.bad(text, "BBQ-H072", more=(("env.yaml", 1, 18),), environments=[templates.directory / "env.yaml"])
    assert "geheim" not in str(found) and "geheim" not in found[0].excerpt.text


def test_unreadable_environments(templates):
    templates.write("list.yaml", "- a\n")
    names = [templates.directory / name for name in ("list.yaml", "nothing.yaml")]
    templates.bad(HEAD, "BBQ-H060", "BBQ-Y001", more=(("list.yaml", 1, 1), ("nothing.yaml", 1, 1)), environments=names)


MERGED = """
heat_template_version: 2018-08-31
parameters:
  s: { type: string }
  n: { type: number }
  l: { type: comma_delimited_list }
  j: { type: json }
  b: { type: boolean }
"""


@pytest.mark.parametrize(
    ("strategy", "values"),
    [
        ("overwrite", {"s": "y", "n": 2, "l": ["c"], "j": {"a": {"q": 2}}, "b": True}),
        ("merge", {"s": "xy", "n": 3, "l": ["a", "b", "c"], "j": {"a": {"q": 2}, "k": 1}, "b": True}),
        ("deep_merge", {"s": "xy", "n": 3, "l": ["a", "b", "c"], "j": {"a": {"p": 1, "q": 2}, "k": 1}, "b": True}),
    ],
)
def test_merge_strategies(templates, strategy, values):
    templates.write("1.yaml", "parameters: { s: x, n: 1, l: 'a,b', j: { a: { p: 1 }, k: 1 } }\n")
    templates.write(
        "2.yaml",
        f"parameters: {{ s: y, n: 2, l: 'c', j: {{ a: {{ q: 2 }} }}, b: true }}\n"
        f"parameter_merge_strategies: {{ default: {strategy} }}\n",
    )
    names = [templates.directory / "1.yaml", templates.directory / "2.yaml"]
    assert templates.good(MERGED, environments=names).values == values


def test_merge_strategies_that_cannot_be(templates):
    templates.write("1.yaml", "parameters: { b: true, j: 5, s: x, n: 1, l: '' }\nparameter_merge_strategies: { s: merge }\n")
    templates.write(
        "2.yaml",
        "parameters: { b: false, j: { a: 1 } }\nparameter_merge_strategies: { b: merge, j: merge, s: overwrite }\n",
    )
    names = [templates.directory / "1.yaml", templates.directory / "2.yaml"]
    places = (("2.yaml", 1, 18), ("2.yaml", 1, 28), ("2.yaml", 2, 54))
    templates.bad(MERGED, "BBQ-H063", "BBQ-H063", "BBQ-H063", more=places, environments=names)


def test_a_registry_entry_can_be_taken_back(templates):
    templates.write("1.yaml", "resource_registry: { 'OS::Neutron::Net': OS::Heat::None }\n")
    templates.write("2.yaml", "resource_registry: { 'OS::Neutron::*': null }\n")
    text = HEAD + "resources: { r: { type: OS::Neutron::Net } }\n"
    one, two = (templates.directory / name for name in ("1.yaml", "2.yaml"))
    assert templates.good(text, environments=[one]).resources["r"].implementation == "OS::Heat::None"
    assert templates.good(text, environments=[one, two]).resources["r"].implementation == "OS::Neutron::Net"


@pytest.mark.parametrize(
    ("sink", "code"),
    [
        ("§{ target: x }", "BBQ-H064"),
        ("{ type: §kafka }", "BBQ-H064?"),
        ("§{ type: zaqar-queue }", "BBQ-H064"),
        ("§x", "BBQ-H012"),
    ],
)
def test_event_sinks(templates, sink, code):
    _, marks = templates.write("env.yaml", f"event_sinks: [ {sink} ]\n")
    templates.bad(HEAD, code, more=tuple(marks), environments=[templates.directory / "env.yaml"])


def test_nothing_is_read_from_elsewhere(tmp_path: Path):
    """A template in a directory of its own may not name its neighbours' files by an absolute path."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "stack.yaml").write_text(HEAD + "resources: { r: { type: /etc/x.yaml } }\n")
    _, found = bbq.hot.load(tmp_path / "a" / "stack.yaml")
    assert [item.code for item in found] == ["BBQ-H052"]
