"""Generates `templates/hot/`: what Heat's resource types have, from Heat itself.

    python tools/hot_resource_types.py --heat /usr/bin/python3 --heat ~/heat/bin/python

Each `--heat` names an interpreter with Heat in it, the oldest release first: Debian's package python3-heat, or an environment
with openstack-heat from the package index. Their answers (`heat_schema.py`) are laid over each other, so that a template is
right when one of these Heats takes it: a type whose service was retired keeps the properties that it had, newer properties and
values are added. Written are `heat.json` (which Heats, the names of all types, their aliases, custom constraints) and
`types/<service>.json`, which `bbq/hot/types.py` reads, `texts/<service>.json` (what Heat says of types, properties and
attributes, for editors: a check needs none of it), and `versions.json` (functions and keynames by version), to which a test
holds `bbq/hot/versions.py`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "templates" / "hot"


def ask(python: str) -> dict[str, Any]:
    done = subprocess.run([python, str(HERE / "heat_schema.py")], check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def merged_type(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What is right in one of the two. A type that the newer Heat only keeps a place for is as the older one had it."""
    if new.get("any_property") and not old.get("any_property"):
        return old
    found = {**old, **new}
    if "status" not in new:
        found.pop("status", None)
        found.pop("note", None)
    for key in ("properties", "attributes", "update_policy"):
        if key in old or key in new:
            found[key] = merged(old.get(key, {}), new.get(key, {}))
    return found


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {name: merged_schema(old.get(name), new.get(name)) for name in sorted({*old, *new})}


def merged_schema(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    if old is None or new is None:
        return {key: value for key, value in (old or new or {}).items() if key != "required"}
    found = dict(new)
    if not old.get("required"):
        found.pop("required", None)
    if "entry" in old and "entry" in new:
        found["entry"] = merged_schema(old["entry"], new["entry"])
    if "properties" in old and "properties" in new:
        found["properties"] = merged(old["properties"], new["properties"])
    limits = [item for item in new.get("constraints", ()) if item in old.get("constraints", ())]
    values = [
        [*(value for item in side.get("constraints", ()) for value in item.get("allowed_values", ()))] for side in (old, new)
    ]
    if all(values) and values[0] != values[1]:
        limits.append({"allowed_values": list(dict.fromkeys([*values[0], *values[1]]))})
    found.pop("constraints", None)
    return {**found, "constraints": limits} if limits else found


def texts(found: dict[str, Any]) -> dict[str, Any]:
    """What is said of a type: its own under `text`, that of properties (`networks.port`) and attributes by name. It is taken
    out of the type."""
    said: dict[str, Any] = {"text": found.pop("text", "")}
    for key in ("properties", "attributes", "update_policy"):
        lines: dict[str, str] = {}
        for name, schema in found.get(key, {}).items():
            take_texts(name, schema, lines)
        said[key] = lines
    return {key: value for key, value in said.items() if value}


def take_texts(path: str, schema: dict[str, Any], lines: dict[str, str]) -> None:
    if text := schema.pop("text", ""):
        lines[path] = text
    entry = schema.get("entry")
    if entry is not None:
        entry.pop("text", None)
        for name, inner in entry.get("properties", {}).items():
            take_texts(f"{path}.{name}", inner, lines)
        while entry := entry.get("entry"):
            take_texts(path, entry, {})
    for name, inner in schema.get("properties", {}).items():
        take_texts(f"{path}.{name}", inner, lines)


def service(name: str) -> str:
    return "-".join(name.lower().split("::")[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--heat", action="append", required=True, metavar="PYTHON", help="an interpreter with Heat; oldest first"
    )
    answers = [ask(python) for python in parser.parse_args().heat]
    types: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for answer in answers:
        for name, found in answer["types"].items():
            types[name] = merged_type(types[name], found) if name in types else found
        aliases |= answer["aliases"]
    files: dict[str, dict[str, Any]] = {}
    said: dict[str, dict[str, Any]] = {}
    for name in sorted(types):
        said.setdefault(service(name), {})[name] = texts(types[name])
        files.setdefault(service(name), {})[name] = types[name]
    index = {
        "sources": [answer["heat"] for answer in answers],
        "aliases": aliases,
        "constraints": sorted({name for answer in answers for name in answer["constraints"]}),
        "types": sorted(types),
    }
    write(TARGET / "heat.json", index)
    write(TARGET / "versions.json", answers[-1]["versions"])
    for folder, contents in ((TARGET / "types", files), (TARGET / "texts", said)):
        folder.mkdir(parents=True, exist_ok=True)
        for stale in set(folder.glob("*.json")) - {folder / f"{name}.json" for name in contents}:
            stale.unlink()
        for name, found in contents.items():
            write(folder / f"{name}.json", found)


def write(path: Path, content: dict[str, Any]) -> None:
    """One entry a line, so that a difference can be read."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in content.items())
    path.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
