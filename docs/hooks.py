"""Generates the reference from the code at build time, so that it cannot differ from it.

Each function returns a page's Markdown; `PAGES` says where it goes. Nothing generated is kept in the repository.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
    meanings = {0: "Done, or nothing to do.", 3: "`plan --detailed-exitcode`, `drift`: changes are pending."}
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
    parts = ["# Types of the profile `bbq:1.0`\n"]
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
            limits = [f"{word} {bound}" for word in ("min", "max") if (bound := getattr(opt.type, word, None)) is not None]
            if choices := getattr(opt.type, "choices", None):
                limits.append("one of " + ", ".join(map(str, choices)))
            shown = "secret" if opt.secret else "" if opt.default is None else f"`{opt.default}`"
            rows.append((f"`{opt.dest}`", shown, "; ".join(limits), opt.help or ""))
        parts.append(f"\n## [{name}]\n\n" + _table(("option", "default", "range", "meaning"), rows))
    return "".join(parts)


def diagnostics() -> str:
    """From the code tables of the front ends."""
    from importlib import import_module

    parts = ["# Diagnostics\n\nEvery problem that `validate` reports has a stable code.\n"]
    for module, title in (
        ("bbq.yamlreader.codes", "YAML"),
        ("bbq.tosca.codes", "TOSCA"),
        ("bbq.topology.codes", "The graph"),
    ):
        table = import_module(module).CODES
        parts.append(f"\n## {title}\n")
        for code, (heading, explanation) in sorted(table.items()):
            parts.append(f"\n### {code} {heading}\n\n{explanation}\n")
    return "".join(parts)


def commands() -> str:
    """From the argument parsers: what `--help` says."""
    from bbq.cli.main import COMMANDS, parser_of

    parts = ["# Commands\n\nEvery command takes `--help`. See [exit codes](exit-codes.md).\n"]
    for name in COMMANDS:
        parts.append(f"\n## bbq-deploy {name}\n\n```text\n{parser_of(name).format_help().rstrip()}\n```\n")
    return "".join(parts)


def python() -> str:
    """Signatures and docstrings of what `import bbq` gives, read without running it."""
    tree = ast.parse((ROOT / "bbq/api.py").read_text(encoding="utf-8"))
    parts = ["# Python\n\n`import bbq` gives these; nothing heavy is imported before it is used.\n"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            parts.append(_function(node, "bbq."))
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            parts.append(f"\n## class bbq.{node.name}\n\n{ast.get_docstring(node) or ''}\n")
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
                    parts.append(_function(item, "", "###"))
    return "".join(parts)


def _function(node: ast.FunctionDef, prefix: str, level: str = "##") -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"{prefix}{node.name}({ast.unparse(node.args)}){returns}"
    return f"\n{level} {prefix}{node.name}\n\n```python\n{signature}\n```\n\n{ast.get_docstring(node) or ''}\n"


PAGES: dict[str, Callable[[], str]] = {
    "reference/exit-codes.md": exit_codes,
    "reference/types.md": types,
    "reference/options.md": options,
    "reference/diagnostics.md": diagnostics,
    "reference/commands.md": commands,
    "reference/python.md": python,
}


def _generated(config: Any) -> Iterator[File]:
    for path, make in PAGES.items():
        yield File.generated(config, path, content=make())


def on_files(files: Files, config: Any) -> Files:
    for file in _generated(config):
        files.append(file)
    return files
