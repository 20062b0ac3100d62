"""The classes of a package, in MuranoPL. https://docs.openstack.org/murano/zed/admin/appdev-guide/muranopl/index.html"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bbq.render.hot.model import NO_DEFAULT, Parameter
from bbq.render.murano.plans import TIMEOUT, Plan

_CONTRACTS: Final = {"number": "$.int()", "boolean": "$.bool()", "string": "$.string()"}
_HEAD: Final = """\
Namespaces:
  =: {space}
  res: io.murano.resources
  std: io.murano
  sys: io.murano.system
"""
_RUN: Final = """\

  runOperation:
    Arguments:
      - server:
          Contract: $.class({title}Server).notNull()
      - operation:
          Contract: $.string().notNull()
      - settings:
          Contract: {{}}
    Body:
      - $resources: new(sys:Resources)
      - $export: 'export {{0}}="$(echo {{1}} | base64 -d)"'
      - $exports: $settings.items().select(format($export, $[0], base64encode(str($[1])))).join("\\n")
      - $script: format("#!/bin/sh\\n{{0}}\\n{{1}}", $exports, $resources.string(format('scripts/{{0}}.sh', $operation)))
      - $plan: $resources.yaml(format('{{0}}.template', $operation)).bind(dict(script => $script))
      - $server.agent.call($plan, $resources, {timeout})
"""


def application(
    space: str,
    title: str,
    parameters: Mapping[str, Parameter],
    nested: Sequence[str],
    servers: Sequence[str],
    todo: Sequence[Plan],
) -> str:
    """The application: a stack of its own, then the operations on its servers, one after the other."""
    lines = [_HEAD.format(space=space), f"Name: {title}", "Extends: std:Application", "", "Properties:"]
    for name, item in parameters.items():
        lines += [f"  {name}:", f"    Contract: {_contract(item)}"]
        if item.default is not NO_DEFAULT:
            lines.append(f"    Default: {_literal(item.default)}")
    if servers:
        lines += ["  agents:", "    Contract:", f"      $.string().notNull(): $.class({title}Server).notNull()"]
        lines += ["    Default: {}", "    Usage: InOut"]
    lines += ["  outputs:", "    Contract: {}", "    Usage: Out", "", "Methods:", "  deploy:", "    Body:"]
    lines += ["      - $environment: $.find(std:Environment).require()", "      - $resources: new(sys:Resources)"]
    stack = f"new(sys:HeatStack, $.find(std:Environment).require(), name => format('{title.lower()}-{{0}}', id($)))"
    lines += [f"      - $stack: {stack}", "      - $stack.setTemplate($resources.yaml('stack.yaml'))"]
    lines += ["      - $parameters:"]
    lines += [f"          {name}: $.{name}" for name in parameters]
    for server in servers:
        lines += [
            f"      - If: not $.agents.containsKey({server})",
            "        Then:",
            f"          - $.agents: $.agents.set({server} => new({title}Server, $this, name => {server}, flavor => none))",
        ]
    for server in servers:
        lines.append(f"      - $parameters: $parameters.set({server}_user_data => $.agents.get({server}).userData())")
    lines += ["      - $stack.setParameters($parameters)"]
    if nested:
        lines += ["      - $files:", *(f"          {file}: $resources.string('{file}')" for file in nested)]
        lines += ["      - $stack.setFiles($files)"]
    lines += ["      - $environment.reporter.report($this, 'Making the stack')", "      - $stack.push()"]
    lines += ["      - $found: $stack.output()"]
    for plan in todo:
        for server in plan.servers:
            lines += [
                f"      - $environment.reporter.report($this, {json.dumps(f'{plan.title} on {server}')})",
                f"      - $.runOperation($.agents.get({server}), '{plan.key}', $found.get('{plan.key}', {{}}))",
            ]
    hidden = ", ".join(f"'{plan.key}'" for plan in todo if plan.settings)
    lines.append(f"      - $.outputs: $found.deleteAll([{hidden}])" if hidden else "      - $.outputs: $found")
    if todo:
        lines.append(_RUN.format(title=title, timeout=TIMEOUT).rstrip("\n"))
    lines += ["", "  .destroy:", "    Body:", f"      - $stack: {stack}", "      - $stack.delete()", ""]
    return "\n".join(lines)


def server_class(space: str, title: str) -> str:
    """What Murano has to know of a server that the stack makes: how its agent is started and reached."""
    lines = [_HEAD.format(space=space), f"Name: {title}Server", "Extends: res:LinuxMuranoInstance", "", "Methods:"]
    lines += ["  userData:", "    Body:", "      - Return: $.generateUserData()", ""]
    return "\n".join(lines)


def _contract(item: Parameter) -> str:
    return _CONTRACTS.get(item.type, "$") + (".notNull()" if item.default is NO_DEFAULT else "")


def _literal(value: Any) -> str:
    """A quoted text is never an expression of MuranoPL."""
    return json.dumps(value, ensure_ascii=False)
