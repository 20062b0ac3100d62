"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bbq.errors import UsageError

if TYPE_CHECKING:
    from bbq.yamlreader import Document, Given


def inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input",
        "-i",
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input (of a Heat template: a parameter); repeatable",
    )
    parser.add_argument("--inputs", action="append", default=[], metavar="FILE", help="a YAML file with inputs; --input wins")


def environments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--environment",
        "-e",
        action="append",
        default=[],
        metavar="FILE",
        help="an environment of a Heat template; repeatable, later ones win",
    )


def imports(parser: argparse.ArgumentParser) -> None:
    import_map(parser)
    parser.add_argument(
        "--allow-host",
        action="append",
        metavar="HOST",
        help="a host that imports may be fetched from, over https; repeatable ([tosca] allowed_hosts)",
    )
    parser.add_argument("--offline", action="store_true", help="never use the network for imports, whatever is allowed")


def import_map(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--import-map",
        action="append",
        metavar="PREFIX=DIRECTORY",
        help="read imports whose URL starts with PREFIX from DIRECTORY; a profile or a whole URL may be a file; repeatable",
    )


def template(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "template",
        metavar="TEMPLATE",
        help="a TOSCA service template: a YAML file, or an archive (.csar, .zip); or a Heat template (HOT, CFN)",
    )


def provider(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--provider", metavar="NAME", help="where to deploy: local (the default), openstack or simulator")


def run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--parallel", metavar="N", help="calls in flight at once ([engine] parallel)")
    parser.add_argument("--timeout", metavar="DURATION", help="for the whole run, such as 10m ([engine] timeout)")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask; without a terminal nobody is asked anyway")


def on_error(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--on-error",
        choices=("stop", "continue", "rollback"),
        help="when a part fails: start nothing new, go on with the rest, or take back what this run made",
    )


def given(args: argparse.Namespace) -> Given | None:
    """The inputs of `--inputs` and `--input` (texts, which the template's types convert); None where there are none."""
    if not args.input and not args.inputs:
        return None
    from bbq.yamlreader import Given

    found = Given()
    for file in args.inputs:
        found.read(_read(file))
    for pair in args.input:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise UsageError(f"--input {pair!r} is not NAME=VALUE", hint="for example --input workers=2")
        found.say(name, value)
    return found


def _read(file: str) -> Document:
    from pathlib import Path

    from yaml import MappingNode

    from bbq.diagnostics import DiagnosticBag
    from bbq.errors import TemplateError
    from bbq.yamlreader import read_file

    bag = DiagnosticBag()  # without sources: no line of it is shown, since any value in it may be a secret
    document = read_file(Path(file), bag)
    if document is None or bag.has_errors:
        raise TemplateError(f"the inputs file {file} cannot be used", bag.sorted())
    if not isinstance(document.root, MappingNode):
        raise TemplateError(
            f"the inputs file {file} is not a mapping of input names to values", hint="write one `name: value` a line"
        )
    return document


def counts(pairs: list[str]) -> dict[str, int]:
    """`NODE=N` pairs."""
    found = {}
    for pair in pairs:
        node, _, text = pair.partition("=")
        if not node or not text.isascii() or not text.isdigit() or len(text) > 9:
            raise UsageError(f"{pair!r} is not NODE=NUMBER", hint="for example spark=3")
        found[node] = int(text)
    return found


def name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the deployment's name (see bbq-deploy list)")


def up(parser: argparse.ArgumentParser) -> None:
    """What `plan` and `up` have in common."""
    template(parser)
    provider(parser)
    parser.add_argument("--name", metavar="NAME", help="the deployment's name; the template's file or directory by default")
    inputs(parser)
    environments(parser)
    imports(parser)
    parser.add_argument(
        "--target", action="append", default=[], metavar="NODE", help="only this node and what it needs; repeatable"
    )
    prices(parser)


def prices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--prices", metavar="FILE", help="prices per hour, from which the plan says what it costs ([openstack] prices)"
    )


def duration(args: argparse.Namespace, option: str) -> float | None:
    """Seconds of an option such as `--ttl 2h`; None where it is not given."""
    from bbq.durations import seconds

    value = getattr(args, option, None)
    return None if value is None else seconds(value, what=f"--{option}")


def number(text: str, option: str) -> int:
    """A whole number of at least 0."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UsageError(f"{option} {text!r} is not a whole number")
    return int(text)
