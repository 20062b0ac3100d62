"""The TOSCA front end's diagnostic codes: code -> (title, explanation). Stable; the reference page is made from this table."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, tuple[str, str]]] = {
    "BBQ-T001": ("unknown TOSCA version", "`tosca_definitions_version` is missing or names no version of TOSCA that is read."),
    "BBQ-T002": ("not a TOSCA file", "A TOSCA file is one map of keynames."),
    "BBQ-T003": ("version not in the first line", "`tosca_definitions_version` stands before everything else."),
    "BBQ-T004": ("too many problems", "More problems were found than are listed; correct the first ones."),
    "BBQ-T010": ("unknown keyname", "The grammar of the file's TOSCA version has no such keyname at this place."),
    "BBQ-T011": ("keyname missing", "A keyname that the grammar requires is missing."),
    "BBQ-T012": ("wrong shape", "A map, list or string stands where the grammar has something else."),
    "BBQ-T013": (
        "keyname of another version",
        "The keyname belongs to another TOSCA version than the file's; it is understood.",
    ),
    "BBQ-T014": ("bad range of occurrences", "A range of occurrences is two integers, or an integer and UNBOUNDED."),
    "BBQ-T015": ("unknown directive", "A node template's directive that no version of TOSCA defines."),
    "BBQ-T020": ("import not found", "The imported file does not exist."),
    "BBQ-T021": (
        "import is remote",
        "Nothing is read over the network without leave: map the URL's prefix to a directory, or pin it by `bbq-deploy lock`.",
    ),
    "BBQ-T022": (
        "import outside the folder",
        "Imports stay in the template's repository, or beside its folder; absolute ones below it.",
    ),
    "BBQ-T023": ("import cycle", "Files import each other."),
    "BBQ-T024": ("unknown profile", "No bundled or mapped profile has this name."),
    "BBQ-T025": ("unknown repository", "The name is not one of the file's `repositories`."),
    "BBQ-T026": ("unsupported import protocol", "Imports are relative paths, profiles, or http(s) URLs that are mapped."),
    "BBQ-T027": ("type hides another", "A type of this name is imported, too; the file's own one is meant."),
    "BBQ-T028": ("too many files", "More files are imported than the cap."),
    "BBQ-T029": (
        "partial template",
        "A template with `metadata.parents` is laid over others; one that is needed is not there.",
    ),
    "BBQ-T030": ("unknown type", "No such type in this file or its imports."),
    "BBQ-T031": ("types derive from each other", "`derived_from` leads back to the type itself."),
    "BBQ-T032": ("bad data type", "The definition contradicts the built-in type that it derives from."),
    "BBQ-T033": ("bad refinement", "A derived type or a template changes what its parent type fixed."),
    "BBQ-T040": ("wrong type of value", "The value is not of the type that its definition asks for."),
    "BBQ-T041": ("unknown property", "The type has no such property, attribute or input."),
    "BBQ-T042": ("required value missing", "A required property or input has neither a value nor a default."),
    "BBQ-T043": ("constraint broken", "The value breaks a constraint of its definition or its type."),
    "BBQ-T044": ("bad constraint", "The constraint clause or validation itself is wrong."),
    "BBQ-T045": ("value converted", "A TOSCA 1.x scalar of another type was taken for its text, number or boolean."),
    "BBQ-T046": ("function gives another type", "What the function gives can never be a value of the definition's type."),
    "BBQ-T047": ("bad schedule", "The value is not a cron expression of five fields, or one that never comes true."),
    "BBQ-T050": ("unknown function", "The file's TOSCA version has no such function."),
    "BBQ-T051": ("wrong function call", "Wrong number of arguments, or a call that does not stand alone in its map."),
    "BBQ-T052": ("unknown input", "The template has no such input."),
    "BBQ-T053": ("unknown node template", "No such node template (or group) in the template."),
    "BBQ-T054": ("unknown property in a function", "The node, capability or data type has no such property or attribute."),
    "BBQ-T055": ("keyword out of place", "SELF, HOST, SOURCE or TARGET mean nothing here."),
    "BBQ-T056": ("properties refer to each other", "`get_property` calls lead back to the property itself."),
    "BBQ-T060": ("unknown capability", "The node has no such capability."),
    "BBQ-T061": ("unknown requirement", "The node type has no such requirement."),
    "BBQ-T062": (
        "open requirement",
        "The template assigns no target, and none of its nodes fits; another template has to provide one.",
    ),
    "BBQ-T063": (
        "target does not fit",
        "The target lacks the capability, or is not of the type, that the requirement asks for.",
    ),
    "BBQ-T064": (
        "too few or too many",
        "A requirement is assigned, or a range allows it or a capability, less or more often than the definition does.",
    ),
    "BBQ-T065": ("requirement cycle", "Node templates require each other: there is no order to deploy them in."),
    "BBQ-T070": ("unknown interface", "The node or relationship has no such interface."),
    "BBQ-T071": ("unknown operation", "The interface has no such operation."),
    "BBQ-T072": (
        "implementation in an interface type",
        "Interface types declare operations; node types and templates implement them.",
    ),
    "BBQ-T080": ("member of a wrong type", "The group's or policy's type does not allow this member or target."),
    "BBQ-T085": (
        "unknown step or workflow",
        "A workflow or trigger names a step or workflow that does not exist, or one that leads back to itself.",
    ),
    "BBQ-T090": (
        "mapping not passed on",
        "A property is mapped to a node's property; only inputs receive values on substitution.",
    ),
    "BBQ-T091": ("bad mapping", "What is mapped is a name, or a path, and of the same type as what it is mapped to."),
    "BBQ-T092": ("input not mapped", "A required input of a substitution template that no property is mapped to."),
    "BBQ-T100": ("unknown input given", "A value was given for an input that the template does not have."),
    "BBQ-T101": ("input missing", "A required input without default was not given."),
    "BBQ-T102": ("input does not fit", "The given value is not of the input's type, or breaks its constraints."),
    "BBQ-T110": ("file missing", "An artifact or implementation is not there yet."),
    "BBQ-T201": ("type of another language", "`int`, `str` or `bool` stands for TOSCA's `integer`, `string` or `boolean`."),
    "BBQ-T202": (
        "undeclared requirement",
        "The node type defines no such requirement; the assignment names its target and relationship and is taken as it is.",
    ),
    "BBQ-T203": ("constraint takes too long", "The pattern may need more time for this value than a check is given."),
    "BBQ-T204": (
        "unknown type that need not matter",
        "A list of valid sources, or a capability of an imported type, names a type that is not known here.",
    ),
    "BBQ-T205": (
        "mapped requirement has a target",
        "Only an open requirement can get the target of the node that is replaced.",
    ),
    "BBQ-T206": ("unknown output", "The template has no such output."),
    "BBQ-T207": ("keyname of an extension", "A type has a keyname that no TOSCA version defines; it is ignored."),
    "BBQ-T208": (
        "type in the wrong section",
        "The type derives from one of another kind, and is taken for one of that kind; it belongs into that section.",
    ),
    "BBQ-T209": ("type renamed", "The normative type has another name in the file's TOSCA version."),
    "BBQ-T210": (
        "from a later version",
        "The built-in type, function or constraint is from a later TOSCA version than the file's; it is understood.",
    ),
    "BBQ-T211": ("keynames exclude each other", "Only one of the two keynames can be given."),
    "BBQ-T212": ("copy of a copy", "The template that `copy` names must not use `copy` itself."),
    "BBQ-T213": ("bad index of a target", "A target is a node template, or [ node template, index from 0 on ]."),
    "BBQ-T214": ("bad allocation", "Only numbers and scalars that the target's capability has can be shared out."),
    "BBQ-T215": (
        "relationship does not fit",
        "The type is not the one that the definition asks for, or leads elsewhere than to this target.",
    ),
    "BBQ-T216": ("filter without effect", "A node template's `node_filter` means something with the directive `select` only."),
    "BBQ-T217": ("function is built in", "A function of the template has the name of a built-in one, which is used."),
    "BBQ-T218": (
        "path of TOSCA 1.x",
        "Written as in TOSCA 1.3, and understood; 2.0 names what the path goes through.",
    ),
    "BBQ-T219": (
        "mapped requirement may be missing",
        "More requirements that must be met are mapped than a node that is replaced has in any case.",
    ),
    "BBQ-T220": ("types are not imported", "The directory tree of the template has the types, and the template imports none."),
    "BBQ-T300": ("not an archive", "The file is not a ZIP archive, or its directory is damaged or cut off."),
    "BBQ-T301": (
        "bad path in an archive",
        "Members are relative paths with forward slashes; none is absolute, leaves the archive or has a drive letter.",
    ),
    "BBQ-T302": ("link in an archive", "Members are files and directories; links and special files are refused."),
    "BBQ-T303": (
        "members collide",
        "Two members have the same path, or paths that differ in case only: readers differ in which one they take.",
    ),
    "BBQ-T304": ("unreadable member", "A member is encrypted, or compressed with something else than deflate."),
    "BBQ-T305": ("archive too large", "The archive, its directory, a member or all members together are larger than the cap."),
    "BBQ-T306": ("damaged member", "A member's data are not what the archive says of them: size, checksum, place."),
    "BBQ-T307": ("member changed", "A member is not what the archive's `SHA256SUMS` says: it was changed after it was packed."),
    "BBQ-T310": (
        "no template in the archive",
        "An archive names its template in TOSCA.meta, or has exactly one YAML file at its root.",
    ),
    "BBQ-T311": ("bad TOSCA.meta", "TOSCA.meta is lines of `name: value`, with the names and versions of the CSAR format."),
    "BBQ-T312": ("definitions missing", "TOSCA.meta names a template that is not in the archive."),
    "BBQ-T313": ("file missing in the archive", "An archive is complete: every file that its templates name is in it."),
    "BBQ-T314": ("outside the archive", "A path leads out of the archive, or out of the folder that is packed."),
    "BBQ-T315": (
        "template without a name",
        "In an archive without TOSCA.meta, a TOSCA 1.x template has the metadata `template_name` and `template_version`.",
    ),
    "BBQ-T316": ("definitions of no use", "A template of Other-Definitions has no substitution_mappings; it is left alone."),
    "BBQ-T320": ("bad lock file", "`bbq.lock` is not what `bbq-deploy lock` writes."),
    "BBQ-T321": ("import not pinned", "The import was fetched, and nothing says what it should be."),
    "BBQ-T322": ("import changed", "The import is not the file that the lock file has."),
    "BBQ-T323": ("import not in the cache", "The import is locked; the cache does not have it, and nothing is fetched."),
    "BBQ-T330": ("host not allowed", "Imports are fetched from the hosts in `[tosca] allowed_hosts` and `--allow-host` only."),
    "BBQ-T331": (
        "address not allowed",
        "The host has an address that is private, loopback, link-local, or a cloud's for metadata.",
    ),
    "BBQ-T332": ("import cannot be fetched", "The host does not answer, or not with a file of acceptable size and in time."),
    "BBQ-T340": (
        "type that is not imported",
        "An imported TOSCA 1.x file uses types that only the template importing it has; alone, it is not valid.",
    ),
}

ADVISORY: Final = frozenset(("BBQ-T015", "BBQ-T027", "BBQ-T029", "BBQ-T062", "BBQ-T090", "BBQ-T110", "BBQ-T316", "BBQ-T321"))
"""Warnings that break no rule of the specification: a file that is not there yet, an open requirement..."""

STRICT_CODES: Final = (frozenset(CODES) | {"BBQ-Y009"}) - ADVISORY
"""Warnings of these codes are about what the specification forbids and templates in the wild do all the same: errors where a
user asks for strictness."""
