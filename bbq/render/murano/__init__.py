"""Murano packages: the template's infrastructure as a Heat template, its software as execution plans, its inputs as a form.

See docs/how-to/murano.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bbq.murano.model import pack
from bbq.render import Rendered
from bbq.render.hot import Catalogue, Translation, translate
from bbq.render.hot.model import VERSION, Parameter, get_param
from bbq.render.hot.text import dumped
from bbq.render.murano.application import application, server_class
from bbq.render.murano.form import form
from bbq.render.murano.logo import logo
from bbq.render.murano.plans import Plan, plans
from bbq.render.murano.tracing import trace
from bbq.topology.model import Topology
from bbq.tosca.model import ParameterDef
from bbq.wording import refuse_errors

FORMAT: Final = 1.3
_SPACE: Final = "bbq.apps"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN: Final = frozenset({"agents", "outputs", "name"})
_TYPES: Final = {"integer": "number", "float": "number", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the template's inputs are, and how its topology is made with other values of theirs (None where they do not fit)."""

    definitions: Mapping[str, ParameterDef]
    build: Callable[[Mapping[str, Any]], Topology | None]


def murano(topology: Topology, *, name: str, inputs: Inputs, catalogue: Catalogue | None = None) -> Rendered:
    """See `bbq.render.render`. Raises `TemplateError` with every finding where the Heat template cannot be made."""
    left: list[str] = []
    made = translate(topology, catalogue)
    refuse_errors(made.found, topology.template)
    todo = plans(topology, made, left)
    base = _body(made, todo)
    values = {
        key: value for key, value in topology.inputs.items() if _askable(key, inputs) and key not in made.document.parameters
    }

    def again(changed: Mapping[str, Any]) -> Any:
        other = inputs.build(changed)
        if other is None:
            return None
        variant = translate(other, catalogue)
        return None if variant.failed else _body(variant, plans(other, variant, []))

    body, kept, deciding = trace(base, values, inputs.definitions, again)
    title = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", name)) or "App"
    title = title if title[0].isalpha() else f"App{title}"
    full = f"{_SPACE}.{title}"
    asked = {key: inputs.definitions[key] for key in kept}
    files = _package(topology, name, full, made, body, asked, values, todo)
    zipped = pack(files)
    rendered: dict[str, str | bytes] = {f"{name}/{file}": content for file, content in files.items()}
    main = f"{name}/Classes/{title}.yaml"
    rendered[main] = files[f"Classes/{title}.yaml"].decode()
    rendered[f"{name}.zip"] = zipped
    notices = [notice for notice in made.notices if not notice.startswith("software is left out")]
    if deciding:
        notices.append(
            f"fixed, for they decide what there is; --input and another rendering change them: {', '.join(deciding)}"
        )
    if left:
        notices.append(f"not in the package: {'; '.join(left[:8])}{'; ...' * (len(left) > 8)}")
    return Rendered(main, rendered, warnings=tuple(notices), found=tuple(made.found))


def _body(made: Translation, todo: list[Plan]) -> dict[str, Any]:
    """What there is of the Heat template beside its parameters, with the settings of operations among its outputs."""
    whole = made.document.body()
    hosts = {server: plan for plan in todo for server in plan.servers}
    resources = whole["resources"]
    for server in hosts:
        properties = resources[server].setdefault("properties", {})
        properties |= {"user_data": get_param(_user_data(server)), "user_data_format": "RAW"}
    outputs = {**whole.get("outputs", {}), **{plan.key: {"value": plan.settings} for plan in todo if plan.settings}}
    return {"resources": resources, "outputs": outputs}


def _askable(name: str, inputs: Inputs) -> bool:
    """The class has a property of that name: none of its own, one that can stand in an expression. A secret would stand in
    the Heat template's parameters for all to see."""
    definition = inputs.definitions.get(name)
    return definition is not None and not definition.secret and bool(_NAME.fullmatch(name)) and name not in _OWN


def _user_data(server: str) -> str:
    return f"{server}_user_data"


def _package(
    topology: Topology,
    name: str,
    full: str,
    made: Translation,
    body: dict[str, Any],
    asked: Mapping[str, ParameterDef],
    values: Mapping[str, Any],
    todo: list[Plan],
) -> dict[str, bytes]:
    title = full.rpartition(".")[2]
    settings = {
        key: Parameter(key, _line(item.description) or key, type=_TYPES.get(item.schema.type, "string"), default=values[key])
        for key, item in asked.items()
    }
    cloud = dict(made.document.parameters)
    servers = list(dict.fromkeys(server for plan in todo for server in plan.servers))
    agents = {key: Parameter(key, f"Starts Murano's agent on {server}") for server in servers for key in [_user_data(server)]}
    parameters = {**settings, **cloud, **agents}
    template = {
        "heat_template_version": VERSION,
        "description": _line(topology.description) or title,
        "parameters": {key: item.body() for key, item in parameters.items()},
        **body,
    }
    manifest: dict[str, Any] = {
        "Format": FORMAT,
        "Type": "Application",
        "FullName": full,
        "Name": name,
        "Description": _line(topology.description) or f"Made of {Path(topology.template).name}",
        "Author": "bbq",
        "Tags": ["TOSCA"],
        "Classes": {full: f"{title}.yaml"},
        "Logo": "logo.png",
        "UI": "ui.yaml",
    }
    head = f"# Made by `bbq-deploy render --to murano` from {_line(Path(topology.template).name)}.\n"
    files = {
        "Resources/stack.yaml": (head + dumped(template)).encode(),
        "UI/ui.yaml": (head + dumped(form(full, asked, values, cloud))).encode(),
        "logo.png": logo(),
    }
    for file, nested in made.files.items():
        files[f"Resources/{file}"] = dumped(nested.body()).encode()
    if todo:
        manifest["Classes"][f"{full}Server"] = f"{title}Server.yaml"
        files[f"Classes/{title}Server.yaml"] = (head + server_class(_SPACE, title)).encode()
    for plan in todo:
        files |= {f"Resources/{key}": content for key, content in plan.files(topology.directory).items()}
    text = application(_SPACE, title, {**settings, **cloud}, list(made.files), servers, todo)
    files[f"Classes/{title}.yaml"] = (head + text).encode()
    files["manifest.yaml"] = (head + dumped(manifest)).encode()
    return files


def _line(text: str) -> str:
    return " ".join(text.split())
