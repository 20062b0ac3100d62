"""Which keynames an entity has, by TOSCA version. Each file is read by its own version's grammar.

Sources: TOSCA Simple Profile in YAML 1.0 to 1.3, chapter 3 of each
(https://docs.oasis-open.org/tosca/TOSCA-Simple-Profile-YAML/); TOSCA 2.0, chapters 6 to 16
(https://docs.oasis-open.org/tosca/TOSCA/v2.0/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from bbq.yamlreader import Dialect

KINDS: Final = ("data", "artifact", "capability", "interface", "relationship", "node", "group", "policy")

_DRAFT: Final = 9
_NUMBERS: Final = {"1.0": 10, "1.1": 11, "1.2": 12, "1.3": 13, "2.0": 20}
_ANY: Final = (10, 20)
_TYPE: Final = "derived_from version metadata description"

# Entity -> keynames. `@1.1-1.3`, `@1.2-`, `@-1.2`, `@2.0`: the versions that have it, all without; `@draft`: none has, only
# drafts and practice of 1.x. `!` marks a required keyname, `~` one that is understood in silence in the other versions (it
# means nothing there), `+` one that is understood in them with a warning. Among the versions 1.x a warning is all it costs.
# `*`: further keynames are names that the user chose.
_TABLE: Final[dict[str, str]] = {
    "file": f"""!tosca_definitions_version description metadata dsl_definitions imports repositories
        {" ".join(f"{kind}_types" for kind in KINDS)} namespace@1.2-1.3 topology_template@-1.3
        tosca_default_namespace@draft template_name@draft template_author@draft template_version@draft
        profile@2.0 functions@2.0 service_template@2.0""",
    "service template": """description inputs !node_templates@2.0 node_templates@-1.3 relationship_templates groups policies
        outputs substitution_mappings workflows@1.1- ~metadata@2.0 functions@2.0""",
    "repository": "!url description +credential@-1.3 ~metadata@2.0",
    "import": """!+file@-1.3 repository namespace_prefix@-1.3 namespace_uri@-1.3 url@2.0 profile@2.0 namespace@2.0
        ~description@2.0 ~metadata@2.0""",
    "node type": f"{_TYPE} properties attributes capabilities requirements interfaces artifacts",
    "relationship type": f"""{_TYPE} properties attributes interfaces +valid_target_types@-1.3 valid_source_types@draft
        valid_capability_types@2.0 valid_target_node_types@2.0 valid_source_node_types@2.0""",
    "capability type": f"""{_TYPE} properties attributes +valid_source_types@-1.3 valid_source_node_types@2.0
        valid_relationship_types@2.0""",
    "interface type": f"{_TYPE} inputs operations@1.3- notifications@1.3- *@-1.3",
    "data type": f"""{_TYPE} properties key_schema@1.3- entry_schema@1.3- +constraints@-1.3 validation@2.0 data_type@2.0
        units@2.0 canonical_unit@2.0 prefixes@2.0""",
    "artifact type": f"{_TYPE} mime_type file_ext properties",
    "group type": f"""{_TYPE} properties members attributes@1.1- capabilities@1.1-1.3 requirements@1.1-1.3 interfaces@-1.2
        targets@draft""",
    "policy type": f"{_TYPE} properties targets triggers@1.1-",
    "property definition": """type description required default entry_schema ~metadata@1.2- key_schema@1.3-
        +constraints@-1.3 ~status@-1.3 external-schema@1.2-1.3 external_schema@1.2-1.3 +value@2.0 validation@2.0""",
    "attribute definition": """type description default entry_schema ~metadata@1.3- key_schema@1.3- +constraints@-1.3
        ~status@-1.3 ~required@draft validation@2.0""",
    "parameter definition": """type description required default value entry_schema ~metadata@1.2- key_schema@1.3- mapping@1.3-
        +constraints@-1.3 ~status@-1.3 validation@2.0""",
    "schema": """!type description entry_schema key_schema@1.3- ~metadata@1.3- +constraints@-1.3 ~required@draft ~default@draft
        ~status@draft validation@2.0""",
    "capability definition": """type description properties attributes +valid_source_types@-1.3 +occurrences@-1.3 ~metadata@2.0
        valid_source_node_types@2.0 valid_relationship_types@2.0""",
    "requirement definition": """capability node relationship ~description@1.3- ~metadata@2.0 +node_filter@2.0
        +occurrences@-1.3 count_range@2.0""",
    "relationship in a requirement definition": """!type interfaces ~description@2.0 ~metadata@2.0 +properties@2.0
        +attributes@2.0""",
    "interface definition": """type inputs ~description@2.0 ~metadata@2.0 operations@1.3- notifications@1.3- *@-1.3""",
    "interface assignment": """inputs operations@1.3- notifications@1.3- +type@-1.3 ~description@draft ~metadata@2.0 *@-1.3""",
    "operation": "description implementation inputs outputs@1.3- ~metadata@2.0",
    "implementation": """primary dependencies timeout@1.2- +operation_host@1.2-1.3 ~file@1.3- ~type@1.3- ~repository@1.3-
        ~description@1.3- ~properties@1.3-""",
    "artifact": """!type !file repository description properties +deploy_path@-1.3 artifact_version@1.3- checksum@1.3-
        checksum_algorithm@1.3- ~metadata@2.0""",
    "node template": """!type description ~metadata@1.1- directives copy properties attributes capabilities requirements
        interfaces artifacts node_filter count@2.0""",
    "relationship template": "!type description ~metadata@1.1- copy properties attributes interfaces alias@draft",
    "capability assignment": "properties attributes occurrences@1.3 directives@2.0 ~metadata@2.0 ~description@2.0",
    "requirement assignment": """node capability relationship node_filter +occurrences@1.3 properties@draft count@2.0
        directives@2.0 allocation@2.0 optional@2.0 ~description@2.0 ~metadata@2.0""",
    "relationship in a requirement": "type properties interfaces +attributes@2.0 ~description@2.0 ~metadata@2.0",
    "group": "!type description ~metadata@1.1- properties attributes@1.3- members interfaces@-1.2 targets@draft",
    "policy": "!type description ~metadata@1.1- properties targets triggers@1.1-",
    "trigger": """description ~metadata@2.0 !event@1.3- event@-1.2 event_type@-1.2 schedule@1.1-1.3 target_filter@1.1-1.3
        condition !action@1.3- action@-1.2 constraint@1.1-1.2 period@1.1-1.2 evaluations@1.1-1.2 method@1.1-1.2""",
    "event filter": "!node requirement capability",
    "condition of a trigger": "constraint period evaluations method",
    "substitution mapping": """!node_type capabilities requirements properties@1.2- attributes@1.3- interfaces@1.2-
        substitution_filter@1.3-""",
    "workflow": """description ~metadata inputs steps +preconditions@1.1-1.3 precondition@2.0 implementation@1.3-
        outputs@1.3-""",
    "precondition": "!target target_relationship condition",
    "step": "!target target_relationship operation_host@1.1-1.3 filter !activities on_success on_failure ~description@draft",
    "workflow call": "!workflow inputs@1.3-",
    "operation call": "!operation inputs@1.3-",
    "node filter": "properties capabilities requirements@draft",
    "function": "!signatures description metadata",
    "signature": "arguments optional_arguments variadic result implementation ~description ~metadata",
}

_RENAMED: Final = (
    ("topology_template", "service_template"),
    ("namespace_prefix", "namespace"),
    ("file", "url"),
    ("constraints", "validation"),
    ("occurrences", "count_range"),
    ("preconditions", "precondition"),
    ("valid_source_types", "valid_source_node_types"),
    ("valid_target_types", "valid_capability_types"),
)
"""Keynames of 1.x, and what 2.0 calls them."""
COUNTERPARTS: Final = {**dict(_RENAMED), **{new: old for old, new in _RENAMED}}


@dataclass(frozen=True, slots=True)
class Keynames:
    """Of one entity in one version: `allowed` are understood, those of them in `foreign` with a warning; `elsewhere` says of
    foreign and refused ones which versions have them. `open` where further keynames are names."""

    allowed: frozenset[str]
    required: tuple[str, ...]
    foreign: frozenset[str]
    open: bool
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grammar:
    """`number` is 10 for 1.0, 13 for 1.3, 20 for 2.0; `two` for TOSCA 2.0; `profile` is imported by every file of the version
    without being named."""

    version: str
    number: int
    dialect: Dialect
    profile: str | None

    @property
    def two(self) -> bool:
        return self.number >= 20

    def keynames(self, entity: str) -> Keynames:
        return _keynames(entity, self.number)


@dataclass(frozen=True, slots=True)
class _Word:
    name: str
    first: int
    last: int
    required: bool = False
    silent: bool = False
    tolerated: bool = False

    @property
    def versions(self) -> str:
        """For messages."""
        if self.last == _DRAFT:
            return "drafts of TOSCA"
        names = [name for name, number in _NUMBERS.items() if self.first <= number <= self.last]
        return "TOSCA " + (names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}")


def _word(text: str) -> _Word:
    name, _, versions = text.partition("@")
    marks = name[: len(name) - len(name.lstrip("!~+"))]
    first, last = _ANY
    if versions == "draft":
        first, last = 0, _DRAFT
    elif versions:
        low, dash, high = versions.partition("-")
        first = _NUMBERS[low] if low else first
        last = _NUMBERS[high] if high else (last if dash else first)
    return _Word(name.lstrip("!~+"), first, last, "!" in marks, "~" in marks, "+" in marks)


@cache
def _keynames(entity: str, number: int) -> Keynames:
    own: set[str] = set()
    required: list[str] = []
    foreign: set[str] = set()
    elsewhere: dict[str, str] = {}
    is_open = False
    for word in map(_word, _TABLE[entity].split()):
        if word.name == "*":
            is_open = word.first <= number <= word.last
        elif word.first <= number <= word.last:
            own.add(word.name)
            if word.required:
                required.append(word.name)
        elif word.silent and (word.last != _DRAFT or number < 20):
            own.add(word.name)
        elif word.tolerated or (number < 20 and word.first < 20):
            foreign.add(word.name)
            elsewhere[word.name] = word.versions
        else:
            elsewhere[word.name] = word.versions
    foreign -= own
    names = {name: text for name, text in elsewhere.items() if name not in own}
    return Keynames(frozenset(own | foreign), tuple(required), frozenset(foreign), is_open, names)


_NAMES: Final[dict[str, Grammar]] = {
    "tosca_2_0": Grammar("tosca_2_0", 20, "1.2", None),
    **{
        name: Grammar(name, number, "1.1", profile)
        for name, number, profile in (
            ("tosca_simple_yaml_1_0", 10, "tosca-simple:1.0"),
            ("tosca_simple_yaml_1_1", 11, "tosca-simple:1.1"),
            ("tosca_simple_yaml_1_2", 12, "tosca-simple:1.2"),
            ("tosca_simple_yaml_1_3", 13, "tosca-simple:1.3"),
            ("tosca_simple_yaml_1_0_0", 10, "tosca-simple:1.0"),
            ("tosca_simple_profile_for_nfv_1_0", 12, "tosca-simple-nfv:1.0"),
            ("tosca_simple_profile_for_nfv_1_0_0", 10, "tosca-simple-nfv:1.0.0"),
            ("tosca_simple_profile_for_mec_1_0_0", 10, "tosca-simple:1.0"),
        )
    },
}
_URLS: Final = {
    f"http://docs.oasis-open.org/tosca/ns/simple/yaml/{number}": f"tosca_simple_yaml_{number.replace('.', '_')}"
    for number in ("1.0", "1.1", "1.2", "1.3")
}
VERSIONS: Final = tuple(_NAMES)


def meant(text: str) -> str | None:
    """The version that `text` is likely to mean, by its number: `1.3` or `tosca_1_3`."""
    number = "_".join((*re.findall(r"[0-9]+", text), "0")[:2])
    return next((name for name in VERSIONS if name in (f"tosca_simple_yaml_{number}", f"tosca_{number}")), None)


def grammar_of(version: str) -> Grammar | None:
    """The grammar for a `tosca_definitions_version`; the 1.x namespace URI may stand for the name."""
    return _NAMES.get(_URLS.get(version, version))
