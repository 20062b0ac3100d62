"""What the pages tell a reader to type is accepted by the program as it is now."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pages
import pytest

import bbq
from bbq.cli.main import COMMANDS, parser_of

_OPERATORS = {"|", "||", "&", "&&", ";", ">", ">>", "<"}
_WRAP = """\
tosca_definitions_version: tosca_2_0
imports:
  - profile: bbq:1.0
service_template:
  node_templates:
"""


def template_of(block: pages.Block) -> str | None:
    """The block as a whole template. A marker in the line before it says what a fragment is: `node_templates`, maybe with
    `NAME: TYPE` for a target that it needs, or `not TOSCA`."""
    if block.text.startswith(("tosca_definitions_version", "heat_template_version")):
        return block.text
    if block.marker == "not TOSCA":
        return None
    match = re.fullmatch(r"node_templates(?:, with (\w+): ([\w.]+))?", block.marker)
    assert match, f"{block}: neither a whole template nor marked: {block.marker!r}"
    more = f"{match[1]}: {{ type: {match[2]} }}\n" if match[1] else ""
    return _WRAP + "".join(f"    {line}\n" for line in (block.text + more).splitlines())


def test_templates_are_valid(tmp_path: Path) -> None:
    whole = [(block, text) for block in pages.blocks("yaml") if (text := template_of(block)) is not None]
    assert len(whole) >= 5
    for number, (block, text) in enumerate(whole):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        found = bbq.validate(file, offline=True)
        assert not found, f"{block}: {found}"


@pytest.mark.parametrize("block", pages.blocks("python"), ids=str)
def test_python_compiles(block: pages.Block) -> None:
    compile(block.text, str(block), "exec")


def commands(text: str) -> Iterator[list[str]]:
    """The argument lists of `bbq-deploy` in a piece of shell."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        line = line.removeprefix("$ ")
        nested = re.findall(r"\$\((bbq-deploy [^()]*)\)", line) + re.findall(r"'(bbq-deploy [^']*)'", line)
        for inner in nested:
            yield from commands(inner)
        if "bbq-deploy" not in re.sub(r"\$\([^()]*\)|'bbq-deploy [^']*'", "", line):
            continue
        lexer = shlex.shlex(re.sub(r"\$\([^()]*\)", "VALUE", line), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in _OPERATORS:
                while words and re.fullmatch(r"[A-Z]\w*=.*", words[0]):
                    del words[0]
                if words[:1] == ["bbq-deploy"]:
                    yield words[1:]
                words = []
            else:
                words.append(word)


def test_command_lines_parse() -> None:
    seen = set()
    for block in pages.blocks("sh", "console"):
        text = block.text
        if block.language == "console":
            text = "\n".join(line for line in text.splitlines() if line.startswith("$ "))
        for name, *arguments in commands(text):
            assert name in COMMANDS, f"{block}: bbq-deploy {name}"
            try:
                parser_of(name).parse_args(arguments)
            except bbq.UsageError as error:
                pytest.fail(f"{block}: bbq-deploy {shlex.join([name, *arguments])}: {error}")
            seen.add(name)
    assert seen >= {"validate", "plan", "up", "status", "outputs", "logs", "scale", "graph", "destroy", "render", "queue"}


def test_commands_and_options_in_the_text_exist() -> None:
    for page, code in pages.inline_code():
        if not code.startswith("bbq-deploy "):
            continue
        name, *words = code.removeprefix("bbq-deploy ").split()
        assert name in COMMANDS, f"{page.name}: {code}"
        known = parser_of(name)._option_string_actions
        for word in words:
            assert not word.startswith("-") or word.partition("=")[0] in known, f"{page.name}: {code}: {word}"


def test_options_of_the_configuration_exist() -> None:
    from bbq.conf.opts import list_opts

    known = {(group.name, opt.dest) for group, opts in list_opts() for opt in opts}
    for page, code in pages.inline_code():
        if match := re.match(r"\[(\w+)\] (\w+)", code):
            assert (match[1], match[2]) in known, f"{page.name}: {code}"


def test_the_first_template_of_the_tutorial_is_complete(tmp_path: Path) -> None:
    """Every file that its template and commands name is on the page."""
    text = (pages.ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    titles = re.findall(r'^```\w+ title="([^"]+)"', text, re.MULTILINE)
    assert titles == ["service.yaml", "writer.py"]
