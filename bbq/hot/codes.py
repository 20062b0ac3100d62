"""The Heat front end's diagnostic codes: code -> (title, explanation). Stable; the reference page is made from this table."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, tuple[str, str]]] = {
    "BBQ-H001": (
        "unknown template version",
        "`heat_template_version`, `AWSTemplateFormatVersion` or `HeatTemplateFormatVersion` is missing, is there "
        "twice, or names no version that is read.",
    ),
    "BBQ-H002": ("not a Heat template", "A Heat template is one map of sections."),
    "BBQ-H004": ("too many problems", "More problems were found than are listed; correct the first ones."),
    "BBQ-H010": (
        "unknown keyname",
        "The template's version has no such section or keyname at this place. Where Heat does not look at it at all "
        "(in resources and outputs of CFN) it is a warning.",
    ),
    "BBQ-H011": (
        "keyname missing",
        "A resource or parameter needs a type, an output a value, a parameter group its parameters.",
    ),
    "BBQ-H012": ("wrong shape", "A map, list or string stands where something else is needed."),
    "BBQ-H013": (
        "number to base 60",
        "Heat reads templates as YAML 1.1, where two numbers with a colon between them, such as `22:30`, are one number.",
    ),
    "BBQ-H014": (
        "bad name",
        "A resource's name holds a slash or is too long, or a parameter has the name of one of Heat's own.",
    ),
    "BBQ-H020": ("unknown type of parameter", "The types are string, number, json, comma_delimited_list and boolean."),
    "BBQ-H021": (
        "bad constraint",
        "A constraint is unknown in the template's version, does not fit the parameter's type, or is itself wrong.",
    ),
    "BBQ-H022": ("default does not fit", "The default is not of the parameter's type, or breaks its constraints."),
    "BBQ-H023": ("unknown custom constraint", "Heat has no custom constraint of this name; a plugin may bring it."),
    "BBQ-H024": ("parameter in two groups", "A parameter belongs to one parameter group only."),
    "BBQ-H026": ("name taken twice", "A parameter and a resource have the same name."),
    "BBQ-H027": (
        "resource may be left out",
        "A value is taken of a resource that a condition leaves out, without an `if` around it. An error where the "
        "condition is known to be false.",
    ),
    "BBQ-H030": (
        "unknown resource type",
        "Heat has no such type. An error for types of `OS::` and `AWS::`; a warning for others, which plugins or a "
        "`resource_registry` bring.",
    ),
    "BBQ-H031": ("outdated resource type", "The type is deprecated, hidden, unsupported, or an old name."),
    "BBQ-H032": ("unknown property", "The resource type, or a map in its properties, has no such property."),
    "BBQ-H033": ("required property missing", "A property that the type requires is not given, or has no value."),
    "BBQ-H034": ("wrong type of value", "The value, or what a function gives, is not of the property's type."),
    "BBQ-H035": ("constraint broken", "The value breaks a constraint of the property."),
    "BBQ-H036": ("outdated property", "The property is deprecated, hidden or unsupported."),
    "BBQ-H037": ("property not implemented", "Heat knows the property and refuses it."),
    "BBQ-H038": ("bad deletion policy", "The policies are Delete, Retain and, for servers and volumes, Snapshot."),
    "BBQ-H039": ("no update policy", "Resources of the type take no update policy."),
    "BBQ-H040": (
        "function of another version",
        "The template's version has no such function. Heat takes it as a plain map, or refuses it. A warning where "
        "its name is an ordinary word (`if`, `filter`), or TOSCA's.",
    ),
    "BBQ-H041": (
        "function out of place",
        "Conditions know few functions, and some functions are for conditions only.",
    ),
    "BBQ-H042": (
        "wrong arguments",
        "The function takes other arguments. In outputs a warning where Heat finds it only when it computes the "
        "value: the stack is made, the output is not.",
    ),
    "BBQ-H043": ("unknown parameter", "The template has no such parameter."),
    "BBQ-H044": ("unknown resource", "The template has no such resource."),
    "BBQ-H045": ("unknown attribute", "The resource's type has no such attribute, the nested template no such output."),
    "BBQ-H046": ("bad condition", "The template has no such condition, or what stands there can be none."),
    "BBQ-H047": ("conditions in a circle", "Conditions are defined by each other."),
    "BBQ-H048": (
        "dependency cycle",
        "Resources depend on each other: there is no order to make them in. A warning where the cycle is there under some "
        "conditions only. A resource with `external_id` cannot depend on others at all.",
    ),
    "BBQ-H049": ("unknown mapping", "`Mappings` has no such mapping or key."),
    "BBQ-H050": (
        "nested template missing",
        "The file of a nested template does not exist. A warning for members of a group, which may be empty.",
    ),
    "BBQ-H051": ("file missing", "The file of a `get_file` is not there yet."),
    "BBQ-H052": (
        "file outside the project",
        "Files stay in the template's repository, or beside its folder; absolute ones below it. Others are not read, "
        "and are not sent to Heat.",
    ),
    "BBQ-H053": ("file is remote", "Nothing is read over the network: map the URL's prefix to a directory."),
    "BBQ-H054": ("templates nest each other", "A template nests itself, directly or through others."),
    "BBQ-H055": ("nested too deep", "Stacks nest deeper than Heat allows by default, or more files are read than the cap."),
    "BBQ-H060": ("bad section of an environment", "The environment is not a map, or has an unknown or empty section."),
    "BBQ-H061": (
        "bad entry in a resource registry",
        "A type is mapped to what is neither a type nor a template, or in a circle.",
    ),
    "BBQ-H062": (
        "unknown hook or action",
        "Hooks are pre- and post- create, update and delete; actions are update and replace.",
    ),
    "BBQ-H063": ("bad merge strategy", "The strategies are overwrite, merge and deep_merge, the same one in all environments."),
    "BBQ-H064": ("bad event sink", "An event sink has a type that Heat knows, and a target."),
    "BBQ-H070": ("unknown parameter given", "A value is given for a parameter that the template does not have."),
    "BBQ-H071": ("parameter missing", "A parameter without default was not given."),
    "BBQ-H072": ("parameter does not fit", "The given value is not of the parameter's type, or breaks its constraints."),
    "BBQ-H080": ("value too large", "What a function gives grows beyond the caps."),
}

STRICT_CODES: Final = frozenset(
    f"BBQ-H{number}" for number in ("010", "021", "027", "033", "034", "040", "041", "042", "044", "048", "050")
)
"""Warnings of these codes are about what Heat ignores, or finds only when it computes a value: errors with `--strict`."""
