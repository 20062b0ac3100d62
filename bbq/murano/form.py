"""The form of a package (`UI/ui.yaml`): which application it makes, and which of its fields are passwords.

https://docs.openstack.org/murano/latest/admin/appdev-guide/app_ui.html
"""

from __future__ import annotations

import re
from typing import Final

from yaml import MappingNode, Node

from bbq.murano import codes
from bbq.murano.reading import Reader
from bbq.wording import nearest, quoted
from bbq.yamlreader import at

FIELDS: Final = frozenset(
    {
        "azone",
        "boolean",
        "choice",
        "clusterip",
        "databaselist",
        "domain",
        "flavor",
        "floatingip",
        "image",
        "integer",
        "keypair",
        "network",
        "password",
        "psqlDatabase",
        "securitygroup",
        "string",
        "table",
        "text",
        "volume",
    }
)
_REFERENCE: Final = re.compile(r"\$\.(\w+)\.(\w+)")


def passwords(root: Node, reader: Reader) -> frozenset[str]:
    """The properties of the application that fields for passwords fill; what is wrong with the form is reported."""
    keys = reader.entries(root, "the form")
    application = keys.get("Application")
    if application is None:
        reader.error(codes.FORM, "the form has no `Application`: nothing would be made of it", root)
    secret: set[tuple[str, str]] = set()
    for item in reader.items(keys.get("Forms", (None, None))[1], "`Forms`"):
        for form, (_, body) in reader.entries(item, "a form").items():
            fields = reader.entries(body, f"the form {quoted(form)}").get("fields", (None, None))[1]
            secret |= {(form, name) for name in _fields(form, fields, reader)}
    found = set()
    if application is not None and isinstance(application[1], MappingNode):
        for name, (_, value) in reader.entries(application[1], "`Application`").items():
            match = _REFERENCE.fullmatch(value.value.strip()) if isinstance(value.value, str) else None
            if match is not None and (match[1], match[2]) in secret:
                found.add(name)
    return frozenset(found)


def _fields(form: str, fields: Node | None, reader: Reader) -> list[str]:
    """The names of the fields that are passwords."""
    found = []
    for item in reader.items(fields, f"`fields` of {quoted(form)}"):
        keys = reader.entries(item, "a field")
        for needed in ("name", "type"):
            if needed not in keys:
                reader.error(codes.MISSING, f"a field of the form {quoted(form)} lacks its {quoted(needed)}", item)
        if "type" in keys and "name" in keys:
            kind, name = (reader.text(keys[key][1], f"a field's {key}") for key in ("type", "name"))
            if kind == "password":
                found.append(name)
            if kind and kind not in FIELDS and "." not in kind:  # a class's name: an application of it is chosen
                text = f"field {quoted(name)}: Murano's dashboard has no fields of type {quoted(kind)}"
                reader.bag.warning(codes.FORM, text, at(keys["type"][1]), nearest(kind, FIELDS))
    return found
