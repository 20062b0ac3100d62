"""The topology's diagnostic codes: code -> (title, explanation). Stable; the reference page is made from this table."""

from __future__ import annotations

from typing import Final

UNKNOWN_INPUT: Final = "BBQ-G001"
UNKNOWN_NODE: Final = "BBQ-G002"
UNKNOWN_PROPERTY: Final = "BBQ-G003"
UNKNOWN_ATTRIBUTE: Final = "BBQ-G004"
UNKNOWN_FUNCTION: Final = "BBQ-G005"
BAD_FUNCTION: Final = "BBQ-G006"
CIRCULAR_VALUE: Final = "BBQ-G007"
OWN_ATTRIBUTE: Final = "BBQ-G008"
MADE_UP: Final = "BBQ-G009"
MISSING_TARGET: Final = "BBQ-G010"
AMBIGUOUS_TARGET: Final = "BBQ-G011"
NO_CAPABILITY: Final = "BBQ-G012"
WRONG_TARGET_TYPE: Final = "BBQ-G013"
NODE_FILTER: Final = "BBQ-G014"
REQUIREMENT_COUNT: Final = "BBQ-G015"
ALLOCATION: Final = "BBQ-G016"
CYCLE: Final = "BBQ-G020"
SUBSTITUTION_AMBIGUOUS: Final = "BBQ-G030"
SUBSTITUTION_MISSING: Final = "BBQ-G031"
SUBSTITUTION_RECURSIVE: Final = "BBQ-G032"
SUBSTITUTION_BROKEN: Final = "BBQ-G033"
SUBSTITUTION_UNMAPPED: Final = "BBQ-G034"
BAD_COUNT: Final = "BBQ-G040"
TOO_LARGE: Final = "BBQ-G041"
BAD_OVERRIDE: Final = "BBQ-G042"
BAD_READINESS: Final = "BBQ-G050"
BAD_TIMEOUT: Final = "BBQ-G051"
UNSUPPORTED_DIRECTIVE: Final = "BBQ-G052"
MISPLACED_SECRET: Final = "BBQ-G053"

STRICT_CODES: Final = frozenset((MISSING_TARGET,))
"""What the specification wants of a service, though not of each template: as warnings, errors with `--strict`."""

CODES: Final[dict[str, tuple[str, str]]] = {
    UNKNOWN_INPUT: ("unknown input", "A function asks for an input that the template does not declare."),
    UNKNOWN_NODE: ("unknown node", "A function or a requirement names a node template that there is not."),
    UNKNOWN_PROPERTY: ("unknown property", "The node, capability or relationship has no property of this name."),
    UNKNOWN_ATTRIBUTE: ("unknown attribute", "The node, capability or relationship has no attribute or property of this name."),
    UNKNOWN_FUNCTION: (
        "unknown function",
        "There is no function of this name, or the template defines it and bbq does not run it.",
    ),
    BAD_FUNCTION: ("function cannot be answered", "The arguments do not fit, or nothing stands where they lead."),
    CIRCULAR_VALUE: ("circular value", "A value is defined by itself, or nested too deeply to be evaluated."),
    OWN_ATTRIBUTE: (
        "property needs its own node",
        "A property needs an attribute of its own node, which is known only after the node was made.",
    ),
    MADE_UP: ("value made up", "In a rehearsal, a function that the template defines gives some value of its type."),
    MISSING_TARGET: (
        "requirement not met",
        "No node template offers what the requirement asks for. `validate` warns, since another service may; nothing is "
        "deployed so, unless only a normative type asks for a host.",
    ),
    AMBIGUOUS_TARGET: ("several nodes meet the requirement", "More node templates fit than the requirement takes: name one."),
    NO_CAPABILITY: ("target lacks the capability", "The named node has no capability of the kind that the requirement needs."),
    WRONG_TARGET_TYPE: ("target of another type", "The named node is not of the type that the requirement needs."),
    NODE_FILTER: ("node filter not met", "The named node does not meet the requirement's node filter."),
    REQUIREMENT_COUNT: ("too many or too few assignments", "The type allows another number of assignments of the requirement."),
    ALLOCATION: ("bad allocation", "The share that a requirement takes of a capability is no number that is known now."),
    CYCLE: (
        "nodes wait for each other",
        "No order exists in which these nodes could be made. Every place of the circle is given.",
    ),
    SUBSTITUTION_AMBIGUOUS: (
        "several substitution templates fit",
        "Nothing decides between them; a substitution filter in each could.",
    ),
    SUBSTITUTION_MISSING: (
        "no substitution template fits",
        "The filters of all templates for the type reject the node. An error where the node has the directive `substitute`.",
    ),
    SUBSTITUTION_RECURSIVE: ("substitution leads to itself", "A template that stands for a type has a member of that type."),
    SUBSTITUTION_BROKEN: ("substitution template is broken", "It lacks node templates, or a value for one of its inputs."),
    SUBSTITUTION_UNMAPPED: (
        "attribute not provided",
        "The substitution template does not map an attribute that something asks for.",
    ),
    BAD_COUNT: ("bad count", "A count is a whole number that is known before anything is made."),
    TOO_LARGE: ("too many nodes", "The counts make more nodes than one deployment may have."),
    BAD_OVERRIDE: ("cannot be scaled so", "The node does not exist, does not scale, or does not allow this number."),
    BAD_READINESS: ("bad readiness predicate", "A predicate has a kind (tcp, http, command) and a target."),
    BAD_TIMEOUT: ("timeout not known", "Timeouts are needed before anything is made: no attribute of a node can be one."),
    UNSUPPORTED_DIRECTIVE: ("unsupported directive", "Nodes that exist already cannot be selected yet."),
    MISPLACED_SECRET: (
        "secret where it would be seen",
        "Plans show the property's value, or it ends up in an argument list, which everybody on the machine can read. A secret "
        "belongs into a property of type `bbq.datatypes.Secret`, or one with the metadata `bbq_secrets`, as `environment`.",
    ),
}
