"""Heat's functions in words: how each is called, and what it gives.

https://docs.openstack.org/heat/latest/template_guide/hot_spec.html#intrinsic-functions
"""

from __future__ import annotations

from typing import Final

_REPLACED: Final = "{ template: text, params: { name: value } }"
_CONDITION: Final = "true where {}; for conditions."
FUNCTIONS: Final[dict[str, tuple[str, str]]] = {
    "get_attr": ("[ resource, attribute, key or index ... ]", "An attribute of a resource, as soon as the resource is there."),
    "get_file": ("path", "The content of a file; the path is relative to the template."),
    "get_param": ("name, or [ name, key or index ... ]", "The value of a parameter."),
    "get_resource": ("resource", "The identifier of a resource."),
    "list_join": ("[ delimiter, list ... ]", "The texts of lists as one text, with a delimiter between them."),
    "digest": ("[ algorithm, text ]", "The digest of a text, in hexadecimal."),
    "repeat": ("{ for_each: { variable: list }, template: value }", "A list: the template once for each item of the lists."),
    "resource_facade": ("metadata, deletion_policy or update_policy", "Of a nested template: what its resource outside has."),
    "str_replace": (_REPLACED, "The text with each name replaced by its value."),
    "str_replace_strict": (_REPLACED, "As str_replace; an error where a name is not in the text."),
    "str_replace_vstrict": (_REPLACED, "As str_replace_strict; an error where a value is empty, too."),
    "str_split": ("[ delimiter, text, index ]", "The parts of a text as a list, or one of them."),
    "yaql": ("{ expression: text, data: map }", "What a YAQL expression gives for the data."),
    "equals": ("[ value, value ]", _CONDITION.format("both are the same")),
    "if": ("[ condition, value if true, value if false ]", "One of two values, by a condition."),
    "not": ("condition", _CONDITION.format("the condition is false")),
    "and": ("[ condition, condition ... ]", _CONDITION.format("all are true")),
    "or": ("[ condition, condition ... ]", _CONDITION.format("any is true")),
    "filter": ("[ values, list ]", "The list without these values."),
    "make_url": ("{ scheme: text, host: text, port: number, path: text ... }", "A URL made of its parts."),
    "list_concat": ("[ list ... ]", "Lists as one list."),
    "list_concat_unique": ("[ list ... ]", "Lists as one list, each item once."),
    "contains": ("[ value, list ]", _CONDITION.format("the list has the value")),
    "map_merge": ("[ map ... ]", "Maps as one map, later ones over earlier ones."),
    "map_replace": ("[ map, { keys: map, values: map } ]", "The map with keys and values replaced."),
    "Ref": ("name", "The value of a parameter, or the identifier of a resource."),
    "Fn::GetAtt": ("[ resource, attribute ]", "An attribute of a resource, as soon as the resource is there."),
    "Fn::FindInMap": ("[ mapping, key, key ]", "A value of the section `Mappings`."),
    "Fn::GetAZs": ("region", "The availability zones."),
    "Fn::Select": ("[ index, list or map ]", "One item of a list, or one value of a map."),
    "Fn::Join": ("[ delimiter, list ]", "The texts of a list as one text, with a delimiter between them."),
    "Fn::Split": ("[ delimiter, text ]", "The parts of a text as a list."),
    "Fn::Replace": ("[ { name: value }, text ]", "The text with each name replaced by its value."),
    "Fn::Base64": ("text", "The text as it is: Heat encodes where it has to."),
    "Fn::MemberListToMap": ("[ name of keys, name of values, list ]", "A map made of a list of the kind `.member.0.Key=a`."),
    "Fn::ResourceFacade": ("Metadata, DeletionPolicy or UpdatePolicy", "Of a nested template: what its resource outside has."),
    "Fn::If": ("[ condition, value if true, value if false ]", "One of two values, by a condition."),
    "Fn::Equals": ("[ value, value ]", _CONDITION.format("both are the same")),
    "Fn::Not": ("[ condition ]", _CONDITION.format("the condition is false")),
    "Fn::And": ("[ condition, condition ... ]", _CONDITION.format("all are true")),
    "Fn::Or": ("[ condition, condition ... ]", _CONDITION.format("any is true")),
}
"""Name -> (arguments, what it gives); every function of any version."""

ARGUMENTS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("str_replace", "str_replace_strict", "str_replace_vstrict"), ("template", "params")),
    "repeat": ("template", "for_each", "permutations"),
    "yaql": ("expression", "data"),
    "make_url": ("scheme", "username", "password", "host", "port", "path", "query", "fragment"),
}
"""Functions whose arguments have names."""

COMMON: Final = frozenset(("get_param", "get_resource", "get_attr", "str_replace", "Ref", "Fn::GetAtt", "Fn::Join"))
"""Functions that are offered before the others."""
