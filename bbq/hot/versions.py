"""What each version of HOT and CFN has: sections, keynames, functions.

Source: `heat/engine/hot/template.py` and `heat/engine/cfn/template.py`; `templates/hot/versions.json` has Heat's own tables, to
which a test holds these. https://docs.openstack.org/heat/latest/template_guide/hot_spec.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

HOT: Final = "heat_template_version"
CFN: Final = "AWSTemplateFormatVersion"
HEAT_CFN: Final = "HeatTemplateFormatVersion"
VERSION_KEYS: Final = (HOT, CFN, HEAT_CFN)

_DATES: Final = (
    "2013-05-23",
    "2014-10-16",
    "2015-04-30",
    "2015-10-15",
    "2016-04-08",
    "2016-10-14",
    "2017-02-24",
    "2017-09-01",
    "2018-03-02",
    "2018-08-31",
    "2021-04-16",
)
RELEASES: Final = {
    "newton": "2016-10-14",
    "ocata": "2017-02-24",
    "pike": "2017-09-01",
    "queens": "2018-03-02",
    "rocky": "2018-08-31",
    "wallaby": "2021-04-16",
}
"""Names of releases that stand for versions."""

_CFN_FUNCTIONS: Final = (
    "Ref",
    *(
        f"Fn::{name}"
        for name in ("GetAZs", "Select", "Join", "Split", "Replace", "Base64", "MemberListToMap", "ResourceFacade")
    ),
)
_SINCE: Final = {
    "2013-05-23": "get_param get_resource get_attr list_join str_replace resource_facade get_file",
    "2015-04-30": "repeat digest",
    "2015-10-15": "str_split",
    "2016-04-08": "map_merge",
    "2016-10-14": "yaql map_replace if",
    "2017-02-24": "filter str_replace_strict",
    "2017-09-01": "make_url list_concat list_concat_unique str_replace_vstrict contains",
}
_UNTIL: Final = {**dict.fromkeys(_CFN_FUNCTIONS, "2014-10-16"), "Fn::Select": "2015-10-15"}
"""The version in which a function is no more."""
_CONDITIONS_SINCE: Final = {"2016-10-14": "get_param equals not and or", "2017-09-01": "yaql contains"}

_CFN_NAMES: Final = {
    "description": "Description",
    "mappings": "Mappings",
    "parameters": "Parameters",
    "resources": "Resources",
    "outputs": "Outputs",
    "conditions": "Conditions",
    "type": "Type",
    "properties": "Properties",
    "metadata": "Metadata",
    "depends_on": "DependsOn",
    "deletion_policy": "DeletionPolicy",
    "update_policy": "UpdatePolicy",
    "condition": "Condition",
    "value": "Value",
    "default": "Default",
    "hidden": "NoEcho",
    "label": "Label",
}
"""How CFN spells what HOT calls so."""

_RESOURCE: Final = ("type", "properties", "metadata", "depends_on", "deletion_policy", "update_policy", "description")
_OUTPUT: Final = ("description", "value")
_HOT_PARAMETER: Final = ("type", "description", "default", "schema", "constraints", "hidden", "label", "immutable")
_CFN_CONSTRAINTS: Final = ("AllowedValues", "AllowedPattern", "MaxLength", "MinLength", "MaxValue", "MinValue")

PARAMETER_TYPES: Final = {
    "string": "String",
    "number": "Number",
    "comma_delimited_list": "CommaDelimitedList",
    "json": "Json",
    "boolean": "Boolean",
}
"""HOT's name -> CFN's name."""

HOT_PSEUDO: Final = ("OS::stack_id", "OS::stack_name", "OS::region", "OS::project_id")
CFN_PSEUDO: Final = ("AWS::StackId", "AWS::StackName", "AWS::Region")
"""Parameters that every template has. `OS::region` is reserved, without a value in any Heat."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version's tables. `name` is its date; `names` how it spells what is called by HOT's names everywhere here."""

    key: str
    name: str
    functions: frozenset[str]
    conditions: frozenset[str]
    removed: frozenset[str]
    names: dict[str, str] = field(hash=False)

    @property
    def cfn(self) -> bool:
        return self.key != HOT

    def __str__(self) -> str:
        return f"{self.key} {self.name}"

    def spelled(self, name: str) -> str:
        return self.names.get(name, name)

    def since(self, date: str) -> bool:
        """HOT of that date or later. Dates are compared as texts."""
        return not self.cfn and self.name >= date

    @property
    def has_conditions(self) -> bool:
        return bool(self.conditions)

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the top-level sections beside the version's."""
        names = ["description", "mappings" if self.cfn else "parameter_groups", "parameters", "resources", "outputs"]
        return tuple(map(self.spelled, [*names, "conditions"] if self.has_conditions else names))

    @property
    def resource_keys(self) -> tuple[str, ...]:
        names = [*_RESOURCE, "condition"] if self.has_conditions else [*_RESOURCE]
        return tuple(map(self.spelled, [*names, "external_id"] if self.has_conditions and not self.cfn else names))

    @property
    def output_keys(self) -> tuple[str, ...]:
        return tuple(map(self.spelled, [*_OUTPUT, "condition"] if self.has_conditions else _OUTPUT))

    @property
    def parameter_keys(self) -> tuple[str, ...]:
        if self.cfn:
            common = map(self.spelled, ("type", "description", "default", "hidden", "label"))
            return (*common, *_CFN_CONSTRAINTS, "ConstraintDescription")
        return (*_HOT_PARAMETER, "tags") if self.since("2018-03-02") else _HOT_PARAMETER

    @property
    def deletion_policies(self) -> tuple[str, ...]:
        upper = ("Delete", "Retain", "Snapshot")
        return (*upper, "delete", "retain", "snapshot") if self.since("2016-10-14") else upper

    @property
    def pseudo_parameters(self) -> tuple[str, ...]:
        return CFN_PSEUDO if self.cfn else HOT_PSEUDO


def known_versions(key: str) -> tuple[str, ...]:
    """What may stand as the value of a version key."""
    if key == HOT:
        return (*_DATES, *RELEASES)
    return ("2010-09-09",) if key == CFN else ("2012-12-12",)


@cache
def version_of(key: str, name: str) -> Version | None:
    """The version that a template names in its first line."""
    if name not in known_versions(key):
        return None
    if key != HOT:
        functions = {*_CFN_FUNCTIONS, "Fn::FindInMap", "Fn::GetAtt"}
        conditions = {"Fn::Equals", "Ref", "Fn::FindInMap", "Fn::Not", "Fn::And", "Fn::Or"} if key == CFN else set()
        functions |= {"Fn::If"} if key == CFN else set()
        return Version(key, name, frozenset(functions), frozenset(conditions), frozenset(), _CFN_NAMES)
    date = RELEASES.get(name, name)
    functions = {word for since, words in _SINCE.items() if since <= date for word in words.split()}
    functions |= {word for word in _CFN_FUNCTIONS if date < _UNTIL[word]}
    removed = {word for word in _CFN_FUNCTIONS if date >= _UNTIL[word]}
    conditions = {word for since, words in _CONDITIONS_SINCE.items() if since <= date for word in words.split()}
    return Version(HOT, date, frozenset(functions), frozenset(conditions), frozenset(removed), {})


FUNCTION_NAMES: Final = frozenset(
    (*(word for words in (*_SINCE.values(), *_CONDITIONS_SINCE.values()) for word in words.split()), *_CFN_FUNCTIONS)
) | {"Fn::FindInMap", "Fn::GetAtt", "Fn::If", "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or"}
"""Every function of any version."""

COMMON_WORDS: Final = frozenset(("if", "not", "and", "or", "equals", "filter", "contains", "repeat", "digest"))
"""Functions whose names are ordinary keys, too: where a version has no such function, the map may be meant as it is."""


def introduced(function: str) -> str | None:
    """The HOT version that brought a function."""
    for since, words in _SINCE.items():
        if function in words.split():
            return since
    return None


def last_with(function: str) -> str | None:
    """The last HOT version that has a function of CFN's."""
    until = _UNTIL.get(function)
    return None if until is None else _DATES[_DATES.index(until) - 1]
