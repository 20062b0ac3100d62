"""Argument parsing: options that every command has, before or after its name, and each command's own."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from importlib import import_module
from typing import Any, NoReturn, Protocol

from bbq.cli.main import COMMANDS
from bbq.errors import UsageError

FORMATS = ("human", "json", "yaml")


class Command(Protocol):
    """A module of `bbq.cli.commands`. `EXAMPLES` are command lines for its help; optional: `FORMATS`, the values of
    `--format` with the default first; `STREAMS`, true where JSON is one object a line; `REPORTS`, true where the view shows
    findings and errors only."""

    EXAMPLES: tuple[str, ...]

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, session: Any) -> int: ...


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Asks for the terminal's width itself: argparse does it for every argument, by a module that loads four compressors."""

    def __init__(self, prog: str, **options: Any) -> None:
        options.setdefault("width", _columns() - 2)
        super().__init__(prog, **options)


def _columns() -> int:
    """As `shutil.get_terminal_size`: what `COLUMNS` says, else the terminal, else 80."""
    try:
        wanted = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        wanted = 0
    if wanted > 0:
        return wanted
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80 if sys.__stdout__ is not None else 80
    except (OSError, ValueError):
        return 80


class Parser(argparse.ArgumentParser):
    """Raises `UsageError` instead of printing and leaving, so that errors look the same everywhere."""

    def error(self, message: str) -> NoReturn:
        hint = f"see {self.prog} --help"
        if message.endswith("expected one argument"):
            hint = f"a value that begins with '-' is written --option=VALUE; {hint}"
        raise UsageError(message, hint=hint)


def load(name: str) -> Any:
    """The command's module (a `Command`)."""
    return import_module(f"bbq.cli.commands.{name}")


def command_parser(name: str) -> argparse.ArgumentParser:
    module = load(name)
    parser = Parser(
        prog=f"bbq-deploy {name}",
        description=_sentence(COMMANDS[name]),
        epilog="examples:\n" + "\n".join(f"  {line}" for line in module.EXAMPLES),
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    module.arguments(parser)
    common(parser, getattr(module, "FORMATS", FORMATS), streams=getattr(module, "STREAMS", False))
    return parser


def main_parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS)) + 2
    parser = Parser(
        prog="bbq-deploy",
        usage="bbq-deploy [options] COMMAND ...",
        description="One template becomes a running data stack, and goes away again.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<{width}}{summary}" for name, summary in COMMANDS.items())
        + "\n\nbbq-deploy COMMAND --help says more, with examples.",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    common(parser, None)
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """The command's arguments; `command` is its name, None where only help or the version is asked for."""
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError:  # bytes that are not UTF-8 came as lone surrogates
            shown = os.fsencode(word).decode(errors="backslashreplace")
            raise UsageError(f"the argument '{shown}' is not UTF-8", hint="names and values are UTF-8 text") from None
    found = main_parser().parse_args(argv)
    name, rest = found.command, found.rest
    del found.rest
    if name is None:
        return found
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        raise UsageError(f"there is no command {name!r}", hint=f"did you mean {near[0]}?" if near else "see bbq-deploy --help")
    return command_parser(name).parse_args(rest, namespace=found)


def common(parser: argparse.ArgumentParser, formats: tuple[str, ...] | None, *, streams: bool = False) -> None:
    """Options of every command. Nothing has a default here: what stands before the command's name must not be lost."""
    group = parser.add_argument_group("options of every command")

    def add(*names: str, **options: Any) -> None:
        group.add_argument(*names, default=argparse.SUPPRESS, **options)

    if formats is None:
        add("--format", metavar="FORMAT", help="human, json or yaml; graph has its own")
    else:
        kind = "; json is one object a line" if streams else ""
        add("--format", choices=formats, help=f"how results are shown, {formats[0]} by default{kind}")
    add("--config-file", action="append", metavar="FILE", help="read this file instead of the usual ones; repeatable")
    add("--journal", metavar="CONNECTION", help="the journal: sqlite:///PATH or postgresql://...")
    add("--show-secrets", action="store_true", help="show passwords and the like")
    add("-q", "--quiet", action="store_true", help="results and errors only")
    add("-v", "--verbose", action="store_true", help="say more")
    add("--debug", action="store_true", help="show the traceback of an unexpected error")
    add("--no-color", action="store_true", help="no colours (NO_COLOR works, too)")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
