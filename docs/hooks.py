"""Generates the reference from the code at build time, so that it cannot differ from it.

Each function returns a page's Markdown; `PAGES` says where it goes. Nothing generated is kept in the repository.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import ipaddress
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").strip()


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def exit_codes() -> str:
    """From `bbq/errors.py`: the codes, and the errors that end with them."""
    from bbq import errors

    classes: dict[int, list[str]] = {}
    for name, item in vars(errors).items():
        if isinstance(item, type) and issubclass(item, errors.BbqError):
            classes.setdefault(int(item.exit_code), []).append(f"`{name}`: {(item.__doc__ or '').splitlines()[0]}")
    meanings = {
        0: "Done, or nothing to do.",
        3: "`plan --detailed-exitcode`, `drift`, `fmt --check`, `sweep`: changes are pending.",
    }
    rows = [
        (int(code), code.name.lower().replace("_", " "), meanings.get(int(code)) or " ".join(classes.get(int(code), [])))
        for code in errors.ExitCode
    ]
    return "# Exit codes\n\nA versioned API: scripts and pipelines may branch on them.\n\n" + _table(
        ("code", "class", "when"), rows
    )


def types() -> str:
    """From the profile `templates/types/bbq.yaml`."""
    profile = yaml.safe_load((ROOT / "templates/types/bbq.yaml").read_text(encoding="utf-8"))
    parts = [
        "# Types of the profile `bbq:1.0`\n\nWhat each of them becomes on this machine: "
        "[the local provider](local.md); on a cloud: [OpenStack](openstack.md). Types that no provider makes are checked, and "
        "made by the [simulator](../how-to/simulator.md) only: `Function`.\n"
    ]
    for name, body in profile["node_types"].items():
        parts.append(f"\n## {name}\n\n{body.get('description', '')}\n\nDerived from `{body.get('derived_from', '-')}`.\n")
        for kind in ("properties", "attributes"):
            rows = [
                (
                    f"`{key}`",
                    f"`{item['type']}`",
                    "" if kind == "attributes" else f"`{item['default']}`" if "default" in item else _required(item),
                    item.get("description", "") + (" Set by `scale`." if item.get("metadata", {}).get("bbq_scale") else ""),
                )
                for key, item in body.get(kind, {}).items()
            ]
            if rows:
                parts.append(f"\n**{kind.capitalize()}**\n\n" + _table(("name", "type", "default", "meaning"), rows))
        for requirement in body.get("requirements", []):
            for key, item in requirement.items():
                parts.append(f"\nRequirement `{key}`: a node with the capability `{item['capability']}`.\n")
        for key, item in body.get("capabilities", {}).items():
            parts.append(f"\nCapability `{key}`: `{item['type']}`.\n")
    for kind, title in (("data_types", "Data types"), ("relationship_types", "Relationship types")):
        rows = []
        for name, body in profile[kind].items():
            members = "; ".join(
                f"`{key}` ({item['type']}): {item.get('description', '')}".removesuffix(": ")
                for key, item in body.get("properties", {}).items()
            )
            rows.append((f"`{name}`", body.get("description", ""), members))
        parts.append(f"\n## {title}\n\n" + _table(("type", "meaning", "properties"), rows))
    return "".join(parts)


def _required(item: dict[str, Any]) -> str:
    if item.get("metadata", {}).get("generate"):
        return "generated"
    return "required" if item.get("required", True) else ""


def options() -> str:
    """From `bbq.conf.opts.list_opts()`."""
    from bbq.conf.opts import list_opts

    parts = [
        "# Options\n\nIn a file as `[group] option = value`. See [Configure](../how-to/configure.md) for files, "
        "environment variables and precedence.\n"
    ]
    for group, opts in list_opts():
        name = getattr(group, "name", group) or "DEFAULT"
        rows = []
        for opt in opts:
            limits = [
                f"{word} {bound:g}"
                for word, name in (("at least", "min"), ("at most", "max"))
                if (bound := getattr(opt.type, name, None)) is not None
            ]
            if choices := getattr(opt.type, "choices", None):
                limits.append("one of " + ", ".join(map(str, choices)))
            default = opt.default if opt.default not in (None, []) else opt.sample_default
            secret = " Masked wherever it is shown." if opt.secret else ""
            rows.append(
                (f"`{opt.dest}`", "" if default is None else f"`{default}`", "; ".join(limits), (opt.help or "") + secret)
            )
        parts.append(f"\n## [{name}]\n\n" + _table(("option", "default", "range", "meaning"), rows))
    return "".join(parts)


def diagnostics() -> str:
    """From the code tables of the front ends: a table with a link to each code's own page."""
    from importlib import import_module

    from bbq import catalogue

    parts = [
        "# Diagnostics\n\nEvery problem that `validate` reports has a stable code with a page of its own here; `bbq-deploy "
        "explain CODE` shows it in the terminal. Marked with * are those whose warnings `--strict` makes errors.\n"
    ]
    for title, module in catalogue.FRONT_ENDS:
        rows = [
            (f"[{code}](diagnostics/{code}.md){' *' * (code in catalogue.strict())}", heading, explanation)
            for code, (heading, explanation) in sorted(import_module(module).CODES.items())
        ]
        parts.append(f"\n## {title}\n\n" + _table(("code", "title", "meaning"), rows))
    return "".join(parts)


def findings() -> str:
    """The formats of `validate`, from `bbq/views/schema.py`, with what it really prints of an example."""
    from bbq import catalogue
    from bbq.views import schema

    kinds = {kind.name: kind for kind in schema.DOCUMENTS}
    page = catalogue.page("BBQ-T041")
    (example,) = page.example("wrong")
    parts = [
        "# Findings as JSON and SARIF\n\nWhat `bbq-deploy validate` prints with `--format`, of this template:\n\n",
        _block(example),
        f"\n## json\n\nOne object with `v`, the version of this schema (now {schema.VERSION}), and `kind`: `diagnostics`. "
        "Within a version fields are only added: ignore those that you do not know. It is ASCII, so that nothing in it can act "
        "on a terminal. `--format yaml` is the same in YAML.\n\n",
        f"```json\n{_said(page, 'json')}```\n\n",
        _fields(kinds["diagnostics"].fields),
        "\nEach of `diagnostics`:\n\n",
        _fields(kinds["diagnostic"].fields),
        "\nWhere the command itself fails (a wrong option), there is an object of kind `error` instead: see "
        "[events](events.md).\n",
        "\n## sarif\n\nA [SARIF 2.1.0](https://docs.oasis-open.org/sarif/sarif/v2.1.0/) log with one run. The same findings "
        "make the same bytes: no time is in it.\n\n",
        _table(
            ("SARIF", "what it is"),
            [
                ("`tool.driver.rules`", "The codes that were found: title, explanation, help with both examples."),
                ("`artifacts`", "The templates (`analysisTarget`), and the other files that findings speak of."),
                ("`results[].level`", "error or warning."),
                ("`results[].message`", "The message; the hint on a line of its own."),
                (
                    "`results[].locations`",
                    "File, region and its text. URIs are relative to `%SRCROOT%`, the repository that the command runs in; "
                    "of a file elsewhere they are absolute. Columns count Unicode code points.",
                ),
                ("`results[].relatedLocations`", "The first definition of a duplicate; the imports that led to the file."),
                (
                    "`results[].partialFingerprints`",
                    "`bbqFinding/v1`: from code, file and the text of the line, so that it outlives a move of the line.",
                ),
                ("`redactionTokens`", "What stands for a secret."),
            ],
        ),
        "\n## github\n\nA [workflow command](https://docs.github.com/actions/reference/workflow-commands-for-github-actions) "
        f"a finding, then a line that sums up:\n\n```text\n{_said(page, 'github')}```\n",
    ]
    return "".join(parts)


def diagnostic(code: str) -> str:
    """The page of one code: the wrong example with what bbq says of it, and the right one."""
    from bbq import catalogue

    page = catalogue.page(code)
    parts = [f"# {code}: {page.title}\n", page.explanation + "\n"]
    if page.text:
        parts.append(page.text + "\n")
    if code in catalogue.strict():
        parts.append("Where it is a warning, `--strict` makes it an error.\n")
    parts += map(_block, page.common)
    for variant, title in (("wrong", "## Wrong\n"), ("right", "## Right\n")):
        if blocks := page.example(variant):
            parts += [title, *map(_block, blocks)]
            if variant == "wrong" and (said := _said(page)):
                parts.append(f"What bbq says:\n\n```text\n{said}```\n")
    return "\n".join(parts)


def _block(block: Any) -> str:
    title = f' title="{block.name}{" (shortened)" * block.shortened}"' if block.name else ""
    return f"```{block.language}{title}\n{block.text}```\n"


def _said(page: Any, format: str = "human") -> str:
    """What `validate` prints of the wrong example; nothing where it is shortened, or another command tells it."""
    import io
    import shlex
    import tempfile

    from bbq import validation, views
    from bbq.cli import options
    from bbq.cli.parsing import command_parser
    from bbq.conf import ini
    from bbq.views import location

    name, *words = shlex.split(page.command("wrong"))[1:]
    args = command_parser(name).parse_args(words)
    if name != "validate" or any(block.shortened for block in page.blocks):
        return ""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "templates" / "deploy"
        folder.mkdir(parents=True)
        page.write("wrong", folder)
        with contextlib.chdir(folder), _no_network(page):
            import_map = ini.import_map(args.import_map or (), ())
            report = validation.check(
                args.template,
                inputs=options.given(args),
                import_map=import_map,
                cached=False,
                environments=args.environment,
                allowed_hosts=args.allow_host or (),
            )
            stream = io.StringIO()
            location.root.cache_clear()
            views.reporter(format, stream).diagnostics(report.found, verdicts=report.verdicts)
            location.root.cache_clear()
        return stream.getvalue().replace(f"{folder}/", "")


@contextlib.contextmanager
def _no_network(page: Any) -> Iterator[None]:
    """No name has an address, wherever the site is built. Of a code about what a host has answered, the example's own file is
    the answer."""
    from unittest import mock

    from bbq.origins import network

    real = socket.getaddrinfo

    def addresses(host: str, *args: Any, **keywords: Any) -> Any:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
        return real(host, *args, **keywords)

    def answer(url: str, leave: Any) -> bytes:
        return Path(urlsplit(url).path.lstrip("/")).read_bytes()

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("socket.getaddrinfo", addresses))
        if page.code == "BBQ-T321":
            stack.enter_context(mock.patch.object(network, "fetch", answer))
        yield


def heat() -> str:
    """From `bbq/hot/versions.py` and the table in `templates/hot/`."""
    from bbq.hot.types import index, resource_type
    from bbq.hot.versions import RELEASES, VERSION_KEYS, known_versions, version_of

    releases = {date: name for name, date in RELEASES.items()}
    parts = [
        "# Heat\n\nWhat the versions of HOT and CFN have, and the resource types that are checked, as Heat "
        f"{' and '.join(index().sources)} have them. See [how to check a template](../how-to/heat.md).\n\n## Functions\n\n"
    ]
    rows = []
    for key in VERSION_KEYS:
        before: frozenset[str] = frozenset()
        for name in known_versions(key):
            found = version_of(key, name)
            if found is None or name in RELEASES:
                continue
            new, gone = sorted(found.functions - before), sorted(before - found.functions)
            text = _code(new) + (f"; no more: {_code(gone)}" if gone else "")
            alias = f" ({releases[name]})" if name in releases else ""
            rows.append((f"`{key}` {name}{alias}", text or "the same", _code(sorted(found.conditions))))
            before = found.functions
    parts.append(_table(("version", "functions that came", "functions in conditions"), rows))
    parts.append("\n## Resource types\n\nRequired properties are in bold; what is outdated is left out.\n")
    services: dict[str, list[str]] = {}
    for name in sorted(index().types):
        services.setdefault("::".join(name.split("::")[:2]), []).append(name)
    for service, names in services.items():
        parts.append(f"\n### {service}\n\n")
        rows = []
        for name in names:
            kind = resource_type(name)
            if kind is None or kind.status:
                continue
            properties = [
                f"**`{key}`**" if item.required else f"`{key}`" for key, item in kind.properties.items() if not item.status
            ]
            attributes = [key for key, item in kind.attributes.items() if not item.status]
            rows.append((f"`{name}`", ", ".join(properties), _code(attributes)))
        parts.append(_table(("type", "properties", "attributes"), rows))
    return "".join(parts)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def commands() -> str:
    """From the argument parsers: what `--help` says."""
    from bbq.cli.main import COMMANDS, parser_of
    from bbq.cli.parsing import main_parser

    parts = [
        "# Commands\n\nEvery command takes `--help`. What it ends with: [exit codes](exit-codes.md).\n\n",
        f"```text\n{_help(main_parser())}\n```\n",
    ]
    for name in COMMANDS:
        parser = parser_of(name)
        parts.append(f"\n## bbq-deploy {name}\n\n```text\n{_help(parser)}\n```\n")
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for verb, sub in action.choices.items():
                    sub.prog = f"bbq-deploy {name} NAME NODE {verb}"
                    own = [item for item in sub._action_groups if item.title != "options of every command"]
                    sub._action_groups = own
                    parts.append(f"\n### {name} {verb}\n\n```text\n{_help(sub)}\n```\n")
    return "".join(parts)


def _help(parser: argparse.ArgumentParser) -> str:
    """As wide as a page, whatever terminal the site is built in."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "96"
    try:
        return parser.format_help().rstrip()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def events() -> str:
    """From `bbq/views/schema.py`, to which tests hold the output."""
    from bbq.cli.main import COMMANDS
    from bbq.cli.parsing import load
    from bbq.views import schema

    streams = [name for name in COMMANDS if getattr(load(name), "STREAMS", False)]
    parts = [
        "# Events and other machine-readable output\n\n"
        "With `--format json` (or `yaml`) every document, and every line of a stream, is an object with `v`, the version of "
        f"this schema (now {schema.VERSION}), and `kind`. Within a version fields are only added: ignore kinds and fields that "
        f"you do not know. {_list(streams)} stream one object a line; the other commands print one document. A command that "
        "fails ends with an `error`.\n"
    ]
    for title, text, kinds in (
        ("Events", "What `events` shows, a run streams, and `on_event` is called with in Python.", schema.EVENTS),
        ("Documents", "Answers of the other commands.", schema.DOCUMENTS),
    ):
        parts.append(f"\n## {title}\n\n{text}\n")
        shared = set(schema.EVENTS[0].fields) if title == "Events" else set()
        if shared:
            parts.append("\nEvery event has:\n\n" + _fields(schema.EVENTS[0].fields))
        for kind in kinds:
            own = [field for field in kind.fields if field not in shared]
            parts.append(f"\n### {kind.name}\n\n{kind.description}\n" + ("\n" + _fields(own) if own else ""))
    parts.append(
        "\n## Tables\n\nCommands that show a table (`config`, `doctor`, `drift`, `queue stats` ...) have a kind of their own, "
        "with `rows` (array of object) or `value`.\n"
    )
    return "".join(parts)


def _list(names: Iterable[str]) -> str:
    *first, last = (f"`{name}`" for name in names)
    return f"{', '.join(first)} and {last}" if first else last


def _fields(fields: Iterable[Any]) -> str:
    return _table(
        ("field", "type", "meaning"),
        [(f"`{item.name}`", item.type, item.description + ("" if item.required else " Not always there.")) for item in fields],
    )


SOURCES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("bbq/api/__init__.py", "bbq.", "", ()),
    ("bbq/api/nodes.py", "bbq.", "", ()),
    ("bbq/api/deployment.py", "bbq.", "", ()),
    ("bbq/diagnostics.py", "bbq.", "", ("Diagnostic",)),
    (
        "bbq/handles/__init__.py",
        "bbq.handles.",
        "\n# Clients\n\nFor applications, from a URL; `d.nodes[...]` gives the same without one.\n",
        ("open_queue", "open_database", "open_store"),
    ),
    ("bbq/handles/queue.py", "bbq.handles.", "", ("Queue", "Message", "QueueStats")),
    ("bbq/handles/database.py", "bbq.handles.", "", ("Database",)),
    ("bbq/handles/objects.py", "bbq.handles.", "", ("ObjectStore",)),
)
"""File, prefix of its names, text before them, and which names; all public ones where none are given."""


def python() -> str:
    """Signatures and docstrings of what `import bbq` gives, read without running it."""
    parts = [
        "# Python\n\n`import bbq` gives these; nothing heavy is imported before it is used. Every error is a `bbq.BbqError` of "
        "the class of its cause: see [exit codes](exit-codes.md).\n"
    ]
    for path, prefix, text, names in SOURCES:
        parts.append(text.replace("\n# ", "\n## "))
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            name = getattr(node, "name", "_")
            if name.startswith("_") or (names and name not in names):
                continue
            if isinstance(node, ast.FunctionDef):
                parts.append(_function(node, prefix))
            elif isinstance(node, ast.ClassDef):
                parts.append(f"\n## class {prefix}{name}\n\n{_docstring(node)}\n")
                public = [item for item in node.body if isinstance(item, ast.FunctionDef) and not item.name.startswith("_")]
                if attributes := [item for item in public if _is_property(item)]:
                    parts.append("\n" + "".join(_attribute(item) for item in attributes))
                parts += [_function(item, "", "###") for item in public if not _is_property(item)]
    return "".join(parts)


def _is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(item, ast.Name) and item.id == "property" for item in node.decorator_list)


def _attribute(node: ast.FunctionDef) -> str:
    text = " ".join(_docstring(node).split())
    kind = f": {ast.unparse(node.returns)}" if node.returns else ""
    return f"- `{node.name}{kind}`" + (f" - {text}\n" if text else "\n")


def _function(node: ast.FunctionDef, prefix: str, level: str = "##") -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    arguments = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    signature = f"{prefix}{node.name}({arguments}){returns}"
    if len(signature) > 90:
        signature = f"{prefix}{node.name}(\n{_one_a_line(arguments)}){returns}"
    return f"\n{level} {prefix}{node.name}\n\n```python\n{signature}\n```\n\n{_docstring(node)}\n"


def _one_a_line(arguments: str) -> str:
    depth, lines = 0, [""]
    for char in arguments:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            lines.append("")
        else:
            lines[-1] += char
    return "".join(f"    {line.strip()},\n" for line in lines)


def _docstring(node: ast.FunctionDef | ast.ClassDef) -> str:
    """As Markdown: a paragraph of aligned columns (`name   what it is`) becomes a list."""
    paragraphs = []
    for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
        lines = paragraph.split("\n")
        if all(_COLUMNS.match(line) for line in lines):
            paragraph = "\n".join(f"- `{found[1]}`: {found[2]}" for line in lines if (found := _COLUMNS.match(line)))
        paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)


_COLUMNS = re.compile(r"([a-z_]+) {2,}(\S.*)")


PAGES: dict[str, Callable[[], str]] = {
    "reference/exit-codes.md": exit_codes,
    "reference/types.md": types,
    "reference/options.md": options,
    "reference/heat.md": heat,
    "reference/diagnostics.md": diagnostics,
    "reference/findings.md": findings,
    "reference/commands.md": commands,
    "reference/events.md": events,
    "reference/python.md": python,
}


def _generated(config: Any) -> Iterator[File]:
    from bbq.catalogue import codes

    for path, make in PAGES.items():
        yield File.generated(config, path, content=make())
    for code in codes():
        yield File.generated(config, f"reference/diagnostics/{code}.md", content=diagnostic(code))


def on_files(files: Files, config: Any) -> Files:
    for file in _generated(config):
        files.append(file)
    return files
