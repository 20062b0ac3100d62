"""Each version by its own tables, which are Heat's."""

from __future__ import annotations

import json

import pytest

from bbq.datafiles import data_dir
from bbq.hot import functions
from bbq.hot.types import index, resource_type
from bbq.hot.versions import FUNCTION_NAMES, RELEASES, VERSION_KEYS, known_versions, version_of

TABLES = json.loads((data_dir("templates") / "hot" / "versions.json").read_text())
ALL = [(key, name) for key, found in TABLES.items() for name in found]


def test_every_version_is_read():
    assert {(key, name) for key in VERSION_KEYS for name in known_versions(key)} == set(ALL)
    assert len(ALL) == 11 + len(RELEASES) + 2


@pytest.mark.parametrize(("key", "name"), ALL)
def test_tables_are_heats(key, name):
    version, table = version_of(key, name), TABLES[key][name]
    assert sorted(version.functions) == table["functions"]
    assert sorted(version.removed) == table["removed"]
    assert sorted(version.conditions) == table["conditions"]
    assert set(version.sections) == set(table["sections"]) - set(VERSION_KEYS)
    assert set(version.resource_keys) == set(table["resource"])
    assert set(version.output_keys) == set(table["output"])
    assert set(version.parameter_keys) == set(table["parameter"])
    assert set(version.deletion_policies) == set(table["deletion_policies"])


def test_every_function_has_its_check():
    assert set(functions.HANDLERS) == FUNCTION_NAMES


def test_types_can_all_be_read():
    for name in index().types:
        found = resource_type(name)
        for schema in found.properties.values():
            assert schema.limits is not None
    assert resource_type("OS::Nova::Server").properties["networks"].entry.properties["port"].type == "string"
    assert resource_type("OS::Nova::Nothing") is None


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("heat_template_version: §2013-05-24", "BBQ-H001", "did you mean `2013-05-23`?"),
        ("heat_template_version: §{ a: 1 }", "BBQ-H001", "known: 2013-05-23"),
        ("§heat_template_versoin: 2013-05-23", "BBQ-H001", "did you mean `heat_template_version`?"),
        ("HeatTemplateFormatVersion: §2010-09-09", "BBQ-H001", "known: 2012-12-12"),
        ("heat_template_version: 2013-05-23\n§AWSTemplateFormatVersion: 2010-09-09", "BBQ-H001", None),
        ("§- a", "BBQ-H002", "it begins with a line"),
    ],
)
def test_version_line(templates, text, code, hint):
    found = templates.bad(text, code)
    assert hint is None or found[0].hint.startswith(hint)


@pytest.mark.parametrize(("release", "date"), RELEASES.items())
def test_releases_stand_for_versions(templates, release, date):
    template = templates.good(f"heat_template_version: {release}\nresources: {{}}\n")
    assert template.version.name == date


def test_sections_and_keynames(templates):
    templates.bad(
        """
        heat_template_version: 2015-10-15
        §conditions: {}
        §resource: {}
        parameters:
          a: { type: string, §tags: [ x ], §defualt: b }
        resources:
          r:
            type: OS::Heat::RandomString
            §condition: x
            §propertys: {}
        outputs:
          o: { value: 1, §condition: x, §valeu: 2 }
        """,
        *["BBQ-H010"] * 8,
    )


def test_keynames_that_heat_ignores_in_cfn_are_warnings(templates):
    templates.bad(
        """
        AWSTemplateFormatVersion: 2010-09-09
        Parameters:
          p: { Type: String, §type: x }
        Resources:
          r: { Type: OS::Heat::RandomString, §CreationPolicy: {} }
        Outputs:
          o: { Value: 1, §Export: x }
        """,
        "BBQ-H010",
        "BBQ-H010?",
        "BBQ-H010?",
    )
