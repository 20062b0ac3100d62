"""Prints what one installed Heat knows, as JSON: resource types, functions by template version, custom constraints.

Run by `tools/hot_resource_types.py` under the interpreter that has Heat (Debian's package python3-heat under /usr/bin/python3,
or an environment with openstack-heat from the package index). Nothing is contacted: Heat's plugins are imported and asked for
their schemas. Stands alone: bbq is not installed there.
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
from pathlib import Path
from typing import Any

import heat.version
from heat.common import (
    config,  # noqa: F401 - registers options that plugins read when imported
    template_format,
)
from heat.engine import attributes, constraints, parameters, properties, resource, resources, support, template, translation
from heat.engine.hot import functions as hot_functions
from heat.engine.resources import stack_resource, template_resource
from heat.engine.resources.openstack.heat.none_resource import NoneResource
from oslo_config import cfg

_BASES = (resource.Resource, stack_resource.StackResource)


def constraint(item: Any) -> dict[str, Any] | None:
    """In the form that a HOT parameter has it."""
    if isinstance(item, constraints.CustomConstraint):
        return {"custom_constraint": item.name}
    if isinstance(item, constraints.AllowedPattern):
        return {"allowed_pattern": item.pattern}
    if isinstance(item, constraints.AllowedValues):
        return {"allowed_values": list(item.allowed)}
    name = type(item).__name__.lower()
    return {name: item._constraint()} if name in ("range", "length", "modulo") else None


def status_of(item: Any) -> dict[str, Any]:
    """Why it should not be used any more; nothing where it may."""
    status = item.support_status
    if status.status == support.SUPPORTED:
        return {}
    found = {"status": status.status.lower()}
    if status.message:
        found["note"] = " ".join(str(status.message).split())
    return found


def text_of(text: Any) -> dict[str, str]:
    """What Heat says of a thing, on one line."""
    return {"text": " ".join(str(text).split())} if text else {}


def property_schema(schema: Any) -> dict[str, Any]:
    """One property; what is as usual is left out."""
    found: dict[str, Any] = {"type": schema.type.lower(), **status_of(schema), **text_of(schema.description)}
    if schema.required:
        found["required"] = True
    if schema.default is not None:
        found["default"] = schema.default
    if schema.update_allowed:
        found["update"] = True
    if schema.immutable:
        found["immutable"] = True
    if schema.allow_conversion:
        found["conversion"] = True
    if not schema.implemented:
        found["implemented"] = False
    limits = [limit for item in schema.constraints if (limit := constraint(item)) is not None]
    if limits:
        found["constraints"] = limits
    if schema.schema is not None:
        if schema.type == properties.Schema.LIST:
            found["entry"] = property_schema(properties.Schema.from_legacy(schema.schema["*"]))
        else:
            found["properties"] = {key: property_schema(item) for key, item in properties.schemata(schema.schema).items()}
    return found


def attribute_schema(schema: Any) -> dict[str, Any]:
    return {**({"type": schema.type.lower()} if schema.type else {}), **status_of(schema), **text_of(schema.description)}


class _Anything:
    """Stands for stack, client and properties while a class says how it rewrites its properties: no answer matters."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _Anything()

    def get(self, *args: Any) -> None:
        return None

    def __getitem__(self, key: Any) -> Any:
        return None


def replacements(cls: Any) -> list[list[list[str]]]:
    """Pairs of paths (property, the older one that may be given in its place), which Heat calls REPLACE translations."""
    instance = object.__new__(cls)
    instance.__dict__.update(
        name="x", stack=_Anything(), context=_Anything(), client_plugin=_Anything(), properties=_Anything()
    )
    rules = cls.translation_rules(instance, _Anything()) or []
    found = []
    for rule in rules:
        if rule.rule == translation.TranslationRule.REPLACE:
            source = rule.get_value_absolute_path(full_value_name=True)
            if source:
                found.append([list(rule.translation_path), list(source)])
    return found


def resource_type(cls: Any) -> dict[str, Any]:
    first = (inspect.getdoc(cls) or "").split("\n\n")[0]
    found: dict[str, Any] = {**status_of(cls), **text_of(first)}
    found["properties"] = {
        key: property_schema(item) for key, item in sorted(properties.schemata(cls.properties_schema).items())
    }
    known = {**cls.attributes_schema, **cls.base_attributes_schema}
    found["attributes"] = {key: attribute_schema(item) for key, item in sorted(attributes.schemata(known).items())}
    if any(getattr(cls, name) not in [getattr(base, name) for base in _BASES] for name in ("get_attribute", "FnGetAtt")):
        found["any_attribute"] = True
    if issubclass(cls, NoneResource):
        found["any_property"] = True
    if cls.update_policy_schema:
        found["update_policy"] = {
            key: property_schema(item) for key, item in sorted(properties.schemata(cls.update_policy_schema).items())
        }
    if callable(getattr(cls, "handle_snapshot_delete", None)):
        found["snapshot"] = True
    pairs = replacements(cls)
    if pairs:
        found["replaces"] = pairs
    return found


def functions() -> dict[str, dict[str, dict[str, list[str]]]]:
    """Version key -> version -> the functions that may be used, those of conditions, and those that were removed."""
    template.Template({"heat_template_version": "2013-05-23"})  # loads the plugins
    found: dict[str, dict[str, Any]] = {}
    for (key, version), cls in template._template_classes.items():
        removed = sorted(name for name, item in cls.functions.items() if item is hot_functions.Removed)
        schema = getattr(cls, "param_schema_class", parameters.Schema)
        found.setdefault(key, {})[version] = {
            "functions": sorted(set(cls.functions) - set(removed)),
            "removed": removed,
            "conditions": sorted(cls.condition_functions),
            "sections": sorted(set(cls.SECTIONS) - {"__undefined__"}),
            "resource": sorted(cls._RESOURCE_KEYS),
            "output": sorted(cls.OUTPUT_KEYS),
            "parameter": sorted(schema.PARAMETER_KEYS),
            "deletion_policies": sorted(cls.deletion_policies),
        }
    return found


def registered(environment: Any, folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Types by name, and names (some with a `*`) that stand for another type, as Heat's own global environment has them."""
    types, aliases = {}, {}
    for name, info in environment.registry._registry.items():
        if name == "resources":
            continue
        if isinstance(info.value, type):
            types[name] = resource_type(info.value)
        elif info.description == "Template":
            data = template_format.parse((folder / "templates" / Path(info.value).name).read_text(encoding="utf-8"))
            found, outputs = template_resource.TemplateResource.get_schemas(template.Template(data), {})
            types[name] = {
                "properties": {key: property_schema(item) for key, item in sorted(found.items())},
                "attributes": {key: {} for key in sorted([*outputs, *resource.Resource.base_attributes_schema])},
            }
        else:
            aliases[name] = info.value
    return types, aliases


def main() -> None:
    logging.disable(logging.CRITICAL)
    folder = Path(sys.prefix) / "etc" / "heat"  # Debian has it in /etc, as the package heat-common
    if not folder.is_dir():
        folder = Path("/etc/heat")
    cfg.CONF([], project="heat", default_config_files=[])
    cfg.CONF.set_override("environment_dir", str(folder / "environment.d"))
    resources.initialise()
    environment = resources.global_env()
    types, aliases = registered(environment, folder)
    result = {
        "heat": heat.version.version_info.version_string(),
        "types": types,
        "aliases": aliases,
        "versions": functions(),
        "constraints": sorted(environment.constraints),
    }
    json.dump(result, sys.stdout, sort_keys=True)


if __name__ == "__main__":
    main()
