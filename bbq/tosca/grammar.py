"""Which keynames an entity has, by TOSCA version. Each file is read by its own version's grammar.

Sources: TOSCA Simple Profile in YAML 1.3, chapter 3 (https://docs.oasis-open.org/tosca/TOSCA-Simple-Profile-YAML/v1.3/);
TOSCA 2.0, chapters 6 to 15 (https://docs.oasis-open.org/tosca/TOSCA/v2.0/).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from bbq.yamlreader import Dialect

KINDS: Final = ("data", "artifact", "capability", "interface", "relationship", "node", "group", "policy")

# Entity -> (both, 1.x only, 2.0 only); `!` marks a required keyname; `~` one of the other version's that is understood with
# a warning; `*` that further keynames are names chosen by the user.
_TYPE = "derived_from version metadata description"
_TABLE: Final[dict[str, tuple[str, str, str]]] = {
    "file": (
        "!tosca_definitions_version description metadata dsl_definitions imports repositories "
        + " ".join(f"{kind}_types" for kind in KINDS),
        "namespace tosca_default_namespace template_name template_author template_version topology_template",
        "profile functions service_template",
    ),
    "service template": (
        "description inputs relationship_templates groups policies outputs substitution_mappings workflows",
        "node_templates metadata",
        "!node_templates metadata",
    ),
    "repository": ("!url description", "credential metadata", "metadata credential"),
    "import": ("repository description metadata", "!file namespace_prefix namespace_uri", "url profile namespace ~file"),
    "node type": (f"{_TYPE} properties attributes capabilities requirements interfaces artifacts", "", ""),
    "relationship type": (
        f"{_TYPE} properties attributes interfaces",
        "valid_target_types valid_source_types",
        "valid_capability_types valid_target_node_types valid_source_node_types ~valid_target_types",
    ),
    "capability type": (
        f"{_TYPE} properties attributes",
        "valid_source_types",
        "valid_source_node_types valid_relationship_types ~valid_source_types",
    ),
    "interface type": (f"{_TYPE} inputs operations notifications", "*", ""),
    "data type": (
        f"{_TYPE} properties key_schema entry_schema",
        "constraints",
        "validation data_type units canonical_unit prefixes ~constraints",
    ),
    "artifact type": (f"{_TYPE} mime_type file_ext properties", "", ""),
    "group type": (f"{_TYPE} properties attributes members", "capabilities requirements interfaces targets", ""),
    "policy type": (f"{_TYPE} properties targets triggers", "", ""),
    "property definition": (
        "type description metadata required default key_schema entry_schema",
        "constraints status external_schema external-schema ~value",
        "value validation ~constraints ~status",
    ),
    "attribute definition": (
        "type description metadata default key_schema entry_schema",
        "status constraints required",
        "validation ~constraints ~status",
    ),
    "parameter definition": (
        "type description metadata required default value key_schema entry_schema mapping",
        "constraints status",
        "validation ~constraints ~status",
    ),
    "schema": ("!type description key_schema entry_schema", "constraints required default status", "validation ~constraints"),
    "capability definition": (
        "type description metadata properties attributes",
        "valid_source_types occurrences",
        "valid_source_node_types valid_relationship_types ~valid_source_types ~occurrences",
    ),
    "requirement definition": (
        "capability node relationship description metadata node_filter",
        "occurrences",
        "count_range count directives allocation ~occurrences",
    ),
    "relationship in a requirement definition": ("!type interfaces", "properties", ""),
    "interface definition": ("type description metadata inputs operations notifications", "*", ""),
    "operation": ("description implementation inputs outputs metadata", "", ""),
    "implementation": ("primary dependencies timeout", "operation_host", "operation_host type file repository"),
    "artifact": (
        "!type !file repository description deploy_path properties artifact_version checksum checksum_algorithm metadata",
        "",
        "",
    ),
    "node template": (
        "!type description metadata directives copy properties attributes capabilities requirements interfaces artifacts "
        "node_filter",
        "",
        "count",
    ),
    "relationship template": ("!type description metadata copy properties attributes interfaces", "alias", ""),
    "capability assignment": ("properties attributes", "occurrences", "directives"),
    "requirement assignment": (
        "node capability relationship node_filter",
        "occurrences properties",
        "count directives allocation optional description metadata",
    ),
    "relationship in a requirement": ("type properties interfaces", "", "attributes"),
    "group": ("!type description metadata properties attributes members", "interfaces targets", ""),
    "policy": ("!type description metadata properties targets triggers", "", ""),
    "substitution mapping": (
        "properties attributes capabilities requirements interfaces substitution_filter",
        "node_type inputs",
        "!node_type inputs",
    ),
    "workflow": ("description metadata inputs outputs preconditions steps implementation", "", ""),
    "node filter": ("properties capabilities", "requirements", ""),
}


@dataclass(frozen=True, slots=True)
class Keynames:
    allowed: frozenset[str]
    required: tuple[str, ...]
    foreign: frozenset[str]
    open: bool


@dataclass(frozen=True, slots=True)
class Grammar:
    """`two` for TOSCA 2.0; `profile` is imported by every file of the version without being named."""

    version: str
    two: bool
    dialect: Dialect
    profile: str | None

    def keynames(self, entity: str) -> Keynames:
        return _keynames(entity, self.two)


@cache
def _keynames(entity: str, two: bool) -> Keynames:
    both, one_only, two_only = _TABLE[entity]
    words = (both + " " + (two_only if two else one_only)).split()
    return Keynames(
        allowed=frozenset(word.lstrip("!~") for word in words if word != "*"),
        required=tuple(word[1:] for word in words if word.startswith("!")),
        foreign=frozenset(word[1:] for word in words if word.startswith("~")),
        open="*" in words,
    )


_NAMES: Final[dict[str, Grammar]] = {
    "tosca_2_0": Grammar("tosca_2_0", True, "1.2", None),
    **{
        name: Grammar(name, False, "1.1", profile)
        for name, profile in (
            ("tosca_simple_yaml_1_0", "tosca-simple:1.0"),
            ("tosca_simple_yaml_1_1", "tosca-simple:1.1"),
            ("tosca_simple_yaml_1_2", "tosca-simple:1.2"),
            ("tosca_simple_yaml_1_3", "tosca-simple:1.3"),
            ("tosca_simple_yaml_1_0_0", "tosca-simple:1.0"),
            ("tosca_simple_profile_for_nfv_1_0", "tosca-simple-nfv:1.0"),
            ("tosca_simple_profile_for_nfv_1_0_0", "tosca-simple-nfv:1.0.0"),
            ("tosca_simple_profile_for_mec_1_0_0", "tosca-simple:1.0"),
        )
    },
}
_URLS: Final = {
    f"http://docs.oasis-open.org/tosca/ns/simple/yaml/{number}": f"tosca_simple_yaml_{number.replace('.', '_')}"
    for number in ("1.0", "1.1", "1.2", "1.3")
}
VERSIONS: Final = tuple(_NAMES)


def grammar_of(version: str) -> Grammar | None:
    """The grammar for a `tosca_definitions_version`; the 1.x namespace URI may stand for the name."""
    return _NAMES.get(_URLS.get(version, version))
