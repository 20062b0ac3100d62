"""Wrong templates and inputs: a place, a code, a hint, exit code 4, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.simulator

HEAD = "tosca_definitions_version: tosca_2_0\nimports: [ { profile: 'bbq:1.0' } ]\nservice_template:\n"
NODES = HEAD + "  node_templates:\n"  # the first node is on line 5


def bomb() -> str:
    lines = ["tosca_definitions_version: tosca_2_0", "a: &a [ x, x, x, x, x, x, x, x, x ]"]
    lines += [
        f"{name}: &{name} [ {', '.join(['*' + before] * 9)} ]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    return "\n".join(lines)


TEMPLATES: dict[str, tuple[str | bytes, list[str]]] = {
    "unknown type": (
        NODES + "    a: { type: bbq.nodes.MessageQeue }\n",
        ["t.yaml:5:16: error BBQ-T030: unknown node type `bbq.nodes.MessageQeue`", "did you mean `bbq.nodes.MessageQueue`?"],
    ),
    "unknown property": (
        NODES + "    a: { type: bbq.nodes.MessageQueue, properties: { prot: 1 } }\n",
        ["t.yaml:5:54: error BBQ-T041", "did you mean `port`?"],
    ),
    "property left out": (
        NODES + "    a: { type: bbq.nodes.Job }\n",
        ["t.yaml:5:5: error BBQ-T042", "required property `command`", "hint: command: The argument list"],
    ),
    "unknown input": (
        NODES + "    a: { type: bbq.nodes.Job, properties: { command: [ { $get_input: nothing } ] } }\n",
        ["t.yaml:5:70: error BBQ-T052: unknown input `nothing`", "declare it under `inputs`"],
    ),
    "unknown function": (
        NODES + "    a: { type: bbq.nodes.Job, properties: { command: { $get_inptu: x } } }\n",
        ["t.yaml:5:56: error BBQ-T050: unknown function `$get_inptu`", "did you mean `$get_input`?"],
    ),
    "wrong type of value": (
        NODES + "    a: { type: bbq.nodes.MessageQueue, properties: { port: many } }\n",
        ["t.yaml:5:60: error BBQ-T040", "must be an integer, not the string `many`"],
    ),
    "broken constraint": (
        NODES + "    a: { type: bbq.nodes.MessageQueue, properties: { port: 70000 } }\n",
        ["t.yaml:5:60: error BBQ-T043", "must be at most `65535`, not `70000`"],
    ),
    "unknown target": (
        NODES + "    a: { type: bbq.nodes.Job, properties: { command: [ x ] }, requirements: [ { connection: b } ] }\n",
        ["t.yaml:5:93: error BBQ-T053", "no node template or node type `b`"],
    ),
    "requirement without a target": (
        NODES + "    a: { type: bbq.nodes.SparkApplication, properties: { file: a.py } }\n",
        ["t.yaml:5:5: error BBQ-G010", "add a node that offers bbq.capabilities.SparkCluster"],
    ),
    "unknown requirement": (
        NODES + "    a: { type: bbq.nodes.Job, properties: { command: [ x ] }, requirements: [ { conection: a } ] }\n",
        ["t.yaml:5:81: error BBQ-T061", "did you mean `connection`?"],
    ),
    "cycle": (
        NODES
        + "    a: { type: bbq.nodes.Service, properties: { command: [ x ] }, requirements: [ { connection: b } ] }\n"
        + "    b: { type: bbq.nodes.Service, properties: { command: [ x ] }, requirements: [ { connection: a } ] }\n",
        ["error BBQ-T065", "`a` -> `b` -> `a`", "hint: remove one"],
    ),
    "duplicate key": (
        NODES + "    a: { type: bbq.nodes.MessageQueue }\n    a: { type: bbq.nodes.MessageQueue }\n",
        ["t.yaml:6:5: error BBQ-Y009: duplicate key `a`", "first definition: t.yaml:5:5"],
    ),
    "tabs": (HEAD + "\tnode_templates: {}\n", ["t.yaml:4:1: error BBQ-Y006", "indent with spaces"]),
    "alias bomb": (bomb(), ["error BBQ-Y014", "use fewer"]),
    "depth": ("[" * 100_000, ["t.yaml:1:100: error BBQ-Y011"]),
    "a number without end": ("a: " + "9" * 100_000, ["t.yaml:1:4: error BBQ-Y017"]),
    "not UTF-8": (b"description: caf\xe9\n", ["t.yaml:1:17: error BBQ-Y003", "save the file as UTF-8"]),
    "no text": (b"\x00" * 100, ["t.yaml:1:1: error BBQ-Y004", "is this a text file?"]),
    "empty": ("", ["t.yaml:1:1: error BBQ-Y008: the file is empty"]),
    "not a map": ("- a\n", ["t.yaml:1:1: error BBQ-T002", "tosca_definitions_version: tosca_2_0"]),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_wrong_templates(newcomer, case: str) -> None:
    text, said = TEMPLATES[case]
    newcomer.file("t.yaml", text)
    done = newcomer("up", "t.yaml", "--provider", "simulator")
    assert (done.code, done.out) == (4, "")
    for part in said:
        assert part in done.err
    assert done.err.count(" error BBQ-") == 1, "one message for one mistake"
    assert done.err.splitlines()[-1] == "error: 1 error in t.yaml"
    assert not (newcomer.state / "journal.db").exists() or "no deployments" in newcomer("list", "--all").out
    if case != "requirement without a target":  # `validate` does not know where the rest of the template may come from
        checked = newcomer("validate", "t.yaml")
        assert checked.code == 4
        assert said[0] in checked.out + checked.err


def test_every_problem_is_told_at_once(newcomer) -> None:
    newcomer.file(
        "t.yaml",
        NODES + "    a: { type: bbq.nodes.Nothing }\n    b: { type: bbq.nodes.Worker, properties: { instances: x } }\n",
    )
    done = newcomer("up", "t.yaml", "--provider", "simulator")
    assert done.code == 4
    assert [line.split()[2] for line in done.err.splitlines() if line.startswith("t.yaml:")] == [
        "BBQ-T030:",
        "BBQ-T042:",
        "BBQ-T040:",
    ]
    assert done.err.count("3 errors") == 1


def test_a_file_of_100_megabytes(newcomer) -> None:
    with newcomer.file("t.yaml", TEMPLATES["tabs"][0]).open("ab") as file:
        file.truncate(100 << 20)
    done = newcomer("validate", "t.yaml")
    assert done.code == 4
    assert "t.yaml:1:1: error BBQ-Y002: the file has 104,857,600 bytes" in done.out + done.err


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (".", "it is a directory"),
        ("servise.yaml", "did you mean service.yaml?"),
        ("/dev/zero", "not a regular file"),
        ("service.yaml/x", "Not a directory"),
        ("x" * 5000, "File name too long"),
        ("", "error"),
    ],
)
def test_templates_that_cannot_be_read(newcomer, path: str, said: str) -> None:
    done = newcomer("up", path, "--provider", "simulator", "--name", "demo")
    assert done.code == 4
    assert said in done.err


def test_a_template_that_nobody_writes_to(newcomer) -> None:
    """A named pipe must not hang."""
    import os

    os.mkfifo(newcomer.home / "pipe.yaml")
    assert newcomer("validate", "pipe.yaml").code == 4


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("workers", 2, "hint: for example --input workers=2"),
        ("=3", 2, "is not NAME=VALUE"),
        ("workers=", 4, "must be an integer"),
        ("workers=4", 4, "must be at most `3`, not `4`"),
        ("workers=many", 4, "must be an integer, not the string `many`"),
        ("workers=1.5", 4, "must be an integer"),
        ("workers=[1", 4, "must be an integer"),
        ("wrkers=1", 4, "did you mean `workers`?"),
        ("token=", 0, ""),
    ],
)
def test_wrong_inputs_of_the_command_line(newcomer, given: str, code: int, said: str) -> None:
    done = newcomer.up("--input", given)
    assert done.code == code
    assert said in done.err
    if code == 4:
        assert "<input>: error BBQ-T10" in done.err
        assert "error: 1 error in the inputs of " in done.err
    if code:
        assert "no deployments" in newcomer("list", "--all").out


def test_wrong_inputs_of_a_file_are_told_where_they_stand(newcomer) -> None:
    file = newcomer.home / "inputs.yaml"
    file.write_text("# ours\nworkers: many\n")
    done = newcomer.up("--inputs", str(file))
    assert done.code == 4
    assert f"{file}:2:10: error BBQ-T102" in done.err
    done = newcomer.up("--inputs", str(file), "--input", "workers=few")
    assert "<input>: error BBQ-T102" in done.err, "what is given by hand wins"


@pytest.mark.parametrize("provider", ["simulator", "local"])
def test_an_input_that_a_property_does_not_take(newcomer, provider: str) -> None:
    text = """\
tosca_definitions_version: tosca_2_0
imports: [ { profile: "bbq:1.0" } ]
service_template:
  inputs: { workers: { type: integer } }
  node_templates:
    spark: { type: bbq.nodes.SparkCluster, properties: { workers: { $get_input: workers } } }
"""
    newcomer.file("spark.yaml", text)
    done = newcomer("up", "spark.yaml", "--provider", provider, "--input", "workers=-5")
    assert done.code == 4
    assert "spark.yaml:6:69: error BBQ-T043: property `workers` of `spark` must be at least `1`, not `-5`" in done.err
    assert "1 error in spark.yaml" in done.err
    assert "no deployments" in newcomer("list", "--all").out, "nothing came of it"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("workers: 1\nworkers: 2\n", "given.yaml:2:1: error BBQ-Y009"),
        ("- workers\n", "is not a mapping of input names to values"),
        ("workers: many\n", "must be an integer"),
        ("", "the file is empty"),
    ],
)
def test_wrong_files_of_inputs(newcomer, text: str | None, said: str) -> None:
    if text is not None:
        newcomer.file("given.yaml", text)
    done = newcomer.up("--inputs", "given.yaml")
    assert done.code == 4
    assert said in done.err


def test_a_secret_input_is_not_told(newcomer) -> None:
    for given in ("token=[hunter2-hunter2", "token=hunter2-hunter2", "tokn=hunter2-hunter2"):
        newcomer.up("--input", given, "--input", "workers=9")
    for path in Path(newcomer.home).rglob("journal.db*"):
        assert b"hunter2" not in path.read_bytes()
