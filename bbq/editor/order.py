"""The canonical order of keynames."""

from __future__ import annotations

from typing import Final

# The order in which an entity's keynames are written: that of the specification's grammars, in one list for all of them.
_ORDER: Final = (
    # a file
    "tosca_definitions_version profile namespace tosca_default_namespace template_name template_author template_version "
    # what a thing is
    "type derived_from node_type copy version description metadata directives count "
    # a file's parts
    "dsl_definitions repositories imports functions data_types artifact_types capability_types interface_types "
    "relationship_types node_types group_types policy_types topology_template service_template "
    # names of other things
    "file url repository namespace_prefix namespace_uri alias node capability relationship valid_target_types "
    "valid_capability_types valid_target_node_types valid_source_types valid_source_node_types valid_relationship_types "
    "node_filter substitution_filter occurrences count_range allocation optional mime_type file_ext members targets "
    # values and their schemas
    "required default value mapping status constraints validation data_type units canonical_unit prefixes key_schema "
    "entry_schema external_schema external-schema "
    # operations
    "primary dependencies operation_host timeout implementation "
    # a service template's parts
    "inputs node_templates relationship_templates groups policies "
    # what a type or template has
    "properties attributes capabilities requirements interfaces operations notifications artifacts triggers "
    "deploy_path artifact_version checksum checksum_algorithm credential outputs substitution_mappings "
    # workflows and triggers
    "workflows preconditions target target_relationship filter steps activities on_success on_failure event event_type "
    "schedule target_filter condition constraint period evaluations method action precondition requirement operation workflow "
    # functions
    "signatures arguments optional_arguments variadic result"
)
_RANKS: Final = {keyname: rank for rank, keyname in enumerate(_ORDER.split())}


def rank(keyname: str) -> int:
    """Where a keyname stands among its siblings; those without a place of their own come last, in the order they have."""
    return _RANKS.get(keyname, len(_RANKS))
