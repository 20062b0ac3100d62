"""Commands, their options and their help."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from bbq.cli import options, parsing
from bbq.cli.main import COMMANDS, main, parser_of
from bbq.errors import TemplateError, UsageError


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_that_parses(name: str) -> None:
    help_text = parser_of(name).format_help()
    assert "examples:" in help_text
    for example in parsing.load(name).EXAMPLES:
        line = re.sub(r"^(\w+=\S+ )*", "", example).partition("  #")[0].partition(" <")[0].partition(" >")[0]
        words = shlex.split(line)
        assert words[:2] == ["bbq-deploy", name]
        assert parsing.parse(words[1:]).command == name


def test_the_table_and_the_modules_agree() -> None:
    folder = Path(parsing.__file__).parent / "commands"
    assert {file.stem for file in folder.glob("*.py")} - {"__init__"} == set(COMMANDS)


@pytest.mark.parametrize(
    "argv", [["--format", "json", "list"], ["list", "--format", "json"], ["--format=json", "list"], ["list", "--format=json"]]
)
def test_common_options_stand_anywhere(argv: list[str]) -> None:
    assert parsing.parse(argv).format == "json"


def test_config_files_add_up() -> None:
    assert parsing.parse(["--config-file", "a", "list", "--config-file", "b"]).config_file == ["a", "b"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["lst"], "there is no command 'lst'"),
        (["list", "--al"], "unrecognized arguments: --al"),
        (["up"], "required: TEMPLATE"),
        (["list", "--format", "xml"], "invalid choice: 'xml'"),
        (["up", "a.yaml", "--on-error", "explode"], "invalid choice: 'explode'"),
        (["queue", "demo", "packets"], "required: ACTION"),
    ],
)
def test_wrong_usage(argv: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=said):
        parsing.parse(argv)
    assert main(argv) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_a_near_command_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        parsing.parse(["destory"])
    assert caught.value.hint == "did you mean destroy?"


def test_inputs(tmp_path: Path) -> None:
    file = tmp_path / "inputs.yaml"
    file.write_text("workers: 2\nname: x\ntags: [a, b]\n")
    args = parsing.parse(["plan", "t.yaml", "--inputs", str(file), "--input", "name=y=z", "-i", "empty="])
    assert options.given(args) == {"workers": 2, "name": "y=z", "tags": ["a", "b"], "empty": ""}
    assert options.given(parsing.parse(["plan", "t.yaml"])) is None


def test_wrong_inputs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NAME=VALUE"):
        options.given(parsing.parse(["plan", "t.yaml", "--input", "workers"]))
    file = tmp_path / "inputs.yaml"
    file.write_text("- 1\n")
    with pytest.raises(TemplateError, match="not a mapping"):
        options.given(parsing.parse(["plan", "t.yaml", "--inputs", str(file)]))
    file.write_text("a: 1\na: 2\n")
    with pytest.raises(TemplateError) as caught:
        options.given(parsing.parse(["plan", "t.yaml", "--inputs", str(file)]))
    assert caught.value.diagnostics[0].line == 2
    with pytest.raises(TemplateError):
        options.given(parsing.parse(["plan", "t.yaml", "--inputs", str(tmp_path / "missing.yaml")]))


@pytest.mark.parametrize("wrong", ["spark", "spark=", "=3", "spark=-1", "spark=two", "spark=1.5", "spark=99999999999"])
def test_wrong_counts(wrong: str) -> None:
    with pytest.raises(UsageError, match="NODE=NUMBER"):
        options.counts([wrong])


def test_counts() -> None:
    assert options.counts(["spark=3", "workers=0"]) == {"spark": 3, "workers": 0}
